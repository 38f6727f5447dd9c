"""orderhub order: orders of every door, found, shown and moved along their life."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from orderhub.cli.options import taking
from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(help="Orders: find them, show them, move them on.", no_args_is_help=True)

_UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_PATH = "/hub/v1/orders"
_COLUMNS = ("number", "dialect", "status", "total", "currency", "occurred_at")

Order = Annotated[str, typer.Argument(help="Its uid, or the number that the vendor shows.")]
Tenant = Annotated[
    str | None, typer.Option(help="Whose; a tenant's own token knows it, as does a uid.")
]
Reason = Annotated[str | None, typer.Option(help="Kept with what happened.")]
Lines = Annotated[
    list[str] | None,
    typer.Option("--line", help="LINE_NO or LINE_NO:UNITS, such as 1:2; repeat for more."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="The same answer, and nothing is kept.")]


def _filter(words: str, name: str = "") -> Any:
    return typer.Option(*([f"--{name}"] if name else []), help=words)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What `orderhub order list` takes: the filters of the hub's list, some of which go together."""

    tenant: Tenant = None
    dialect: Annotated[str | None, _filter("The door that it came by.")] = None
    status: Annotated[str | None, _filter("One, or several with commas: pending,paid.")] = None
    owner: Annotated[str | None, _filter("Whose it is in the vendor's sense.")] = None
    account: Annotated[str | None, _filter("Whom it is charged to.")] = None
    reference: Annotated[str | None, _filter("The vendor's own reference.")] = None
    number: Annotated[str | None, _filter("The number that the vendor shows.")] = None
    email: Annotated[str | None, _filter("Of contact or address, whole.")] = None
    phone: Annotated[str | None, _filter("Its last nine digits count.")] = None
    sku: Annotated[str | None, _filter("Of any line, whole.")] = None
    word: Annotated[str | None, _filter("The beginning of a word of names or notes.")] = None
    recorded_from: Annotated[str | None, _filter("ISO 8601, inclusive.")] = None
    recorded_to: Annotated[str | None, _filter("ISO 8601, exclusive.")] = None
    updated_from: Annotated[str | None, _filter("As above, sorted by it.")] = None
    updated_to: Annotated[str | None, _filter("As above.")] = None
    occurred_from: Annotated[str | None, _filter("As above, sorted by it.")] = None
    occurred_to: Annotated[str | None, _filter("As above.")] = None
    limit: Annotated[int, typer.Option(help="How many at most; 0 = all.", min=0)] = 50
    database: Database = None
    url: Url = None
    token: Token = None

    @property
    def filters(self) -> dict[str, str]:
        """Those that were given, by the names of the API."""
        besides = ("limit", "database", "url", "token")
        found = {each.name: getattr(self, each.name) for each in fields(self)}
        return {n: str(v) for n, v in found.items() if n not in besides and v is not None}


@app.command("list")
@taking(ListOptions)
def list_(options: ListOptions, _late: dict[str, str]) -> None:
    """Orders, newest first."""
    from orderhub.cli.session import items_of, one_sentence, reached
    from orderhub.cli.terminal import is_for_people, show

    wanted = options.filters
    typed = {name: f"--{name.replace('_', '-')}" for name in wanted}
    where = {"database": options.database, "url": options.url, "token": options.token}
    with one_sentence(), reached(**where) as send:
        found, is_more = items_of(send, _PATH, wanted, most=options.limit, typed=typed)
    several = {each["tenant"] for each in found}
    show(found, ("number", "tenant", *_COLUMNS[1:]) if len(several) > 1 else _COLUMNS)
    if is_more and is_for_people():
        typer.echo(f"The newest {len(found)}; --limit 0 lists all.", err=True)


@app.command()
def show(
    order: Order,
    through: Annotated[
        str | None,
        typer.Option("--as", help="A dialect, such as mews: as that vendor's client reads it."),
    ] = None,
    tenant: Tenant = None,
    database: Database = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """One order in full: lines, what it drew, its history and its raw request."""
    from orderhub.cli import terminal
    from orderhub.cli.session import answer_of, one_sentence, path_of, reached

    with one_sentence(), reached(database=database, url=url, token=token) as send:
        path = path_of("orders", _uid_of(send, order, tenant))
        params = {} if through is None else {"as": through}
        found = answer_of(send("GET", path, params=params), {"as": "--as"})
    if not terminal.is_for_people() or through is not None:
        terminal.show_json(found)
        return
    terminal.show({name: each for name, each in found.items() if name not in ("lines", "events")})
    typer.echo()
    terminal.show(found["lines"], _OF_LINES)
    terminal.show(found["events"], ("version", "kind", "occurred_at", "actor", "data"))


_OF_LINES = ("line_no", "sku", "title", "quantity", "gross", "shipped", "refunded", "cancelled")


def _uid_of(send: Any, order: str, tenant: str | None) -> str:
    """Raises CommandRefused for a number that no order has, or more than one."""
    from orderhub.cli.session import CommandRefused, given, items_of

    if _UID.fullmatch(order):
        return order
    wanted = given(number=order, tenant=tenant)
    typed = {"tenant": "--tenant", "number": "ORDER"}
    found, _ = items_of(send, _PATH, wanted, typed=typed)
    if not found:
        raise CommandRefused(f"No order has the number {order}.")
    if len(found) > 1:
        uids = ", ".join(each["uid"] for each in found)
        raise CommandRefused(
            f"{len(found)} orders have the number {order}: say which by uid, {uids}."
        )
    return str(found[0]["uid"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What a command that moves an order is asked besides its own options."""

    order: Order
    reason: Reason = None
    dry_run: DryRun = False
    tenant: Tenant = None
    database: Database = None
    url: Url = None
    token: Token = None


def _take(name: str, asked: _Step, **members: Any) -> None:
    """The step of the hub's API, and the order as it stands then."""
    from orderhub.cli import terminal
    from orderhub.cli.session import answer_of, given, one_sentence, path_of, reached

    typed = {each: f"--{each}" for each in members} | {"reason": "--reason", "lines": "--line"}
    headers = {"Hub-Dry-Run": "true"} if asked.dry_run else {}
    where = {"database": asked.database, "url": asked.url, "token": asked.token}
    with one_sentence():
        body = given(reason=asked.reason, **_with_units(members))
        with reached(**where) as send:
            path = path_of("orders", _uid_of(send, asked.order, asked.tenant), name)
            moved = answer_of(send("POST", path, json=body, headers=headers), typed)
    terminal.show(moved)


def _with_units(members: Mapping[str, Any]) -> dict[str, Any]:
    """`lines` as the API reads them. Raises CommandRefused."""
    from orderhub.cli.session import CommandRefused

    if not members.get("lines"):
        return {name: each for name, each in members.items() if name != "lines"}
    parts = []
    for text in members["lines"]:
        found = re.fullmatch(r"([0-9]{1,4})(?::([0-9]{1,10}))?", text)
        if found is None:
            raise CommandRefused(f"--line: {text!r} is no LINE_NO or LINE_NO:UNITS, such as 1:2.")
        parts.append({"line_no": int(found[1]), "quantity": int(found[2] or 1)})
    return {**members, "lines": parts}


@dataclass(frozen=True, slots=True, kw_only=True)
class PayOptions(_Step):
    """Of `orderhub order pay`."""

    method: Annotated[str | None, typer.Option(help="How, such as bank transfer.")] = None
    reference: Annotated[str | None, typer.Option(help="The payment's own.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipOptions(_Step):
    """Of `orderhub order ship`."""

    line: Lines = None
    carrier: Annotated[str | None, typer.Option(help="Who carries it.")] = None
    tracking: Annotated[str | None, typer.Option(help="The parcel's number.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOptions(_Step):
    """Of `orderhub order refund`."""

    line: Lines = None
    amount: Annotated[str | None, typer.Option(help="Money, such as 12.50.")] = None


@app.command()
@taking(PayOptions)
def pay(options: PayOptions, _late: dict[str, str]) -> None:
    """Note that an order is paid."""
    _take("pay", options, method=options.method, reference=options.reference)


@app.command()
@taking(ShipOptions)
def ship(options: ShipOptions, _late: dict[str, str]) -> None:
    """Ship all that waits of an order, or some units with --line."""
    _take("ship", options, lines=options.line, carrier=options.carrier, tracking=options.tracking)


@app.command()
@taking(RefundOptions)
def refund(options: RefundOptions, _late: dict[str, str]) -> None:
    """Refund an order, some units with --line, or some money with --amount."""
    _take("refund", options, lines=options.line, amount=options.amount)


@app.command()
@taking(_Step)
def cancel(options: _Step, _late: dict[str, str]) -> None:
    """Cancel an order that is not paid."""
    _take("cancel", options)
