"""What a hub tells of webhooks whose engine is in a process of its own, when there is no such process."""

import asyncio
import socket

from orderhub.core.commands import RecordChange
from orderhub.core.webhooks import RECORD_KIND
from orderhub.delivery.apart import Child, EngineApart
from orderhub.ledger.ledger import Ledger
from tests.delivery.rig import HOUR, Rig, put_webhook, rigged, until
from tests.support import world


def cannot_start(_end: socket.socket) -> Child:
    raise OSError("no memory")


def test_nothing_waits_for_a_process_once_there_is_no_webhook_any_more(ledger: Ledger) -> None:
    put_webhook(ledger, "https://receiver.example")

    async def work(rig: Rig) -> None:
        apart = EngineApart(rig.engine, cannot_start, {})
        running = asyncio.create_task(apart.run())
        await until(lambda: apart._alone_us > 0)
        rig.clock.now_us += HOUR
        assert apart.lag_s == 3_600
        gone = RecordChange(kind=RECORD_KIND, id=1)
        await asyncio.to_thread(world.run_all, ledger, world.put(gone))
        apart.wake(1, is_changed=True)
        await until(lambda: apart.lag_s == 0)
        assert apart.failing == 0
        await apart.stop(0)
        await running

    rigged(ledger, work)
