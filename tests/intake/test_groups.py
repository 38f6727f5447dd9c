"""Where rows of tenants lie apart, a batch is of tenants whose rows lie together, and turns stay fair."""

from __future__ import annotations

from collections import Counter
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.intake import batch as batches
from orderhub.intake.lanes import Lanes
from orderhub.ledger import cluster
from orderhub.ledger.ledger import Ledger
from tests.intake.test_queue import held, running
from tests.support import world
from tests.support.world import OTHER, SHOP, sale

_COMMANDS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), max_size=40)


def test_only_those_who_are_meant_are_served_and_the_others_keep_their_turn() -> None:
    lanes: Lanes[str] = Lanes()
    for owner, item in [(1, "a1"), (2, "b1"), (3, "c1"), (1, "a2"), (2, "b2")]:
        lanes.put(owner, item)
    with lanes.only(lambda owner: owner in (1, 3)):
        assert (len(lanes), len(lanes._lines), lanes.next_owner) == (3, 2, 1)
        assert [lanes.take()[1] for _ in range(len(lanes))] == ["a1", "c1", "a2"]
    assert lanes.next_owner == 2
    lanes.put(1, "a3")
    assert [lanes.take()[1] for _ in range(len(lanes))] == ["b1", "b2", "a3"]


@given(_COMMANDS, st.integers(1, 6))
def test_whoever_is_served_in_groups_is_served_as_much(commands: list, at_once: int) -> None:
    """Group after group by whose turn it is: nobody is left out, each in his order."""
    lanes: Lanes[int] = Lanes()
    for number, (owner, cost) in enumerate(commands):
        lanes.put(owner, number, cost)
    served = []
    while lanes:
        group = lanes.next_owner % 2
        with lanes.only(lambda owner, group=group: owner % 2 == group):
            taken = [lanes.take()[1] for _ in range(min(at_once, len(lanes)))]
        assert {commands[each][0] % 2 for each in taken} == {group}
        served += taken
    assert sorted(served) == list(range(len(commands)))
    for owner in {owner for owner, _ in commands}:
        own = [each for each in served if commands[each][0] == owner]
        assert own == sorted(own)


def test_a_batch_never_spans_two_groups(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "group_of", property(lambda _: lambda tenant_id: tenant_id))
    seen: list[Counter[int]] = []
    run = batches.CommandBatch.run

    def watched(self: batches.CommandBatch) -> list:
        seen.append(Counter(each.command.origin.tenant_id for each in self._waiting))
        return run(self)

    with running(ledger) as desk:
        with held(monkeypatch) as sizes:
            desk.put("first", sale())
            sizes.wait()
            for number in range(4):
                for tenant in (SHOP, OTHER):
                    desk.put(f"{tenant} {number}", sale(tenant=tenant))
                    desk.put(f"bulk {tenant} {number}", sale(tenant=tenant), bulk=True)
        monkeypatch.setattr(batches.CommandBatch, "run", watched)
        assert set(desk.kinds().values()) == {"accepted"}
    assert all(len(each) == 1 for each in seen)
    assert sum(seen, Counter()) == {SHOP: 8, OTHER: 8}
    assert len(world.all_orders(ledger)) == 17


def test_who_is_not_known_is_a_group_alone_and_what_is_known_grows_old() -> None:
    now, asked = [0.0], []

    class Engine:
        def connect(self) -> Engine:
            return self

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def execute(self, _sql: object, given: dict) -> list[tuple[int, int]]:
            asked.append(given["tenants"])
            return [(each, 100 + each % 2) for each in given["tenants"]]

    groups = cluster.Groups(Engine(), lambda: now[0])
    assert groups.of(7) == -7
    groups.learn({7, 9, 8})
    groups.learn({9})
    assert [groups.of(each) for each in (7, 8, 9, 10)] == [101, 100, 101, -10]
    now[0] += 61
    groups.learn({9})
    assert groups.of(7) == -7
    assert asked == [[7, 8, 9], [9]]
