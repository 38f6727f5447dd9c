"""orderhub serve, demo, check: each refuses to start with one clear sentence rather than a trace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orderhub.cli import (
    catalogue,
    clocks,
    connections,
    databases,
    handovers,
    order_files,
    orders,
    persons,
    pools,
    secrets,
    tenants,
    tokens,
    users,
    webhooks,
)
from orderhub.cli.backups import backup, copy, restore
from orderhub.cli.conform import ConformCommand, conform
from orderhub.cli.events import events
from orderhub.cli.init import init
from orderhub.cli.listen import listen
from orderhub.cli.migrating import migrate
from orderhub.cli.options import taking
from orderhub.cli.session import one_sentence
from orderhub.cli.tail import TailOptions, tail
from orderhub.cli.terminal import asks_json, show_json, with_json
from orderhub.cli.trigger import trigger

app = typer.Typer(
    help="Five vendors' order APIs in, one durable ledger out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.add_typer(tokens.app, name="token")
app.add_typer(tenants.app, name="tenant")
app.add_typer(users.app, name="user")
orders.app.add_typer(order_files.app)
app.add_typer(orders.app, name="order")
app.add_typer(catalogue.app, name="catalogue")
app.add_typer(pools.app, name="pool")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(connections.connection, name="connection")
app.add_typer(connections.route, name="route")
app.add_typer(connections.listing, name="listing")
app.add_typer(handovers.app, name="handover")
app.add_typer(persons.app, name="person")
app.add_typer(clocks.app, name="clock")
app.add_typer(secrets.app, name="secrets")
app.add_typer(databases.app, name="database")
app.command()(init)
app.command()(backup)
app.command()(restore)
app.command()(copy)
app.command()(migrate)
app.command()(events)
app.command()(listen)
app.command()(trigger)
app.command(cls=ConformCommand)(conform)
app.command()(taking(TailOptions)(tail))


def _version(asked: bool) -> None:
    if asked:
        from orderhub import __version__

        typer.echo(f"orderhub {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which one it is.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Five vendors' order APIs in, one durable ledger out."""


Database = Annotated[str | None, typer.Option(help="sqlite:///path or postgresql://…")]
_PORT = "Port to listen on; 0 = any that is free."
Port = Annotated[int | None, typer.Option(help=_PORT, min=0, max=65_535)]


@app.command()
def serve(
    database: Database = None,
    port: Port = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve, on PostgreSQL.", min=1, max=64)
    ] = None,
) -> None:
    """Serve the hub on a database, which is created or migrated as needed."""
    from orderhub.cli.server import serve as run
    from orderhub.settings import ProgramSettings

    with one_sentence():
        run(
            ProgramSettings.from_environment(
                database=database, port=port, host=host, workers=workers
            )
        )


@app.command()
def demo(
    port: Annotated[int, typer.Option(help=_PORT, min=0, max=65_535)] = 8080,
    data: Annotated[Path, typer.Option(help="Directory for the demo's files.")] = Path(".demo"),
    keep: Annotated[bool, typer.Option(help="Go on with what the last demo left.")] = False,
) -> None:
    """Serve a fresh sandbox with the demo businesses, on loopback only."""
    from orderhub.cli.server import serve_demo

    with one_sentence():
        serve_demo(port, data, keep=keep)


def _mended(line: str) -> None:
    # The result alone stands on the standard output.
    typer.echo(line, err=asks_json())


@app.command()
def check(
    database: Database = None,
    repair: Annotated[bool, typer.Option(help="Mend what the rest determines.")] = False,
) -> None:
    """Verify the laws of the ledger without changing it: exit status 1 when one is broken."""
    import gc

    from orderhub.ledger.check import check_ledger, repair_ledger
    from orderhub.ledger.database import ServeLock, check_version, open_engine
    from orderhub.ledger.files import refuse_missing
    from orderhub.settings import ProgramSettings

    with one_sentence():
        settings = ProgramSettings.from_environment(database=database)
        refuse_missing(settings.database)
        lock = ServeLock(settings.database)
        engine = open_engine(settings.database)
        try:
            if repair:
                lock.take("orderhub check --repair")  # nobody writes beside it
            check_version(engine)
            gc.set_threshold(100_000)  # orders pass by in millions and hardly ever in circles
            report = repair_ledger(engine, _mended) if repair else check_ledger(engine)
        finally:
            engine.dispose()
            lock.release()
    if asks_json():
        show_json(report.as_document())
        raise typer.Exit(1 if report.total else 0)
    for breach in report.breaches:
        typer.echo(str(breach))
    # Scripts read the verdict where it has always stood: first when all is well, else last.
    said = (report.summary(), report.newest_order())
    for line in reversed(said) if report.total else said:
        typer.echo(line)
    if report.total:
        sys.exit(1)


with_json(app)
