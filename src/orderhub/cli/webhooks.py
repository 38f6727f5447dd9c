"""orderhub webhook: where a tenant's events are sent, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from orderhub.cli.options import taking
from orderhub.cli.whose import DryRun, Reach, listed, sent

app = typer.Typer(help="Webhooks: where events are sent.", no_args_is_help=True)

_ALL = "webhooks"
_COLUMNS = ("id", "url", "enabled", "behind", "waiting", "failing_since", "disabled_reason")
_OF_DELIVERIES = ("id", "event", "kind", "cause", "state", "tries", "answered", "next_attempt_at")

Id = Annotated[str, typer.Argument(help="The webhook's id, as `list` shows it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named(Reach):
    """Of what is done with one webhook."""

    id: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOptions(Reach):
    """Of `orderhub webhook add`."""

    to: Annotated[str, typer.Argument(metavar="ADDRESS", help="https://shop.example/hook")]
    kind: Annotated[
        list[str] | None, typer.Option(help="Such as order.paid; repeat for more. All unless said.")
    ] = None
    channel: Annotated[
        list[str] | None,
        typer.Option(help="Only of orders that came by this door; repeat for more."),
    ] = None
    title: Annotated[str | None, typer.Option(help="A note for people.")] = None
    format: Annotated[str | None, typer.Option(help="hub, or a vendor's own: mews.")] = None
    option: Annotated[
        list[str] | None, typer.Option(help="name=text that the format asks for; repeat for more.")
    ] = None
    after: Annotated[
        str | None,
        typer.Option(help="A cursor of the feed to begin behind; '' is its beginning."),
    ] = None
    off: Annotated[bool, typer.Option("--off", help="Switched off: nothing is sent yet.")] = False
    dry_run: DryRun = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesOptions(_Named):
    """Of `orderhub webhook deliveries`."""

    state: Annotated[str | None, typer.Option(help="waiting, sent or dropped.")] = None
    limit: Annotated[int, typer.Option(help="How many at most; 0 = all.", min=0)] = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions(_Named):
    """Of `orderhub webhook replay`."""

    event: Annotated[
        list[str] | None, typer.Option(help="An event's id, evt_…; repeat for more.")
    ] = None
    since: Annotated[
        str | None, typer.Option("--from", help="All since then: ISO 8601, inclusive.")
    ] = None
    until: Annotated[str | None, typer.Option("--to", help="ISO 8601, exclusive; now.")] = None
    dry_run: DryRun = False


@app.command("list")
@taking(Reach)
def list_(options: Reach, _late: dict[str, str]) -> None:
    """Webhooks, and how far each is."""
    from orderhub.cli.terminal import show

    found, _ = listed(options, _ALL)
    show(found, _COLUMNS)


@app.command()
@taking(AddOptions)
def add(options: AddOptions, _late: dict[str, str]) -> None:
    """Send events there from now on. Its secret is shown once: the receiver checks signatures with it."""
    from orderhub.cli.session import given, texts
    from orderhub.cli.terminal import show

    body = given(
        url=options.to,
        kinds=options.kind or None,
        channels=options.channel or None,
        title=options.title,
        format=options.format,
        options=texts("--option", options.option),
        after=options.after,
        enabled=False if options.off else None,
    )
    typed = {name: f"--{name.removesuffix('s')}" for name in body} | {"url": "ADDRESS"}
    show(sent(options, _ALL, body=body, typed=typed, is_dry=options.dry_run))


@app.command()
@taking(DeliveriesOptions)
def deliveries(options: DeliveriesOptions, _late: dict[str, str]) -> None:
    """What was sent and what waits, newest first, with what the receiver answered."""
    from orderhub.cli.session import given
    from orderhub.cli.terminal import is_for_people, show

    found, is_more = listed(
        options,
        _ALL,
        options.id,
        "deliveries",
        wanted=given(state=options.state),
        most=options.limit,
        typed={"state": "--state"},
    )
    if is_for_people():
        found = [{**each, "answered": _said(each["attempts"])} for each in found]
    show(found, _OF_DELIVERIES)
    if is_more and is_for_people():
        typer.echo(f"The newest {len(found)}; --limit 0 lists all.", err=True)


@app.command()
@taking(ReplayOptions)
def replay(options: ReplayOptions, _late: dict[str, str]) -> None:
    """Send events again, under the ids that they have: those of --event, or all that it is for since --from."""
    from orderhub.cli.session import given
    from orderhub.cli.terminal import show

    stretch = {"from": options.since, "to": options.until}
    body = given(events=options.event or None, **stretch)
    typed = {"events": "--event", "from": "--from", "to": "--to"}
    again = sent(
        options, _ALL, options.id, "replay", body=body, typed=typed, is_dry=options.dry_run
    )
    show(again)


@app.command("test")
@taking(_Named)
def try_out(options: _Named, _late: dict[str, str]) -> None:
    """Send one `webhook.test` now. Exit status 1 when the receiver does not answer 2xx."""
    from orderhub.cli.terminal import show

    attempt = sent(options, _ALL, options.id, "test")
    show(attempt)
    if not 200 <= (attempt["status"] or 0) < 300:
        raise typer.Exit(1)


def _said(attempts: list[Mapping[str, Any]]) -> str:
    """What came of the last attempt."""
    if not attempts:
        return ""
    return str(attempts[-1]["status"] or attempts[-1]["error"])
