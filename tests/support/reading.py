"""Who reads which member of a Struct: the members of its class recorded as they are read, by the module that reads."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec


class Reader(NamedTuple):
    """Who read a member."""

    module: str
    function: str


class Reads:
    """Who read what so far."""

    def __init__(self) -> None:
        self._by: dict[tuple[type[msgspec.Struct], str], set[Reader]] = {}

    def note(self, struct: type[msgspec.Struct], member: str) -> None:
        """A member was read by the caller's caller."""
        frame = sys._getframe(2)
        reader = Reader(frame.f_globals.get("__name__", ""), frame.f_code.co_name)
        self._by.setdefault((struct, member), set()).add(reader)

    def of(self, struct: type[msgspec.Struct], member: str) -> set[Reader]:
        return self._by.get((struct, member), set())


class _Member:
    """Stands before a Struct's own member. msgspec writes and encodes past it."""

    def __init__(self, reads: Reads, struct: type[msgspec.Struct], name: str, own: Any) -> None:
        self._reads, self._struct, self._name, self._own = reads, struct, name, own

    def __get__(self, instance: Any, of: type) -> Any:
        if instance is None:
            return self
        self._reads.note(self._struct, self._name)
        return self._own.__get__(instance, of)

    def __set__(self, instance: Any, value: Any) -> None:
        self._own.__set__(instance, value)


@contextmanager
def recorded(structs: Iterable[type[msgspec.Struct]]) -> Iterator[Reads]:
    """While it lasts, whoever reads a member of these Structs is noted."""
    reads = Reads()
    own = [
        (struct, name, struct.__dict__[name])
        for struct in structs
        for name in struct.__struct_fields__
        if name in struct.__dict__
    ]
    for struct, name, member in own:
        setattr(struct, name, _Member(reads, struct, name, member))
    try:
        yield reads
    finally:
        for struct, name, member in own:
            setattr(struct, name, member)
