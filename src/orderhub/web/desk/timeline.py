"""What happened to an order, in sentences: each event with when, who, and what was said or decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from heapq import merge
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from orderhub.core.deliveries import DROPPED, SENT, WAITING
from orderhub.core.details import ParcelDetails
from orderhub.core.feed import event_id
from orderhub.core.life import EVENT_KINDS
from orderhub.core.people import person_of
from orderhub.core.pools import MONEY_KINDS, stated
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.values import MICROSECONDS, Event, Move, Order
from orderhub.core.webhooks import RECORD_KIND
from orderhub.web.desk.language import N_
from orderhub.web.desk.statuses import Badge

_LONGEST_REQUEST = 20_000
_MOST_DELIVERIES = 200
# Total over deliveries.STATES: a test fails when one has no row.
DELIVERED: Mapping[str, Badge] = {
    WAITING: Badge(N_("waiting"), "wait"),
    SENT: Badge(N_("sent"), "ok"),
    DROPPED: Badge(N_("given up"), "bad"),
}


class Say(Protocol):
    """A text as `N_` marks it, in the reader's language."""

    def __call__(self, text: str, **values: Any) -> str: ...


class Reader(Protocol):
    """Whoever reads it, in their language."""

    def say(self, text: str, **values: Any) -> str: ...

    def money(self, value: Decimal, currency: str) -> str: ...


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that was told of it, or is to be. `path` leads to its page, for who may see that.

    tries   how many there were
    answer  of the last one: a status, or why there was none
    """

    webhook: str
    path: str
    badge: Badge
    tries: int
    answer: str
    at_us: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, in the reader's language.

    path        where more of it is to be seen; empty = nowhere
    by          who did it; empty = it was of no command on the order
    is_new_day  its day is said before it
    """

    at_us: int
    title: str
    path: str = ""
    details: tuple[str, ...] = ()
    by: str = ""
    request_id: str = ""
    request: str = ""
    told: tuple[Told, ...] = ()
    is_new_day: bool = False


# Total over EVENT_KINDS: a test fails when one has no row.
SENTENCES: Mapping[str, str] = {
    "placed": N_("Placed through %(channel)s"),
    "paid": N_("Paid"),
    "shipped": N_("Shipped"),
    "shipped_in_part": N_("Shipped in part"),
    "completed": N_("Completed"),
    "cancelled": N_("Cancelled"),
    "refund_requested": N_("A refund was asked for"),
    "refunded": N_("Refunded"),
    "refunded_in_part": N_("Refunded in part"),
    "refund_rejected": N_("The refund was turned down"),
    "amended": N_("Changed"),
    "lines_cancelled": N_("Lines were cancelled"),
    "redacted": N_("Personal data was removed"),
}
assert set(SENTENCES) == set(EVENT_KINDS)
# Members that an order is amended by.
CHANGED: Mapping[str, str] = {
    "notes": N_("Notes"),
    "contact": N_("Contact"),
    "ship_to": N_("Address"),
    "total": N_("Total"),
    "net": N_("Total"),
    "tax": N_("Total"),
    "currency": N_("Currency"),
    "account": N_("Account"),
    "units_changed": N_("Lines"),
}
_BESIDE_CHANGES = frozenset({"changed", "reason"})
DREW_FROM = N_("Drew %(units)s of %(what)s from %(place)s")
# Actors that are no credential.
_ACTORS = {
    "timer": N_("the hub itself, when its time had come"),
    "seed": N_("the demo"),
    "command-line": N_("the command line"),
}


def actors(reads: Reads, acted: Collection[str]) -> dict[str, str]:
    """The names of those who acted, as far as they have one: people by name, credentials by label."""
    found: dict[str, str] = {}
    people = reads.people.among([person_of(each) for each in acted if person_of(each)])
    for actor in acted:
        person = people.get(person_of(actor))
        if person is not None:
            found[actor] = person.name or person.email
            continue
        credential = reads.credential_by_id(actor.partition(":")[0])
        if credential is not None and credential.label:
            found[actor] = credential.label
    return found


def told_of(reads: Reads, order: Order, *, with_path: bool) -> dict[str, tuple[Told, ...]]:
    """What webhooks were told of the order, by the event's id, oldest first. `with_path`: their pages are linked."""
    found = reads.deliveries_about(order.tenant_id, order.uid, _MOST_DELIVERIES)
    ids = tuple(str(each) for each in sorted({each.webhook_id for each in found}))
    sought = RecordQuery(
        tenant_id=order.tenant_id, kind=RECORD_KIND, by="id", values=ids, limit=len(ids)
    )
    webhooks = {each.id: each for each in reads.records(sought)} if ids else {}
    by_event: dict[str, tuple[Told, ...]] = {}
    for each in reversed(found):
        webhook, last = webhooks.get(each.webhook_id), each.log[-1] if each.log else None
        if webhook is None:
            continue  # it was removed; what is left of it goes, too
        one = Told(
            webhook=webhook.doc.title or urlsplit(webhook.doc.url).hostname or "",
            path=f"/desk/webhooks/{webhook.uid}" if with_path else "",
            badge=DELIVERED[each.state],
            tries=each.attempts,
            answer=str(last.status or last.error) if last else "",
            at_us=last.at if last else 0,
        )
        by_event[each.event_id] = (*by_event.get(each.event_id, ()), one)
    return by_event


def timeline(
    order: Order,
    events: tuple[Event, ...],
    moves: tuple[Move, ...],
    told: Mapping[str, tuple[Told, ...]],
    names: Mapping[str, str],
    channel: str,
    reader: Reader,
) -> tuple[Entry, ...]:
    """What happened to the order itself, oldest first. `told` as `told_of` finds it."""
    say = reader.say
    return tuple(
        Entry(
            at_us=event.occurred_at,
            title=say(SENTENCES.get(event.kind, event.kind), channel=channel),
            details=tuple(filter(None, _details(order, event, moves, reader))),
            by=name_of_actor(event.actor, names, say),
            request_id=event.request_id,
            request=event.request[:_LONGEST_REQUEST],
            told=told.get(event_id(order.uid, event.version), ()),
        )
        for event in events
    )


def joined(zone: tzinfo, *parts: Iterable[Entry]) -> tuple[Entry, ...]:
    """Several as one, each in its own order, with their days."""
    entries: list[Entry] = []
    day = None
    for each in merge(*parts, key=lambda each: each.at_us):
        on = datetime.fromtimestamp(each.at_us / MICROSECONDS, zone).date()
        entries.append(msgspec.structs.replace(each, is_new_day=on != day))
        day = on
    return tuple(entries)


def name_of_actor(actor: str, names: Mapping[str, str], say: Say) -> str:
    if actor in _ACTORS:
        return say(_ACTORS[actor])
    return names.get(actor, actor)


def _details(order: Order, event: Event, moves: tuple[Move, ...], reader: Reader) -> list[str]:
    """What is particular to it."""
    say, data, at = reader.say, event.data, event.occurred_at
    told: list[str] = []
    if event.kind == "placed":
        told += _decided(order, moves, reader)
    for shipment in order.doc.shipments:
        if event.kind in ("shipped", "shipped_in_part") and shipment.at == at:
            told.append(" ".join(filter(None, (shipment.carrier, shipment.tracking))))
    for payment in order.doc.payments:
        if event.kind == "paid" and payment.at == at:
            told.append(" ".join(filter(None, (payment.method or payment.way, payment.reference))))
    for refund in order.doc.refunds:
        if event.kind in ("refunded", "refunded_in_part") and refund.at == at:
            told += [refund.reason, refund.remark]
    if isinstance(data.get("units"), dict):
        told.append(say(N_("Units: %(units)s"), units=_units(order, data["units"])))
    if event.kind == "refunded_in_part" and data.get("amount"):
        amount = reader.money(Decimal(str(data["amount"])), order.currency)
        told.append(say(N_("Amount: %(amount)s"), amount=amount))
    if event.kind == "amended":
        told.append(", ".join(say(text) for text in _amended(data)))
    reason = data.get("reason")
    if isinstance(reason, str) and reason not in told:
        told.append(reason)
    return told


def _amended(data: Mapping[str, Any]) -> list[str]:
    """What was changed, each once, as `N_` marks it; what is not the order's own is its channel's."""
    names = (*data.get("changed", ()), *(name for name in data if name not in _BESIDE_CHANGES))
    return list(
        dict.fromkeys(CHANGED.get(name, N_("What its channel says of it")) for name in names)
    )


def _decided(order: Order, moves: tuple[Move, ...], reader: Reader) -> list[str]:
    """What it drew, and how it was split."""
    say = reader.say
    told: list[str] = []
    details = order.doc.business
    if isinstance(details, ParcelDetails) and details.warehouse:
        told.append(say(N_("One parcel from %(warehouse)s."), warehouse=details.warehouse))
        told.append(say(_why_split(order, details)))
    goods = _goods(order)
    for move in moves:
        if move.kind != "draw":
            continue
        key, units = move.key, stated(move.key.kind, move.units)
        if key.kind in MONEY_KINDS:
            amount = reader.money(Decimal(units), order.currency)
            told.append(say(N_("Drew %(amount)s from the balance"), amount=amount))
            continue
        what = goods.get(move.line_no) or f"{key.kind} {key.subject}"
        if key.place:
            told.append(say(DREW_FROM, units=units, what=what, place=key.place))
        else:
            told.append(say(N_("Drew %(units)s of %(what)s"), units=units, what=what))
    return told


def _why_split(order: Order, details: ParcelDetails) -> str:
    if order.doc.pricing.get("split") == "nearest-first":
        return N_("The nearest warehouse that could send goes first, as the business settles it.")
    if details.plan == "exact":
        return N_("No split of the request has fewer parcels.")
    return N_("Of a request this large not every split was tried: this is the best that was found.")


def _goods(order: Order) -> dict[int, str]:
    """What people call each of its lines."""
    return {line.line_no: line.sku or line.title for line in order.lines}


def _units(order: Order, units: Mapping[str, Any]) -> str:
    goods = _goods(order)
    return ", ".join(
        f"{goods.get(int(number)) or number} × {count}" for number, count in units.items()
    )
