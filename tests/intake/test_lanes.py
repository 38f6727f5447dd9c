"""Tenants are served in turn, by what their commands cost; within a tenant, first come first served."""

import itertools
import threading
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderhub.core.commands import PutRecords, RecordChange
from orderhub.intake.busy import Returns
from orderhub.intake.intake import Intake
from orderhub.intake.lanes import Company, Lanes
from orderhub.ledger.ledger import Ledger
from tests.intake.test_queue import held, running
from tests.support import world
from tests.support.world import OTHER, SHOP, sale


def taken(lanes, count=None):
    return [lanes.take()[1] for _ in range(len(lanes) if count is None else count)]


def filled(words):
    """A line for each letter; each entry bears a letter and a number."""
    lanes, numbers = Lanes(), Counter()
    for letter in words.replace(" ", ""):
        numbers[letter] += 1
        lanes.put(ord(letter), f"{letter}{numbers[letter]}")
    return lanes


TURNS = [
    ("aaaa", "a1 a2 a3 a4"),
    ("aaaab", "a1 b1 a2 a3 a4"),
    ("aaabbb", "a1 b1 a2 b2 a3 b3"),
    ("aaabcb", "a1 b1 c1 a2 b2 a3"),
]


@pytest.mark.parametrize(("came", "served"), TURNS)
def test_owners_take_turns(came, served):
    assert taken(filled(came)) == served.split()


def test_who_comes_late_is_next_and_is_owed_nothing_for_the_time_away():
    lanes = filled("aaaaaa bbb")
    assert taken(lanes, 4) == ["a1", "b1", "a2", "b2"]
    for number in (1, 2, 3):
        lanes.put(ord("c"), f"c{number}")
    assert taken(lanes) == ["c1", "a3", "b3", "c2", "a4", "c3", "a5", "a6"]


def test_a_dear_entry_counts_as_several_turns():
    lanes = Lanes()
    lanes.put(1, "dear", 3)
    lanes.put(1, "next")
    for number in range(4):
        lanes.put(2, number)
    assert taken(lanes) == ["dear", 0, 1, 2, "next", 3]


def test_one_dear_entry_at_a_time_gives_nobody_more_than_his_share():
    """He leaves the line each time and comes back at once: what he was served ahead still counts."""
    lanes = Lanes()
    for number in range(40):
        lanes.put(2, number)
    lanes.put(1, "dear", 10)
    served = []
    for _ in range(24):
        each = lanes.take()[1]
        served.append(each)
        if each == "dear":
            lanes.put(1, "dear", 10)
    assert [i for i, each in enumerate(served) if each == "dear"] == [1, 11, 22]


def test_nobody_is_remembered_once_nobody_waits_and_few_while_somebody_does():
    lanes = Lanes()
    for owner in range(1, 1_000):
        lanes.put(owner, "x")
        lanes.put(0, "y")
        lanes.put(0, "z")
        taken(lanes, 2)
        assert len(lanes._marks) < 100
    taken(lanes)
    assert not lanes._marks
    assert len(lanes) == 0
    with pytest.raises(IndexError):
        lanes.take()


MOVES = st.lists(
    st.one_of(st.tuples(st.integers(1, 4), st.integers(1, 9)), st.none()), max_size=120
)


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(MOVES)
def test_no_two_who_wait_are_served_unequally_by_more_than_one_entry(moves):
    """The law of fairness: while two owners both wait, what they are served differs by one entry of each at most."""
    lanes, lines = Lanes(), {}
    numbers = itertools.count()
    together = {}  # two owners who wait -> what each was served since both do
    for move in [*moves, *[None] * len(moves)]:
        if move is not None:
            owner, cost = move
            if not lines.get(owner):
                for other in [each for each in lines if lines[each] and each != owner]:
                    together[frozenset((owner, other))] = Counter()
            entry = next(numbers)
            lines.setdefault(owner, []).append((cost, entry))
            lanes.put(owner, (owner, entry), cost)
        elif len(lanes):
            cost, (owner, entry) = lanes.take()
            assert lines[owner].pop(0) == (cost, entry), "first in, first out"
            for pair, served in list(together.items()):
                if owner in pair:
                    served[owner] += cost
                    one, two = pair
                    assert abs(served[one] - served[two]) <= 2 * 9
                    if not lines[owner]:
                        del together[pair]
        assert len(lanes) == sum(map(len, lines.values()))
        assert len(lanes._lines) == sum(map(bool, lines.values()))


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=60))
def test_nobody_has_a_second_turn_before_everybody_who_waits_had_one(owners):
    lanes, left = Lanes(), Counter(owners)
    for number, owner in enumerate(owners):
        lanes.put(owner, (owner, number))
    while len(lanes):
        turn = [owner for owner, _ in taken(lanes, len(+left))]
        assert sorted(turn) == sorted(+left)
        left -= Counter(turn)


# --- in the intake


def test_a_batch_takes_from_tenants_in_turn(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(ledger, batch_limit=8) as desk:
        with held(monkeypatch) as batches:
            desk.put("first", sale())
            batches.wait()
            for number in range(20):
                desk.put(f"crowd{number}", sale())
            for number in range(3):
                desk.put(f"guest{number}", sale(tenant=OTHER))
            assert desk.intake.depth == 23
        assert set(desk.kinds().values()) == {"accepted"}
    names = [name for name, _ in desk.answers]
    assert [names.index(f"guest{number}") for number in range(3)] == [2, 4, 6]
    assert [name for name in names if "crowd" in name] == [f"crowd{n}" for n in range(20)]
    assert batches.sizes == [1, 8, 8, 7]


def test_bulk_loads_take_turns_too_and_stay_behind_creates(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(ledger) as desk:
        with held(monkeypatch) as batches:
            desk.put("first", sale())
            batches.wait()
            for number in range(5):
                desk.put(f"bulk{number}", sale(), bulk=True)
            desk.put("guest", sale(tenant=OTHER), bulk=True)
            desk.put("create", sale())
        desk.kinds()
    assert [name for name, _ in desk.answers][:4] == ["first", "create", "bulk0", "guest"]


@pytest.mark.parametrize(
    ("bulk", "guests", "largest"),
    [(False, 0, 100), (False, 1, 24), (True, 0, 100), (True, 1, 1 + 24)],
)
def test_a_tenant_alone_fills_whole_batches_and_a_shared_batch_stays_short(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, bulk: bool, guests: int, largest: int
) -> None:
    monkeypatch.setattr(
        "orderhub.intake.intake._SHARED_BATCH_S", 0
    )  # however quick this machine is
    with running(ledger) as desk:
        with held(monkeypatch) as batches:
            desk.put("first", sale(), bulk=bulk)
            batches.wait()
            for number in range(100):
                desk.put(str(number), sale(), bulk=bulk)
            for _ in range(guests):
                desk.put("guest", sale(tenant=OTHER))
        desk.kinds()
    assert max(batches.sizes) == largest


def test_a_command_that_writes_many_records_fills_a_batch_as_several_do(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tuple(RecordChange(kind="note", doc=number) for number in range(64))
    with running(ledger, batch_limit=64) as desk:
        with held(monkeypatch) as batches:
            desk.put("first", sale())
            batches.wait()
            for number in range(4):
                desk.put(str(number), PutRecords(origin=world.origin(), changes=many), bulk=True)
        assert set(desk.kinds().values()) == {"accepted"}
    assert batches.sizes == [1, 2, 2]


def test_a_small_batch_says_little_about_what_a_command_takes(ledger: Ledger) -> None:
    """A hundred lone orders of 3 ms leave shared batches no smaller than a few full ones say."""
    intake = Intake(ledger)
    for _ in range(100):
        intake._learn(1, 0.003)
    assert intake.shared_batch == 24
    for _ in range(6):
        intake._learn(4, 0.004)
        intake._learn(64, 64 * 0.0002)
    assert 40 < intake.shared_batch <= 75


def test_stopping_drains_the_line_of_every_tenant(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(ledger, batch_limit=2) as desk:
        with held(monkeypatch) as batches:
            desk.put("first", sale())
            batches.wait()
            for number in range(6):
                for tenant in (SHOP, OTHER):
                    desk.put(f"{tenant} {number}", sale(tenant=tenant))
                    desk.put(f"bulk {tenant} {number}", sale(tenant=tenant), bulk=True)
            stopping = threading.Thread(target=desk.intake.stop)
            stopping.start()
        stopping.join(30)
        assert len(desk.kinds()) == 25
        assert desk.intake.depth == 0
    assert len(world.all_orders(ledger)) == 25


# --- who calls at the same time, and when to come back


def test_company_is_two_who_call_within_a_second():
    now = [100.0]
    company = Company(lambda: now[0])
    seen = []
    for wait, owner in [(0, 1), (5, 1), (0, 0), (0, 2), (0.9, 1), (0.9, 1), (0.2, 1), (9, 2)]:
        now[0] += wait
        company.heard(owner)
        seen.append(company.is_there)
    assert seen == [False, False, False, True, True, True, False, False]


def test_those_who_are_told_busy_do_not_come_back_all_at_once():
    now = [100.0]
    returns = Returns(4, lambda: now[0])
    assert [returns.next_s() for _ in range(10)] == [1] * 4 + [2] * 4 + [3] * 2
    now[0] += 60
    assert returns.next_s() == 1
    many = [returns.next_s() for _ in range(1_000)]
    assert max(many) == 30
    assert many == sorted(many)
