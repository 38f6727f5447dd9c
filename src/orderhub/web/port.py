"""The hub as dialects see it: implements contract.Hub over the intake and the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from orderhub.core.access import Credential, Tenant
from orderhub.core.answer import Answer, Outcome
from orderhub.core.calling_off import calls_off
from orderhub.core.commands import ChangeOrder, Command, PlaceOrder
from orderhub.core.facts import Accepted, Record, TenantGone
from orderhub.core.queries import Reads
from orderhub.core.refusals import Rejected
from orderhub.core.values import MICROSECONDS, Settings
from orderhub.core.webhook_formats import Format
from orderhub.delivery.sender import Sender
from orderhub.delivery.targets import Targets
from orderhub.delivery.watch import Watch
from orderhub.dialects.auth import hub_caller
from orderhub.dialects.contract import (
    Call,
    Caller,
    CommandRejected,
    Dialect,
    Fault,
    FaultKind,
    HTTPFault,
)
from orderhub.intake.busy import Busy
from orderhub.intake.claims import Claim
from orderhub.intake.clock import Clock
from orderhub.intake.directory_write import write_directory
from orderhub.intake.intake import Intake
from orderhub.intake.outcome import Failure, Settled, Waiting
from orderhub.intake.standing import Standing
from orderhub.ledger.directory import Directory
from orderhub.ledger.ledger import Ledger
from orderhub.relay.steps import Trouble
from orderhub.settings import ProgramSettings
from orderhub.web.call_claims import claim_of, claim_of_key
from orderhub.web.calling_off import asked_first
from orderhub.web.checking import Checking
from orderhub.web.cipher import Cipher
from orderhub.web.faults import Faults, Step, take_step
from orderhub.web.lookups import Lookups
from orderhub.web.metrics import Metrics
from orderhub.web.offload import MAY_STILL_BE_DONE, Offload, too_late
from orderhub.web.patience import Overdue, Patience
from orderhub.web.proxies import TrustedProxies
from orderhub.web.readiness import Readiness
from orderhub.web.request_log import RequestLog
from orderhub.web.shares import Hands, Places
from orderhub.web.windows import Windows

T = TypeVar("T")

# Records that say where orders go, and as what.
ONWARD = {"connection", "route", "listing"}
MOST_WINDOW_S = 7 * 86_400  # of a `repeat_window_s`
# A bulk load may wait behind others for long, but not for ever.
_BULK_PATIENCE_S = 60.0
DRY_RUN = ("Hub-Dry-Run", "true")
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
        # The one that serves, once it does: asyncio asks the system for the process whenever it is asked for the loop.
        self.loop: asyncio.AbstractEventLoop | None = None
        self.public_url = settings.public_url.rstrip("/")
        self.proxies = TrustedProxies(settings.trusted_proxies)
        self.rate_limits = settings.rate_limits
        self._explains_all = settings.errors_in_detail
        # A repeat is looked for no longer than what it repeats is kept.
        self.most_window_s = min(MOST_WINDOW_S, settings.key_retention_days * 86_400)
        self.ledger = ledger
        self.intake = intake
        self.metrics = metrics
        # By tenant and kind of record: the ids that loads of the catalogue were given last.
        self.next_ids: dict[tuple[int, str], Any] = {}
        self.clock_changed = asyncio.Event()
        self.cipher = Cipher(settings.secret_key, settings.secret_key_old)
        self.windows = Windows()
        self.faults = Faults(self.is_sandbox, self._take_fault)
        self._overdue = Overdue()
        self.offload = Offload(ledger, self.answer_timeout_s)
        self.lookups = Lookups(self.read, self.now_us)
        self.request_log = RequestLog(
            ledger, metrics, settings.request_log, self.lookups.known_settings, self.now_us
        )
        self.places = Places()
        self.hands = Hands(settings.tenant_calls, in_company=lambda: 2 * intake.shared_batch)
        self.watch = Watch(lambda tenants: self.read(lambda reads: reads.feed_progress(tenants)))
        self.targets = Targets.of(settings.webhook_allow, settings.host)
        self.sender = Sender(self.targets)
        self.formats: dict[str, Format] = {}  # handed in by who knows them
        metrics.feed_waiting.set_function(self.watch.total)
        metrics.queue_depth.set_function(lambda: intake.depth)
        self.deliverer: Any = None
        self.relayer: Any = None
        self.checking = Checking(settings.database, self.now_us)
        self.readiness = Readiness(ledger.try_commit, self.standing, self.answer_timeout_s)

    def close(self) -> None:
        """Waits for what runs in threads; what has not begun is dropped."""
        self.offload.close()
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

    # --- work in threads

    async def read(self, ask: Callable[[Reads], T]) -> T:
        return await self.offload.read(ask)

    async def blocking(self, work: Callable[..., T], *args: Any) -> T:
        return await self.offload.blocking(work, *args)

    async def write(self, work: Callable[..., T], *args: Any, limit_s: float | None = None) -> T:
        return await self.offload.write(work, *args, limit_s=limit_s)

    # --- guesses at passwords: the ledger counts them, for all processes and over restarts

    async def guess(self, limits: Mapping[str, int], window_s: int) -> float:
        now_us = self.now_us()

        def work() -> int:
            with self.ledger.directory("") as (_, directory):
                return directory.people.guess(limits, window_s * MICROSECONDS, now_us)

        return await self.write(work) / MICROSECONDS

    async def forgive(self, names: Collection[str]) -> None:
        def work() -> None:
            with self.ledger.directory("") as (_, directory):
                directory.people.forgive(names)

        await self.write(work)

    # --- who calls, and whose turn it is

    @property
    def is_crowded(self) -> bool:
        return self.hands.is_crowded

    def let_in(self, call: Call, caller: Caller) -> None:
        try:
            self.hands.take(call.request_id, caller.tenant_id)
        except Busy as busy:
            raise _busy(busy) from None

    def credential(
        self, kind: str, name: str, *more_kinds: str
    ) -> Coroutine[Any, Any, Credential | None]:
        return self.lookups.credential((kind, *more_kinds), name)

    def settings(self, tenant_id: int) -> Coroutine[Any, Any, Settings]:
        return self.lookups.settings(tenant_id)

    def recent(
        self, tenant_id: int, kind: str, record_id: int
    ) -> Coroutine[Any, Any, Record | None]:
        return self.lookups.record(tenant_id, kind, record_id)

    def forget(self) -> None:
        """A credential or a tenant was changed here."""
        self.lookups.forget_credentials()
        self.lookups.forget_settings()

    async def has_gone(self, tenant: Tenant) -> None:
        """No tenant has this id any more: it was put back, under another, or removed. Who waits for it asks anew."""
        self.forget()
        self.clock_changed.set()
        self.watch.grew(tenant.id)
        found = await self.read(lambda reads: reads.tenant(tenant.name))
        for each in (tenant, found):
            if each is not None:
                self.deliverer.wake(each.id, is_changed=True)
                self.relayer.wake(each.id, is_changed=True)

    async def explains(self, call: Call) -> bool:
        """Whether a refusal may say why: to who tries things out, or to all where the operator wants it.

        It is rendered by now, so nothing that goes wrong here may cost the caller their answer.
        """
        try:
            await self.identify(call)
            tenant_id = call.caller.tenant_id if call.caller is not None else call.tenant_id
            return self._explains_all or await self.is_sandbox(tenant_id)
        except Exception:  # noqa: BLE001 - an outage has its own log
            return self._explains_all

    async def identify(self, call: Call) -> None:
        """Find out who calls where no handler asked: an unknown path, a body too large, one that never came."""
        if call.caller is not None or call.tenant_id:
            return
        named = call.dialect.caller or hub_caller
        if not (call.why and call.why.reason in _NOT_ASKED):
            try:
                with suppress(HTTPFault, CommandRejected):
                    await named(call)
            finally:
                self.hands.put_down(call.request_id)  # the call itself is over by now

    async def is_sandbox(self, tenant_id: int) -> bool:
        return bool(tenant_id) and (await self.settings(tenant_id)).sandbox

    async def refusal_of_target(self, tenant_id: int, url: str) -> str:
        """What is wrong with where a tenant's webhook is to go, in words behind its name; empty = nothing."""
        return await self.sender.refusal_of(url, may_loopback=await self.is_sandbox(tenant_id))

    async def _take_fault(self, credential_id: str, path: str) -> Step | None:
        step = await self.write(take_step, self.ledger, credential_id, path)
        self.lookups.forget_credentials()
        return step

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
        loop = self.loop or asyncio.get_running_loop()
        done: asyncio.Future[Settled] = loop.create_future()
        dry_run = call.is_dry_run
        if self.faults.may_meet(call):
            await self.faults.before(call)

        def deliver(settled: Settled) -> None:
            if not done.done():
                done.set_result(settled)

        claim = claim_of(call, command, "" if secret_answer else claim_scope)
        if not dry_run and calls_off(command):
            agreed = await self._agreed_there(command, claim)
            if isinstance(agreed, Rejected):
                return self._refused(call, command, agreed, render_refusal)
            command = agreed
        waiting = Waiting(
            command=command,
            render=render,
            render_refusal=render_refusal,
            deliver=deliver,
            claim=claim,
            dry_run=dry_run,
            loop=loop,
        )
        try:
            self.intake.put(waiting, bulk=bulk)
        except Busy as busy:
            raise _busy(busy) from None
        waits = Patience(_BULK_PATIENCE_S) if bulk else self.offload.patience()
        try:
            outcome = await waits.wait_for(done, self._overdue)
        except TimeoutError:
            waiting.is_given_up = True
            raise too_late(MAY_STILL_BE_DONE) from None
        call.notes["outcome"] = outcome.kind
        # What is wrong with a row of a load is said in the row's result.
        if not bulk:
            call.cause = None
        if isinstance(outcome, Failure):
            if outcome.kind == "gone":
                raise TenantGone(command.origin.tenant_id)
            kind = FaultKind.UNAVAILABLE if outcome.kind == "unavailable" else FaultKind.BROKEN
            raise HTTPFault(Fault(kind, retry_after_s=1 if kind is FaultKind.UNAVAILABLE else 0))
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
        Raises TenantGone.
        """
        scope = "" if call.caller is None or secret_answer else call.caller.claim_scope
        outcome = await self.write(
            partial(write_directory, dry_run=call.is_dry_run),
            self.ledger,
            work,
            tenant_id,
            claim_of_key(call, tenant_id, scope),
            self.now_us(),
        )
        self.forget()
        if isinstance(outcome, Rejected):
            call.notes["outcome"] = "rejected"
            raise CommandRejected(outcome)
        call.notes["outcome"] = outcome.kind
        if outcome.decision is None:
            self.metrics.replays.inc(call.dialect.name)
        return outcome.answer

    async def _agreed_there(
        self, command: PlaceOrder | ChangeOrder, claim: Claim | None
    ) -> PlaceOrder | ChangeOrder | Rejected:
        """The command as vendors that have its orders agreed to it, or why they do not.

        Raises HTTPFault when one gives no answer.
        """
        try:
            found = await asked_first(self.relayer, self.intake, self.read, command, claim)
        except Busy as busy:
            raise _busy(busy) from None
        if isinstance(found, Trouble):
            wait_s = max(1, round(found.retry_after_s))
            raise HTTPFault(Fault(FaultKind.UNAVAILABLE, found.reason, retry_after_s=wait_s))
        return found

    def _refused(
        self,
        call: Call,
        command: Command,
        refused: Rejected,
        render_refusal: Callable[[Rejected], Answer],
    ) -> Outcome:
        outcome = Outcome(answer=render_refusal(refused), decision=refused)
        call.notes["outcome"] = outcome.kind
        self._note(call, command, outcome, dry_run=False)
        call.cause = refused
        if call.planned is not None:
            call.planned.append(outcome)
        return outcome

    def _note(self, call: Call, command: Command, outcome: Outcome, dry_run: bool) -> None:
        """For the log line and the metrics; and what was written is not remembered as it was."""
        notes, name, decision = call.notes, call.dialect.name, outcome.decision
        if decision is None:
            self.metrics.replays.inc(name)
        elif isinstance(decision, Rejected):
            notes["reason"], notes["field"] = decision.reason.value, decision.field
            if decision.detail:
                notes["detail"] = decision.detail
            self.metrics.refusals.inc(name, decision.reason.value)
        elif not dry_run:
            tenant_id = command.origin.tenant_id
            written = (*decision.records, *decision.removed)
            if decision.events or decision.notices:
                self.watch.grew(tenant_id)
                if not written:
                    self.deliverer.wake(tenant_id)
            if written:
                self._note_written(tenant_id, written)
            if decision.hand_overs:
                self.relayer.wake(tenant_id)
            orders = decision.placed or decision.changed
            if orders:
                notes["orders"] = tuple([order.uid for order in orders])
            if isinstance(command, PlaceOrder):
                self.metrics.orders.inc(name, by=len(decision.placed))

    def _note_written(self, tenant_id: int, written: Sequence[Record]) -> None:
        """What goes by these records is looked at again."""
        kinds = {each.kind for each in written}
        self.deliverer.wake(tenant_id, is_changed="webhook" in kinds)
        if kinds & ONWARD:
            self.relayer.wake(tenant_id, is_changed=True)
        self.lookups.drop_records(written)
        if "settings" in kinds:
            self.lookups.forget_settings()
            self.clock_changed.set()


def _busy(busy: Busy) -> HTTPFault:
    return HTTPFault(Fault(FaultKind.BUSY, retry_after_s=busy.retry_after_s))
