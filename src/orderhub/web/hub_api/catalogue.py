"""/hub/v1/tenants/{tenant}/catalogue/{kind}: what is sold and on which terms, one by one."""

from __future__ import annotations

from typing import Annotated

import msgspec

from orderhub.core.access import Tenant
from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import RecordQuery
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    Route,
)
from orderhub.web.hub_api.access import guarded, origin_in, tenant_in_path
from orderhub.web.hub_api.bodies import (
    ITEM_ID,
    Cursor,
    IfMatch,
    ItemId,
    Query,
    if_match,
    members_of,
    one_of,
    query_of,
    refuse,
    refuse_misfit,
    up_to,
)
from orderhub.web.hub_api.catalogue_kinds import KINDS, Kind
from orderhub.web.hub_api.catalogue_rows import (
    Item,
    Row,
    change_of,
    columns_of_items,
    item_shape,
    row_of,
    table_row,
)
from orderhub.web.hub_api.catalogue_shapes import EXAMPLES_OF_KINDS, ITEM_WRITTEN
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shaping import Page

MAX_PAGE = 500


class InKind(msgspec.Struct, frozen=True, kw_only=True):
    kind: Annotated[str, one_of(KINDS)]


class OneItem(InKind, frozen=True, kw_only=True):
    id: ItemId


class ListItems(Query, frozen=True, kw_only=True):
    limit: Annotated[int, up_to(MAX_PAGE)] = 100
    cursor: Cursor = ""
    code: str = ""
    uid: str = ""


def kind_in_path(call: Call) -> Kind:
    """The kind that the path names. Raises CommandRejected."""
    name = call.params["kind"]
    if name not in KINDS:
        raise CommandRejected(
            Rejected(Reason.RECORD_UNKNOWN, "kind", f"kind is one of {', '.join(KINDS)}")
        )
    return KINDS[name]


def _id(call: Call) -> int:
    text = call.params["id"]
    if not ITEM_ID.fullmatch(text):
        raise _unknown(kind_in_path(call), text)
    return int(text)


def _unknown(kind: Kind, item_id: int | str) -> CommandRejected:
    return CommandRejected(
        Rejected(Reason.RECORD_UNKNOWN, "id", f"no item {item_id} of {kind.name}")
    )


@guarded("catalogue")
async def list_items(call: Call, who: Caller) -> Answer:
    """By id, or those of one code or uid."""
    tenant, kind = await tenant_in_path(call, who), kind_in_path(call)
    given = query_of(call, ListItems)
    by = "uid" if given.uid else "code" if given.code else "all"
    name = given.uid or given.code

    async def ask(cursor: str, limit: int) -> Page[Item]:
        return await items_page(call, tenant.id, kind, cursor, limit, by, name)

    columns = columns_of_items(kind)
    return await listed(
        call, kind.name, ask, columns, cursor=given.cursor, limit=given.limit, row=table_row
    )


async def items_page(
    call: Call, tenant_id: int, kind: Kind, cursor: str, limit: int, by: str = "all", name: str = ""
) -> Page[Item]:
    """One page of the kind's items by id, or of those of one name."""
    sought = RecordQuery(
        tenant_id=tenant_id,
        kind=kind.record,
        by=by,
        values=(name,) if name else (),
        after_id=int(cursor or 0),
        limit=limit + 1,
    )
    found = await call.hub.read(lambda reads: reads.records(sought))
    more = str(found[limit - 1].id) if len(found) > limit else None
    items = tuple(item_shape(kind, record) for record in found[:limit])
    return Page(items=items, next_cursor=more)


@guarded("catalogue")
async def get_item(call: Call, who: Caller) -> Answer:
    tenant, kind = await tenant_in_path(call, who), kind_in_path(call)
    item_id = _id(call)
    found = await call.hub.read(lambda reads: reads.record(tenant.id, kind.record, "id", item_id))
    if found is None:
        raise _unknown(kind, item_id)
    return Answer(200, encode(item_shape(kind, found)), (("ETag", f'"{found.version}"'),))


@guarded("catalogue")
async def put_item(call: Call, who: Caller) -> Answer:
    """Write one item whole; `If-Match` with its version guards against a lost update (412)."""
    tenant, kind = await tenant_in_path(call, who), kind_in_path(call)
    item_id = _id(call)
    members = members_of(call)
    if members.get("id", item_id) != item_id or members.get("delete"):
        raise refuse("id", "id is that of the path, and DELETE removes")
    row = msgspec.structs.replace(row_of(members), id=item_id)
    current = await call.hub.read(lambda reads: reads.record(tenant.id, kind.record, "id", item_id))
    command = command_for(call, who, tenant, kind, row, current, if_match(call))

    def answer(accepted: Accepted) -> Answer:
        (written,) = accepted.result
        status = 201 if accepted.records and written.version == 1 else 200
        etag = ("ETag", f'"{written.version}"')
        return Answer(status, encode(item_shape(kind, written)), (etag,))

    return await call.respond(command, answer)


@guarded("catalogue")
async def delete_item(call: Call, who: Caller) -> Answer:
    """Take one item out of the catalogue; orders that name it stay as they are."""
    tenant, kind = await tenant_in_path(call, who), kind_in_path(call)
    if kind.members:
        raise refuse("kind", f"{kind.name} are removed with what they belong to")
    row = Row(id=_id(call), delete=True)
    command = command_for(call, who, tenant, kind, row, None, if_match(call))
    return await call.respond(command, lambda _accepted: Answer(204, b""))


def command_for(
    call: Call,
    who: Caller,
    tenant: Tenant,
    kind: Kind,
    row: Row,
    current: Record | None,
    if_version: int | None,
) -> PutRecords:
    """The command that writes one item, or removes it. Raises HTTPFault(INVALID)."""
    origin = origin_in(call, who, tenant.id)
    if row.delete:
        item_id = row.id or (current.id if current is not None else 0)
        if kind.members:
            raise refuse("delete", f"{kind.name} cannot be deleted")
        return PutRecords(
            origin=origin,
            changes=(RecordChange(kind=kind.record, id=item_id, if_version=if_version),),
            exists=((kind.record, "id", str(item_id)),),
        )
    change, doc = change_of(kind, row, current, if_version)
    if not kind.members:
        refuse_misfit(port(call).dialects, kind.record, getattr(doc, "data", {}), "doc.data")
    unique = [(kind.record, "uid", change.uid)] if change.uid else []
    if kind.unique and change.code:
        unique.append((kind.record, "code", change.code))
    unique += [
        (kind.record, by, value) for by, value in change.keys if by in (*kind.names, *kind.apart)
    ]
    needs = kind.needs(change.id, doc)
    if change.members is not None:
        needs = ((kind.record, "id", str(change.id)), *needs)
    return PutRecords(
        origin=origin, changes=(change,), unique=tuple(unique), exists=needs, once=True
    )


_KIND = "/hub/v1/tenants/{tenant}/catalogue/{kind}"
_ITEM = f"{_KIND}/{{id}}"

ROUTES = (
    Route(
        "GET",
        _KIND,
        list_items,
        "Items of a kind",
        params=InKind,
        query=ListItems,
        answers={200: (Page[Item], *exports(Item))},
    ),
    Route("GET", _ITEM, get_item, "One item", params=OneItem, answers={200: Item}),
    Route(
        "PUT",
        _ITEM,
        put_item,
        "Write one item",
        params=OneItem,
        headers=IfMatch,
        request=ITEM_WRITTEN,
        examples=EXAMPLES_OF_KINDS,
        answers={200: Item, 201: Item},
        mutates=True,
    ),
    Route(
        "DELETE",
        _ITEM,
        delete_item,
        "Remove one item",
        params=OneItem,
        headers=IfMatch,
        answers={204: None},
        mutates=True,
    ),
)
