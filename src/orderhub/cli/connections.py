"""orderhub connection, route and listing: the vendors that orders are handed on to, which orders, and as what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from orderhub.cli.options import taking
from orderhub.cli.whose import DryRun, Reach, listed, reached_for, sent

connection = typer.Typer(help="Connections: vendors that take orders.", no_args_is_help=True)
route = typer.Typer(help="Routes: which orders go to which connection.", no_args_is_help=True)
listing = typer.Typer(help="Listings: which of theirs is which of ours.", no_args_is_help=True)

_ALL, _ROUTES, _LISTINGS = "connections", "routes", "listings"
_COLUMNS = ("id", "dialect", "base_url", "enabled", "planned", "sending", "unsure", "failing")
_OF_ROUTES = ("id", "connection", "when", "channels", "countries", "skus", "warehouses", "enabled")
_OF_LISTINGS = ("id", "connection", "subject", "code", "item", "sku", "title")
_AT_ONCE = 500
_ID = dict.fromkeys(("id", "connection", "route", "listing"), "ID")
# Columns of a file of listings, and what the list of the API says besides.
_NAMED = ("code", "subject", "item", "sku", "title", "data")
_KNOWN = ("id", "connection")

Id = Annotated[str, typer.Argument(help="The connection's id, as `list` shows it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named(Reach):
    """Of what is done with one of them."""

    id: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOptions(Reach):
    """Of `orderhub connection add`."""

    dialect: Annotated[str, typer.Argument(help="kakaclo, mews, …: whose API it is.")]
    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="https://openapi.vendor.example")]
    credential: Annotated[
        list[str] | None,
        typer.Option(help="name=text that the vendor knows you by; repeat for more."),
    ] = None
    option: Annotated[
        list[str] | None, typer.Option(help="name=text that its client asks for; repeat for more.")
    ] = None
    title: Annotated[str | None, typer.Option(help="A note for people.")] = None
    most_calls: Annotated[
        int | None, typer.Option(help="At most so many a second, if the vendor allows more.")
    ] = None
    off: Annotated[bool, typer.Option("--off", help="Switched off: nothing is sent yet.")] = False
    dry_run: DryRun = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteOptions(Reach):
    """Of `orderhub route add`."""

    connection: Annotated[str, typer.Argument(help="The connection's id.")]
    when: Annotated[str | None, typer.Option(help="placed, or paid unless said.")] = None
    channel: Annotated[
        list[str] | None, typer.Option(help="Only orders by this door; repeat for more.")
    ] = None
    country: Annotated[
        list[str] | None, typer.Option(help="Only orders sent there: US; repeat for more.")
    ] = None
    sku: Annotated[
        list[str] | None, typer.Option(help="Only with this SKU, or TS_*; repeat for more.")
    ] = None
    warehouse: Annotated[
        list[str] | None, typer.Option(help="Only what leaves there; repeat for more.")
    ] = None
    matching: Annotated[
        bool, typer.Option("--matching", help="Only the lines that are meant, not whole orders.")
    ] = False
    title: Annotated[str | None, typer.Option(help="A note for people.")] = None
    dry_run: DryRun = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingsOptions(Reach):
    """Of `orderhub listing list`."""

    connection: Annotated[str | None, typer.Option(help="Only at this one, by its id.")] = None
    limit: Annotated[int, typer.Option(help="How many at most; 0 = all.", min=0)] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions(Reach):
    """Of `orderhub listing add`."""

    connection: Annotated[str, typer.Argument(help="The connection's id.")]
    code: Annotated[str, typer.Argument(help="Ours: a product's code or a SKU, or product:900.")]
    item: Annotated[str, typer.Argument(help="The vendor's own id of it.")]
    sku: Annotated[str | None, typer.Option(help="The vendor's code of it.")] = None
    title: Annotated[str | None, typer.Option(help="The vendor's name of it.")] = None
    data: Annotated[
        list[str] | None, typer.Option(help="name=value that the vendor is told; repeat for more.")
    ] = None
    dry_run: DryRun = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions(Reach):
    """Of `orderhub listing import`."""

    connection: Annotated[str, typer.Argument(help="The connection's id.")]
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or NDJSON: code or subject, item; sku, title, data where there are any."
        ),
    ]
    dry_run: DryRun = False


# --- connections


@connection.command("list")
@taking(Reach)
def list_connections(options: Reach, _late: dict[str, str]) -> None:
    """Connections, and how each goes."""
    from orderhub.cli.terminal import show

    show(listed(options, _ALL)[0], _COLUMNS)


@connection.command("add")
@taking(AddOptions)
def add_connection(options: AddOptions, _late: dict[str, str]) -> None:
    """A vendor's API, and what it knows you by. Nothing goes there before a route says what."""
    from orderhub.cli.session import given, texts
    from orderhub.cli.terminal import show

    body = given(
        dialect=options.dialect,
        base_url=options.to,
        credentials=texts("--credential", options.credential) or {},
        options=texts("--option", options.option),
        title=options.title,
        most_calls=options.most_calls,
        enabled=False if options.off else None,
    )
    typed = {
        "dialect": "DIALECT",
        "base_url": "ADDRESS",
        "credentials": "--credential",
        "options": "--option",
        "title": "--title",
        "most_calls": "--most-calls",
    }
    show(sent(options, _ALL, body=body, typed=typed, is_dry=options.dry_run))


@connection.command("test")
@taking(_Named)
def try_connection(options: _Named, _late: dict[str, str]) -> None:
    """One harmless call, and what it learnt. Exit status 1 when the connection does not work."""
    from orderhub.cli.terminal import show

    probed = sent(options, _ALL, options.id, "test", typed=_ID)
    show(probed)
    if not probed["ok"]:
        raise typer.Exit(1)


@connection.command("match")
@taking(_Named)
def match(options: _Named, _late: dict[str, str]) -> None:
    """Read the vendor's list, and list what bears a SKU of ours. Exit status 1 when it cannot be read."""
    from orderhub.cli.terminal import show

    matched = sent(options, _ALL, options.id, "match", typed=_ID)
    show(matched)
    if matched["error"]:
        raise typer.Exit(1)


@connection.command("remove")
@taking(_Named)
def remove_connection(options: _Named, _late: dict[str, str]) -> None:
    """Once no route leads there; its listings go with it."""
    sent(options, _ALL, options.id, method="DELETE", typed=_ID)


# --- routes


@route.command("list")
@taking(Reach)
def list_routes(options: Reach, _late: dict[str, str]) -> None:
    """Which orders go to which connection."""
    from orderhub.cli.terminal import show

    show(listed(options, _ROUTES)[0], _OF_ROUTES)


@route.command("add")
@taking(RouteOptions)
def add_route(options: RouteOptions, _late: dict[str, str]) -> None:
    """Orders that come to `--when` from now on are handed over; those that stand are not."""
    from orderhub.cli.session import given
    from orderhub.cli.terminal import show

    body = given(
        connection=options.connection,
        when=options.when,
        channels=options.channel or None,
        countries=options.country or None,
        skus=options.sku or None,
        warehouses=options.warehouse or None,
        takes_all=False if options.matching else None,
        title=options.title,
    )
    typed = {
        "connection": "CONNECTION",
        "when": "--when",
        "channels": "--channel",
        "countries": "--country",
        "skus": "--sku",
        "warehouses": "--warehouse",
        "title": "--title",
    }
    show(sent(options, _ROUTES, body=body, typed=typed, is_dry=options.dry_run))


@route.command("remove")
@taking(_Named)
def remove_route(options: _Named, _late: dict[str, str]) -> None:
    """What was planned by then goes on."""
    sent(options, _ROUTES, options.id, method="DELETE", typed=_ID)


# --- listings


@listing.command("list")
@taking(ListingsOptions)
def list_listings(options: ListingsOptions, _late: dict[str, str]) -> None:
    """Which of the vendors' things is which of ours."""
    from orderhub.cli.session import given
    from orderhub.cli.terminal import show

    wanted = given(connection=options.connection)
    typed = {"connection": "--connection"}
    found, _ = listed(options, _LISTINGS, wanted=wanted, most=options.limit, typed=typed)
    show(found, _OF_LISTINGS)


@listing.command("add")
@taking(ListOptions)
def add_listing(options: ListOptions, _late: dict[str, str]) -> None:
    """One thing of ours, as the vendor has it. Orders that waited for it go on."""
    from orderhub.cli.session import given, members
    from orderhub.cli.terminal import show

    named = "subject" if ":" in options.code else "code"
    item = given(
        id=options.item,
        sku=options.sku,
        title=options.title,
        data=members("--data", options.data),
        **{named: options.code},
    )
    body = {"connection": options.connection, "items": [item]}
    typed = {
        "connection": "CONNECTION",
        "items[0]": "CODE",
        "items[0].code": "CODE",
        "items[0].subject": "CODE",
        "items[0].id": "ITEM",
        "items[0].sku": "--sku",
        "items[0].title": "--title",
        "items[0].data": "--data",
    }
    show(sent(options, _LISTINGS, body=body, typed=typed, is_dry=options.dry_run)["items"])


@listing.command("import")
@taking(ImportOptions)
def import_listings(options: ImportOptions, _late: dict[str, str]) -> None:
    """From a file as the list of the API is as CSV; where a row is refused none is listed."""
    from orderhub.cli.session import answer_of, one_sentence, path_of
    from orderhub.cli.terminal import show
    from orderhub.cli.whose import WHOSE
    from orderhub.dialects.codec import encode

    with one_sentence():
        items = _items_in(options.file)
    parts = [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]
    # What is sent at once is listed at once or not at all; of more than that all is looked at first.
    passes = [True] if options.dry_run else [True, False] if len(parts) > 1 else [False]
    with reached_for(options, _LISTINGS) as (send, whose):
        for is_dry in passes:
            headers = {"Hub-Dry-Run": "true"} if is_dry else {}
            for part in parts:
                body = {"connection": options.connection, "items": [each for _, each in part]}
                typed = {**WHOSE, "connection": "CONNECTION", **_places(part)}
                asked = {"params": whose, "headers": headers, "content": encode(body)}
                answer_of(send("POST", path_of(_LISTINGS), **asked), typed)
    show({"listed": len(items)})


def _items_in(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """Listings as the API takes them, each with its line. Raises CommandRefused for what is no such file."""
    from orderhub.cli.importing import rows_of
    from orderhub.cli.session import CommandRefused
    from orderhub.web.sheets import RowFault, as_json

    rows = rows_of(file)
    for column in rows.columns:
        if column not in (*_NAMED, *_KNOWN):
            known = ", ".join(_NAMED)
            raise CommandRefused(f"{file}: there is no column {column}: there are {known}.")
    found = []
    for row in rows.rows:
        if row.fault:
            raise CommandRefused(f"{file}:{row.line}: {row.fault}.")
        said = {name: each for name, each in row.values.items() if each is not None}
        item = {_member(name): said[name] for name in _NAMED if name in said}
        if isinstance(item.get("data"), str):
            try:
                item["data"] = as_json(item["data"], "data")
            except RowFault as wrong:
                raise CommandRefused(f"{file}:{row.line}: {wrong}.") from None
        found.append((row.line, item))
    return found


def _places(part: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, str]:
    """Where in the file each member stands of what is sent."""
    found = {}
    for index, (line, _) in enumerate(part):
        at, place = f"items[{index}]", f"FILE, line {line}"
        found[at] = place
        found |= {f"{at}.{_member(name)}": f"{place}, {name}" for name in _NAMED}
    return found


def _member(column: str) -> str:
    """What the API calls a column: what it takes is the vendor's thing, what it shows is the listing."""
    return "id" if column == "item" else column


@listing.command("remove")
@taking(_Named)
def remove_listing(options: _Named, _late: dict[str, str]) -> None:
    """Orders that name the thing wait from now on."""
    sent(options, _LISTINGS, options.id, method="DELETE", typed=_ID)
