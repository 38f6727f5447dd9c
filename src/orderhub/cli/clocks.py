"""orderhub clock: the test clock of a sandbox."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(help="The test clock of a sandbox tenant.", no_args_is_help=True)

Tenant = Annotated[str, typer.Argument(help="The tenant's name.")]
At = Annotated[str | None, typer.Option(help="ISO 8601 with an offset; none = the tenant's now.")]


def _move(tenant: str, body: dict[str, Any], **hub: str | None) -> None:
    from orderhub.cli.session import given, path_of, run
    from orderhub.cli.terminal import show

    path = path_of("tenants", tenant, "clock")
    typed = {"at": "--at", "by_s": "BY_S"}
    show(run("POST", path, json=given(**body), typed=typed, **hub))


@app.command()
def freeze(
    tenant: Tenant, at: At = None, database: Database = None, url: Url = None, token: Token = None
) -> None:
    """Let the tenant's time stand still."""
    body = {"action": "freeze", "at": at}
    _move(tenant, body, database=database, url=url, token=token)


@app.command()
def advance(
    tenant: Tenant,
    by_s: Annotated[int, typer.Argument(help="Seconds; negative ones go back.")],
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Jump: timers that come due are done."""
    body = {"action": "advance", "by_s": by_s}
    _move(tenant, body, database=database, url=url, token=token)


@app.command()
def run(
    tenant: Tenant,
    at: At = None,
    real: Annotated[bool, typer.Option("--real", help="Give the test clock up.")] = False,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Let the tenant's time run on, from now or from an instant."""
    if real and at is not None:
        raise typer.BadParameter("either --real or --at, not both")
    body = {"action": "real" if real else "run", "at": at}
    _move(tenant, body, database=database, url=url, token=token)


@app.command()
def show(tenant: Tenant, database: Database = None, url: Url = None, token: Token = None) -> None:
    """The tenant's time beside the wall's."""
    from orderhub.cli import session, terminal

    path = session.path_of("tenants", tenant, "clock")
    terminal.show(session.run("GET", path, database=database, url=url, token=token))
