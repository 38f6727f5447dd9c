"""orderhub catalogue import, orderhub pool import: a file's rows, sent in bulk to the hub or to its database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from orderhub.cli.session import (
    CommandRefused,
    Send,
    answer_of,
    one_sentence,
    own_tenant,
    path_of,
    reached,
)
from orderhub.cli.terminal import progress, show
from orderhub.cli.tokens import Database, Token, Url
from orderhub.dialects.codec import encode
from orderhub.web.sheets import (
    ALIASES,
    COUNT_COLUMNS,
    COUNTED,
    FileRow,
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

File = Annotated[Path, typer.Argument(help="CSV with a header, or NDJSON; UTF-8.")]
Tenant = Annotated[str | None, typer.Option(help="Whose; the only one there is unless said.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check every row and write nothing.")]

_ROWS, _BYTES = 500, 4 * 1024 * 1024  # of one request at most
_POOL_COLUMNS = ("kind", "subject", "code", "place", "count", "reason")
_REFUSED = "refused"


def import_catalogue(
    file: File,
    kind: Annotated[str, typer.Option(help="A kind of the catalogue.")] = "products",
    tenant: Tenant = None,
    dry_run: DryRun = False,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Write items: found by `id`, else by `code`; a new one gets the next id. A repeat changes nothing.

    Columns are the kind's members (`price`, `data.image`); an empty cell is an absent member, one without
    a column stays as it is. `stock` (with `place`) is the first count of a product or variant.
    """
    with one_sentence():
        rows = rows_of(file)
        with reached(database=database, url=url, token=token) as send:
            load = _Load(file, send, own_tenant(send, tenant), is_dry_run=dry_run)
            _Items(load, kind, rows).run(rows.rows)
            load.tell()


def import_pools(
    file: File,
    kind: Annotated[str, typer.Option(help="A kind of pool, of rows that name none.")] = "stock",
    tenant: Tenant = None,
    dry_run: DryRun = False,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Count what is left: `code` (or `sku`, or `subject`), `place`, `count`. A repeat changes nothing."""
    with one_sentence():
        rows = rows_of(file)
        with reached(database=database, url=url, token=token) as send:
            load = _Load(file, send, own_tenant(send, tenant), is_dry_run=dry_run)
            _Pools(load, kind, rows).run(rows.rows)
            load.tell()


def write_one(
    send: Send, tenant: str, kind: str, values: dict[str, Any], *, is_whole: bool, is_dry_run: bool
) -> dict[str, Any]:
    """One item written as a row of a file is; answers the counts. Raises CommandRefused for what is wrong with it.

    values    by member: `price`, `data.image`, `stock`; of a whole one as the API has it, `{"code", "doc"}`
    is_whole  what is left out goes, else it stays
    """
    row = FileRow(1, values)
    load = _Load(Path("the command line"), send, tenant, is_dry_run=is_dry_run)
    _Items(load, kind, Rows(not is_whole, tuple(values), (row,))).run([row])
    if load.faults:
        ((_, says), *_) = load.faults
        raise CommandRefused(f"{says}.".replace("..", "."))
    return load.told()


def rows_of(file: Path) -> Rows:
    """Raises CommandRefused for a file that cannot be read."""
    try:
        return read(file.read_bytes())
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CommandRefused(f"{file} cannot be read: {why}.") from None
    except Unreadable as wrong:
        raise CommandRefused(f"{file}{wrong}") from None


@dataclass(slots=True)
class _Load:
    """One import: where it goes, and what came of it."""

    file: Path
    send: Send
    tenant: str
    is_dry_run: bool
    counts: Counter[str] = field(default_factory=Counter)
    stock: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, says: str) -> None:
        self.counts[_REFUSED] += 1
        self.faults.append((line, says))

    def bulk(
        self, path: str, rows: Sequence[Any], params: dict[str, str], *, is_dry_run: bool = False
    ) -> list[dict[str, Any]]:
        """The results of the rows, one each. Raises CommandRefused where the request itself fails."""
        headers = {"Hub-Dry-Run": "true"} if is_dry_run or self.is_dry_run else {}
        body = b"\n".join(encode(each) for each in rows)
        answer = self.send("POST", path, content=body, params=params, headers=headers)
        if not answer.is_success:
            answer_of(answer)
        results = [msgspec.json.decode(line) for line in answer.content.splitlines()]
        if len(results) != len(rows):
            raise CommandRefused(
                f"The hub answered {len(results)} of {len(rows)} rows: send the file again."
            )
        return results

    def told(self) -> dict[str, Any]:
        """The counts."""
        told: dict[str, Any] = {**self.counts}
        if self.stock:
            told["stock"] = {**self.stock}
        if self.is_dry_run:
            told["dry_run"] = True
        return told

    def tell(self) -> None:
        """The refused rows on stderr, the counts on stdout; exit status 1 when a row was refused."""
        for line, says in sorted(self.faults):
            typer.echo(f"{self.file}:{line}: {says}", err=True)
        show(self.told())
        if self.faults:
            raise typer.Exit(1)


class _Places:
    """Where units may lie, and where they do when a row does not say. Asked of the hub once it matters."""

    def __init__(self, send: Send, tenant: str) -> None:
        self._send, self._tenant = send, tenant
        self._codes: list[str] | None = None
        self._usual = ""

    def of(self, said: Any) -> str:
        """Raises RowFault for a warehouse that is not there, or that has to be named."""
        if self._codes is None:
            self._codes, self._usual = self._asked()
        return place_among(said, self._codes, self._usual)

    def _asked(self) -> tuple[list[str], str]:
        send, tenant = self._send, self._tenant
        path = path_of("tenants", tenant, "catalogue", "warehouses")
        codes: list[str] = []
        params = {"limit": "500"}
        while True:
            found = answer_of(send("GET", path, params=params))
            codes += [each["code"] for each in found["items"]]
            if found["next_cursor"] is None:
                break
            params["cursor"] = found["next_cursor"]
        settings = answer_of(send("GET", path_of("tenants", tenant, "settings")))
        usual = settings.get("default_warehouse") or (codes[0] if len(codes) == 1 else "")
        return codes, usual if usual in codes else ""


def usual_place(send: Send, tenant: str) -> str:
    """Where units lie when nobody says; empty = the tenant has no warehouse. Raises CommandRefused."""
    try:
        return _Places(send, tenant).of(None)
    except RowFault as fault:
        raise CommandRefused(f"--{fault}.") from None


class _Import:
    """Rows made ready, sent in chunks, and their results put down by line."""

    def __init__(self, load: _Load) -> None:
        self.load = load
        self.places = _Places(load.send, load.tenant)

    def run(self, rows: Sequence[FileRow]) -> None:
        with progress("importing", len(rows)) as advance:
            for chunk in self._chunks(rows):
                self.write([line for line, _ in chunk], [each for _, each in chunk])
                advance(len(chunk))

    def _chunks(self, rows: Sequence[FileRow]) -> Iterator[list[tuple[int, Any]]]:
        from orderhub.web.hub_api.bulk import MAX_ROW

        chunk: list[tuple[int, Any]] = []
        size = 0
        for row in rows:
            if row.fault:
                self.load.refuse(row.line, row.fault)
                continue
            try:
                ready = self.ready(row)
            except RowFault as fault:
                self.load.refuse(row.line, str(fault))
                continue
            weight = len(encode(ready))
            if weight > MAX_ROW:  # it would end the whole request
                self.load.refuse(row.line, f"a row of more than {MAX_ROW} bytes")
                continue
            chunk.append((row.line, ready))
            size += weight
            if len(chunk) == _ROWS or size > _BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def ready(self, row: FileRow) -> Any:
        """What is sent for it. Raises RowFault."""
        raise NotImplementedError

    def write(self, lines: list[int], rows: list[Any]) -> None:
        raise NotImplementedError


class _Items(_Import):
    def __init__(self, load: _Load, kind: str, rows: Rows) -> None:
        super().__init__(load)
        from orderhub.web.hub_api.catalogue_kinds import KINDS

        if kind not in KINDS:
            raise CommandRefused(f"--kind is one of {', '.join(KINDS)}.")
        self._kind = kind
        self._path = path_of("tenants", load.tenant, "catalogue", kind)
        self._params = {"merge": "true"} if rows.is_csv else {}
        self._cells: ItemCells | None = None
        if rows.is_csv:
            named = KINDS[kind].members or KINDS[kind].model.__struct_fields__
            besides = COUNT_COLUMNS if kind in COUNTED else ()
            try:
                self._cells = ItemCells(kind, KINDS[kind].model, named, rows.columns, besides)
            except Unreadable as wrong:
                raise CommandRefused(f"{load.file}{wrong}") from None

    def ready(self, row: FileRow) -> tuple[dict[str, Any], FirstCount | None]:
        values = unaliased(row.values)
        stock = first_count(values, self.places.of) if self._kind in COUNTED else None
        return (values if self._cells is None else self._cells.item(values)), stock

    def write(self, lines: list[int], rows: list[Any]) -> None:
        load = self.load
        results = load.bulk(f"{self._path}:bulk", [item for item, _ in rows], self._params)
        counted: list[tuple[int, dict[str, Any], bool]] = []
        for line, (_, stock), result in zip(lines, rows, results, strict=True):
            if result["status"] == _REFUSED:
                load.refuse(line, _words(result))
                continue
            load.counts[result["status"]] += 1
            if stock is not None and "version" in result:
                subject = f"{COUNTED[self._kind]}:{result['id']}"
                pool_row = {
                    "subject": subject,
                    "place": stock.place,
                    "count": stock.count,
                    "reason": f"import of {load.file.name}"[:200],
                }
                counted.append((line, pool_row, result["status"] == "created"))
        if counted:
            self._count(counted)

    def _count(self, counted: list[tuple[int, dict[str, Any], bool]]) -> None:
        """A first count, where there is none yet: what is counted has been sold from, and `pool import` counts anew."""
        load = self.load
        path = path_of("tenants", load.tenant, "pools") + ":bulk"
        new = [(line, row) for line, row, is_new in counted if is_new]
        old = [(line, row) for line, row, is_new in counted if not is_new]
        if load.is_dry_run:
            load.stock["opened"] += len(new)  # the items are not there to be counted
            new = []
        tried = load.bulk(path, [row for _, row in old], {}, is_dry_run=True) if old else []
        for (line, row), result in zip(old, tried, strict=True):
            if result["status"] == _REFUSED:
                load.refuse(line, _words(result, "stock"))
            elif result["status"] == "opened":
                new.append((line, row))
            else:
                load.stock["kept"] += 1
        results = load.bulk(path, [row for _, row in new], {}) if new else []
        for (line, _), result in zip(new, results, strict=True):
            if result["status"] == _REFUSED:
                load.refuse(line, _words(result, "stock"))
            else:
                load.stock["opened"] += 1


class _Pools(_Import):
    def __init__(self, load: _Load, kind: str, rows: Rows) -> None:
        super().__init__(load)
        self._kind = kind
        self._path = path_of("tenants", load.tenant, "pools") + ":bulk"
        columns = [ALIASES.get(each, each) for each in rows.columns]
        for column in columns:
            if column not in _POOL_COLUMNS:
                raise CommandRefused(
                    f"{load.file}: the column {column} is none of {', '.join(_POOL_COLUMNS)}."
                )
        if rows.is_csv and ("count" not in columns or not {"code", "subject"} & {*columns}):
            raise CommandRefused(f"{load.file}: columns code (or subject) and count are needed.")

    def ready(self, row: FileRow) -> dict[str, Any]:
        values = {name: each for name, each in unaliased(row.values).items() if each is not None}
        if "by" in values:
            raise RowFault("by", "a repeat would count it again: say the count, how many are left")
        values.setdefault("kind", self._kind)
        values.setdefault("reason", f"import of {self.load.file.name}"[:200])
        if values["kind"] == "stock":
            values["place"] = self.places.of(values.get("place"))
        return values

    def write(self, lines: list[int], rows: list[Any]) -> None:
        results = self.load.bulk(self._path, rows, {})
        for line, result in zip(lines, results, strict=True):
            if result["status"] == _REFUSED:
                self.load.refuse(line, _words(result))
            else:
                self.load.counts[result["status"]] += 1


def _words(result: dict[str, Any], column: str = "") -> str:
    """The column and the reason, as the file's reader knows them."""
    said = str(result.get("field") or "")
    detail = str(result.get("detail") or result.get("reason"))
    for written in (f"{said}: ", f"{said} "):
        detail = detail.removeprefix(written) if said else detail
    column = column or said.removeprefix("doc.")
    return f"{column}: {detail}" if column else detail
