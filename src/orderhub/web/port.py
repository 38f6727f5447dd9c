"""The hub as dialects see it: implements contract.Hub over the intake and the ledger."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec

from orderhub.core.access import Credential
from orderhub.core.answer import Answer, Outcome
from orderhub.core.commands import Command, PlaceOrder
from orderhub.core.known import Accepted, Record
from orderhub.core.queries import Reads
from orderhub.core.refusals import Rejected
from orderhub.core.values import Settings
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import (
    Call,
    Caller,
    Dialect,
    Fault,
    FaultKind,
    Refused,
    Stop,
)
from orderhub.intake.busy import Busy
from orderhub.intake.claims import Claim, fingerprint, is_usable_key, of_body, of_part
from orderhub.intake.clock import Clock
from orderhub.intake.directory_write import write_directory
from orderhub.intake.intake import Intake
from orderhub.intake.outcome import Failure, Settled, Waiting
from orderhub.intake.standing import Standing
from orderhub.ledger.batch import ClaimName
from orderhub.ledger.directory import Directory
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from orderhub.web.cipher import Cipher
from orderhub.web.faults import Faults, Step, met_by, plan_of, without_one
from orderhub.web.metrics import Metrics
from orderhub.web.patience import Patience, patience
from orderhub.web.proxies import TrustedProxies
from orderhub.web.readiness import Readiness
from orderhub.web.recent import Recent
from orderhub.web.shares import Hands, Threads

T = TypeVar("T")

MOST_WINDOW_S = 7 * 86_400  # of a `repeat_window_s`
_CACHE_SIZE = 20_000
# A bulk load may wait behind others for long, but not for ever.
_BULK_PATIENCE_S = 60.0
_RETRY_AFTER_S = 2
_MAY_STILL_BE_DONE = (
    "the database does not answer in time, and it may still be done: "
    "repeat it with the same Idempotency-Key"
)
DRY_RUN = ("Hub-Dry-Run", "true")


class Windows:
    """Sliding windows of hits by name: vendors' rate limits and guess limits.

    `clock` answers seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hits: dict[str, deque[float]] = {}
        self._levels: dict[str, tuple[float, float]] = {}

    def allow(self, name: str, limit: int, window_s: float, *, count: bool = True) -> float:
        """Count a hit; answers 0.0, or the seconds until one would be allowed again."""
        now = self._clock()
        # Last hit, last forgotten: a flood of new names does not wash away the one under attack. Nor does
        # one of names that are only looked at, which costs its sender next to nothing: those are not kept.
        hits = self._hits.pop(name, None) or deque()
        while hits and hits[0] <= now - window_s:
            hits.popleft()
        wait_s = max(hits[0] + window_s - now, 0.001) if len(hits) >= limit else 0.0
        if count and not wait_s:
            hits.append(now)
        if hits:
            self._hits[name] = hits
            if len(self._hits) > _CACHE_SIZE:
                del self._hits[next(iter(self._hits))]
        return wait_s

    def room(self, name: str, limit: int, window_s: float) -> tuple[int, float]:
        """After `allow`: how many hits are left, and the seconds until the oldest one leaves the window."""
        hits = self._hits.get(name)
        if not hits:
            return limit, 0.0
        return max(0, limit - len(hits)), max(0.0, hits[0] + window_s - self._clock())

    def pour(self, name: str, bucket: int, leak_per_s: float) -> float:
        """Pour a hit into a leaky bucket; answers 0.0, or the seconds until it would fit."""
        now = self._clock()
        level, since = self._levels.pop(name, (0.0, now))
        if len(self._levels) >= _CACHE_SIZE:
            del self._levels[next(iter(self._levels))]
        level = max(0.0, level - (now - since) * leak_per_s)
        if level + 1 > bucket:
            self._levels[name] = (level, now)
            return (level + 1 - bucket) / leak_per_s
        self._levels[name] = (level + 1, now)
        return 0.0


# Who calls was looked for in vain, or cannot be looked for now.
_NOT_ASKED = {FaultKind.UNAUTHENTICATED.value, FaultKind.BUSY.value, FaultKind.UNAVAILABLE.value}


class HubPort:
    """One for each app. Only the event loop's thread calls it."""

    def __init__(
        self,
        ledger: Ledger,
        intake: Intake,
        settings: ProgramSettings,
        metrics: Metrics,
        dialects: tuple[Dialect, ...] = (),
        standing: Standing | None = None,
        clock: Clock | None = None,
        open_sandbox: Callable[[Ledger, Cipher, Dialect, int], Any] | None = None,
    ) -> None:
        self.dialects = dialects
        self.open_sandbox = open_sandbox  # seeding stands above the web, and is handed in
        self.standing = standing or Standing()
        self.clock = clock or Clock()
        self.answer_timeout_s = float(settings.answer_timeout_s)
        self.is_ready = False  # once orders are taken, until the hub begins to leave
        self.public_url = settings.public_url.rstrip("/")
        self.proxies = TrustedProxies(settings.trusted_proxies)
        self.rate_limits = settings.rate_limits
        self._explains_all = settings.errors_in_detail
        # A repeat is looked for no longer than what it repeats is kept.
        self.most_window_s = min(MOST_WINDOW_S, settings.key_retention_days * 86_400)
        self.ledger = ledger
        self.intake = intake
        self.metrics = metrics
        self.used: dict[str, int] = {}
        # By tenant and kind of record: the ids that loads of the catalogue were given last.
        self.next_ids: dict[tuple[int, str], Any] = {}
        self.clock_changed = asyncio.Event()
        self.cipher = Cipher(settings.secret_key, settings.secret_key_old)
        self._windows = Windows()
        self.faults = Faults(self.is_sandbox, self._take_fault)
        self._credentials = Recent(self._read_credential)
        self._own: dict[tuple[str, str], Credential] = {}
        self._settings = Recent(self._read_settings)
        self._records = Recent(self._read_record)
        self._decrypted: dict[str, str] = {}
        self.hands = Hands(settings.tenant_calls)
        self._readers = Threads(4, "orderhub-reader")
        self._workers = Threads(2, "orderhub-worker")
        # Apart from the workers: a database that does not answer must not keep a password from being hashed.
        self._writers = Threads(2, "orderhub-aside")
        self.threads = (self._readers, self._workers, self._writers)
        self.readiness = Readiness(ledger.try_commit, self.standing, self.answer_timeout_s)

    def close(self) -> None:
        """Waits for what runs in threads; what has not begun is dropped."""
        for threads in self.threads:
            threads.close()
        self.readiness.close()

    def is_outage(self, error: Exception) -> bool:
        """Whether the database is in trouble, which is said in the log once rather than with every call."""
        if not self.ledger.is_outage(error):
            return False
        if not self.ledger.is_slow(error):
            self.standing.failed(error)
        return True

    def now_us(self) -> int:
        return self.clock.onward_us()

    # --- reading

    async def read(self, ask: Callable[[Reads], T]) -> T:
        try:
            async with self._patience().wait():
                return await self._readers.run(self.ledger.read, ask)
        except TimeoutError:
            raise _too_late("the database does not answer in time") from None

    def _patience(self) -> Patience:
        return patience(self.answer_timeout_s)

    # --- who calls, and whose turn it is

    @property
    def is_crowded(self) -> bool:
        return self.hands.is_crowded

    def let_in(self, call: Call, caller: Caller) -> None:
        try:
            self.hands.take(call.request_id, caller.tenant_id)
        except Busy as busy:
            raise _busy(busy) from None

    def admit(self, credential: Credential) -> None:
        """Take a credential that lives in this process only: the command line's own."""
        self._own[(credential.kind, credential.name)] = credential

    async def credential(self, kind: str, name: str) -> Credential | None:
        if (kind, name) in self._own:
            return self._own[(kind, name)]
        credential = await self._credentials.get((kind, name))
        if credential is None or not credential.is_usable(self.now_us()):
            return None
        self.used[credential.id] = self.now_us()
        return credential

    async def settings(self, tenant_id: int) -> Settings:
        return await self._settings.get(tenant_id)

    async def recent(self, tenant_id: int, kind: str, record_id: int) -> Record | None:
        return await self._records.get((tenant_id, kind, record_id))

    async def _read_credential(self, name: tuple[str, str]) -> Credential | None:
        return await self.read(lambda reads: reads.credential(*name))

    async def _read_settings(self, tenant_id: int) -> Settings:
        return await self.read(lambda reads: reads.settings(tenant_id))

    async def _read_record(self, name: tuple[int, str, int]) -> Record | None:
        tenant_id, kind, record_id = name
        return await self.read(lambda reads: reads.record(tenant_id, kind, "id", record_id))

    async def explains(self, call: Call) -> bool:
        """Whether a refusal may say why: to who tries things out, or to all where the operator wants it.

        It is worded by now, so nothing that goes wrong here may cost the caller his answer.
        """
        if self._explains_all:
            return True
        try:
            if call.caller is None and not call.tenant_id:
                await self._who(call)
            tenant_id = call.caller.tenant_id if call.caller is not None else call.tenant_id
            return await self.is_sandbox(tenant_id)
        except Exception:  # noqa: BLE001 - an outage has its own log
            return False

    async def _who(self, call: Call) -> None:
        """Find out who calls, for a refusal before any handler asked: an unknown path, a body too large."""
        named = call.dialect.caller
        if named is not None and not (call.why and call.why.reason in _NOT_ASKED):
            try:
                with suppress(Stop, Refused):
                    await named(call)
            finally:
                self.hands.put_down(call.request_id)  # the call itself is over by now

    async def is_sandbox(self, tenant_id: int) -> bool:
        return bool(tenant_id) and (await self.settings(tenant_id)).sandbox

    async def _take_fault(self, credential_id: str, path: str) -> Step | None:
        def take() -> Step | None:
            with self.ledger.directory("") as (_, directory):
                credential = directory.credential(credential_id)
                if credential is None:
                    return None
                plan = plan_of(credential.data)
                index = met_by(plan, path)
                if index is None:
                    return None
                data = {**credential.data, "faults": without_one(plan, index)}
                directory.change_credential(msgspec.structs.replace(credential, data=data))
                return plan[index]

        step = await self.write(take)
        self._credentials.forget()
        return step

    def forget(self) -> None:
        """Drop what is cached: a credential or a tenant changed here."""
        self._credentials.forget()
        self._settings.forget()

    # --- secrets, limits, slow work

    def encrypt(self, secret: str) -> str:
        return self.cipher.encrypt(secret)

    def decrypt(self, secret: str) -> str:
        found = self._decrypted.get(secret)
        if found is None:
            if len(self._decrypted) > _CACHE_SIZE:
                self._decrypted.clear()
            found = self._decrypted[secret] = self.cipher.decrypt(secret)
        return found

    def allow(self, name: str, limit: int, window_s: float, *, count: bool = True) -> float:
        if not limit:
            return 0.0
        return self._windows.allow(name, limit, window_s, count=count)

    def room(self, name: str, limit: int, window_s: float) -> tuple[int, float]:
        return self._windows.room(name, limit, window_s)

    def pour(self, name: str, bucket: int, leak_per_s: float) -> float:
        return self._windows.pour(name, bucket, leak_per_s)

    async def blocking(self, work: Callable[..., T], *args: Any) -> T:
        return await self._workers.run(work, *args)

    async def write(self, work: Callable[..., T], *args: Any, limit_s: float | None = None) -> T:
        """Run a transaction beside the queue, off the event loop. `limit_s`: other than a caller's usual patience."""
        waits = self._patience() if limit_s is None else Patience(limit_s)
        try:
            async with waits.wait():
                done = await self.aside(work, *args)
        except TimeoutError:
            raise _too_late(_MAY_STILL_BE_DONE) from None
        waits.renew()
        return done

    async def aside(self, work: Callable[..., T], *args: Any) -> T:
        """As `write`, for housekeeping, which has the patience that no caller has."""
        return await self._writers.run(work, *args)

    # --- commands

    async def submit(
        self,
        call: Call,
        command: Command,
        render: Callable[[Accepted], Answer],
        render_refusal: Callable[[Rejected], Answer],
        claim_scope: str,
        secret_answer: bool,
        bulk: bool = False,
    ) -> Outcome:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Settled] = loop.create_future()
        dry_run = call.is_dry_run
        await self.faults.before(call)

        def deliver(settled: Settled) -> None:
            if not done.done():
                done.set_result(settled)

        waiting = Waiting(
            command=command,
            render=render,
            render_refusal=render_refusal,
            deliver=deliver,
            claim=None
            if secret_answer
            else self._claim_of_key(call, command.origin.tenant_id, claim_scope)
            or self._claim_of_body(call, command, claim_scope),
            dry_run=dry_run,
            loop=loop,
        )
        try:
            self.intake.put(waiting, bulk=bulk)
        except Busy as busy:
            raise _busy(busy) from None
        waits = Patience(_BULK_PATIENCE_S) if bulk else self._patience()
        try:
            async with waits.wait():
                outcome = await done
        except TimeoutError:
            waiting.is_given_up = True
            raise _too_late(_MAY_STILL_BE_DONE) from None
        waits.renew()
        call.notes["outcome"] = outcome.kind
        # What is wrong with a row of a load is said in the row's result.
        if not bulk:
            call.cause = None
        if isinstance(outcome, Failure):
            kind = FaultKind.UNAVAILABLE if outcome.kind == "unavailable" else FaultKind.BROKEN
            raise Stop(Fault(kind, retry_after_s=1 if kind is FaultKind.UNAVAILABLE else 0))
        self._note(call, command, outcome, dry_run)
        if not bulk:
            call.cause = outcome.rejected
        if call.planned is not None:
            call.planned.append(outcome)
        return outcome

    async def write_directory(
        self,
        call: Call,
        tenant_id: int,
        work: Callable[[Directory], Answer],
        *,
        secret_answer: bool = False,
    ) -> Answer:
        """Have `work` done in a transaction of its own, once for a key of the caller's in the tenant.

        What `work` raises undoes it. `secret_answer`: the answer must not be kept, so no key is bound.
        """
        scope = "" if call.caller is None or secret_answer else call.caller.claim_scope
        outcome = await self.write(
            partial(write_directory, dry_run=call.is_dry_run),
            self.ledger,
            work,
            self._claim_of_key(call, tenant_id, scope),
            self.now_us(),
        )
        self.forget()
        if isinstance(outcome, Rejected):
            call.notes["outcome"] = "rejected"
            raise Refused(outcome)
        call.notes["outcome"] = outcome.kind
        if outcome.decision is None:
            self.metrics.replays.labels(call.dialect.name).inc()
        return outcome.answer

    @staticmethod
    def _claim_of_key(call: Call, tenant_id: int, scope: str) -> Claim | None:
        key = call.header("idempotency-key")
        if not scope or not key:
            return None
        if not is_usable_key(key):
            raise Stop(
                Fault(
                    FaultKind.KEY_INVALID, "Idempotency-Key must be 1 to 255 printable characters"
                )
            )
        # A call that submits several commands binds each of them under a key of its own.
        call.bound_commands += 1
        name = ClaimName(tenant_id, scope, of_part(key, call.bound_commands))
        return Claim(name, _fingerprint(call))

    @staticmethod
    def _claim_of_body(call: Call, command: Command, scope: str) -> Claim | None:
        """A credential may ask that the same body within so many seconds counts as a repeat."""
        if not scope or call.caller is None or not isinstance(command, PlaceOrder):
            return None
        window_s = call.caller.credential.data.get("repeat_window_s", 0)
        if not window_s:
            return None
        return of_body(
            command.origin.tenant_id, scope, _fingerprint(call), int(window_s * 1_000_000)
        )

    def _note(self, call: Call, command: Command, outcome: Outcome, dry_run: bool) -> None:
        """For the log line and the metrics; and what was written is not remembered as it was."""
        notes, name, decision = call.notes, call.dialect.name, outcome.decision
        if decision is None:
            self.metrics.replays.labels(name).inc()
        elif isinstance(decision, Rejected):
            notes["reason"], notes["field"] = decision.reason.value, decision.field
            if decision.detail:
                notes["detail"] = decision.detail
            self.metrics.refusals.labels(name, decision.reason.value).inc()
        elif not dry_run:
            orders = decision.placed or decision.changed
            if orders:
                notes["orders"] = tuple(order.uid for order in orders)
            for record in (*decision.records, *decision.removed):
                self._records.drop((record.tenant_id, record.kind, record.id))
            if isinstance(command, PlaceOrder):
                self.metrics.orders.labels(name).inc(len(decision.placed))
            elif any(record.kind == "settings" for record in decision.records):
                self._settings.forget()
                self.clock_changed.set()


def _too_late(message: str) -> Stop:
    return Stop(Fault(FaultKind.UNAVAILABLE, message, retry_after_s=_RETRY_AFTER_S))


def _fingerprint(call: Call) -> str:
    try:
        body: object = decode(call.body) if call.body else b""
    except Stop:
        body = call.body
    return fingerprint(call.dialect.name, call.method, call.path, body, call.dialect.secrets)


def _busy(busy: Busy) -> Stop:
    return Stop(Fault(FaultKind.BUSY, retry_after_s=busy.retry_after_s))
