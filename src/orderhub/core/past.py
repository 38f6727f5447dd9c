"""Orders that were placed elsewhere and are taken over as they stand: nothing is drawn, nobody is told, nothing waits.

Each brings its own times, numbers, state and history. Whoever sends it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from orderhub.core.commands import ImportOrder, OrderName
from orderhub.core.daily import day_in
from orderhub.core.facts import Accepted, Facts, IdQuota, NewIds, OrderLoad
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Event, Order

# What became of a row, as `Accepted.result`.
TAKEN_OVER, UNCHANGED = "imported", "unchanged"


def _names(order: Order) -> Iterator[OrderName]:
    if order.uid:
        yield OrderName("uid", order.uid)
    if order.id:
        yield OrderName("id", str(order.id))
    if order.number:
        yield OrderName("number", order.number)


def loads(command: ImportOrder, _facts: Facts) -> Iterator[OrderLoad]:
    for name in _names(command.order):
        yield OrderLoad(command.origin.tenant_id, name)


def id_quota(command: ImportOrder, _facts: Facts) -> IdQuota:
    order = command.order
    if not order.id:
        return IdQuota(orders=1)
    return IdQuota(uids=0 if order.uid else 1)


def take_over(command: ImportOrder, facts: Facts, ids: NewIds) -> Accepted | Rejected:
    """Refused only where another order has its id, its number or its natural key."""
    standing = _standing(command, facts)
    if standing is not None:
        return standing
    given, tenant_id = command.order, command.origin.tenant_id
    order_id, uid = ids.orders[0] if ids.orders else (given.id, "")
    uid = given.uid or uid or ids.uids[0]
    doc = msgspec.structs.replace(given.doc, imported_at=command.origin.recorded_at)
    order = msgspec.structs.replace(given, tenant_id=tenant_id, id=order_id, uid=uid, doc=doc)
    zone = facts.settings(tenant_id).time_zone
    return Accepted(
        placed=(order,),
        events=tuple(_event(event, order, zone) for event in command.events),
        natural_keys=(order.natural_key,) if order.natural_key else (),
        result=TAKEN_OVER,
    )


def when_taken(command: ImportOrder, facts: Facts) -> Accepted | Rejected:
    """Its natural key is taken: by itself, if it stands."""
    found = _standing(command, facts)
    if found is None:
        return _other("reference", f"another order holds the key {command.order.natural_key}")
    return found


def _standing(command: ImportOrder, facts: Facts) -> Accepted | Rejected | None:
    """What becomes of an order that stands, or of which something stands with another; None: it is new."""
    order, tenant_id = command.order, command.origin.tenant_id
    if order.uid and facts.orders(tenant_id, OrderName("uid", order.uid)):
        return Accepted(result=UNCHANGED)
    if order.number:
        for other in facts.orders(tenant_id, OrderName("number", order.number)):
            if not order.uid and other.doc.imported_at and other.channel == order.channel:
                return Accepted(result=UNCHANGED)
            return _other("number", f"another order ({other.uid}) bears the number {order.number}")
    if order.id:
        for other in facts.orders(tenant_id, OrderName("id", str(order.id))):
            return _other("id", f"another order ({other.uid}) has the id {order.id}")
    return None


def _other(field: str, detail: str) -> Rejected:
    return Rejected(Reason.ALREADY_EXISTS, field, detail)


def _event(event: Event, order: Order, zone: str) -> Event:
    """It counts on the day on which it happened, so that the reports of past days hold what was sold then."""
    return msgspec.structs.replace(
        event,
        tenant_id=order.tenant_id,
        order_id=order.id,
        day=day_in(zone, event.occurred_at),
        is_past=True,
    )
