"""Long work in a thread beside those that serve."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

# Whoever waits for the interpreter is woken within it; less, and this thread would have it back before.
_PAUSE_S = 0.000_1


def pausing(items: Iterable[T], every: int) -> Iterator[T]:
    """The items, with a moment after every so many in which others have the interpreter.

    A thread that never waits keeps it for 5 ms each time that another asks for it, which an order's way does often.
    """
    for number, item in enumerate(items, 1):
        yield item
        if not number % every:
            time.sleep(_PAUSE_S)
