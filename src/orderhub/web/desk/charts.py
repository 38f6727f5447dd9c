"""Charts as they are drawn: bars of a day, one piece for each channel, upon the places of an SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec

WIDTH, HEIGHT = 900, 140
_STEP, _BAR, _MOST_COLOURS = 30, 20, 6


class Piece(msgspec.Struct, frozen=True):
    """One rectangle; `colour` counts from 1, as the classes of the stylesheet do."""

    x: float
    y: float
    width: float
    height: float
    colour: int


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A day and what it came to, by name."""

    day: str
    pieces: tuple[Piece, ...]
    values: tuple[tuple[str, Decimal], ...]
    total: Decimal


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Days from left to right. `names` with their colours; `currency` empty = plain numbers."""

    bars: tuple[Bar, ...]
    names: tuple[tuple[str, int], ...]
    currency: str = ""
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def days(self) -> tuple[Bar, ...]:
        """For the table, newest first: those on which there was anything."""
        return tuple(bar for bar in reversed(self.bars) if bar.values)


def chart(
    days: Iterable[str],
    values: Mapping[str, Mapping[str, Decimal]],
    currency: str = "",
    colour_of: Callable[[str], int] | None = None,
) -> Chart:
    """`values` by day and name. What is below zero is told in the table and has no height."""
    days = tuple(days)
    names = tuple(dict.fromkeys(name for day in days for name in sorted(values.get(day, {}))))
    colours = {
        name: colour_of(name) if colour_of else index % _MOST_COLOURS + 1
        for index, name in enumerate(names)
    }
    tops = [_height(values.get(day, {}).values()) for day in days]
    most = max([*tops, Decimal(1)])
    bars = tuple(
        _bar(index * _STEP, day, values.get(day, {}), most, colours)
        for index, day in enumerate(days)
    )
    return Chart(
        bars=bars,
        names=tuple(colours.items()),
        currency=currency,
        width=max(len(days), 1) * _STEP,
    )


def _bar(
    x: int, day: str, values: Mapping[str, Decimal], most: Decimal, colours: Mapping[str, int]
) -> Bar:
    y, pieces = float(HEIGHT), []
    for name, value in sorted(values.items()):
        if value > 0:
            height = round(float(value / most) * HEIGHT, 2)
            y = round(y - height, 2)
            pieces.append(Piece(float(x), y, float(_BAR), height, colours[name]))
    told = tuple(sorted((name, value) for name, value in values.items() if value))
    return Bar(day=day, pieces=tuple(pieces), values=told, total=sum(values.values(), Decimal(0)))


def _height(values: Iterable[Decimal]) -> Decimal:
    return sum((max(each, Decimal(0)) for each in values), Decimal(0))
