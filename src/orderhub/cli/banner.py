"""What `serve` and `demo` say once they take orders: what runs where, and how it is stopped."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import structlog
import typer

from orderhub import __version__
from orderhub.cli.terminal import asks_json, show_json, styled
from orderhub.demo import OMNI, OPERATOR_TOKEN, PASSWORD, FirstCall, owner_of
from orderhub.ledger.urls import without_password
from orderhub.settings import ProgramSettings

_STOP = "Ctrl-C stops it: what waits is finished first."


def tell_served(settings: ProgramSettings, address: str) -> None:
    """Where a hub listens: a line of the log, for people a banner, with --json a document on the standard output."""
    url = settings.public_url
    where = {
        "url": url,
        "address": address,
        "desk": f"{url}/desk",
        "docs": f"{url}/docs",
        "database": without_password(settings.database),
    }
    if asks_json():
        _say_json(where)
    if asks_json() or not sys.stderr.isatty():
        structlog.get_logger("orderhub.serve").info("listening", **where)
    else:
        rows = [("listens on", address), *((name, where[name]) for name in ("desk", "docs"))]
        rows += [("metrics", f"{url}/metrics"), ("data", where["database"])]
        _say(f"OrderHub {__version__}  {url}", rows, [_STOP], is_error=True)


def tell_demo(settings: ProgramSettings, data: Path, calls: list[FirstCall]) -> None:
    """The demo's doors, with a command for each; its tokens are everybody's."""
    url = settings.public_url
    if asks_json():
        _say_json(_demo_as_json(url, data, calls))
        return
    rows = [
        ("desk", f"{url}/desk"),
        ("", f"sign in as {owner_of(OMNI)} with the password {PASSWORD}"),
        ("docs", f"{url}/docs"),
        ("tokens", f"{OPERATOR_TOKEN} sees all; hub-demo-TENANT, such as hub-demo-{OMNI}, its own"),
        ("calls", f"orderhub tail --follow --url {url} --token {OPERATOR_TOKEN}"),
        ("data", f"{data}, made anew at each start unless --keep"),
    ]
    behind = ["The doors. Try:\n"]
    behind += [f"{styled(_titled(each), bold=True)}\n{each.command}\n" for each in calls]
    _say(f"OrderHub {__version__} demo on {url}", rows, [*behind, _STOP])


def _titled(call: FirstCall) -> str:
    return f"# {call.title}: POST {call.path}, as {call.tenant}"


def _demo_as_json(url: str, data: Path, calls: list[FirstCall]) -> dict[str, Any]:
    return {
        "url": url,
        "desk": f"{url}/desk",
        "docs": f"{url}/docs",
        "data": str(data),
        "token": OPERATOR_TOKEN,
        "sign_in": {"email": owner_of(OMNI), "password": PASSWORD},
        "doors": calls,
    }


def _say(
    title: str, rows: list[tuple[str, str]], behind: list[str], *, is_error: bool = False
) -> None:
    width = max(len(name) for name, _ in rows)
    lines = ["", styled(title, bold=True), ""]
    lines += [f"  {styled(name.ljust(width), dim=True)}  {text}" for name, text in rows]
    # One write: no line of the log comes between.
    typer.echo("\n".join([*lines, "", *behind]), err=is_error)
    sys.stdout.flush()


def _say_json(value: Any) -> None:
    show_json(value)
    sys.stdout.flush()
