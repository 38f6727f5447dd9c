"""How a command reaches the hub: over HTTP when one serves the database, else the hub itself, within this process.

Either way it is the hub's own API that does it: a command line has no rules of its own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx
import typer

from orderhub.settings import ProgramSettings

_TIMEOUT_S = 30.0
_NOTE = "a command"


class CommandRefused(Exception):
    """The hub said no; the message is one clear sentence."""


def ask(
    method: str,
    path: str,
    *,
    database: str | None,
    token: str | None,
    json: Any = None,
    params: dict[str, str] | None = None,
) -> Any:
    """The hub's answer as JSON. Raises CommandRefused with what the hub said otherwise; no database is made."""
    from orderhub.ledger.database import ServeLock

    settings = ProgramSettings.from_environment(database=database)
    lock = ServeLock(settings.database)
    served_at = lock.holder()
    request = {"method": method, "url": path, "json": json, "params": params}
    if served_at == _NOTE:
        raise CommandRefused("Another command is at work on this database: try again.")
    if served_at:
        return answer_of(_over_http(served_at, token, request))
    if token:
        raise CommandRefused(
            f"No hub is known to serve {settings.database}, so --token would have no effect: leave it out."
        )
    lock.take(_NOTE)  # two that write to one SQLite file would be one too many
    try:
        return answer_of(asyncio.run(within(settings, request)))
    finally:
        lock.release()


def _over_http(address: str, token: str | None, request: dict[str, Any]) -> httpx.Response:
    if not token:
        raise CommandRefused(f"A hub serves this database at {address}: give its --token.")
    headers = {"Authorization": f"Bearer {token}"}
    try:
        return httpx.request(
            request["method"],
            f"{address}{request['url']}",
            json=request["json"],
            params=request["params"],
            headers=headers,
            timeout=_TIMEOUT_S,
        )
    except httpx.HTTPError as error:
        raise CommandRefused(f"The hub at {address} does not answer: {error}.") from None


async def within(settings: ProgramSettings, request: dict[str, Any]) -> httpx.Response:
    """The hub's API without a listener and without timers; its one caller is this command."""
    from orderhub.app import build
    from orderhub.core.access import Credential
    from orderhub.dialects.wiring import digest
    from orderhub.web import logs
    from orderhub.web.hub_api.access import OPERATOR

    logs.configure("error")
    # Where the hub will be found once it is served: answers show commands to paste.
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    served_at = settings.public_url or f"http://{host}:{settings.port or 8080}"
    hub = build(dataclasses.replace(settings, public_url=served_at), is_serving=False)
    token = secrets.token_urlsafe(32)
    hub.port.admit(
        Credential(
            id="command-line", kind="hub", name=digest(token), tenant_id=0, scopes=(OPERATOR,)
        )
    )
    hub.intake.start()
    try:
        transport = httpx.ASGITransport(app=hub.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            headers = {"Authorization": f"Bearer {token}"}
            return await client.request(**request, headers=headers)
    finally:
        hub.port.used.clear()
        await hub.stop()


def answer_of(answer: httpx.Response) -> Any:
    """As JSON. Raises CommandRefused."""
    body = answer.json() if answer.content else {}
    if answer.is_success:
        return body
    said = body.get("detail") or body.get("title") or f"status {answer.status_code}"
    raise CommandRefused(f"{said[0].upper()}{said[1:]}.".replace("..", "."))


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


def path_of(*parts: str) -> str:
    """The path of a resource in the hub's API; whatever a part holds, it stays one part."""
    return "/hub/v1/" + "/".join(quote(part, safe="") for part in parts)


def members(option: str, pairs: list[str] | None) -> dict[str, Any]:
    """`name=value` pairs as an object, each value as JSON where it is some, else as the text it is."""
    import msgspec

    found: dict[str, Any] = {}
    for name, text in texts(option, pairs).items():
        try:
            found[name] = msgspec.json.decode(text.encode())
        except msgspec.DecodeError:
            found[name] = text
    return found


def texts(option: str, pairs: list[str] | None) -> dict[str, str]:
    """`name=text` pairs as an object."""
    found = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"{option}: {pair!r} is not name=value")
        found[name] = text
    return found


def given(**members: Any) -> dict[str, Any]:
    """The members that were said; None is none, and so is an empty text or list."""
    return {name: each for name, each in members.items() if each is False or each}


def every(path: str, wanted: dict[str, str] | None = None, **more: Any) -> list[Any]:
    """The items of all pages of a list."""
    items: list[Any] = []
    params = {"limit": "200", **(wanted or {})}
    while True:
        found = run("GET", path, params=params, **more)
        items += found["items"]
        if found["next_cursor"] is None:
            return items
        params["cursor"] = found["next_cursor"]


def show(value: Any) -> None:
    """As JSON, so that the next command of a script can read it."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
