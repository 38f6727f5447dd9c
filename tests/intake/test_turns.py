"""What is loaded for a command must be what it is decided with, whatever was decided before it in its batch."""

import threading
from collections.abc import Sequence

from orderhub.core.answer import Answer, Outcome
from orderhub.core.commands import Command
from orderhub.core.facts import Accepted
from orderhub.intake.intake import Intake
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import OTHER, SHOP, Numbering, all_orders, sale

LIMIT_S = 30


def together(ledger: Ledger, commands: Sequence[Command]) -> list[Outcome]:
    """Outcomes of commands that all wait while the writer is busy with another tenant's."""
    intake = Intake(ledger, now_us=lambda: world.NOON)
    go, done = threading.Event(), threading.Event()
    outcomes: list[Outcome] = []

    def hold(_: Accepted) -> Answer:
        assert go.wait(LIMIT_S)
        return Answer(201, b"")

    def deliver(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == len(commands):
            done.set()

    intake.start()
    try:
        intake.put(world.waiting(sale(tenant=OTHER), answer=hold))
        for command in commands:
            intake.put(world.waiting(command, deliver=deliver))
        go.set()
        assert done.wait(LIMIT_S)
    finally:
        go.set()
        intake.stop()
    return outcomes


def test_a_counter_that_is_there_stays(ledger: Ledger) -> None:
    first = together(ledger, [sale(), world.settings(first_order_id=5_000), sale()])
    assert [each.kind for each in first] == ["accepted"] * 3
    assert [each.id for each in all_orders(ledger, SHOP)] == [1, 2]


def test_the_first_order_of_a_tenant_has_the_id_that_was_set_just_before(ledger: Ledger) -> None:
    """Ids are set aside when facts are loaded, and a counter begins where the settings say: hence a turn."""
    together(ledger, [world.settings(first_order_id=5_000), sale(), sale()])
    assert [each.id for each in all_orders(ledger, SHOP)] == [5_000, 5_001]


def test_an_order_behind_a_change_of_the_clock_is_numbered_by_it(ledger: Ledger) -> None:
    """Its number is of the clock's second, and so are those that must be looked up as taken."""
    freeze = world.clock("freeze", at_us=1_551_571_200_000_000)
    numbered = sale(numbering=Numbering.TIME4)
    for _ in range(3):
        outcomes = together(ledger, [numbered, freeze, numbered, numbered, world.clock("real")])
        assert [each.kind for each in outcomes] == ["accepted"] * 5
    numbers = [each.number for each in all_orders(ledger, SHOP)]
    assert len(set(numbers)) == 9
    assert sum(number.startswith("20190303000000") for number in numbers) == 6
