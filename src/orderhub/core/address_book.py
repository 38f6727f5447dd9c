"""Addresses that users keep: stored with an order that brings a new one, used again by their id."""

from __future__ import annotations

from typing import Any

import msgspec

from orderhub.core.facts import Facts, Record
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Address

# Longest texts that are kept, in characters.
LIMITS = {
    "recipient": 64,
    "last_name": 64,
    "phone": 20,
    "email": 100,
    "province": 100,
    "city": 100,
    "district": 100,
    "town": 100,
    "street1": 255,
    "company": 250,
    "postcode": 36,
}


class SavedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address of a user (0 = of a guest's order). Instants are microseconds, tenant's time."""

    id: int
    user_id: int
    address: Address
    created_at: int
    updated_at: int


RECORDS: dict[str, type] = {"address": SavedAddress}


class Resolved(msgspec.Struct, frozen=True):
    """Where an order ships, and the record to write when the address is new or changed."""

    address: Address | None = None
    record: Record | None = None


NOWHERE = Resolved()


def user_key(user_id: int) -> tuple[str, str]:
    """The key by which a user's addresses are found."""
    return ("user", str(user_id))


def resolve(
    address_id: int,
    members: dict[str, Any] | None,
    user_id: int,
    tenant_id: int,
    facts: Facts,
    now_us: int,
) -> Resolved | Rejected:
    """The stored address with the given members over it, or without an id a new one.

    A new one has id 0 until `stored_as` gives it one.
    """
    if address_id:
        record = facts.record(tenant_id, "address", "id", address_id)
        # A guest has no address book: what one guest left is not the next one's to name.
        if record is None or not user_id or record.doc.user_id != user_id:
            return Rejected(Reason.ADDRESS_UNKNOWN, "ship_to.id", f"no address {address_id}")
        stored: SavedAddress = record.doc
        address = msgspec.structs.replace(stored.address, id=record.id, **(members or {}))
        if not members:
            return Resolved(address)
        saved = msgspec.structs.replace(stored, address=address, updated_at=now_us)
        return Resolved(
            address, msgspec.structs.replace(record, doc=saved, version=record.version + 1)
        )
    if members is None:
        return NOWHERE
    address = Address(**members)
    saved = SavedAddress(
        id=0, user_id=user_id, address=address, created_at=now_us, updated_at=now_us
    )
    record = Record(
        tenant_id=tenant_id,
        kind="address",
        id=0,
        uid="",
        code="",
        doc=saved,
        keys=(user_key(user_id),),
    )
    return Resolved(address, record)


def stored_as(resolved: Resolved, new_id: int, uid: str) -> Resolved:
    """The new address under the id and uid it was given."""
    record = resolved.record
    assert record is not None
    assert resolved.address is not None
    address = msgspec.structs.replace(resolved.address, id=new_id)
    saved = msgspec.structs.replace(record.doc, id=new_id, address=address)
    return Resolved(address, msgspec.structs.replace(record, id=new_id, uid=uid, doc=saved))


def too_long(address: Address) -> Rejected | None:
    """The refusal of the first text that cannot be kept."""
    for name, limit in LIMITS.items():
        if len(getattr(address, name)) > limit:
            return Rejected(
                Reason.CONTACT_INVALID, f"ship_to.{name}", f"at most {limit} characters"
            )
    return None
