"""orderhub database: what is done to a database as a whole."""

from __future__ import annotations

from typing import Annotated

import typer

from orderhub.cli.tokens import Database

app = typer.Typer(help="The database as a whole.", no_args_is_help=True)


@app.callback()
def databases() -> None:
    """The database as a whole."""


@app.command()
def distribute(
    database: Database = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be done, and change nothing.")
    ] = False,
    shards: Annotated[
        int | None, typer.Option(help="Into how many shards, at the first time (32).", min=1)
    ] = None,
) -> None:
    """Lay the tables of a ledger over the nodes of a Citus cluster. Nobody may serve it meanwhile.

    Each table is a commit: what is cut short goes on when it is asked for again. After a migration, what is new.
    """
    from orderhub.cli.session import one_sentence
    from orderhub.cli.terminal import is_for_people, show_json
    from orderhub.ledger import cluster
    from orderhub.ledger.database import open_engine
    from orderhub.settings import ProgramSettings

    with one_sentence():
        settings = ProgramSettings.from_environment(database=database)
        engine = open_engine(settings.database)
        try:
            count = shards or cluster.SHARDS
            found = cluster.plan(engine) if plan else cluster.distribute(engine, count, _told)
        finally:
            engine.dispose()
    waiting = [each for each in found if not each.done]
    if not is_for_people():
        import msgspec

        show_json({"tables": msgspec.to_builtins(found), "done": not plan})
        return
    if not waiting:
        typer.echo("Every table lies where it belongs: nothing is to be done.")
    elif plan:
        for each in waiting:
            _told(each)


def _told(each: object) -> None:
    from orderhub.cli.terminal import is_for_people
    from orderhub.ledger.cluster import PlacedTable

    assert isinstance(each, PlacedTable)
    typer.echo(f"{each.table}: {each.place.value}", err=not is_for_people())
