"""Orders as rows of a table: a row for each line out, and rows of whoever's columns in, by a mapping.

A mapping is TOML: a member of the order (`number`, `contact.email`) or of its line (`line.title`) -> the name of a
column, or a table: `column`; `value` for all rows; `values` that stand for others; `form` and `zone` of a time, as of
strptime; `decimal`, the sign before the cents.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any

import msgspec

from orderhub.core.zones import zone_of
from orderhub.web.hub_api import tables
from orderhub.web.hub_api.order_records import PastLine, PastOrder
from orderhub.web.sheets import FileRow, RowFault, Unreadable, as_json, nested, read

_SAID_OF_LINES = ("line_no", "kind", "title", "sku", "product_id", "variant_id", "quantity")
_LINE_AMOUNTS = ("unit_net", "unit_gross", "net", "tax", "gross")
# What a spreadsheet can add up. Everything else is in NDJSON.
ORDER_COLUMNS = (
    *("tenant", "dialect", "id", "uid", "number", "group_number", "reference", "owner"),
    *("account", "status", "vendor_status", "currency", "net", "tax", "total", "paid"),
    *("refunded", "occurred_at", "updated_at", "recorded_at", "service_at"),
    *("contact.first_name", "contact.last_name", "contact.email", "contact.phone"),
    *("ship_to.recipient", "ship_to.street1", "ship_to.city", "ship_to.postcode"),
    *("ship_to.country", "notes"),
)
LINE = "line."
LINE_COLUMNS = tuple(
    f"{LINE}{name}"
    for name in (*_SAID_OF_LINES, *_LINE_AMOUNTS, "cancelled", "shipped", "refunded")
)
COLUMNS = (*ORDER_COLUMNS, *LINE_COLUMNS)
_NUMBERS = ("id", "line_no", "product_id", "variant_id", "quantity", "shipped", "refunded")
_NOT_MAPPED = ("lines", "events", "shipments", "payments", "refunds", "pricing", "settlement")


class RawPage(msgspec.Struct):
    """A page of an export, its orders as they came."""

    items: list[msgspec.Raw]
    next_cursor: str | None


# --- out


def head() -> bytes:
    return tables.head(COLUMNS)


def lines(items: Iterable[msgspec.Raw]) -> bytes:
    """The rows of orders that came as JSON."""
    orders = (msgspec.json.decode(each, type=PastOrder) for each in items)
    return tables.lines((row for order in orders for row in rows_of(order)), COLUMNS)


def rows_of(order: PastOrder) -> Iterator[dict[str, Any]]:
    """A row for each line, the order's own members on each; one row where there is no line."""
    whole = msgspec.to_builtins(msgspec.structs.replace(order, events=(), lines=(), business={}))
    for name in ("net", "tax", "paid", "refunded"):
        whole.setdefault(name, "0")
    whole |= {"status": order.status.value, "dialect": order.dialect}
    if not order.lines:
        yield whole
    for line in order.lines:
        said = {name: getattr(line, name) for name in (*_SAID_OF_LINES, *_LINE_AMOUNTS)}
        said |= {name: said[name] or "0" for name in _LINE_AMOUNTS}
        said |= {"kind": line.kind.value, "cancelled": line.cancelled}
        yield {**whole, "line": {**said, "shipped": line.shipped, "refunded": line.refunded}}


# --- in


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the value of a member comes from."""

    column: str = ""
    value: str = ""
    values: dict[str, str] = {}
    form: str = ""
    zone: str = "UTC"
    decimal: str = ""

    def of(self, row: Mapping[str, Any]) -> str | None:
        """The member's text in a row, None = it says nothing. Raises RowFault."""
        said = self.value if not self.column else row.get(self.column)
        if said is None or said == "":
            return None
        if self.values:
            if said not in self.values:
                raise RowFault(self.column, f"{said} is none of {', '.join(self.values)}")
            said = self.values[said]
        if self.form:
            try:
                at = datetime.strptime(said, self.form)  # noqa: DTZ007 - its zone comes next
            except ValueError:
                raise RowFault(self.column, f"{said} is not of the form {self.form}") from None
            at = at if at.tzinfo is not None else at.replace(tzinfo=zone_of(self.zone))
            return at.isoformat()
        if self.decimal:
            said = said.replace("." if self.decimal == "," else ",", "").replace(self.decimal, ".")
        return str(said)

    def known_of(self, row: Mapping[str, Any]) -> str | None:
        """The member's text; the cell's own where it is wrong, which tells rows that have it from the others."""
        try:
            return self.of(row)
        except RowFault:
            return str(row.get(self.column, self.value))


def mapped(data: bytes, mapping: str) -> list[tuple[int, Any]]:
    """(line, order as NDJSON has it, or the RowFault) of each order of a table: rows of one number are one order.

    An order of which a row is wrong is refused whole: no repeat would bring the row in. Without a mapping the columns
    are those of the export. Raises Unreadable.
    """
    table = read(data)
    if not table.is_csv:
        raise Unreadable(": a mapping is for CSV, and this is NDJSON.")
    sources = _sources(mapping, table.columns)
    orders: dict[_Key, tuple[int, dict[str, Any]]] = {}
    faults: list[tuple[int, RowFault]] = []
    wrong: dict[_Key, int] = {}
    for row in table.rows:
        keys = [_key(row.line, each, sources) for each in row.readings or (row.values,)]
        try:
            order, line = _row(row, sources)
        except RowFault as fault:
            faults.append((row.line, fault))
            for each in keys:
                wrong.setdefault(each, row.line)
            continue
        _, told = orders.setdefault(keys[0], (row.line, order))
        if line:
            told.setdefault("lines", []).append(line)
    found: list[tuple[int, Any]] = [
        (line, RowFault("order", f"line {wrong[key]} is or may be a row of it, and is refused"))
        if key in wrong
        else (line, order)
        for key, (line, order) in orders.items()
    ]
    return sorted([*found, *faults], key=itemgetter(0))


_Key = tuple[object, ...]


def _key(line: int, values: Mapping[str, Any], sources: Mapping[str, Source]) -> _Key:
    """Which order a row is of, whatever else is wrong with it: one without a name is of none but its own."""
    tenant, uid, number = (
        sources[each].known_of(values) if each in sources else None
        for each in ("tenant", "uid", "number")
    )
    return (tenant, uid, number) if uid or number else (tenant, line)


def _sources(text: str, columns: tuple[str, ...]) -> dict[str, Source]:
    if not text:
        unknown = [each for each in columns if each not in COLUMNS]
        if unknown:
            raise Unreadable(
                f": the column {unknown[0]} is none of an export: say with --mapping which is which."
            )
        return {each: Source(column=each) for each in columns}
    try:
        given = {
            member: Source(column=each) if isinstance(each, str) else msgspec.convert(each, Source)
            for member, each in _flat(tomllib.loads(text))
        }
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Unreadable(f": the mapping cannot be read: {error}.") from None
    for member, source in given.items():
        if not _is_member(member):
            raise Unreadable(f": the mapping names {member}, which is no member of an order.")
        if source.column and source.column not in columns:
            raise Unreadable(f": there is no column {source.column}, which the mapping names.")
        try:
            zone_of(source.zone)
        except ValueError:
            raise Unreadable(f": the mapping's zone {source.zone} is unknown.") from None
        if not _is_form(source.form):
            raise Unreadable(f": the mapping's form {source.form} cannot be read.")
    return given


def _is_form(form: str) -> bool:
    """Whether strptime knows it, whatever text it is of."""
    try:
        datetime.strptime("", form)  # noqa: DTZ007 - no time comes of it
    except re.error:  # a part that is there twice
        return False
    except ValueError as error:
        return str(error).startswith("time data")
    return True


def _flat(table: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """`[contact] email = "E-Mail"` and `"contact.email" = "E-Mail"` say the same."""
    for name, each in table.items():
        path = f"{within}{name}"
        if isinstance(each, dict) and not set(each) & set(Source.__struct_fields__):
            yield from _flat(each, f"{path}.")
        else:
            yield path, each


def _is_member(path: str) -> bool:
    if path.startswith(LINE):
        return path.removeprefix(LINE).partition(".")[0] in PastLine.__struct_fields__
    first = path.partition(".")[0]
    return first in PastOrder.__struct_fields__ and first not in _NOT_MAPPED


def _row(row: FileRow, sources: Mapping[str, Source]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The order's members and those of one of its lines. Raises RowFault."""
    if row.fault:
        raise RowFault("row", row.fault)
    order: dict[str, Any] = {}
    line: dict[str, Any] = {}
    for member, source in sources.items():
        said = source.of(row.values)
        if said is None:
            continue
        is_of_line = member.startswith(LINE)
        name = member.removeprefix(LINE)
        typed = as_json(said, source.column) if _is_typed(name, is_of_line=is_of_line) else said
        (line if is_of_line else order)[name] = typed
    return nested(order), nested(line)


def _is_typed(name: str, *, is_of_line: bool) -> bool:
    if is_of_line:
        return name in (*_NUMBERS, "cancelled")
    return name in ("id", "recorded")
