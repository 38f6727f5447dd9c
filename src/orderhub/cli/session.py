"""How a command reaches a hub: the one at --url over HTTP; else the one that serves the database, or the hub
itself within this process.

Either way it is the hub's own API that does it: a command line has no rules of its own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import typer

from orderhub.settings import ProgramSettings, callable_url

_TIMEOUT_S = 60.0
_NOTE = "a command"
# What a hub says that will take calls again, and a proxy in front of one that is restarted.
_AWAY = frozenset({429, 502, 503, 504})
_ASK_AGAIN_S = 1.0
_URL, _TOKEN = "ORDERHUB_URL", "ORDERHUB_TOKEN"

# A request's method and path, and what httpx takes besides.
Send = Callable[..., httpx.Response]
T = TypeVar("T")


class CommandRefused(Exception):
    """The hub said no; the message is one clear sentence."""


class HubAway(CommandRefused):
    """The hub cannot answer now: it restarts, is busy or is out of reach."""


def ask(
    method: str,
    path: str,
    *,
    database: str | None,
    token: str | None,
    url: str | None = None,
    typed: Mapping[str, str] | None = None,
    **more: Any,
) -> Any:
    """The hub's answer as JSON. Raises CommandRefused with what the hub said otherwise; no database is made.

    `typed` says by which option a member of the request was given: `{"expires_in_s": "--expires-in-days"}`.
    """
    with reached(database=database, url=url, token=token) as send:
        return answer_of(send(method, path, **more), typed)


@contextmanager
def reached(*, database: str | None, url: str | None, token: str | None) -> Iterator[Send]:
    """A hub to send requests to: that at the URL, that which serves the database, or one within this process.

    Raises CommandRefused, DatabaseRefused or SettingRefused with one clear sentence.
    """
    with _reached(database, url, token) as send:
        yield send


@contextmanager
def read_from(*, database: str | None, url: str | None, token: str | None) -> Iterator[Send]:
    """As `reached`, for who only reads: without a token a database that is served is read beside its server."""
    with _reached(database, url, token, is_reading=True) as send:
        yield send


@contextmanager
def _reached(
    database: str | None, url: str | None, token: str | None, *, is_reading: bool = False
) -> Iterator[Send]:
    """Which of the three it is.

    Raises CommandRefused, DatabaseRefused or SettingRefused with one clear sentence.
    """
    token, url = _as_chosen(database, url, token)
    if url is not None:
        with _over_http(address("--url", url), token, f"give its --token, or {_TOKEN}") as send:
            yield send
        return
    settings = ProgramSettings.from_environment(database=database)
    with _at_database(settings, token, is_reading=is_reading) as send:
        yield send


def _as_chosen(database: str | None, url: str | None, token: str | None) -> tuple[str, str | None]:
    """The token, empty for none, and the URL of the hub, None where a database is meant. Raises CommandRefused."""
    if url is not None and database is not None:
        raise CommandRefused("Either --url or --database, not both: they name two ways to a hub.")
    if url is None and database is None:
        url = os.environ.get(_URL) or None
    return token or os.environ.get(_TOKEN, ""), url


def whence_of(*, database: str | None, url: str | None, token: str | None) -> dict[str, str]:
    """Which hub or database is read, and on whose behalf, so that it may stand in a file: no secret is in it.

    Raises CommandRefused, DatabaseRefused or SettingRefused with one clear sentence.
    """
    from orderhub.ledger.urls import file_of, parse_url, without_password

    token, url = _as_chosen(database, url, token)
    if url is not None:
        at = address("--url", url)
    else:
        given = ProgramSettings.from_environment(database=database).database
        at = str(file_of(parse_url(given)) or without_password(given))
    return {"at": at, "by": hashlib.sha256(token.encode()).hexdigest()[:16] if token else ""}


@contextmanager
def _at_database(settings: ProgramSettings, token: str, *, is_reading: bool) -> Iterator[Send]:
    from orderhub.ledger.database import ServeLock
    from orderhub.ledger.urls import without_password

    lock = ServeLock(settings.database)
    served_at = lock.holder()
    if served_at and is_reading and not token:
        with within(settings, is_reading=True) as send:
            yield send
        return
    if served_at == _NOTE:
        raise CommandRefused("Another command is at work on this database: try again.")
    if served_at:
        say = f"a hub serves this database: give its --token, or {_TOKEN}"
        with _over_http(served_at, token, say) as send:
            yield send
        return
    if token:
        raise CommandRefused(
            f"No hub is known to serve {without_password(settings.database)}, so --token ({_TOKEN}) would have "
            "no effect: leave it out, or give the --url of the hub."
        )
    lock.take(_NOTE)  # two that write to one SQLite file would be one too many
    try:
        with within(settings) as send:
            yield send
    finally:
        lock.release()


def address(option: str, url: str) -> str:
    """The address without its last slash. Raises CommandRefused for what is none."""
    with suppress(httpx.InvalidURL):
        parts = httpx.URL(url)
        if parts.scheme in ("http", "https") and parts.host and not parts.query:
            return url.rstrip("/")
    raise CommandRefused(f"{option}: {url!r} is no address such as https://hub.example.")


@contextmanager
def _over_http(where: str, token: str, say: str) -> Iterator[Send]:
    if not token:
        raise CommandRefused(f"{where} asks for a token: {say}.")
    if not (token.isascii() and token.isprintable() and token == token.strip()):
        raise CommandRefused("--token: a token is ASCII, without blanks around it.")

    def send(method: str, path: str, **more: Any) -> httpx.Response:
        try:
            answer = client.request(method, f"{where}{path}", **more)
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise HubAway(f"The hub at {where} does not answer: {said}.") from None
        kind = answer.headers.get("content-type", "")
        if answer.content and "json" not in kind:
            raise _refusal(answer.status_code)(
                f"What answers at {where} is no OrderHub: status {answer.status_code}, {kind or 'no type'}."
            )
        return answer

    headers = {"Authorization": f"Bearer {token}"}
    # To read the certificates of this machine takes as long as a command: without TLS none is asked for.
    is_tls = where.lower().startswith("https:")
    with httpx.Client(headers=headers, timeout=_TIMEOUT_S, verify=is_tls) as client:
        yield send


@contextmanager
def within(settings: ProgramSettings, *, is_reading: bool = False) -> Iterator[Send]:
    """The hub's API without a listener and without timers; its one caller is this command.

    `is_reading`: nothing is migrated, and no command is taken.
    """
    from orderhub.app import build
    from orderhub.core.access import Credential
    from orderhub.dialects.auth import digest
    from orderhub.web import logs
    from orderhub.web.hub_api.access import OPERATOR

    logs.configure("error")
    # Where the hub will be found once it is served: answers show commands to paste.
    settings = dataclasses.replace(settings, public_url=address_of(settings))
    ledger = _opened_to_read(settings) if is_reading else None
    hub = build(settings, ledger=ledger, is_serving=False)
    token = secrets.token_urlsafe(32)
    hub.port.lookups.admit(
        Credential(
            id="command-line", kind="hub", name=digest(token), tenant_id=0, scopes=(OPERATOR,)
        )
    )
    if not is_reading:
        hub.intake.start()
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=hub.app),
        base_url="http://hub",
        headers={"Authorization": f"Bearer {token}"},
    )
    with asyncio.Runner() as runner:
        try:
            yield lambda method, path, **more: runner.run(client.request(method, path, **more))
        finally:
            hub.port.lookups.used.clear()
            runner.run(_left(client, hub))


def _opened_to_read(settings: ProgramSettings) -> Any:
    from orderhub.core.decide import RECORD_TYPES
    from orderhub.ledger.database import check_version, open_engine
    from orderhub.ledger.ledger import Ledger

    engine = open_engine(settings.database)
    try:
        check_version(engine)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine, RECORD_TYPES)


async def _left(client: httpx.AsyncClient, hub: Any) -> None:
    await client.aclose()
    await hub.stop()


def address_of(settings: ProgramSettings) -> str:
    """Where `orderhub serve` makes the hub answer with these settings."""
    return settings.public_url or callable_url(settings.host, settings.port or 8080)


def answer_of(answer: httpx.Response, typed: Mapping[str, str] | None = None) -> Any:
    """As JSON. Raises CommandRefused, with the option at fault as it was typed."""
    body = answer.json() if answer.content else {}
    if answer.is_success:
        return body
    said = str(body.get("detail") or body.get("title") or f"status {answer.status_code}")
    errors = body.get("errors") or [{"field": body.get("field"), "message": said}]
    field, said = str(errors[0]["field"] or ""), str(errors[0]["message"] or said)
    option = option_of(field, typed or {})
    if option:
        said = f"{option}: {said.removeprefix(f'{field}: ')}"
    if len(errors) > 1:
        said = f"{said.rstrip('.')} (and {len(errors) - 1} more)"
    raise _refusal(answer.status_code)(f"{said[0].upper()}{said[1:]}.".replace("..", "."))


def _refusal(status: int) -> type[CommandRefused]:
    return HubAway if status in _AWAY else CommandRefused


def patiently(ask: Callable[[], T]) -> T:
    """What `ask` answers; while the hub is away it is asked again, which is said once. For commands that go on."""
    is_told = False
    while True:
        try:
            return ask()
        except HubAway as away:
            if not is_told:
                typer.echo(f"orderhub: {away} Waiting for it.", err=True)
                is_told = True
        time.sleep(_ASK_AGAIN_S)


def option_of(field: str, typed: Mapping[str, str]) -> str:
    """The option that a member came from: itself, or the one whose object or list it lies in.

    `{"": "--set", "data": "--data"}`: a member of the body's own is `--set member`, `data.note` is `--data note`.
    One that is named whole, such as `items[0].id`, is what it says.
    """
    if field and field in typed:
        return typed[field]
    first, inner = [*re.split(r"[.\[]", field, maxsplit=1), ""][:2]
    if field and first in typed:
        return f"{typed[first]} {inner}" if inner and "]" not in inner else typed[first]
    return f"{typed['']} {field}" if field and "" in typed else ""


def run(method: str, path: str, **more: Any) -> Any:
    """As `ask`; what an operator can mend is said in one sentence, with exit status 2."""
    with one_sentence():
        return ask(method, path, **more)


@contextmanager
def one_sentence() -> Iterator[None]:
    """What an operator can mend is said in one sentence, with exit status 2."""
    from orderhub.ledger.database import DatabaseRefused
    from orderhub.settings import SettingRefused
    from orderhub.web.cipher import SecretKeyMissing

    try:
        yield
    except (CommandRefused, DatabaseRefused, SettingRefused, SecretKeyMissing) as refused:
        typer.echo(f"orderhub: {refused}", err=True)
        raise typer.Exit(2) from None
    except Exception as error:
        from orderhub.ledger.checking.integrity import reason
        from orderhub.ledger.ledger import Ledger

        if not Ledger.is_outage(error):
            raise
        why = reason(error).removesuffix(".")
        typer.echo(f"orderhub: The database cannot be used any more: {why}.", err=True)
        raise typer.Exit(2) from None


def path_of(*parts: str) -> str:
    """The path of a resource in the hub's API; whatever a part holds, it stays one part."""
    return "/hub/v1/" + "/".join(quote(part, safe="") for part in parts)


def members(option: str, pairs: list[str] | None) -> dict[str, Any] | None:
    """`name=value` pairs as an object, each value as JSON where it is some, else as the text it is; None = none."""
    import msgspec

    found = texts(option, pairs)
    if found is None:
        return None
    values: dict[str, Any] = {}
    for name, text in found.items():
        try:
            values[name] = msgspec.json.decode(text.encode())
        except msgspec.DecodeError:
            values[name] = text
    return values


def texts(option: str, pairs: list[str] | None) -> dict[str, str] | None:
    """`name=text` pairs as an object; None = none."""
    found = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{option}: {pair!r} is not name=value")
        if name in found:
            raise typer.BadParameter(f"{option}: {name} is given twice")
        found[name] = text
    return found or None


def given(**members: Any) -> dict[str, Any]:
    """The members that were said: whatever is not None, so that 0, an empty text or a no reaches the hub."""
    return {name: each for name, each in members.items() if each is not None}


def own_tenant(send: Send, said: str | None) -> str:
    """Whose it is: as said, else the only tenant within reach. Raises CommandRefused."""
    if said is not None:
        return said
    names = [each["name"] for each in answer_of(send("GET", "/hub/v1/tenants"))["items"]]
    if not names:
        raise CommandRefused("There is no tenant yet: `orderhub tenant create` makes one.")
    if len(names) > 1:
        shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
        raise CommandRefused(f"There are several tenants ({shown}): say which one with --tenant.")
    return str(names[0])


def items_of(
    send: Send,
    path: str,
    wanted: Mapping[str, str],
    *,
    most: int = 0,
    typed: Mapping[str, str] | None = None,
) -> tuple[list[Any], bool]:
    """The items of a list's pages, at most so many (0 = all), and whether there are more."""
    items: list[Any] = []
    params = {**wanted, "limit": "200"}
    while True:
        if most:
            params["limit"] = str(min(200, most - len(items)))
        found = answer_of(send("GET", path, params=params), typed)
        items += found["items"]
        following = found["next_cursor"]
        if following is None or (most and len(items) >= most):
            return items, following is not None
        params["cursor"] = following


def every(path: str, wanted: dict[str, str] | None = None, **more: Any) -> list[Any]:
    """The items of all pages of a list."""
    with one_sentence(), reached(**more) as send:
        return items_of(send, path, wanted or {})[0]
