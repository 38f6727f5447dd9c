"""The rows of a batch file: what each asks for, and which of them are about the same thing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from orderhub.dialects.codec import decode
from orderhub.dialects.contract import HTTPFault, WireFault, invalid
from orderhub.dialects.sitecore_cdp import guests, wire
from orderhub.dialects.sitecore_cdp.kinds import MAX_LIST, MAX_LONG_TEXT, MAX_TEXT
from orderhub.dialects.sitecore_cdp.pairs import MAX_PAIRS, read_pairs

SCHEMAS = ("order", "guest")
MODES = ("insert", "create", "upsert", "merge", "delete", "gdpr_delete")
REQUIRED = ("currencyCode", "price")


class Result(NamedTuple):
    """What became of a row: code as in the vendor's error log, and the ref of order or guest."""

    row: str
    code: int
    message: str = ""
    ref: str = ""


class Row(NamedTuple):
    """A row that can be tried. `members`: what was sent of an order or a guest.

    `people` is the identity of the guest that the row is about or names.
    `number` counts the rows of the file from 0; `name` is the client's own and need not be unique.
    """

    name: str
    schema: str
    mode: str
    line: bytes
    members: dict[str, Any]
    people: tuple[tuple[str, str], ...] = ()
    items: tuple[wire.OrderItemRequest, ...] = ()
    contact: dict[str, Any] | None = None
    extension: dict[str, Any] | None = None
    item_extensions: Mapping[str, dict[str, Any]] = {}
    consumers: tuple[wire.RowConsumer, ...] | None = None
    order_ref: str = ""
    number: int = 0

    @property
    def removes(self) -> bool:
        return self.mode.endswith("delete")


def parse(line: bytes | None, now: int) -> Row | Result:
    """A line as a row, or as the result of what cannot be tried. `now` is the tenant's time."""
    if line is None:
        return Result("", 400, "The record is too long.")
    name = ""
    try:
        record = decode(line)
        if not isinstance(record, dict):
            return Result("", 400, "Validation error: a JSON object is expected.")
        name = record["ref"] if isinstance(record.get("ref"), str) else ""
        name = name[:MAX_TEXT]
        return _row(name, record, line, now)
    except HTTPFault as stop:
        fault = stop.fault
        words = " ".join(f"{each.path}: {each.message}" for each in fault.faults) or fault.message
        return Result(name, 400, f"Validation error: {words}"[:MAX_LONG_TEXT])


def _row(name: str, record: Mapping[str, Any], line: bytes, now: int) -> Row | Result:
    if not name:
        return Result("", 400, "Validation error: ref: may not be null.")
    schema, mode, value = record.get("schema"), record.get("mode"), record.get("value")
    if schema not in SCHEMAS:
        return Result(name, 400, "Validation error: schema: must be order or guest.")
    if mode not in MODES:
        return Result(name, 402, "Unsupported mode")
    if not isinstance(value, dict):
        return Result(name, 400, "Validation error: value: must be an object.")
    removes = mode.endswith("delete")
    if schema == "guest":
        partial = mode in {"upsert", "merge"} or removes
        members = guests.read_members(value, now, partial=partial)
        people = guests.identity_keys(members)
        if not people:
            return Result(name, 400, "Identity information missing")
        return Row(name, schema, mode, line, members, people)
    # A null takes a member away, and there is nothing to take away from an order that is removed.
    sent = {name: each for name, each in value.items() if each is not None} if removes else value
    members = wire.CDP.changes(wire.OrderRequest, sent)
    _must_have(members, "referenceId", *(() if removes else ("orderedAt",)))
    if removes:
        order_ref = value.get("orderRef")
        ref = order_ref.lower() if isinstance(order_ref, str) else ""
        return Row(name, schema, mode, line, members, order_ref=ref)
    if mode not in {"upsert", "merge"}:
        _must_have(members, *REQUIRED)
    items, item_extensions = _items(value.get("orderItems"))
    contact = _contact(value.get("contact"), now)
    people = () if contact is None else guests.identity_keys(contact)
    if contact is not None and not people:
        return Result(name, 400, "Identity information missing")
    extension = _extension(value.get("extensions"), "extensions")
    consumers = wire.CDP.read(wire.Consumers, value, context=now).consumers
    row = Row(name, schema, mode, line, members, people, items, contact, extension, item_extensions)
    if consumers is not None and (items or mode not in {"upsert", "merge"}):
        _must_be_known(consumers, {item.referenceId for item in items})
    return row._replace(consumers=consumers)


def _must_be_known(consumers: tuple[wire.RowConsumer, ...], items: set[str | None]) -> None:
    faults = [
        WireFault(
            f"consumers[{number}].orderItems[{index}].referenceId",
            "value",
            "is no item of this order.",
        )
        for number, consumer in enumerate(consumers)
        for index, item in enumerate(consumer.orderItems or ())
        if item.referenceId not in items
    ]
    if faults:
        raise invalid(*faults[:MAX_LIST])


def _must_have(members: Mapping[str, Any], *names: str) -> None:
    faults = [
        WireFault(name, "missing", "may not be null.")
        for name in names
        if members.get(name) is None
    ]
    if faults:
        raise invalid(*faults)


def _items(value: Any) -> tuple[tuple[wire.OrderItemRequest, ...], dict[str, dict[str, Any]]]:
    """The items, and the data extension of each that has one, by its number from 1."""
    listed = value.get("items") if isinstance(value, dict) else value
    if listed is None:
        return (), {}
    if not isinstance(listed, list):
        raise invalid(WireFault("orderItems", "type", "must be a list."))
    items, extensions = [], {}
    for index, each in enumerate(listed):
        path = f"orderItems[{index}]"
        if not isinstance(each, dict):
            raise invalid(WireFault(path, "type", "must be an object."))
        items.append(wire.CDP.read(wire.OrderItemRequest, each, f"{path}."))
        extension = _extension(each.get("extensions"), f"{path}.extensions")
        if extension is not None:
            extensions[str(index + 1)] = extension
    return tuple(items), extensions


def _contact(value: Any, now: int) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid(WireFault("contact", "type", "must be an object."))
    return wire.update(wire.ContactRequest, value, partial=False, context=now)


def _extension(value: Any, path: str) -> dict[str, Any] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
        raise invalid(WireFault(path, "type", "must be a list of one object."))
    pairs = read_pairs(value[0])
    if len(pairs) > MAX_PAIRS:
        message = f"at most {MAX_PAIRS} key-value pairs are allowed."
        raise invalid(WireFault(path, "length", message))
    return pairs


def groups_of(rows: list[Row]) -> list[list[Row]]:
    """The rows that are about the same thing, each group in the order of the file.

    An order that names somebody whom a guest's row is about as well is about that guest, too.
    """
    told = {key for row in rows if row.schema == "guest" for key in row.people}
    leaders: dict[object, object] = {}

    def leader(subject: object) -> object:
        while leaders.setdefault(subject, subject) != subject:
            subject = leaders[subject]
        return subject

    groups: dict[object, list[Row]] = {}
    subjects = [_subjects(row, told) for row in rows]
    for first, *others in subjects:
        for other in others:
            leaders[leader(other)] = leader(first)
    for row, (first, *_) in zip(rows, subjects, strict=True):
        groups.setdefault(leader(first), []).append(row)
    return list(groups.values())


def _subjects(row: Row, told: set[tuple[str, str]]) -> list[object]:
    people: list[object] = [key for key in row.people if key in told]
    # The reference alone: a delete may mean an order of another time of the same day.
    return people if row.schema == "guest" else [row.members["referenceId"], *people]
