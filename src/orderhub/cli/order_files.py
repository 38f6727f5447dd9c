"""orderhub order export, orderhub order import: whole orders out to a file, and history from elsewhere in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from orderhub.cli.options import taking
from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(help="Orders: out to files, and in from elsewhere.", no_args_is_help=True)

_EXPORT = "/hub/v1/orders:export"
_IMPORT = "/hub/v1/orders:import"
_PAGE = "200"
_AROUND = b"\xef\xbb\xbf \t\r\n"
_ROWS, _BYTES = 2_000, 8 * 1024 * 1024  # of one request at most
_FILTERS = (
    *("tenant", "dialect", "status", "owner", "account", "reference", "number", "email"),
    *("sku", "phone", "word", "recorded_from", "recorded_to", "updated_from", "updated_to"),
    *("occurred_from", "occurred_to"),
)
_TIME = "ISO 8601 with an offset."


@dataclass
class ExportOptions:
    """The filters are those of the search; some of them go together."""

    format: Annotated[str, typer.Option(help="ndjson (whole orders) or csv (a row a line).")] = (
        "ndjson"
    )
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; none = the standard output.")
    ] = None
    after: Annotated[
        str, typer.Option(help="Go on behind this cursor, which an export that broke off told.")
    ] = ""
    tenant: Annotated[str, typer.Option(help="Whose; none = all that the token sees.")] = ""
    dialect: Annotated[str, typer.Option(help="Of one door.")] = ""
    status: Annotated[str, typer.Option(help="One, or several with commas.")] = ""
    owner: str = ""
    account: str = ""
    reference: str = ""
    number: str = ""
    email: str = ""
    sku: str = ""
    phone: str = ""
    word: Annotated[str, typer.Option(help="Of names or notes, or the beginning of one.")] = ""
    recorded_from: Annotated[str, typer.Option(help=_TIME)] = ""
    recorded_to: Annotated[str, typer.Option(help=_TIME)] = ""
    updated_from: Annotated[str, typer.Option(help=_TIME)] = ""
    updated_to: Annotated[str, typer.Option(help=_TIME)] = ""
    occurred_from: Annotated[str, typer.Option(help=_TIME)] = ""
    occurred_to: Annotated[str, typer.Option(help=_TIME)] = ""
    database: Database = None
    url: Url = None
    token: Token = None


@app.command("export")
@taking(ExportOptions)
def export_orders(given: ExportOptions, _more: dict[str, str]) -> None:
    """Write orders, newest first. An export into a file that broke off goes on where it was when it is repeated."""
    from orderhub.cli.session import CommandRefused, one_sentence, read_from, whence_of

    with one_sentence():
        if given.format not in ("ndjson", "csv"):
            raise CommandRefused("--format is ndjson or csv.")
        asked = {name: said for name in _FILTERS if (said := getattr(given, name))}
        with read_from(database=given.database, url=given.url, token=given.token) as send:
            pages = _Pages(send, asked, given.format)
            if given.output is None:
                _to_stdout(pages, given.after)
            else:
                whence = whence_of(database=given.database, url=given.url, token=given.token)
                _to_file(pages, given.output, given.after, whence)


class _Pages:
    """The pieces of an export, each with the cursor of the next one."""

    def __init__(self, send: Callable[..., Any], asked: dict[str, str], form: str) -> None:
        self._send = send
        self.asked = asked
        self.form = form
        self.count = 0

    def behind(self, cursor: str) -> Iterator[tuple[bytes, str]]:
        """(bytes, next cursor) from a cursor on; the last cursor is empty."""
        import msgspec

        from orderhub.cli.session import answer_of
        from orderhub.web import order_sheets

        typed = {name: f"--{name.replace('_', '-')}" for name in _FILTERS} | {"cursor": "--after"}
        if self.form == "csv" and not cursor:
            yield order_sheets.head(), ""
        while True:
            query = {**self.asked, "limit": _PAGE, **({"cursor": cursor} if cursor else {})}
            if "number" in self.asked:
                query.pop("cursor", None)
            answer = self._send("GET", _EXPORT, params=query)
            if not answer.is_success:
                answer_of(answer, typed)
            page = msgspec.json.decode(answer.content, type=order_sheets.RawPage)
            self.count += len(page.items)
            if self.form == "csv":
                whole = order_sheets.lines(page.items)
            else:
                whole = b"".join(bytes(each) + b"\n" for each in page.items)
            cursor = page.next_cursor or ""
            yield whole, cursor
            if not cursor:
                return


def _to_stdout(pages: _Pages, after: str) -> None:
    import sys

    cursor = after
    try:
        for whole, following in pages.behind(after):
            sys.stdout.buffer.write(whole)
            sys.stdout.buffer.flush()
            cursor = following or cursor
    except BaseException:
        if cursor:
            typer.echo(f"next: --after {cursor}", err=True)
        raise


def _to_file(pages: _Pages, file: Path, after: str, whence: dict[str, str]) -> None:
    """Into a file beside it, which takes the name once it is whole; how far it is stands beside that.

    `whence` says where the orders come from: the part of an export from elsewhere is no part of this one.
    """
    import os

    from orderhub.cli.session import CommandRefused
    from orderhub.cli.terminal import show

    part, mark = file.with_name(f"{file.name}.part"), file.with_name(f"{file.name}.part.json")
    wanted = {"format": pages.form, **pages.asked, **whence, "from": after}
    known = _known(mark)
    cursor, size, count = after, 0, 0
    if known.get("of") == wanted and part.exists() and part.stat().st_size >= known["bytes"]:
        cursor, size, count = known["after"], known["bytes"], known["orders"]
    try:
        if not size:
            mark.unlink(missing_ok=True)  # of another export, it must not be taken for this one's
        with part.open("r+b" if size else "wb") as out:
            out.truncate(size)
            out.seek(size)
            pages.count = count
            for whole, following in pages.behind(cursor):
                out.write(whole)
                if following:
                    out.flush()
                    os.fsync(out.fileno())
                    told = {"of": wanted, "after": following, "bytes": out.tell()}
                    _keep(mark, {**told, "orders": pages.count})
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
        mark.unlink(missing_ok=True)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CommandRefused(f"{file} cannot be written: {why}.") from None
    show({"orders": pages.count, "file": str(file)})


def _known(mark: Path) -> dict[str, Any]:
    """What a mark says; nothing where there is none, or it is not whole."""
    import json

    try:
        return dict(json.loads(mark.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _keep(mark: Path, told: dict[str, Any]) -> None:
    """Either the mark that was or the new one stands, whole."""
    import json
    import os

    new = mark.with_name(f"{mark.name}.new")
    with new.open("w") as out:
        out.write(json.dumps(told))
        out.flush()
        os.fsync(out.fileno())
    new.replace(mark)


@app.command("import")
def import_orders(
    file: Annotated[
        Path, typer.Argument(help="NDJSON as the export writes it, or CSV; UTF-8; - = stdin.")
    ],
    tenant: Annotated[
        str, typer.Option(help="Whose all of them are; none = as each row says.")
    ] = "",
    mapping: Annotated[
        Path | None, typer.Option(help="TOML: which column of a CSV is which member.")
    ] = None,
    new_ids: Annotated[
        bool, typer.Option("--new-ids", help="Ids of this hub; uids and numbers stay.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row and write nothing.")
    ] = False,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Take over orders from elsewhere, as they stand: nothing is drawn from stock, and no webhook is sent.

    A repeat changes nothing. Rows that are refused are told on the standard error, and the exit status is 1 then.
    """
    from orderhub.cli.session import one_sentence, reached

    with (
        one_sentence(),
        _rows_of(file, mapping) as rows,
        reached(database=database, url=url, token=token) as send,
    ):
        _Import(file, send, tenant, new_ids=new_ids, is_dry_run=dry_run).run(rows)


@contextmanager
def _rows_of(file: Path, mapping: Path | None) -> Iterator[Iterator[tuple[int, Any]]]:
    """(line, order or what is wrong with it). Raises CommandRefused for a file that cannot be read."""
    from orderhub.cli.session import CommandRefused
    from orderhub.web.order_sheets import mapped
    from orderhub.web.sheets import Unreadable

    try:
        with (
            nullcontext(typer.get_binary_stream("stdin"))
            if str(file) == "-"
            else file.open("rb") as source
        ):
            begin = [source.readline()]
            while begin[-1] and not begin[-1].strip(_AROUND):  # blank lines
                begin.append(source.readline())
            if begin[-1].lstrip(_AROUND).startswith(b"{") and mapping is None:
                yield _objects(begin, source)
            else:
                text = "" if mapping is None else mapping.read_text(encoding="utf-8")
                yield iter(mapped(b"".join(begin) + source.read(), text))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CommandRefused(f"{error.filename or file} cannot be read: {why}.") from None
    except UnicodeDecodeError:
        raise CommandRefused(f"{mapping} is no text in UTF-8.") from None
    except Unreadable as wrong:
        raise CommandRefused(f"{file}{wrong}") from None


def _objects(begin: list[bytes], source: IO[bytes]) -> Iterator[tuple[int, Any]]:
    """The lines as they are: the hub reads them."""
    import itertools

    for line, text in enumerate(itertools.chain(begin, source), 1):
        text = text.strip().removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - the same without its ends
        if text:
            yield line, text


class _Import:
    """Rows sent some at a time, and what became of them."""

    def __init__(
        self,
        file: Path,
        send: Callable[..., Any],
        tenant: str,
        *,
        new_ids: bool,
        is_dry_run: bool,
    ) -> None:
        self._file = file
        self._send = send
        self._params = {"tenant": tenant} if tenant else {}
        self._headers = {"Hub-Dry-Run": "true"} if is_dry_run else {}
        self._new_ids = new_ids
        self._is_dry_run = is_dry_run
        self._counts = {"imported": 0, "unchanged": 0, "refused": 0}

    def run(self, rows: Iterator[tuple[int, Any]]) -> None:
        from orderhub.cli.terminal import progress, show
        from orderhub.web.hub_api.order_files import MAX_ORDER

        chunk: list[tuple[int, bytes]] = []
        size = 0
        with progress("importing") as advance:
            for line, row in rows:
                if isinstance(row, Exception):
                    self._refuse(line, str(row))
                    continue
                text = self._ready(row)
                if len(text) > MAX_ORDER:  # it would end the whole request
                    self._refuse(line, f"an order of more than {MAX_ORDER} bytes")
                    continue
                chunk.append((line, text))
                size += len(text)
                if len(chunk) == _ROWS or size > _BYTES:
                    self._write(chunk)
                    advance(len(chunk))
                    chunk, size = [], 0
            if chunk:
                self._write(chunk)
                advance(len(chunk))
        show(self._counts | ({"dry_run": True} if self._is_dry_run else {}))
        if self._counts["refused"]:
            raise typer.Exit(1)

    def _ready(self, row: Any) -> bytes:
        import msgspec

        if self._new_ids:
            if isinstance(row, bytes):
                try:
                    members = msgspec.json.decode(row, type=dict[str, msgspec.Raw])
                except msgspec.DecodeError:
                    return row  # the hub says what is wrong with it
                members.pop("id", None)
                return msgspec.json.encode(members)
            row.pop("id", None)
        return row if isinstance(row, bytes) else msgspec.json.encode(row)

    def _write(self, chunk: list[tuple[int, bytes]]) -> None:
        import msgspec

        from orderhub.cli.session import CommandRefused, answer_of

        body = b"\n".join(text for _, text in chunk)
        answer = self._send(
            "POST", _IMPORT, content=body, params=self._params, headers=self._headers
        )
        if not answer.is_success:
            answer_of(answer, {"tenant": "--tenant"})
        results = [msgspec.json.decode(line) for line in answer.content.splitlines()]
        if len(results) != len(chunk):
            raise CommandRefused(
                f"The hub answered {len(results)} of {len(chunk)} rows: send the file again."
            )
        for (line, _), result in zip(chunk, results, strict=True):
            if result["status"] == "refused":
                field, detail = result.get("field"), result["detail"]
                is_said = not field or detail.startswith(field)
                self._refuse(line, detail if is_said else f"{field}: {detail}")
            else:
                self._counts[result["status"]] += 1

    def _refuse(self, line: int, says: str) -> None:
        self._counts["refused"] += 1
        typer.echo(f"{self._file}:{line}: {says}", err=True)
