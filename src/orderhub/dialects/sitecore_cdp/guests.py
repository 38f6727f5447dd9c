"""Guests: the people orders belong to. Create makes no duplicate check, as documented."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import Reads, RecordQuery, RecordSort
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, WireFault, invalid
from orderhub.dialects.overtaken import ATTEMPTS, first_attempt, is_overtaken
from orderhub.dialects.sitecore_cdp import wire
from orderhub.dialects.sitecore_cdp.access import caller_of
from orderhub.dialects.sitecore_cdp.kinds import MAX_LIMIT, MAX_OFFSET
from orderhub.dialects.sitecore_cdp.mapping import GUEST
from orderhub.dialects.sitecore_cdp.paging import collection, row
from orderhub.dialects.sitecore_cdp.show import guest_href
from orderhub.dialects.sitecore_cdp.times import second_text

_SERVER_MEMBERS = frozenset({"ref", "href", "createdAt", "modifiedAt"})


# What a guest is found by, the surer first.
IDENTITY = ("identifier", "email")


# --- guests as records


def identity_keys(members: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a guest is found by: identifiers first, then e-mail addresses without regard to case."""
    found = [
        ("identifier", identifier_key(each["provider"], each["id"]))
        for each in members.get("identifiers") or ()
    ]
    addresses = [*(members.get("emails") or ()), members.get("email")]
    found.extend(("email", email_key(each)) for each in addresses if each)
    return tuple(dict.fromkeys(found))


def email_key(address: str) -> str:
    return address.strip().casefold()


def identifier_key(provider: str, name: str) -> str:
    """Unmistakable, whatever characters the two have."""
    return f"{len(provider)}:{provider}:{name}"


def guest_change(
    members: Mapping[str, Any], now: int, *, ref: str = "", stored: Record | None = None
) -> RecordChange:
    """The record that holds a guest; `stored` is the one it replaces, if still unchanged."""
    return RecordChange(
        kind=GUEST,
        id=0 if stored is None else stored.id,
        if_version=None if stored is None else stored.version,
        uid=ref,
        doc={
            "created_at": now if stored is None else stored.doc["created_at"],
            "modified_at": now,
            "members": members,
        },
        keys=identity_keys(members),
    )


def by_names(reads: Reads, tenant_id: int, by: str, values: tuple[str, ...]) -> tuple[Record, ...]:
    """The guests that bear one of these names, oldest first."""
    if not values:
        return ()
    return reads.records(RecordQuery(tenant_id=tenant_id, kind=GUEST, by=by, values=values))


def matching(reads: Reads, tenant_id: int, keys: Iterable[tuple[str, str]]) -> Record | None:
    """The guest that the identity rules find: by identifier, then e-mail; the oldest of several."""
    for by in IDENTITY:
        found = by_names(reads, tenant_id, by, tuple(v for name, v in keys if name == by))
        if found:
            return found[0]
    return None


def to_guest(record: Record, base: str) -> dict[str, Any]:
    doc = record.doc
    return {
        "href": guest_href(base, record.uid),
        "ref": record.uid,
        "createdAt": second_text(doc["created_at"]),
        "modifiedAt": second_text(doc["modified_at"]),
        **doc["members"],
    }


def read_members(body: Mapping[str, Any], now: int, *, partial: bool = False) -> dict[str, Any]:
    """Documented members checked, others kept as they are. Raises HTTPFault(INVALID)."""
    known = wire.update(wire.GuestRequest, body, partial=partial, context=now)
    names = wire.GuestRequest.__struct_fields__
    others = {
        name: value
        for name, value in body.items()
        if name not in names and name not in _SERVER_MEMBERS
    }
    sent = {**known, **others}
    return sent if partial else {n: value for n, value in sent.items() if value is not None}


# --- calls


async def tenant_now(call: Call, caller: Caller) -> int:
    """The tenant's time of this call, in microseconds."""
    settings = await call.hub.settings(caller.tenant_id)
    return settings.clock.at(call.received_at)


async def guest_of_call(call: Call, caller: Caller) -> Record:
    ref = call.params["ref"].lower()
    found = await call.hub.read(lambda reads: reads.record(caller.tenant_id, GUEST, "uid", ref))
    if found is None:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, GUEST, f"no guest {ref[:64]}"))
    return found


async def create_guest(call: Call) -> Answer:
    """POST /v2.1/guests -> 201."""
    caller = await caller_of(call)
    body = wire.json_body(call)
    now = await tenant_now(call, caller)
    change = guest_change(read_members(body, now), now)
    command = PutRecords(origin=call.origin(caller, call.body), changes=(change,))
    base = call.base_url
    return await call.respond(command, lambda accepted: guest_answer(accepted, base, 201))


def guest_answer(accepted: Accepted, base: str, status: int = 200) -> Answer:
    return Answer(status, encode(to_guest(accepted.records[0], base)))


async def find_guests(call: Call) -> Answer:
    """GET /v2.1/guests by `email`, by `identifiers.provider` with `identifiers.id`, or by all of them."""
    caller = await caller_of(call)
    asked = wire.QUERY.read(wire.FindGuests, call.query)
    keys = []
    if asked.provider and asked.id:
        keys.append(("identifier", identifier_key(asked.provider, asked.id)))
    if asked.email:
        keys.append(("email", email_key(asked.email)))
    if not keys or bool(asked.provider) != bool(asked.id):
        message = "email, or identifiers.provider with identifiers.id, is required."
        raise invalid(WireFault("email", "missing", message))
    (by, value), *others = keys
    query = RecordQuery(
        tenant_id=caller.tenant_id,
        kind=GUEST,
        by=by,
        values=(value,),
        sort=RecordSort.OLDEST if asked.sort[1] else RecordSort.NEWEST,
        offset=0 if others else asked.offset,
        limit=MAX_OFFSET + MAX_LIMIT if others else asked.limit,
    )
    found: Sequence[Record] = await call.hub.read(lambda reads: reads.records(query))
    if others:
        found = [each for each in found if set(others) <= set(identity_keys(each.doc["members"]))]
        found = found[asked.offset : asked.offset + asked.limit]
    base = call.base_url
    items: list[Any] = (
        [to_guest(record, base) for record in found]
        if asked.expand
        else [row(guest_href(base, record.uid)) for record in found]
    )
    return Answer(200, encode(collection(call, asked, items)))


async def get_guest(call: Call) -> Answer:
    """GET /v2.1/guests/{ref}."""
    caller = await caller_of(call)
    return Answer(200, encode(to_guest(await guest_of_call(call, caller), call.base_url)))


async def patch_guest(call: Call) -> Answer:
    """PATCH /v2.1/guests/{ref}: what is sent changes, null takes a member away."""
    return await _update(call, partial=True)


async def put_guest(call: Call) -> Answer:
    """PUT /v2.1/guests/{ref}: the guest as sent."""
    return await _update(call, partial=False)


async def _update(call: Call, *, partial: bool) -> Answer:
    caller = await caller_of(call)
    body = wire.json_body(call)
    now = await tenant_now(call, caller)
    sent = read_members(body, now, partial=partial)
    base = call.base_url
    answer = Answer(412, b"")
    for _ in range(ATTEMPTS):
        stored = await guest_of_call(call, caller)
        members = {**stored.doc["members"], **sent} if partial else sent
        members = {name: value for name, value in members.items() if value is not None}
        change = guest_change(members, now, stored=stored)
        command = PutRecords(origin=call.origin(caller, call.body), changes=(change,))
        first_attempt(call)
        outcome = await call.submit(command, lambda accepted: guest_answer(accepted, base))
        answer = outcome.answer
        if not is_overtaken(outcome):
            break
    return answer


async def delete_guest(call: Call) -> Answer:
    """DELETE /v2.1/guests/{ref} -> 204. Orders keep the ref of the guest they belonged to."""
    caller = await caller_of(call)
    stored = await guest_of_call(call, caller)
    command = PutRecords(
        origin=call.origin(caller, call.body),
        changes=(RecordChange(kind=GUEST, id=stored.id),),
        exists=((GUEST, "uid", stored.uid),),
    )
    return await call.respond(command, lambda _accepted: Answer(204, b""))
