"""Pools with ample left are not locked while a batch is decided: another process draws on them meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from orderhub.core.answer import Answer
from orderhub.core.commands import AdjustPool, Command, Numbering, PlaceOrder
from orderhub.core.facts import Accepted
from orderhub.core.freight import FreightRate, keys_of_rate
from orderhub.core.memberships import balance_subject
from orderhub.core.parcels import Dropship, Item
from orderhub.core.steps import Payment
from orderhub.core.values import Address
from orderhub.intake.batch import CommandBatch
from orderhub.intake.uids import Uids
from orderhub.ledger.changeset import Stale
from orderhub.ledger.check import check_ledger
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import Action, Decimal, ask, intake_of, second_process

pytestmark = pytest.mark.postgres
HAT = "product:188"
USD = 1_000_000  # a balance is counted in millionths


@contextmanager
def processes(url: str, count: int) -> Iterator[list[Ledger]]:
    """So many at one database; what they leave there is lawful."""
    with ExitStack() as stack:
        ledgers = [stack.enter_context(second_process(url)) for _ in range(count)]
        yield ledgers
        assert [str(each) for each in check_ledger(ledgers[0].engine).breaches] == []


@pytest.fixture
def two(postgres_world: str) -> Iterator[tuple[Ledger, Ledger]]:
    with processes(postgres_world, 2) as (one, other):
        yield one, other


def decide(
    ledger: Ledger,
    command: Command,
    meanwhile: Callable[[], object] = lambda: None,
    *,
    optimistic: bool = True,
) -> str:
    """`meanwhile`: what is done once the command is decided, before it is written. Locks are not waited for."""

    def say(_accepted: Accepted) -> Answer:
        meanwhile()
        return Answer(200, b"")

    asked = world.waiting(command, answer=say)
    run = CommandBatch(ledger, Uids(), 0, [asked], world.NOON, hurried=True, optimistic=optimistic)
    return run.run()[0].kind


def sell(
    ledger: Ledger,
    units: int = 1,
    meanwhile: Callable[[], object] = lambda: None,
    *,
    optimistic: bool = True,
) -> str:
    return decide(ledger, world.basket((188, units)), meanwhile, optimistic=optimistic)


def see_locked(ledger: Ledger, subject: str) -> None:
    sql = "SELECT 1 FROM pool WHERE subject = %s FOR UPDATE NOWAIT"
    with ledger.engine.begin() as connection, pytest.raises(Exception, match="could not obtain"):
        connection.exec_driver_sql(sql, (subject,))


def test_what_two_batches_draw_at_once_is_added_up(two: tuple[Ledger, Ledger]) -> None:
    one, other = two
    world.run_all(one, world.adjust(0, HAT, count=1_000))
    assert sell(one, 2, meanwhile=lambda: sell(other, 3)) == "accepted"
    assert world.stock(one, HAT) == 995


@pytest.mark.parametrize(
    "meanwhile",
    [
        world.adjust(-995, HAT),  # too little is left
        world.adjust(0, HAT, low_at=999),  # what is little has changed
        world.adjust(-999, HAT),
    ],
)
def test_what_does_not_hold_any_more_is_decided_again(
    two: tuple[Ledger, Ledger], meanwhile: object
) -> None:
    one, other = two
    world.run_all(one, world.adjust(0, HAT, count=1_000))
    with pytest.raises(Exception, match="division by zero") as failed:
        sell(one, 6, meanwhile=lambda: world.run_all(other, meanwhile))
    assert one.is_passing(failed.value)
    left = world.stock(one, HAT)
    assert sell(one, 6, optimistic=False) == ("accepted" if left >= 6 else "rejected")
    assert world.stock(one, HAT) == (left - 6 if left >= 6 else left)


@pytest.mark.parametrize("left", [1, 2, 8])
def test_the_last_units_are_sold_under_a_lock(two: tuple[Ledger, Ledger], left: int) -> None:
    one, other = two
    world.run_all(one, world.adjust(0, HAT, count=left))
    assert sell(one, left, meanwhile=lambda: see_locked(other, HAT)) == "accepted"
    assert world.stock(one, HAT) == 0
    assert sell(one) == "rejected"


def test_who_buys_up_all_that_is_there_is_decided_twice(two: tuple[Ledger, Ledger]) -> None:
    one, _ = two
    world.run_all(one, world.adjust(0, HAT, count=1_000))
    with pytest.raises(Stale):
        sell(one, 1_000)
    assert sell(one, 1_000, optimistic=False) == "accepted"


def fill(by: int, **more: int) -> AdjustPool:
    return world.adjust(by * USD, "USD", "", kind="balance", **more)


def sell_mugs(ledger: Ledger) -> None:
    """Mugs at 9.50 USD and 0.50 for the way, paid from a balance that is not filled yet."""
    mug = world.product(190, code="MUG", stocked=False, currency="USD")
    rate = FreightRate(id=1, base=Decimal("0.50"))
    world.run_all(
        ledger,
        world.settings(currency="USD"),
        world.put(
            world.RecordChange(kind="product", id=190, code="MUG", doc=mug),
            world.RecordChange(kind="freight_rate", id=1, doc=rate, keys=keys_of_rate(rate)),
        ),
        fill(0),
    )


def mugs(units: int = 1) -> PlaceOrder:
    return PlaceOrder(
        origin=world.origin(),
        terms=Dropship(items=(Item("MUG", units),)),
        numbering=Numbering.ID13,
        ship_to=Address(recipient="A", country="US"),
    )


def balance(ledger: Ledger) -> Decimal:
    (pool,) = ledger.read(lambda reads: reads.pools(world.SHOP, "balance", ("USD",)))
    return Decimal(pool.available) / USD


def test_two_batches_are_paid_from_one_balance_at_once(two: tuple[Ledger, Ledger]) -> None:
    one, other = two
    sell_mugs(one)
    world.run_all(one, fill(100))
    assert decide(one, mugs(2), lambda: decide(other, mugs(3))) == "accepted"
    assert balance(one) == Decimal("51.50")


def test_a_balance_that_is_spent_meanwhile_is_not_spent_twice(two: tuple[Ledger, Ledger]) -> None:
    one, other = two
    sell_mugs(one)
    world.run_all(one, fill(30))
    with pytest.raises(Exception, match="division by zero") as failed:
        decide(one, mugs(2), lambda: decide(other, mugs(2)))
    assert one.is_passing(failed.value)
    assert decide(one, mugs(2), optimistic=False) == "rejected"
    assert balance(one) == Decimal("10.50")


def test_below_what_is_told_of_a_balance_it_is_locked(two: tuple[Ledger, Ledger]) -> None:
    one, other = two
    sell_mugs(one)
    world.run_all(one, fill(100, low_at=90 * USD))
    with pytest.raises(Stale):  # it would be told of
        decide(one, mugs())
    assert decide(one, mugs(), optimistic=False) == "accepted"
    assert decide(one, mugs(), lambda: see_locked(other, "USD")) == "accepted"
    assert balance(one) == 80


def test_who_pays_from_a_balance_locks_it_since_what_is_earned_goes_into_one(
    two: tuple[Ledger, Ledger],
) -> None:
    one, other = two
    name = balance_subject(world.BUYER)
    world.run_all(one, world.adjust(100 * USD, name, "", kind="balance"))
    order = world.place(one, world.basket())
    pay = world.change(order, Action.PAY, payment=Payment(way="balance"))
    assert decide(one, pay, lambda: see_locked(other, name)) == "accepted"


def bought(ledgers: list[Ledger], order: Callable[[int], PlaceOrder]) -> list[int]:
    """240 orders of one to three units, 32 at a time, to one process after the other: the units of those accepted."""
    wanted = [1 + number % 3 for number in range(240)]
    with ExitStack() as stack, ThreadPoolExecutor(32) as threads:
        intakes = [stack.enter_context(intake_of(each)) for each in ledgers]

        def buy(number: int) -> int:
            outcome = ask(intakes[number % len(intakes)], order(wanted[number]))
            return wanted[number] if outcome.kind == "accepted" else 0

        return [units for units in threads.map(buy, range(240)) if units]


def test_four_processes_spend_a_balance_to_the_end_and_no_further(postgres_world: str) -> None:
    with processes(postgres_world, 4) as ledgers:
        sell_mugs(ledgers[0])
        world.run_all(ledgers[0], fill(1_000))
        spent = sum(units * Decimal("9.50") + Decimal("0.50") for units in bought(ledgers, mugs))
        assert spent == 1_000 - balance(ledgers[0])
        assert balance(ledgers[0]) < 10  # the least that is asked for


def test_four_processes_sell_all_there_is_and_no_more_and_it_is_told_once(
    postgres_world: str,
) -> None:
    with processes(postgres_world, 4) as ledgers:
        world.run_all(ledgers[0], world.adjust(0, HAT, count=240, low_at=20))
        sold = bought(ledgers, lambda units: world.basket((188, units)))
        left = world.stock(ledgers[0], HAT)
        assert sum(sold) == 240 - left
        assert left == 0
        with ledgers[0].engine.connect() as connection:
            told = connection.exec_driver_sql(
                "SELECT kind FROM notice WHERE kind LIKE 'pool.%%' ORDER BY recorded_at"
            ).scalars()
            assert sorted(told) == ["pool.low", "pool.out"]
