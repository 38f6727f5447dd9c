"""Snapshots of a sandbox: all rows that are its own, kept as one text, and put back under a new id of the tenant's.

The new id is what makes it safe: whatever somebody holds of the time before (cursors of the feed, ids set aside, what
was read a moment ago) is of a tenant that is no more, and none of it is taken for something of the time after.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import msgspec
from sqlalchemy import Connection, Table, delete, insert, select, text, update

from orderhub.core.snapshots import KEPT_DAYS, MOST_KEPT, MOST_ROWS, OPENED, Snapshot
from orderhub.core.snapshots import SnapshotRefused as Refused
from orderhub.core.values import Clock, ClockMode, Settings
from orderhub.core.webhooks import RECORD_KIND as WEBHOOK
from orderhub.core.webhooks import Webhook
from orderhub.ledger import bulk, rows, tables
from orderhub.ledger.driver import Driver
from orderhub.ledger.kept_records import count_writes

_KEPT_US = KEPT_DAYS * 86_400_000_000
# Who may call and who looks on stay as they are, and so do the snapshots; they go along to the new id.
_GO_ALONG = (tables.person_role, tables.sandbox_snapshot)
_APART = {
    *(tables.tenant, tables.credential, tables.request_log, tables.record_version),
    *_GO_ALONG,
}
OWN: tuple[Table, ...] = tuple(
    each for each in tables.metadata.sorted_tables if "tenant_id" in each.c and each not in _APART
)
# What said who was at work on something: nobody is, in what is put back.
_AT_WORK: dict[str, dict[str, Any]] = {
    "webhook_state": {"owner": "", "leased_until": 0},
    "relay_state": {"owner": "", "leased_until": 0},
    "timer": {"claimed_until": 0},
}
_CURSORS = {"webhook_state": ("cursor",), "webhook_replay": ("cursor", "until")}

Rows = list[list[Any]]
Content = dict[str, Rows]  # by table, without `tenant_id`, which is the first column of each


class Moved(Protocol):
    """The same place in the feed of a tenant."""

    def __call__(self, cursor: str, tenant_id: int) -> str: ...


def look(connection: Connection, tenant_id: int) -> Content:
    """All that is the tenant's own. The caller has one consistent look. Raises SnapshotRefused for too much."""
    found: Content = {}
    left = MOST_ROWS
    for table in OWN:
        query = select(*_columns(table)).where(table.c.tenant_id == tenant_id).limit(left + 1)
        listed = [list(row) for row in connection.execute(query)]
        left -= len(listed)
        if left < 0:
            raise Refused(
                f"it holds more than {MOST_ROWS:,} rows, which is too much for a snapshot"
            )
        if listed:
            found[table.name] = listed
    return found


def count_from(content: Content, next_free: Callable[[str], int | None]) -> None:
    """Counters go on from what was only set aside: numbers are the same again. What is taken is stepped over."""
    for row in content.get(tables.counter.name, ()):
        name, following = row
        row[1] = min(following, next_free(name) or following)


def keep(
    connection: Connection, tenant_id: int, snapshot_id: str, content: Content, at_us: int
) -> Snapshot:
    """Write it down. Of others than that of the opening the newest few are kept."""
    table = tables.sandbox_snapshot
    kept = Snapshot(snapshot_id, at_us, sum(map(len, content.values())))
    of_tenant = (table.c.tenant_id == tenant_id, table.c.id != OPENED)
    if snapshot_id != OPENED:
        newest = select(table.c.id).where(*of_tenant, table.c.taken_at > at_us - _KEPT_US)
        newest = newest.order_by(table.c.taken_at.desc(), table.c.id).limit(MOST_KEPT - 1)
        stay = connection.scalars(newest).all()
        connection.execute(delete(table).where(*of_tenant, table.c.id.not_in(stay)))
    packed = b64encode(zlib.compress(msgspec.json.encode(content), 1)).decode()
    row = {**msgspec.structs.asdict(kept), "tenant_id": tenant_id, "content": packed}
    connection.execute(insert(table).values(**row, schema=_schema(connection)))
    return kept


def kept_of(connection: Connection, tenant_id: int, now_us: int) -> tuple[Snapshot, ...]:
    """The snapshots of a tenant, newest first."""
    table = tables.sandbox_snapshot
    query = select(table.c.id, table.c.taken_at, table.c.rows).where(
        table.c.tenant_id == tenant_id, _is_there(now_us)
    )
    ordered = query.order_by(table.c.taken_at.desc(), table.c.id)
    return tuple(Snapshot(*row) for row in connection.execute(ordered))


def purge(connection: Connection, now_us: int) -> int:
    """Remove those that are past their time; answers how many went."""
    return connection.execute(delete(tables.sandbox_snapshot).where(~_is_there(now_us))).rowcount


def restore(
    connection: Connection, tenant_id: int, new_id: int, snapshot_id: str, now_us: int, moved: Moved
) -> Snapshot | None:
    """Put a snapshot back: the tenant of the same name has `new_id` from now on, and nothing else of before.

    Its credentials are the caller's to move. None = there is no such snapshot. Raises SnapshotRefused.
    """
    table = tables.sandbox_snapshot
    sought = (table.c.tenant_id == tenant_id, table.c.id == snapshot_id, _is_there(now_us))
    found = connection.execute(select(table).where(*sought)).first()
    if found is None:
        return None
    if found.schema != _schema(connection):
        raise Refused("it was taken by another version of OrderHub, whose tables were others")
    content = msgspec.json.decode(zlib.decompress(b64decode(found.content)), type=Content)
    _leave(connection, tenant_id, new_id)
    driver, here = Driver(connection), partial(moved, tenant_id=new_id)
    for each in OWN:
        listed = content.get(each.name)
        if listed:
            names = [column.name for column in _columns(each)]
            _nobody_at_work(each.name, names, listed)
            _in_its_feed(each.name, names, listed, here)
            if each is tables.record:
                _documents_of_now(names, listed, now_us - found.taken_at, here)
            columns = ("tenant_id", *names)
            bulk.insert_tuples(driver, each, columns, [(new_id, *values) for values in listed])
    at = [column.name for column in _columns(tables.record)].index("kind")
    kinds = {row[at] for row in content.get("record", ())}
    count_writes(driver, [(new_id, kind) for kind in kinds], 0)
    return Snapshot(found.id, found.taken_at, found.rows)


def _leave(connection: Connection, tenant_id: int, new_id: int) -> None:
    """Nothing is left under the old id."""
    # Itself first: whoever writes beside the intake asks for it, waits, and then finds it gone. Then the lanes of its
    # feed, with which a batch ends: what it wrote is there to be removed.
    named = tables.tenant
    connection.execute(update(named).where(named.c.id == tenant_id).values(id=new_id))
    for table in _GO_ALONG:
        move = update(table).where(table.c.tenant_id == tenant_id)
        connection.execute(move.values(tenant_id=new_id))
    sessions = tables.person_session
    looks = update(sessions).where(sessions.c.looks_at == tenant_id)
    connection.execute(looks.values(looks_at=new_id))
    for table in (tables.feed_lane, *OWN, tables.request_log, tables.record_version):
        connection.execute(delete(table).where(table.c.tenant_id == tenant_id))


def _nobody_at_work(table: str, names: Sequence[str], listed: Rows) -> None:
    for name, value in _AT_WORK.get(table, {}).items():
        at = names.index(name)
        for row in listed:
            row[at] = value


def _in_its_feed(
    table: str, names: Sequence[str], listed: Rows, here: Callable[[str], str]
) -> None:
    """Webhooks go on from the place where they were, which is one of the new tenant's feed."""
    for name in _CURSORS.get(table, ()):
        at = names.index(name)
        for row in listed:
            row[at] = here(row[at])


def _documents_of_now(
    names: Sequence[str], listed: Rows, passed_us: int, here: Callable[[str], str]
) -> None:
    """A test clock that runs goes on from its time then, and a webhook begins at the same place."""
    kind, at = names.index("kind"), names.index("doc")
    for row in listed:
        doc: Settings | Webhook
        if row[kind] == "settings":
            doc = msgspec.json.decode(row[at], type=Settings)
            clock = doc.clock
            if clock.mode is ClockMode.RUNNING:
                clock = Clock(ClockMode.RUNNING, offset_us=clock.offset_us - passed_us)
            row[at] = rows.json_text(msgspec.structs.replace(doc, clock=clock))
        elif row[kind] == WEBHOOK:
            doc = msgspec.json.decode(row[at], type=Webhook)
            row[at] = rows.json_text(msgspec.structs.replace(doc, begins=here(doc.begins)))


def _columns(table: Table) -> list[Any]:
    return [each for each in table.columns if each.name != "tenant_id"]


def _is_there(now_us: int) -> Any:
    table = tables.sandbox_snapshot
    return (table.c.id == OPENED) | (table.c.taken_at > now_us - _KEPT_US)


def _schema(connection: Connection) -> str:
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    return str(found)
