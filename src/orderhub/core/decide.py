"""Decide what becomes of a command. Pure: no clock, no database, no log, no await."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import get_args

import msgspec

from orderhub.core import (
    adjustments,
    admin,
    alerts,
    baskets,
    billing,
    calling_off,
    changes,
    charge_changes,
    charges,
    connections,
    forgetting,
    hand_overs,
    listings,
    marks,
    news,
    numbering,
    parcels,
    past,
    recorded,
    routes,
    tours,
    webhooks,
)
from orderhub.core.business import Business, Loads, LockKey
from orderhub.core.catalogue import RECORDS as CATALOGUE_RECORDS
from orderhub.core.commands import (
    AdjustPool,
    ChangeOrder,
    ChangeSettings,
    Command,
    ForgetPerson,
    ImportOrder,
    MoveHandOver,
    Numbering,
    OrderName,
    PlaceOrder,
    PutRecords,
    SetClock,
    Terms,
)
from orderhub.core.details import AnyDetails
from orderhub.core.facts import (
    Accepted,
    Facts,
    HandOverLoad,
    IdQuota,
    NewIds,
    OrderLoad,
    PoolLoad,
    RecordKey,
)
from orderhub.core.handling import NO_IDS, CommandHandler
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.timers import timers_for
from orderhub.core.values import Event, Order, OrderDoc, Settings

Decision = Accepted | Rejected

_BUSINESSES: tuple[Business, ...] = (
    recorded.BUSINESS,
    tours.BUSINESS,
    charges.BUSINESS,
    charge_changes.BUSINESS,
    *billing.BUSINESSES,
    baskets.BUSINESS,
    parcels.BUSINESS,
)
BUSINESSES: dict[type[Terms], Business] = {each.terms: each for each in _BUSINESSES}
_BY_NAME = {each.name: each for each in _BUSINESSES}
_WITH_ORDERS = {each.details: each.name for each in _BUSINESSES if each.details is not None}
assert len(_BY_NAME) == len(_BUSINESSES), "two businesses of one name"
assert {kept.__struct_config__.tag: kept for kept in get_args(AnyDetails)} == {
    name: kept for kept, name in _WITH_ORDERS.items()
}, "what a business keeps on an order goes by the name of the business"

# Every typed document that decisions read: kind -> Struct. Other kinds are plain JSON values.
RECORD_TYPES: dict[str, type] = {
    "settings": Settings,
    webhooks.RECORD_KIND: webhooks.Webhook,
    connections.RECORD_KIND: connections.Connection,
    routes.RECORD_KIND: routes.Route,
    listings.RECORD_KIND: listings.Listing,
}
for _records in (CATALOGUE_RECORDS, *(each.records for each in _BUSINESSES)):
    for _kind, _struct in _records.items():
        # Two businesses may share a kind of record, but not mean different things by it.
        assert RECORD_TYPES.setdefault(_kind, _struct) is _struct, f"two kinds of {_kind}"

# A crowded second pushes a time number on, at most this many seconds.
_MOST_LAPS = 4_096


def business_of(order: Order) -> Business:
    """The rules that an order was placed under."""
    return business_by_doc(order.doc)


def business_by_doc(doc: OrderDoc) -> Business:
    """The rules that an order with this document was placed under."""
    return _BY_NAME[doc.business.name]


def loads(command: Command, facts: Facts) -> Iterator[RecordKey | OrderLoad | HandOverLoad]:
    """The records and orders to load before `command` can be decided.

    Asked again after each load, since one record may name another, until nothing new is wanted.
    """
    yield RecordKey(command.origin.tenant_id, "settings", "id", "0")
    routed = hand_overs.routes_load(command)
    if routed is not None:
        yield routed
    noted = hand_overs.heard_load(command)
    if noted is not None:
        yield noted
    yield from HANDLERS[type(command)].loads(command, facts)
    yield from calling_off.loads(command, facts)


def lock_keys(command: Command) -> Iterable[LockKey]:
    """The names of records that this command's decision keeps from others until the commit."""
    return HANDLERS[type(command)].lock_keys(command)


def pool_loads(command: Command, facts: Facts) -> Iterable[PoolLoad]:
    """The pools to lock before `command` can be decided; asked once all records and orders are known."""
    return HANDLERS[type(command)].pools(command, facts)


def id_quota(command: Command, facts: Facts) -> IdQuota:
    """How many new ids the command may use."""
    return HANDLERS[type(command)].id_quota(command, facts)


def decide(command: Command, facts: Facts, ids: NewIds) -> Decision:
    """Accepted with everything that changes, or Rejected with the first broken rule."""
    decision = HANDLERS[type(command)].decide(command, facts, ids)
    if isinstance(decision, Accepted):
        _assert_sound(decision)
        decision = hand_overs.heard(decision, command, facts)
        if isinstance(decision, Rejected):
            return decision
        decision = calling_off.noted(decision, command, facts)
        if isinstance(decision, Rejected):
            return decision
        decision = hand_overs.planned(decision, command, facts)
        return news.told(alerts.told(decision, command.origin, facts), command.origin, facts)
    return decision


def _assert_sound(accepted: Accepted) -> None:
    """Whatever the catalogue holds, no order pays its buyer, no draw fills a pool and no record has a name
    that could not be read back: that were a bug of ours.
    """
    for order in accepted.placed:
        is_sound = order.total >= 0 or business_of(order).may_be_negative
        assert is_sound, f"order {order.number} comes to {order.total}"
    for move in accepted.moves:
        if move.kind in ("draw", "return"):
            assert move.units > 0, f"a {move.kind} of {move.units} at {move.key}"
        else:
            assert move.kind != "opening" or move.units >= 0, f"{move.key} opens below 0"
    for record in accepted.records:
        for by, name in (("uid", record.uid), ("code", record.code), *record.keys):
            assert isinstance(name, str), f"{record.kind} {record.id} is named {name!r} by {by}"


# --- orders placed


def _place_loads(command: PlaceOrder, facts: Facts) -> Loads:
    return BUSINESSES[type(command.terms)].loads(command, facts)


def _place_pools(command: PlaceOrder, facts: Facts) -> Iterable[PoolLoad]:
    return BUSINESSES[type(command.terms)].pools(command, facts)


def _place_id_quota(command: PlaceOrder, facts: Facts) -> IdQuota:
    return BUSINESSES[type(command.terms)].id_quota(command, facts)


def _place_lock_keys(command: PlaceOrder) -> Iterable[LockKey]:
    return BUSINESSES[type(command.terms)].lock_keys(command)


def _is_time_numbered(command: PlaceOrder) -> bool:
    return command.numbering is Numbering.TIME4


def number_loads(
    command: PlaceOrder, facts: Facts, order_ids: Iterable[int]
) -> Iterator[OrderLoad]:
    """The numbers to look up before time-numbered orders get theirs: empty once each id has a free one."""
    tenant = command.origin.tenant_id
    settings = facts.settings(tenant)
    now = command.origin.now(settings.clock)
    for order_id in order_ids:
        for lap in range(_MOST_LAPS):
            number = numbering.number_for(command.numbering, settings, now, order_id, "", lap)
            is_free = facts.is_number_free(tenant, number)
            if is_free is None:
                yield OrderLoad(tenant, OrderName("number", number))
            if is_free is not False:
                break


def _place(command: PlaceOrder, facts: Facts, ids: NewIds) -> Decision:
    decision = BUSINESSES[type(command.terms)].place(command, facts, ids)
    if isinstance(decision, Rejected):
        return decision
    if _is_time_numbered(command):
        decision = _renumbered(decision, facts)
    # What happened elsewhere waits for nothing here.
    timers = [
        timer
        for order in decision.placed
        if not order.recorded
        for timer in timers_for(order, facts.settings(order.tenant_id))
    ]
    if command.natural_key:
        keys = (command.natural_key,)
        decision = msgspec.structs.replace(decision, natural_keys=keys)
    return marks.timed(decision, timers)


def _renumbered(accepted: Accepted, facts: Facts) -> Accepted:
    """The same orders, each with the first free number of its time."""
    if all(facts.is_number_free(each.tenant_id, each.number) for each in accepted.placed):
        return accepted
    placed, events = list(accepted.placed), list(accepted.events)
    for index, order in enumerate(accepted.placed):
        settings = facts.settings(order.tenant_id)
        lap = numbering.first_free_lap(
            facts,
            Numbering.TIME4,
            order.tenant_id,
            settings,
            order.updated_at,
            order.id,
            _MOST_LAPS,
        )
        assert lap is not None, "no free order number within an hour"
        if lap:
            number = number_at(settings, order, lap)
            placed[index] = msgspec.structs.replace(order, number=number)
            events = [_renamed(event, order, number) for event in events]
    return msgspec.structs.replace(accepted, placed=tuple(placed), events=tuple(events))


def _renamed(event: Event, order: Order, number: str) -> Event:
    """The event with another number of the order, if it is the one that the order was placed with."""
    if event.order_id != order.id or event.kind != "placed":
        return event
    return msgspec.structs.replace(event, data={**event.data, "number": number})


def number_at(settings: Settings, order: Order, lap: int) -> str:
    return numbering.number_for(
        Numbering.TIME4, settings, order.updated_at, order.id, order.uid, lap
    )


# --- orders changed


def _change_loads(command: ChangeOrder, facts: Facts) -> Loads:
    tenant = command.origin.tenant_id
    name = OrderLoad(tenant, command.name)
    yield name
    if name in facts.loaded_orders:
        for order in facts.orders(tenant, command.name):
            yield from business_of(order).change_loads(command, order, facts)


def _change_pools(command: ChangeOrder, facts: Facts) -> list[PoolLoad]:
    loads: list[PoolLoad] = []
    for order in facts.orders(command.origin.tenant_id, command.name):
        for draw in facts.draws(order):
            key = draw.key
            loads.append(PoolLoad(key.tenant_id, key.kind, key.subject, key.place))
        loads += business_of(order).change_pools(command, order, facts)
    return loads


def _change_id_quota(command: ChangeOrder, facts: Facts) -> IdQuota:
    orders = facts.orders(command.origin.tenant_id, command.name)
    if not orders:
        return NO_IDS
    return business_of(orders[0]).change_id_quota(command, orders[0], facts)


def _change(command: ChangeOrder, facts: Facts, ids: NewIds) -> Decision:
    decision = changes.change(command, facts)
    if isinstance(decision, Rejected):
        return decision
    before = facts.orders(command.origin.tenant_id, command.name)
    business = business_of(before[0])
    if business.on_change is not None:
        decision = business.on_change(command, before[0], decision, facts, ids)
    return decision if isinstance(decision, Rejected) else marks.timed(decision)


def when_taken(command: Command, natural_key: str, facts: Facts) -> Decision:
    """What becomes of a command whose natural key is taken: mostly it is refused as the second under it."""
    decided = HANDLERS[type(command)].when_taken
    if decided is not None:
        return decided(command, facts)
    return Rejected(Reason.ALREADY_EXISTS, "reference", natural_key)


# --- all types of command

# A new one is a row here; without it nothing of the hub knows what to do with the command.
HANDLERS: dict[type[Command], CommandHandler] = {
    PlaceOrder: CommandHandler(
        decide=_place,
        loads=_place_loads,
        pools=_place_pools,
        id_quota=_place_id_quota,
        lock_keys=_place_lock_keys,
        places=True,
        natural_key=attrgetter("natural_key"),
        is_time_numbered=_is_time_numbered,
        numbers=number_loads,
    ),
    ImportOrder: CommandHandler(
        decide=past.take_over,
        loads=past.loads,
        id_quota=past.id_quota,
        places=True,
        natural_key=attrgetter("order.natural_key"),
        when_taken=past.when_taken,
        has_own_times=True,
    ),
    ChangeOrder: CommandHandler(
        decide=_change, loads=_change_loads, pools=_change_pools, id_quota=_change_id_quota
    ),
    AdjustPool: CommandHandler(
        decide=adjustments.adjust, loads=adjustments.loads, pools=adjustments.pools
    ),
    PutRecords: CommandHandler(
        decide=admin.put,
        loads=admin.put_loads,
        id_quota=admin.put_id_quota,
        lock_keys=admin.put_lock_keys,
        records=attrgetter("changes"),
    ),
    SetClock: CommandHandler(decide=admin.set_clock),
    # Ids are set aside when facts are loaded, and a tenant's first one is among its settings.
    ChangeSettings: CommandHandler(decide=admin.change_settings, stands_alone=True),
    ForgetPerson: CommandHandler(decide=forgetting.forget, loads=forgetting.loads),
    MoveHandOver: CommandHandler(
        decide=hand_overs.move, loads=hand_overs.loads, lock_keys=hand_overs.lock_keys
    ),
}
