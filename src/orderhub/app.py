"""Puts the house together: the only place that knows every concrete class. Importing anything does nothing."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog

from orderhub.core.connections import RECORD_KIND as CONNECTION
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.queries import Reads
from orderhub.core.webhooks import RECORD_KIND
from orderhub.dialects.finding import find_dialects
from orderhub.intake.clock import Clock
from orderhub.intake.intake import Intake
from orderhub.intake.standing import Standing
from orderhub.ledger.ledger import Ledger
from orderhub.sandboxes import open_sandbox
from orderhub.settings import DAY_S, ProgramSettings
from orderhub.web.app import HubApp
from orderhub.web.cipher import Cipher
from orderhub.web.deliverer import deliverer
from orderhub.web.desk import desk
from orderhub.web.desk.sessions import IDLE_S
from orderhub.web.hub_api import hub_api
from orderhub.web.metrics import Metrics
from orderhub.web.port import HubPort
from orderhub.web.relayer import relayer
from orderhub.web.request_log import KEPT_DAYS
from orderhub.web.timers import Timers
from orderhub.web.vitals import Vitals

# A number is asked for again long before it ends: one look that fails loses nothing.
_SLOT_EVERY_S = 10.0
_SLOT_FOR_US = 45_000_000
_METRICS_EVERY_S = 1.0
_USED_EVERY_S = 30.0
_LOOK_EVERY_S = 60.0
_FIGURES_EVERY_S = 2.0
_PURGE_EVERY_S = 600.0
_PURGE_PAUSE_S = 0.05
_DELIVERIES_DAYS = 30
# A call of a receiver takes ten seconds at most: whoever leaves lets it end.
_LAST_CALLS_S = 11.0


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
    clock: Clock | None = None,
    is_serving: bool = True,
    metrics: Metrics | None = None,
    name: str = "",
    is_apart: bool = False,
) -> Hub:
    """The hub on `settings.database`, migrated; `is_serving` False: for one command, which makes no database.

    `is_apart`: webhooks are served by a process of their own, which the hub starts when there are any.
    `name`: of the process, unlike that of any other; who takes the place of a dead one bears its name.
    Raises DatabaseRefused, SettingRefused or SecretKeyMissing with one clear sentence.
    """
    metrics, standing = metrics or Metrics(), Standing()
    clock = clock or Clock()
    limit_s = float(settings.answer_timeout_s)
    ledger = ledger or Ledger.open(
        settings.database, RECORD_TYPES, limit_s=limit_s, create=is_serving
    )
    intake = intake or Intake(
        ledger,
        queue_limit=settings.queue_limit,
        batch_limit=settings.batch_limit,
        now_us=clock.onward_us,
        meter=metrics,
        standing=standing,
        patience_s=limit_s,
    )
    dialects = find_dialects()
    port = HubPort(ledger, intake, settings, metrics, dialects, standing, clock, open_sandbox)
    port.deliverer = deliverer(port, settings, is_apart=is_apart)
    port.relayer = relayer(port)
    own = (desk(), hub_api(dialects))
    metrics.expect(each.name for each in (*dialects, *own))
    vitals = Vitals(port, settings.database, settings.queue_limit)
    # A command that neither keeps nor reads a secret needs no key; whoever gives one gives the right one.
    if is_serving or settings.secret_key:
        _check_key(ledger, port.cipher)
    tasks: list[asyncio.Task[None]] = []
    place = _Place(port, name or secrets.token_hex(8))

    async def start() -> None:
        await _look_around(port)
        await place.hold()
        intake.start()
        port.request_log.start()
        tasks[:] = map(asyncio.create_task, _lasting(place, vitals, settings))
        port.is_ready, port.loop = True, asyncio.get_running_loop()

    async def stop() -> None:
        port.is_ready, port.loop = False, None
        port.watch.close()
        await asyncio.gather(port.deliverer.stop(_LAST_CALLS_S), port.relayer.stop(_LAST_CALLS_S))
        await port.sender.close()
        await _end(tasks)
        await _leave(place, intake, 2 * settings.answer_timeout_s)
        metrics.save()

    app = HubApp(port=port, dialects=dialects, own=own, settings=settings, start=start, stop=stop)
    return Hub(app, ledger, intake, port, metrics, start, stop)


def prepare(settings: ProgramSettings) -> None:
    """See that `build` will do, and migrate; nothing stays open. Raises as `build` does."""
    ledger = Ledger.open(settings.database, RECORD_TYPES, limit_s=float(settings.answer_timeout_s))
    _check_key(ledger, Cipher(settings.secret_key, settings.secret_key_old))
    ledger.close()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


def _check_key(ledger: Ledger, cipher: Cipher) -> None:
    try:
        cipher.check(ledger.read(_secrets_of_directory) + _of_webhooks(ledger))
    except BaseException:
        ledger.close()
        raise


def _of_webhooks(ledger: Ledger) -> list[str]:
    """None where a node of a cluster is away: those of the others are served, and the directory tells of the key."""
    try:
        return ledger.read(_secrets_of_webhooks)
    except Exception as error:
        if ledger.group_of is None or not ledger.is_outage(error):
            raise
        return []


def _secrets_of_directory(reads: Reads) -> list[str]:
    """What callers and people show, as far as it is kept encrypted."""
    found = [each.secret for each in reads.credentials(None) if each.secret]
    return found + [each.totp for each in reads.people.with_second_factor()]


def _secrets_of_webhooks(reads: Reads) -> list[str]:
    found: list[str] = []
    for seen in reads.webhooks_look():
        webhook = reads.record(seen.tenant_id, RECORD_KIND, "id", seen.webhook_id)
        found += [] if webhook is None else [each.text for each in webhook.doc.secrets]
    for look in reads.relay.look(0):
        connection = reads.record(look.tenant_id, CONNECTION, "id", look.connection_id)
        found += [] if connection is None else [*connection.doc.credentials.values()]
    return found


async def _leave(place: _Place, intake: Any, within_s: float) -> None:
    """Finish what waits; a database that does not answer is not waited for any longer than that."""
    loop, port = asyncio.get_running_loop(), place.port
    ledger = port.ledger
    impatient = threading.Timer(within_s, ledger.cut)
    impatient.daemon = True
    impatient.start()
    try:
        await loop.run_in_executor(None, intake.stop)
        # A cancelled call's thread runs on: its connection must be back before the pool is closed.
        await loop.run_in_executor(None, port.deliverer.close)
        await loop.run_in_executor(None, port.relayer.close)
        await loop.run_in_executor(None, port.close)
        await loop.run_in_executor(None, port.request_log.stop)
        try:
            await loop.run_in_executor(None, ledger.mark_used, port.lookups.used)
            await loop.run_in_executor(None, ledger.leave_slot, place.name)
        except Exception as error:
            if not port.is_outage(error):
                raise
        finally:
            ledger.close()
    finally:
        impatient.cancel()


def _lasting(
    place: _Place, vitals: Vitals, settings: ProgramSettings
) -> Iterator[Coroutine[Any, Any, None]]:
    """What goes on for as long as the hub serves."""
    port = place.port
    metrics, keep_house = port.metrics, port.offload.housekeep
    yield Timers(
        port.ledger,
        port.intake,
        port.clock_changed,
        keep_house,
        port.is_outage,
        port.clock.now_us,
    ).run()
    yield port.deliverer.run()
    yield port.relayer.run()
    yield vitals.run()
    yield _note_use(port)
    yield _keep_time(port)
    yield place.keep()
    yield _purge(place, settings.key_retention_days)
    yield _count_old_events(place)
    yield _take_figures(place)
    if metrics.is_shared:
        yield _share_metrics(metrics)


async def _share_metrics(metrics: Metrics) -> None:
    """What this process counted is there when another one is asked, or when this one dies."""
    while True:
        metrics.save()
        await asyncio.sleep(_METRICS_EVERY_S)


class _Place:
    """The process among those that serve one database: its number, and whether it keeps house for all of them."""

    def __init__(self, port: HubPort, name: str) -> None:
        self.port, self.name = port, name
        self.is_first = False

    async def hold(self) -> None:
        slot = await _quietly(self.port, self.port.ledger.lease_slot, self.name, _SLOT_FOR_US)
        if slot is not None:
            self.port.intake.slot, self.is_first = slot.number, slot.is_first

    async def keep(self) -> None:
        while True:
            await asyncio.sleep(_SLOT_EVERY_S)
            await self.hold()


async def _note_use(port: HubPort) -> None:
    """When credentials were last used, written now and then rather than on every call."""
    while True:
        await asyncio.sleep(_USED_EVERY_S)
        used, port.lookups.used = port.lookups.used, {}
        await _quietly(port, port.ledger.mark_used, used)


async def _look_around(port: HubPort) -> None:
    """See how far the ledger is, so that nothing is recorded before what is there, whatever the wall clock says."""
    port.clock.saw(await _quietly(port, port.ledger.newest_us))
    port.intake.saw(port.clock.onward_us())


async def _keep_time(port: HubPort) -> None:
    """Other processes write to the ledger too. A clock that goes back is believed later than this looks again."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        await _look_around(port)


async def _purge(place: _Place, days: int) -> None:
    """Old header keys and kept calls go in small steps, so that no create waits behind a long delete.

    One process does it for all. A key's age is counted in time that is known to have passed: a clock that jumps
    ahead purges nothing.
    """
    port = place.port
    while True:
        await asyncio.sleep(_PURGE_EVERY_S)
        if not place.is_first:
            continue
        while await purge_step(port, days):  # noqa: ASYNC110
            await asyncio.sleep(_PURGE_PAUSE_S)
        while await purge_requests(port):  # noqa: ASYNC110
            await asyncio.sleep(_PURGE_PAUSE_S)
        while await purge_deliveries(port):  # noqa: ASYNC110
            await asyncio.sleep(_PURGE_PAUSE_S)
        now_us = port.now_us()
        await _quietly(port, port.ledger.purge_people, now_us - IDLE_S * 1_000_000, now_us)
        await _quietly(port, port.ledger.purge_snapshots, now_us)


async def _count_old_events(place: _Place) -> None:
    """What was recorded before there was a daily roll-up, in small steps from the start on: it ends by itself.

    A process of before that still serves the same database writes more of them: they are looked for now and then.
    """
    port = place.port
    while True:
        while place.is_first and await _quietly(port, port.ledger.count_old_events):  # noqa: ASYNC110
            await asyncio.sleep(_PURGE_PAUSE_S)
        await asyncio.sleep(_PURGE_EVERY_S)


async def _take_figures(place: _Place) -> None:
    """A new ledger may be filled within its first minute, long before its database would look at what it holds."""
    port = place.port
    while port.ledger.is_postgres:
        await asyncio.sleep(_FIGURES_EVERY_S)
        if place.is_first:
            await _quietly(port, port.ledger.take_first_figures)


async def purge_step(port: HubPort, days: int) -> int:
    """Remove some of the keys that are older than so many days; answers how many went."""
    return await _purged(port, port.ledger.purge_claims, days)


async def purge_requests(port: HubPort) -> int:
    """Remove some of the request log that is past its time; answers how many went."""
    return await _purged(port, port.ledger.purge_requests, KEPT_DAYS)


async def purge_deliveries(port: HubPort) -> int:
    """Remove some deliveries that are past their time, or of webhooks that are no more; answers how many went."""
    return await _purged(port, port.ledger.deliveries.purge, _DELIVERIES_DAYS)


async def _purged(port: HubPort, purge: Callable[[int], int], days: int) -> int:
    proven_us = port.clock.proven_us()
    if proven_us is None:
        return 0
    return await _quietly(port, purge, proven_us - days * DAY_S * 1_000_000) or 0


async def _quietly(port: HubPort, work: Callable[..., Any], *args: Any) -> Any:
    """Housekeeping that fails is logged and tried again next time."""
    try:
        return await port.offload.housekeep(work, *args)
    except Exception as error:  # noqa: BLE001 - whatever it was, the hub goes on
        if not port.is_outage(error):
            structlog.get_logger("orderhub.app").warning("housekeeping failed", exc_info=error)
        return None
