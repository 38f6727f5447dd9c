"""Data extensions: one flat set of key-value pairs, `ext`, on an order or on an order item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from orderhub.core.ids import line_uid
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Line, Order
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    Handler,
    WireFault,
    invalid,
)
from orderhub.dialects.overtaken import ATTEMPTS
from orderhub.dialects.sitecore_cdp import show, wire
from orderhub.dialects.sitecore_cdp.access import caller_of
from orderhub.dialects.sitecore_cdp.guests import tenant_now
from orderhub.dialects.sitecore_cdp.items import item_of_call
from orderhub.dialects.sitecore_cdp.orders import change_parts, order_of_call
from orderhub.dialects.sitecore_cdp.pairs import MAX_PAIRS, read_pairs
from orderhub.dialects.sitecore_cdp.repeats import replayable


class Place(NamedTuple):
    """Where an extension hangs: on an order (`line` None) or on one of its items."""

    order: Order
    line: Line | None

    @property
    def stored(self) -> dict[str, Any] | None:
        kept = show.parts_of(self.order)
        if self.line is None:
            return kept.get("ext")
        found: dict[str, Any] | None = kept.get("item_ext", {}).get(str(self.line.line_no))
        return found

    def href(self, base: str) -> str:
        if self.line is None:
            return f"{show.order_href(base, self.order.uid)}/extensions/ext"
        return f"{show.item_href(self.order, base, self.line)}/extensions/ext"

    @property
    def ref(self) -> str:
        """Of the extension: there is one of a name in a place, so its ref follows from both."""
        of = self.order.uid if self.line is None else line_uid(self.order.uid, self.line.line_no)
        return str(uuid5(UUID(of), "ext"))

    def shown(self, extension: Mapping[str, Any], base: str) -> bytes:
        return encode(show.to_extension(extension, self.href(base), self.ref))

    def put(self, parts: dict[str, Any], extension: dict[str, Any] | None) -> None:
        if self.line is None:
            parts["ext"] = extension or {}
        else:
            items = dict(parts.get("item_ext", {}))
            items.pop(str(self.line.line_no), None)
            if extension is not None:
                items[str(self.line.line_no)] = extension
            parts["item_ext"] = items


async def _place(call: Call, caller: Caller, *, on_item: bool) -> Place:
    wire.CDP.read(wire.ExtensionPath, call.params)
    if on_item:
        return Place(*await item_of_call(call, caller))
    return Place(await order_of_call(call, caller), None)


def _found(place: Place) -> dict[str, Any]:
    stored = place.stored
    if stored is None:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "ext", "no data extension"))
    return stored


def _limited(pairs: dict[str, Any]) -> dict[str, Any]:
    if len(pairs) > MAX_PAIRS:
        message = f"at most {MAX_PAIRS} key-value pairs are allowed."
        raise invalid(WireFault("ext", "length", message))
    return pairs


def read(*, on_item: bool) -> Handler:
    async def handler(call: Call) -> Answer:
        caller = await caller_of(call)
        place = await _place(call, caller, on_item=on_item)
        return Answer(200, place.shown(_found(place), call.base_url))

    return handler


def write(method: str, *, on_item: bool) -> Handler:
    """POST makes one (409 when there is one), PATCH merges into it, DELETE takes it away."""

    async def handler(call: Call) -> Answer:
        caller = await caller_of(call)
        body = {} if method == "DELETE" else wire.json_body(call)
        partial = method == "PATCH"
        pairs = read_pairs(body, partial=partial) if method != "DELETE" else {}
        now = await tenant_now(call, caller)
        return await _changed(
            call, caller, lambda place: _next(method, place, pairs, now), on_item=on_item
        )

    return replayable(handler)


def delete_fields(*, on_item: bool) -> Handler:
    """Take the named pairs away, without names all of them; the extension stays, and is answered."""

    async def handler(call: Call) -> Answer:
        caller = await caller_of(call)
        names = wire.QUERY.read(wire.Fields, call.query).name.split("|")
        now = await tenant_now(call, caller)

        def without(place: Place) -> dict[str, Any]:
            stored = _found(place)
            kept = {
                name: value
                for name, value in stored["pairs"].items()
                if names != [""] and name not in names
            }
            return {**stored, "modified_at": now, "pairs": kept}

        return await _changed(call, caller, without, on_item=on_item)

    return replayable(handler)


async def _changed(
    call: Call,
    caller: Caller,
    change: Callable[[Place], dict[str, Any] | None],
    *,
    on_item: bool,
) -> Answer:
    for _ in range(ATTEMPTS):
        place = await _place(call, caller, on_item=on_item)
        answer = await _put(place, change(place), call, caller)
        if answer is not None:
            return answer
    raise CommandRejected(Rejected(Reason.VERSION_CONFLICT, "version"))


def _next(method: str, place: Place, pairs: dict[str, Any], now: int) -> dict[str, Any] | None:
    """The extension as it will be kept; None = no more."""
    if method == "POST":
        if place.stored is not None:
            raise CommandRejected(Rejected(Reason.ALREADY_EXISTS, "ext", "one extension at most"))
        return {"created_at": now, "modified_at": now, "pairs": _limited(pairs)}
    stored = _found(place)
    if method == "DELETE":
        return None
    merged = {**stored["pairs"], **pairs}
    left = {key: value for key, value in merged.items() if value is not None}
    return {**stored, "modified_at": now, "pairs": _limited(left)}


async def _put(
    place: Place, extension: dict[str, Any] | None, call: Call, caller: Caller
) -> Answer | None:
    base = call.base_url

    def answer(_after: Order) -> Answer:
        if extension is None:
            return Answer(204, b"")
        status = 201 if call.method == "POST" else 200
        return Answer(status, place.shown(extension, base))

    return await change_parts(
        call, caller, place.order, lambda parts: place.put(parts, extension), answer
    )
