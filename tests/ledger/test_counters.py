"""Ids are never given twice for long: a counter that was set back is stepped over."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from orderhub.core.commands import Action
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import writing
from orderhub.ledger.ledger import Ledger
from tests.support import world


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
