"""Lists in which a group of orders counts as one, against lists worked out from the orders themselves."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from orderhub.core.catalogue import Warehouse
from orderhub.core.commands import Action, PlaceOrder, RecordChange
from orderhub.core.freight import FreightRate, keys_of_rate
from orderhub.core.parcels import Dropship, Item
from orderhub.core.queries import EntryQuery, GroupState
from orderhub.core.values import Address, Order, Status
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import writing
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import SHOP, all_orders, run, run_all, second_process

RATE = FreightRate(id=1)
STATES = (
    GroupState(some=((Status.PAID,),)),
    GroupState(some=((Status.PENDING,),), none=(Status.SHIPPED,)),
    GroupState(some=((Status.SHIPPED, Status.COMPLETED), (Status.PENDING, Status.PAID))),
    GroupState(none=(Status.PENDING, Status.PAID)),
    GroupState(some=((Status.REFUNDING,),)),
)
STEPS = (Action.PAY, Action.SHIP, Action.COMPLETE, Action.CANCEL, Action.REFUND)


def open_shop(ledger: Ledger) -> None:
    """A shop that sends free samples from two warehouses."""
    run_all(
        ledger,
        world.put(
            *(
                RecordChange(kind="warehouse", id=n, code=code, doc=Warehouse(id=n, code=code))
                for n, code in enumerate("AB", 1)
            ),
            RecordChange(kind="freight_rate", id=1, doc=RATE, keys=keys_of_rate(RATE)),
            RecordChange(
                kind="product",
                id=7,
                code="FREE",
                doc=world.product(7, price="0", code="FREE", stocked=False),
            ),
        ),
    )


def parcels(places: str, **more: object) -> PlaceOrder:
    """One order for each letter of `places`; several are a group."""
    return PlaceOrder(
        origin=world.origin(**more),
        terms=Dropship(items=tuple(Item("FREE", 1, place) for place in places)),
        ship_to=Address(country="FR"),
    )


def expected(orders: tuple[Order, ...], query: EntryQuery) -> list[tuple[str, ...]]:
    """What the list must show, without the ledger's help."""
    groups: dict[object, list[Order]] = {}
    for order in sorted(orders, key=lambda each: each.id):
        groups.setdefault(order.group_number or order.id, []).append(order)
    found = []
    for members in groups.values():
        created, updated = members[0].occurred_at, max(each.updated_at for each in members)
        statuses = {each.status for each in members}
        if query.states and not any(
            statuses.isdisjoint(state.none)
            and not any(statuses.isdisjoint(each) for each in state.some)
            for state in query.states
        ):
            continue
        if not (query.occurred_from or 0) <= created < (query.occurred_to or 2**62):
            continue
        if not (query.updated_from or 0) <= updated < (query.updated_to or 2**62):
            continue
        at = members[0].recorded_at
        if query.updated_from or query.updated_to:
            at = updated
        elif query.occurred_from or query.occurred_to:
            at = created
        found.append(((at, members[0].id), tuple(each.uid for each in members)))
    return [uids for _, uids in sorted(found, reverse=True)]


def live(ledger: Ledger, seed: int) -> tuple[Order, ...]:
    """Some orders, alone and in groups, some of them further on in their lives."""
    chance = random.Random(seed)
    placed: list[Order] = []
    for _ in range(14):
        commands = [
            chance.choice([parcels("A"), parcels("AB"), parcels("AB"), world.sale()])
            for _ in range(3)
        ]
        placed += [order for each in run_all(ledger, *commands) for order in each.placed]
        steps = [world.change(chance.choice(placed), chance.choice(STEPS)) for _ in range(9)]
        run(ledger, *steps, slot=chance.randrange(3))
    return all_orders(ledger, SHOP)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_list_of_entries_is_what_the_orders_add_up_to(ledger: Ledger, seed: int) -> None:
    open_shop(ledger)
    orders = live(ledger, seed)
    assert len({each.group_number for each in orders}) > 5
    assert len({each.status for each in orders}) > 4
    times = sorted(each.recorded_at for each in orders)
    bounds = [None, times[len(times) // 3], times[-5]]
    asked = 0
    for states, name, (least, below) in itertools.product(
        [(), *((each,) for each in STATES), STATES[:2]],
        ["occurred", "updated"],
        itertools.product(bounds, bounds),
    ):
        window = {f"{name}_from": least, f"{name}_to": below}
        for more in ({}, {"occurred_from": times[2], "updated_to": times[-2]}):
            query = EntryQuery(tenant_id=SHOP, states=states, limit=100, **{**window, **more})
            whole = expected(orders, query)
            page = ledger.read(lambda reads, query=query: reads.entries(query))
            shown = [tuple(order.uid for order in entry) for entry in page.entries]
            assert (shown, page.total) == (whole, len(whole)), query
            asked += bool(whole)
    assert asked > 50
    assert check_ledger(ledger.engine).breaches == []


def test_pages_of_entries_hold_every_entry_once(ledger: Ledger) -> None:
    open_shop(ledger)
    orders = live(ledger, 3)
    for states in ((), STATES[:1]):
        whole = expected(orders, EntryQuery(tenant_id=SHOP, states=states))
        shown: list[tuple[str, ...]] = []
        for offset in range(0, len(whole) + 7, 7):
            query = EntryQuery(tenant_id=SHOP, states=states, offset=offset, limit=7)
            page = ledger.read(lambda reads, query=query: reads.entries(query))
            assert page.total == len(whole)
            shown += [tuple(order.uid for order in entry) for entry in page.entries]
        assert shown == whole


def test_orders_of_one_group_changed_in_one_batch_or_in_that_of_its_birth(ledger: Ledger) -> None:
    open_shop(ledger)
    (accepted,) = run_all(ledger, parcels("AB"))
    run_all(ledger, *(world.change(order, Action.PAY) for order in accepted.placed))
    query = EntryQuery(tenant_id=SHOP, states=(GroupState(none=(Status.PENDING,)),))
    assert ledger.read(lambda reads: reads.entries(query)).total == 1
    assert check_ledger(ledger.engine).breaches == []


@pytest.mark.postgres
def test_two_processes_that_change_one_group_lose_nothing(postgres_world: str) -> None:
    with second_process(postgres_world) as one, second_process(postgres_world) as two:
        open_shop(one)
        for _ in range(12):
            (accepted,) = run_all(one, parcels("AB"))
            first, second = accepted.placed
            for action in (Action.PAY, Action.SHIP, Action.COMPLETE):
                with ThreadPoolExecutor(2) as pool:
                    done = [
                        pool.submit(run, ledger, world.change(order, action), slot=slot)
                        for slot, (ledger, order) in enumerate([(one, first), (two, second)])
                    ]
                assert [each.result()[0].kind for each in done] == ["accepted", "accepted"]
        assert check_ledger(one.engine).breaches == []
        query = EntryQuery(tenant_id=SHOP, states=(GroupState(none=(Status.SHIPPED,)),))
        assert one.read(lambda reads: reads.entries(query)).total == 12


BREACHES = (
    ("UPDATE order_group SET statuses = 'paid'", "a group is what its orders add up to"),
    ("UPDATE order_group SET updated_at = updated_at + 1", "a group is what its orders add up to"),
    ("UPDATE order_group SET head_id = head_id + 1", "a group is what its orders add up to"),
    ("DELETE FROM order_group", "a group is what its orders add up to"),
    ("UPDATE tally SET n = 9 WHERE owner = '(groups)'", "a tally is the number of orders"),
    ("UPDATE tally SET n = 9 WHERE owner = '(grouped)'", "a tally is the number of orders"),
)


@pytest.mark.parametrize(("done", "law"), BREACHES)
def test_a_broken_group_is_named(ledger: Ledger, done: str, law: str) -> None:
    open_shop(ledger)
    run_all(ledger, parcels("AB"), parcels("A"))
    with writing(ledger.engine).begin() as connection:
        assert connection.execute(text(done)).rowcount >= 1
    assert any(law in each.law for each in check_ledger(ledger.engine).breaches)
