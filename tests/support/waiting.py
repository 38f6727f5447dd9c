"""Waiting for what others do meanwhile: as short as it takes, and as long as the slowest machine may need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_S = 60.0
_Seen = TypeVar("_Seen")


async def until(look: Callable[[], Awaitable[_Seen]], is_so: Callable[[_Seen], object]) -> _Seen:
    """What is seen once it is so. Fails with what was seen last when it never is."""
    ends = time.monotonic() + PATIENCE_S
    while not is_so(seen := await look()):
        assert time.monotonic() < ends, seen
        await asyncio.sleep(0.01)
    return seen
