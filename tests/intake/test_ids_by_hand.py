"""Some records are numbered by hand and by the hub: no number is ever given out twice, whoever was quicker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.memberships import User
from orderhub.ledger.check import check_ledger
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import ask, intake_of, second_process


def made(number: int, name: str) -> PutRecords:
    """A user of this number; 0 = the hub's own next."""
    user = User(id=number, user_name=name)
    change = RecordChange(
        kind="user", id=number, if_version=0 if number else None, doc=user, keys=user.names
    )
    return world.put(change, unique=(("user", "user_name", name),))


def drawn(ledger: Ledger, name: str) -> int:
    (accepted,) = world.run_all(ledger, made(0, name))
    return accepted.records[0].id


def name_of(ledger: Ledger, number: int) -> str:
    record = ledger.read(lambda reads: reads.record(world.SHOP, "user", "id", number))
    assert record is not None
    user: User = record.doc
    return user.user_name


def test_numbers_that_were_set_aside_and_then_given_by_hand_are_passed_over(
    world_url: str,
) -> None:
    """Both in one batch and in one after it; and far more of them than one look shows."""
    with second_process(world_url) as ledger:
        first = drawn(ledger, "first")
        batch = world.run_all(ledger, made(first + 1, "hand"), made(0, "a"), made(0, "b"))
        assert [each.records[0].id for each in batch] == [first + 1, first + 2, first + 3]
        by_hand = range(first + 4, first + 504)
        world.run_all(ledger, *(made(number, f"hand{number}") for number in by_hand))
        assert drawn(ledger, "last") == first + 504
        assert [name_of(ledger, number) for number in by_hand] == [f"hand{n}" for n in by_hand]


@pytest.mark.postgres
def test_two_processes_give_no_number_out_twice(postgres_world: str) -> None:
    """One has numbers set aside, which the other gives by hand meanwhile."""
    with ExitStack() as stack:
        one, two = (stack.enter_context(second_process(postgres_world)) for _ in range(2))
        hub, operator = (stack.enter_context(intake_of(each)) for each in (one, two))
        start = drawn(one, "start")

        def by_hand() -> list[str]:
            numbers = range(start + 1, start + 41)
            return [ask(operator, made(n, f"hand{n}")).kind for n in numbers]

        def by_hub() -> list[int]:
            outcomes = [ask(hub, made(0, f"hub{index}")) for index in range(40)]
            assert all(each.accepted for each in outcomes), outcomes
            return [each.accepted.records[0].id for each in outcomes if each.accepted]

        with ThreadPoolExecutor(2) as threads:
            made_by = threads.submit(by_hand), threads.submit(by_hub)
            outcomes, numbers = made_by[0].result(60), made_by[1].result(60)
        assert len(set(numbers)) == len(numbers)
        assert {name_of(one, number) for number in numbers} == {f"hub{n}" for n in range(40)}
        for number, outcome in zip(range(start + 1, start + 41), outcomes, strict=True):
            # Who came second is told so: the number is another's by now.
            assert outcome == ("rejected" if number in numbers else "accepted")
        assert check_ledger(one.engine).breaches == []
