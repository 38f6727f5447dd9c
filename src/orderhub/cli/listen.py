"""orderhub listen: a tenant's events as signed webhooks at an address of one's own machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderhub.cli.tokens import Database, Token, Url

if TYPE_CHECKING:
    import httpx

_PAGE = "100"
# Well within the time that a command waits for an answer.
_WAIT_S = "25"
_HISTORY = ("draws", "events", "request")
_RECEIVER_S = 10.0

Send = Callable[..., Any]


def listen(
    forward_to: Annotated[
        str, typer.Option(help="Where each event is posted: http://localhost:3000/hook.")
    ],
    kinds: Annotated[
        str | None, typer.Option(help="With commas, such as order.placed,order.paid; none = all.")
    ] = None,
    after: Annotated[
        str, typer.Option(help="A cursor of the feed to go on from; `end` = from now on.")
    ] = "end",
    secret: Annotated[
        str | None, typer.Option(help="What messages are signed with; none = one is made.")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(help="Whose; a tenant's own token knows it.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, as into a pipe.")
    ] = False,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Pass events on as they come, as webhooks that are signed like the hub's own, until Ctrl-C.

    Nothing has to reach your machine from outside, and nothing is kept or sent again: that is what
    `/hub/v1/webhooks` is for.
    """
    from orderhub.cli.session import given, one_sentence, reached

    with one_sentence(), reached(database=database, url=url, token=token) as send:
        where = _receiver(forward_to)
        key = _key(secret)
        asked = given(tenant=tenant, kinds=kinds)
        told = _as_json if as_json or not sys.stdout.isatty() else _line
        try:
            _pass_on(send, asked, after, where, key, told)
        except KeyboardInterrupt:
            return


def _pass_on(
    send: Send,
    asked: Mapping[str, str],
    after: str,
    where: str,
    key: str,
    told: Callable[[Mapping[str, Any]], str],
) -> None:
    import httpx

    with httpx.Client(timeout=_RECEIVER_S, trust_env=False) as receiver:
        for event in _events(send, asked, after, lambda: _ready(where, key)):
            order = _order(send, event)
            typer.echo(told(_posted(receiver, where, key, event, order)))
            sys.stdout.flush()


def _ready(where: str, key: str) -> None:
    """Said once the feed was reached, to people; what is passed on goes to the standard output alone."""
    typer.echo(f"Events go to {where}, signed with {key} (Ctrl-C ends it).", err=True)


def _events(
    send: Send, asked: Mapping[str, str], after: str, ready: Callable[[], None]
) -> Iterator[dict[str, Any]]:
    """Each event as it comes. A hub that was there is waited for; one that refuses ends it."""
    from orderhub.cli.session import patiently

    cursor = after

    def ask(**more: str) -> Any:
        return _asked(send, "/hub/v1/events", {**asked, "after": cursor, "limit": _PAGE, **more})

    page = ask()
    ready()
    while True:
        yield from page["items"]
        cursor = page["next_cursor"]
        page = patiently(lambda: ask(wait=_WAIT_S))


def _order(send: Send, event: Mapping[str, Any]) -> Any:
    """The event's order as it stands now; None = it is of none."""
    from orderhub.cli.session import path_of, patiently

    uid = event["order"]
    if not uid:
        return None
    whole = patiently(lambda: _asked(send, path_of("orders", uid), {}))
    # What the hub's own messages leave out.
    return {name: each for name, each in whole.items() if name not in _HISTORY}


def _asked(send: Send, path: str, query: Mapping[str, str]) -> Any:
    from orderhub.cli.session import answer_of

    typed = {"tenant": "--tenant", "after": "--after", "kinds": "--kinds"}
    return answer_of(send("GET", path, params=dict(query)), typed)


def _posted(
    receiver: httpx.Client, where: str, key: str, event: Mapping[str, Any], order: Any
) -> dict[str, Any]:
    """What became of one event: its names, the receiver's status (None = no answer), how long that took."""
    import httpx
    import msgspec

    from orderhub.delivery.signing import headers

    stamp = int(time.time())
    message = {
        "type": event["kind"],
        "timestamp": event["recorded_at"],
        "data": {"event": event, "order": order},
    }
    body = msgspec.json.encode(message)
    signed = {"Content-Type": "application/json", **headers([key], event["id"], stamp, body)}
    began = time.perf_counter()
    said: dict[str, Any]
    try:
        answer = receiver.post(where, content=body, headers=signed)
        said = {"status": answer.status_code, "error": None}
    except httpx.HTTPError as error:
        said = {"status": None, "error": str(error) or type(error).__name__}
    took_ms = round((time.perf_counter() - began) * 1_000, 1)
    names = ("id", "kind", "order", "recorded_at")
    return {**{name: event[name] for name in names}, **said, "duration_ms": took_ms}


def _line(passed: Mapping[str, Any]) -> str:
    """`14:05:11 order.paid 0190…: 200 in 3.1 ms`."""
    at = datetime.fromisoformat(passed["recorded_at"]).astimezone(UTC)
    about = " ".join(filter(None, (passed["kind"], passed["order"])))
    said = passed["status"] if passed["error"] is None else passed["error"]
    return f"{at:%H:%M:%S} {about}: {said} in {passed['duration_ms']} ms"


def _as_json(passed: Mapping[str, Any]) -> str:
    import msgspec

    return msgspec.json.encode(passed).decode()


def _receiver(text: str) -> str:
    """Raises CommandRefused for what is no address."""
    import httpx

    from orderhub.cli.session import CommandRefused

    try:
        parts = httpx.URL(text)
    except httpx.InvalidURL:
        parts = httpx.URL("")
    if parts.scheme not in ("http", "https") or not parts.host:
        raise CommandRefused(
            f"--forward-to: {text!r} is no address such as http://localhost:3000/hook."
        )
    return text


def _key(secret: str | None) -> str:
    """Raises CommandRefused for what signs nothing."""
    from orderhub.cli.session import CommandRefused
    from orderhub.delivery.signing import headers, new_secret

    if secret is None:
        return new_secret()
    try:
        headers([secret], "evt", 0, b"")
    except ValueError:
        raise CommandRefused(
            "--secret: a secret is whsec_ and base64; without one, one is made."
        ) from None
    return secret
