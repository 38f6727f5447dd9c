"""Hand-overs at rest, and whose turn it is to see to a connection.

What becomes of a hand-over is written by the batch that decided it. Whoever sees to a connection has its lease, so
that its limits and its session are one process's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    func,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy import delete as delete_from

from orderhub.core.facts import HandOverLoad
from orderhub.core.handing import HandOver, There
from orderhub.core.relaying import HandOverQuery, RelayLook, RelayState
from orderhub.ledger import bulk
from orderhub.ledger.driver import Driver
from orderhub.ledger.leases import free
from orderhub.ledger.leaving import (
    HAS_NEWS,
    HAS_NUMBER,
    IS_DOUBTED,
    IS_OPEN,
    hand_over,
    relay_state,
)
from orderhub.ledger.staying import stays
from orderhub.ledger.tables import orders

_ENCODE = msgspec.json.Encoder().encode
_STATE_COLUMNS = RelayState.__struct_fields__
_JSON: dict[str, Any] = {
    "lines": tuple[int, ...],
    "refs": dict[str, str],
    "candidates": tuple[str, ...],
    "told": tuple[str, ...],
    "there": There,
}
_DECODERS = {name: msgspec.json.Decoder(kind).decode for name, kind in _JSON.items()}
_EMPTY: dict[str, Any] = {"lines": (), "refs": {}, "candidates": (), "told": (), "there": There()}
_LOOK = f"""
    SELECT r.tenant_id AS of_tenant, r.id AS id, r.version AS current,
        EXISTS (SELECT 1 FROM hand_over WHERE tenant_id = r.tenant_id AND connection_id = r.id
            AND due_at <= :now AND {IS_OPEN})
        OR EXISTS (SELECT 1 FROM hand_over WHERE tenant_id = r.tenant_id AND connection_id = r.id
            AND due_at <= :now AND {HAS_NEWS}) AS is_due, s.*
    FROM record r LEFT JOIN relay_state s ON s.tenant_id = r.tenant_id AND s.connection_id = r.id
    WHERE r.kind = 'connection' ORDER BY r.tenant_id, r.id"""
# What one says that was only planned so far; the rest is the columns' defaults. Keys first.
_PLANNED = (
    *("tenant_id", "order_id", "connection_id", "uid", "order_uid", "connection_uid"),
    *("state", "version", "created_at", "updated_at", "due_at", "lines"),
)
_UNDECIDED = ("planned", "sending", "unsure")


# --- in the writer's batch


def write(driver: Driver, written: Sequence[HandOver]) -> None:
    """New ones are planned, and stand aside where there is one; the others are as their version says."""
    new = [_planned(each) for each in written if each.version == 1]
    moved = [_row(each) for each in written if each.version > 1]
    if new:
        bulk.insert_tuples(driver, hand_over, _PLANNED, new, "DO NOTHING")
    if moved:
        bulk.update(driver, hand_over, moved)


def load(driver: Driver, loads: Sequence[HandOverLoad]) -> dict[HandOverLoad, list[HandOver]]:
    """The hand-overs that are named. Their orders are locked by whoever may change them."""
    found: dict[HandOverLoad, list[HandOver]] = {each: [] for each in loads}
    orders = [each for each in loads if each.by == "order"]
    if orders:
        given = [{"tenant_id": each.tenant_id, "order_id": each.id} for each in orders]
        for row in bulk.select(driver, hand_over, given):
            found[HandOverLoad(row.tenant_id, "order", row.order_id)].append(_to_hand_over(row))
    numbers = [each for each in loads if each.by == "number"]
    if numbers:
        named: list[dict[str, Any]] = [
            {"tenant_id": each.tenant_id, "connection_id": each.id, "number": each.number}
            for each in numbers
        ]
        for row in bulk.select(driver, hand_over, named, where=f"t.{HAS_NUMBER}"):
            name = HandOverLoad(row.tenant_id, "number", row.connection_id, row.number)
            found[name].append(_to_hand_over(row))
    return found


# --- leases


class RelayLeases:
    """Short transactions beside the writer's. Any thread may."""

    def __init__(self, write: Engine) -> None:
        self._write = write

    def lease(self, wanted: RelayState, now_us: int, longest_us: int) -> RelayState | None:
        """Take the connection for `wanted.owner` until `wanted.leased_until`.

        None: somebody has it, or its tenant is gone.
        Once its record is another than when it was seen to last (`wanted.version`), nothing is held against it and
        all that waits is due. A lease is taken for `longest_us` at most.
        """
        table = relay_state
        name = _named(table, wanted.tenant_id, wanted.connection_id)
        with self._write.begin() as connection:
            if not stays(connection, wanted.tenant_id):
                return None
            row = {"tenant_id": wanted.tenant_id, "connection_id": wanted.connection_id}
            bulk.insert(Driver(connection), table, [row], "DO NOTHING")
            found = connection.execute(
                update(table)
                .where(name, free(table, wanted.owner, now_us, longest_us))
                .values(owner=wanted.owner, leased_until=wanted.leased_until)
                .returning(*table.c)
            ).first()
            if found is None:
                return None
            taken = _to_state(found)
            if taken.version == wanted.version:
                return taken
            anew = {"version": wanted.version, "misses": 0, "resume_at": 0, "reason": ""}
            connection.execute(update(table).where(name).values(**anew))
            _pull(connection, wanted.tenant_id, wanted.connection_id, now_us)
            return msgspec.structs.replace(taken, **anew)

    def note(self, state: RelayState) -> bool:
        """How the connection goes, as its owner found; False: somebody else sees to it by now, nothing was written."""
        values = msgspec.structs.asdict(state)
        del values["tenant_id"], values["connection_id"], values["owner"]
        return self._written(state, values)

    def release(self, state: RelayState) -> None:
        """Let others see to it. Without the lease it does nothing."""
        self._written(state, {"owner": "", "leased_until": 0})

    def _written(self, state: RelayState, values: dict[str, Any]) -> bool:
        table = relay_state
        with self._write.begin() as connection:
            name = _named(table, state.tenant_id, state.connection_id)
            query = update(table).where(name, table.c.owner == state.owner).values(**values)
            return connection.execute(query).rowcount > 0

    def pull(self, tenant_id: int, connection_id: int, now_us: int) -> None:
        """Whatever waits at a connection is looked at anew: a listing was written, or the like."""
        with self._write.begin() as connection:
            _pull(connection, tenant_id, connection_id, now_us)

    def ask_anew(self, tenant_id: int, connection_id: int, since_us: int, now_us: int) -> None:
        """What was placed since then is asked about by its number: the connection leads elsewhere, or back again."""
        table = hand_over
        placed = (table.c.state == "placed", table.c.created_at >= since_us)
        of_it = _named(table, tenant_id, connection_id)
        with self._write.begin() as connection:
            connection.execute(update(table).where(of_it, *placed).values(due_at=now_us))

    def forget_leases(self) -> None:
        """For who knows that nobody else serves this ledger: a program that died leaves leases behind."""
        table = relay_state
        with self._write.begin() as connection:
            free = {"owner": "", "leased_until": 0}
            connection.execute(update(table).where(table.c.owner != "").values(**free))

    def forget(self, tenant_id: int, connection_id: int) -> None:
        """The connection was removed: what is kept of how it went goes with it. Hand-overs stay, as history."""
        table = relay_state
        with self._write.begin() as connection:
            connection.execute(delete_from(table).where(_named(table, tenant_id, connection_id)))


def _pull(connection: Connection, tenant_id: int, connection_id: int, now_us: int) -> None:
    table = hand_over
    waits = (table.c.state == "planned", table.c.due_at > now_us)
    connection.execute(
        update(table).where(_named(table, tenant_id, connection_id), *waits).values(due_at=now_us)
    )


# --- reading


class RelayReads:
    """Implements core.relaying.RelayReads on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def look(self, now_us: int) -> list[RelayLook]:
        return [
            RelayLook(
                row.of_tenant,
                row.id,
                row.current,
                bool(row.is_due),
                None if row.tenant_id is None else _to_state(row),
            )
            for row in self._connection.execute(text(_LOOK), {"now": now_us})
        ]

    def state(self, tenant_id: int, connection_id: int) -> RelayState | None:
        query = select(relay_state).where(_named(relay_state, tenant_id, connection_id))
        row = self._connection.execute(query).first()
        return None if row is None else _to_state(row)

    def due(
        self,
        tenant_id: int,
        connection_id: int,
        now_us: int,
        limit: int,
        in_hand: Collection[int] = (),
        *,
        only_sending: bool = False,
        news: bool = False,
    ) -> tuple[HandOver, ...]:
        table = hand_over
        kind = text(HAS_NEWS if news else IS_DOUBTED if only_sending else IS_OPEN)
        sending = (table.c.state == "sending",) * only_sending
        query = (
            select(table)
            .where(_named(table, tenant_id, connection_id), kind, *sending)
            .where(table.c.due_at <= now_us)
            .order_by(table.c.due_at, table.c.order_id)
            .limit(limit + len(in_hand))
        )
        held = set(in_hand)
        found = [row for row in self._connection.execute(query) if row.order_id not in held]
        return tuple(map(_to_hand_over, found[:limit]))

    def page(self, query: HandOverQuery) -> tuple[HandOver, ...]:
        table = hand_over
        place = [table.c.created_at, table.c.order_id, table.c.connection_id]
        after = query.after
        sought = select(table).where(table.c.tenant_id == query.tenant_id)
        if query.states:
            sought = sought.where(table.c.state.in_(query.states))
        if query.connection:
            sought = sought.where(table.c.connection_id == query.connection)
        if query.order_uid:
            of_order = (orders.c.tenant_id == query.tenant_id, orders.c.uid == query.order_uid)
            order_id = select(orders.c.id).where(*of_order).scalar_subquery()
            sought = sought.where(table.c.order_id == order_id)
        if query.order_uid or len(query.states) != 1:
            # As the primary key lies. Those of one state have an index by time.
            place, after = place[1:], after[1:]
        if after:
            sought = sought.where(tuple_(*place) < tuple_(*after))
        newest = [each.desc() for each in place]
        found = self._connection.execute(sought.order_by(*newest).limit(query.limit))
        return tuple(map(_to_hand_over, found))

    def named(self, tenant_id: int, uid: str) -> HandOver | None:
        table = hand_over
        query = select(table).where(table.c.tenant_id == tenant_id, table.c.uid == uid)
        row = self._connection.execute(query).first()
        return None if row is None else _to_hand_over(row)

    def of_order(self, tenant_id: int, order_id: int) -> tuple[HandOver, ...]:
        table = hand_over
        query = (
            select(table)
            .where(table.c.tenant_id == tenant_id, table.c.order_id == order_id)
            .order_by(table.c.connection_id)
        )
        return tuple(map(_to_hand_over, self._connection.execute(query)))

    def held(self, tenant_id: int, connection_id: int, numbers: Collection[str]) -> dict[str, int]:
        table = hand_over
        if not numbers:
            return {}
        query = select(table.c.number, table.c.order_id).where(
            _named(table, tenant_id, connection_id),
            text(HAS_NUMBER),
            table.c.number.in_(sorted(numbers)),
        )
        return {row.number: row.order_id for row in self._connection.execute(query)}

    def counts(self, tenant_id: int, connection_id: int = 0) -> dict[str, int]:
        table = hand_over
        query = (
            select(table.c.state, func.count())
            .where(table.c.tenant_id == tenant_id, table.c.state.in_(_UNDECIDED))
            .group_by(table.c.state)
        )
        if connection_id:
            query = query.where(table.c.connection_id == connection_id)
        return {state: int(count) for state, count in self._connection.execute(query)}

    def counted(self, tenant_id: int, state: str, at_most: int) -> int:
        table = hand_over
        few = select(table.c.order_id).where(table.c.tenant_id == tenant_id, table.c.state == state)
        query = select(func.count()).select_from(few.limit(at_most).subquery())
        return int(self._connection.execute(query).scalar_one())

    def first_placed(self, tenant_id: int, connection_id: int, since_us: int) -> int:
        table = hand_over
        query = (
            select(table.c.created_at)
            .where(
                table.c.tenant_id == tenant_id,
                table.c.state == "placed",
                table.c.created_at >= since_us,
                table.c.connection_id == connection_id,
            )
            .order_by(table.c.created_at)
            .limit(1)
        )
        return int(self._connection.execute(query).scalar() or 0)

    def is_in_doubt(self, tenant_id: int, connection_id: int, besides: int) -> bool:
        table = hand_over
        query = select(table.c.order_id).where(
            _named(table, tenant_id, connection_id),
            text(IS_DOUBTED),
            table.c.order_id != besides,
            table.c.number == "",
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def is_sending(self, tenant_id: int, connection_id: int) -> bool:
        table = hand_over
        query = select(table.c.order_id).where(
            _named(table, tenant_id, connection_id), text(IS_DOUBTED), table.c.state == "sending"
        )
        return self._connection.execute(query.limit(1)).first() is not None

    def unsure(self) -> int:
        table = hand_over
        query = select(func.count()).where(text(IS_DOUBTED), table.c.state == "unsure")
        return int(self._connection.execute(query).scalar_one())


# --- rows


def _named(table: Any, tenant_id: int, connection_id: int) -> ColumnElement[bool]:
    return and_(table.c.tenant_id == tenant_id, table.c.connection_id == connection_id)


def _planned(each: HandOver) -> tuple[Any, ...]:
    return (
        *(each.tenant_id, each.order_id, each.connection_id),
        *(each.uid, each.order_uid, each.connection_uid, each.state.value, each.version),
        *(each.created_at, each.updated_at, each.due_at),
        _ENCODE(each.lines).decode() if each.lines else "",
    )


def _row(each: HandOver) -> dict[str, Any]:
    row = msgspec.structs.asdict(each)
    for name in _JSON:
        row[name] = _ENCODE(row[name]).decode() if row[name] != _EMPTY[name] else ""
    row["state"] = each.state.value
    return row


def _to_hand_over(row: Any) -> HandOver:
    values = {name: getattr(row, name) for name in HandOver.__struct_fields__}
    for name, decode in _DECODERS.items():
        values[name] = decode(values[name]) if values[name] else _EMPTY[name]
    return msgspec.convert(values, HandOver)


def _to_state(row: Any) -> RelayState:
    return RelayState(**{name: getattr(row, name) for name in _STATE_COLUMNS})
