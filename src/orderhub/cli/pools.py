"""orderhub pool list, adjust, count: what is left, and a count corrected. Files come in by `importing`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from orderhub.cli.importing import DryRun, Tenant, import_pools
from orderhub.cli.options import taking
from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(help="What is left: stock, seats, balances.", no_args_is_help=True)
app.command("import")(import_pools)

_SUBJECT = re.compile(r"(?:product|variant|coupon|coupon_claim|user):[0-9]+")
_COLUMNS = ("subject", "place", "available", "opening", "adjusted", "drawn", "returned", "low_at")

Item = Annotated[
    str,
    typer.Argument(help="A code (SKU), or a subject such as product:188; of a balance USD."),
]
Kind = Annotated[str, typer.Option(help="stock, seats, rooms, coupon or balance.")]


@app.command("list")
def list_(
    item: Annotated[
        str | None, typer.Option(help="Of one subject, such as product:188.", metavar="SUBJECT")
    ] = None,
    kind: Kind = "stock",
    tenant: Tenant = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """What is left of everything of one kind."""
    from orderhub.cli.session import given, items_of, one_sentence, own_tenant, path_of, reached
    from orderhub.cli.terminal import show

    wanted = given(kind=kind, subject=item)
    typed = {"kind": "--kind", "subject": "--item"}
    with one_sentence(), reached(database=database, url=url, token=token) as send:
        path = path_of("tenants", own_tenant(send, tenant), "pools")
        found, _ = items_of(send, path, wanted, typed=typed)
    show(found, _COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """What a count is corrected by, besides the figure."""

    item: Item
    reason: Annotated[str, typer.Option(help="Kept in the pool's history.")]
    kind: Kind = "stock"
    place: Annotated[
        str | None,
        typer.Option(help="A warehouse's code; the usual one unless said. Of seats a day."),
    ] = None
    low_at: Annotated[
        str | None, typer.Option(help="From when on little is left; 0 = as its item says.")
    ] = None
    dry_run: DryRun = False
    tenant: Tenant = None
    database: Database = None
    url: Url = None
    token: Token = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustOptions(_Move):
    """Of `orderhub pool adjust`."""

    by: Annotated[str | None, typer.Option(help="So many more, or fewer: -3.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountOptions(_Move):
    """Of `orderhub pool count`."""

    count: Annotated[str, typer.Argument(help="How many are left.")]


@app.command()
@taking(AdjustOptions)
def adjust(options: AdjustOptions, _late: dict[str, str]) -> None:
    """Count more or fewer with --by, or say with --low-at from when on little is left."""
    _move(options, by=options.by)


@app.command()
@taking(CountOptions)
def count(options: CountOptions, _late: dict[str, str]) -> None:
    """Say how many are left. What is right already changes nothing; a pool that is not there is opened."""
    _move(options, count=options.count)


def _move(asked: _Move, **figure: str | None) -> None:
    from orderhub.cli.importing import usual_place
    from orderhub.cli.session import answer_of, given, one_sentence, own_tenant, path_of, reached
    from orderhub.cli.terminal import show
    from orderhub.core.pools import MONEY_KINDS

    is_subject = asked.kind in MONEY_KINDS or _SUBJECT.fullmatch(asked.item)
    named = {"subject" if is_subject else "code": asked.item}
    typed: dict[str, Any] = {"subject": "ITEM", "code": "ITEM", "by": "--by", "count": "COUNT"}
    typed |= {name: f"--{name.replace('_', '-')}" for name in ("kind", "place", "reason", "low_at")}
    headers = {"Hub-Dry-Run": "true"} if asked.dry_run else {}
    where = {"database": asked.database, "url": asked.url, "token": asked.token}
    with one_sentence(), reached(**where) as send:
        tenant = own_tenant(send, asked.tenant)
        place = asked.place
        if place is None and asked.kind == "stock":
            place = usual_place(send, tenant)
        body = given(
            kind=asked.kind,
            place=place,
            reason=asked.reason,
            low_at=asked.low_at,
            **named,
            **figure,
        )
        path = path_of("tenants", tenant, "pools", "adjust")
        moved = answer_of(send("POST", path, json=body, headers=headers), typed)
    show(moved)
