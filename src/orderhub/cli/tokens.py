"""orderhub token: the hub's tokens and vendors' credentials, as the API manages them."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    help="Tokens of the hub and credentials of vendors' clients.", no_args_is_help=True
)

Tenant = Annotated[str, typer.Argument(help="The tenant's name, or `operator`.")]
Id = Annotated[str, typer.Argument(help="The credential's id, as `list` shows it.")]
Database = Annotated[str | None, typer.Option(help="sqlite:///path or postgresql://…")]
Token = Annotated[str | None, typer.Option(help="A token of the hub that serves the database.")]


@app.command()
def create(
    tenant: Tenant,
    scope: Annotated[
        list[str] | None, typer.Option(help="What the token may do; repeat for more.")
    ] = None,
    kind: Annotated[str, typer.Option(help="`hub`, or a dialect.")] = "hub",
    name: Annotated[str, typer.Option(help="What a vendor's client is looked up by.")] = "",
    label: Annotated[str, typer.Option(help="A note for people.")] = "",
    expires_in_days: Annotated[int | None, typer.Option(help="Ends after so many days.")] = None,
    database: Database = None,
    token: Token = None,
) -> None:
    """Make a credential and show its token or secret: now, and never again."""
    from orderhub.cli.session import run, show

    body: dict[str, object] = {"kind": kind, "scopes": scope or [], "label": label}
    if name:
        body["name"] = name
    if expires_in_days is not None:
        body["expires_in_s"] = expires_in_days * 86_400
    path = f"/hub/v1/tenants/{tenant}/credentials"
    show(run("POST", path, json=body, database=database, token=token))


@app.command("list")
def list_(tenant: Tenant, database: Database = None, token: Token = None) -> None:
    """Every credential of a tenant and when it was last used."""
    from orderhub.cli.session import every, show

    show(every(f"/hub/v1/tenants/{tenant}/credentials", database=database, token=token))


@app.command()
def rotate(tenant: Tenant, credential: Id, database: Database = None, token: Token = None) -> None:
    """Replace a credential's token or secret: the old one ends at once."""
    from orderhub.cli.session import run, show

    path = f"/hub/v1/tenants/{tenant}/credentials/{credential}/rotate"
    show(run("POST", path, database=database, token=token))


@app.command()
def revoke(tenant: Tenant, credential: Id, database: Database = None, token: Token = None) -> None:
    """Make a credential open nothing from now on."""
    from orderhub.cli.session import run, show

    path = f"/hub/v1/tenants/{tenant}/credentials/{credential}"
    show(run("DELETE", path, database=database, token=token))
