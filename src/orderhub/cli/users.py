"""orderhub user: who works at the desk, as the API manages them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(
    help="People who sign in at the desk: roles are viewer, staff, manager, owner, operator.",
    no_args_is_help=True,
)

Tenant = Annotated[
    str, typer.Argument(help="The tenant's name, or `operator` for those who run the hub.")
]
User = Annotated[str, typer.Argument(help="Their e-mail, or uid.")]
_NONE = "none"


def _ask(method: str, tenant: str, *more: str, **given: Any) -> None:
    from orderhub.cli.session import path_of, run
    from orderhub.cli.terminal import show

    show(run(method, path_of("tenants", tenant, "users", *more), **given))


@app.command()
def add(
    tenant: Tenant,
    email: Annotated[str, typer.Argument(help="What they sign in by.")],
    role: Annotated[
        str, typer.Option(help="viewer, staff, manager, owner; of the hub itself: operator.")
    ] = "staff",
    name: Annotated[str | None, typer.Option(help="Their name.")] = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Give somebody a role; who is new chooses a password by the link that is shown."""
    from orderhub.cli.session import given

    body = given(email=email, role=role, name=name)
    typed = {"email": "EMAIL", "role": "--role", "name": "--name"}
    _ask("POST", tenant, json=body, typed=typed, database=database, url=url, token=token)


@app.command("list")
def list_(tenant: Tenant, database: Database = None, url: Url = None, token: Token = None) -> None:
    """Who has a role in the tenant."""
    from orderhub.cli.session import every, path_of
    from orderhub.cli.terminal import show

    path = path_of("tenants", tenant, "users")
    show(every(path, None, database=database, url=url, token=token))


@app.command()
def role(
    tenant: Tenant,
    user: User,
    role: Annotated[str, typer.Argument(help=f"The new role; `{_NONE}` takes it away.")],
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change somebody's role in a tenant, or take it away."""
    body = {"role": None if role == _NONE else role}
    where = {"database": database, "url": url, "token": token}
    _ask("PUT", tenant, user, "role", json=body, typed={"role": "ROLE"}, **where)


@app.command()
def reset(
    tenant: Tenant, user: User, database: Database = None, url: Url = None, token: Token = None
) -> None:
    """Void a password and a second factor, and show the link to choose anew by."""
    _ask("POST", tenant, user, "reset", database=database, url=url, token=token)


@app.command()
def disable(
    tenant: Tenant,
    user: User,
    undo: Annotated[bool, typer.Option("--undo", help="Let them sign in again.")] = False,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Keep somebody from signing in, and sign them out at once."""
    where = {"database": database, "url": url, "token": token}
    _ask("PUT", tenant, user, "enabled", json={"enabled": undo}, **where)
