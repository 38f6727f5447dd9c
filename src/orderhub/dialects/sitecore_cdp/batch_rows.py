"""The rows of a batch file: what each asks for, and doing it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from orderhub.core.commands import ChangeOrder, Command, LineChange, PutRecords, RecordChange
from orderhub.core.known import Accepted, Record
from orderhub.core.queries import OrderQuery, Reads
from orderhub.core.refusals import Rejected
from orderhub.core.values import Order
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    FaultKind,
    Refused,
    Stop,
    WireFault,
    invalid,
)
from orderhub.dialects.sitecore_cdp import errors, fields, guests, mapping, people, routes
from orderhub.dialects.sitecore_cdp.auth import NAME, client_key
from orderhub.dialects.sitecore_cdp.mapping import GUEST
from orderhub.dialects.wiring import decode

SCHEMAS = ("order", "guest")
MODES = ("insert", "create", "upsert", "merge", "delete", "gdpr_delete")
# An order is deleted by reference and a time that may be this far off, as documented.
_DELETE_WITHIN = 24 * 3600 * 1_000_000
_REQUIRED = ("currencyCode", "price")
_PATIENCE_S = 30.0


class Result(NamedTuple):
    """What became of a row: code as in the vendor's error log, and the ref of order or guest."""

    row: str
    code: int
    message: str = ""
    ref: str = ""


class Row(NamedTuple):
    """A row that can be tried. `members`: an order's as read by fields.ORDER, a guest's as sent."""

    name: str
    schema: str
    mode: str
    line: bytes
    members: dict[str, Any]
    items: tuple[dict[str, Any], ...] = ()
    contact: dict[str, Any] | None = None
    extension: dict[str, Any] | None = None
    item_extensions: Mapping[str, dict[str, Any]] = {}
    order_ref: str = ""


# --- reading


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
        name = name[: fields.MAX_TEXT]
        return _row(name, record, line, now)
    except Stop as stop:
        fault = stop.fault
        words = " ".join(f"{each.path}: {each.message}" for each in fault.faults) or fault.message
        return Result(name, 400, f"Validation error: {words}"[: fields.MAX_LONG_TEXT])


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
        if not guests.identity_keys(members):
            return Result(name, 400, "Identity information missing")
        return Row(name, schema, mode, line, members)
    members = fields.read(value, fields.ORDER, partial=True)
    _must_have(members, "referenceId", "orderedAt")
    if removes:
        order_ref = value.get("orderRef")
        ref = order_ref.lower() if isinstance(order_ref, str) else ""
        return Row(name, schema, mode, line, members, order_ref=ref)
    if mode not in {"upsert", "merge"}:
        _must_have(members, *_REQUIRED)
    items, item_extensions = _items(value.get("orderItems"))
    contact = _contact(value.get("contact"), now)
    if contact is not None and not guests.identity_keys(contact):
        return Result(name, 400, "Identity information missing")
    extension = _extension(value.get("extensions"), "extensions")
    return Row(name, schema, mode, line, members, items, contact, extension, item_extensions)


def _must_have(members: Mapping[str, Any], *names: str) -> None:
    faults = [
        WireFault(name, "missing", "may not be null.")
        for name in names
        if members.get(name) is None
    ]
    if faults:
        raise invalid(*faults)


def _items(value: Any) -> tuple[tuple[dict[str, Any], ...], dict[str, dict[str, Any]]]:
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
        faults: list[WireFault] = []
        items.append(fields.read_fields(each, fields.ORDER_ITEM, faults))
        if faults:
            raise invalid(*(WireFault(f"{path}.{f.path}", f.problem, f.message) for f in faults))
        extension = _extension(each.get("extensions"), f"{path}.extensions")
        if extension is not None:
            extensions[str(index + 1)] = extension
    return tuple(items), extensions


def _contact(value: Any, now: int) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid(WireFault("contact", "type", "must be an object."))
    return fields.read(value, fields.person(now))


def _extension(value: Any, path: str) -> dict[str, Any] | None:
    if value is None or value == []:
        return None
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], dict):
        raise invalid(WireFault(path, "type", "must be a list of one object."))
    pairs = fields.read_extension(value[0])
    if len(pairs) > fields.MAX_EXTENSION_PAIRS:
        message = f"at most {fields.MAX_EXTENSION_PAIRS} key-value pairs are allowed."
        raise invalid(WireFault(path, "length", message))
    return pairs


def _subject(row: Row | Result, index: int) -> object:
    """What a row is about, as far as the row itself says."""
    if isinstance(row, Result):
        return index
    if row.schema == "guest":
        return guests.identity_keys(row.members)[0]
    # A delete may mean an order of another time of the same day.
    return row.members["referenceId"]


# --- doing


class Load:
    """One batch being done: rows in, results out. `call` carries no Idempotency-Key."""

    def __init__(self, call: Call, caller: Caller, batch: str, now: int) -> None:
        self._call = call
        self._caller = caller
        self._tenant = caller.tenant_id
        self._key = client_key(caller)
        self._batch = batch
        self._now = now

    async def do(self, rows: list[Row | Result]) -> list[Result]:
        """Every row on its own: one that fails touches no other.

        Rows about different things are done at once, rows about the same one in their order.
        """
        known = await self._known_guests(rows)
        groups: dict[Any, list[int]] = {}
        for index, row in enumerate(rows):
            groups.setdefault(_subject(row, index), []).append(index)
        results: list[Result] = [Result("", 500)] * len(rows)

        async def one_after_another(indexes: list[int]) -> None:
            for index in indexes:
                results[index] = await self._guarded(rows[index], known)

        await asyncio.gather(*(one_after_another(each) for each in groups.values()))
        return results

    async def _guarded(self, row: Row | Result, known: Mapping[tuple[str, str], str]) -> Result:
        """One row; only a hub that cannot go on at all ends the load."""
        name = row.row if isinstance(row, Result) else row.name
        try:
            return await self._one(row, known)
        except Refused as refused:
            return Result(name, *errors.refusal_words(refused.rejected))
        except Stop as stop:
            if stop.fault.kind is not FaultKind.BROKEN:
                raise
            return Result(name, 500, "Internal error")

    async def _one(self, row: Row | Result, known: Mapping[tuple[str, str], str]) -> Result:
        if isinstance(row, Result):
            return row
        if row.schema == "guest":
            return await self._guest(row)
        if row.mode.endswith("delete"):
            return await self._delete(row)
        guest = ""
        if row.contact is not None:
            keys = guests.identity_keys(row.contact)
            guest = next((known[key] for key in keys if key in known), "")
            if not guest:
                guest = await people.matched_guest(
                    row.contact, self._call, self._caller, self._now, bulk=True
                )
        if any(row.members.get(name) is None for name in _REQUIRED):
            return await self._update(row, guest)
        answer = await self._submit(self._placing(row, guest))
        if answer.status == 409:
            return await self._update(row, guest)
        return _result(row, answer)

    async def _known_guests(self, rows: list[Row | Result]) -> dict[tuple[str, str], str]:
        """(by, value) -> ref, for the contacts of these rows whose guests there are already."""
        keys = {
            key
            for row in rows
            if isinstance(row, Row) and row.contact is not None
            for key in guests.identity_keys(row.contact)
        }
        if not keys:
            return {}

        def look(reads: Reads) -> dict[tuple[str, str], str]:
            found: dict[tuple[str, str], str] = {}
            for by in ("email", "identifier"):
                for record in guests.by_names(
                    reads, self._tenant, by, tuple(value for name, value in keys if name == by)
                ):
                    for key in guests.identity_keys(record.doc["members"]):
                        found.setdefault(key, record.uid)
            return found

        return await self._call.hub.read(look)

    def _placing(self, row: Row, guest: str) -> Command:
        return mapping.to_place(
            {name: value for name, value in row.members.items() if value is not None},
            self._call.origin(self._caller, row.line),
            self._key,
            account=guest,
            items=tuple(mapping.to_item(item, self._now) for item in row.items),
            parts=self._parts(row, guest),
        )

    def _parts(self, row: Row, guest: str) -> dict[str, Any]:
        parts: dict[str, Any] = {"batch": {"ref": self._batch, "row": row.name}}
        if guest and row.contact is not None:
            contact = people.entry(row.contact, guest, self._now)
            parts["contacts"] = {str(mapping.FIRST_CONTACT): contact}
        if row.extension is not None:
            parts["ext"] = self._dated(row.extension)
        if row.item_extensions:
            parts["item_ext"] = {
                number: self._dated(pairs) for number, pairs in row.item_extensions.items()
            }
        return parts

    def _dated(self, pairs: dict[str, Any]) -> dict[str, Any]:
        return {"created_at": self._now, "modified_at": self._now, "pairs": pairs}

    async def _submit(self, command: Command) -> Answer:
        """Status and body are code and message, or ref. Waits while the hub is busy."""

        def refused(rejected: Rejected) -> Answer:
            code, message = errors.refusal_words(rejected)
            return Answer(code, message.encode())

        def accepted(done: Accepted) -> Answer:
            orders = done.placed or done.changed
            uid = orders[0].uid if orders else done.records[0].uid if done.records else ""
            return Answer(201, uid.encode())

        waited = 0.0
        while True:
            try:
                return await self._call.submit(command, accepted, refused, bulk=True)
            except Stop as stop:
                if stop.fault.kind is not FaultKind.BUSY or waited >= _PATIENCE_S:
                    raise
            await asyncio.sleep(0.1)
            waited += 0.1

    # --- orders that there are already

    async def _update(self, row: Row, guest: str) -> Result:
        for _ in range(guests.ATTEMPTS):
            order = await self._existing(row)
            if order is None:
                missing = ", ".join(n for n in _REQUIRED if row.members.get(n) is None)
                if missing:
                    return Result(row.name, 400, f"Validation error: {missing}: may not be null.")
                return Result(row.name, 409, "The order existed and was deleted.")
            batch = mapping.parts_of(order).get("batch", {})
            if batch == {"ref": self._batch, "row": row.name}:
                return Result(row.name, 201, ref=order.uid)  # an earlier try of the same batch
            if row.mode == "create":
                return Result(row.name, 409, "The order already exists.")
            if row.mode != "insert" and row.items:
                message = "orderItems: cannot be changed by an upsert."
                return Result(row.name, 400, f"Validation error: {message}")
            answer = await self._submit(self._amending(row, order, guest))
            if answer.status != 412:
                return _result(row, answer)
        return Result(row.name, 500, "The order keeps changing.")

    async def _existing(self, row: Row) -> Order | None:
        query = OrderQuery(tenant_id=self._tenant, door=NAME, reference=row.members["referenceId"])
        at = row.members["orderedAt"]

        def look(reads: Reads) -> Order | None:
            for order in routes.all_live(reads, query):
                if order.occurred_at == at and order.owner == self._caller.acts_as:
                    return order
            return None

        return await self._call.hub.read(look)

    def _amending(self, row: Row, order: Order, guest: str) -> ChangeOrder:
        """insert: the order as the row says. upsert, merge: only what the row says."""
        whole = row.mode == "insert"
        kept = mapping.parts_of(order)
        parts = self._parts(row, guest)
        if not whole:
            contacts = dict(kept.get("contacts", {}))
            if guest and all(each["guest"] != guest for each in contacts.values()):
                number = people.free_number(people.CONTACT, contacts)
                contacts[str(number)] = parts["contacts"][str(mapping.FIRST_CONTACT)]
            parts = {**kept, **parts, **({"contacts": contacts} if contacts else {})}
        change = routes.amendment(
            row.members, order, self._call, self._caller, whole=whole, request=row.line
        )
        changes = {**change.changes, **({"account": guest} if guest or whole else {})}
        gone: tuple[LineChange, ...] = ()
        if whole:
            gone = tuple(
                LineChange(line_no=line.line_no, cancelled=True) for line in mapping.lines_of(order)
            )
            # Items of the row follow the ones they replace, and so do their extensions.
            shift = len(order.lines)
            parts["item_ext"] = {
                str(int(number) + shift): each for number, each in parts.get("item_ext", {}).items()
            }
        return msgspec.structs.replace(
            change,
            if_version=order.version,
            changes=changes,
            vendor={**(change.vendor or {}), mapping.PARTS: parts},
            add_lines=tuple(mapping.to_item(item, self._now) for item in row.items),
            line_changes=gone,
        )

    async def _delete(self, row: Row) -> Result:
        query = OrderQuery(tenant_id=self._tenant, door=NAME, reference=row.members["referenceId"])
        at = row.members["orderedAt"]

        def look(reads: Reads) -> list[Order]:
            return [
                order
                for order in routes.all_live(reads, query)
                if abs(order.occurred_at - at) <= _DELETE_WITHIN
                and (not row.order_ref or order.uid == row.order_ref)
            ]

        found = await self._call.hub.read(look)
        if not found:
            return Result(row.name, 404, "The order does not exist.")
        if len(found) > 1:
            return Result(row.name, 400, "Ambiguous: several orders match, name the orderRef.")
        command = routes.deletion(found[0], self._call, self._caller, request=row.line)
        return _result(row, await self._submit(command), done=204)

    # --- guests

    async def _guest(self, row: Row) -> Result:
        keys = guests.identity_keys(row.members)
        for _ in range(guests.ATTEMPTS):
            stored = await self._call.hub.read(
                lambda reads: guests.matching(reads, self._tenant, keys)
            )
            if stored is None and row.mode.endswith("delete"):
                return Result(row.name, 404, "The guest does not exist.")
            if stored is not None and row.mode == "create":
                return Result(row.name, 409, "The guest already exists.")
            answer = await self._submit(self._putting(row, stored, keys))
            if answer.status not in {409, 412}:
                removed = row.mode.endswith("delete")
                return _result(row, answer, done=204 if removed else 201)
        return Result(row.name, 500, "The guest keeps changing.")

    def _putting(
        self, row: Row, stored: Record | None, keys: tuple[tuple[str, str], ...]
    ) -> PutRecords:
        origin = self._call.origin(self._caller, row.line)
        if stored is not None and row.mode.endswith("delete"):
            gone = RecordChange(kind=GUEST, id=stored.id, if_version=stored.version)
            return PutRecords(origin=origin, changes=(gone,))
        members = row.members
        if stored is not None and row.mode in {"upsert", "merge"}:
            members = {**stored.doc["members"], **members}
        members = {name: value for name, value in members.items() if value is not None}
        members = {"guestType": "customer", **members}
        change = guests.guest_change(members, self._now, stored=stored)
        unique = () if stored is not None else tuple((GUEST, by, value) for by, value in keys)
        return PutRecords(origin=origin, changes=(change,), unique=unique)


def _result(row: Row, answer: Answer, done: int = 201) -> Result:
    text = answer.body.decode()
    if answer.status == 201:
        return Result(row.name, done, ref=text)
    return Result(row.name, answer.status, text)
