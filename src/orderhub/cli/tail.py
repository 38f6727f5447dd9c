"""orderhub tail: a tenant's calls, one readable line for each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Annotated, Any

import typer

from orderhub.cli.tokens import Database, Token, Url

_PATH = "/hub/v1/requests"
_EVERY_S = 1.0
# A call may be written down a moment after one that ended later, by another process: so far back is looked again.
_AGAIN = timedelta(seconds=30)
_PAGE = 200

Ask = Callable[[Mapping[str, str]], Any]


@dataclass(frozen=True, slots=True)
class TailOptions:
    """What `orderhub tail` takes."""

    tenant: Annotated[str | None, typer.Option(help="Of one tenant: with an operator's token.")] = (
        None
    )
    channel: Annotated[str | None, typer.Option(help="A dialect, or hub.")] = None
    path: Annotated[str | None, typer.Option(help="As it was called, whole.")] = None
    status: Annotated[int | None, typer.Option(help="An HTTP status; 0 = no answer.")] = None
    refusal: Annotated[str | None, typer.Option("--reason", help="Why it was refused.")] = None
    credential: Annotated[str | None, typer.Option(help="The id of a credential.")] = None
    request_id: Annotated[str | None, typer.Option(help="The Request-Id of an answer.")] = None
    from_: Annotated[
        str | None, typer.Option("--from", help="Since then: ISO 8601 with an offset.")
    ] = None
    to: Annotated[str | None, typer.Option(help="Before then: ISO 8601 with an offset.")] = None
    lines: Annotated[
        int, typer.Option("--lines", "-n", help="How many at most to begin with.", min=0, max=_PAGE)
    ] = 20
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it is stopped.")] = (
        False
    )
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with request and answer.")
    ] = False
    database: Database = None
    url: Url = None
    token: Token = None

    @property
    def filters(self) -> dict[str, str]:
        given = {
            "tenant": self.tenant,
            "channel": self.channel,
            "path": self.path,
            "status": self.status,
            "reason": self.refusal,
            "credential": self.credential,
            "request_id": self.request_id,
            "from": self.from_,
            "to": self.to,
        }
        return {name: str(value) for name, value in given.items() if value is not None}


def tail(options: TailOptions, _late: dict[str, str]) -> None:
    """Show the last calls of the request log and why they were refused, oldest first; --follow goes on."""
    from orderhub.cli.session import (
        CommandRefused,
        answer_of,
        one_sentence,
        path_of,
        patiently,
        reached,
    )

    filters = options.filters
    typed = {name: f"--{name.replace('_', '-')}" for name in filters}
    where = {"database": options.database, "url": options.url, "token": options.token}
    with one_sentence(), reached(**where) as send:

        def ask(params: Mapping[str, str]) -> Any:
            return answer_of(send("GET", _PATH, params=dict(params)), typed)

        def show(item: dict[str, Any]) -> None:
            if not options.as_json:
                typer.echo(line_of(item))
                return
            path = path_of("requests", item["id"])
            with suppress(CommandRefused):  # it went out of the log meanwhile
                item = patiently(lambda: answer_of(send("GET", path)))
            typer.echo(json.dumps(item, ensure_ascii=False))

        seen = _Seen(ask, filters)
        for item in seen.first(options.lines):
            show(item)
        try:
            while options.follow:
                time.sleep(_EVERY_S)
                for item in patiently(seen.more):
                    show(item)
        except KeyboardInterrupt:
            return


class _Seen:
    """The log from its end on: each call once, though the log is looked through again and again."""

    def __init__(self, ask: Ask, filters: Mapping[str, str]) -> None:
        self._ask = ask
        self._filters = filters
        self._at: dict[str, datetime] = {}  # of the calls that were shown, when they were answered
        self._since: datetime | None = None

    def first(self, count: int) -> list[dict[str, Any]]:
        """The last so many, oldest first."""
        found: list[dict[str, Any]] = []
        for item in self._pages():
            # What is not shown now is not shown as if it were new, either.
            if len(found) >= count and found and _at(item) < _at(found[0]) - _AGAIN:
                break
            found.append(item)
        self._note(found)
        return list(reversed(found[:count]))

    def more(self) -> list[dict[str, Any]]:
        """What came since, oldest first."""
        found = [item for item in self._new() if item["id"] not in self._at]
        self._note(found)
        return list(reversed(found))

    def _new(self) -> Iterator[dict[str, Any]]:
        since = self._since
        # Pages come newest first.
        return takewhile(lambda item: since is None or _at(item) >= since, self._pages())

    def _pages(self) -> Iterator[dict[str, Any]]:
        params = {**self._filters, "limit": str(_PAGE)}
        while True:
            page = self._ask(params)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            params["cursor"] = page["next_cursor"]

    def _note(self, items: list[dict[str, Any]]) -> None:
        self._at |= {item["id"]: _at(item) for item in items}
        if self._at:
            self._since = max(self._at.values()) - _AGAIN
            since = self._since
            self._at = {id_: at for id_, at in self._at.items() if at >= since}


def _at(item: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(item["at"]).astimezone(UTC)


def line_of(item: Mapping[str, Any]) -> str:
    """`14:05:11 kakaclo POST /openapi/v1/order/order 200 3.1 ms out_of_stock orderItemsList[0].quantity: …`."""
    status = "-" if item["status"] is None else item["status"]
    words = [
        f"{_at(item):%H:%M:%S}",
        item["tenant"],
        item["channel"],
        item["method"],
        item["path"],
        str(status),
        f"{item['duration_ms']:.1f} ms",
        item["reason"],
        _told(item["field"], item["detail"]),
        *item["orders"],
    ]
    return " ".join(filter(None, words))


def _told(field: str | None, detail: str | None) -> str:
    """Where and what. Many a detail begins with the place itself."""
    if field and detail and detail.startswith(field):
        return detail
    return ": ".join(filter(None, (field, detail)))
