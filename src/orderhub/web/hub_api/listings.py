"""/hub/v1/listings: which of a vendor's things is which of ours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import msgspec

from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Record
from orderhub.core.listings import RECORD_KIND, Listing, key_of
from orderhub.core.queries import Reads, RecordQuery
from orderhub.dialects.client import Item, Listed
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, Route, WireFault, invalid
from orderhub.web.hub_api.access import guarded, origin_in, tenant_id_asked
from orderhub.web.hub_api.bodies import Body, Cursor, Name, body_of, query_of, refuse, up_to
from orderhub.web.hub_api.connections import (
    MAX_PAGE,
    ONE,
    SCOPE,
    OfTenant,
    changing,
    connection_named,
    found_in,
    line_to,
    tenant_id_of,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shaping import Page, Shape
from orderhub.web.hub_api.tables import columns_of

MOST_AT_ONCE = 500
_MOST_SHOWN = 100

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ListListings(OfTenant, frozen=True, kw_only=True):
    connection: Annotated[str, msgspec.Meta(description="only of this one")] = ""
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Cursor = ""


class ListingGiven(Body, frozen=True, kw_only=True):
    """What of ours is what of theirs. Ours is named by `code` (a product's code or a SKU), or by `subject`."""

    id: Annotated[Short, msgspec.Meta(description="the vendor's own id of it")]
    code: Annotated[str, msgspec.Meta(max_length=200)] = ""
    subject: Annotated[
        str, msgspec.Meta(max_length=40, description="such as product:900 or variant:3")
    ] = ""
    sku: Name = ""
    title: Name = ""
    data: Annotated[
        dict[str, Any], msgspec.Meta(description="what else this vendor needs to be told")
    ] = msgspec.field(default_factory=dict)


class NewListings(Body, frozen=True, kw_only=True):
    """Listings at a connection, all or none. One of the same thing of ours is replaced."""

    connection: Annotated[str, msgspec.Meta(min_length=1, max_length=36)]
    items: Annotated[tuple[ListingGiven, ...], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class ListingShown(Shape, frozen=True, kw_only=True):
    """One thing of ours, as a vendor has it. `item` is the vendor's own id."""

    id: str
    connection: str
    subject: str
    code: str | None
    item: str
    sku: str | None
    title: str | None
    data: dict[str, Any]


class ListingsWritten(Shape, frozen=True, kw_only=True):
    items: tuple[ListingShown, ...]


class VendorItem(Shape, frozen=True, kw_only=True):
    id: str
    sku: str | None
    title: str | None


class Matched(Shape, frozen=True, kw_only=True):
    """What the vendor's list came to.

    read       things in it
    listed     how many were listed now, since their SKU is a code of ours
    unmatched  the first hundred that are neither listed nor like a code of ours
    error      why it could not be read; null = it was
    """

    read: int
    listed: int
    unmatched: tuple[VendorItem, ...]
    error: str | None


@guarded(SCOPE)
async def list_listings(call: Call, who: Caller) -> Answer:
    """In the order in which they were made. As CSV it is what `orderhub listing import` reads."""
    given = query_of(call, ListListings)
    tenant_id = await tenant_id_asked(call, who, given.tenant, "listings")
    values: tuple[str, ...] = ()
    if given.connection:
        to = await call.hub.read(lambda r: connection_named(r, tenant_id, given.connection))
        values = (str(to.id),)

    async def ask(cursor: str, limit: int) -> Page[ListingShown]:
        sought = RecordQuery(
            tenant_id=tenant_id,
            kind=RECORD_KIND,
            by="connection" if values else "all",
            values=values,
            after_id=int(cursor or 0),
            limit=limit + 1,
        )

        def look(reads: Reads) -> Page[ListingShown]:
            found = reads.records(sought)
            more = str(found[limit - 1].id) if len(found) > limit else None
            return Page(items=_all_shown(reads, found[:limit]), next_cursor=more)

        return await call.hub.read(look)

    columns = columns_of(ListingShown)
    return await listed(call, "listings", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded(SCOPE)
async def put_listings(call: Call, who: Caller) -> Answer:
    """Orders that waited for one of them go on."""
    tenant_id = await tenant_id_of(call, who)
    given = body_of(call, NewListings)

    def look(reads: Reads) -> tuple[Record, list[RecordChange]]:
        to = connection_named(reads, tenant_id, given.connection)
        return to, _changes(reads, to, given.items)

    to, changes = await call.hub.read(look)
    written = await _written(call, who, to, changes)
    if isinstance(written, Answer):
        return written
    return Answer(200, encode(ListingsWritten(items=tuple(_shown(to, each) for each in written))))


@guarded(SCOPE)
async def delete_listing(call: Call, who: Caller) -> Answer:
    """Orders that name the thing wait from now on."""
    tenant_id = await tenant_id_of(call, who)
    found = await found_in(call, tenant_id, RECORD_KIND)
    command = changing(call, who, tenant_id, RECORD_KIND, found, None)
    return await call.respond(command, lambda _accepted: Answer(204, b""))


@guarded(SCOPE)
async def match_listings(call: Call, who: Caller) -> Answer:
    """Read the vendor's list, and list what bears a SKU that is a code of ours and is not listed yet."""
    tenant_id = await tenant_id_of(call, who)
    name = call.params["id"]
    to = await call.hub.read(lambda reads: connection_named(reads, tenant_id, name))
    line = line_to(call, to)
    if not line.client.has("items"):
        raise refuse("connection", f"{to.doc.dialect} has no list that can be read")
    end = await line.talk(line.client.items)
    if not isinstance(end, Listed):
        why = getattr(end, "reason", "its answer cannot be read")
        return Answer(200, encode(Matched(read=0, listed=0, unmatched=(), error=why)))

    def look(reads: Reads) -> tuple[list[ListingGiven], list[Item]]:
        new: dict[str, ListingGiven] = {}
        unmatched: list[Item] = []
        known = {each.doc.id for each in _at(reads, to)}
        for each in end.items:
            if each.id in known:
                continue
            known.add(
                each.id
            )  # a list may tell a thing twice, as when it moves on between two pages
            subject = _subject(reads, tenant_id, each.sku) if each.sku else ""
            if subject and subject not in new and not _listed(reads, to, subject):
                new[subject] = ListingGiven(
                    id=each.id,
                    code=each.sku,
                    subject=subject,
                    sku=each.sku,
                    title=each.title[:200],
                    data=dict(each.data),
                )
            else:
                unmatched.append(each)
        return list(new.values()), unmatched

    new, unmatched = await call.hub.read(look)
    for start in range(0, len(new), MOST_AT_ONCE):
        part = tuple(new[start : start + MOST_AT_ONCE])
        changes = await call.hub.read(partial(_changes, to=to, items=part))
        written = await _written(call, who, to, changes)
        if isinstance(written, Answer):
            return written
    told = tuple(VendorItem.of(each) for each in unmatched[:_MOST_SHOWN])
    found = Matched(read=len(end.items), listed=len(new), unmatched=told, error=None)
    return Answer(200, encode(found))


async def _written(
    call: Call, who: Caller, to: Record, changes: Sequence[RecordChange]
) -> tuple[Record, ...] | Answer:
    """The records as they stand, or the refusal."""
    command = PutRecords(
        origin=origin_in(call, who, to.tenant_id),
        changes=tuple(changes),
        exists=(("connection", "id", str(to.id)),),
        unique=tuple(
            (RECORD_KIND, "subject", value)
            for each in changes
            for name, value in each.keys
            if name == "subject"
        ),
    )
    outcome = await call.submit(command, lambda _accepted: Answer(200, b""), secret_answer=True)
    if outcome.accepted is None:
        return outcome.answer
    hub = port(call)
    if not call.is_dry_run:
        await hub.write(hub.ledger.relay.pull, to.tenant_id, to.id, hub.now_us())
        hub.relayer.wake(to.tenant_id, is_changed=True)
    found: tuple[Record, ...] = outcome.accepted.result
    return found


def _changes(reads: Reads, to: Record, items: Sequence[ListingGiven]) -> list[RecordChange]:
    """Raises HTTPFault(INVALID) for what names nothing of ours, or two that name the same."""
    faults: list[WireFault] = []
    changes: dict[str, RecordChange] = {}
    for index, each in enumerate(items):
        at = f"items[{index}]"
        name = f"{at}.{'subject' if each.subject else 'code'}"
        if not each.code and not each.subject:
            faults.append(WireFault(name, "missing", f"{name}: say its code or its subject"))
            continue
        subject = each.subject or _subject(reads, to.tenant_id, each.code)
        if not subject or not _is_there(reads, to.tenant_id, subject):
            named = each.subject or each.code
            faults.append(WireFault(name, "value", f"{name}: there is no {named[:80]}"))
        elif subject in changes:
            faults.append(WireFault(at, "value", f"{at}: {subject} is there twice"))
        else:
            changes[subject] = _change(reads, to, subject, each)
    if faults:
        raise invalid(*faults[:_MOST_SHOWN])
    return list(changes.values())


def _change(reads: Reads, to: Record, subject: str, given: ListingGiven) -> RecordChange:
    stands = _listed(reads, to, subject)
    doc = Listing(
        connection=to.id,
        subject=subject,
        code=given.code,
        id=given.id,
        sku=given.sku,
        title=given.title,
        data=given.data,
    )
    if stands is not None:
        doc = msgspec.structs.replace(doc, uid=stands.uid)
    keys = (("subject", key_of(to.id, subject)), ("connection", str(to.id)))
    return RecordChange(kind=RECORD_KIND, id=0 if stands is None else stands.id, doc=doc, keys=keys)


def _subject(reads: Reads, tenant_id: int, code: str) -> str:
    """What of the catalogue has this code; empty = nothing."""
    for kind in ("variant", "product"):
        found = reads.record(tenant_id, kind, "code", code)
        if found is not None:
            return f"{kind}:{found.id}"
    return ""


def _is_there(reads: Reads, tenant_id: int, subject: str) -> bool:
    kind, _, number = subject.partition(":")
    if kind not in ("product", "variant") or not number.isdecimal() or len(number) > 15:
        return False
    return reads.record(tenant_id, kind, "id", int(number)) is not None


def _listed(reads: Reads, to: Record, subject: str) -> Record | None:
    return reads.record(to.tenant_id, RECORD_KIND, "subject", key_of(to.id, subject))


def _at(reads: Reads, to: Record) -> tuple[Record, ...]:
    sought = RecordQuery(
        tenant_id=to.tenant_id,
        kind=RECORD_KIND,
        by="connection",
        values=(str(to.id),),
        limit=100_000,
    )
    return reads.records(sought)


def _all_shown(reads: Reads, found: Sequence[Record]) -> tuple[ListingShown, ...]:
    ids = {each.doc.connection for each in found}
    there = {i: reads.record(found[0].tenant_id, "connection", "id", i) for i in ids}
    return tuple(
        _shown(to, each) for each in found if (to := there[each.doc.connection]) is not None
    )


def _shown(to: Record, record: Record) -> ListingShown:
    return ListingShown.of(record.doc, id=record.uid, connection=to.uid, item=record.doc.id)


_ALL = "/hub/v1/listings"

_EXAMPLE = {
    "connection": "00000000-0000-4000-8000-000000000001",
    "items": [{"code": "SKU-1", "id": "TS_RED_M", "sku": "TS_RED_M", "title": "T-shirt"}],
}

ROUTES = (
    Route(
        "GET",
        _ALL,
        list_listings,
        "Listings",
        query=ListListings,
        answers={200: (Page[ListingShown], *exports(ListingShown))},
    ),
    Route(
        "POST",
        _ALL,
        put_listings,
        "List things at a connection",
        query=OfTenant,
        request=NewListings,
        examples={"by our code": {"value": _EXAMPLE}},
        answers={200: ListingsWritten},
        mutates=True,
        idempotency_key=False,  # the same again is the same
    ),
    Route(
        "DELETE",
        f"{_ALL}/{{id}}",
        delete_listing,
        "Delete a listing",
        query=OfTenant,
        answers={204: None},
        mutates=True,
    ),
    Route(
        "POST",
        f"{ONE}/match",
        match_listings,
        "List what the vendor's list and ours have in common",
        query=OfTenant,
        answers={200: Matched},
        mutates=True,
        idempotency_key=False,  # what is listed is not listed again
    ),
)
