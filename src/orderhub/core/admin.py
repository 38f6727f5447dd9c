"""Commands that are not orders: records written, settings and clocks changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from orderhub.core import connections, routes, texts
from orderhub.core.business import LockKey
from orderhub.core.commands import ChangeSettings, PutRecords, RecordChange, SetClock
from orderhub.core.facts import Accepted, Facts, IdQuota, NewIds, Record, RecordKey
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import MICROSECONDS, Clock, ClockMode, Notice, Settings
from orderhub.core.webhooks import OFF, off_notice

# What every channel can word as a date.
_FIRST_US, _LAST_US = 0, 221_845_392_000 * MICROSECONDS
_NOBODY = Record(tenant_id=0, kind="", id=0, uid="", code="", doc=None)


def put_loads(command: PutRecords, _facts: Facts) -> list[RecordKey]:
    if _unusable_name(command) is not None:
        return []  # it is refused, and some databases take no such names in a question
    tenant = command.origin.tenant_id
    keys = [RecordKey(tenant, change.kind, "id", str(change.id)) for change in command.changes]
    for kind, by, value in (*command.unique, *command.exists):
        keys.append(RecordKey(tenant, kind, by, value))
    if _concerns_routes(command):
        keys.append(RecordKey(tenant, routes.RECORD_KIND, "all"))
    return keys


def put_lock_keys(command: PutRecords) -> tuple[LockKey, ...]:
    """Who writes a route, or removes a connection, decides upon all of them."""
    if _unusable_name(command) is not None:
        return ()
    return (*command.unique, *(((routes.RECORD_KIND, "all", ""),) * _concerns_routes(command)))


def _concerns_routes(command: PutRecords) -> bool:
    """Whether it writes routes, or takes away where one may lead."""
    return any(
        change.kind == routes.RECORD_KIND
        or (change.kind == connections.RECORD_KIND and not _is_written(change))
        for change in command.changes
    )


def put_id_quota(command: PutRecords, _facts: Facts) -> IdQuota:
    """An id and a UUID for each new record."""
    counts: dict[str, int] = {}
    for change in command.changes:
        if not change.id:
            counts[change.kind] = counts.get(change.kind, 0) + 1
    return IdQuota(records=tuple(counts.items()), uids=len(command.changes))


def put(command: PutRecords, facts: Facts, ids: NewIds) -> Accepted | Rejected:
    """All changes, or none. A clash of a unique key or a missing record refuses the command.

    `result` is every record as it stands afterwards, but for the removed ones.
    """
    tenant = command.origin.tenant_id
    unkept = _unusable_name(command) or _unkept_text(command)
    if unkept is not None:
        return unkept
    for kind, by, value in command.exists:
        if facts.record(tenant, kind, by, value) is None:
            return Rejected(Reason.RECORD_UNKNOWN, kind, f"no {kind} with {by} {value}")
    taken = _taken(command, facts)
    if taken is not None:
        kind, by, value = taken
        return Rejected(Reason.ALREADY_EXISTS, by, f"{kind} {by} {value} is taken")
    written: list[Record] = []
    standing: list[Record] = []
    removed: list[Record] = []
    notices: list[Notice] = []
    fresh = {kind: iter(each) for kind, each in ids.records.items()}
    uids = iter(ids.uids)
    for change in command.changes:
        current = facts.record(tenant, change.kind, "id", change.id) if change.id else None
        version = 0 if current is None else current.version
        if change.if_version is not None and change.if_version != version:
            return Rejected(
                Reason.VERSION_CONFLICT, "version", f"{change.kind} {change.id} is at {version}"
            )
        if not _is_written(change):
            if current is not None:
                removed.append(current)
            continue
        after = _written(tenant, change, current, fresh, uids)
        if command.once and current is not None and _is_same(current, after):
            standing.append(current)
        else:
            written.append(after)
            standing.append(after)
            notices += _notices(command, current, after, facts)
    refused = routes.refusal(command, written, facts)
    if refused is not None:
        return refused
    return Accepted(
        records=tuple(written),
        removed=tuple(removed),
        notices=tuple(notices),
        result=tuple(standing),
    )


def _unusable_name(command: PutRecords) -> Rejected | None:
    """The refusal of a name that no database finds anything by."""
    for change in command.changes:
        for by, name in (("uid", change.uid), ("code", change.code), *change.keys):
            says = texts.fault_of_name(name)
            if says:
                return Rejected(Reason.TEXT_INVALID, by, f"{by} {says}")
    return None


def _unkept_text(command: PutRecords) -> Rejected | None:
    """The refusal of a document with a text that no database keeps, by whatever way it came."""
    for change in command.changes:
        refused = _with_nul(change.doc if change.members is None else change.members, "doc")
        if refused is not None:
            return refused
    return None


def _with_nul(value: Any, name: str) -> Rejected | None:
    at = texts.nul_in(value)
    if at is None:
        return None
    path = f"{name}.{at}" if at else name
    return Rejected(Reason.TEXT_INVALID, path, f"{path}: U+0000 is not allowed")


def together(commands: Sequence[PutRecords]) -> PutRecords | None:
    """One command that writes what all of these write; None where they cannot be one.

    It is refused where one of them would be, done one after another; `result` has a record for each change.
    """
    changes = [change for command in commands for change in command.changes]
    ids = [change.id for change in changes if change.id]
    are_written = all(_is_written(change) for change in changes)
    is_like = len({(command.origin.tenant_id, command.once) for command in commands}) == 1
    if not (is_like and are_written and len(ids) == len(set(ids))):
        return None
    return msgspec.structs.replace(
        commands[0],
        changes=tuple(changes),
        unique=tuple(name for command in commands for name in command.unique),
        exists=tuple(dict.fromkeys(name for command in commands for name in command.exists)),
    )


def _is_written(change: RecordChange) -> bool:
    return change.doc is not None or change.members is not None


def _taken(command: PutRecords, facts: Facts) -> tuple[str, str, str] | None:
    """A name that is to be unique and would not be: another record has it, or two would."""
    if not command.unique:
        return None
    tenant = command.origin.tenant_id
    bearers: dict[tuple[str, str, str], list[int]] = {}
    free: set[tuple[str, int]] = set()
    for change in command.changes:
        current = facts.record(tenant, change.kind, "id", change.id) if change.id else None
        if not _is_written(change):
            free.add((change.kind, change.id))
            continue
        stands = current or _NOBODY
        keys = change.keys if change.members is None else stands.keys
        own = (("uid", change.uid or stands.uid), ("code", change.code or stands.code))
        for by, value in (*own, *keys):
            bearers.setdefault((change.kind, by, value), []).append(change.id)
    for name in command.unique:
        kind, by, value = name
        ids = bearers.get(name, ())
        if len(ids) > 1 or any(
            holder.id not in ids and (kind, holder.id) not in free
            for holder in facts.records(tenant, kind, by, value)
        ):
            return name
    return None


def _notices(
    command: PutRecords, before: Record | None, after: Record, facts: Facts
) -> Iterator[Notice]:
    data = off_notice(None if before is None else before.doc, after.doc)
    if data is not None:
        origin = command.origin
        yield Notice(
            tenant_id=origin.tenant_id,
            kind=OFF,
            occurred_at=origin.now(facts.settings(origin.tenant_id).clock),
            recorded_at=origin.recorded_at,
            actor=origin.actor,
            data=data,
            request_id=origin.request_id,
        )


def _is_same(before: Record, after: Record) -> bool:
    """Whether nothing but the version would change."""
    return (before.uid, before.code, before.doc, sorted(before.keys)) == (
        after.uid,
        after.code,
        after.doc,
        sorted(after.keys),
    )


def _written(
    tenant: int, change: RecordChange, current: Record | None, fresh: Any, uids: Any
) -> Record:
    if change.members is not None and current is not None:
        whole = {**msgspec.to_builtins(current.doc), **change.members}
        doc = msgspec.convert(whole, type(current.doc))
        return msgspec.structs.replace(current, doc=doc, version=current.version + 1)
    record_id = change.id or next(fresh[change.kind])
    uid = change.uid or (current.uid if current is not None else next(uids))
    code = change.code or (current.code if current is not None else "")
    return Record(
        tenant_id=tenant,
        kind=change.kind,
        id=record_id,
        uid=uid,
        code=code,
        doc=_told_its_names(change.doc, id=record_id, uid=uid, code=code),
        version=1 if current is None else current.version + 1,
        keys=change.keys,
    )


def _told_its_names(doc: Any, **names: Any) -> Any:
    """A document that carries its own names and was not told them gets them here, where they are given out."""
    if not isinstance(doc, msgspec.Struct):
        return doc
    untold = {n: each for n, each in names.items() if each and getattr(doc, n, None) in (0, "")}
    return msgspec.structs.replace(doc, **untold) if untold else doc


def set_clock(command: SetClock, facts: Facts, _ids: NewIds) -> Accepted | Rejected:
    """A sandbox's time stands still, jumps or runs on. A real tenant's time cannot be moved."""
    tenant = command.origin.tenant_id
    settings = facts.settings(tenant)
    if not settings.sandbox:
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "clock", "only a sandbox has a test clock")
    wall = command.origin.recorded_at
    now = settings.clock.at(wall)
    target = now if command.at_us is None else command.at_us
    match command.action:
        case "freeze":
            clock = Clock(ClockMode.FROZEN, frozen_at_us=target)
        case "run":
            clock = Clock(ClockMode.RUNNING, offset_us=target - wall)
        case "advance" if settings.clock.mode is ClockMode.FROZEN:
            clock = Clock(ClockMode.FROZEN, frozen_at_us=target + command.by_us)
        case "advance":
            clock = Clock(ClockMode.RUNNING, offset_us=target + command.by_us - wall)
        case _:
            clock = Clock()
    if not _FIRST_US <= clock.at(wall) < _LAST_US:
        return Rejected(Reason.TRANSITION_NOT_ALLOWED, "clock", "a test clock shows 1970 to 9000")
    return _with_settings(facts, tenant, msgspec.structs.replace(settings, clock=clock))


def change_settings(command: ChangeSettings, facts: Facts, _ids: NewIds) -> Accepted | Rejected:
    """The members replace the stored ones; `dialects` is merged one level deep.

    A tenant that is no sandbox any more runs on real time: nobody could set its clock right.
    """
    refused = _with_nul(command.members, "settings")
    if refused is not None:
        return refused
    tenant = command.origin.tenant_id
    stored = msgspec.to_builtins(facts.settings(tenant))
    dialects = {**stored.get("dialects", {}), **command.members.get("dialects", {})}
    merged = {**stored, **command.members, "dialects": dialects}
    settings = msgspec.convert(merged, Settings, strict=False)
    if not settings.sandbox:
        settings = msgspec.structs.replace(settings, clock=Clock())
    return _with_settings(facts, tenant, settings)


def _with_settings(facts: Facts, tenant: int, settings: Settings) -> Accepted:
    record = facts.record(tenant, "settings", "id", 0)
    assert record is not None
    after = msgspec.structs.replace(record, doc=settings, version=record.version + 1)
    return Accepted(records=(after,), result=settings)
