"""Refs of an order's parts: the order's own, with the part's number in its last three digits."""

from __future__ import annotations

import re

from orderhub.core.ids import order_of
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import CommandRejected

UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID = re.compile(UUID)


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def part_of(ref: str) -> tuple[str, int]:
    """The order's uid and the part's number. Raises CommandRejected for what cannot be a part's ref."""
    if is_uuid(ref):
        uid, number = order_of(ref)
        if number:
            return uid, number
    raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "line", f"nothing called {ref[:64]}"))
