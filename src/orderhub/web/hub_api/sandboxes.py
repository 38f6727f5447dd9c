"""/hub/v1/sandboxes: an untouched sandbox with a dialect's demo business, for one run of someone's tests."""

from __future__ import annotations

import secrets

import msgspec

from orderhub.core.access import Tenant
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.snapshots import KEPT_DAYS, OPENED, Snapshot, SnapshotRefused
from orderhub.delivery.feed import moved
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, Route
from orderhub.dialects.sandbox import SANDBOX
from orderhub.ledger.directory import Directory
from orderhub.web.hub_api.access import (
    OPERATOR,
    guarded,
    holds,
    is_operator,
    lacking,
    tenant_in_path,
)
from orderhub.web.hub_api.bodies import Body, DialectName, body_of, refuse_unless_dialect
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, whole
from orderhub.web.hub_api.shaping import Instant, Shape, Whole, exact_instant

# A demo business is some hundred records: more than a moment's work on a busy machine.
_SEED_WITHIN_S = 60.0
_US_A_DAY = 86_400_000_000
# Whoever puts a sandbox back changes all of these at once.
_CHANGED = ("catalogue", "clock", "pools", "relay", "settings", "webhooks")


class NewSandbox(Body, frozen=True, kw_only=True):
    """Which vendor's API it is for."""

    dialect: DialectName


class Sandbox(Shape, frozen=True, kw_only=True):
    """What the one who asked for it is told, once. A dry run tells the dialect alone."""

    tenant: str | msgspec.UnsetType = msgspec.UNSET
    dialect: str
    hub_token: str | msgspec.UnsetType = msgspec.UNSET
    credentials: tuple[dict[str, str], ...] | msgspec.UnsetType = msgspec.UNSET


@guarded(OPERATOR)
async def open_sandbox(call: Call, who: Caller) -> Answer:
    """A new tenant with the demo business of a dialect. Its credentials are in this answer and in no other."""
    assert is_operator(who.credential)
    given = body_of(call, NewSandbox)
    hub = port(call)
    refuse_unless_dialect(call, given.dialect)
    if call.is_dry_run:
        return Answer(201, encode(Sandbox(dialect=given.dialect)))
    dialect = next(each for each in hub.dialects if each.name == given.dialect)
    now = call.received_at
    assert hub.open_sandbox is not None, "the hub was built without sandboxes"
    made = await hub.write(
        hub.open_sandbox, hub.ledger, hub.cipher, dialect, now, limit_s=_SEED_WITHIN_S
    )
    return Answer(201, encode(made))


@guarded(OPERATOR)
async def remove_sandbox(call: Call, who: Caller) -> Answer:
    """The sandbox is gone, with its orders, credentials and all else. Only one that was opened here can be removed."""
    tenant = await tenant_in_path(call, who)
    hub = port(call)
    settings = await call.hub.read(lambda reads: reads.settings(tenant.id))
    if not (tenant.name.startswith(SANDBOX) and settings.sandbox):
        why = f"{tenant.name} was not opened as a sandbox"
        raise CommandRejected(Rejected(Reason.TRANSITION_NOT_ALLOWED, "tenant", why))

    def remove(directory: Directory) -> Answer:
        directory.remove_tenant(tenant.id)
        return Answer(204, b"")

    answer = await hub.write_directory(call, who.tenant_id, remove)
    if not call.is_dry_run:
        await hub.has_gone(tenant)
    return answer


# --- as it was


class KeptSnapshot(Shape, frozen=True, kw_only=True):
    """A sandbox as it was, which can be put back until it ends: null = as long as the sandbox is there."""

    id: str
    taken_at: Instant
    ends_at: Instant | None
    rows: int


class Restored(Shape, frozen=True, kw_only=True):
    """The sandbox, and as of when it is from now on."""

    tenant: str
    snapshot: str
    taken_at: Instant


@guarded("orders:write")
async def list_snapshots(call: Call, who: Caller) -> Answer:
    """What can be put back, newest first. `opened` is there from the beginning, of a sandbox that was opened."""
    tenant = await _sandbox(call, who)
    hub = port(call)
    found = await hub.blocking(hub.ledger.snapshots_of, tenant.id, call.received_at)
    return whole(call, "snapshots", tuple(map(_shown, found)), KeptSnapshot)


@guarded("orders:write")
async def take_snapshot(call: Call, who: Caller) -> Answer:
    """Keep the sandbox as it is. Ten are kept, for seven days: the oldest goes for a newer one."""
    tenant = await _sandbox(call, who)
    hub = port(call)
    try:
        content = await hub.blocking(hub.ledger.look_at, tenant.id)
    except SnapshotRefused as refused:
        raise _refused(str(refused)) from None
    name = f"snap_{secrets.token_hex(8)}"

    def keep(directory: Directory) -> Answer:
        kept = directory.keep_snapshot(tenant.id, name, content, call.received_at)
        return Answer(201, encode(_shown(kept)))

    return await hub.write_directory(call, 0, keep)


@guarded("orders:write")
async def restore_snapshot(call: Call, who: Caller) -> Answer:
    """The sandbox as it was then: orders, stock, catalogue, settings, clock, webhooks, keys of repeats, feed."""
    return await _restore(call, await _sandbox(call, who), call.params["id"])


@guarded("orders:write")
async def reset_sandbox(call: Call, who: Caller) -> Answer:
    """The sandbox as it was opened; its credentials and tokens stay."""
    return await _restore(call, await _sandbox(call, who), OPENED)


async def _sandbox(call: Call, who: Caller) -> Tenant:
    """The tenant of the path, which must be a sandbox, for who may change all that is put back."""
    for scope in _CHANGED:
        if not holds(who.credential, scope):
            raise lacking(scope)
    tenant = await tenant_in_path(call, who)
    settings = await call.hub.read(lambda reads: reads.settings(tenant.id))
    if not settings.sandbox:
        raise _refused("only a sandbox can be put back")
    return tenant


async def _restore(call: Call, tenant: Tenant, name: str) -> Answer:
    hub, now = port(call), call.received_at

    def work(directory: Directory) -> Answer:
        try:
            found = directory.restore(tenant.id, name, now, moved)
        except SnapshotRefused as refused:
            raise _refused(str(refused)) from None
        if found is None:
            why = "it was not opened as a sandbox" if name == OPENED else f"no snapshot {name}"
            raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "snapshot", why))
        taken_at = exact_instant(found.taken_at)
        return Answer(200, encode(Restored(tenant=tenant.name, snapshot=name, taken_at=taken_at)))

    # Keys are kept outside of the tenant: what is put back knows nothing of the call that did it.
    answer = await hub.write_directory(call, 0, work)
    if not call.is_dry_run:
        await hub.has_gone(tenant)
    return answer


def _refused(why: str) -> CommandRejected:
    return CommandRejected(Rejected(Reason.TRANSITION_NOT_ALLOWED, "tenant", why))


def _shown(kept: Snapshot) -> KeptSnapshot:
    ends_at = None if kept.id == OPENED else kept.taken_at + KEPT_DAYS * _US_A_DAY
    return KeptSnapshot.of(kept, ends_at=ends_at and exact_instant(ends_at))


_SNAPSHOTS = "/hub/v1/sandboxes/{tenant}/snapshots"

ROUTES = (
    Route(
        "POST",
        "/hub/v1/sandboxes",
        open_sandbox,
        "A fresh sandbox with a dialect's demo business (operators)",
        request=NewSandbox,
        mutates=True,
        idempotency_key=False,
        answers={201: Sandbox},
    ),
    Route(
        "DELETE",
        "/hub/v1/sandboxes/{tenant}",
        remove_sandbox,
        "Remove a sandbox that was opened so (operators)",
        mutates=True,
        answers={204: None},
    ),
    Route(
        "POST",
        "/hub/v1/sandboxes/{tenant}/reset",
        reset_sandbox,
        "Let a sandbox begin anew",
        mutates=True,
        answers={200: Restored},
    ),
    Route(
        "GET",
        _SNAPSHOTS,
        list_snapshots,
        "What a sandbox can be put back to",
        answers={200: (Whole[KeptSnapshot], *exports(KeptSnapshot))},
    ),
    Route(
        "POST",
        _SNAPSHOTS,
        take_snapshot,
        "Keep a sandbox as it is",
        mutates=True,
        answers={201: KeptSnapshot},
    ),
    Route(
        "POST",
        f"{_SNAPSHOTS}/{{id}}/restore",
        restore_snapshot,
        "Put a sandbox back to as it was",
        mutates=True,
        answers={200: Restored},
    ),
)
