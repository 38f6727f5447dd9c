"""A day adds up to what was recorded on it, whatever came and in whichever batches."""

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderhub.core.commands import (
    CancelItem,
    ChangeOrder,
    Command,
    LineChange,
    OrderName,
    StatedLine,
)
from orderhub.core.daily import DayFigures, Figures, units_in
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.steps import Refund
from orderhub.core.values import Order, Status
from orderhub.ledger.check import check_ledger
from orderhub.ledger.daily import DAY
from orderhub.ledger.database import open_engine, writing
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.examples import examples
from tests.support.world import NOON, SHOP, Action

HOUR_US = 3_600_000_000
MILLION = 1_000_000
EVER = ("0001-01-01", "9999-12-31")
Days = dict[tuple[str, str, str], Figures]


def days(ledger: Ledger, tenant: int = SHOP) -> Days:
    found = ledger.read(lambda reads: reads.days(tenant, *EVER))
    return {(each.day, each.channel, each.currency): each.figures for each in found}


def sums(found: Days) -> dict[str, Figures]:
    result: dict[str, Figures] = {}
    for (_, _, currency), figures in found.items():
        result.setdefault(currency, Figures()).add(figures)
    return result


def at(day_us: int, **more: Any) -> Any:
    return world.origin(recorded_at=NOON + day_us, **more)


# --- what counts for what


def test_an_order_and_its_refunds_count_on_their_own_days(ledger: Ledger) -> None:
    order = world.place(ledger, world.basket((188, 3), origin=at(0)))
    world.run_all(ledger, world.change(order, Action.PAY, origin=at(10 * HOUR_US)))
    part = world.change(
        order, Action.REFUND_PART, refund=Refund(lines={1: 1}), origin=at(30 * HOUR_US)
    )
    world.run_all(ledger, part)
    world.run_all(ledger, world.change(order, Action.REFUND, origin=at(60 * HOUR_US)))
    assert days(ledger) == {
        ("2023-11-14", "test", "USD"): Figures(orders=1, units=3, revenue=28_500_000),
        ("2023-11-16", "test", "USD"): Figures(refunds=1, refunded=9_500_000),
        ("2023-11-17", "test", "USD"): Figures(refunds=1, refunded=19_000_000),
    }


def test_an_unpaid_order_is_cancelled_rather_than_refunded(ledger: Ledger) -> None:
    order = world.place(ledger, world.basket((188, 3), origin=at(0)))
    one = CancelItem(order_id=order.id, line_no=1, quantity=1)
    less = world.change(order, Action.CALL_OFF, items=(one,), origin=at(1))
    gone = world.change(order, Action.CANCEL, origin=at(24 * HOUR_US))
    world.run_all(ledger, less, gone)
    assert days(ledger) == {
        ("2023-11-14", "test", "USD"): Figures(
            orders=1, units=3, revenue=28_500_000, cancelled=9_500_000
        ),
        ("2023-11-15", "test", "USD"): Figures(cancellations=1, cancelled=19_000_000),
    }


def test_what_is_stated_anew_counts_by_how_much_it_changed(ledger: Ledger) -> None:
    line = StatedLine(title="Thing", price=Decimal("2.50"), quantity=4)
    order = world.place(ledger, world.sale("10.00", items=(line,), origin=at(0)))
    less = world.change(
        order,
        Action.AMEND,
        changes={"total": Decimal("7.50")},
        line_changes=(LineChange(line_no=1, quantity=3),),
        origin=at(24 * HOUR_US),
    )
    elsewhere = world.change(
        order, Action.AMEND, changes={"currency": "CHF"}, origin=at(48 * HOUR_US)
    )
    world.run_all(ledger, less)
    world.run_all(ledger, elsewhere)
    assert days(ledger) == {
        ("2023-11-14", "test", "EUR"): Figures(orders=1, units=4, revenue=10_000_000),
        ("2023-11-15", "test", "EUR"): Figures(units=-1, revenue=-2_500_000),
        ("2023-11-16", "test", "EUR"): Figures(orders=-1, units=-3, revenue=-7_500_000),
        ("2023-11-16", "test", "CHF"): Figures(orders=1, units=3, revenue=7_500_000),
    }


def test_a_day_is_the_tenants_by_its_zone_and_its_clock(ledger: Ledger) -> None:
    zone = world.settings(time_zone="Pacific/Auckland")
    world.run_all(ledger, world.sale(origin=at(0)), zone, world.sale(origin=at(1)))
    world.run_all(ledger, world.clock("advance", by_us=24 * HOUR_US))
    world.run_all(ledger, world.sale(origin=at(2)))
    # 22:13 on the 14th in Greenwich, 11:13 on the 15th in Auckland.
    assert [day for day, _, _ in days(ledger)] == ["2023-11-16", "2023-11-15", "2023-11-14"]


def test_more_than_a_number_of_the_database_holds_adds_up(ledger: Ledger) -> None:
    most = "999999999999.999999"
    world.run_all(ledger, *(world.sale(most, origin=at(n)) for n in range(20)))
    world.run_all(ledger, world.sale(most, origin=at(21)))
    (figures,) = days(ledger).values()
    assert figures.revenue == 21 * (10**18 - 1)
    assert check_ledger(ledger.engine).total == 0


def test_a_dry_run_and_a_refused_order_count_for_nothing(ledger: Ledger) -> None:
    world.run(ledger, world.waiting(world.sale(), dry_run=True), world.basket((191, 1)))
    assert days(ledger) == {}


def test_processes_add_to_rows_of_their_own(ledger: Ledger, world_url: str) -> None:
    def sell(slot: int) -> None:
        with world.second_process(world_url) as other:
            for _ in range(10):
                world.run_all(other, world.sale(origin=at(0)), slot=slot)

    processes = [threading.Thread(target=sell, args=(slot,)) for slot in (1, 2, 3)]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
    assert days(ledger) == {
        ("2023-11-14", "test", "EUR"): Figures(orders=30, units=30, revenue=300_000_000)
    }
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT slot FROM tally WHERE owner = '{DAY}2023-11-14'")
        assert sorted(rows.scalars()) == [1, 2, 3]


# --- any sequence of commands


@contextmanager
def copied(template: Path, where: Path) -> Iterator[Ledger]:
    for old in where.parent.glob(f"{where.name}*"):
        old.unlink()
    opened = Ledger(open_engine(f"sqlite:///{shutil.copy(template, where)}"), RECORD_TYPES)
    try:
        yield opened
    finally:
        opened.close()


ZONES = ("UTC", "America/New_York", "Pacific/Auckland", "+05:30")
AMOUNTS = st.sampled_from(("0.01", "5", "999999999999.999999"))


def _order(order_id: int, action: Action, **more: Any) -> ChangeOrder:
    return ChangeOrder(
        origin=world.origin(), name=OrderName("id", str(order_id)), action=action, **more
    )


ORDER_IDS = st.integers(1, 4)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(lambda n: world.basket((188, n)), st.integers(1, 3)),
    st.builds(
        lambda total, currency, n: world.sale(
            total,
            terms={"currency": currency},
            items=(StatedLine(title="Thing", price=Decimal(1), quantity=n),),
        ),
        AMOUNTS,
        st.sampled_from(("EUR", "USD")),
        st.integers(1, 3),
    ),
    st.builds(
        _order,
        ORDER_IDS,
        st.sampled_from((Action.PAY, Action.PAY, Action.CANCEL, Action.REFUND, Action.SHIP)),
    ),
    st.builds(
        lambda order_id, units: _order(
            order_id,
            Action.CALL_OFF,
            items=(CancelItem(order_id=order_id, line_no=1, quantity=units),),
        ),
        ORDER_IDS,
        st.integers(1, 2),
    ),
    st.builds(
        lambda order_id, units: _order(
            order_id, Action.REFUND_PART, refund=Refund(lines={1: units})
        ),
        ORDER_IDS,
        st.integers(1, 2),
    ),
    st.builds(
        lambda order_id, amount: _order(
            order_id, Action.REFUND_PART, refund=Refund(amount=Decimal(amount))
        ),
        ORDER_IDS,
        AMOUNTS,
    ),
    st.builds(
        lambda order_id, changes: _order(order_id, Action.AMEND, changes=changes),
        ORDER_IDS,
        st.fixed_dictionaries(
            {},
            optional={
                "total": AMOUNTS.map(Decimal),
                "currency": st.sampled_from(("EUR", "USD")),
            },
        ),
    ),
    st.builds(
        lambda order_id, changed, added: _order(
            order_id, Action.AMEND, line_changes=changed, add_lines=added
        ),
        ORDER_IDS,
        st.sampled_from(
            (
                (),
                (LineChange(line_no=1, quantity=5),),
                (LineChange(line_no=1, cancelled=True),),
            )
        ),
        st.sampled_from(((), (StatedLine(title="More", price=Decimal(3), quantity=2),))),
    ),
)
# Hours that pass before a command, and how many of them share a batch.
SEQUENCES = st.lists(
    st.tuples(st.sampled_from((0, 0, 1, 13, 40)), COMMANDS), min_size=1, max_size=12
)


def worth(orders: tuple[Order, ...]) -> dict[str, tuple[int, int, int]]:
    """By currency: how many orders there are, of how many units and for how much."""
    found: dict[str, list[int]] = {}
    for order in orders:
        sums = found.setdefault(order.currency, [0, 0, 0])
        sums[0] += 1
        sums[1] += units_in(order)
        sums[2] += int(order.total * MILLION)
    return {currency: (n, units, total) for currency, (n, units, total) in found.items()}


def today(zone: str, now_us: int) -> str:
    if zone == "+05:30":
        zone, now_us = "UTC", now_us + 5 * HOUR_US + HOUR_US // 2
    return datetime.fromtimestamp(now_us / MILLION, ZoneInfo(zone)).date().isoformat()


def test_any_commands_add_up_to_the_same_as_their_events(
    world_file: Path, tmp_path: Path, fuzz_examples: int
) -> None:
    seen: Counter[str] = Counter()
    # What is claimed below to be met is met, whatever chance adds.
    sold = world.sale(items=(StatedLine(title="Thing", price=Decimal(1), quantity=2),))
    certain = [
        (0, world.basket((188, 2))),
        (40, _order(1, Action.PAY)),
        (40, _order(1, Action.REFUND_PART, refund=Refund(lines={1: 1}))),
        (0, world.basket((188, 2))),
        (13, _order(2, Action.CANCEL)),
        (0, sold),
        (40, _order(3, Action.AMEND, changes={"total": Decimal(3), "currency": "USD"})),
        (0, _order(3, Action.AMEND, line_changes=(LineChange(line_no=1, quantity=5),))),
    ]

    @examples(fuzz_examples, shrink=True)
    @example(certain, "America/New_York", 1)
    @example(certain, "America/New_York", 9)
    @given(SEQUENCES, st.sampled_from(ZONES), st.integers(1, 4))
    def adds_up(sequence: list[tuple[int, Command]], zone: str, at_once: int) -> None:
        with copied(world_file, tmp_path / "days.sqlite") as ledger:
            world.run_all(ledger, world.settings(time_zone=zone))
            commands, now = [], NOON
            for hours, command in sequence:
                now += hours * HOUR_US + 1_000
                origin = msgspec.structs.replace(command.origin, recorded_at=now)
                commands.append(msgspec.structs.replace(command, origin=origin))
            for start in range(0, len(commands), at_once):
                batch = commands[start : start + at_once]
                before = days(ledger)
                world.run(ledger, *batch)
                changed = {day for (day, *_), figures in _differ(before, days(ledger)) if figures}
                assert changed <= {today(zone, each.origin.recorded_at) for each in batch}
            rolled = days(ledger)
            orders = world.all_orders(ledger, SHOP)
            every = sums(rolled)
            assert {
                currency: found
                for currency, each in every.items()
                if any(found := (each.orders, each.units, each.revenue))
            } == worth(orders)
            cancelled = sum(order.status is Status.CANCELLED for order in orders)
            assert sum(each.cancellations for each in every.values()) == cancelled
            assert check_ledger(ledger.engine).breaches == []
            forget(ledger)
            while ledger.count_old_events(2):
                assert check_ledger(ledger.engine).breaches == []
            assert days(ledger) == rolled
            for each in every.values():
                seen.update(name for name in Figures.__struct_fields__ if getattr(each, name))

    adds_up()
    assert set(seen) == set(Figures.__struct_fields__)


def _differ(before: Days, after: Days) -> list[tuple[tuple[str, str, str], bool]]:
    return [(name, before.get(name) != after.get(name)) for name in before.keys() | after.keys()]


# --- events from before


def forget(ledger: Ledger) -> None:
    """As if there had been no roll-up when they were written."""
    with writing(ledger.engine).begin() as connection:
        connection.exec_driver_sql("UPDATE order_event SET day = ''")
        connection.exec_driver_sql(
            f"DELETE FROM tally WHERE substr(owner, 1, {len(DAY)}) = '{DAY}'"
        )


def test_old_events_are_counted_once_whoever_counts_and_whatever_comes_meanwhile(
    ledger: Ledger, world_url: str
) -> None:
    orders = [world.place(ledger, world.basket((188, 1), origin=at(n))) for n in range(12)]
    forget(ledger)
    assert not ledger.read(lambda reads: reads.are_days_whole(SHOP))
    broken: list[BaseException] = []

    def count() -> None:
        try:
            with world.second_process(world_url) as other:
                while other.count_old_events(2):
                    pass
        except BaseException as error:  # noqa: BLE001 - told below
            broken.append(error)

    others = [threading.Thread(target=count) for _ in range(2)]
    for each in others:
        each.start()
    for n, order in enumerate(orders):
        steps = (Action.PAY, Action.REFUND)
        for step in steps:
            world.run_all(ledger, world.change(order, step, origin=at(n + 30 * HOUR_US)))
    for each in others:
        each.join()
    assert broken == []
    assert ledger.read(lambda reads: reads.are_days_whole(SHOP))
    assert days(ledger) == {
        ("2023-11-14", "test", "USD"): Figures(orders=12, units=12, revenue=114_000_000),
        ("2023-11-16", "test", "USD"): Figures(refunds=12, refunded=114_000_000),
    }
    assert check_ledger(ledger.engine).total == 0


def test_an_event_that_cannot_be_read_keeps_no_other_from_being_counted(ledger: Ledger) -> None:
    for n in range(3):
        world.place(ledger, world.sale(origin=at(n)))
    forget(ledger)
    with writing(ledger.engine).begin() as connection:
        first = "(SELECT min(order_id) FROM order_event)"
        connection.exec_driver_sql(f"UPDATE order_event SET data = '[' WHERE order_id = {first}")
    while ledger.count_old_events(1):
        pass
    assert [each.orders for each in days(ledger).values()] == [2]


@pytest.mark.parametrize("day", ["2023-11-13", "2023-11-15"])
def test_other_days_have_nothing(ledger: Ledger, day: str) -> None:
    world.place(ledger, world.sale(origin=at(0)))
    assert ledger.read(lambda reads: reads.days(SHOP, day, day)) == ()
    (found,) = ledger.read(lambda reads: reads.days(SHOP, "2023-11-14", "2023-11-14"))
    assert found == DayFigures(
        "2023-11-14", "test", "EUR", Figures(orders=1, units=1, revenue=10_000_000)
    )
