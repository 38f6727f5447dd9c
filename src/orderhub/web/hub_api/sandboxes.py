"""/hub/v1/sandboxes: an untouched sandbox with a dialect's demo business, for one run of someone's tests."""

from __future__ import annotations

import msgspec

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, Route
from orderhub.dialects.sandbox import SANDBOX
from orderhub.ledger.directory import Directory
from orderhub.web.hub_api.access import OPERATOR, guarded, is_operator, tenant_in_path
from orderhub.web.hub_api.bodies import Body, DialectName, body_of, refuse_unless_dialect
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shaping import Shape

# A demo business is some hundred records: more than a moment's work on a busy machine.
_SEED_WITHIN_S = 60.0


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

    return await hub.write_directory(call, who.tenant_id, remove)


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
)
