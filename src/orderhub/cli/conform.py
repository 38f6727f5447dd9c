"""orderhub conform: does a server speak a vendor's API to the byte?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderhub.cli.options import LateCommand, taking

if TYPE_CHECKING:
    from orderhub.dialects.conforming import Login


def _option(words: str, envvar: str = "") -> Any:
    return typer.Option(help=words, envvar=envvar or None, show_envvar=False)


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said of a run, besides the parts of the logins, which the dialects name."""

    base_url: Annotated[str, _option("The server, such as http://127.0.0.1:8080.")]
    dialect: Annotated[
        list[str] | None, _option("A vendor's API; several times for several. All by default.")
    ] = None
    operator_token: Annotated[
        str,
        _option(
            "A hub operator's token: each case that needs one gets a sandbox of its own.",
            "ORDERHUB_OPERATOR_TOKEN",
        ),
    ] = ""
    hub_token: Annotated[str, _option("A hub's token, in place of the vendor's.")] = ""
    vendor_only: Annotated[
        bool, _option("Leave out what only the hub promises: keys, dry runs.")
    ] = False
    create: Annotated[
        Path | None,
        _option("A file with the body of an order that the server accepts; of one dialect."),
    ] = None
    timeout: Annotated[float, typer.Option(help="Seconds that an answer may take.", min=0.1)] = 30
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the results as JSON.")] = (
        None
    )
    junit: Annotated[Path | None, _option("Write the results as JUnit XML.")] = None


class ConformCommand(LateCommand):
    """`conform` has an option for each part of a login that a dialect names."""

    def late_options(self) -> dict[str, str]:
        """Each once; dialects may share one."""
        from orderhub.dialects.finding import conformance_of, find_dialects

        found: dict[str, list[str]] = {}
        for dialect in find_dialects():
            for option in conformance_of(dialect.name).client.options:
                found.setdefault(option.name, []).append(f"{dialect.title}: {option.about}")
        return {name: f"{'; '.join(about)}." for name, about in found.items()}


def _known(named: list[str] | None) -> tuple[str, ...]:
    from orderhub.dialects.finding import dialect_names

    dialects = dialect_names()
    for name in named or ():
        if name not in dialects:
            raise typer.BadParameter(f"{name} is none of {', '.join(dialects)}")
    return tuple(named or dialects)


def _body_in(file: Path, names: tuple[str, ...]) -> dict[str, Any]:
    if len(names) > 1:
        raise typer.BadParameter("--create is an order of one dialect: say which with --dialect")
    try:
        body = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file} holds no JSON: {error}") from None
    if not isinstance(body, dict):
        raise typer.BadParameter(f"{file} holds no JSON object")
    return body


def _server(url: str) -> str:
    import httpx

    with suppress(httpx.InvalidURL):
        parts = httpx.URL(url)
        if parts.scheme in ("http", "https") and parts.host and (parts.port or 0) < 65_536:
            return url
    raise typer.BadParameter(f"{url!r} is no address such as http://127.0.0.1:8080")


def _login(values: dict[str, str], hub_token: str) -> Login:
    """Refuses a part of a login that means nothing without another."""
    from orderhub.dialects.conforming import Login
    from orderhub.dialects.finding import conformance_of, dialect_names

    for name in dialect_names():
        for option in conformance_of(name).client.options:
            pair = (option.name, option.goes_with)
            if option.goes_with and bool(values.get(pair[0])) != bool(values.get(pair[1])):
                names = " and ".join(f"--{each.replace('_', '-')}" for each in pair)
                raise typer.BadParameter(f"{names} go together")
    return Login(values, hub_token)


def _writable(*files: Path | None) -> None:
    """Told before the run, which may take long, and not after it."""
    for file in files:
        if file is not None:
            try:
                file.open("a").close()
            except OSError as error:
                raise typer.BadParameter(f"{file} cannot be written: {error.strerror}") from None


@contextmanager
def _begun() -> Iterator[None]:
    from orderhub.conform.running import CouldNotBegin

    try:
        yield
    except CouldNotBegin as refused:
        typer.echo(f"orderhub: {refused}", err=True)
        raise typer.Exit(2) from None


def _tell(results: list[Any], base_url: str, json_file: Path | None, junit: Path | None) -> None:
    """What came of it, on the screen, in the files that are asked for, and as the exit status."""
    from orderhub.conform import report
    from orderhub.conform.runner import FAILED

    for line in report.lines(results):
        typer.echo(line)
    if json_file is not None:
        text = json.dumps(report.as_json(results, base_url), ensure_ascii=False, indent=2)
        json_file.write_text(f"{text}\n", "utf-8")
    if junit is not None:
        junit.write_bytes(report.as_junit(results))
    if report.counts(results)[FAILED]:
        raise typer.Exit(1)


@taking(Options)
def conform(options: Options, login: dict[str, str]) -> None:
    """Run a dialect's golden pairs and rules against any server.

    Exit status 0 when all that was tried passed, 1 when a case failed, 2 when it could not begin.
    """
    from orderhub.conform import running

    names = _known(options.dialect)
    shown = _login(login, options.hub_token)
    body = None if options.create is None else _body_in(options.create, names)
    _writable(options.json_file, options.junit)
    with _begun():
        results = asyncio.run(
            running.conform_server(
                _server(options.base_url),
                names,
                login=shown,
                operator_token=options.operator_token,
                vendor_only=options.vendor_only,
                create=body,
                timeout_s=options.timeout,
            )
        )
    _tell(results, options.base_url, options.json_file, options.junit)
