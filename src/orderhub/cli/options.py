"""What all commands have in common about their options: an empty one names nothing.

And a command whose options are the fields of a dataclass, and options that are known only when a command is met.
"""

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
# Texts that say something and name nothing; `after` is a place in a list, whose beginning is empty.
_MAY_BE_EMPTY = frozenset({"label", "title", "reason", "method", "carrier", "tracking", "after"})


class StrictCommand(TyperCommand):
    """A command that takes no empty text for a name: an empty variable of a shell would name any order, or all."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typed. Leaves with one sentence and exit status 2 where a name is empty."""
        if not ctx.resilient_parsing:
            typed, _, _ = self.make_parser(ctx).parse_args(args=list(args))
            for each in self.get_params(ctx):
                if each.name not in _MAY_BE_EMPTY and _is_empty(typed.get(each.name)):
                    is_option = each.param_type_name == "option"
                    shown = (
                        max(each.opts, key=len) if is_option else each.metavar or each.name.upper()
                    )
                    instead = "leave it out, or say something" if is_option else "it names nothing"
                    typer.echo(f"orderhub: {shown} is empty: {instead}.", err=True)
                    raise typer.Exit(2)
        return list(super().parse_args(ctx, args))


def _is_empty(typed: Any) -> bool:
    """`typed`: a text, several, or none where the option was left out."""
    return any(
        isinstance(each, str) and not each.strip()
        for each in (typed if isinstance(typed, list | tuple) else [typed])
    )


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


class LateCommand(StrictCommand):
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
