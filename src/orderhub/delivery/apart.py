"""The engine in a process of its own, so that what is sent takes no time of the interpreter that takes orders.

The hub starts it once there is a webhook, starts it again when it dies, and ends it. The process reads the ledger and
posts. What it writes to a SQLite file it hands to the hub, which alone writes there; a PostgreSQL it writes to itself.
See docs/decisions/0041.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import structlog

from orderhub.core.deliveries import Delivery, WebhookState
from orderhub.core.facts import Record
from orderhub.delivery import wire
from orderhub.delivery.engine import Engine
from orderhub.delivery.journal import LeaseLost, Settled
from orderhub.delivery.means import Off
from orderhub.ledger.deliveries import Settling

# Whether there is a webhook is looked at so often, and at once where one was written by this hub.
LOOK_EVERY_S = 5.0
# A crowd of commits wakes the process so often at most.
_WAKE_EVERY_S = 0.02
# Orders come thick and fast when they did at half of about so many wakes. One batch of many is no such thing.
_MOMENTS, _PRESSED = 16, 0.5
_TELL_EVERY_S = 0.25
# One that dies is started again after so long, twice as long each time that it did not come to serve.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
# It has so long for its last writes, once what was on its way is back.
_LAST_WRITES_S = 5.0
_LAST_STEPS_S = 1.0


class Child(Protocol):
    """A process that runs: a `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


# Starts one that talks over the socket. What it is told to begin with is a `wire.Begin`.
Spawn = Callable[[socket.socket], Child]


class Trouble(Exception):
    """What the hub was asked to do came to nothing; the hub has its own line about it where it is no outage."""


class Outage(Trouble):
    """It is the database's."""


_NOTHING = wire.Told({}, [], 0.0, 0, [])


class EngineApart:
    """The hub's end. To the hub it looks as an engine does. For its event loop alone, but for `lag_s` and `failing`.

    engine  never run here: it tests webhooks, and its means are those that the process asks for
    given   what the process is to be made from
    is_busy whether those who order want the machine for themselves, at the moment that it is asked
    """

    def __init__(
        self,
        engine: Engine,
        spawn: Spawn,
        given: Mapping[str, Any],
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._engine = engine
        self._is_busy = is_busy
        self._pressure = 0.0  # in how many of the last moments it was
        self._spawn = spawn
        self._given = dict(given)
        self.child: Child | None = None
        self._line: wire.Line | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._told = _NOTHING
        self._told_us = 0
        self._alone_us = 0  # since when there is a webhook and no process; 0 = there is one
        self._tenants: frozenset[int] = frozenset()
        self._wakes: set[int] = set()
        self._is_changed = False
        self._waking: asyncio.TimerHandle | None = None
        self._moved = asyncio.Event()
        self._is_leaving = False
        self._log = structlog.get_logger("orderhub.webhooks")

    # --- as an engine

    def wake(self, tenant_id: int, *, is_changed: bool = False) -> None:
        if is_changed:
            self._is_changed = True
            self._moved.set()
        elif tenant_id not in self._tenants:
            return
        self._wakes.add(tenant_id)
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(_WAKE_EVERY_S, self._wake)

    def _wake(self) -> None:
        self._waking = None
        self._pressure += (self._is_busy() - self._pressure) / _MOMENTS
        if self._line is not None:
            is_busy = self._pressure > _PRESSED
            self._line.say(wire.Wake([*self._wakes], self._is_changed, is_busy))
        self._wakes, self._is_changed = set(), False

    async def test(self, webhook: Record) -> Delivery:
        return await self._engine.test(webhook)

    @property
    def failing(self) -> int:
        return self._told.failing

    @property
    def lag_s(self) -> float:
        """As it was told; what waited then still does while nothing is told. Nobody sends: since when."""
        now = self._engine.now_us()
        if self._alone_us:
            return max(0, now - self._alone_us) / 1e6
        return self._told.lag_s and self._told.lag_s + max(0, now - self._told_us) / 1e6

    async def run(self) -> None:
        """Until it is cancelled or `stop` is called."""
        pause_s, had_one = _FIRST_PAUSE_S, False
        while not self._is_leaving:
            has_webhooks = await self._has_webhooks()
            if has_webhooks:
                if had_one:
                    self._log.error("the delivery process is gone, and is started again")
                had_one = True
                pause_s = await self._serve_once(pause_s)
                continue
            if has_webhooks is not None:  # nothing waits for a process, nor fails
                had_one, self._told, self._alone_us = False, _NOTHING, 0
            await self._wait(LOOK_EVERY_S)

    async def stop(self, within_s: float) -> None:
        self._is_leaving = True
        self._moved.set()
        child = self.child
        if child is None:
            return
        if self._line is not None:
            self._line.say(wire.Leave(within_s))
        if not await self._ended(child, within_s + _LAST_WRITES_S):
            child.kill()
            await self._ended(child, _LAST_WRITES_S)

    def close(self) -> None:
        self._engine.close()

    # --- its life

    async def _serve_once(self, pause_s: float) -> float:
        """Answers how long to wait after the next that does not come to serve."""
        has_served = await self._serve()
        if not self._is_leaving:
            await self._wait(_FIRST_PAUSE_S if has_served else pause_s)
        return _FIRST_PAUSE_S if has_served else min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _wait(self, limit_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._moved.wait()
        self._moved.clear()

    async def _has_webhooks(self) -> bool | None:
        """None: that cannot be found out for now."""
        engine = self._engine
        try:
            return bool(
                await engine.in_thread(
                    lambda: engine.ledger.read(lambda reads: reads.webhooks_look())
                )
            )
        except Exception as error:  # noqa: BLE001 - a later look may succeed
            if not engine.is_outage(error):
                self._log.warning("webhooks will be looked at again", exc_info=error)
            return None

    async def _serve(self) -> bool:
        """One process, from its start to its end. Whether it came to serve."""
        self._alone_us = self._alone_us or self._engine.now_us()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = self._spawn(theirs)
            except OSError as error:
                ours.close()
                self._log.warning("a delivery process cannot be started", error=str(error))
                return False
        self.child = child
        line = self._line = await wire.Line.over(ours, wire.FromProcess)
        has_served = False
        try:
            line.say(wire.Begin(self._engine.owner, self._given))
            if self._is_leaving:
                line.say(wire.Leave(0.0))
            while (said := await line.hear()) is not None:
                has_served = True
                if isinstance(said, wire.Told):
                    self._note(said)
                    continue
                serving = asyncio.create_task(self._answer(line, said))
                self._serving.add(serving)
                serving.add_done_callback(self._serving.discard)
        except asyncio.CancelledError:
            child.kill()
            raise
        finally:
            self._line, self.child, self._alone_us = None, None, self._engine.now_us()
            await line.close()
            if not await self._ended(child, _LAST_STEPS_S):
                child.kill()  # who says nothing any more is of no use: what it has in hand is sent again
                await self._ended(child, _LAST_WRITES_S)
            await asyncio.gather(*self._serving, return_exceptions=True)
        return has_served

    async def _ended(self, child: Child, within_s: float) -> bool:
        """Whether it is over, or was within so long."""
        loop = asyncio.get_running_loop()

        def waited() -> bool:
            try:
                child.wait(within_s)
            except Exception:  # noqa: BLE001 - it goes on
                return False
            return True

        return await loop.run_in_executor(None, waited)

    # --- what it says

    def _note(self, told: wire.Told) -> None:
        engine = self._engine
        for outcome, count in told.outcomes.items():
            engine.meter.delivered(outcome, count)
        for each in told.lags_s:
            engine.meter.lagged(each)
        self._told, self._told_us, self._alone_us = told, engine.now_us(), 0
        self._tenants = frozenset(told.tenants)

    async def _answer(self, line: wire.Line, call: wire.Call) -> None:
        try:
            done = await self._done(call)
        except LeaseLost:
            done = wire.Done(call.number, is_lost=True)
        except Exception as error:  # noqa: BLE001 - told to who asked
            is_outage = self._engine.is_outage(error)
            if not is_outage:
                self._log.exception("what webhooks came to cannot be written")
            done = wire.Done(call.number, trouble=repr(error), is_outage=is_outage)
        line.say(done)

    async def _done(self, call: wire.Call) -> wire.Done:
        journal = self._engine.journal
        match call:
            case wire.Settle():
                ids, state = await journal.settle(call.settling, call.now_us)
                return wire.Done(call.number, ids=ids, state=state)
            case wire.Lease():
                state_or_none = await journal.lease(
                    call.state, call.now_us, call.longest_us, call.version
                )
                return wire.Done(call.number, state=state_or_none)
            case wire.Release():
                await journal.release(call.state)
            case wire.ForgetLeases():
                await journal.forget_leases()
            case wire.SwitchOff():
                await self._engine.switch_off(call.off)
        return wire.Done(call.number)


class ToHub:
    """The process's end: what the hub does for it, and what the hub is told. Implements Journal and Meter."""

    def __init__(self, line: wire.Line) -> None:
        self._line = line
        self._calls: dict[int, asyncio.Future[wire.Done]] = {}
        self._count = 0
        self._outcomes: dict[str, int] = {}
        self._lags_s: list[float] = []
        self._told: wire.Told | None = None
        self._within_s = 0.0
        self._asked_to_leave = asyncio.Event()

    async def settle(self, settling: Settling, now_us: int) -> Settled:
        done = await self._call(lambda number: wire.Settle(number, settling, now_us))
        assert done.state is not None
        return done.ids, done.state

    async def lease(
        self, state: WebhookState, now_us: int, longest_us: int, version: int
    ) -> WebhookState | None:
        done = await self._call(
            lambda number: wire.Lease(number, state, now_us, longest_us, version)
        )
        return done.state

    async def release(self, state: WebhookState) -> None:
        await self._call(lambda number: wire.Release(number, state))

    async def forget_leases(self) -> None:
        await self._call(wire.ForgetLeases)

    async def switch_off(self, off: Off) -> None:
        await self._call(lambda number: wire.SwitchOff(number, off))

    def delivered(self, outcome: str, count: int) -> None:
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + count

    def lagged(self, seconds: float) -> None:
        self._lags_s.append(seconds)

    async def _call(self, worded: Callable[[int], wire.Call]) -> wire.Done:
        self._count += 1
        number = self._count
        came: asyncio.Future[wire.Done] = asyncio.get_running_loop().create_future()
        self._calls[number] = came
        self._line.say(worded(number))
        try:
            done = await came
        finally:
            del self._calls[number]
        if done.is_lost:
            raise LeaseLost
        if done.trouble:
            raise Outage(done.trouble) if done.is_outage else Trouble(done.trouble)
        return done

    async def serve(self, engine: Engine) -> bool:
        """Run the engine until the hub says that it is to leave. False: the hub is gone."""
        running = [asyncio.create_task(each) for each in (engine.run(), self._keep_telling(engine))]
        hearing = asyncio.create_task(self._hear(engine))
        leaving = asyncio.create_task(self._leave(engine))
        try:
            await asyncio.wait([hearing, leaving], return_when=asyncio.FIRST_COMPLETED)
            return leaving.done()
        finally:
            for each in (*running, hearing, leaving):
                each.cancel()

    async def _leave(self, engine: Engine) -> None:
        await self._asked_to_leave.wait()
        await engine.stop(self._within_s)
        self._tell(engine)

    async def _hear(self, engine: Engine) -> None:
        """Until the hub is gone."""
        while (said := await self._line.hear()) is not None:
            match said:
                case wire.Wake():
                    engine.give_way(said.is_busy)
                    for tenant_id in said.tenant_ids:
                        engine.wake(tenant_id, is_changed=said.is_changed)
                case wire.Done():
                    came = self._calls.get(said.number)
                    if came is not None and not came.done():
                        came.set_result(said)
                case wire.Leave():
                    self._within_s = said.within_s
                    self._asked_to_leave.set()

    async def _keep_telling(self, engine: Engine) -> None:
        while True:
            self._tell(engine)
            await asyncio.sleep(_TELL_EVERY_S)

    def _tell(self, engine: Engine) -> None:
        told = wire.Told(self._outcomes, self._lags_s, engine.lag_s, engine.failing, engine.tenants)
        self._outcomes, self._lags_s = {}, []
        if told != self._told:
            self._told = told
            self._line.say(told)
