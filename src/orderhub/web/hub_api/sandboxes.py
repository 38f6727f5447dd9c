"""/hub/v1/sandboxes: an untouched sandbox with a dialect's demo business, for one run of someone's tests."""

from __future__ import annotations

from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, Refused, Route
from orderhub.dialects.sandbox import SANDBOX
from orderhub.ledger.directory import Directory
from orderhub.web.hub_api.access import OPERATOR, guarded, is_operator, tenant_in_path
from orderhub.web.hub_api.bodies import Body, Name, body_of, refuse
from orderhub.web.hub_api.inner import is_dry_run, port

# A demo business is some hundred records: more than a moment's work on a busy machine.
_SEED_WITHIN_S = 60.0


class NewSandbox(Body, frozen=True, kw_only=True):
    """Which vendor's API it is for."""

    dialect: Name


@guarded(OPERATOR)
async def open_sandbox(call: Call, who: Caller) -> Answer:
    """A new tenant with the demo business of a dialect. Its credentials are in this answer and in no other."""
    # Seeding stands above the web: it is met when it is needed.
    from orderhub.sandboxes import open_sandbox as open_one  # noqa: PLC0415

    assert is_operator(who.credential)
    given = body_of(call, NewSandbox)
    hub = port(call)
    dialects = {each.name: each for each in hub.dialects}
    if given.dialect not in dialects:
        raise refuse("dialect", f"dialect is one of {', '.join(sorted(dialects))}")
    if is_dry_run(call):
        return Answer(201, encode({"dialect": given.dialect}))
    dialect, now = dialects[given.dialect], call.received_at
    made = await hub.write(open_one, hub.ledger, hub.cipher, dialect, now, limit_s=_SEED_WITHIN_S)
    return Answer(201, encode(made))


@guarded(OPERATOR)
async def remove_sandbox(call: Call, who: Caller) -> Answer:
    """The sandbox is gone, with its orders, credentials and all else. Only one that was opened here can be removed."""
    tenant = await tenant_in_path(call, who)
    hub = port(call)
    settings = await call.hub.read(lambda reads: reads.settings(tenant.id))
    if not (tenant.name.startswith(SANDBOX) and settings.sandbox):
        why = f"{tenant.name} was not opened as a sandbox"
        raise Refused(Rejected(Reason.TRANSITION_NOT_ALLOWED, "tenant", why))

    def remove(directory: Directory) -> Answer:
        directory.remove_tenant(tenant.id)
        return Answer(204, b"")

    return await hub.write_directory(call, who.tenant_id, remove)


ROUTES = (
    Route(
        "POST",
        "/hub/v1/sandboxes",
        open_sandbox,
        "An untouched sandbox of one's own (operators)",
        request=NewSandbox,
        mutates=True,
    ),
    Route(
        "DELETE",
        "/hub/v1/sandboxes/{tenant}",
        remove_sandbox,
        "Remove a sandbox that was opened so (operators)",
        mutates=True,
    ),
)
