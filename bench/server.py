"""The server of a benchmark: the hub, the "floor", whose decision and ledger are a constant, or an "unfair" hub."""

from __future__ import annotations

import gc
import sys
from typing import Any

import uvicorn

from orderhub.app import Hub, build
from orderhub.cli.server import ears, listen, uvicorn_config
from orderhub.core.answer import Outcome
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.facts import Accepted
from orderhub.intake.intake import Intake
from orderhub.intake.lanes import Company, Lanes
from orderhub.intake.outcome import Settled, Waiting
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from orderhub.web import logs
from orderhub.web.edge import limits_of, raise_file_limit
from orderhub.web.shares import Hands


class FloorIntake:
    """Has the first command of a kind decided for real, and answers all later ones with that decision, reworded."""

    def __init__(self, ledger: Ledger) -> None:
        self._real = Intake(ledger)
        self._constant: dict[type, Accepted] = {}
        self.depth = 0
        self.shared_batch = 64

    def start(self) -> None:
        self._real.start()

    def stop(self) -> None:
        self._real.stop()

    def saw(self, newest_us: int) -> None:
        self._real.saw(newest_us)

    def put(self, waiting: Waiting, *, bulk: bool = False) -> None:
        kind = type(waiting.command)
        constant = self._constant.get(kind)
        if constant is None or kind.__name__ != "PlaceOrder":
            deliver = waiting.deliver

            def keep(outcome: Settled) -> None:
                if isinstance(outcome, Outcome) and outcome.accepted is not None:
                    self._constant[kind] = outcome.accepted
                deliver(outcome)

            waiting.deliver = keep
            self._real.put(waiting, bulk=bulk)
            return
        waiting.deliver(Outcome(waiting.render(constant), constant))


class OneLine(Lanes[Any]):
    """All owners in one line, whoever came first."""

    def put(self, _owner: int, item: Any, cost: int = 1) -> None:
        super().put(0, item, cost)


class Nobody(Company):
    def heard(self, _owner: int) -> None:
        pass


def make_unfair(hub: Hub) -> None:
    """Whoever sends most gets most, as it would be without lanes and without a limit to the calls in hand."""
    hub.intake._queue, hub.intake._company = OneLine(), Nobody()
    for threads in hub.port.offload.threads:
        threads._lanes = OneLine()
    hub.port.hands = Hands(10**9)


def main(arguments: list[str]) -> None:
    """python -m bench.server URL PORT [floor|unfair]"""
    url, port, *more = arguments
    settings = ProgramSettings.from_environment(
        database=url, port=int(port), public_url=f"http://127.0.0.1:{port}", rate_limits=False
    )
    logs.configure(settings.log_level)
    ledger = Ledger.open(url, RECORD_TYPES)
    intake: Any = FloorIntake(ledger) if "floor" in more else None
    hub = build(settings, ledger=ledger, intake=intake, is_apart=True)  # as `orderhub serve` does
    if "unfair" in more:
        make_unfair(hub)
    gc.collect()
    gc.freeze()  # as `orderhub serve` does
    gc.set_threshold(20_000)
    limits = limits_of(settings, raise_file_limit())
    listener = listen("127.0.0.1", settings.port)
    uvicorn.Server(uvicorn_config(hub, settings, limits)).run(sockets=ears(listener))


if __name__ == "__main__":
    main(sys.argv[1:])
