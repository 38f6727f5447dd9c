"""python -m orderhub.web.delivery_process FD: sends a hub's events to webhooks, and ends when the hub does.

Only a hub starts it: delivery/apart.py says why, and what they say to each other over the socket that is given.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from contextlib import suppress

import uvloop

from orderhub.core.decide import RECORD_TYPES
from orderhub.delivery import wire
from orderhub.delivery.apart import Outage, ToHub
from orderhub.delivery.engine import Engine
from orderhub.delivery.sender import Sender
from orderhub.delivery.targets import Targets
from orderhub.dialects.finding import find_dialects
from orderhub.intake.clock import Clock
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from orderhub.web import logs
from orderhub.web.cipher import Cipher
from orderhub.web.deliverer import Posts, formats_of
from orderhub.web.lookups import Lookups

# Where orders and messages want the same processor, orders have nearly all of it: the system sees to that.
_NICE = 15
_READERS = 2
_COLLECT_AFTER = 20_000


def main(arguments: list[str]) -> None:
    # Whoever ends a hub by its group of processes ends the hub: this one is told, or sees that it is gone.
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    with suppress(OSError):  # where the system does not let it, both have the same priority
        os.nice(_NICE)
    is_left = uvloop.run(_run(socket.socket(fileno=int(arguments[0]))))
    logs.flush()
    os._exit(0 if is_left else 1)  # threads may wait for a database that does not answer


async def _run(end: socket.socket) -> bool:
    """Whether the hub had it leave; else the hub is gone."""
    line = await wire.Line.over(end, wire.FromHub)
    begin = await line.hear()
    if not isinstance(begin, wire.Begin):
        return False
    logs.configure(**begin.given["logs"])
    logs.catch_the_rest()
    to_hub = ToHub(line)
    settings = ProgramSettings(**begin.given["settings"])
    sender = Sender(Targets.of(settings.webhook_allow, settings.host))
    engine = _engine(begin.owner, settings, to_hub, sender)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    try:
        return await to_hub.serve(engine)
    finally:
        await sender.close()
        await line.close()


def _engine(owner: str, settings: ProgramSettings, to_hub: ToHub, sender: Sender) -> Engine:
    """The hub has migrated the ledger by now."""
    opened = open_engine(
        settings.database, readers=_READERS, limit_s=float(settings.answer_timeout_s)
    )
    ledger, clock = Ledger(opened, RECORD_TYPES), Clock()
    clock.saw(ledger.newest_us())

    async def is_sandbox(tenant_id: int) -> bool:
        return (await lookups.settings(tenant_id)).sandbox

    engine = Engine(
        ledger,
        formats_of(find_dialects()),
        post=Posts(
            clock,
            Cipher(settings.secret_key, settings.secret_key_old),
            sender,
            is_sandbox,
        ),
        switch_off=to_hub.switch_off,
        meter=to_hub,
        now_us=clock.onward_us,
        journal=None if ledger.is_postgres else to_hub,
        owner=owner,
        is_outage=lambda error: isinstance(error, Outage) or Ledger.is_outage(error),
        is_alone=not ledger.is_postgres,
    )
    lookups = Lookups(lambda ask: engine.in_thread(lambda: ledger.read(ask)), clock.onward_us)
    return engine


if __name__ == "__main__":
    main(sys.argv[1:])
