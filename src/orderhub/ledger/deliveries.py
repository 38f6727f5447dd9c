"""Webhooks at rest: how far each is, what became of its events, and whose turn it is to serve it.

Whoever serves a webhook has its lease. All that he writes depends on having it still, in one short transaction that
first takes the lock of the webhook's row: who lost it writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    and_,
    delete,
    exists,
    func,
    literal_column,
    select,
    text,
    update,
)

from orderhub.core.deliveries import (
    BEHIND,
    WAITING,
    Attempt,
    Delivery,
    Stretch,
    WebhookLook,
    WebhookStanding,
    WebhookState,
)
from orderhub.ledger import bulk, feed_reads
from orderhub.ledger.driver import Driver
from orderhub.ledger.leases import free
from orderhub.ledger.staying import stays, writing_for
from orderhub.ledger.tables import delivery, record, webhook_replay, webhook_state

_ENCODE = msgspec.json.Encoder().encode
_LOG = msgspec.json.Decoder(tuple[Attempt, ...]).decode
# Literal, since the indexes are partial ones.
_WAITS = delivery.c.state == literal_column("'waiting'")
_STATES = {name: delivery.c.state == literal_column(f"'{name}'") for name in ("waiting", "dropped")}
_STATE_COLUMNS = WebhookState.__struct_fields__
_PROGRESS = "(SELECT coalesce(sum(l.next), 0) FROM feed_lane l WHERE l.tenant_id = r.tenant_id)"
_REPLAYS = "EXISTS (SELECT 1 FROM webhook_replay p WHERE p.tenant_id = r.tenant_id AND p.webhook_id = r.id)"
_LOOK = f"""
    SELECT r.tenant_id AS of_tenant, t.name AS tenant, r.id AS id, r.version AS current,
        {_PROGRESS} AS progress, {_REPLAYS} AS has_replays, s.*
    FROM record r JOIN tenant t ON t.id = r.tenant_id
    LEFT JOIN webhook_state s ON s.tenant_id = r.tenant_id AND s.webhook_id = r.id
    WHERE r.kind = 'webhook' ORDER BY r.tenant_id, r.id"""


class Settling(msgspec.Struct, kw_only=True):
    """What is written of a round.

    state       as it is to stand; its owner must have the lease
    added       new deliveries, those of one order in their order; they are given ids
    changed     deliveries that were tried again
    stretches   how far these are; with `cursor` empty they are done
    pull_since  what waits and was first tried at this time or later is due now; None = nothing is
    """

    state: WebhookState
    added: Sequence[Delivery] = ()
    changed: Sequence[Delivery] = ()
    stretches: Sequence[Stretch] = ()
    pull_since: int | None = None


class Deliveries:
    """The writing side: short transactions beside the writer's. Any thread may."""

    def __init__(self, write: Engine) -> None:
        self._write = write

    def lease(
        self, state: WebhookState, now_us: int, longest_us: int, version: int
    ) -> WebhookState | None:
        """Take the webhook for `state.owner` until `state.leased_until`; None: somebody has it, or its tenant is gone.

        One that was never served begins at `state.cursor`. If its record has another version than when it was served
        last, whatever waits is due now and nothing is held against it.
        A lease is taken for `longest_us` at most.
        """
        table = webhook_state
        name = _named(table, state.tenant_id, state.webhook_id)
        with self._write.begin() as connection:
            if not stays(connection, state.tenant_id):
                return None
            _ensure(connection, state)
            found = connection.execute(
                update(table)
                .where(name, free(table, state.owner, now_us, longest_us))
                .values(owner=state.owner, leased_until=state.leased_until)
                .returning(*table.c)
            ).first()
            if found is None:
                return None
            taken = _to_state(found)
            if taken.version == version:
                return taken
            anew = {"version": version, "failing_since": 0, "misses": 0, "resume_at": 0}
            _pull(connection, state, 0, now_us)
            due_at = _due_at(connection, state)
            connection.execute(update(table).where(name).values(**anew, due_at=due_at))
            return msgspec.structs.replace(taken, **anew, due_at=due_at)

    def release(self, state: WebhookState) -> None:
        """Let others serve it. Without the lease it does nothing."""
        with self._write.begin() as connection:
            connection.execute(
                update(webhook_state)
                .where(
                    _named(webhook_state, state.tenant_id, state.webhook_id),
                    webhook_state.c.owner == state.owner,
                )
                .values(owner="", leased_until=0)
            )

    def forget_leases(self) -> None:
        """For who knows that nobody else serves this ledger: a program that died leaves leases behind."""
        with self._write.begin() as connection:
            connection.execute(
                update(webhook_state)
                .where(webhook_state.c.owner != "")
                .values(owner="", leased_until=0)
            )

    def settle(
        self, settlings: Sequence[Settling], now_us: int
    ) -> list[tuple[list[int], WebhookState] | None]:
        """Write what came of rounds of webhooks in one transaction: each whole or, without its lease, not at all.

        Answers of each the ids of what was added, and the state as it stands; None: the lease is lost.
        The first that waits of each order that was touched is due afterwards.
        """
        found: list[tuple[list[int], WebhookState] | None] = [None] * len(settlings)
        with self._write.begin() as connection:
            Driver(connection).find_by_keys()
            # Rows are locked in one order, whoever else takes several.
            for nth in sorted(range(len(settlings)), key=lambda nth: _order_of(settlings[nth])):
                found[nth] = _settle(connection, settlings[nth], now_us)
        return found

    def keep(self, begins: WebhookState, deliveries: Sequence[Delivery], now_us: int) -> list[int]:
        """Add deliveries beside whoever serves the webhook; those that wait are due now. Answers their ids.

        Raises TenantGone.
        """
        with writing_for(self._write, begins.tenant_id) as connection:
            _ensure(connection, begins)
            first = _advance(connection, begins, len(deliveries)) - len(deliveries)
            ids = list(range(first, first + len(deliveries)))
            rows = [_row(each, number) for each, number in zip(deliveries, ids, strict=True)]
            bulk.insert(Driver(connection), delivery, rows)
            touched = sorted({each.about for each in deliveries if each.state == WAITING})
            if touched:
                _take_turns(connection, begins, touched, now_us)
                connection.execute(
                    update(webhook_state)
                    .where(_named(webhook_state, begins.tenant_id, begins.webhook_id))
                    .values(due_at=_due_at(connection, begins))
                )
            return ids

    def send_again(self, begins: WebhookState, stretch: Stretch) -> int:
        """Have a stretch of time sent again, beside whoever serves the webhook. Answers its id. Raises TenantGone."""
        with writing_for(self._write, begins.tenant_id) as connection:
            _ensure(connection, begins)
            number = _advance(connection, begins, 1) - 1
            row = {**msgspec.structs.asdict(stretch), "id": number}
            bulk.insert(Driver(connection), webhook_replay, [row])
            return number

    def purge(self, older_than_us: int, at_most: int = 500) -> int:
        """Remove some of what was settled before that, or is of a webhook that was removed; answers how many went."""
        with self._write.begin() as connection:
            gone = _purge_removed(connection, at_most)
            old = (
                select(delivery.c.tenant_id, delivery.c.webhook_id, delivery.c.id)
                .where(delivery.c.last_at < older_than_us, delivery.c.state != WAITING)
                .order_by(delivery.c.last_at)
                .limit(at_most)
            )
            found = [dict(row) for row in connection.execute(old).mappings()]
            return gone + (bulk.deleted(Driver(connection), delivery, found) if found else 0)


# --- reading


def look(connection: Connection) -> list[WebhookLook]:
    """Every webhook of every tenant, switched on or not."""
    return [
        WebhookLook(
            row.of_tenant,
            row.tenant,
            row.id,
            row.current,
            int(row.progress),
            bool(row.has_replays),
            None if row.tenant_id is None else _to_state(row),
        )
        for row in connection.execute(text(_LOOK))
    ]


def state(connection: Connection, tenant_id: int, webhook_id: int) -> WebhookState | None:
    """None: it was never served."""
    query = select(webhook_state).where(_named(webhook_state, tenant_id, webhook_id))
    row = connection.execute(query).first()
    return None if row is None else _to_state(row)


def standing(connection: Connection, tenant_id: int, webhook_id: int) -> WebhookStanding:
    found = state(connection, tenant_id, webhook_id)
    found = found or WebhookState(tenant_id=tenant_id, webhook_id=webhook_id)
    waiting = select(func.count()).where(_named(delivery, tenant_id, webhook_id), _WAITS)
    replays = select(func.count()).where(_named(webhook_replay, tenant_id, webhook_id))
    progress = feed_reads.progress(connection, [tenant_id])[tenant_id]
    return WebhookStanding(
        state=found,
        behind=max(0, progress - found.passed),
        waiting=int(connection.execute(waiting).scalar_one()),
        replays=int(connection.execute(replays).scalar_one()),
    )


def page(
    connection: Connection, tenant_id: int, webhook_id: int, state: str, after: int, limit: int
) -> tuple[Delivery, ...]:
    """Newest first, below the id `after` where that is not 0; of one state, empty = of all."""
    query = select(delivery).where(_named(delivery, tenant_id, webhook_id))
    if state:
        query = query.where(_STATES.get(state, delivery.c.state == state))
    if after:
        query = query.where(delivery.c.id < after)
    found = connection.execute(query.order_by(delivery.c.id.desc()).limit(limit))
    return tuple(map(_to_delivery, found))


def one(
    connection: Connection, tenant_id: int, webhook_id: int, delivery_id: int
) -> Delivery | None:
    query = select(delivery).where(
        _named(delivery, tenant_id, webhook_id), delivery.c.id == delivery_id
    )
    row = connection.execute(query).first()
    return None if row is None else _to_delivery(row)


def about(connection: Connection, tenant_id: int, name: str, limit: int) -> tuple[Delivery, ...]:
    """Of all webhooks, what was sent about an order, or is on its way: the newest of each webhook first."""
    query = (
        select(delivery)
        .where(delivery.c.tenant_id == tenant_id, delivery.c.about == name)
        .order_by(delivery.c.webhook_id.desc(), delivery.c.id.desc())
        .limit(limit)
    )
    return tuple(map(_to_delivery, connection.execute(query)))


def due(
    connection: Connection,
    tenant_id: int,
    webhook_id: int,
    now_us: int,
    limit: int,
    in_hand: Callable[[str], bool],
) -> tuple[tuple[Delivery, ...], int]:
    """What waits and whose time has come, the longest due first, and when more does; BEHIND = nothing more.

    Nothing about what is `in_hand`.
    """
    query = (
        select(delivery.c.id, delivery.c.about, delivery.c.next_at)
        .where(_named(delivery, tenant_id, webhook_id), _WAITS, delivery.c.next_at < BEHIND)
        .order_by(delivery.c.next_at, delivery.c.id)
    )
    ids: list[int] = []
    due_at = BEHIND
    with connection.execute(query, execution_options={"yield_per": 200}) as rows:
        for row in rows:
            if in_hand(row.about):
                continue
            if row.next_at > now_us or len(ids) == limit:
                due_at = row.next_at
                break
            ids.append(row.id)
    chosen = select(delivery).where(_named(delivery, tenant_id, webhook_id), delivery.c.id.in_(ids))
    found = connection.execute(chosen.order_by(delivery.c.id)) if ids else ()
    return tuple(map(_to_delivery, found)), due_at


def waiting_about(
    connection: Connection, tenant_id: int, webhook_id: int, about: Collection[str], limit: int
) -> tuple[Delivery, ...]:
    """What waits of these orders, in order."""
    if not about:
        return ()
    query = (
        select(delivery)
        .where(_named(delivery, tenant_id, webhook_id), _WAITS, delivery.c.about.in_(sorted(about)))
        .order_by(delivery.c.id)
        .limit(limit)
    )
    return tuple(map(_to_delivery, connection.execute(query)))


def held_up(
    connection: Connection, tenant_id: int, webhook_id: int, about: Collection[str]
) -> set[str]:
    """Those of these orders of which anything waits."""
    if not about:
        return set()
    query = (
        select(delivery.c.about)
        .where(_named(delivery, tenant_id, webhook_id), _WAITS, delivery.c.about.in_(sorted(about)))
        .distinct()
    )
    return set(connection.execute(query).scalars())


def stretches(connection: Connection, tenant_id: int, webhook_id: int) -> tuple[Stretch, ...]:
    """What is still to be sent again, in the order in which it was asked for."""
    table = webhook_replay
    query = select(table).where(_named(table, tenant_id, webhook_id)).order_by(table.c.id)
    return tuple(Stretch(**row) for row in connection.execute(query).mappings())


# --- the parts of a transaction


def _ensure(connection: Connection, begins: WebhookState) -> None:
    """A row for the webhook, if it has none yet."""
    row = {
        "tenant_id": begins.tenant_id,
        "webhook_id": begins.webhook_id,
        "cursor": begins.cursor,
        "due_at": BEHIND,
        "next_delivery": 1,
    }
    bulk.insert(Driver(connection), webhook_state, [row], "DO NOTHING")


def _advance(connection: Connection, begins: WebhookState, count: int) -> int:
    return int(
        connection.execute(
            update(webhook_state)
            .where(_named(webhook_state, begins.tenant_id, begins.webhook_id))
            .values(next_delivery=webhook_state.c.next_delivery + count)
            .returning(webhook_state.c.next_delivery)
        ).scalar_one()
    )


def _pull(connection: Connection, state: WebhookState, since_us: int, now_us: int) -> None:
    connection.execute(
        update(delivery)
        .where(
            _named(delivery, state.tenant_id, state.webhook_id),
            _WAITS,
            delivery.c.next_at > now_us,
            delivery.c.next_at < BEHIND,
            delivery.c.first_at >= since_us,
        )
        .values(next_at=now_us)
    )


def _take_turns(
    connection: Connection, state: WebhookState, about: Sequence[str], now_us: int
) -> None:
    """The first that waits of each of these orders waits behind nothing."""
    table = delivery
    of_webhook = _named(table, state.tenant_id, state.webhook_id)
    first = (
        select(func.min(table.c.id))
        .where(of_webhook, _WAITS, table.c.about.in_(about))
        .group_by(table.c.about)
    )
    connection.execute(
        update(table)
        .where(of_webhook, _WAITS, table.c.next_at == BEHIND, table.c.id.in_(first))
        .values(next_at=now_us)
    )


def _due_at(connection: Connection, state: WebhookState) -> int:
    query = select(func.min(delivery.c.next_at)).where(
        _named(delivery, state.tenant_id, state.webhook_id), _WAITS
    )
    found = connection.execute(query).scalar()
    return BEHIND if found is None else int(found)


def _order_of(settling: Settling) -> tuple[int, int]:
    return settling.state.tenant_id, settling.state.webhook_id


def _settle(
    connection: Connection, settling: Settling, now_us: int
) -> tuple[list[int], WebhookState] | None:
    state, added, changed = settling.state, settling.added, settling.changed
    values = msgspec.structs.asdict(state)
    del values["tenant_id"], values["webhook_id"], values["owner"], values["due_at"]
    following = connection.execute(
        update(webhook_state)
        .where(
            _named(webhook_state, state.tenant_id, state.webhook_id),
            webhook_state.c.owner == state.owner,
        )
        .values(**values, next_delivery=webhook_state.c.next_delivery + len(added))
        .returning(webhook_state.c.next_delivery, webhook_state.c.due_at)
    ).first()
    if following is None:
        return None
    first = following.next_delivery - len(added)
    ids = list(range(first, following.next_delivery))
    driver = Driver(connection)
    if added:
        rows = [_row(each, number) for each, number in zip(added, ids, strict=True)]
        bulk.insert(driver, delivery, rows)
    if changed:
        bulk.update(driver, delivery, [_changed_row(each) for each in changed])
    _settle_stretches(connection, settling.stretches)
    touched = {each.about for each in changed}
    touched |= {each.about for each in added if each.state == WAITING}
    due_at = following.due_at
    if settling.pull_since is not None:
        _pull(connection, state, settling.pull_since, now_us)
    if touched:
        _take_turns(connection, state, sorted(touched), now_us)
    if touched or settling.pull_since is not None or due_at <= now_us:
        due_at = _due_at(connection, state)
        connection.execute(
            update(webhook_state)
            .where(_named(webhook_state, state.tenant_id, state.webhook_id))
            .values(due_at=due_at)
        )
    return ids, msgspec.structs.replace(state, due_at=due_at)


def _settle_stretches(connection: Connection, found: Sequence[Stretch]) -> None:
    table = webhook_replay
    for each in found:
        name = and_(_named(table, each.tenant_id, each.webhook_id), table.c.id == each.id)
        if each.cursor:
            connection.execute(update(table).where(name).values(cursor=each.cursor))
        else:
            connection.execute(delete(table).where(name))


def _purge_removed(connection: Connection, at_most: int) -> int:
    """Some of what is left of one webhook that was removed. Its row goes last: who serves it is kept out first."""
    table = webhook_state
    stands = exists().where(
        record.c.tenant_id == table.c.tenant_id,
        record.c.kind == literal_column("'webhook'"),
        record.c.id == table.c.webhook_id,
    )
    row = connection.execute(select(table.c.tenant_id, table.c.webhook_id).where(~stands)).first()
    if row is None:
        return 0
    name = (row.tenant_id, row.webhook_id)
    connection.execute(update(table).where(_named(table, *name)).values(owner="", leased_until=0))
    query = select(delivery.c.id).where(_named(delivery, *name)).limit(at_most)
    ids = connection.execute(query).scalars().all()
    if ids:
        connection.execute(delete(delivery).where(_named(delivery, *name), delivery.c.id.in_(ids)))
        return len(ids)
    connection.execute(delete(webhook_replay).where(_named(webhook_replay, *name)))
    connection.execute(delete(table).where(_named(table, *name)))
    return 1


def _named(table: Any, tenant_id: int, webhook_id: int) -> ColumnElement[bool]:
    return and_(table.c.tenant_id == tenant_id, table.c.webhook_id == webhook_id)


def _row(each: Delivery, number: int) -> dict[str, Any]:
    row = msgspec.structs.asdict(each)
    return {**row, "id": number, "log": _ENCODE(each.log).decode()}


def _changed_row(each: Delivery) -> dict[str, Any]:
    row = _row(each, each.id)
    return {name: row[name] for name in row if name not in ("event_id", "kind", "about", "cause")}


def _to_delivery(row: Any) -> Delivery:
    values = {name: getattr(row, name) for name in Delivery.__struct_fields__}
    return Delivery(**{**values, "log": _LOG(row.log) if row.log else ()})


def _to_state(row: Any) -> WebhookState:
    return WebhookState(**{name: getattr(row, name) for name in _STATE_COLUMNS})
