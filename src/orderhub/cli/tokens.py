"""orderhub token: the hub's tokens and vendors' credentials, as the API manages them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Tokens of the hub and credentials of vendors' clients.", no_args_is_help=True
)

Tenant = Annotated[str, typer.Argument(help="The tenant's name, or `operator`.")]
Id = Annotated[str, typer.Argument(help="The credential's id, as `list` shows it.")]
Database = Annotated[str | None, typer.Option(help="sqlite:///path or postgresql://…")]
Url = Annotated[
    str | None, typer.Option(help="A hub anywhere: https://hub.example; also ORDERHUB_URL.")
]
Token = Annotated[
    str | None, typer.Option(help="A token of the hub that is served; also ORDERHUB_TOKEN.")
]
Scopes = Annotated[list[str] | None, typer.Option(help="What it may do; repeat for more.")]
Label = Annotated[str | None, typer.Option(help="A note for people.")]
ExpiresAt = Annotated[str | None, typer.Option(help="Ends then: ISO 8601 with an offset.")]
Data = Annotated[
    list[str] | None,
    typer.Option(
        help="name=value, such as repeat_window_s=60; the value as JSON or a plain text, "
        "null removes it; repeat for more."
    ),
]
Shown = Annotated[
    str | None, typer.Option(help="What a vendor's client shows; random unless said.")
]
Secret = Annotated[
    str | None, typer.Option(help="What its signatures are checked with; random unless said.")
]
Digests = Annotated[
    list[str] | None,
    typer.Option("--digest", help="name=text, kept as a digest: a client token; repeat for more."),
]
_MOST_DAYS = 100 * 366  # what the hub's API takes
# The members of the API's bodies, by the options they come from.
_TYPED = {
    "kind": "--kind",
    "name": "--name",
    "token": "--shown",
    "secret": "--secret",
    "scopes": "--scope",
    "data": "--data",
    "digests": "--digest",
    "tenants": "--reaches",
    "label": "--label",
    "expires_at": "--expires-at",
    "expires_in_s": "--expires-in-days",
}


def _path(tenant: str, *more: str) -> str:
    from orderhub.cli.session import path_of

    return path_of("tenants", tenant, "credentials", *more)


def _ask(method: str, path: str, **more: Any) -> None:
    from orderhub.cli.session import run
    from orderhub.cli.terminal import show

    show(run(method, path, **more))


@app.command()
def create(  # noqa: PLR0913, PLR0917 - one for each option
    tenant: Tenant,
    scope: Scopes = None,
    kind: Annotated[str, typer.Option(help="`hub`, or a vendor's, such as kakaclo.")] = "hub",
    name: Annotated[
        str | None, typer.Option(help="What it is looked up by; drawn unless said.")
    ] = None,
    shown: Shown = None,
    secret: Secret = None,
    digest: Digests = None,
    data: Data = None,
    reaches: Annotated[
        list[str] | None, typer.Option(help="A tenant of a portfolio; repeat for more.")
    ] = None,
    label: Label = None,
    expires_at: ExpiresAt = None,
    expires_in_days: Annotated[
        int | None, typer.Option(help="Ends after so many days.", min=1, max=_MOST_DAYS)
    ] = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Make a credential and show its token or secret: now, and never again."""
    from orderhub.cli.session import given, members, texts

    body = given(
        kind=kind,
        name=name,
        token=shown,
        secret=secret,
        scopes=scope or None,
        data=members("--data", data),
        digests=texts("--digest", digest),
        tenants=reaches or None,
        label=label,
        expires_at=expires_at,
        expires_in_s=None if expires_in_days is None else expires_in_days * 86_400,
    )
    _ask("POST", _path(tenant), json=body, typed=_TYPED, database=database, url=url, token=token)


@app.command("list")
def list_(
    tenant: Tenant,
    kind: Annotated[str | None, typer.Option(help="Only those of `hub`, or of a dialect.")] = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Every credential of a tenant and when it was last used."""
    from orderhub.cli.session import every, given
    from orderhub.cli.terminal import show

    wanted = given(kind=kind)
    columns = ("id", "kind", "name", "label", "scopes", "enabled", "expires_at", "last_used_at")
    show(every(_path(tenant), wanted, database=database, url=url, token=token), columns)


@app.command()
def show(
    tenant: Tenant, credential: Id, database: Database = None, url: Url = None, token: Token = None
) -> None:
    """One credential and when it was last used, never with what it shows."""
    _ask("GET", _path(tenant, credential), database=database, url=url, token=token)


@app.command()
def change(
    tenant: Tenant,
    credential: Id,
    scope: Scopes = None,
    data: Data = None,
    label: Label = None,
    expires_at: ExpiresAt = None,
    enabled: Annotated[bool | None, typer.Option(help="Whether it opens anything.")] = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Change what is said; scopes are replaced, data is merged."""
    from orderhub.cli.session import given, members

    body = given(
        scopes=scope or None,
        data=members("--data", data),
        label=label,
        expires_at=expires_at,
        enabled=enabled,
    )
    path = _path(tenant, credential)
    _ask("PATCH", path, json=body, typed=_TYPED, database=database, url=url, token=token)


@app.command()
def rotate(
    tenant: Tenant,
    credential: Id,
    shown: Shown = None,
    secret: Secret = None,
    digest: Digests = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Replace a credential's token or secret: the old one ends at once."""
    from orderhub.cli.session import given, texts

    body = given(token=shown, secret=secret, digests=texts("--digest", digest))
    path = _path(tenant, credential, "rotate")
    _ask("POST", path, json=body, typed=_TYPED, database=database, url=url, token=token)


@app.command()
def revoke(
    tenant: Tenant, credential: Id, database: Database = None, url: Url = None, token: Token = None
) -> None:
    """Make a credential open nothing from now on."""
    _ask("DELETE", _path(tenant, credential), database=database, url=url, token=token)


@app.command()
def faults(
    tenant: Tenant,
    credential: Id,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help='A kind, such as error_after, or JSON: {"kind": "delay", "delay_s": 2}; '
            "repeat for more."
        ),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Let calls be served again.")] = False,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """What a sandbox's calls will meet: show it, set it with --fault, end it with --clear."""
    path = _path(tenant, credential, "faults")
    if clear and fault:
        raise typer.BadParameter("either --fault or --clear, not both")
    if clear:
        _ask("DELETE", path, database=database, url=url, token=token)
    elif fault:
        plan = {"faults": [_fault(each) for each in fault]}
        typed = {"faults": "--fault"}
        _ask("PUT", path, json=plan, typed=typed, database=database, url=url, token=token)
    else:
        _ask("GET", path, database=database, url=url, token=token)


def _fault(text: str) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        return {"kind": text}
