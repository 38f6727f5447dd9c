"""orderhub clock: the test clock of a sandbox."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orderhub.cli.tokens import Database, Token

app = typer.Typer(help="The test clock of a sandbox tenant.", no_args_is_help=True)

Tenant = Annotated[str, typer.Argument(help="The tenant's name.")]
At = Annotated[str | None, typer.Option(help="ISO 8601 with an offset; none = the tenant's now.")]


def _move(tenant: str, database: str | None, token: str | None, **body: Any) -> None:
    from orderhub.cli.session import path_of, run, show

    path = path_of("tenants", tenant, "clock")
    given = {name: value for name, value in body.items() if value is not None}
    show(run("POST", path, json=given, database=database, token=token))


@app.command()
def freeze(tenant: Tenant, at: At = None, database: Database = None, token: Token = None) -> None:
    """Let the tenant's time stand still."""
    _move(tenant, database, token, action="freeze", at=at)


@app.command()
def advance(
    tenant: Tenant,
    by_s: Annotated[int, typer.Argument(help="Seconds; negative ones go back.")],
    database: Database = None,
    token: Token = None,
) -> None:
    """Jump: timers that come due are done."""
    _move(tenant, database, token, action="advance", by_s=by_s)


@app.command()
def run(
    tenant: Tenant,
    at: At = None,
    real: Annotated[bool, typer.Option("--real", help="Give the test clock up.")] = False,
    database: Database = None,
    token: Token = None,
) -> None:
    """Let the tenant's time run on, from now or from an instant."""
    _move(tenant, database, token, action="real" if real else "run", at=at)


@app.command()
def show(tenant: Tenant, database: Database = None, token: Token = None) -> None:
    """The tenant's time beside the wall's."""
    from orderhub.cli import session

    path = session.path_of("tenants", tenant, "clock")
    session.show(session.run("GET", path, database=database, token=token))
