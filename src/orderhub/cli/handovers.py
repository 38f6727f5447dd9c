"""orderhub handover: what became of the orders that were handed on, and what a person decides about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from orderhub.cli.options import taking
from orderhub.cli.whose import DryRun, Reach, listed, sent

app = typer.Typer(help="Hand-overs: orders on their way to vendors.", no_args_is_help=True)

_ALL = "handovers"
_ID = {"id": "ID"}
_COLUMNS = ("id", "order", "connection", "state", "number", "reason", "candidates", "next_look_at")
_OF_PREVIEWS = ("connection", "dialect", "lines", "obstacle", "request")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions(Reach):
    """Of `orderhub handover list`."""

    state: Annotated[
        str | None, typer.Option(help="planned, sending, placed, refused or unsure.")
    ] = None
    connection: Annotated[str | None, typer.Option(help="Only at this one, by its id.")] = None
    order: Annotated[str | None, typer.Option(help="Only of this order, by its id or uid.")] = None
    limit: Annotated[int, typer.Option(help="How many at most; 0 = all.", min=0)] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named(Reach):
    """Of what is done with one hand-over."""

    id: Annotated[str, typer.Argument(help="The hand-over's id, as `list` shows it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOptions(_Named):
    """Of `orderhub handover placed`."""

    number: Annotated[str, typer.Argument(help="What the vendor calls it.")]
    dry_run: DryRun = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions(_Named):
    """Of `orderhub handover send`."""

    dry_run: DryRun = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DropOptions(_Named):
    """Of `orderhub handover drop`."""

    reason: Annotated[str | None, typer.Option(help="A note for people.")] = None
    dry_run: DryRun = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewOptions(Reach):
    """Of `orderhub handover preview`."""

    order: Annotated[str, typer.Argument(help="An order's id or uid.")]
    connection: Annotated[
        str | None, typer.Option(help="As if it went there, whatever the routes say.")
    ] = None


@app.command("list")
@taking(ListOptions)
def list_(options: ListOptions, _late: dict[str, str]) -> None:
    """What a person must decide about first, then those of the newest orders."""
    from orderhub.cli.session import given
    from orderhub.cli.terminal import is_for_people, show

    names = ("state", "connection", "order")
    wanted = given(**{name: getattr(options, name) for name in names})
    typed = {name: f"--{name}" for name in names}
    found, is_more = listed(options, _ALL, wanted=wanted, most=options.limit, typed=typed)
    show(found, _COLUMNS)
    if is_more and is_for_people():
        typer.echo(f"The first {len(found)}; --limit 0 lists all.", err=True)


@app.command()
@taking(_Named)
def show(options: _Named, _late: dict[str, str]) -> None:
    """One hand-over, with all that is known of it."""
    from orderhub.cli.terminal import show as shown

    shown(sent(options, _ALL, options.id, method="GET", typed=_ID))


@app.command()
@taking(PlacedOptions)
def placed(options: PlacedOptions, _late: dict[str, str]) -> None:
    """Of one that is unsure: it is there, under this number."""
    from orderhub.cli.terminal import show as shown

    body = {"number": options.number}
    typed = {"number": "NUMBER", **_ID}
    path = (_ALL, options.id, "placed")
    shown(sent(options, *path, body=body, typed=typed, is_dry=options.dry_run))


@app.command()
@taking(SendOptions)
def send(options: SendOptions, _late: dict[str, str]) -> None:
    """What was refused is sent again; of what is unsure you say by it: it is not there."""
    from orderhub.cli.terminal import show as shown

    shown(sent(options, _ALL, options.id, "send", typed=_ID, is_dry=options.dry_run))


@app.command()
@taking(DropOptions)
def drop(options: DropOptions, _late: dict[str, str]) -> None:
    """It shall not go there: of one that waits, or that is unsure and not there."""
    from orderhub.cli.session import given
    from orderhub.cli.terminal import show as shown

    body = given(reason=options.reason)
    typed = {"reason": "--reason", **_ID}
    path = (_ALL, options.id, "drop")
    shown(sent(options, *path, body=body, typed=typed, is_dry=options.dry_run))


@app.command()
@taking(PreviewOptions)
def preview(options: PreviewOptions, _late: dict[str, str]) -> None:
    """Where an order would go, and the very request. Nothing is sent."""
    from orderhub.cli.session import given
    from orderhub.cli.terminal import show as shown

    body = given(order=options.order, connection=options.connection)
    typed = {"order": "ORDER", "connection": "--connection"}
    shown(sent(options, _ALL, "preview", body=body, typed=typed)["items"], _OF_PREVIEWS)
