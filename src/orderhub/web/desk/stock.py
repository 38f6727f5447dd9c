"""What is left: pools with what is counted, sold and available, low first; one counted anew, and its history."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Annotated

import msgspec

from orderhub.core.facts import Record
from orderhub.core.money import from_micros
from orderhub.core.pools import MONEY_KINDS, POOL_KINDS
from orderhub.core.queries import MoveQuery, PastMove, Reads, RecordQuery
from orderhub.core.values import Pool, PoolKey
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import Answer, Call, HTTPFault
from orderhub.web.desk.counted import LOW, OUT, POOL, Counted, counted, held_in, named, rows_of
from orderhub.web.desk.exports import AS_CSV, media_asked, path_to
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages
from orderhub.web.desk.page import HOME, Visitor, do, form, go, origin, page, show
from orderhub.web.desk.products import VARIANTS, variants_of
from orderhub.web.desk.timeline import actors, name_of_actor
from orderhub.web.hub_api.lists import listed
from orderhub.web.hub_api.pools import Adjustment, command_of
from orderhub.web.hub_api.shaping import Page, exact_instant

_PATH = "/desk/stock"
_SCOPE = "pools"
_PAGE = 50
# So many pools, those with the least left, are put into order at a time. The next ones follow after these.
STRETCH = 250
_LONGEST = 200
_MOST_SUBJECTS = 30_000  # of what one text names: a statement takes no more parameters

Short = Annotated[str, msgspec.Meta(max_length=_LONGEST)]
# Total over POOL_KINDS: a test fails when one has no row.
KINDS: dict[str, str] = {
    "stock": N_("Stock"),
    "seats": N_("Seats"),
    "rooms": N_("Rooms"),
    "coupon": N_("Coupons"),
    "balance": N_("Balances"),
}
# (level or empty, title).
_TABS = (("", N_("All")), ("low", N_("Low")), ("out", N_("Used up")))
_WANTED = {"low": LOW, "out": OUT}
# Total over the kinds of a move: see values.Move.
MOVES: dict[str, str] = {
    "opening": N_("Counted first"),
    "adjustment": N_("Counted anew"),
    "draw": N_("Drawn"),
    "return": N_("Given back"),
}
_COLUMNS = (
    "kind",
    "subject",
    "place",
    "count",
    "low_at",
    "code",
    "title",
    "counted",
    "sold",
    "held",
)


# What a column of whole numbers holds.
Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a list goes on: in the stretch that follows this pool, after what stands in this order."""

    last: tuple[Whole, str, str] | None = None
    after: tuple[int, str, str] = (-1, "", "")


class StockRow(msgspec.Struct, frozen=True, kw_only=True):
    """A pool in a file, in words that a file which is sent back may use."""

    kind: str
    subject: str
    place: str
    count: int | str
    low_at: int | str
    code: str
    title: str
    counted: int | str
    sold: int | str
    held: int | str


class Tab(msgspec.Struct, frozen=True):
    path: str
    title: str
    is_here: bool


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """`kinds` as (value, title)."""

    rows: tuple[Counted, ...]
    tabs: tuple[Tab, ...]
    pages: Pages
    text: str
    kind: str
    level: str
    kinds: tuple[tuple[str, str], ...]
    csv: str


async def stock(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    kind = call.query.get("kind", "")
    kind = kind if kind in KINDS else "stock"
    level = call.query.get("level", "")
    level = level if level in _WANTED else ""
    text = call.query.get("q", "").strip()[:_LONGEST]
    asked = {"q": text, "kind": "" if kind == "stock" else kind, "level": level}
    if media_asked(call):
        return await _file(call, visitor, kind, level, text)
    place = _place(call.query.get("after", ""))
    rows, following = await call.hub.read(
        lambda reads: _page(reads, visitor.at.id, kind, level, text, place)
    )
    is_later = place != Place()
    context = Stock(
        rows=rows,
        tabs=tuple(
            Tab(path_to(_PATH, {**asked, "level": name}), title, name == level)
            for name, title in _TABS
        ),
        pages=Pages(
            newest=path_to(_PATH, asked) if is_later else "",
            older=path_to(_PATH, {**asked, "after": _written(following)}) if following else "",
        ),
        text=text,
        kind=kind,
        level=level,
        kinds=tuple(KINDS.items()),
        csv=path_to(_PATH, {**asked, **AS_CSV}),
    )
    return show(call, visitor, "stock.html", context)


def _place(text: str) -> Place:
    """Where an earlier page ended; what is none begins anew."""
    try:
        return msgspec.convert(decode(text.encode()), Place) if text else Place()
    except (HTTPFault, msgspec.ValidationError, UnicodeError):
        return Place()


def _written(place: Place) -> str:
    return msgspec.json.encode(place).decode()


def _page(
    reads: Reads, tenant_id: int, kind: str, level: str, text: str, place: Place
) -> tuple[tuple[Counted, ...], Place | None]:
    """One page, low first within its stretch, and where it goes on."""
    pools = _pools(reads, tenant_id, kind, text, place.last, STRETCH + 1)
    stretch = pools[:STRETCH]
    rows = sorted(rows_of(reads, stretch, held_in(reads, tenant_id)), key=lambda each: each.order)
    left = [
        each
        for each in rows
        if each.order > place.after and (not level or each.level == _WANTED[level])
    ]
    if len(left) > _PAGE:
        return tuple(left[:_PAGE]), Place(place.last, left[_PAGE - 1].order)
    if len(pools) > STRETCH:
        return tuple(left), _behind(stretch[-1])
    return tuple(left), None


def _behind(pool: Pool) -> Place:
    return Place((pool.available, pool.key.subject, pool.key.place))


def _pools(
    reads: Reads,
    tenant_id: int,
    kind: str,
    text: str,
    after: tuple[int, str, str] | None,
    limit: int,
) -> tuple[Pool, ...]:
    """Pools of a kind, the least that is left first; with a text those of the item whose code or subject it is."""
    subjects: tuple[str, ...] = ()
    if text:
        subjects = subjects_of(reads, tenant_id, text)
    return reads.pools_by_left(tenant_id, kind, subjects, after, limit)


def subjects_of(reads: Reads, tenant_id: int, text: str) -> tuple[str, ...]:
    """What a code names, and the variants of a product; a subject is itself."""
    found = [text]
    for kind in ("product", "variant", "coupon"):
        query = RecordQuery(tenant_id=tenant_id, kind=kind, by="code", values=(text,), limit=5)
        ids = [each.id for each in reads.records(query)]
        found += [f"{kind}:{each}" for each in ids]
        if kind == "product":
            variants = _all_variants(reads, tenant_id, ids)
            found += (each.doc.subject for each in islice(variants, _MOST_SUBJECTS))
    return tuple(dict.fromkeys(found))


def _all_variants(reads: Reads, tenant_id: int, ids: list[int]) -> Iterator[Record]:
    for product_id in ids:
        after = 0
        while True:
            found = variants_of(reads, tenant_id, product_id, after)
            yield from found[:VARIANTS]
            if len(found) <= VARIANTS:
                break
            after = found[VARIANTS - 1].id


async def _file(call: Call, visitor: Visitor, kind: str, level: str, text: str) -> Answer:
    """All that the list has, the least that is left first."""

    async def ask(cursor: str, limit: int) -> Page[StockRow]:
        place = _place(cursor)

        def look(reads: Reads) -> tuple[tuple[Counted, ...], Place | None]:
            pools = _pools(reads, visitor.at.id, kind, text, place.last, limit + 1)
            following = _behind(pools[limit - 1]) if len(pools) > limit else None
            held = held_in(reads, visitor.at.id)
            return rows_of(reads, pools[:limit], held), following

        found, following = await call.hub.read(look)
        onward = None if following is None else _written(following)
        wanted = (each for each in found if not level or each.level == _WANTED[level])
        return Page(items=tuple(map(_row, wanted)), next_cursor=onward)

    return await listed(
        call, "stock", ask, _COLUMNS, cursor="", limit=_PAGE, media=media_asked(call)
    )


def _row(each: Counted) -> StockRow:
    return StockRow(
        kind=each.key.kind,
        subject=each.key.subject,
        place=each.key.place,
        count=_plain(each.available),
        low_at=_plain(each.low_at),
        code=each.code,
        title=each.title,
        counted=_plain(each.counted),
        sold=_plain(each.sold),
        held="" if each.held is None else _plain(each.held),
    )


def _plain(figure: int | Decimal) -> int | str:
    return figure if isinstance(figure, int) else f"{figure:f}"


# --- one pool


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """As the hub's API takes it: `by` so many more, or `count` how many are left."""

    kind: str
    subject: Short
    reason: Short
    place: Short = ""
    by: Short = ""
    count: Short = ""
    low_at: Short = ""


class PastRow(msgspec.Struct, frozen=True, kw_only=True):
    """`title` as `N_` marks it; `units` are signed."""

    at_us: int
    title: str
    units: int | Decimal
    reason: str
    by: str
    order: str


class MoveRow(msgspec.Struct, frozen=True, kw_only=True):
    """A move in a file; `order` is a uid."""

    at: str
    what: str
    units: int | str
    order: str
    reason: str
    by: str


class OnePool(msgspec.Struct, frozen=True, kw_only=True):
    """`is_open` says whether it was ever counted."""

    row: Counted
    is_open: bool
    kind_title: str
    moves: tuple[PastRow, ...]
    pages: Pages


async def pool(call: Call, visitor: Visitor, sent: Form) -> Answer:
    said = {
        name: sent.first(name) or call.query.get(name, "") for name in ("kind", "subject", "place")
    }
    if said["kind"] not in POOL_KINDS or not said["subject"]:
        return go(call, _PATH)
    key = PoolKey(visitor.at.id, said["kind"], said["subject"][:_LONGEST], said["place"][:_LONGEST])
    after = _moment(call.query.get("after", ""))
    if media := media_asked(call):
        return await _history(call, visitor, key, media)

    def look(reads: Reads) -> OnePool:
        known = next(iter(reads.pools(key.tenant_id, key.kind, (key.subject,), (key.place,))), None)
        items = named(reads, key.tenant_id, (key.subject,))
        moves = reads.past_moves(MoveQuery(key=key, after=after, limit=_PAGE + 1))
        shown = moves[:_PAGE]
        names = actors(reads, {each.actor for each in shown})
        row = counted(known or Pool(key=key, opening=0), items, held_in(reads, key.tenant_id))
        last = shown[-1] if len(moves) > _PAGE else None
        older = f"{row.path}&after={last.recorded_at}.{last.id}" if last else ""
        return OnePool(
            row=row,
            is_open=known is not None,
            kind_title=KINDS[key.kind],
            moves=tuple(_past(each, names, visitor) for each in shown),
            pages=Pages(newest=row.path if after else "", older=older),
        )

    return show(call, visitor, "pool.html", await call.hub.read(look), sent)


async def _history(call: Call, visitor: Visitor, key: PoolKey, media: str) -> Answer:
    """All moves of a pool, newest first."""

    async def ask(cursor: str, limit: int) -> Page[MoveRow]:
        def look(reads: Reads) -> tuple[tuple[PastMove, ...], dict[str, str]]:
            query = MoveQuery(key=key, after=_moment(cursor), limit=limit + 1)
            found = reads.past_moves(query)
            return found, actors(reads, {each.actor for each in found})

        found, names = await call.hub.read(look)
        shown, last = found[:limit], found[limit - 1] if len(found) > limit else None
        following = f"{last.recorded_at}.{last.id}" if last else None
        return Page(
            items=tuple(_move(each, names, visitor) for each in shown), next_cursor=following
        )

    columns = MoveRow.__struct_fields__
    return await listed(call, "history", ask, columns, cursor="", limit=_PAGE, media=media)


def _move(past: PastMove, names: dict[str, str], visitor: Visitor) -> MoveRow:
    row = _past(past, names, visitor)
    return MoveRow(
        at=exact_instant(row.at_us),
        what=past.move.kind,
        units=_plain(row.units),
        order=past.order_uid,
        reason=row.reason,
        by=row.by,
    )


def _moment(text: str) -> tuple[int, int] | None:
    at, _, number = text.partition(".")
    is_one = all(each.isascii() and each.isdecimal() and len(each) < 19 for each in (at, number))
    return (int(at), int(number)) if is_one else None


def _past(past: PastMove, names: dict[str, str], visitor: Visitor) -> PastRow:
    move = past.move
    units = -move.units if move.kind == "draw" else move.units
    return PastRow(
        at_us=past.recorded_at,
        title=MOVES[move.kind],
        units=from_micros(units) if move.key.kind in MONEY_KINDS else units,
        reason=move.reason,
        by=name_of_actor(past.actor, names, visitor.say) if not past.order_uid else "",
        order=f"{HOME}/{past.order_uid}" if past.order_uid else "",
    )


async def adjust(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """Counted anew by the rules of the hub's API, by whoever looks."""
    given = sent.read(_Given)
    if not (given.by or given.count or given.low_at):
        raise FormRefused({"by": N_("Say how many more or fewer, or how many are left.")})
    said = Adjustment(
        kind=given.kind,
        subject=given.subject,
        place=given.place,
        by=given.by.removeprefix("+") or None,
        count=given.count or None,
        low_at=given.low_at or None,
        reason=given.reason,
    )
    command = command_of(origin(call, visitor), said)
    done = go(
        call,
        path_to(POOL, {"kind": given.kind, "subject": given.subject, "place": given.place}),
        done=visitor.say(N_("It is counted.")),
    )
    return await do(call, command, lambda _: done)


ROUTES = (
    page(_PATH, _SCOPE, stock),
    page(POOL, _SCOPE, pool),
    form(POOL, _SCOPE, adjust, pool),
)
