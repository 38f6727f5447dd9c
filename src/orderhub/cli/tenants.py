"""orderhub tenant: whom the hub serves, and how each does business."""

from __future__ import annotations

from typing import Annotated

import typer

from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(help="Tenants and their settings.", no_args_is_help=True)

Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="name=value, the value as JSON or a plain text; repeat for more."),
]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Part of paths; it cannot be changed.")],
    title: Annotated[str | None, typer.Option(help="For people.")] = None,
    settings: Set = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Add a tenant."""
    from orderhub.cli.session import given, members, run
    from orderhub.cli.terminal import show

    body = given(name=name, title=title, settings=members("--set", settings))
    typed = {"name": "NAME", "title": "--title", "settings": "--set"}
    where = {"database": database, "url": url, "token": token}
    show(run("POST", "/hub/v1/tenants", json=body, typed=typed, **where))


@app.command("list")
def list_(database: Database = None, url: Url = None, token: Token = None) -> None:
    """Tenants within reach."""
    from orderhub.cli.session import every
    from orderhub.cli.terminal import show

    show(every("/hub/v1/tenants", database=database, url=url, token=token))


@app.command()
def settings(
    name: Annotated[str, typer.Argument(help="The tenant's name.")],
    changes: Set = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Show a tenant's settings, or change the ones given with --set."""
    from orderhub.cli.session import members, path_of, run
    from orderhub.cli.terminal import show

    path = path_of("tenants", name, "settings")
    changed = members("--set", changes)
    if changed is not None:
        typed = {"": "--set"}
        show(run("PATCH", path, json=changed, typed=typed, database=database, url=url, token=token))
    else:
        show(run("GET", path, database=database, url=url, token=token))
