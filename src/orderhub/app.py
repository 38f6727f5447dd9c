"""Puts the house together: the only place that knows every concrete class. Importing anything does nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from orderhub.core.decide import RECORD_TYPES
from orderhub.dialects.finding import find_dialects
from orderhub.intake.intake import Intake
from orderhub.ledger.ledger import Ledger
from orderhub.settings import DAY_S, ProgramSettings
from orderhub.web.app import HubApp
from orderhub.web.hub_api import HUB
from orderhub.web.metrics import Metrics
from orderhub.web.port import HubPort
from orderhub.web.timers import Timers

_USED_EVERY_S = 30.0
_PURGE_EVERY_S = 60.0
_PURGE_PAUSE_S = 0.05


@dataclass
class Hub:
    """The assembled program. `app` is what an ASGI server runs."""

    app: HubApp
    ledger: Ledger
    intake: Any
    port: HubPort
    metrics: Metrics
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]


def build(
    settings: ProgramSettings,
    *,
    ledger: Ledger | None = None,
    intake: Any = None,
    now_us: Callable[[], int] | None = None,
) -> Hub:
    """The hub on `settings.database`, migrated. Raises DatabaseRefused or SettingRefused with one clear sentence."""
    metrics = Metrics()
    ledger = ledger or Ledger.open(settings.database, RECORD_TYPES)
    intake = intake or Intake(
        ledger,
        queue_limit=settings.queue_limit,
        batch_limit=settings.batch_limit,
        slot=os.getpid() % 64,
        now_us=now_us,
        meter=metrics,
    )
    dialects = find_dialects()
    port = HubPort(ledger, intake, settings, metrics, dialects)
    tasks: list[asyncio.Task[None]] = []

    async def start() -> None:
        intake.start()
        timers = Timers(ledger, intake, port.clock_changed, port.blocking)
        tasks[:] = [
            asyncio.create_task(timers.run()),
            asyncio.create_task(_note_use(port)),
            asyncio.create_task(_purge(port, settings.key_retention_days)),
        ]
        port.is_ready = True

    async def stop() -> None:
        port.is_ready = False
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, intake.stop)
        # A cancelled call's thread runs on: its connection must be back before the pool is closed.
        await loop.run_in_executor(None, port.close)
        try:
            ledger.mark_used(port.used)
        finally:
            ledger.close()

    app = HubApp(
        port=port,
        dialects=dialects,
        fallback=HUB,
        settings=settings,
        start=start,
        stop=stop,
    )
    return Hub(app, ledger, intake, port, metrics, start, stop)


async def _note_use(port: HubPort) -> None:
    """When credentials were last used, written now and then rather than on every call."""
    while True:
        await asyncio.sleep(_USED_EVERY_S)
        used, port.used = port.used, {}
        await _quietly(port, port.ledger.mark_used, used)


async def _purge(port: HubPort, days: int) -> None:
    """Old header keys go in small steps, so that no create waits behind a long delete."""
    while True:
        await asyncio.sleep(_PURGE_EVERY_S)
        older_than = time.time_ns() // 1000 - days * DAY_S * 1_000_000
        while await _quietly(port, port.ledger.purge_claims, older_than):  # noqa: ASYNC110
            await asyncio.sleep(_PURGE_PAUSE_S)


async def _quietly(port: HubPort, work: Callable[..., Any], *args: Any) -> Any:
    """Housekeeping that fails is logged and tried again next time."""
    try:
        return await port.blocking(work, *args)
    except Exception as error:  # noqa: BLE001 - whatever it was, the hub goes on
        structlog.get_logger("orderhub.app").warning("housekeeping failed", exc_info=error)
        return None
