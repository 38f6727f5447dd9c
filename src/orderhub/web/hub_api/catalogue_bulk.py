"""/hub/v1/tenants/{tenant}/catalogue/{kind}:bulk: many items at once, a line each.

An item is found by its id, else by its uid, else by its code. One that stands as it is to be is left
alone; a new one without an id gets the next.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType, inspect

from orderhub.core.access import Tenant
from orderhub.core.admin import together
from orderhub.core.commands import PutRecords
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import LeftBehind, Reads, RecordQuery, RecordSort
from orderhub.core.refusals import Reason
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import Answer, Call, Caller, HTTPFault, Media, Route, WireFault
from orderhub.web.hub_api.access import guarded, tenant_in_path
from orderhub.web.hub_api.bodies import Query, one_of, query_of
from orderhub.web.hub_api.bulk import (
    CHUNK,
    MAX_BYTES,
    MAX_ROW,
    NDJSON,
    RefusedRow,
    fault_of_row,
    lines_of,
    refused_row,
    write_row,
    write_together,
)
from orderhub.web.hub_api.catalogue import InKind, command_for, kind_in_path
from orderhub.web.hub_api.catalogue_kinds import Kind
from orderhub.web.hub_api.catalogue_rows import Row, item_shape, row_of
from orderhub.web.hub_api.catalogue_shapes import ROW_WRITTEN
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.instants import is_instant
from orderhub.web.hub_api.shaping import Shape

# So many rows' items are looked for at once, and then written by chunks.
_LOOKED_AT = 4 * CHUNK
# So often a row is tried whose item somebody else has just written.
_TRIES = 16
_MANY = 10_000
# What an item that is removed may leave behind: pools that count it, what names it, what it was besides.
_LEFT_BEHIND = {
    "product": LeftBehind(
        subject="product:",
        pools=("stock", "seats", "rooms"),
        keys=(("variant", "product"),),
        records=("tour",),
    ),
    "variant": LeftBehind(subject="variant:", pools=("stock",)),
    "coupon": LeftBehind(subject="coupon:", pools=("coupon",)),
}


class Load(Query, frozen=True, kw_only=True):
    merge: Annotated[
        str,
        one_of(
            ("true", "false"),
            "`true`: a row says what changes (JSON Merge Patch); else all of its item",
            says="is true or false",
        ),
    ] = "false"


class Written(Shape, frozen=True, kw_only=True):
    """The result of a row; `version` of an item that is there."""

    line: int
    status: Literal["created", "updated", "unchanged", "removed"]
    id: int
    version: int | UnsetType = UNSET


class NextIds:
    """Ids for new items: beyond all that there are, but for those by which a removed item left something behind.

    One for all loads of this process, which need not race for them; another process may be met (see `_TRIES`).
    """

    def __init__(self, tenant_id: int, kind: Kind) -> None:
        self._tenant_id, self._kind = tenant_id, kind
        self._first = 1
        self._lock = threading.Lock()

    def find(self, reads: Reads, count: int) -> list[int]:
        """So many of them; no two calls answer the same."""
        if not count:
            return []
        with self._lock:
            return self._find(reads, count)

    def _find(self, reads: Reads, count: int) -> list[int]:
        query = RecordQuery(
            tenant_id=self._tenant_id, kind=self._kind.record, sort=RecordSort.LAST_ID, limit=1
        )
        last = reads.records(query)
        first = max(self._first, last[0].id + 1 if last else 1)
        sorts = _LEFT_BEHIND.get(self._kind.record, LeftBehind())
        found: list[int] = []
        while len(found) < count:
            window = range(first, first + count)
            # Stock, or a variant, would fall to the new item of that id.
            left = reads.left_behind(self._tenant_id, sorts, window)
            found += [number for number in window if number not in left]
            first += count
        self._first = found[count - 1] + 1
        return found[:count]


@dataclass(frozen=True, slots=True)
class _Load:
    """One request: whose items of which kind, and whether a row says all of its item or only what changes."""

    call: Call
    who: Caller
    tenant: Tenant
    kind: Kind
    is_merged: bool
    ids: NextIds

    def found(self, reads: Reads, rows: Sequence[Row | WireFault]) -> list[Record | Row | None]:
        """For each row its item, or itself with an id of its own where the item is new. Raises TenantGone."""
        reads.settings(self.tenant.id)  # of a tenant that is gone nothing would be found
        current = self._current(reads, rows)
        new = [
            index
            for index, (row, record) in enumerate(zip(rows, current, strict=True))
            if record is None and self._may_be_new(row)
        ]
        found: list[Record | Row | None] = [*current]
        for index, number in zip(new, self.ids.find(reads, len(new)), strict=True):
            row = rows[index]
            assert isinstance(row, Row)
            found[index] = msgspec.structs.replace(row, id=number)
        return found

    def _current(self, reads: Reads, rows: Sequence[Row | WireFault]) -> list[Record | None]:
        """What the rows mean: by id, else by uid, else by code; of several that bear one code the first."""
        wanted = [_meant(row) for row in rows]
        known: dict[tuple[str, str], Record] = {}
        for by in ("id", "uid", "code"):
            values = tuple({value for names in wanted for name, value in names if name == by})
            if not values:
                continue
            query = RecordQuery(
                tenant_id=self.tenant.id, kind=self.kind.record, by=by, values=values, limit=_MANY
            )
            for record in reads.records(query):
                known.setdefault((by, str(getattr(record, by))), record)
        return [next((known[n] for n in names if n in known), None) for names in wanted]

    def _may_be_new(self, row: Row | WireFault) -> bool:
        """Without a name a repeat would make the item once more."""
        return (
            isinstance(row, Row)
            and not row.id
            and not row.delete
            and self.kind.has_ids
            and bool(row.uid or row.code)
        )


def _meant(row: Row | WireFault) -> list[tuple[str, str]]:
    """The names to find the row's item by, the best first."""
    if isinstance(row, WireFault):
        return []
    if row.id:
        return [("id", str(row.id))]
    return [(by, value) for by, value in (("uid", row.uid), ("code", row.code)) if value]


@guarded("catalogue")
async def bulk_upsert(call: Call, who: Caller) -> Answer:
    """NDJSON in, one result a line out, in the same order: a bad row never stops the others."""
    tenant, kind = await tenant_in_path(call, who), kind_in_path(call)
    is_merged = query_of(call, Load).merge == "true"
    rows = (_parsed(line) async for line in lines_of(call.stream()))
    results = await write_rows(call, who, tenant, kind, rows, is_merged=is_merged)
    return Answer(200, b"".join(results), (), NDJSON)


async def write_rows(
    call: Call,
    who: Caller,
    tenant: Tenant,
    kind: Kind,
    rows: AsyncIterator[Row | WireFault],
    *,
    is_merged: bool,
) -> list[bytes]:
    """A result for each row, in their order, as a line of NDJSON."""
    load = _Load(call, who, tenant, kind, is_merged, next_ids(call, tenant, kind))
    results: list[bytes] = []
    chunk: list[Row | WireFault] = []
    named: set[tuple[str, Any]] = set()
    async for given in rows:
        row = given
        if kind.single and isinstance(row, Row) and not row.id:
            row = msgspec.structs.replace(row, id=1)
        names = _names(row)
        # A row that means what an earlier one wrote finds it written.
        if len(chunk) == _LOOKED_AT or not named.isdisjoint(names):
            results += await _write(load, chunk, len(results))
            chunk, named = [], set()
        chunk.append(row)
        named.update(names)
    if chunk:
        results += await _write(load, chunk, len(results))
    return results


def next_ids(call: Call, tenant: Tenant, kind: Kind) -> NextIds:
    fresh = NextIds(tenant.id, kind)
    if call.is_dry_run:
        return fresh  # what is not kept uses no ids up
    found: NextIds = port(call).next_ids.setdefault((tenant.id, kind.record), fresh)
    return found


def _parsed(line: bytes) -> Row | WireFault:
    if len(line) > MAX_ROW:
        return WireFault("", "length", f"a row of more than {MAX_ROW} bytes")
    try:
        return row_of(decode(line))
    except HTTPFault as stop:
        return fault_of_row(stop)


def _names(row: Row | WireFault) -> list[tuple[str, Any]]:
    """What a row calls its item by."""
    if isinstance(row, WireFault):
        return []
    return [(by, value) for by in ("id", "uid", "code") if (value := getattr(row, by))]


async def _write(load: _Load, rows: list[Row | WireFault], done: int) -> list[bytes]:
    """A chunk is one command; where that is refused, each of its rows is one."""
    found = await load.call.hub.read(lambda reads: load.found(reads, rows))
    numbered = [
        (number, row, each)
        for number, (row, each) in enumerate(zip(rows, found, strict=True), done + 1)
    ]
    results: list[bytes] = []
    for start in range(0, len(numbered), CHUNK):
        chunk = numbered[start : start + CHUNK]
        written = await _write_together(load, chunk)
        if written is None:
            # Started in the order of the rows, so that they enter the queue in it.
            written = await asyncio.gather(
                *(_write_one(load, row, each, n) for n, row, each in chunk)
            )
        results += written
    return results


async def _write_together(
    load: _Load, rows: list[tuple[int, Row | WireFault, Record | Row | None]]
) -> list[bytes] | None:
    """The results of rows that can be one command; None: they cannot, and nothing was written."""
    if load.call.is_dry_run:
        return None  # which shows what becomes of each
    results: dict[int, bytes] = {}
    commands: dict[int, PutRecords] = {}
    for number, row, found in rows:
        try:
            if isinstance(row, WireFault):
                results[number] = refused_row(number, row)
            elif row.delete:
                return None
            else:
                commands[number] = _command(load, row, found)
        except HTTPFault as stop:
            results[number] = refused_row(number, fault_of_row(stop))
    command = together(tuple(commands.values()))
    if command is None:
        return None
    written = await write_together(load.call, command, partial(_told_of_each, tuple(commands)))
    if written is None:
        return None
    results |= zip(commands, written, strict=True)
    return [results[number] for number, _, _ in rows]


async def _write_one(
    load: _Load, row: Row | WireFault, found: Record | Row | None, number: int
) -> bytes:
    if isinstance(row, WireFault):
        return refused_row(number, row)
    if row.delete and found is None:
        return refused_row(number, WireFault("id", "value", f"no such item of {load.kind.name}"))
    result = b""
    for _ in range(_TRIES):
        try:
            result, is_past = await _try_one(load, row, found, number)
        except HTTPFault as stop:
            return refused_row(number, fault_of_row(stop))
        if not is_past:
            break
        (found,) = await load.call.hub.read(lambda reads: load.found(reads, [row]))
    return result


async def _try_one(
    load: _Load, row: Row, found: Record | Row | None, number: int
) -> tuple[bytes, bool]:
    """The result of a row, and whether it rests on an item that was written meanwhile. Raises HTTPFault(INVALID)."""
    command = _command(load, row, found)
    result = await write_row(load.call, number, command, partial(_told, number))
    rests = command.changes[0].if_version is not None
    return result, rests and f'"reason":"{Reason.VERSION_CONFLICT}"'.encode() in result


def _command(load: _Load, row: Row, found: Record | Row | None) -> PutRecords:
    """The command that writes or removes the row's item, as it was `found`. Raises HTTPFault(INVALID)."""
    current = found if isinstance(found, Record) else None
    if_version = None
    if isinstance(found, Row):
        row, if_version = found, 0
    if load.is_merged and not row.delete:
        if_version = 0 if current is None else current.version
        row = _merged(load.kind, row, current)
    return command_for(load.call, load.who, load.tenant, load.kind, row, current, if_version)


def _merged(kind: Kind, row: Row, current: Record | None) -> Row:
    """The row with all of its item, by JSON Merge Patch (RFC 7396): what is not said stays, null removes."""
    if kind.members:
        return _with_defaults(kind, row)  # a view writes what is said, and nothing else
    stands: dict[str, Any] = {}
    if current is not None:
        stands = item_shape(kind, current).doc
        stands.pop("id", None)
        stands |= {
            name: said
            for name in ("uid", "code")
            if (said := getattr(row, name)) and name in stands
        }
    return msgspec.structs.replace(row, doc=_patched(stands, row.doc or {}))


def _with_defaults(kind: Kind, row: Row) -> Row:
    """Null removes what a view says of a member: it is then as of an item that never said anything of it."""
    defaults = {
        each.name: msgspec.to_builtins(_default(each))
        for each in kind.fields
        if not (each.required or is_instant(each.type))  # an instant may be null
    }
    doc = row.doc or {}
    removed = {name: defaults[name] for name in doc if doc[name] is None and name in defaults}
    return msgspec.structs.replace(row, doc=doc | removed)


def _default(field: inspect.Field) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _patched(stands: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    whole = dict(stands) if isinstance(stands, dict) else {}
    for name, each in patch.items():
        if each is None:
            whole.pop(name, None)
        else:
            whole[name] = _patched(whole.get(name), each)
    return whole


def _told(line: int, accepted: Accepted) -> Written:
    if accepted.removed:
        return Written(line=line, status="removed", id=accepted.removed[0].id)
    return next(_told_of_each((line,), accepted))


def _told_of_each(lines: tuple[int, ...], accepted: Accepted) -> Iterator[Written]:
    written = {record.id for record in accepted.records}
    for line, record in zip(lines, accepted.result, strict=True):
        status: Literal["created", "updated", "unchanged"] = "unchanged"
        if record.id in written:
            status = "updated" if record.version > 1 else "created"
        yield Written(line=line, status=status, id=record.id, version=record.version)


ROUTES = (
    Route(
        "POST",
        "/hub/v1/tenants/{tenant}/catalogue/{kind}:bulk",
        bulk_upsert,
        "Write many items, NDJSON in and out",
        params=InKind,
        query=Load,
        request=Media(NDJSON, ROW_WRITTEN),
        optional_body=True,
        answers={200: Media(NDJSON, (Written, RefusedRow))},
        mutates=True,
        idempotency_key=False,  # the same rows written again change nothing
        max_body=MAX_BYTES,
        stream=True,
    ),
)
