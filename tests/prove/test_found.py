"""What the proofs once found, kept small enough to say why: batches put together by hand."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from orderhub.app import build
from orderhub.core.decide import RECORD_TYPES
from orderhub.intake.batch import CommandBatch
from orderhub.intake.outcome import Waiting
from orderhub.intake.uids import Uids
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from prove.doors import RECORDED, SHOP, TOUR
from prove.servers import SECRET_KEY, seed_database

SECOND_US = 1_000_000


class Gathering:
    """An intake that keeps commands until all that are expected have come, then decides them as one batch."""

    depth = 0

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self.waiting: list[Waiting] = []
        self.complete = asyncio.Event()

    def put(self, waiting: Waiting, *, bulk: bool = False) -> None:
        self.waiting.append(waiting)
        if len(self.waiting) == self._expected:
            self.complete.set()

    def start(self) -> None: ...
    def stop(self) -> None: ...


async def one_batch(
    url: str,
    calls: list[tuple[str, str, dict[str, Any]]],
    arranged: Callable[[Ledger, list[Waiting]], None],
) -> list[httpx.Response]:
    """Answers to (token, path, body), all decided in one batch that `arranged` may set up."""
    ledger = Ledger.open(url, RECORD_TYPES)
    intake = Gathering(len(calls))
    settings = ProgramSettings(database=url, secret_key=SECRET_KEY, rate_limits=False)
    hub = build(settings, ledger=ledger, intake=intake)
    transport = httpx.ASGITransport(app=hub.app)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
            asked = [
                asyncio.create_task(
                    client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})
                )
                for token, path, body in calls
            ]
            await asyncio.wait_for(intake.complete.wait(), 30)
            batch = intake.waiting
            arranged(ledger, batch)
            run = CommandBatch(ledger, Uids(), 0, batch, batch[0].command.origin.recorded_at)
            for waiting, outcome in zip(batch, run.run(), strict=True):
                waiting.deliver(outcome)
            return list(await asyncio.gather(*asked))
    finally:
        hub.port.close()
        ledger.close()


def is_placed(answer: httpx.Response) -> bool:
    return answer.status_code in (200, 201) and answer.json().get("code", 0) == 0


def test_an_order_numbered_by_time_gets_its_number_behind_orders_of_other_doors(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    seed_database(url)
    doors = (TOUR, RECORDED, TOUR, SHOP, TOUR, SHOP)
    calls = [
        ("hub-demo-omni", door.path, door.words(f"proof-0-{number}", 910))
        for number, door in enumerate(doors)
    ]

    def shop_last(_ledger: Ledger, batch: list[Waiting]) -> None:
        batch.sort(key=lambda waiting: waiting.command.origin.channel == SHOP.name)

    answers = asyncio.run(one_batch(url, calls, shop_last))
    assert all(map(is_placed, answers)), [answer.text for answer in answers]


@pytest.mark.parametrize("later_first", [False, True])
def test_a_batch_may_span_the_turn_of_the_tenants_second(tmp_path: Path, later_first: bool) -> None:
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    seed_database(url)
    body = {"goods_id": 188, "quantity": 1, "type": "goods"}
    calls = [("hub-demo-shop", SHOP.path, body)] * 2

    def around_the_turn(ledger: Ledger, batch: list[Waiting]) -> None:
        origin = batch[0].command.origin
        clock = ledger.read(lambda reads: reads.settings(origin.tenant_id)).clock
        whole = origin.recorded_at // SECOND_US * SECOND_US
        turn = whole + -clock.offset_us % SECOND_US  # in the middle of a second of the wall's
        for waiting, at in zip(batch, (turn - 1, turn), strict=True):
            placed = waiting.command
            waiting.command = msgspec.structs.replace(
                placed, origin=msgspec.structs.replace(placed.origin, recorded_at=at)
            )
        if later_first:
            batch.reverse()

    answers = asyncio.run(one_batch(url, calls, around_the_turn))
    assert all(map(is_placed, answers)), [answer.text for answer in answers]
