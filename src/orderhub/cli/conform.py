"""orderhub conform: does a server speak a vendor's API to the byte?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer


def _option(words: str, envvar: str = "") -> Any:
    return typer.Option(help=words, envvar=envvar or None, show_envvar=False)


def _known(named: list[str] | None, dialects: tuple[str, ...]) -> tuple[str, ...]:
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
        if parts.scheme in ("http", "https") and parts.host:
            return url
    raise typer.BadParameter(f"{url!r} is no address such as http://127.0.0.1:8080")


def _both(**given: str) -> None:
    """Two halves of one login: both or neither."""
    if len({bool(value) for value in given.values()}) > 1:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise typer.BadParameter(f"{names} go together")


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


def conform(  # noqa: PLR0913, PLR0917 - one for each option
    base_url: Annotated[str, _option("The server, such as http://127.0.0.1:8080.")],
    dialect: Annotated[
        list[str] | None, _option("A vendor's API; several times for several. All by default.")
    ] = None,
    operator_token: Annotated[
        str,
        _option(
            "A hub operator's token: each case that needs one gets a sandbox of its own.",
            "ORDERHUB_OPERATOR_TOKEN",
        ),
    ] = "",
    token: Annotated[str, _option("KakaClo's bearer token; AnQiCMS: a user's token.")] = "",
    client_token: Annotated[str, _option("Mews.")] = "",
    access_token: Annotated[str, _option("Mews.")] = "",
    appkey: Annotated[str, _option("Tours4Fun.")] = "",
    secret: Annotated[str, _option("Tours4Fun.")] = "",
    client_key: Annotated[str, _option("Sitecore CDP.")] = "",
    api_token: Annotated[str, _option("Sitecore CDP.")] = "",
    site: Annotated[str, _option("AnQiCMS: the number of the site.")] = "",
    hub_token: Annotated[str, _option("A hub's token, in place of the vendor's.")] = "",
    vendor_only: Annotated[
        bool, _option("Leave out what only the hub promises: keys, dry runs.")
    ] = False,
    create: Annotated[
        Path | None,
        _option("A file with the body of an order that the server accepts; of one dialect."),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that an answer may take.", min=0.1)] = 30,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the results as JSON.")
    ] = None,
    junit: Annotated[Path | None, _option("Write the results as JUnit XML.")] = None,
) -> None:
    """Run a dialect's golden pairs and rules against any server.

    Exit status 0 when all that was tried passed, 1 when a case failed, 2 when it could not begin.
    """
    from orderhub.conform import running
    from orderhub.conform.logins import Login

    names = _known(dialect, running.DIALECTS)
    _both(appkey=appkey, secret=secret)
    _both(client_key=client_key, api_token=api_token)
    body = None if create is None else _body_in(create, names)
    _writable(json_file, junit)
    login = Login(
        token=token,
        client_token=client_token,
        access_token=access_token,
        appkey=appkey,
        secret=secret,
        client_key=client_key,
        api_token=api_token,
        site=site,
        hub_token=hub_token,
    )
    with _begun():
        results = asyncio.run(
            running.conform_server(
                _server(base_url),
                names,
                login=login,
                operator_token=operator_token,
                vendor_only=vendor_only,
                create=body,
                timeout_s=timeout,
            )
        )
    _tell(results, base_url, json_file, junit)
