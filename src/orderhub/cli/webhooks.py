"""orderhub webhook: where a tenant's events are sent, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from orderhub.cli.options import taking
from orderhub.cli.tokens import Database, Token, Url

app = typer.Typer(help="Webhooks: where events are sent.", no_args_is_help=True)

_PATH = "/hub/v1/webhooks"
_COLUMNS = ("id", "url", "enabled", "behind", "waiting", "failing_since", "disabled_reason")
_OF_DELIVERIES = ("id", "event", "kind", "cause", "state", "tries", "answered", "next_attempt_at")

Id = Annotated[str, typer.Argument(help="The webhook's id, as `list` shows it.")]
Tenant = Annotated[str | None, typer.Option(help="Whose; a tenant's own token knows it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="The same answer, and nothing is kept.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """Whose webhooks, and by which way."""

    tenant: Tenant = None
    database: Database = None
    url: Url = None
    token: Token = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named(_Reach):
    """Of what is done with one webhook."""

    id: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOptions(_Reach):
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
@taking(_Reach)
def list_(options: _Reach, _late: dict[str, str]) -> None:
    """Webhooks, and how far each is."""
    from orderhub.cli.session import items_of
    from orderhub.cli.terminal import show

    with _reached(options) as (send, whose):
        found, _ = items_of(send, _PATH, whose, typed=_WHOSE)
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
    show(_sent(options, (), body, typed=typed, is_dry=options.dry_run))


@app.command()
@taking(DeliveriesOptions)
def deliveries(options: DeliveriesOptions, _late: dict[str, str]) -> None:
    """What was sent and what waits, newest first, with what the receiver answered."""
    from orderhub.cli.session import given, items_of, path_of
    from orderhub.cli.terminal import is_for_people, show

    with _reached(options) as (send, whose):
        wanted = {**whose, **given(state=options.state)}
        path = path_of("webhooks", options.id, "deliveries")
        typed = {**_WHOSE, "state": "--state"}
        found, is_more = items_of(send, path, wanted, most=options.limit, typed=typed)
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
    show(_sent(options, (options.id, "replay"), body, typed=typed, is_dry=options.dry_run))


@app.command("test")
@taking(_Named)
def try_out(options: _Named, _late: dict[str, str]) -> None:
    """Send one `webhook.test` now. Exit status 1 when the receiver does not answer 2xx."""
    from orderhub.cli.terminal import show

    attempt = _sent(options, (options.id, "test"), None)
    show(attempt)
    if not 200 <= (attempt["status"] or 0) < 300:
        raise typer.Exit(1)


_WHOSE = {"tenant": "--tenant", "id": "ID"}


def _said(attempts: list[Mapping[str, Any]]) -> str:
    """What came of the last attempt."""
    if not attempts:
        return ""
    return str(attempts[-1]["status"] or attempts[-1]["error"])


def _sent(
    reach: _Reach,
    of: tuple[str, ...],
    body: dict[str, Any] | None,
    *,
    typed: Mapping[str, str] | None = None,
    is_dry: bool = False,
) -> Any:
    from orderhub.cli.session import answer_of, path_of

    headers = {"Hub-Dry-Run": "true"} if is_dry else {}
    with _reached(reach) as (send, whose):
        asked = {"params": whose, "headers": headers} | ({} if body is None else {"json": body})
        return answer_of(
            send("POST", path_of("webhooks", *of), **asked), {**_WHOSE, **(typed or {})}
        )


@contextmanager
def _reached(asked: _Reach) -> Iterator[tuple[Any, dict[str, str]]]:
    """The hub, and the parameter that says whose webhooks are meant; refusals are one sentence."""
    from orderhub.cli.session import one_sentence, own_tenant, reached

    where = {"database": asked.database, "url": asked.url, "token": asked.token}
    with one_sentence(), reached(**where) as send:
        if asked.tenant is None and send("GET", _PATH, params={"limit": "1"}).is_success:
            yield send, {}  # a token of a tenant's own
        else:
            yield send, {"tenant": own_tenant(send, asked.tenant)}
