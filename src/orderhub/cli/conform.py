"""orderhub conform: does a server speak a vendor's API to the byte?"""

from __future__ import annotations

import asyncio
import json
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


def _body_in(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{file} holds no JSON: {error}") from None


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
        Path | None, _option("A file with the body of an order that the server accepts.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the results as JSON.")
    ] = None,
    junit: Annotated[Path | None, _option("Write the results as JUnit XML.")] = None,
) -> None:
    """Run a dialect's golden pairs and rules against any server; exit status 1 when one fails."""
    from orderhub.conform import report, running
    from orderhub.conform.logins import Login
    from orderhub.conform.runner import FAILED

    names = _known(dialect, running.DIALECTS)
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

    results = asyncio.run(
        running.conform_server(
            base_url,
            names,
            login=login,
            operator_token=operator_token,
            vendor_only=vendor_only,
            create=None if create is None else _body_in(create),
        )
    )
    for line in report.lines(results):
        typer.echo(line)
    if json_file is not None:
        text = json.dumps(report.as_json(results, base_url), ensure_ascii=False, indent=2)
        json_file.write_text(f"{text}\n")
    if junit is not None:
        junit.write_text(report.as_junit(results))
    if report.counts(results)[FAILED]:
        raise typer.Exit(1)
