"""Ids are never given twice for long: a counter that was set back is stepped over."""

import tracemalloc
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from orderhub.core.commands import Action
from orderhub.ledger.check import check_ledger
from orderhub.ledger.counters import SetAside
from orderhub.ledger.database import writing
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.examples import examples


def set_back(ledger: Ledger, name: str, following: int) -> None:
    with writing(ledger.engine).begin() as connection:
        statement = text("UPDATE counter SET next = :next WHERE name = :name AND tenant_id = 1")
        changed = connection.execute(statement, {"name": name, "next": following})
        assert changed.rowcount == 1


def test_a_counter_of_orders_that_was_set_back_is_stepped_over(
    ledger: Ledger, world_url: str
) -> None:
    before = [world.place(ledger, world.sale()).id for _ in range(3)]
    set_back(ledger, "order", 1)
    with world.second_process(world_url) as other:  # whoever reserved a block goes on with it
        after = [world.place(other, world.sale()).id for _ in range(3)]
    assert min(after) > max(before)
    assert check_ledger(ledger.engine).breaches == []


def test_ids_of_records_step_over_those_that_were_given_by_hand(
    ledger: Ledger, world_url: str
) -> None:
    drawn = world.put(world.note(0, {"drawn": True}))
    first = world.run_all(ledger, drawn)[0].records[0].id
    world.run_all(ledger, world.put(world.note(5_000, {"by": "hand"})))
    set_back(ledger, "record:note", 1)
    with world.second_process(world_url) as other:
        second = world.run_all(other, drawn)[0].records[0].id
    assert (first, second) == (1, 5_001)


def test_a_counter_of_moves_that_was_set_back_costs_one_try(ledger: Ledger, world_url: str) -> None:
    order = world.place(ledger, world.basket())
    with ledger.engine.connect() as connection:
        query = text("SELECT id FROM pool_move WHERE order_id <> 0")
        first = connection.execute(query).scalar_one()
    set_back(ledger, "move", first)
    cancel = world.change(order, Action.CANCEL)
    with world.second_process(world_url) as other:
        with pytest.raises(IntegrityError):  # the intake tries it again: see intake.py
            world.run_all(other, cancel)
        world.run_all(other, cancel)
    assert check_ledger(ledger.engine).breaches == []


blocks = st.tuples(st.just("add"), st.integers(0, 6))
others = st.tuples(st.sampled_from(["use", "remove"]), st.integers(0, 30))


@given(st.lists(blocks | others, max_size=40))
@examples(300)
def test_ids_set_aside_are_given_in_their_order_each_once(steps: list[tuple[str, int]]) -> None:
    """As a plain list of them would."""
    kept, plain, following = SetAside(), [], 1
    for step, number in steps:
        if step == "add":
            ids = range(following, following + number)
            following = ids.stop + number % 2  # now and then another process had the next ones
            kept.add(ids)
            plain += ids
        elif step == "use":
            kept.use(min(number, len(plain)))
            plain = plain[number:]
        else:
            kept.remove(number)
            plain = [each for each in plain if each != number]
        assert kept.count == len(plain)
        for count in range(len(plain) + 1):
            assert kept.ahead(count) == tuple(islice(plain, count))
        if plain:
            assert kept.first == plain[0]


def test_a_tenant_who_has_ordered_once_takes_next_to_no_memory(ledger: Ledger) -> None:
    """Thousands of ids are set aside for each: of ten thousand tenants they were a gigabyte and a half."""

    def order(tenants: range) -> None:
        for tenant_id in tenants:
            with ledger.batch("mark"):
                ledger.counters.peek(tenant_id, "order", 1)

    order(range(1_000, 1_010))
    tracemalloc.start()
    try:
        order(range(2_000, 2_050))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 50 * 20_000
