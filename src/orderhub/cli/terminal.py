"""What a command prints: tables and colours for people on a terminal, JSON for whatever reads a pipe.

Every command takes `--json`, which asks for JSON on a terminal too. NO_COLOR and TERM=dumb are respected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperCommand
from typer.main import get_command

from orderhub.cli.options import StrictCommand

_JSON = "orderhub.cli.terminal.json"
_is_json: ContextVar[bool] = ContextVar(_JSON, default=False)


class Printing(StrictCommand):
    """A command that takes `--json` besides its own options, unless it has one that says more."""

    def get_params(self, ctx: Any) -> list[Any]:
        """What the command takes, its --help last."""
        *own, explain = super().get_params(ctx)
        if any("--json" in each.opts for each in own):
            return [*own, explain]
        return [*own, _json_option(), explain]

    def invoke(self, ctx: Any) -> Any:
        """Runs it, knowing what it is to print."""
        before = _is_json.set(ctx.meta.get(_JSON, False))
        try:
            return super().invoke(ctx)
        finally:
            _is_json.reset(before)


def _keep(ctx: typer.Context, value: bool) -> bool:
    ctx.meta[_JSON] = value
    return value


_Json = Annotated[bool, typer.Option("--json", help="JSON, as into a pipe.", callback=_keep)]


def _bearer(as_json: _Json = False) -> None:
    """Only its parameter counts."""


@cache
def _json_option() -> Any:
    """An option as Typer makes it of a function that has it."""
    app = typer.Typer(add_completion=False)
    app.command()(_bearer)
    (option,) = (each for each in get_command(app).params if each.name == "as_json")
    option.expose_value = False
    return option


def with_json(app: typer.Typer) -> None:
    """Gives `--json` to every command of the program that has no form of its own."""
    for command in app.registered_commands:
        if command.cls in (None, TyperCommand):
            command.cls = Printing
    for group in app.registered_groups:
        if group.typer_instance is not None:
            with_json(group.typer_instance)


def asks_json() -> bool:
    """Whether --json was given."""
    return _is_json.get()


def is_for_people() -> bool:
    """Whether the standard output is a terminal, and nobody asked for JSON."""
    return not asks_json() and sys.stdout.isatty()


def is_coloured(stream: TextIO | None = None) -> bool:
    """Whether what is written to a stream (the standard output) may have colours."""
    stream = sys.stdout if stream is None else stream
    return (
        stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") != "dumb"
    )


def styled(text: str, **style: Any) -> str:
    """With a style, where the standard output may have one."""
    return typer.style(text, **style) if is_coloured() else text


def show(value: Any, columns: Sequence[str] = ()) -> None:
    """A value of the hub's API: a table or lines for people, else one JSON document.

    `columns` are the members that a table has; else it has those that are short.
    """
    if not is_for_people():
        show_json(value)
    elif isinstance(value, list):
        _show_table(value, columns)
    else:
        _show_members(value)


def show_json(value: Any) -> None:
    """So that the next command of a script can read it."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _show_table(items: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    from rich.table import Table

    if not items:
        typer.echo("None.", err=True)
        return
    columns = columns or [name for name, each in items[0].items() if not _is_long(each)]
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        figures = all(isinstance(each.get(name), int | None) for each in items)
        table.add_column(
            name.removesuffix("_at"),
            justify="right" if figures or name in _FIGURES else "left",
            overflow="fold",
            no_wrap=name == columns[0],  # what it is named by, to be copied
        )
    for each in items:
        table.add_row(*(_cell(name, each.get(name)) for name in columns))
    _console().print(table)


_FIGURES = frozenset({"total", "net", "tax", "gross", "paid", "refunded", "price", "available"})


def _is_long(value: Any) -> bool:
    return isinstance(value, dict | list)


def _cell(name: str, value: Any) -> Any:
    """As a text without marks: what stands in [brackets] is data. An instant is told to the second."""
    from rich.text import Text

    if name.endswith("_at") and isinstance(value, str):
        value = value[:19].replace("T", " ")
    return Text(_words(value), style=_STYLES.get(str(value), ""))


_STYLES = {
    "pending": "yellow",
    "paid": "cyan",
    "shipped": "green",
    "completed": "green",
    "cancelled": "dim",
    "refunded": "magenta",
}


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and not any(map(_is_long, value)):
        return ", ".join(map(str, value))
    if _is_long(value):
        import msgspec

        return msgspec.json.encode(value).decode()
    return str(value)


def _show_members(value: Mapping[str, Any]) -> None:
    """A member that says something a line, its value whole, to be copied; lists of things as tables behind them."""
    tables = {name: each for name, each in value.items() if _is_table(each)}
    is_said = {name: each not in (None, "", [], {}) for name, each in value.items()}
    plain = {name: each for name, each in value.items() if name not in tables and is_said[name]}
    width = max(map(len, plain), default=0)
    for name, each in plain.items():
        typer.echo(f"{styled(name.ljust(width), dim=True)}  {_words(each)}".rstrip())
    for name, each in tables.items():
        typer.echo(f"\n{styled(name, bold=True)}")
        _show_table(each, ())


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(e, dict) for e in value)


def _console(*, is_error: bool = False) -> Any:
    from rich.console import Console

    # Rich leaves colours away for NO_COLOR and TERM=dumb by itself.
    return Console(stderr=is_error, highlight=False)


@contextmanager
def progress(what: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
    """On a terminal, how far it is; on stderr, so that stdout holds the result alone. Yields what is told of steps."""
    if asks_json() or not sys.stderr.isatty():
        yield lambda _done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_console(is_error=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)
