"""Orders that are handed on to vendors: what nobody knows of first, and what a person decides about it."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlencode

import msgspec

from orderhub.core.commands import OrderName
from orderhub.core.handing import NEVER, HandOver, HandOverState
from orderhub.core.queries import Reads
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.relaying import HandOverQuery
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, CommandRejected
from orderhub.relay.waiting import with_reasons
from orderhub.web.desk.forms import Form
from orderhub.web.desk.handing_on import BADGES, ONWARD, OPEN, at_most, counts, vendors
from orderhub.web.desk.inner import ask, file, tell, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages, titles_of
from orderhub.web.desk.page import HOME, Visitor, form, page, show
from orderhub.web.desk.page import go as on
from orderhub.web.desk.statuses import Badge
from orderhub.web.hub_api import handovers
from orderhub.web.hub_api.connections import SCOPE as MANAGES
from orderhub.web.hub_api.handovers import CallShown, Previews

SEES, DECIDES = "orders:read", "orders:write"
_PAGE = 25
_CURSOR = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}\.[0-9]{1,18}u?")
_STATES: tuple[tuple[str, str], ...] = (
    ("", N_("All")),
    (HandOverState.UNSURE, N_("Unsure")),
    (HandOverState.REFUSED, N_("Refused")),
    (HandOverState.PLANNED, N_("Waiting")),
    (HandOverState.SENDING, N_("On their way")),
    (HandOverState.PLACED, N_("Placed")),
)

Number = Annotated[str, msgspec.Meta(max_length=200)]


class _There(msgspec.Struct, frozen=True, kw_only=True):
    """`version`: of what somebody looked at when they decided."""

    version: int
    number: Number


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    version: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A hand-over with the order's number and the vendor's name. `next_at` 0: nobody looks at it by itself."""

    hand_over: HandOver
    path: str
    order: str
    order_path: str
    vendor: str
    badge: Badge
    next_at: int

    @property
    def is_open(self) -> bool:
        return self.hand_over.state in OPEN

    @property
    def may_be_decided(self) -> bool:
        return self.hand_over.state not in (HandOverState.SENDING, HandOverState.PLACED)


class Tab(msgspec.Struct, frozen=True):
    """`count` as it is shown, such as 99+; empty = it is not told."""

    path: str
    title: str
    is_here: bool
    count: str


class Onward(msgspec.Struct, frozen=True, kw_only=True):
    """`unsure` are among `rows` no more."""

    unsure: tuple[Row, ...]
    rows: tuple[Row, ...]
    tabs: tuple[Tab, ...]
    pages: Pages
    state: str
    decides: bool
    manages: bool


class OneOnward(msgspec.Struct, frozen=True, kw_only=True):
    row: Row
    decides: bool
    manages: bool


class Previewed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the order would go. `text`: the very request; empty where there is an obstacle."""

    vendor: str
    lines: tuple[int, ...]
    obstacle: str
    text: str


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """`items` None: nothing was asked yet. `vendors` as (uid, name)."""

    order: str
    order_path: str
    connection: str
    vendors: tuple[tuple[str, str], ...]
    items: tuple[Previewed, ...] | None


# --- what there is


async def every(call: Call, visitor: Visitor, sent: Form) -> Answer:
    state, cursor = call.query.get("state", ""), call.query.get("after", "")
    state = state if state in {*HandOverState} else ""
    cursor = cursor if _CURSOR.fullmatch(cursor) else ""
    if media := wanted(call):
        operation, query = handovers.list_hand_overs, {"state": state}
        return await file(call, visitor, operation, media, query=query, scope=SEES)
    titles, tenant_id = titles_of(call), visitor.at.id
    sought = HandOverQuery(tenant_id=tenant_id, states=(state,) if state else ())

    def look(reads: Reads) -> Onward:
        found, more = handovers.page_of(reads, sought, cursor, _PAGE)
        rows = _rows(reads, tenant_id, found, vendors(reads, tenant_id, titles))
        is_unsure = HandOverState.UNSURE
        return Onward(
            unsure=tuple(each for each in rows if each.hand_over.state is is_unsure),
            rows=tuple(each for each in rows if each.hand_over.state is not is_unsure),
            tabs=_tabs(counts(reads, tenant_id), state),
            pages=Pages(
                newest=_path(state) if cursor else "", older=_path(state, more) if more else ""
            ),
            state=state,
            decides=visitor.may(DECIDES),
            manages=visitor.may(MANAGES),
        )

    return show(call, visitor, "onward.html", await call.hub.read(look), sent)


async def one(call: Call, visitor: Visitor, sent: Form) -> Answer:
    titles, tenant_id = titles_of(call), visitor.at.id

    def look(reads: Reads) -> OneOnward:
        found = with_reasons(reads, (_named(reads, tenant_id, call.params["uid"]),))
        (row,) = _rows(reads, tenant_id, found, vendors(reads, tenant_id, titles))
        return OneOnward(row=row, decides=visitor.may(DECIDES), manages=visitor.may(MANAGES))

    return show(call, visitor, "onward_one.html", await call.hub.read(look), sent)


def _rows(
    reads: Reads, tenant_id: int, found: tuple[HandOver, ...], names: dict[str, str]
) -> tuple[Row, ...]:
    ids = tuple({each.order_id for each in found})
    orders = {each.id: each for each in reads.orders_among(tenant_id, ids)} if ids else {}
    return tuple(
        Row(
            hand_over=each,
            path=f"{ONWARD}/{each.uid}",
            order=orders[each.order_id].number if each.order_id in orders else each.order_uid,
            order_path=f"{HOME}/{each.order_uid}",
            vendor=names.get(each.connection_uid, each.connection_uid),
            badge=BADGES[each.state],
            next_at=each.due_at if each.due_at < NEVER else 0,
        )
        for each in found
    )


def _tabs(found: dict[HandOverState, int], state: str) -> tuple[Tab, ...]:
    tabs = []
    for name, title in _STATES:
        count = found.get(HandOverState(name), 0) if name else 0
        tabs.append(Tab(_path(name), title, name == state, at_most(count)))
    return tuple(tabs)


def _path(state: str, after: str = "") -> str:
    members = {name: each for name, each in (("state", state), ("after", after)) if each}
    return f"{ONWARD}?{urlencode(members)}" if members else ONWARD


def _named(reads: Reads, tenant_id: int, uid: str) -> HandOver:
    found = reads.relay.named(tenant_id, uid.lower())
    if found is None:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "", f"no hand-over {uid[:40]}"))
    return found


# --- what a person decides


async def there(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """It is there, under this number."""
    given, name = sent.read(_There), {"id": call.params["uid"]}
    operation, body = handovers.is_there, {"number": given.number}
    await tell(call, visitor, operation, path=name, body=body, version=given.version, scope=DECIDES)
    text = N_("It is there as %(number)s. Nothing is sent again.")
    return on(call, ONWARD, done=visitor.say(text, number=given.number))


async def drop(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """It shall not go there."""
    given, name = sent.read(_Seen), {"id": call.params["uid"]}
    operation = handovers.drop
    await tell(call, visitor, operation, path=name, version=given.version, scope=DECIDES)
    return on(call, ONWARD, done=visitor.say(N_("It does not go there.")))


async def again(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """It is not there, or what was wrong is mended: it is sent."""
    given, name = sent.read(_Seen), {"id": call.params["uid"]}
    operation = handovers.send_again
    await tell(call, visitor, operation, path=name, version=given.version, scope=DECIDES)
    return on(call, ONWARD, done=visitor.say(N_("It is sent.")))


# --- where an order would go


async def dry_run(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """By the routes in force, or as if it went to one connection; nothing is sent or kept."""
    text, connection = call.query.get("order", "").strip()[:200], call.query.get("connection", "")
    titles, tenant_id = titles_of(call), visitor.at.id

    def look(reads: Reads) -> tuple[str, dict[str, str]]:
        names = vendors(reads, tenant_id, titles)
        for by in ("number", "uid"):
            found = reads.order(tenant_id, OrderName(by, text.lower() if by == "uid" else text))
            if found is not None:
                return found.uid, names
        return "", names

    uid, names = await call.hub.read(look)
    connection = connection if connection in names else ""
    items: tuple[Previewed, ...] | None = None
    if text and not uid:
        sent = msgspec.structs.replace(sent, faults={"order": N_("There is no such order.")})
    elif uid:
        body = {"order": uid, "connection": connection}
        found = await ask(call, visitor, handovers.preview, Previews, body=body)
        items = tuple(
            Previewed(
                vendor=names.get(each.connection, each.connection),
                lines=each.lines,
                obstacle=each.obstacle or "",
                text=_text(each.request) if each.request is not None else "",
            )
            for each in found.items
        )
    context = DryRun(
        order=text,
        order_path=f"{HOME}/{uid}" if uid else "",
        connection=connection,
        vendors=tuple(names.items()),
        items=items,
    )
    return show(call, visitor, "onward_preview.html", context, sent)


def _text(request: CallShown) -> str:
    """As it would go out, without what says who calls."""
    query = f"?{urlencode(request.query)}" if request.query else ""
    body = "" if request.body is None else msgspec.json.format(encode(request.body)).decode()
    return f"{request.method} {request.path}{query}\n\n{body}".rstrip()


ROUTES = (
    page(ONWARD, SEES, every),
    page(f"{ONWARD}/preview", MANAGES, dry_run),
    page(f"{ONWARD}/{{uid}}", SEES, one),
    form(f"{ONWARD}/{{uid}}/placed", DECIDES, there, one),
    form(f"{ONWARD}/{{uid}}/send", DECIDES, again, one),
    form(f"{ONWARD}/{{uid}}/drop", DECIDES, drop, one),
)
