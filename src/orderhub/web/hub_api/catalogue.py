"""/hub/v1/tenants/{tenant}/catalogue/{kind}: what is sold and on which terms, one by one or in bulk."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from orderhub.core.access import Tenant
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.known import Accepted, Record
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    Refused,
    Route,
    Stop,
    WireFault,
    invalid,
)
from orderhub.dialects.wiring import decode, encode
from orderhub.web.hub_api.access import guarded, origin_in, tenant_in_path
from orderhub.web.hub_api.bodies import (
    after_id,
    if_match,
    limit_of,
    members_of,
    refuse,
    refuse_misfit,
    refuse_unknown_query,
)
from orderhub.web.hub_api.bulk import (
    CHUNK,
    MAX_BYTES,
    MAX_ROW,
    NDJSON,
    lines_of,
    refused_row,
    write_row,
)
from orderhub.web.hub_api.catalogue_kinds import (
    KINDS,
    Kind,
    Row,
    RowRefused,
    change_of,
    item_shape,
    row_of,
)
from orderhub.web.hub_api.inner import port

MAX_PAGE = 500
_LIST = frozenset({"limit", "cursor", "code", "uid"})


def _kind(call: Call) -> Kind:
    name = call.params["kind"]
    if name not in KINDS:
        raise Refused(Rejected(Reason.RECORD_UNKNOWN, "kind", f"kind is one of {', '.join(KINDS)}"))
    return KINDS[name]


def _id(call: Call) -> int:
    text = call.params["id"]
    if not (text.isascii() and text.isdecimal()) or len(text) > 15 or not int(text):
        raise _unknown(_kind(call), text)
    return int(text)


def _unknown(kind: Kind, item_id: int | str) -> Refused:
    return Refused(Rejected(Reason.RECORD_UNKNOWN, "id", f"no item {item_id} of {kind.name}"))


@guarded("catalogue")
async def list_items(call: Call, who: Caller) -> Answer:
    """By id, or those of one code or uid."""
    tenant, kind = await tenant_in_path(call, who), _kind(call)
    refuse_unknown_query(call, _LIST)
    query = call.query
    by = next((name for name in ("uid", "code") if query.get(name)), "all")
    limit = limit_of(call, MAX_PAGE, 100)
    sought = RecordQuery(
        tenant_id=tenant.id,
        kind=kind.record,
        by=by,
        values=(query[by],) if by != "all" else (),
        after_id=after_id(call),
        limit=limit + 1,
    )
    found = await call.hub.read(lambda reads: reads.records(sought))
    more = str(found[limit - 1].id) if len(found) > limit else None
    items = [item_shape(kind, record) for record in found[:limit]]
    return Answer(200, encode({"items": items, "next_cursor": more}))


@guarded("catalogue")
async def get_item(call: Call, who: Caller) -> Answer:
    tenant, kind = await tenant_in_path(call, who), _kind(call)
    item_id = _id(call)
    found = await call.hub.read(lambda reads: reads.record(tenant.id, kind.record, "id", item_id))
    if found is None:
        raise _unknown(kind, item_id)
    return Answer(200, encode(item_shape(kind, found)), (("ETag", f'"{found.version}"'),))


@guarded("catalogue")
async def put_item(call: Call, who: Caller) -> Answer:
    """Write one item whole; `If-Match` with its version guards against a lost update (412)."""
    tenant, kind = await tenant_in_path(call, who), _kind(call)
    item_id = _id(call)
    members = members_of(call)
    if members.get("id", item_id) != item_id or members.get("delete"):
        raise refuse("id", "id is that of the path, and DELETE removes")
    try:
        row = msgspec.structs.replace(row_of(members), id=item_id)
        current = await call.hub.read(
            lambda reads: reads.record(tenant.id, kind.record, "id", item_id)
        )
        command = _command(call, who, tenant, kind, row, current, if_match(call))
    except RowRefused as bad:
        raise invalid(bad.fault) from None

    def answer(accepted: Accepted) -> Answer:
        written: Record = accepted.records[0]
        status = 200 if written.version > 1 else 201
        etag = ("ETag", f'"{written.version}"')
        return Answer(status, encode(item_shape(kind, written)), (etag,))

    return await call.submit(command, answer)


@guarded("catalogue")
async def delete_item(call: Call, who: Caller) -> Answer:
    """Take one item out of the catalogue; orders that name it stay as they are."""
    tenant, kind = await tenant_in_path(call, who), _kind(call)
    if kind.members:
        raise refuse("kind", f"{kind.name} are removed with what they belong to")
    row = Row(id=_id(call), delete=True)
    command = _command(call, who, tenant, kind, row, None, if_match(call))
    return await call.submit(command, lambda _accepted: Answer(204, b""))


def _command(
    call: Call,
    who: Caller,
    tenant: Tenant,
    kind: Kind,
    row: Row,
    current: Record | None,
    if_version: int | None,
) -> PutRecords:
    origin = origin_in(call, who, tenant.id)
    if row.delete:
        item_id = row.id or (current.id if current is not None else 0)
        if kind.members:
            raise RowRefused(WireFault("delete", "value", f"{kind.name} cannot be deleted"))
        return PutRecords(
            origin=origin,
            changes=(RecordChange(kind=kind.record, id=item_id, if_version=if_version),),
            exists=((kind.record, "id", str(item_id)),),
        )
    change, doc = change_of(kind, row, current, if_version)
    if not kind.members:
        try:
            refuse_misfit(port(call).dialects, kind.record, getattr(doc, "data", {}), "doc.data")
        except Stop as stop:
            raise RowRefused(stop.fault.faults[0]) from None
    unique = [(kind.record, "uid", change.uid)] if change.uid else []
    if kind.unique and change.code:
        unique.append((kind.record, "code", change.code))
    needs = kind.needs(change.id, doc)
    if kind.members:
        needs = ((kind.record, "id", str(change.id)), *needs)
    return PutRecords(origin=origin, changes=(change,), unique=tuple(unique), exists=needs)


# --- bulk


@guarded("catalogue")
async def bulk_upsert(call: Call, who: Caller) -> Answer:
    """NDJSON in, one result a line out, in the same order: a bad row never stops the others."""
    tenant, kind = await tenant_in_path(call, who), _kind(call)
    results: list[bytes] = []
    chunk: list[Row | RowRefused] = []
    named: set[tuple[str, Any]] = set()
    async for line in lines_of(call.stream()):
        row = _parsed(line)
        names = _names(row)
        # A row that means what an earlier one wrote finds it written.
        if len(chunk) == CHUNK or not named.isdisjoint(names):
            results += await _write(call, who, tenant, kind, chunk, len(results))
            chunk, named = [], set()
        chunk.append(row)
        named.update(names)
    if chunk:
        results += await _write(call, who, tenant, kind, chunk, len(results))
    return Answer(200, b"".join(results), (), NDJSON)


async def _write(
    call: Call, who: Caller, tenant: Tenant, kind: Kind, rows: list[Row | RowRefused], done: int
) -> list[bytes]:
    current = await call.hub.read(lambda reads: [_current(reads, tenant, kind, r) for r in rows])
    # Started in the order of the rows, so that they enter the queue in it.
    return await asyncio.gather(
        *(
            _write_one(call, who, tenant, kind, row, record, done + index + 1)
            for index, (row, record) in enumerate(zip(rows, current, strict=True))
        )
    )


def _parsed(line: bytes) -> Row | RowRefused:
    if len(line) > MAX_ROW:
        return RowRefused(WireFault("", "length", f"a row of more than {MAX_ROW} bytes"))
    try:
        return row_of(decode(line))
    except Stop as stop:
        return RowRefused(WireFault("", "type", stop.fault.message or "not usable JSON"))
    except RowRefused as bad:
        return bad


def _names(row: Row | RowRefused) -> list[tuple[str, Any]]:
    """What a row calls its item by."""
    if isinstance(row, RowRefused):
        return []
    return [(by, value) for by in ("id", "uid", "code") if (value := getattr(row, by))]


def _current(reads: Reads, tenant: Tenant, kind: Kind, row: Row | RowRefused) -> Record | None:
    """The item that a row means: by id, else by uid, else by code."""
    if isinstance(row, RowRefused):
        return None
    if row.id:
        return reads.record(tenant.id, kind.record, "id", row.id)
    for by, value in (("uid", row.uid), ("code", row.code)):
        if value:
            found = reads.record(tenant.id, kind.record, by, value)
            if found is not None:
                return found
    return None


async def _write_one(
    call: Call,
    who: Caller,
    tenant: Tenant,
    kind: Kind,
    row: Row | RowRefused,
    current: Record | None,
    number: int,
) -> bytes:
    if isinstance(row, RowRefused):
        return refused_row(number, row.fault)
    if row.delete and current is None:
        return refused_row(number, WireFault("id", "value", f"no such item of {kind.name}"))
    try:
        command = _command(call, who, tenant, kind, row, current, None)
    except RowRefused as bad:
        return refused_row(number, bad.fault)

    def told(accepted: Accepted) -> dict[str, Any]:
        if accepted.removed:
            return {"status": "removed", "id": accepted.removed[0].id}
        record = accepted.records[0]
        status = "updated" if record.version > 1 else "created"
        return {"status": status, "id": record.id, "version": record.version}

    return await write_row(call, number, command, told)


_KIND = "/hub/v1/tenants/{tenant}/catalogue/{kind}"
_ITEM = f"{_KIND}/{{id}}"

ROUTES = (
    # Before the plain list: a kind's name takes in everything up to the next slash.
    Route(
        "POST",
        f"{_KIND}:bulk",
        bulk_upsert,
        "Write many items, NDJSON in and out",
        mutates=True,
        max_body=MAX_BYTES,
        stream=True,
    ),
    Route("GET", _KIND, list_items, "Items of a kind"),
    Route("GET", _ITEM, get_item, "One item"),
    Route("PUT", _ITEM, put_item, "Write one item", mutates=True),
    Route("DELETE", _ITEM, delete_item, "Remove one item", mutates=True),
)
