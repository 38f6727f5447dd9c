"""What was worked out from a tenant's records and is worked out anew only when one of them is written."""

from __future__ import annotations

from collections.abc import Hashable

# Of a tenant and of all tenants, in lines of orders. Names may come from callers, such as a channel that does not
# exist or what somebody orders: they, and what they lead to, may be as large as a caller likes.
MOST = 2_048
MOST_OF_ALL = 8 * MOST
# What is larger comes again too seldom for all the others to make room.
LARGEST = MOST // 16
LINE = 1_500  # bytes


class Derived:
    """Of one tenant, by name. `weight`: in lines of orders."""

    __slots__ = ("known", "weight")

    def __init__(self) -> None:
        self.known: dict[Hashable, object] = {}
        self.weight = 0

    def keep(self, name: Hashable, found: object, weight: int) -> None:
        """`found` is known by this name, unless it is too large; everything else goes when there is no room."""
        weight += _length(name) // LINE
        if weight > LARGEST:
            return
        if self.weight + weight > MOST:
            self.known.clear()
            self.weight = 0
        self.known[name] = found
        self.weight += weight


def _length(name: object) -> int:
    """Of all texts of a name."""
    if isinstance(name, str | bytes):
        return len(name)
    return sum(map(_length, name)) if isinstance(name, tuple) else 0
