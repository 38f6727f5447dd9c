"""orderhub backup, restore and copy: a ledger as a whole, saved, brought back, and moved to the other database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from orderhub.cli.tokens import Database

Backup = Annotated[Path, typer.Argument(help="The file of the backup.")]


def backup(
    file: Backup,
    database: Database = None,
    unchecked: Annotated[
        bool, typer.Option("--no-check", help="Do not prove the laws on what was saved.")
    ] = False,
) -> None:
    """Save the ledger to a file, while it is served or not: every order acknowledged before is in it.

    What was saved is proven as `orderhub check` does; exit status 1 when a law is broken, and it is saved all the same.
    """
    from orderhub.cli.session import one_sentence
    from orderhub.cli.terminal import progress, show
    from orderhub.ledger.moving.backup import back_up
    from orderhub.settings import ProgramSettings

    with one_sentence():
        settings = ProgramSettings.from_environment(database=database)
        with progress("saving") as advance:
            manifest = back_up(settings.database, file, advance, is_checked=not unchecked)
    show(_told(file, manifest))
    if manifest.breaches:
        raise typer.Exit(1)


def restore(
    file: Backup,
    database: Annotated[
        str, typer.Option(help="Where nothing is yet: sqlite:///path or postgresql://…")
    ],
) -> None:
    """Make a ledger of a backup, and prove it. Only into a file that is not there, or an empty database."""
    from orderhub.cli.session import one_sentence
    from orderhub.cli.terminal import progress, show
    from orderhub.ledger.moving import backup as moving

    with one_sentence(), progress("restoring") as advance:
        manifest, report = moving.restore(file, database, advance)
    verdict = report.summary() if report else "of an older version: `orderhub serve` migrates it"
    show({**_told(file, manifest), "check": verdict})
    for breach in report.breaches if report else ():
        typer.echo(str(breach), err=True)
    if report is not None and report.total:
        raise typer.Exit(1)


def copy(
    source: Annotated[str, typer.Option("--from", help="sqlite:///path or postgresql://…")],
    target: Annotated[str, typer.Option("--to", help="The same, where nothing is yet.")],
) -> None:
    """Copy a ledger that nobody serves to another database, and compare every row. A repeat goes on where it was."""
    from orderhub.cli.session import one_sentence
    from orderhub.cli.terminal import show
    from orderhub.ledger.moving import copying

    with one_sentence(), ExitStack() as held:
        copying.refuse_same(source, target)
        held.enter_context(_locked(source, is_target=False))
        held.enter_context(_locked(target, is_target=True))
        done = copying.copy(source, target, held.enter_context(_watching()))
    show({"rows": done.rows, "copied": done.copied, "compared": "every row is the same"})


def _told(file: Path, manifest: Any) -> dict[str, Any]:
    return {
        "file": str(file),
        "kind": manifest.kind,
        "schema": manifest.schema,
        "began_at": manifest.began_at,
        "newest": manifest.newest or None,
        "check": manifest.check or None,
        "size": file.stat().st_size,
    }


@contextmanager
def _locked(url: str, *, is_target: bool) -> Iterator[None]:
    """Nobody serves a SQLite file meanwhile; one that may only be read cannot be served."""
    import os

    from orderhub.ledger.database import ServeLock
    from orderhub.ledger.urls import file_of, parse_url

    lock = ServeLock(url)
    path = file_of(parse_url(url))
    if path is None or (not is_target and path.exists() and not os.access(path, os.W_OK)):
        yield
        return
    lock.take("orderhub copy", create=is_target)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _watching() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    bar = Progress(console=console, transient=True, disable=not console.is_terminal)

    class Watching:
        task: Any = None

        def begins(self, what: str, total: int) -> None:
            if self.task is not None:
                bar.remove_task(self.task)
            self.task = bar.add_task(what, total=total)

        def did(self, rows: int) -> None:
            bar.advance(self.task, rows)

    with bar:
        yield Watching()
