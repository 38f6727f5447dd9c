"""Sandboxes: opened, begun anew and removed by operators; their clock and the faults that their callers shall meet."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from orderhub.core.access import Credential, Tenant
from orderhub.core.queries import Reads
from orderhub.core.reach import OPERATOR
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.zones import zone_of
from orderhub.dialects.contract import Answer, Call, CommandRejected
from orderhub.dialects.sandbox import SANDBOX
from orderhub.web.desk.exports import media_asked
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.inner import ask, tell
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages, titles_of
from orderhub.web.desk.page import Visitor, form, go, page, show
from orderhub.web.desk.products import number_in, pages_of
from orderhub.web.faults import Kind, Step, plan_of
from orderhub.web.hub_api import faults, sandboxes, tenants
from orderhub.web.hub_api.access import lacking
from orderhub.web.hub_api.faults import Faults
from orderhub.web.hub_api.lists import listed
from orderhub.web.hub_api.sandboxes import Sandbox
from orderhub.web.hub_api.shapes import TenantClock
from orderhub.web.hub_api.shaping import Page

PATH = "/desk/sandboxes"
_MOST_CREDENTIALS = 100
_PAGE = 50
_HOUR_S = 3_600
ACTIONS: tuple[tuple[str, str], ...] = (
    ("advance", N_("Go on by so many hours")),
    ("freeze", N_("Stand still")),
    ("run", N_("Run on from")),
    ("real", N_("Give up the test clock")),
)
FAULT_KINDS: tuple[tuple[str, str], ...] = (
    (Kind.DELAY, N_("The answer waits")),
    (Kind.RATE_LIMIT, N_("Too many calls")),
    (Kind.ERROR_BEFORE, N_("It breaks down before it is done")),
    (Kind.ERROR_AFTER, N_("It breaks down after it is done")),
    (Kind.DROP, N_("No answer, after it is done")),
    (Kind.STALE_CLOCK, N_("The caller's clock seems wrong")),
)

Text = Annotated[str, msgspec.Meta(max_length=200)]


class _Move(msgspec.Struct, frozen=True, kw_only=True):
    action: Text
    at: Text = ""
    hours: Annotated[int, msgspec.Meta(ge=-876_000, le=876_000)] = 0


class _Fault(msgspec.Struct, frozen=True, kw_only=True):
    credential: Text
    kind: Kind
    times: int = 1
    delay_s: float = 0.0
    path: Text = ""


class _Whose(msgspec.Struct, frozen=True):
    credential: Text


class _Which(msgspec.Struct, frozen=True):
    dialect: Text


class _Tenant(msgspec.Struct, frozen=True):
    tenant: Text


class Planned(msgspec.Struct, frozen=True):
    """A credential, and the faults that its calls will meet."""

    id: str
    name: str
    steps: tuple[Step, ...]


class Opened(msgspec.Struct, frozen=True):
    """A sandbox that was opened here."""

    name: str
    title: str


class Sandboxes(msgspec.Struct, frozen=True, kw_only=True):
    """The tenant's clock, None = it is no sandbox; and for operators the sandboxes that were opened."""

    clock: TenantClock | None
    planned: tuple[Planned, ...]
    actions: tuple[tuple[str, str], ...]
    fault_kinds: tuple[tuple[str, str], ...]
    fault_titles: dict[str, str]
    opened: tuple[Opened, ...] | None
    pages: Pages
    dialects: tuple[tuple[str, str], ...]

    @property
    def credentials(self) -> tuple[tuple[str, str], ...]:
        """As (id, name)."""
        return tuple((each.id, each.name) for each in self.planned)


async def every(call: Call, visitor: Visitor, sent: Form) -> Answer:
    if media := media_asked(call):
        return await _file(call, visitor, media)
    is_sandbox = visitor.settings is not None and visitor.settings.sandbox
    clock = None
    if is_sandbox:
        clock = await ask(call, visitor, tenants.get_clock, TenantClock, path=_of(visitor))

    after = number_in(call.query.get("after", ""))

    def look(reads: Reads) -> tuple[tuple[Credential, ...], tuple[Tenant, ...] | None]:
        of_tenant: tuple[Credential, ...] = ()
        if is_sandbox:
            of_tenant = reads.credentials(visitor.at.id, limit=_MOST_CREDENTIALS)
        if not visitor.may(OPERATOR):
            return of_tenant, None
        return of_tenant, reads.tenants(after_id=after, limit=_PAGE + 1, begins=SANDBOX)

    found, opened = await call.hub.read(look)
    shown = () if opened is None else opened[:_PAGE]
    following = shown[-1].id if opened and len(opened) > _PAGE else 0
    context = Sandboxes(
        clock=clock,
        planned=tuple(
            Planned(each.id, f"{each.label or each.id} ({each.kind})", plan_of(each.data))
            for each in found
            if each.enabled
        ),
        actions=ACTIONS,
        fault_kinds=FAULT_KINDS,
        fault_titles=dict(FAULT_KINDS),
        opened=None if opened is None else tuple(Opened(each.name, each.title) for each in shown),
        pages=pages_of(PATH, {}, after, following),
        dialects=tuple(titles_of(call).items()),
    )
    return show(call, visitor, "sandboxes.html", context, sent)


async def _file(call: Call, visitor: Visitor, media: str) -> Answer:
    """All sandboxes that were opened. Raises HTTPFault(FORBIDDEN) for who does not open them."""
    if not visitor.may(OPERATOR):
        raise lacking(OPERATOR)

    async def ask(cursor: str, limit: int) -> Page[Opened]:
        after = int(cursor or 0)
        found = await call.hub.read(
            lambda reads: reads.tenants(after_id=after, limit=limit, begins=SANDBOX)
        )
        following = str(found[-1].id) if len(found) == limit else None
        items = tuple(Opened(each.name, each.title) for each in found)
        return Page(items=items, next_cursor=following)

    columns = Opened.__struct_fields__
    return await listed(call, "sandboxes", ask, columns, cursor="", limit=_PAGE, media=media)


# --- the tenant's own


async def set_clock(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given = sent.read(_Move)
    body: dict[str, Any] = {"action": given.action}
    if given.action == "advance":
        body["by_s"] = given.hours * _HOUR_S
    elif given.at and given.action != "real":
        body["at"] = _moment(visitor, given.at)
    await tell(call, visitor, tenants.set_clock, path=_of(visitor), body=body)
    return go(call, PATH, done=visitor.say(N_("The clock is set.")))


async def add_fault(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """Behind those that are left of the plan before."""
    given = sent.read(_Fault)
    name = {**_of(visitor), "id": given.credential}
    before = await ask(call, visitor, faults.show_faults, Faults, path=name)
    steps = [_step(each, each.left) for each in before.faults if each.left]
    steps.append(_step(given, given.times))
    await tell(call, visitor, faults.set_faults, path=name, body={"faults": steps})
    return go(call, PATH, done=visitor.say(N_("Its next calls will meet it.")))


async def clear_faults(call: Call, visitor: Visitor, sent: Form) -> Answer:
    name = {**_of(visitor), "id": sent.read(_Whose).credential}
    await tell(call, visitor, faults.clear_faults, path=name)
    return go(call, PATH, done=visitor.say(N_("Its calls are served again.")))


def _step(step: Step | _Fault, times: int) -> dict[str, Any]:
    return {"kind": step.kind, "times": times, "delay_s": step.delay_s, "path": step.path}


def _of(visitor: Visitor) -> dict[str, str]:
    return {"tenant": visitor.at.name}


def _moment(visitor: Visitor, text: str) -> str:
    """As a browser sends a time of the tenant's zone."""
    assert visitor.settings is not None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise FormRefused({"at": N_("This cannot be taken.")}) from None
    return at.replace(tzinfo=zone_of(visitor.settings.time_zone)).isoformat()


# --- operators


async def open_one(call: Call, visitor: Visitor, sent: Form) -> Answer:
    return await _opened(call, visitor, sent.read(_Which).dialect)


async def reset(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """A fresh one of the same vendor in its place, with a name and credentials of its own."""
    name = sent.read(_Tenant).tenant

    def look(reads: Reads) -> set[str]:
        tenant = reads.tenant(name)
        if tenant is None or not name.startswith(SANDBOX):
            raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "tenant", f"no sandbox {name}"))
        return {each.kind.partition(".")[0] for each in reads.credentials(tenant.id)}

    kinds = await call.hub.read(look)
    dialect = next((each for each in titles_of(call) if each in kinds), "")
    answer = await _opened(call, visitor, dialect)
    await tell(call, visitor, sandboxes.remove_sandbox, path={"tenant": name}, of_hub=True)
    return answer


async def remove(call: Call, visitor: Visitor, sent: Form) -> Answer:
    name = {"tenant": sent.read(_Tenant).tenant}
    await tell(call, visitor, sandboxes.remove_sandbox, path=name, of_hub=True)
    return go(call, PATH, done=visitor.say(N_("The sandbox is gone.")))


async def _opened(call: Call, visitor: Visitor, dialect: str) -> Answer:
    body = {"dialect": dialect}
    made = await ask(call, visitor, sandboxes.open_sandbox, Sandbox, body=body, of_hub=True)
    return show(call, visitor, "sandbox_opened.html", made)


ROUTES = (
    page(PATH, "clock", every),
    form(f"{PATH}/clock", "clock", set_clock, every),
    form(f"{PATH}/faults", "faults", add_fault, every),
    form(f"{PATH}/faults/clear", "faults", clear_faults, every),
    form(f"{PATH}/open", OPERATOR, open_one, every),
    form(f"{PATH}/reset", OPERATOR, reset, every),
    form(f"{PATH}/remove", OPERATOR, remove, every),
)
