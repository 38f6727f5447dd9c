"""Lists: a page as JSON, or all of it from the cursor on as CSV or NDJSON, read page by page while it is sent.

Whatever the number of rows, one page of them is in memory at a time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import msgspec

from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Media
from orderhub.web.hub_api import tables
from orderhub.web.hub_api.bulk import NDJSON
from orderhub.web.hub_api.shaping import Page, Whole
from orderhub.web.patience import begin
from orderhub.web.streaming import Streamed

CSV = "text/csv"
JSON = "application/json"
_JSON_TOO = (JSON, "application/*", "*/*")
# So many rows are read at a time: the next ones when these are on their way.
_AT_ONCE = 100

Ask = Callable[
    [str, int], Awaitable[Page[Any]]
]  # the page behind a cursor, of at most so many items
Row = Callable[[Any], Any]
Rows = Callable[[Any], Iterable[Any]]


def _itself(item: Any) -> Any:
    return item


def exports(item: Any) -> tuple[Media, Media]:
    """What a list answers besides its pages, for OpenAPI."""
    return Media(CSV, str), Media(NDJSON, item)


async def listed(
    call: Call,
    name: str,
    ask: Ask,
    columns: Sequence[str],
    *,
    cursor: str,
    limit: int,
    row: Row = _itself,
    rows: Rows | None = None,
    media: str = "",
) -> Answer:
    """The page that is asked for, or the file `name` of all rows; with a `limit` in the query of so many at most.

    `row`: what of an item the columns of CSV name, if not the item itself; `rows`: where an item is several lines
    of it. `media`: what a link of the desk asks for,
    since a browser's `Accept` says nothing of it.
    """
    media = media or media_of(call.header("accept"))
    if media == JSON:
        return Answer(200, encode(await ask(cursor, limit)))
    begin(None)  # each look has a budget of its own, since a long list takes many
    most = limit if "limit" in call.query else None
    # What is wrong with the question is answered as such: the first rows are read before anything is sent.
    first = await ask(cursor, _next(most))
    return streamed(name, media, _pages(ask, first, most), columns, row, rows)


def whole(
    call: Call, name: str, items: Sequence[Any], shape: type[msgspec.Struct], media: str = ""
) -> Answer:
    """A list that has no pages. `media` as of `listed`."""
    media = media or media_of(call.header("accept"))
    if media == JSON:
        return Answer(200, encode(Whole(items=tuple(items))))

    async def pages() -> AsyncGenerator[Sequence[Any], None]:
        yield items

    return streamed(name, media, pages(), tables.columns_of(shape))


def streamed(
    name: str,
    media: str,
    pages: AsyncGenerator[Sequence[Any], None],
    columns: Sequence[str],
    row: Row = _itself,
    rows: Rows | None = None,
) -> Streamed:
    """A file of these rows."""
    is_csv = media == CSV
    extension = "csv" if is_csv else "ndjson"
    headers = (
        ("Cache-Control", "no-store"),
        ("Content-Disposition", f'attachment; filename="{name}.{extension}"'),
        ("Vary", "Accept"),
    )
    pieces = (
        _as_csv(pages, columns, rows or (lambda item: (row(item),)))
        if is_csv
        else _as_ndjson(pages)
    )
    return Streamed(200, b"", headers, f"{CSV}; charset=utf-8" if is_csv else NDJSON, pieces=pieces)


def media_of(accept: str) -> str:
    """CSV or NDJSON for whoever asks for it and for nothing else rather; else JSON."""
    best, chosen = 0.0, JSON
    for each in accept.lower().split(","):
        media, *parameters = (part.strip() for part in each.split(";"))
        quality = next((_quality(p) for p in parameters if p.startswith("q=")), 1.0)
        known = media if media in (CSV, NDJSON) else JSON if media in _JSON_TOO else ""
        if known and quality > best:
            best, chosen = quality, known
    return chosen


def _quality(parameter: str) -> float:
    try:
        return float(parameter.removeprefix("q="))
    except ValueError:
        return 0.0


def _next(left: int | None) -> int:
    return _AT_ONCE if left is None else min(left, _AT_ONCE)


async def _pages(
    ask: Ask, page: Page[Any], left: int | None
) -> AsyncGenerator[Sequence[Any], None]:
    while True:
        yield page.items
        if left is not None:
            left -= len(page.items)
        if page.next_cursor is None or left == 0:
            return
        page = await ask(page.next_cursor, _next(left))


async def _as_csv(
    pages: AsyncGenerator[Sequence[Any], None], columns: Sequence[str], rows: Rows
) -> AsyncGenerator[bytes, None]:
    yield tables.head(columns)
    async for items in pages:
        if items:
            yield tables.lines(chain.from_iterable(map(rows, items)), columns)


async def _as_ndjson(
    pages: AsyncGenerator[Sequence[Any], None],
) -> AsyncGenerator[bytes, None]:
    async for items in pages:
        if items:
            yield b"".join(encode(each) + b"\n" for each in items)
