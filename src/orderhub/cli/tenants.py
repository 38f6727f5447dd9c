"""orderhub tenant: whom the hub serves, and how each does business."""

from __future__ import annotations

from typing import Annotated

import typer

from orderhub.cli.tokens import Database, Token

app = typer.Typer(help="Tenants and their settings.", no_args_is_help=True)

Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="name=value, the value as JSON or a plain text; repeat for more."),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Part of paths; it cannot be changed.")],
    title: Annotated[str, typer.Option(help="For people.")] = "",
    settings: Set = None,
    database: Database = None,
    token: Token = None,
) -> None:
    """Add a tenant."""
    from orderhub.cli.session import members, run, show

    body = {"name": name, "title": title, "settings": members("--set", settings)}
    show(run("POST", "/hub/v1/tenants", json=body, database=database, token=token))


@app.command("list")
def list_(database: Database = None, token: Token = None) -> None:
    """Tenants within reach."""
    from orderhub.cli.session import every, show

    show(every("/hub/v1/tenants", database=database, token=token))


@app.command()
def settings(
    name: Annotated[str, typer.Argument(help="The tenant's name.")],
    changes: Set = None,
    database: Database = None,
    token: Token = None,
) -> None:
    """Show a tenant's settings, or change the ones given with --set."""
    from orderhub.cli.session import members, path_of, run, show

    path = path_of("tenants", name, "settings")
    changed = members("--set", changes)
    if changed:
        show(run("PATCH", path, json=changed, database=database, token=token))
    else:
        show(run("GET", path, database=database, token=token))
