"""The caller's address book."""

from __future__ import annotations

from orderhub.core.address_book import SavedAddress, too_long, user_key
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Record
from orderhub.core.queries import RecordQuery, RecordSort
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Address
from orderhub.dialects.anqicms import mapping, show, wire, words
from orderhub.dialects.anqicms.access import Visitor, look, not_anonymous
from orderhub.dialects.contract import Answer, Call, CommandRejected

_MOST = 1_000


async def _saved(call: Call, visitor: Visitor, limit: int) -> tuple[Record, ...]:
    by, value = user_key(visitor.user_id)
    query = RecordQuery(
        tenant_id=visitor.tenant_id,
        kind="address",
        by=by,
        values=(value,),
        sort=RecordSort.NEWEST,
        limit=limit,
    )
    return await look(call, visitor, lambda reads: reads.records(query))


async def newest(call: Call, visitor: Visitor) -> Answer:
    """The caller's newest address; `msg` is null, as the vendor sends it."""
    not_anonymous(visitor)
    found = await _saved(call, visitor, 1)
    if not found:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "ship_to", "no address yet"))
    return words.success(show.saved_address(found[0].doc), None)


async def listing(call: Call, visitor: Visitor) -> Answer:
    not_anonymous(visitor)
    found = await _saved(call, visitor, _MOST)
    return words.success([show.saved_address(record.doc) for record in found], None)


async def save(call: Call, visitor: Visitor) -> Answer:
    """A new address, or with `id` the members given over the stored one."""
    not_anonymous(visitor)
    given = wire.read(wire.AddressIn, call)
    members = mapping.address_members(given)
    record: Record | None = await look(
        call,
        visitor,
        lambda reads: (
            reads.record(visitor.tenant_id, "address", "id", given.id) if given.id else None
        ),
    )
    settings = await call.hub.settings(visitor.tenant_id)
    now = settings.clock.at(call.received_at)
    created = now
    if given.id:
        if record is None or record.doc.user_id != visitor.user_id:
            raise CommandRejected(
                Rejected(Reason.ADDRESS_UNKNOWN, "ship_to.id", f"no address {given.id}")
            )
        stored: SavedAddress = record.doc
        created = stored.created_at
        members = {
            **{ours: getattr(stored.address, ours) for ours in mapping.ADDRESS_MEMBERS.values()},
            **members,
        }
    address = Address(id=given.id, **members)
    refusal = too_long(address)
    if refusal is not None:
        raise CommandRejected(refusal)
    saved = SavedAddress(
        id=given.id,
        user_id=visitor.user_id,
        address=address,
        created_at=created,
        updated_at=now,
    )
    change = RecordChange(kind="address", id=given.id, doc=saved, keys=(user_key(visitor.user_id),))
    command = PutRecords(origin=call.origin(visitor.caller, call.body), changes=(change,))
    return await call.respond(
        command,
        lambda accepted: words.success(show.saved_address(accepted.records[0].doc), None),
    )
