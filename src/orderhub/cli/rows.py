"""The rows of a file that is imported: CSV with a header, or NDJSON, told apart by how it begins."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from orderhub.cli.session import CommandRefused

_DELIMITERS = ",;\t"
Convert = Callable[[str], Any]


class RowFault(Exception):
    """What is wrong with one row; its neighbours go on."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")


@dataclass(frozen=True, slots=True)
class FileRow:
    """One row: the line it begins in, and its values. `fault` is what the file itself has wrong."""

    line: int
    values: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of a file. Of a CSV file a row has every column, an empty cell as None."""

    is_csv: bool
    columns: tuple[str, ...]
    rows: tuple[FileRow, ...]


def read(file: Path) -> Rows:
    """The file's rows. Raises CommandRefused where it is neither CSV nor NDJSON."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CommandRefused(f"{file} cannot be read: {why}.") from None
    except UnicodeDecodeError:
        raise CommandRefused(f"{file} is no text in UTF-8.") from None
    if not text.strip():
        raise CommandRefused(f"{file} is empty.")
    if text.lstrip().startswith("{"):
        return Rows(is_csv=False, columns=(), rows=tuple(_objects(text)))
    return _table(file, text)


def _objects(text: str) -> Iterator[FileRow]:
    for line, each in enumerate(text.split("\n"), 1):
        if not each.strip():
            continue
        try:
            yield FileRow(line, msgspec.json.decode(each, type=dict[str, Any]))
        except msgspec.DecodeError as error:
            yield FileRow(line, fault=f"no JSON object: {error}")


def _table(file: Path, text: str) -> Rows:
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
                columns = _header(file, cells)
    except csv.Error as error:
        raise CommandRefused(f"{file}:{begins}: this is no CSV: {error}.") from None
    return Rows(is_csv=True, columns=columns, rows=tuple(rows))


def _header(file: Path, cells: list[str]) -> tuple[str, ...]:
    names = tuple(cell.strip() for cell in cells)
    for name in names:
        if not name:
            raise CommandRefused(f"{file}: a column has no name.")
        if names.count(name) > 1:
            raise CommandRefused(f"{file}: the column {name} is there twice.")
    return names


def _row(line: int, columns: tuple[str, ...], cells: list[str]) -> FileRow:
    from orderhub.web.hub_api.tables import text_of

    if len(cells) != len(columns):
        return FileRow(line, fault=f"{len(cells)} cells, but {len(columns)} columns")
    values = {
        name: text_of(cell.strip()) or None for name, cell in zip(columns, cells, strict=True)
    }
    return FileRow(line, values)


# --- what a cell holds


def as_json(cell: str) -> Any:
    """A number, true or false, a list or object; any other text is itself, and the hub says if that does not fit."""
    lowered = cell.lower()  # a spreadsheet writes TRUE
    try:
        return msgspec.json.decode((lowered if lowered in ("true", "false") else cell).encode())
    except msgspec.DecodeError:
        return cell


def converter(model: type[msgspec.Struct], path: list[str]) -> Convert:
    """How a cell of a column named `price`, `prices.single` or `data.image` is read."""
    kinds = _types(msgspec.inspect.type_info(model), path)
    plain = (msgspec.inspect.StrType, msgspec.inspect.DecimalType)
    return str if any(isinstance(each, plain) for each in kinds) else as_json


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
    """`data.image` as `{"data": {"image": …}}`."""
    whole: dict[str, Any] = {}
    for name, value in values.items():
        *outer, last = name.split(".")
        inner = whole
        for each in outer:
            inner = inner.setdefault(each, {})
        inner[last] = value
    return whole
