"""orderhub migrate: the schema brought to this program's, or told what that would do."""

from __future__ import annotations

from typing import Annotated

import typer

from orderhub.cli.tokens import Database


def migrate(
    database: Database = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be done, and change nothing.")
    ] = False,
) -> None:
    """Bring a ledger to this program's schema, as `orderhub serve` does when it starts.

    Each step is a commit: what is cut short goes on where it was when it is asked for again.
    """
    from orderhub.cli.session import one_sentence
    from orderhub.cli.terminal import is_for_people, show_json
    from orderhub.ledger import database as ledgers
    from orderhub.ledger.files import refuse_missing
    from orderhub.ledger.upgrading import plan as planned
    from orderhub.settings import ProgramSettings

    with one_sentence():
        settings = ProgramSettings.from_environment(database=database)
        refuse_missing(settings.database)
        ledgers.parse_url(settings.database)
        lock = ledgers.ServeLock(settings.database)
        engine = ledgers.open_engine(settings.database)
        try:
            found = planned(engine)
            if not plan:
                lock.take("orderhub migrate")
                ledgers.refuse_unfinished_copy(engine)
                ledgers.migrate(engine, create=False)
        finally:
            engine.dispose()
            lock.release()
    if not is_for_people():
        import msgspec

        show_json({**msgspec.to_builtins(found), "done": not plan})
        return
    for line in _told(found, is_done=not plan):
        typer.echo(line)


def _told(found: object, *, is_done: bool) -> list[str]:
    from orderhub.ledger.upgrading import Plan

    assert isinstance(found, Plan)
    if not found.migrations:
        return [f"The ledger is at schema {found.becomes}: nothing is to be done."]
    lines = [f"From schema {found.schema} to {found.becomes}{', done' if is_done else ''}:"]
    for each in found.migrations:
        lines.append(f"  {each.schema}  {each.about}{'' if each.commits else ' (with the next)'}")
        for table in each.tables:
            rows = f", about {table.rows} rows" if table.rows else ""
            lines.append(f"        {table.table}: {table.work.value}{rows}")
    return lines
