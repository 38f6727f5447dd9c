"""Doing the rows of a batch file: each on its own, and each once however often the file is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import chain, count, groupby, islice
from typing import Any

import msgspec

from orderhub.core import money
from orderhub.core.admin import together
from orderhub.core.commands import (
    ChangeOrder,
    Command,
    ForgetPerson,
    LineChange,
    OrderName,
    PlaceOrder,
    PutRecords,
    RecordChange,
)
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import OrderQuery, Reads
from orderhub.core.recorded import stated_lines
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Order
from orderhub.dialects.codec import decode, encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    FaultKind,
    HTTPFault,
    Outcome,
)
from orderhub.dialects.overtaken import ATTEMPTS, is_overtaken
from orderhub.dialects.sitecore_cdp import guests, mapping, orders, people, show, wire, words
from orderhub.dialects.sitecore_cdp.access import NAME, client_key
from orderhub.dialects.sitecore_cdp.batch_rows import REQUIRED, Result, Row, groups_of
from orderhub.dialects.sitecore_cdp.mapping import GUEST
from orderhub.dialects.sitecore_cdp.repeats import detached, nothing

# An order is deleted by reference and a time that may be this far off, as documented.
_DELETE_WITHIN = 24 * 3600 * 1_000_000
_PATIENCE_S = 30.0
# So many rows are done at a time. Never changed: guests are bound by parts of the file.
PART = 64
_REFUSED_BEFORE = "The row was refused by an upload that broke off."
# Among the parts of an order: the batch and the number of the row that placed it.
_PLACED = "batch"

Guests = Mapping[tuple[str, str], Record]


class Load:
    """One batch being done: rows in, results out. `call` carries no Idempotency-Key.

    A row that an upload had done before it broke off is never done again: an order says which row
    placed it, and whatever else a row does is bound under a key of the row's own, in the same commit.
    """

    def __init__(self, call: Call, caller: Caller, batch: str, now: int) -> None:
        self._call = call
        self._caller = caller
        self._tenant = caller.tenant_id
        self._key = client_key(caller)
        self._batch = batch
        self._now = now

    async def do(self, rows: list[Row | Result], first: int, *, again: bool) -> list[Result]:
        """Every row on its own: one that fails touches no other.

        Rows about different things are done at once, rows about the same one in their order.
        `first` is the number of the first row; `again`: an earlier upload may have done some.
        """
        results = {n: row for n, row in enumerate(rows, first) if isinstance(row, Result)}
        tried = [
            row._replace(number=n) for n, row in enumerate(rows, first) if isinstance(row, Row)
        ]
        known = await self._known_guests(tried)
        groups = groups_of(tried)

        async def one_after_another(group: list[Row]) -> None:
            if again:
                results.update(await self._done_before(group, results))
            changes_guests = any(row.schema == "guest" for row in group)
            for place, row in enumerate(group):
                if row.number not in results:
                    # A row before may have made the guest that this one is about.
                    is_known = not (place and changes_guests)
                    results[row.number] = await self._guarded(row, known if is_known else None)

        alone = [row for row, *others in groups if row.schema == "guest" and not others]
        for part, those in groupby(alone, lambda row: row.number // PART):
            if again:
                results.update(await self._guests_before(part, [*those]))
            else:
                results.update(await self._guests_together(part, [*those], known))
        await side_by_side(*map(one_after_another, groups))
        return [results[number] for number in range(first, first + len(rows))]

    async def _done_before(
        self, group: list[Row], known: Mapping[int, Result]
    ) -> dict[int, Result]:
        """What an earlier upload had made of these rows, which are about the same thing, by number.

        Whatever comes before the last one done was tried then; where it left nothing it was refused.
        """
        done = {row.number: known.get(row.number) or await self._earlier(row) for row in group}
        last = max((number for number, result in done.items() if result), default=-1)
        return {
            row.number: done[row.number] or Result(row.name, 409, _REFUSED_BEFORE)
            for row in group
            if row.number <= last
        }

    async def _guarded(self, row: Row, known: Guests | None) -> Result:
        """One row; only a hub that cannot go on at all ends the load. `known`: None once the group changed guests."""
        try:
            return await self._one(row, known)
        except CommandRejected as refused:
            return Result(row.name, *words.refusal_words(refused.rejected))
        except HTTPFault as stop:
            if stop.fault.kind is not FaultKind.BROKEN:
                raise
            return Result(row.name, 500, "Internal error")

    async def _earlier(self, row: Row) -> Result | None:
        """The result of a row that an earlier upload had done."""
        outcome = await self._submit(nothing(self._call, self._caller), str(row.number))
        if outcome.rejected is None:
            return _result(row, outcome)
        if row.schema == "guest" or row.removes:
            return None
        query = self._named(row, within=0)
        found = await self._call.hub.read(lambda reads: reads.orders(query).items)
        for order in found:
            if show.parts_of(order).get(_PLACED) == self._mark(row):
                return Result(row.name, 201, ref=order.uid)
        return None

    def _mark(self, row: Row) -> dict[str, Any]:
        return {"ref": self._batch, "row": row.number}

    async def _one(self, row: Row, known: Guests | None) -> Result:
        if row.schema == "guest":
            return await self._guest(row, known)
        if row.removes:
            return await self._delete(row)
        guest = ""
        if row.contact is not None:
            found = _oldest(row.people, known or {})
            guest = found.uid if found else ""
            if not guest:
                # Before somebody is made of the contact of a row that is refused.
                refused = self._unfit(row) or self._ruled_out(row, await self._existing(row))
                if refused is not None:
                    return refused
                guest = await people.matched_guest(
                    row.contact, self._call, self._caller, self._now, bulk=True
                )
        if any(row.members.get(name) is None for name in REQUIRED):
            return await self._update(row, guest)
        outcome = await self._submit(self._placing(row, guest))
        if _is_refused(outcome, Reason.ALREADY_EXISTS):
            return await self._update(row, guest)
        return _result(row, outcome)

    async def _known_guests(self, rows: list[Row]) -> Guests:
        """(by, value) -> oldest guest, for the people of these rows whose guests there are."""
        keys = {key for row in rows for key in row.people}
        if not keys:
            return {}

        def look(reads: Reads) -> Guests:
            found: dict[tuple[str, str], Record] = {}
            for by in guests.IDENTITY:
                values = tuple(value for name, value in keys if name == by)
                for record in guests.by_names(reads, self._tenant, by, values):
                    for key in guests.identity_keys(record.doc["members"]):
                        if key[0] == by:
                            found.setdefault(key, record)
            return found

        return await self._call.hub.read(look)

    def _placing(self, row: Row, guest: str) -> PlaceOrder:
        return mapping.to_place(
            self._stated(row),
            self._call.origin(self._caller, row.line),
            self._key,
            account=guest,
            items=tuple(mapping.to_item(item, self._now) for item in row.items),
            parts=self._parts(
                row, guest, _numbers(row, count(1)), {_PLACED: self._mark(row)}, whole=True
            ),
        )

    def _stated(self, row: Row) -> wire.OrderRequest:
        """The order as a row says it that leaves nothing out."""
        sent = {name: value for name, value in row.members.items() if value is not None}
        return wire.OrderRequest(**sent)

    def _parts(
        self,
        row: Row,
        guest: str,
        numbers: Mapping[str, list[int]],
        kept: Mapping[str, Any],
        *,
        whole: bool,
    ) -> dict[str, Any]:
        """What is kept beside the order and its items, which have these `numbers` by their references.

        `whole`: what the row says and nothing else of what was `kept`, but for what the hub noted itself.
        """
        contacts: list[dict[str, Any]] = []
        if guest and row.contact is not None:
            known = () if whole else kept.get("contacts", {}).values()
            if all(each["guest"] != guest for each in known):
                contacts = [mapping.to_person(row.contact, guest, self._now)]
        parts = people.joined(people.CONTACT, kept, contacts, alone=whole)
        if whole or row.consumers is not None:
            consumers = mapping.to_consumers(row.consumers or (), numbers, self._now)
            parts = people.joined(people.CONSUMER, parts, consumers, alone=True)
        if whole:
            stays = (people.CONTACT.part, people.CONSUMER.part, people.GIVEN_LAST, _PLACED)
            parts = {name: parts[name] for name in stays if parts.get(name)}
        if row.extension is not None:
            parts["ext"] = self._dated(row.extension)
        if row.item_extensions:
            parts["item_ext"] = {
                number: self._dated(pairs) for number, pairs in row.item_extensions.items()
            }
        return parts

    def _dated(self, pairs: dict[str, Any]) -> dict[str, Any]:
        return {"created_at": self._now, "modified_at": self._now, "pairs": pairs}

    async def _submit(
        self,
        command: Command,
        key: str = "",
        told: Callable[[Accepted], Answer] | None = None,
    ) -> Outcome:
        """The answer is the ref of what was made or changed, if not what is `told`. Waits while the hub is busy.

        With a `key` of the file's the command is bound under it: a repeat gets the answer of the first time.
        """
        call = detached(self._call, f"{self._batch} {key}") if key else self._call
        waited = 0.0
        while True:
            try:
                return await call.submit(command, told or _ref_of, bulk=True)
            except HTTPFault as stop:
                if stop.fault.kind is not FaultKind.BUSY or waited >= _PATIENCE_S:
                    raise
            await asyncio.sleep(0.1)
            waited += 0.1

    # --- orders that there are already

    async def _update(self, row: Row, guest: str) -> Result:
        for _ in range(ATTEMPTS):
            order = await self._existing(row)
            refused = self._ruled_out(row, order)
            if refused is not None:
                return refused
            if order is None:
                again = await orders.named_again(self._placing(row, guest), self._call)
                if again is None:
                    continue
                outcome = await self._submit(again)
                if _is_refused(outcome, Reason.ALREADY_EXISTS):
                    continue
                return _result(row, outcome)
            outcome = await self._submit(self._amending(row, order, guest), str(row.number))
            if not is_overtaken(outcome):
                return _result(row, outcome)
        return Result(row.name, 500, "The order keeps changing.")

    def _ruled_out(self, row: Row, order: Order | None) -> Result | None:
        """The result of a row that its mode rules out; `order` is the one that it names, if there is one."""
        missing = ", ".join(name for name in REQUIRED if row.members.get(name) is None)
        if order is None and missing:
            return Result(row.name, 400, f"Validation error: {missing}: may not be null.")
        if order is None:
            return None
        if row.mode == "create":
            return Result(row.name, 409, "The order already exists.")
        if row.mode != "insert" and row.items:
            message = "orderItems: cannot be changed by an upsert."
            return Result(row.name, 400, f"Validation error: {message}")
        return None

    def _unfit(self, row: Row) -> Result | None:
        """The result of a row whose amounts or items cannot be kept, whatever order there is."""
        items = tuple(mapping.to_item(item, self._now) for item in row.items)
        refused = stated_lines(items, 1)
        price = row.members.get("price")
        if price is not None and not money.is_storable(money.kept(price)):
            refused = Rejected(Reason.AMOUNT_OUT_OF_RANGE, "total")
        if isinstance(refused, Rejected):
            return Result(row.name, *words.refusal_words(refused))
        return None

    async def _existing(self, row: Row) -> Order | None:
        """The order that the row names; of one reference and time each client key has its own."""
        query = self._named(row, within=0)
        own, acts_as = client_key(self._caller), self._caller.acts_as

        def look(reads: Reads) -> Order | None:
            for order in orders.all_live(reads, query):
                named = words.client_key_in(order.natural_key)
                if named == own if named else order.owner == acts_as:
                    return reads.order(self._tenant, OrderName("uid", order.uid))
            return None

        return await self._call.hub.read(look)

    def _named(self, row: Row, *, within: int) -> OrderQuery:
        """Orders of the row's reference, at most `within` microseconds from the row's time, if it says one."""
        at = row.members.get("orderedAt")
        return OrderQuery(
            tenant_id=self._tenant,
            channel=NAME,
            reference=row.members["referenceId"],
            occurred_from=None if at is None else at - within,
            occurred_to=None if at is None else at + within + 1,
        )

    def _amending(self, row: Row, order: Order, guest: str) -> ChangeOrder:
        """insert: the order as the row says. upsert, merge: only what the row says."""
        whole = row.mode == "insert"
        kept = show.parts_of(order)
        standing = [line.line_no for line in order.kept_lines]
        # Items of the row take the places of those that stand, so that an order which is sent again uses up no numbers.
        places = [*islice(chain(standing, count(len(order.lines) + 1)), len(row.items))]
        numbers = (
            _numbers(row, places)
            if whole
            else mapping.numbers_of(
                (line.line_no, line.data.get("referenceId")) for line in order.kept_lines
            )
        )
        parts = self._parts(row, guest, numbers, kept, whole=whole)
        members = msgspec.structs.asdict(self._stated(row)) if whole else row.members
        change = orders.amendment(members, order, self._call, self._caller, row.line)
        changes = {**change.changes, **(people.belonging(parts) if guest or whole else {})}
        line_changes: tuple[LineChange, ...] = ()
        if whole:
            line_changes = (
                *(
                    mapping.to_line_change(msgspec.structs.asdict(item), number, self._now)
                    for item, number in zip(row.items, standing, strict=False)
                ),
                *(
                    LineChange(line_no=number, cancelled=True)
                    for number in standing[len(row.items) :]
                ),
            )
            parts["item_ext"] = {
                str(places[int(number) - 1]): each
                for number, each in parts.get("item_ext", {}).items()
            }
        return msgspec.structs.replace(
            change,
            if_version=order.version,
            changes=changes,
            vendor={**(change.vendor or {}), mapping.PARTS: parts},
            add_lines=tuple(
                mapping.to_item(item, self._now) for item in row.items[len(standing) :]
            ),
            line_changes=line_changes,
        )

    async def _delete(self, row: Row) -> Result:
        query = self._named(row, within=_DELETE_WITHIN)

        def look(reads: Reads) -> list[Order]:
            named = (
                order
                for order in orders.all_live(reads, query)
                if not row.order_ref or order.uid == row.order_ref
            )
            return list(islice(named, 2))

        for _ in range(ATTEMPTS):
            found = await self._call.hub.read(look)
            if not found:
                return Result(row.name, 404, "The order does not exist.")
            if len(found) > 1:
                return Result(
                    row.name,
                    400,
                    "Ambiguous: several orders match, name the orderedAt or the orderRef.",
                )
            command = orders.deletion(found[0], self._call, self._caller, request=row.line)
            outcome = await self._submit(command, str(row.number))
            if not is_overtaken(outcome):
                return _result(row, outcome)
        return Result(row.name, 500, "The order keeps changing.")

    # --- guests

    async def _guests_together(
        self, part: int, rows: list[Row], known: Guests
    ) -> dict[int, Result]:
        """Guests whom no other row is about, written by one command; none where it cannot be."""
        commands: dict[int, PutRecords] = {}
        for row in rows:
            stored = _oldest(row.people, known)
            if not row.removes and (stored is None or row.mode != "create"):
                commands[row.number] = self._putting(row, stored, row.people)
        command = together(tuple(commands.values()))
        if command is None:
            return {}

        def refs_of(done: Accepted) -> Answer:
            refs = (record.uid for record in done.records)
            return Answer(201, encode(list(zip(commands, refs, strict=True))))

        try:
            outcome = await self._submit(command, _part_key(part), refs_of)
        except HTTPFault as stop:
            if stop.fault.kind is not FaultKind.BROKEN:
                raise
            return {}  # one of them breaks, which is then seen
        return _written(outcome, rows)

    async def _guests_before(self, part: int, rows: list[Row]) -> dict[int, Result]:
        """The results of those that an earlier upload wrote by one command."""
        asked = nothing(self._call, self._caller)
        return _written(await self._submit(asked, _part_key(part)), rows)

    async def _guest(self, row: Row, known: Guests | None) -> Result:
        keys = row.people
        for attempt in range(ATTEMPTS):
            if known is not None and not attempt:
                stored = _oldest(keys, known)
            else:
                stored = await self._call.hub.read(
                    lambda reads: guests.matching(reads, self._tenant, keys)
                )
            if stored is None and row.removes:
                return Result(row.name, 404, "The guest does not exist.")
            if stored is not None and row.mode == "create":
                return Result(row.name, 409, "The guest already exists.")
            if stored is not None and row.mode == "gdpr_delete":
                await self._forget(stored)
            outcome = await self._submit(self._putting(row, stored, keys), str(row.number))
            if not _is_refused(outcome, Reason.ALREADY_EXISTS, Reason.VERSION_CONFLICT):
                return _result(row, outcome)
        return Result(row.name, 500, "The guest keeps changing.")

    async def _forget(self, guest: Record) -> None:
        """The guest's orders go with it: out of this door, and nothing is left in them that tells who it was.

        The guest itself goes last: it is by the guest that a load which broke off finds what is left. An order of
        another door loses the guest alone: where it ships is that door's to forget.
        """
        members = guest.doc["members"]
        names = (members.get("firstName"), members.get("lastName"))
        addresses = (value for by, value in guests.identity_keys(members) if by == "email")
        words = tuple(filter(None, (*addresses, *names)))
        query = OrderQuery(tenant_id=self._tenant, account=guest.uid)
        done: set[str] = set()
        while found := await self._call.hub.read(lambda reads: orders.of_guest(reads, query, done)):
            for order in found:
                if show.is_ours(order):
                    origin = self._call.origin(self._caller, b"")
                    forget = ForgetPerson(origin=origin, orders=(order.uid,), words=words)
                    _must_be_done(await self._submit(forget))
                await self._take_away(order.uid, guest.uid)
                done.add(order.uid)

    async def _take_away(self, uid: str, guest: str) -> None:
        """Delete an order of the guest's; of one of another door, the contacts and consumers that the guest is."""
        name = OrderName("uid", uid)
        for _ in range(ATTEMPTS):
            order = await self._call.hub.read(lambda reads: reads.order(self._tenant, name))
            if order is None:
                return
            if show.is_ours(order):
                command = orders.deletion(order, self._call, self._caller, b"")
                # Which row placed it goes on to be known to an upload that is sent again.
                mark = {n: each for n, each in show.parts_of(order).items() if n == _PLACED}
                vendor = {**(command.vendor or {}), mapping.PARTS: mark or None}
                nobodys = {"account": "", "accounts": ()}
                command = msgspec.structs.replace(command, vendor=vendor, changes=nobodys)
            else:
                origin = orders.tenant_wide(self._call, self._caller, b"")
                command = people.without_guest(order, guest, origin)
            outcome = await self._submit(command)
            if not is_overtaken(outcome):
                _must_be_done(outcome)
                return
        raise CommandRejected(Rejected(Reason.VERSION_CONFLICT, "version"))

    def _putting(
        self, row: Row, stored: Record | None, keys: tuple[tuple[str, str], ...]
    ) -> PutRecords:
        origin = self._call.origin(self._caller, row.line)
        if stored is not None and row.removes:
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


def _numbers(row: Row, places: Iterable[int]) -> dict[str, list[int]]:
    """The numbers that the row's items get, which are these `places` in turn, by their references."""
    return mapping.numbers_of(zip(places, (item.referenceId for item in row.items), strict=False))


def _ref_of(done: Accepted) -> Answer:
    placed = done.placed or done.changed
    uid = placed[0].uid if placed else done.records[0].uid if done.records else ""
    return Answer(201, uid.encode())


def _part_key(part: int) -> str:
    return f"guests {part}"


def _written(outcome: Outcome, rows: list[Row]) -> dict[int, Result]:
    """The results of those rows that a command for several of them wrote."""
    if outcome.rejected is not None:
        return {}
    refs = dict(decode(outcome.answer.body))
    return {
        row.number: Result(row.name, 201, ref=refs[row.number])
        for row in rows
        if row.number in refs
    }


async def side_by_side(*work: Awaitable[Any]) -> list[Any]:
    """What each of them answers. A failure is raised only when nothing is running any more."""
    found = await asyncio.gather(*work, return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return found


def _result(row: Row, outcome: Outcome) -> Result:
    if outcome.rejected is not None:
        return Result(row.name, *words.refusal_words(outcome.rejected))
    return Result(row.name, 204 if row.removes else 201, ref=outcome.answer.body.decode())


def _must_be_done(outcome: Outcome) -> None:
    """Raises CommandRejected for what was refused."""
    if outcome.rejected is not None:
        raise CommandRejected(outcome.rejected)


def _is_refused(outcome: Outcome, *reasons: Reason) -> bool:
    """Whether the command was refused for one of these reasons."""
    return outcome.rejected is not None and outcome.rejected.reason in reasons


def _oldest(keys: tuple[tuple[str, str], ...], known: Guests) -> Record | None:
    """What `guests.matching` would find among the guests that are known."""
    for by in guests.IDENTITY:
        found = [known[key] for key in keys if key[0] == by and key in known]
        if found:
            return min(found, key=lambda record: record.id)
    return None
