"""What an order here does about what happened to it at a vendor's. Pure: the order and the news in, one change out.

News are told again and again, all that there is of an order: what it knows already comes to nothing. One change is
taken at a time, and each sees the order as the one before left it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from orderhub.core.calling_off import CALLED_OFF, wanted
from orderhub.core.commands import Action, CancelItem, ChangeOrder, Heard, OrderName, Origin
from orderhub.core.fulfilment import GIVEN_BACK, left, to_ship
from orderhub.core.handing import HandOver
from orderhub.core.steps import Refund, Shipment, Units
from orderhub.core.values import Line, LineKind, Order, Status
from orderhub.dialects.client import Job, News

_STANDING = (Status.PAID, Status.SHIPPED)
_IN_ORDER = ("shipped", "completed", "refunded", "cancelled")


class Change(msgspec.Struct, frozen=True):
    """The order is to take this step."""

    command: ChangeOrder


class Known(msgspec.Struct, frozen=True):
    """Nothing is left to do.

    news   names of those that are told for good
    stuck  why others cannot be followed yet
    """

    news: tuple[str, ...] = ()
    stuck: str = ""


def consequence(
    order: Order, hand_over: HandOver, job: Job, news: Iterable[News], origin: Origin
) -> Change | Known:
    """The next step that an order is to take for its news, or what is known by now.

    origin   of the command. Its actor is who tells: the relay
    """
    told: list[str] = []
    stuck: list[str] = []
    for each in sorted(news, key=lambda one: _IN_ORDER.index(one.kind)):
        strange = _strange(order, job, each)
        if strange:
            stuck.append(strange)
        if is_told(hand_over, each):
            continue
        before = _told_before(hand_over, each)
        found = (
            _renumbered(order, job, each, before)
            if before
            else _FOLLOWED[each.kind](order, hand_over, job, each)
        )
        if isinstance(found, str):
            stuck.append(found)
        elif found is not None:
            heard = Heard(
                order_id=order.id,
                connection_id=hand_over.connection_id,
                news=(_name(each.id, each),) if each.kind == "shipped" else (),
            )
            reason = each.reason or f"{each.kind} at the vendor's, as {each.number}"
            return Change(
                msgspec.structs.replace(
                    found, origin=origin, if_version=order.version, reason=reason, heard=heard
                )
            )
        elif each.kind == "shipped" and not strange:
            told.append(_name(each.id, each))
    return Known(tuple(told), "; ".join(dict.fromkeys(stuck)))


def is_settled(order: Order, hand_over: HandOver, news: Sequence[News]) -> bool:
    """Whether no more news is waited for: it ended here and there, or there alone."""
    if order.status is Status.COMPLETED:
        return True
    ends = {each.kind for each in news if not each.units}
    is_over = bool(ends & {"completed", "refunded", "cancelled"}) or CALLED_OFF in hand_over.told
    return is_over and all(is_told(hand_over, each) for each in news if each.kind == "shipped")


def is_told(hand_over: HandOver, news: News) -> bool:
    """Whether it is a parcel that is known here, with the carrier and the number that it has by now."""
    return news.kind == "shipped" and _name(news.id, news) in hand_over.told


# --- one kind of news: a change without its origin, a sentence why it cannot be followed, or nothing to do

_NOBODY = Origin(tenant_id=0, channel="", actor="", recorded_at=0)


def _change(order: Order, action: Action, **members: object) -> ChangeOrder:
    bare = ChangeOrder(origin=_NOBODY, name=OrderName("id", str(order.id)), action=action)
    return msgspec.structs.replace(bare, **members)


def _shipped(order: Order, _hand_over: HandOver, job: Job, news: News) -> ChangeOrder | str | None:
    parcel = f"{news.carrier} {news.tracking}".strip() or news.id
    if order.status in GIVEN_BACK:
        return f"the parcel {parcel} left there, though the order is {order.status} here"
    if order.status is Status.PENDING:
        return f"the parcel {parcel} left there, and the order is not paid here"
    if order.status is Status.REFUNDING:
        return f"the parcel {parcel} left there, while a refund is asked for here"
    lines = _handed(order, job)
    waiting = {line.line_no: to_ship(order, line) for line in lines}
    units = _shared(job, lines, news.units, waiting) if news.units else _some(waiting)
    shipment = Shipment(carrier=news.carrier, tracking=news.tracking, lines=units)
    if units:
        return _change(order, Action.SHIP_PART, shipment=shipment)
    # What is no goods has nothing to pack: the order goes as a whole.
    if order.status is Status.PAID and job.is_whole and not any(waiting.values()):
        return _change(order, Action.SHIP, shipment=shipment)
    return None


def _name(parcel: str, said: News | Shipment) -> str:
    """What a parcel is noted by: another number, which may come after it, is told anew."""
    return f"{parcel}|{said.carrier}|{said.tracking}"


def _told_before(hand_over: HandOver, news: News) -> str:
    """As what a parcel was noted last; empty = it is a new one."""
    if news.kind != "shipped":
        return ""
    names = [each for each in hand_over.told if each == news.id or each.startswith(f"{news.id}|")]
    return names[-1] if names else ""


def _renumbered(order: Order, job: Job, news: News, before: str) -> ChangeOrder | None:
    """A parcel that is known gets its number, or another one: of those alike it is the one with the same units."""
    shipments = order.doc.shipments
    alike = [at for at, each in enumerate(shipments) if _name(news.id, each) == before]
    if not alike or not news.tracking:
        return None
    lines = _handed(order, job)
    units = _shared(job, lines, news.units, {line.line_no: line.quantity for line in lines})
    at = next((at for at in alike if shipments[at].lines == units), alike[0])
    parcel = msgspec.structs.replace(
        shipments[at], carrier=news.carrier or shipments[at].carrier, tracking=news.tracking
    )
    written = (*shipments[:at], parcel, *shipments[at + 1 :])
    return _change(order, Action.AMEND, changes={"shipments": written})


def _completed(
    order: Order, _hand_over: HandOver, job: Job, _news: News
) -> ChangeOrder | str | None:
    if not job.is_whole or order.status not in _STANDING:
        return None
    if any(to_ship(order, line) for line in order.lines):
        return None
    return _change(order, Action.COMPLETE)


def _given_back(
    order: Order, hand_over: HandOver, job: Job, news: News
) -> ChangeOrder | str | None:
    """Cancelled or refunded there, as a whole or some units: all so far, of which the order may know some."""
    if order.status in GIVEN_BACK:
        return None
    lines = _handed(order, job)
    standing = {line.line_no: left(order, line) for line in lines}
    if news.units:
        back = wanted(order, hand_over)
        units = _shared(job, lines, _beyond(job, lines, news.units, back), standing)
    else:
        units = _some(standing)
    if job.is_whole and units == _some({line.line_no: left(order, line) for line in order.lines}):
        whole = Action.CANCEL if order.status is Status.PENDING else Action.REFUND
        return _change(order, whole)
    if not units:
        return None
    if order.status is not Status.PENDING:
        return _change(order, Action.REFUND_PART, refund=Refund(lines=units))
    if all(line.kind is LineKind.GOOD for line in lines if line.line_no in units):
        items = tuple(
            CancelItem(quantity=count, order_id=order.id, line_no=number)
            for number, count in units.items()
        )
        return _change(order, Action.CALL_OFF, items=items)
    return f"some of it was {news.kind} there, which an unpaid order of its kind cannot follow"


_FOLLOWED: Mapping[str, Callable[[Order, HandOver, Job, News], ChangeOrder | str | None]] = {
    "shipped": _shipped,
    "completed": _completed,
    "refunded": _given_back,
    "cancelled": _given_back,
}

# --- units


def _handed(order: Order, job: Job) -> list[Line]:
    """The order's lines, as they stand, that were handed over."""
    numbers = {line.line_no for line in job.lines}
    return [line for line in order.lines if line.line_no in numbers]


def _names(job: Job, line: Line) -> tuple[str, ...]:
    """What the vendor may call a line's thing: by its id, or by its name where nothing lists it."""
    listing = job.listings.get(line.line_no)
    names: tuple[str, ...] = (line.title, line.sku)
    if listing is not None:
        names = (listing.id, listing.title, *names)
    return tuple(name.lower() for name in names if name)


def _strange(order: Order, job: Job, news: News) -> str:
    """What of it is none of what was sent, in a sentence; empty = all of it is."""
    known = {name for line in _handed(order, job) for name in _names(job, line)}
    strange = [name or "what has no name" for name in news.units if name.lower() not in known]
    if not strange:
        return ""
    return f"{news.kind} there, and nothing that was sent is called so: {', '.join(strange)[:200]}"


def _some(units: Units) -> Units:
    return {number: count for number, count in units.items() if count > 0}


def _shared(job: Job, lines: list[Line], theirs: Mapping[str, int], most: Units) -> Units:
    """Units by the vendor's names, among the lines that bear them: first those that come first."""
    rest = {name.lower(): count for name, count in theirs.items()}
    found: Units = {}
    for line in lines:
        name = next((each for each in _names(job, line) if each in rest), "")
        count = min(rest.get(name, 0), most.get(line.line_no, 0))
        if count > 0:
            rest[name] -= count
            found[line.line_no] = count
    return found


def _beyond(job: Job, lines: list[Line], theirs: Mapping[str, int], known: Units) -> dict[str, int]:
    """What is more than the lines of each name know of already."""
    rest = {name.lower(): count for name, count in theirs.items()}
    for line in lines:
        name = next((each for each in _names(job, line) if each in rest), "")
        if name:
            rest[name] -= known.get(line.line_no, 0)
    return {name: count for name, count in rest.items() if count > 0}
