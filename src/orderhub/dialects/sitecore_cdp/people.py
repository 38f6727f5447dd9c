"""Who is behind an order: contacts (they link it to a guest) and consumers (they use its items)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from orderhub.core.commands import ChangeOrder, Origin, PutRecords
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Order
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
from orderhub.dialects.sitecore_cdp import mapping, show, wire
from orderhub.dialects.sitecore_cdp.access import caller_of
from orderhub.dialects.sitecore_cdp.guests import guest_change, identity_keys, matching, tenant_now
from orderhub.dialects.sitecore_cdp.mapping import GUEST
from orderhub.dialects.sitecore_cdp.orders import change_parts, order_of_call, with_parts
from orderhub.dialects.sitecore_cdp.paging import page_of, row
from orderhub.dialects.sitecore_cdp.refs import part_of
from orderhub.dialects.sitecore_cdp.repeats import detached, replayable


class Role(NamedTuple):
    """`part` is the name in the paths and among the parts of an order; its numbers are a range."""

    part: str
    first: int
    last: int
    model: type[msgspec.Struct]
    shown: Callable[[Order, int, Mapping[str, Any], str], dict[str, Any]]


# Among the parts of an order: of each role the number that was given last.
GIVEN_LAST = "given_last"
# Nobody is told of a guest that is made on the way to a contact.
_MADE = Answer(201, b"")

CONTACT = Role(
    "contacts",
    mapping.FIRST_CONTACT,
    mapping.LAST_CONTACT,
    wire.ContactRequest,
    show.to_contact,
)
CONSUMER = Role(
    "consumers",
    mapping.FIRST_CONSUMER,
    mapping.LAST_CONSUMER,
    wire.ConsumerRequest,
    show.to_consumer,
)


def given_last(role: Role, parts: Mapping[str, Any]) -> int:
    """The number that was given last. Orders of older versions do not say it: it is the greatest there is."""
    noted: int | None = parts.get(GIVEN_LAST, {}).get(role.part)
    return noted or max(map(int, parts.get(role.part, ())), default=role.first - 1)


def joined(
    role: Role,
    parts: Mapping[str, Any],
    people: Sequence[Mapping[str, Any]],
    *,
    alone: bool = False,
) -> dict[str, Any]:
    """The parts with these people beside those of the role, or `alone` instead of them.

    Numbers go on behind the one given last, and round: the ref of somebody removed is anybody else's only once the
    range is used up, so that a removal that is sent again finds nobody.
    """
    if not people and not parts.get(role.part):
        return dict(parts)
    there = {} if alone else parts.get(role.part, {})
    last = given_last(role, parts)
    round_ = (*range(last + 1, role.last + 1), *range(role.first, last + 1))
    free = [number for number in round_ if str(number) not in there]
    if len(people) > len(free):
        most = len(round_)
        raise CommandRejected(
            Rejected(Reason.QUANTITY_INVALID, role.part, f"at most {most} an order")
        )
    numbers = free[: len(people)]
    return {
        **parts,
        role.part: {**there, **dict(zip(map(str, numbers), people, strict=True))},
        GIVEN_LAST: {**parts.get(GIVEN_LAST, {}), role.part: (last, *numbers)[-1]},
    }


def parted(role: Role, parts: Mapping[str, Any], numbers: Collection[str]) -> dict[str, Any]:
    """The parts without those people of a role. The number given last is noted, should it be one of theirs."""
    noted = joined(role, parts, ())
    left = {n: each for n, each in noted.get(role.part, {}).items() if n not in numbers}
    return {**noted, role.part: left}


# --- create


def create(role: Role) -> Handler:
    async def handler(call: Call) -> Answer:
        caller = await caller_of(call)
        body = wire.json_body(call)
        now = await tenant_now(call, caller)
        members = wire.update(role.model, body, partial=False, context=now)
        order = await order_of_call(call, caller)
        # Nobody is made on the way to a contact that there is no room for.
        joined(role, show.parts_of(order), [members])
        guest = await _guest_for(role, members, call, caller, now)
        for _ in range(ATTEMPTS):
            order = await order_of_call(call, caller)
            answer = await _add(role, members, guest, order, call, caller, now)
            if answer is not None:
                return answer
        raise CommandRejected(Rejected(Reason.VERSION_CONFLICT, "version"))

    return replayable(handler)


async def _add(
    role: Role,
    members: Mapping[str, Any],
    guest: str,
    order: Order,
    call: Call,
    caller: Caller,
    now: int,
) -> Answer | None:
    added = _kept(role, members, guest, order, now)
    more = joined(role, show.parts_of(order), [added])
    number = given_last(role, more)

    def change(parts: dict[str, Any]) -> dict[str, Any]:
        parts.update(more)
        return account_of(role, parts, order)

    base = call.base_url
    return await change_parts(
        call,
        caller,
        order,
        change,
        lambda after: Answer(201, encode(role.shown(after, number, added, base))),
    )


def _kept(
    role: Role, members: Mapping[str, Any], guest: str, order: Order, now: int
) -> dict[str, Any]:
    """What is kept of one person. Raises HTTPFault(INVALID) when it names items of another order."""
    if role is CONTACT:
        return mapping.to_person(members, guest, now)
    own = show.item_refs(order)
    named = members.get("orderItems") or []
    for index, ref in enumerate(named):
        if ref not in own:
            path = f"orderItems.items[{index}].href"
            raise invalid(WireFault(path, "value", "is not an item of this order."))
    own_members = {name: members.get(name) for name in mapping.PERSONAL}
    return {**mapping.to_person(own_members, guest, now), "items": named}


def account_of(role: Role, parts: Mapping[str, Any], order: Order) -> dict[str, Any]:
    """Whose the order is once its people are these.

    An order of another door keeps the account that its own business charges.
    """
    if role is not CONTACT:
        return {}
    return belonging(parts) if show.is_ours(order) else {"accounts": show.guests_in(parts)}


def without_guest(order: Order, guest: str, origin: Origin) -> ChangeOrder:
    """The order without the contacts and consumers that the guest is."""
    parts = show.parts_of(order)
    for role in (CONTACT, CONSUMER):
        there = parts.get(role.part, {})
        theirs = [number for number, each in there.items() if each["guest"] == guest]
        parts = parted(role, parts, theirs)
    return with_parts(order, parts, account_of(CONTACT, parts, order), origin)


def belonging(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Whose an order of this door is: its account, and everybody else by whom it is found too.

    The account is the guest of its latest contact, else the one it was created with.
    """
    contacts = show.people_in(parts, "contacts")
    account = contacts[-1][1]["guest"] if contacts else show.linked_guest(parts)
    others = tuple(each for each in show.guests_in(parts) if each != account)
    return {"account": account, "accounts": others}


async def _guest_for(
    role: Role, members: Mapping[str, Any], call: Call, caller: Caller, now: int
) -> str:
    """The ref of the guest: a contact's is matched or made, a consumer's is the one it names."""
    if role is CONTACT:
        return await matched_guest(members, call, caller, now)
    ref: str = members.get("guest") or ""
    if ref:
        found = await call.hub.read(lambda reads: reads.record(caller.tenant_id, GUEST, "uid", ref))
        if found is None:
            raise invalid(WireFault("guest.href", "value", "no such guest."))
    return ref


async def matched_guest(
    members: Mapping[str, Any], call: Call, caller: Caller, now: int, *, bulk: bool = False
) -> str:
    """The guest that the identity rules find, else a new one made of the contact's members.

    Of two contacts that make the same guest at once, the second finds the first one's.
    """
    keys = identity_keys(members)
    known = {name: value for name, value in members.items() if value is not None}
    for _ in range(ATTEMPTS):
        found = await call.hub.read(lambda reads: matching(reads, caller.tenant_id, keys))
        if found is not None:
            return found.uid
        ref = str(uuid4())
        command = PutRecords(
            origin=call.origin(caller, b""),
            changes=(guest_change({"guestType": "customer", **known}, now, ref=ref),),
            unique=tuple((GUEST, by, value) for by, value in keys),
        )
        outcome = await detached(call).submit(command, lambda _accepted: _MADE, bulk=bulk)
        if outcome.accepted is not None:
            return ref
    raise CommandRejected(Rejected(Reason.VERSION_CONFLICT, "version", "the guest comes and goes"))


# --- read


def list_all(role: Role) -> Handler:
    async def handler(call: Call) -> Answer:
        caller = await caller_of(call)
        asked = wire.QUERY.read(wire.ByCreated, call.query)
        order = await order_of_call(call, caller)
        base = call.base_url
        kept = show.people_in(show.parts_of(order), role.part)
        items: list[Any] = [role.shown(order, number, each, base) for number, each in kept]
        if not asked.expand:
            items = [row(each["href"]) for each in items]
        return Answer(200, encode(page_of(call, asked, items)))

    return handler


async def _one(role: Role, call: Call, caller: Caller) -> tuple[Order, str, dict[str, Any]]:
    uid, number = part_of(call.params["ref"])
    order = await order_of_call(call, caller, uid)
    found = show.parts_of(order).get(role.part, {}).get(str(number))
    if found is None:
        raise CommandRejected(
            Rejected(Reason.RECORD_UNKNOWN, role.part, "no such part of the order")
        )
    return order, str(number), found


def read_one(role: Role) -> Handler:
    async def handler(call: Call) -> Answer:
        caller = await caller_of(call)
        order, number, found = await _one(role, call, caller)
        return Answer(200, encode(role.shown(order, int(number), found, call.base_url)))

    return handler


# --- change


def update(role: Role, *, partial: bool) -> Handler:
    async def handler(call: Call) -> Answer:
        caller = await caller_of(call)
        body = wire.json_body(call)
        now = await tenant_now(call, caller)
        sent = wire.update(role.model, body, partial=partial, context=now)
        guest = await _guest_for(role, sent, call, caller, now) if role is CONSUMER else ""
        for _ in range(ATTEMPTS):
            order, number, found = await _one(role, call, caller)
            after = _changed(role, found, sent, guest, order, now, partial=partial)
            answer = await _put(role, order, number, after, call, caller)
            if answer is not None:
                return answer
        raise CommandRejected(Rejected(Reason.VERSION_CONFLICT, "version"))

    return replayable(handler)


def _changed(
    role: Role,
    found: Mapping[str, Any],
    sent: Mapping[str, Any],
    guest: str,
    order: Order,
    now: int,
    *,
    partial: bool,
) -> dict[str, Any]:
    """The person as it will be kept. A contact stays linked to the guest it was matched with."""
    before = dict(found["members"]) if partial else {}
    if role is CONSUMER and partial:
        before["orderItems"] = show.items_of(order, found)
    after = _kept(role, {**before, **sent}, guest or found["guest"], order, now)
    if role is CONSUMER and "guest" in sent and sent["guest"] is None:
        after["guest"] = ""
    return {**after, "created_at": found["created_at"]}


async def _put(
    role: Role,
    order: Order,
    number: str,
    after: dict[str, Any] | None,
    call: Call,
    caller: Caller,
) -> Answer | None:
    """Write one person, or remove it (`after` None)."""

    def change(parts: dict[str, Any]) -> dict[str, Any]:
        if after is None:
            parts.update(parted(role, parts, (number,)))
        else:
            parts[role.part] = {**parts.get(role.part, {}), number: after}
        return account_of(role, parts, order)

    def answer(changed: Order) -> Answer:
        if after is None:
            return Answer(204, b"")
        return Answer(200, encode(role.shown(changed, int(number), after, call.base_url)))

    return await change_parts(call, caller, order, change, answer)


def remove(role: Role) -> Handler:
    async def handler(call: Call) -> Answer:
        caller = await caller_of(call)
        for _ in range(ATTEMPTS):
            order, number, _found = await _one(role, call, caller)
            answer = await _put(role, order, number, None, call, caller)
            if answer is not None:
                return answer
        raise CommandRejected(Rejected(Reason.VERSION_CONFLICT, "version"))

    return replayable(handler)
