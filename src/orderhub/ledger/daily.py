"""The daily roll-up: kept with every batch, read by day, and filled for events from before there was one.

Its rows are tallies, so that a batch writes them in the statement of those: the owner tells the day, the status the
currency, and `n` counts the orders. What an event counts for is said in core/daily.py.

An event that counts tells its day; whoever sets the day of an old event adds it up in the same transaction, so that
each counts once, whoever is interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, literal_column, select, text

from orderhub.core import daily
from orderhub.core.daily import Counted, DayFigures, Figures, Worth
from orderhub.core.facts import Accepted, Facts
from orderhub.core.money import to_micros
from orderhub.core.values import Event, Order, Settings
from orderhub.ledger import bulk, rows
from orderhub.ledger.driver import Driver
from orderhub.ledger.tables import order_event, order_line, orders, tally

DayName = tuple[int, str, str, str]  # tenant, day, channel, currency

# No owner can be called so.
DAY = "(day) "
_MILLION = 1_000_000
# What is wrong with a stored document, or with an amount that an event tells.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_AMOUNTS = ("revenue", "refunded", "cancelled")
_COUNTS = {"orders": "n", **{each: each for each in ("units", "refunds", "cancellations")}}
SUMS = (*_COUNTS.values(), *_AMOUNTS, *(f"{each}_millionths" for each in _AMOUNTS))
# SQLite would rather walk all events of a tenant than believe that next to none waits.
_WAITS = {
    name: text(f"SELECT 1 FROM order_event {by} WHERE tenant_id = :tenant AND day = '' LIMIT 1")
    for name, by in (("sqlite", "INDEXED BY order_event_uncounted"), ("postgresql", ""))
}
NO_SUMS = (0,) * (len(SUMS) - 1)  # behind the first, which is a plain count
_COLUMNS = tuple(tally.columns.keys())
# Whatever is counted is added to what is there; the millionths that make a whole are carried.
_ADDED = "DO UPDATE SET " + ", ".join(
    (
        *(f"{name} = tally.{name} + excluded.{name}" for name in _COUNTS.values()),
        *(
            f"{name} = tally.{name} + excluded.{name} + ({rest}) / {_MILLION}, "
            f"{name}_millionths = {rest} - ({rest}) / {_MILLION} * {_MILLION}"
            for name in _AMOUNTS
            for rest in (f"tally.{name}_millionths + excluded.{name}_millionths",)
        ),
    )
)


class Sums:
    """Figures by tenant, day, channel and currency."""

    def __init__(self) -> None:
        self.figures: dict[DayName, Figures] = {}

    def of(self, name: DayName) -> Figures:
        """To be added to."""
        found = self.figures.get(name)
        if found is None:
            found = self.figures[name] = Figures()
        return found

    def add(self, tenant_id: int, day: str, channel: str, counted: Counted) -> None:
        for currency, figures in counted:
            self.of((tenant_id, day, channel, currency)).add(figures)

    def rows(self, slot: int) -> list[tuple[Any, ...]]:
        """As tallies, for `add`."""
        return [
            _row_of(name, slot, figures)
            for name, figures in self.figures.items()
            if figures != daily.NOTHING
        ]

    def write(self, driver: Driver, slot: int) -> None:
        add(driver, self.rows(slot))


class Days:
    """What the accepted commands of a batch count for. An order counted for something before it was changed."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._placed: dict[tuple[int, int], tuple[Event, Order]] = {}
        self._worth: dict[tuple[int, int], Worth] = {}
        self.sums = Sums()

    def count(self, accepted: Accepted) -> None:
        if accepted.events and accepted.events[0].is_past:
            self._count_past(accepted)
            return
        if len(accepted.events) == 1 and accepted.placed:  # as with most of them
            self._count_placed(accepted.events[0], accepted.placed[0])
            return
        touched = {each.id: each for each in (*accepted.changed, *accepted.placed)}
        for event in accepted.events:
            order = touched[event.order_id]
            if event.version == 1:
                self._count_placed(event, order)
            else:
                self._count_later(event, order)

    def _count_past(self, accepted: Accepted) -> None:
        """A whole history at once, of an order that stands where that has led it."""
        order = accepted.order
        self._worth[(order.tenant_id, order.id)] = Worth.of(order)
        told = (event.data for event in accepted.events)
        counted = daily.history(told, daily.units_in(order))
        for event, each in zip(accepted.events, counted, strict=True):
            self.sums.add(order.tenant_id, event.day, order.channel, each)

    def _count_placed(self, event: Event, order: Order) -> None:
        """As `daily.first` says, which is not asked until the order is changed in the same batch."""
        self._placed[(order.tenant_id, order.id)] = (event, order)
        if event.day:
            name = (order.tenant_id, event.day, order.channel, order.currency)
            figures = self.sums.of(name)
            figures.orders += 1
            figures.units += daily.units_in(order)
            figures.revenue += to_micros(event.data["total"])

    def _count_later(self, event: Event, order: Order) -> None:
        name = (order.tenant_id, order.id)
        before = self._worth.get(name) or self._before(name, order)
        self._worth[name], counted = daily.later(before, event.data)
        if event.day:
            self.sums.add(order.tenant_id, event.day, order.channel, counted)

    def _before(self, name: tuple[int, int], order: Order) -> Worth:
        if name not in self._placed:
            return Worth.of(self._facts.when_loaded(order))
        event, placed = self._placed[name]
        return daily.first(event.data, daily.units_in(placed))[0]


def _row_of(name: DayName, slot: int, figures: Figures) -> tuple[Any, ...]:
    tenant_id, day, channel, currency = name
    return (
        tenant_id,
        DAY + day,
        channel,
        currency,
        slot,
        figures.orders,
        figures.units,
        *divmod(figures.revenue, _MILLION),
        figures.refunds,
        *divmod(figures.refunded, _MILLION),
        figures.cancellations,
        *divmod(figures.cancelled, _MILLION),
    )


def add(driver: Driver, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add to the tallies. A row is one of the table's, in the order of its columns; no two have one key."""
    if rows:
        bulk.insert_tuples(driver, tally, _COLUMNS, rows, _ADDED)


def row_name(name: DayName) -> dict[str, Any]:
    """What the tallies of a day are called, whatever their slot."""
    tenant_id, day, channel, currency = name
    return {"tenant_id": tenant_id, "owner": DAY + day, "door": channel, "status": currency}


def name_of(row: Any) -> DayName:
    return row.tenant_id, row.owner.removeprefix(DAY), row.door, row.status


def figures_of(row: Any) -> Figures:
    """Of a row, or of sums over rows."""
    found = {each: int(getattr(row, column)) for each, column in _COUNTS.items()}
    for each in _AMOUNTS:
        whole, rest = getattr(row, each), getattr(row, f"{each}_millionths")
        found[each] = int(whole) * _MILLION + int(rest)
    return Figures(**found)


# --- read


def days(connection: Connection, tenant_id: int, first: str, last: str) -> tuple[DayFigures, ...]:
    """The days from `first` to `last`, newest first, by channel and currency."""
    found = (
        summed()
        .where(tally.c.tenant_id == tenant_id, tally.c.owner.between(DAY + first, DAY + last))
        .order_by(tally.c.owner.desc(), tally.c.door, tally.c.status)
    )
    every = (DayFigures(*name_of(row)[1:], figures_of(row)) for row in connection.execute(found))
    return tuple(each for each in every if each.figures != daily.NOTHING)


def summed() -> Select[Any]:
    """All days, all slots of each together."""
    names = (tally.c.tenant_id, tally.c.owner, tally.c.door, tally.c.status)
    sums = (func.sum(tally.c[each]).label(each) for each in SUMS)
    return select(*names, *sums).where(tally.c.owner.startswith(DAY)).group_by(*names)


def is_whole(connection: Connection, tenant_id: int) -> bool:
    """Whether every event is counted; else some from before there was a roll-up still wait."""
    waits = _WAITS[connection.dialect.name]
    return connection.execute(waits, {"tenant": tenant_id}).first() is None


# --- events from before


def fill(connection: Connection, settings_of: Callable[[int], Settings], at_most: int) -> int:
    """Count the waiting events of at most so many orders, by the zones of today; answers of how many it did."""
    waiting = [dict(row._mapping) for row in connection.execute(_waiting(at_most))]  # noqa: SLF001 - its API
    if not waiting:
        return 0
    # Of one tenant at a time: those of several may lie on several nodes, and rows are locked on one.
    waiting = [each for each in waiting if each["tenant_id"] == waiting[0]["tenant_id"]]
    driver = Driver(connection)
    # Whoever changes an order locks it first: from here on nobody else tells or counts events of these.
    named = [{"tenant_id": each["tenant_id"], "id": each["order_id"]} for each in waiting]
    locked = bulk.select(driver, orders, named, order_by=("tenant_id", "id"), lock=True)
    by_name = {(row.tenant_id, row.id): row for row in locked}
    lines = _by_order(bulk.select(driver, order_line, waiting))
    events = _by_order(bulk.select(driver, order_event, waiting, order_by=("version",)))
    tenants = {each["tenant_id"] for each in waiting}
    zones = {tenant_id: settings_of(tenant_id).time_zone for tenant_id in tenants}
    sums, told = Sums(), list[dict[str, Any]]()
    for name, history in events.items():
        order = by_name.get(name)
        units = 0 if order is None else daily.units_of(lines.get(name, ()), recorded=order.recorded)
        counted = _counted(history, units)
        for event, each in zip(history, counted, strict=True):
            if event.day:
                continue
            day = daily.day_in(zones[name[0]], _occurred(event, order))
            told.append(
                {
                    "tenant_id": event.tenant_id,
                    "order_id": event.order_id,
                    "version": event.version,
                    "day": day,
                }
            )
            if order is not None:
                sums.add(event.tenant_id, day, order.door, each)
    if told:
        bulk.update(driver, order_event, told)
    sums.write(driver, 0)
    return len(waiting)


def _waiting(at_most: int) -> Select[Any]:
    # In words, not as a parameter: only then is the partial index known to cover it.
    is_waiting = order_event.c.day == literal_column("''")
    names = (order_event.c.tenant_id, order_event.c.order_id)
    return select(*names).where(is_waiting).distinct().order_by(*names).limit(at_most)


def _by_order(found: Sequence[Any]) -> dict[tuple[int, int], list[Any]]:
    result: dict[tuple[int, int], list[Any]] = {}
    for row in found:
        result.setdefault((row.tenant_id, row.order_id), []).append(row)
    return result


def _counted(events: Sequence[Any], units: int) -> list[Counted]:
    """An order whose events cannot be read counts for nothing: that is a matter of `orderhub check`."""
    try:
        return list(daily.history((rows.event_data(each.data) for each in events), units))
    except UNREADABLE:
        return [()] * len(events)


def _occurred(event: Any, order: Any) -> int:
    """The tenant's time. The first event of a recorded order tells the wall's; the order knows better."""
    if order is not None and order.recorded and event.version == 1:
        try:
            return int(rows.order_doc(order.doc).business.stated_at)  # type: ignore[union-attr]
        except UNREADABLE:
            pass
    return int(event.occurred_at)
