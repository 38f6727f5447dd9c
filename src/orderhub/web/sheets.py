"""The rows of a file that is imported: CSV with a header, or NDJSON, told apart by how it begins.

What is refused of a body is refused of a row: U+0000, JSON nested too deeply, numbers beyond use (`codec.decode`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from orderhub.dialects.codec import decode, decode_object, refuse_poison
from orderhub.dialects.contract import HTTPFault
from orderhub.dialects.json_faults import fault_in

# What an item may be found by, and what people call some columns.
NAMES = ("id", "uid", "code")
ALIASES = {"sku": "code", "warehouse": "place"}
_DELIMITERS = ",;\t"
_NUL = "\0"
# What a spreadsheet may run, wide forms included; a number is none of it. Apostrophes that stand there are a part of
# the text: it gets one more, so that taking one off always gives the text back.
_RUNS = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
Convert = Callable[[str], Any]


class Unreadable(Exception):
    """What is wrong with a file as a whole: it goes on from the file's name."""


class RowFault(Exception):
    """What is wrong with one row; its neighbours go on."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: the line it begins in, and its values. `fault` is what the file itself has wrong.

    `readings` of a row with too many or too few cells: what they are, counted from the first, and from the last.
    """

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    fault: str = ""
    readings: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of a file. Of a CSV file a row has every column, an empty cell as None."""

    is_csv: bool
    columns: tuple[str, ...]
    rows: tuple[FileRow, ...]


def read(data: bytes) -> Rows:
    """The file's rows. Raises Unreadable where it is neither CSV nor NDJSON."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(" is no text in UTF-8.") from None
    if not text.strip():
        raise Unreadable(" is empty.")
    if text.lstrip().startswith("{"):
        return Rows(is_csv=False, columns=(), rows=tuple(_objects(text)))
    return _table(text)


def _objects(text: str) -> Iterator[FileRow]:
    for line, each in enumerate(text.split("\n"), 1):
        if not each.strip():
            continue
        try:
            yield FileRow(line, decode_object(each.encode()))
        except HTTPFault as stop:
            yield FileRow(line, fault=f"no JSON object: {stop.fault.message}")


def _table(text: str) -> Rows:
    head = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    rows: list[FileRow] = []
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if columns:
                rows.append(_row(line, columns, cells))
            else:
                columns = _header(cells)
    except csv.Error as error:
        raise Unreadable(f":{begins}: this is no CSV: {error}.") from None
    return Rows(is_csv=True, columns=columns, rows=tuple(rows))


def _header(cells: list[str]) -> tuple[str, ...]:
    names = tuple(cell.strip() for cell in cells)
    for name in names:
        if not name or _NUL in name:
            raise Unreadable(": a column has no name, or one with U+0000.")
        if names.count(name) > 1:
            raise Unreadable(f": the column {name} is there twice.")
    return names


def _row(line: int, columns: tuple[str, ...], cells: list[str]) -> FileRow:
    if len(cells) == len(columns):
        values = _values(columns, cells)
        if any(_NUL in cell for cell in cells):
            return FileRow(line, fault="U+0000 is not allowed", readings=(values,))
        return FileRow(line, values)
    ends = _values(columns, cells), _values(columns[::-1], cells[::-1])
    fault = f"{len(cells)} cells, but {len(columns)} columns"
    return FileRow(line, fault=fault, readings=ends)


def _values(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    return {name: text_of(cell.strip()) or None for name, cell in zip(columns, cells, strict=False)}


# --- what a cell holds


def harmless(text: str) -> str:
    """The text as a cell that no spreadsheet runs."""
    if _RUNS.match(text) and not _NUMBER.fullmatch(text):
        return f"'{text}"
    return text


def text_of(cell: str) -> str:
    """The text that a cell was made of."""
    return cell[1:] if cell[:1] == "'" and _RUNS.match(cell) else cell


def as_json(cell: str, column: str, depth: int = 0) -> Any:
    """A number, true or false, a list or object; any other text is itself, and the hub says if that does not fit.

    depth  how deep it stands in what it is a part of

    Raises RowFault for a list, an object or a quoted text that is refused of any body.
    """
    lowered = cell.lower()  # a spreadsheet writes TRUE
    text = (lowered if lowered in ("true", "false") else cell).encode()
    try:
        value = decode(text)
        refuse_poison(value, depth)
    except HTTPFault as stop:
        # A number beyond use is a text like any other, such as an article's 1e999.
        if cell.startswith(("{", "[", '"')) and fault_in(text) is None:
            raise RowFault(column, stop.fault.message) from None
        return cell
    return value


def converter(model: type[msgspec.Struct], path: list[str]) -> Convert:
    """How a cell of a column named `price`, `prices.single` or `data.image` is read."""
    kinds = _types(msgspec.inspect.type_info(model), path)
    plain = (msgspec.inspect.StrType, msgspec.inspect.DecimalType)
    if any(isinstance(each, plain) for each in kinds):
        return str
    return partial(as_json, column=".".join(path), depth=len(path))


def _types(kind: msgspec.inspect.Type, path: list[str]) -> list[msgspec.inspect.Type]:
    match kind:
        case msgspec.inspect.Metadata():
            return _types(kind.type, path)
        case msgspec.inspect.UnionType():
            return [found for each in kind.types for found in _types(each, path)]
        case msgspec.inspect.StructType() if path:
            inner = [each.type for each in kind.fields if each.encode_name == path[0]]
            return [found for each in inner for found in _types(each, path[1:])]
    return [] if path else [kind]


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """`data.image` as `{"data": {"image": …}}`. Raises RowFault where `data` is said whole beside it."""
    whole: dict[str, Any] = {}
    made = {id(whole)}
    for name, value in values.items():
        *outer, last = name.split(".")
        inner = whole
        for each in outer:
            if each not in inner:
                inner[each] = {}
                made.add(id(inner[each]))
            inner = inner[each]
            if id(inner) not in made:
                raise RowFault(name, f"{each} is said whole by another column")
        if last in inner:
            raise RowFault(name, "its members are said by other columns")
        inner[last] = value
    return whole


def unaliased(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values under the columns' own names. Raises RowFault where one is said twice."""
    found: dict[str, Any] = {}
    for name, each in values.items():
        own = ALIASES.get(name, name)
        if own in found:
            raise RowFault(name, f"{own} is said twice")
        found[own] = each
    return found


# Kinds of the catalogue of which a row may say a first count besides, with what their pools are called by.
COUNTED = {"products": "product", "variants": "variant"}
COUNT_COLUMNS = ("stock", "place")


class FirstCount(msgspec.Struct, frozen=True):
    """So many units at a place, of an item that was not counted yet."""

    count: int
    place: str


def first_count(values: dict[str, Any], place_of: Callable[[Any], str]) -> FirstCount | None:
    """What a row says of stock besides its item, taken out of its values. Raises RowFault.

    place_of  where units lie, by what the row says of that, None = nothing; it may raise RowFault
    """
    said, place = (values.pop(name, None) for name in COUNT_COLUMNS)
    if said is None:
        return None
    count = as_json(said, "stock") if isinstance(said, str) else said
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise RowFault("stock", f"a whole number from 0 on, not {said}")
    return FirstCount(count, place_of(place))


def place_among(said: Any, codes: Sequence[str], usual: str) -> str:
    """Where units lie, of these warehouses. Raises RowFault for one that is not there, or that has to be named."""
    if said is None:
        if codes and not usual:
            raise RowFault("place", f"one of {', '.join(codes[:5])} has to be said")
        return usual
    if said not in codes:
        raise RowFault("place", f"no warehouse has the code {said}")
    return str(said)


class ItemCells:
    """How rows of a table are items of a kind, whose document has these members.

    `besides` are columns that are no member. Raises Unreadable for a column that is nothing at all.
    """

    def __init__(
        self,
        kind: str,
        model: type[msgspec.Struct],
        members: Sequence[str],
        columns: Sequence[str],
        besides: Sequence[str] = (),
    ) -> None:
        own = {*NAMES, *ALIASES, *besides}
        for column in columns:
            if column.partition(".")[0] not in {*own, *members}:
                raise Unreadable(
                    f": the column {column} is no member of {kind}: they are "
                    f"{', '.join(dict.fromkeys((*NAMES, *members)))}."
                )
        if not {ALIASES.get(each, each) for each in columns} & {*NAMES}:
            raise Unreadable(
                ": a column id or code is needed, or a repeat would make every item again."
            )
        self._readers = {
            each: converter(model, each.split("."))
            for each in columns
            if each.partition(".")[0] in members and each not in NAMES
        }

    def item(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A row, its columns by their own names, as the hub's API takes an item. Raises RowFault."""
        item: dict[str, Any] = {}
        left = dict(values)
        for name in NAMES:
            cell = left.pop(name, None)
            if cell is not None:
                item[name] = as_json(cell, name) if name == "id" else cell
        item["doc"] = nested(
            {
                name: None if cell is None else self._readers[name](cell)
                for name, cell in left.items()
            }
        )
        return item
