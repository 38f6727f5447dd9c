"""/hub/v1/tenants/{tenant}/credentials/{id}/faults: what the calls of a sandbox's credential shall meet."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from orderhub.core.access import Credential, Tenant
from orderhub.core.reach import Verb
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, Route
from orderhub.ledger.directory import Directory
from orderhub.web.faults import MAX_DELAY_S, MAX_STEPS, MAX_TIMES, Kind, Step, plan_of
from orderhub.web.hub_api.access import guarded, tenant_in_path
from orderhub.web.hub_api.bodies import Body, body_of, refuse
from orderhub.web.hub_api.credentials import of_tenant, refuse_beyond
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shaping import Shape


class NewStep(Body, frozen=True, kw_only=True):
    """One fault: how often, for calls of which paths, and how long the answer waits besides."""

    kind: Kind
    times: Annotated[int, msgspec.Meta(ge=1, le=MAX_TIMES)] = 1
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=MAX_DELAY_S)] = 0.0
    path: Annotated[str, msgspec.Meta(max_length=200)] = ""


class FaultPlan(Body, frozen=True, kw_only=True):
    """Faults in the order in which calls meet them."""

    faults: Annotated[tuple[NewStep, ...], msgspec.Meta(min_length=1, max_length=MAX_STEPS)]


class Faults(Shape, frozen=True, kw_only=True):
    """The plan, and of each fault how many calls it is `left` for."""

    faults: tuple[Step, ...]


@guarded("faults")
async def show_faults(call: Call, who: Caller) -> Answer:
    """The plan, and how many calls each of its faults will still meet."""
    _, credential = await _credential(call, who)
    return _shown(credential)


@guarded("faults")
async def set_faults(call: Call, who: Caller) -> Answer:
    """A plan in place of the one before; its counts begin anew."""
    tenant, _ = await _credential(call, who)
    given = body_of(call, FaultPlan)
    for index, each in enumerate(given.faults):
        if each.kind is Kind.DELAY and not each.delay_s:
            raise refuse(f"faults[{index}].delay_s", "a delay has delay_s", "missing")
    steps = [
        Step(each.kind, each.times, each.delay_s, each.path, left=each.times)
        for each in given.faults
    ]
    plan: Any = msgspec.to_builtins(steps)
    return await _put(call, who, tenant, {"faults": plan})


@guarded("faults")
async def clear_faults(call: Call, who: Caller) -> Answer:
    """From now on every call is served."""
    tenant, _ = await _credential(call, who)
    return await _put(call, who, tenant, {})


async def _credential(call: Call, who: Caller) -> tuple[Tenant, Credential]:
    """The one of the path, and its tenant, which must be a sandbox."""
    tenant = await tenant_in_path(call, who)
    sought = call.params["id"]
    found = await call.hub.read(lambda reads: reads.credential_by_id(sought))
    credential = of_tenant(found, tenant, sought)
    if not await port(call).is_sandbox(tenant.id):
        raise CommandRejected(
            Rejected(Reason.TRANSITION_NOT_ALLOWED, "tenant", "only a sandbox has faults")
        )
    return tenant, credential


async def _put(call: Call, who: Caller, tenant: Tenant, plan: dict[str, Any]) -> Answer:
    def write(directory: Directory) -> Answer:
        sought = call.params["id"]
        before = of_tenant(directory.credential(sought), tenant, sought)
        refuse_beyond(who, Verb.FAULTS, before)
        rest = {name: each for name, each in before.data.items() if name != "faults"}
        after = msgspec.structs.replace(before, data={**rest, **plan})
        directory.change_credential(after)
        return _shown(after)

    return await port(call).write_directory(call, tenant.id, write)


def _shown(credential: Credential) -> Answer:
    return Answer(200, encode(Faults(faults=tuple(plan_of(credential.data)))))


_FAULTS = "/hub/v1/tenants/{tenant}/credentials/{id}/faults"

ROUTES = (
    Route(
        "GET",
        _FAULTS,
        show_faults,
        "The faults that a credential's calls will meet",
        answers={200: Faults},
    ),
    Route(
        "PUT",
        _FAULTS,
        set_faults,
        "Let a sandbox's calls fail",
        request=FaultPlan,
        mutates=True,
        answers={200: Faults},
    ),
    Route(
        "DELETE",
        _FAULTS,
        clear_faults,
        "Let them be served again",
        mutates=True,
        answers={200: Faults},
    ),
)
