"""A command whose options are the fields of a dataclass, and options that are known only when a command is met."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Annotated, Any, TypeVar, get_type_hints

import typer
from typer.core import TyperCommand
from typer.main import get_command

T = TypeVar("T")
_GIVEN = "orderhub.cli.options"


def taking(
    options: type[T],
) -> Callable[[Callable[[T, dict[str, str]], None]], Callable[..., None]]:
    """Makes a Typer command of a function that takes its options as one value, a dataclass.

    The fields are annotated as the parameters of a Typer command are. Beside them the function is handed the
    values of those options that only a `LateCommand` knows.
    """

    def of(command: Callable[[T, dict[str, str]], None]) -> Callable[..., None]:
        def run(ctx: typer.Context, **given: Any) -> None:
            command(options(**given), ctx.meta.get(_GIVEN, {}))

        hints = get_type_hints(options, include_extras=True)
        defaults = {each.name: each.default for each in fields(options)}  # type: ignore[arg-type]
        _give_signature(
            run, {"ctx": typer.Context} | {name: hints[name] for name in defaults}, defaults
        )
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return of


class LateCommand(TyperCommand):
    """A command with more options than it is written with: `late_options` is asked when it is run or explained.

    Their values are texts, empty where they are not given.
    """

    def late_options(self) -> Mapping[str, str]:
        """The further options: their names, with underscores, and what they are for people."""
        raise NotImplementedError

    def get_params(self, ctx: Any) -> list[Any]:
        """What the command takes, its --help last."""
        *own, explain = super().get_params(ctx)
        return [*own, *_parameters(self.late_options()), explain]


def _parameters(options: Mapping[str, str]) -> list[Any]:
    """Options that Typer makes of a function that has them, each of which keeps its value with the context."""

    def keep(ctx: typer.Context, param: typer.CallbackParam, value: str) -> str:
        ctx.meta.setdefault(_GIVEN, {})[param.name] = value
        return value

    def bearer(**_given: str) -> None:
        """Only its parameters count."""

    types = {
        name: Annotated[str, typer.Option(help=about, callback=keep)]
        for name, about in options.items()
    }
    _give_signature(bearer, types, dict.fromkeys(options, ""))
    app = typer.Typer(add_completion=False)
    app.command()(bearer)
    params = list(get_command(app).params)
    for each in params:
        each.expose_value = False
    return params


def _give_signature(
    function: Callable[..., Any], types: Mapping[str, Any], defaults: Mapping[str, Any]
) -> None:
    """Keyword parameters where the function is written with `**`; without a default they must be given."""
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty
            if defaults.get(name, MISSING) is MISSING
            else defaults[name],
            annotation=kind,
        )
        for name, kind in types.items()
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = dict(types)
