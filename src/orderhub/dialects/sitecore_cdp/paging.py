"""Collections as the vendor pages them: offset, limit, expand; `{href, offset, limit, items}`."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from orderhub.dialects.contract import Call, WireFault, invalid

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_OFFSET = 100_000
PARTS = frozenset({"orderItems", "contacts", "consumers"})


class Paging(NamedTuple):
    offset: int
    limit: int

    @property
    def end(self) -> int:
        return self.offset + self.limit

    def collection(self, call: Call, items: list[Any]) -> dict[str, Any]:
        """The page; its href is the request's own, with offset and limit spelled out."""
        rest = {k: v for k, v in call.query.items() if k not in {"offset", "limit"}}
        query = urlencode({"offset": self.offset, "limit": self.limit, **rest})
        href = f"{call.base_url}{call.path}?{query}"
        return {"href": href, "offset": self.offset, "limit": self.limit, "items": items}

    def page(self, call: Call, items: list[Any]) -> dict[str, Any]:
        """The page out of all items."""
        return self.collection(call, items[self.offset : self.end])


def paging_of(call: Call) -> Paging:
    """Raises HTTPFault(INVALID) for numbers out of range."""
    faults: list[WireFault] = []
    offset = _number(call, "offset", 0, 0, MAX_OFFSET, faults)
    limit = _number(call, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT, faults)
    if faults:
        raise invalid(*faults)
    return Paging(offset, limit)


def _number(
    call: Call, name: str, default: int, least: int, most: int, faults: list[WireFault]
) -> int:
    text = call.query.get(name, "")
    if not text:
        return default
    if text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most:
        return int(text)
    faults.append(WireFault(name, "value", f"must be between {least} and {most}."))
    return default


def expands(call: Call) -> frozenset[str]:
    """The parts to show in full: `true` = all, else a list of names. Raises HTTPFault(INVALID)."""
    asked = call.query.get("expand", "").strip()
    if not asked or asked.lower() == "false":
        return frozenset()
    if asked.lower() == "true":
        return PARTS
    names = frozenset(name.strip() for name in asked.split(",") if name.strip())
    if names - PARTS:
        message = f"must be true, false or some of {', '.join(sorted(PARTS))}."
        raise invalid(WireFault("expand", "value", message))
    return names
