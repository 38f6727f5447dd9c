"""Files in: rows of CSV (or NDJSON) written one by one, with the result of each; a row that is wrong stops no other.

The rows, their columns and their rules are those of `orderhub catalogue import` and of the hub's bulk calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from orderhub.core.commands import AdjustPool
from orderhub.core.queries import Reads, RecordQuery
from orderhub.dialects.contract import Answer, Call, HTTPFault, WireFault
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.item_form import in_words
from orderhub.web.desk.language import ENGLISH, N_
from orderhub.web.desk.page import Visitor, form, origin, page, show
from orderhub.web.desk.refusals import in_row
from orderhub.web.desk.statuses import Badge
from orderhub.web.hub_api import catalogue_bulk, pools
from orderhub.web.hub_api.bodies import converted
from orderhub.web.hub_api.bulk import fault_of_row
from orderhub.web.hub_api.catalogue_kinds import KINDS
from orderhub.web.hub_api.catalogue_rows import Row, row_of
from orderhub.web.hub_api.pools import Adjustment, command_of
from orderhub.web.sheets import (
    COUNT_COLUMNS,
    COUNTED,
    FirstCount,
    ItemCells,
    RowFault,
    Rows,
    Unreadable,
    first_count,
    place_among,
    read,
    unaliased,
)

R = TypeVar("R")

ITEMS, COUNTS = "/desk/import", "/desk/stock/import"
MOST_ROWS = 5_000
_MOST_BYTES = 8 * 1024 * 1024
_MOST_SHOWN = 1_000
_MOST_PLACES = 10_000
# Kinds that are kept in sheets; whatever else there is, the API and the command line take.
TITLES: Mapping[str, str] = {
    "products": N_("Products"),
    "variants": N_("Variants"),
    "prices": N_("Prices"),
    "coupons": N_("Coupons"),
    "warehouses": N_("Warehouses"),
    "freight": N_("Freight rates"),
}
# Total over the statuses of a row: a test fails when one has no row.
STATUSES: Mapping[str, Badge] = {
    "created": Badge(N_("made"), "ok"),
    "updated": Badge(N_("changed"), "ok"),
    "opened": Badge(N_("counted first"), "ok"),
    "adjusted": Badge(N_("counted anew"), "ok"),
    "unchanged": Badge(N_("as it was"), "off"),
    "removed": Badge(N_("removed"), "off"),
    "refused": Badge(N_("refused"), "bad"),
}
_COLUMNS = ("kind", "subject", "code", "place", "count", "low_at", "reason")
# What a file of ours shows besides: a file that comes back may have them.
_ONLY_SHOWN = ("title", "counted", "sold", "held")


class _Given(msgspec.Struct, frozen=True, kw_only=True):
    """`check`: every row is tried and nothing is kept."""

    kind: str = "stock"
    check: bool = False
    reason: str = ""


class _Item(msgspec.Struct, frozen=True):
    """An item of the catalogue, and how many of it there are at first."""

    row: Row
    count: FirstCount | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the row that begins in this line; `detail` in the words of the hub's API."""

    line: int
    name: str
    badge: Badge
    detail: str


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """`counts` as (badge, rows); `kinds` as (value, title), none = stock is counted."""

    path: str
    kinds: tuple[tuple[str, str], ...]
    kind: str
    is_done: bool = False
    is_check: bool = False
    counts: tuple[tuple[Badge, int], ...] = ()
    results: tuple[Result, ...] = ()
    hidden: int = 0


def _shown(call: Call) -> Import:
    is_stock = call.path.startswith("/desk/stock")
    kind = call.query.get("kind", "")
    return Import(
        path=COUNTS if is_stock else ITEMS,
        kinds=() if is_stock else tuple(TITLES.items()),
        kind=kind if kind in TITLES else "products",
    )


async def import_page(call: Call, visitor: Visitor, sent: Form) -> Answer:
    return show(call, visitor, "import.html", _shown(call), sent)


async def import_items(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """Items written: of a table a row says what changes, an empty cell removes."""
    given = sent.read(_Given)
    if given.kind not in TITLES:
        raise FormRefused({"kind": N_("This cannot be taken.")})
    rows = _rows(visitor, sent)
    kind = KINDS[given.kind]
    is_counted = given.kind in COUNTED and visitor.may("pools")
    besides = COUNT_COLUMNS if is_counted else ()
    cells: ItemCells | None = None
    if rows.is_csv:
        members = kind.members or kind.model.__struct_fields__
        cells = _readable(
            visitor, lambda: ItemCells(kind.name, kind.model, members, rows.columns, besides)
        )
    codes, usual = await call.hub.read(lambda reads: _places(reads, visitor))

    def ready(values: dict[str, Any]) -> _Item:
        own = unaliased(values)
        count = None
        if is_counted:
            count = first_count(own, lambda said: place_among(said, codes, usual))
        return _Item(row_of(cells.item(own) if cells else own), count)

    async def write(at: Call, items: Sequence[_Item | WireFault]) -> list[bytes]:
        assert visitor.caller is not None
        wanted = [each if isinstance(each, WireFault) else each.row for each in items]
        told = await catalogue_bulk.write_rows(
            at, visitor.caller, visitor.at, kind, _each(wanted), is_merged=rows.is_csv
        )
        counts = [None if isinstance(each, WireFault) else each.count for each in items]
        return await _counted_first(at, visitor, COUNTED.get(given.kind, ""), told, counts)

    return await _written(call, visitor, given, rows, ready, write)


def _places(reads: Reads, visitor: Visitor) -> tuple[tuple[str, ...], str]:
    """The codes of all warehouses, and where units lie when nobody says; empty = that has to be said."""
    query = RecordQuery(tenant_id=visitor.at.id, kind="warehouse", limit=_MOST_PLACES)
    codes = tuple(each.code for each in reads.records(query))
    assert visitor.settings is not None
    usual = visitor.settings.default_warehouse or (codes[0] if len(codes) == 1 else "")
    return codes, usual if usual in codes else ""


async def _counted_first(
    call: Call,
    visitor: Visitor,
    record: str,
    told: list[bytes],
    counts: Sequence[FirstCount | None],
) -> list[bytes]:
    """The results of rows, their items counted where they were not yet: what is counted has been sold from.

    A dry run counts no new item, which is not there to be counted.
    """
    results: list[dict[str, Any]] = [msgspec.json.decode(each) for each in told]
    commands: dict[int, AdjustPool] = {}
    counted: set[tuple[str, str | None]] = set()
    for index, count in enumerate(counts):
        if count is None or "version" not in results[index]:
            continue
        subject = f"{record}:{results[index]['id']}"
        if (subject, count.place) in counted:  # the first row of an item is its first count
            continue
        counted.add((subject, count.place))
        commands[index] = AdjustPool(
            origin=origin(call, visitor),
            kind="stock",
            subject=subject,
            place=count.place,
            count=count.count,
            reason=visitor.say(N_("Counted by a file")),
        )
    new = [index for index in commands if results[index]["status"] == "created"]
    stand = [index for index in commands if results[index]["status"] != "created"]
    tried = _each([commands[index] for index in stand])
    for index, answer in zip(stand, await pools.write_rows(call.as_dry_run(), tried), strict=True):
        look = msgspec.json.decode(answer)
        if look["status"] == "opened":
            new.append(index)
        elif look["status"] == "refused":
            results[index] |= {**look, **results[index], "field": "stock"}
    if not call.is_dry_run:
        opened = _each([commands[index] for index in new])
        for index, answer in zip(new, await pools.write_rows(call, opened), strict=True):
            done = msgspec.json.decode(answer)
            if done["status"] == "refused":
                results[index] |= {**done, **results[index], "field": "stock"}
            else:
                results[index]["counted"] = commands[index].count
    return [msgspec.json.encode(each) for each in results]


async def import_counts(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """Stock counted: how many are left of what, and where."""
    given = sent.read(_Given)
    rows = _rows(visitor, sent)
    _readable(visitor, lambda: _refuse_unknown(rows))
    assert visitor.settings is not None
    usual = visitor.settings.default_warehouse
    by = origin(call, visitor)
    reason = given.reason or visitor.say(N_("Counted by a file"))

    def ready(values: dict[str, Any]) -> AdjustPool:
        own = {
            name: each
            for name, each in unaliased(values).items()
            if each is not None and name not in _ONLY_SHOWN
        }
        if "by" in own:
            raise RowFault("by", "a repeat would count it again: say the count")
        if "subject" in own:
            own.pop("code", None)
        if own.get("kind", "stock") == "stock" and usual:
            own.setdefault("place", usual)
        return command_of(by, converted({"reason": reason[:200], **own}, Adjustment))

    async def write(at: Call, ready_rows: Sequence[AdjustPool | WireFault]) -> list[bytes]:
        return await pools.write_rows(at, _each(ready_rows))

    return await _written(call, visitor, given, rows, ready, write)


def _rows(visitor: Visitor, sent: Form) -> Rows:
    """The rows of the file that was sent. Raises FormRefused."""
    data = sent.files.get("file", b"")
    if not data:
        raise FormRefused({"file": N_("Choose a file.")})
    rows = _readable(visitor, lambda: read(data))
    _readable(visitor, lambda: unaliased(dict.fromkeys(rows.columns)))
    if len(rows.rows) > MOST_ROWS:
        raise FormRefused(
            {"file": N_("A file has 5,000 rows at most: the command line takes larger ones.")}
        )
    return rows


def _readable(visitor: Visitor, make: Callable[[], R]) -> R:
    try:
        return make()
    except (Unreadable, RowFault) as wrong:
        said = str(wrong).lstrip(": ")
        if visitor.language != ENGLISH:
            said = N_(
                "The file cannot be read: it, or one of its columns, is not as described here."
            )
        raise FormRefused({"file": said}) from None


def _refuse_unknown(rows: Rows) -> None:
    columns = [*unaliased(dict.fromkeys(rows.columns))] if rows.is_csv else []
    for column in columns:
        if column not in (*_COLUMNS, *_ONLY_SHOWN):
            raise Unreadable(f": the column {column} is none of {', '.join(_COLUMNS)}.")
    if rows.is_csv and ("count" not in columns or not {"code", "subject"} & {*columns}):
        raise Unreadable(": columns code (or subject) and count are needed.")


async def _each(rows: Sequence[R]) -> AsyncIterator[R]:
    for row in rows:
        yield row


async def _written(
    call: Call,
    visitor: Visitor,
    given: _Given,
    rows: Rows,
    ready: Callable[[dict[str, Any]], R],
    write: Callable[[Call, Sequence[R | WireFault]], Any],
) -> Answer:
    """Every row tried or written, and the page with what became of each."""
    results: list[Result] = []
    made: list[R | WireFault] = []
    lines: list[tuple[int, str]] = []
    for row in rows.rows:
        name = _name(row.values)
        if row.fault:
            results.append(_refused(visitor, row.line, name, row.fault))
            continue
        try:
            made.append(ready(row.values))
        except RowFault as fault:
            results.append(_refused(visitor, row.line, name, str(fault)))
            continue
        except HTTPFault as stop:
            made.append(fault_of_row(stop))
        lines.append((row.line, name))
    call.body = b""  # the file is no command's own request
    told = await write(call.as_dry_run() if given.check else call, made)
    for (line, name), answer in zip(lines, told, strict=True):
        results.append(_result(visitor, line, name, msgspec.json.decode(answer)))
    counts = Counter(each.badge.word for each in results)
    results.sort(key=lambda each: (each.badge is not STATUSES["refused"], each.line))
    shown = msgspec.structs.replace(
        _shown(call),
        kind=given.kind,
        is_done=True,
        is_check=given.check,
        counts=tuple((b, counts[b.word]) for b in STATUSES.values() if counts[b.word]),
        results=tuple(results[:_MOST_SHOWN]),
        hidden=max(0, len(results) - _MOST_SHOWN),
    )
    return show(call, visitor, "import.html", shown)


def _name(values: Mapping[str, Any]) -> str:
    """What the row is about, as its file says."""
    said = (values.get(each) for each in ("code", "sku", "subject", "id", "uid"))
    return next((str(each)[:80] for each in said if each), "")


def _refused(visitor: Visitor, line: int, name: str, detail: str) -> Result:
    said = in_row(visitor.language, "", detail)
    return Result(line=line, name=name, badge=STATUSES["refused"], detail=said)


def _result(visitor: Visitor, line: int, name: str, told: dict[str, Any]) -> Result:
    return Result(
        line=line,
        name=name or str(told.get("id") or ""),
        badge=STATUSES[told["status"]],
        detail=_detail(visitor, told),
    )


def _detail(visitor: Visitor, told: dict[str, Any]) -> str:
    """What there is to say of a row besides its status; of one that was refused always something."""
    if "counted" in told:
        return visitor.say(N_("Counted first: %(count)s"), count=told["counted"])
    path, message = str(told.get("field") or ""), str(told.get("detail") or "")
    member, why, is_known = in_words(visitor, path, message)
    if not is_known and (message or told["status"] == "refused"):
        why = in_row(visitor.language, str(told.get("reason") or ""), why)
    return f"{member}: {why}" if member else why


ROUTES = (
    page(ITEMS, "catalogue", import_page),
    form(ITEMS, "catalogue", import_items, import_page, max_body=_MOST_BYTES),
    page(COUNTS, "pools", import_page),
    form(COUNTS, "pools", import_counts, import_page, max_body=_MOST_BYTES),
)
