"""orderhub person forget, export: all that is kept of somebody who bought, taken out or told."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orderhub.cli.importing import DryRun, Tenant
from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(help="All that is kept of a person who bought.", no_args_is_help=True)

Email = Annotated[str, typer.Option(help="Whoever has this e-mail.")]
Orders = Annotated[
    list[str] | None,
    typer.Option("--order", help="The uid of a further order of theirs, which says no e-mail."),
]


@app.command()
def forget(
    email: Email,
    order: Orders = None,
    dry_run: DryRun = False,
    tenant: Tenant = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Redact names, addresses, e-mails, notes and raw requests wherever they are kept. It cannot be undone.

    Orders stay with their numbers, amounts and dates. Once more changes nothing.
    """
    headers = {"Hub-Dry-Run": "true"} if dry_run else {}
    where = {"database": database, "url": url, "token": token}
    _show(_asked("forget", _body(email, order), tenant, where, headers))


@app.command()
def export(
    email: Email,
    order: Orders = None,
    tenant: Tenant = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print all that is kept of a person as one JSON document."""
    import json

    where = {"database": database, "url": url, "token": token}
    found = _asked("export", _body(email, order), tenant, where, {})
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False))


def _body(email: str, orders: list[str] | None) -> dict[str, Any]:
    return {"email": email, **({"orders": orders} if orders else {})}


def _asked(
    what: str,
    body: dict[str, Any],
    tenant: str | None,
    where: dict[str, str | None],
    headers: dict[str, str],
) -> Any:
    from orderhub.cli.session import answer_of, one_sentence, own_tenant, path_of, reached

    with one_sentence(), reached(**where) as send:
        path = path_of("tenants", own_tenant(send, tenant), "persons", what)
        return answer_of(
            send("POST", path, json=body, headers=headers),
            {"email": "--email", "orders": "--order"},
        )


def _show(forgotten: Any) -> None:
    from orderhub.cli.terminal import show

    show(forgotten)
