"""The wall clock may jump: eight days ahead for a minute doubles nothing, three hours back leave all in order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orderhub.core.queries import OrderQuery
from orderhub.intake.batch import CommandBatch
from orderhub.intake.claims import Claim
from orderhub.intake.clock import MOST_AHEAD_US, Clock, Recording
from orderhub.intake.uids import Uids
from orderhub.ledger.batch import ClaimName
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.tables import claim, timer
from tests.support import world
from tests.support.clocks import DAY, HOUR, MINUTE, SECOND, Machine
from tests.support.world import NOON, SHOP, origin, sale, waiting

MANY = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
DAYS_KEPT = 7


def machine() -> tuple[Machine, Clock]:
    made = Machine(NOON)
    return made, made.clock()


# --- what time it is


def test_small_corrections_are_believed_at_once():
    it, clock = machine()
    for off in (50, 40, -10, 0):
        it.passes(SECOND)
        it.jump(off * SECOND)
        assert clock.now_us() == it.wall_us()


@pytest.mark.parametrize("off_us", [8 * DAY, -3 * HOUR, 2 * MINUTE])
def test_a_jump_is_not_believed_for_five_minutes_and_then_it_is(off_us):
    it, clock = machine()
    it.jump(off_us)
    for _ in range(300):
        assert clock.now_us() == it.true_us
        it.passes(SECOND)
    assert clock.now_us() == it.true_us + off_us
    it.jump(0)
    assert clock.now_us() == it.true_us + off_us, "the way back is a jump as well"


def test_a_jump_that_ends_leaves_nothing_behind():
    it, clock = machine()
    for off_us in (8 * DAY, -3 * HOUR):
        it.jump(off_us)
        clock.now_us()
        it.passes(MINUTE)
        assert clock.now_us() == it.true_us
        it.jump(0)
        assert clock.now_us() == it.true_us
        it.passes(HOUR)
        assert clock.now_us() == it.true_us


def test_jumps_to_here_and_there_are_never_believed():
    it, clock = machine()
    for off_us in itertools.islice(itertools.cycle((DAY, -DAY, 2 * DAY)), 30):
        it.jump(off_us)
        it.passes(MINUTE)
        assert clock.now_us() == it.true_us


def test_after_a_clock_was_put_back_for_good_time_goes_on_slowly_until_it_is_right():
    it, clock = machine()
    it.jump(-3 * HOUR)
    clock.onward_us()
    it.passes(6 * MINUTE)
    told = [clock.onward_us()]
    for _ in range(7 * 60):
        it.passes(MINUTE)
        told.append(clock.onward_us())
    steps = [after - before for before, after in itertools.pairwise(told)]
    assert set(steps[:300]) == {MINUTE // 2}
    assert set(steps[-30:]) == {MINUTE}
    assert told[-1] == it.wall_us()


def test_a_process_that_starts_goes_on_from_what_is_recorded():
    it, clock = machine()
    it.jump(-3 * HOUR)
    clock = it.clock()
    clock.saw(NOON)
    assert clock.onward_us() == NOON
    it.passes(MINUTE)
    assert clock.onward_us() == NOON + MINUTE // 2
    assert clock.now_us() == it.wall_us(), "what the business goes by is the wall"


def test_a_ledger_that_is_days_ahead_was_written_under_a_wrong_clock():
    _, clock = machine()
    clock.saw(NOON + 8 * DAY)
    assert clock.onward_us() == NOON


def test_time_is_proven_by_the_ledger_and_the_steady_clock_alone():
    it, clock = machine()
    assert clock.proven_us() is None
    clock.saw(None)
    assert clock.proven_us() is None
    clock.saw(NOON - 3 * DAY)
    assert clock.proven_us() == NOON - 3 * DAY
    it.passes(HOUR)
    it.jump(8 * DAY)
    for _ in range(20):
        it.passes(MINUTE)
        clock.now_us()
    clock.saw(NOON + 8 * DAY)
    assert clock.proven_us() == NOON - 3 * DAY + HOUR + 20 * MINUTE
    it.jump(-9 * DAY)
    for _ in range(20):
        it.passes(MINUTE)
        clock.now_us()
    assert clock.proven_us() == it.wall_us(), "never later than the wall either"


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, SECOND, MINUTE, 6 * MINUTE, HOUR]),
        st.sampled_from([0, 8 * DAY, -3 * HOUR, -20 * MINUTE, 30 * SECOND]),
    ),
    max_size=40,
)


@MANY
@given(STEPS)
def test_onward_never_goes_back_unless_by_more_than_a_day(steps):
    it, clock = machine()
    last = clock.onward_us()
    for wait_us, off_us in steps:
        it.passes(wait_us)
        it.jump(off_us)
        told = clock.onward_us()
        assert told >= last or last - told > MOST_AHEAD_US - HOUR
        assert told >= clock.now_us() - 1
        last = told


# --- what is recorded


@MANY
@given(st.lists(st.integers(-3 * HOUR, HOUR), max_size=40))
def test_each_is_recorded_later_than_the_one_before(offs):
    recording = Recording()
    recording.saw(NOON)
    times = [recording.at(NOON + off) for off in offs]
    assert times == sorted(set(times))
    assert all(at > NOON for at in times)
    assert all(at >= NOON + off for at, off in zip(times, offs, strict=True))


def test_what_was_recorded_days_ahead_holds_nothing_up():
    recording = Recording()
    assert [recording.at(NOON + 8 * DAY), recording.at(NOON), recording.at(NOON)] == [
        NOON + 8 * DAY,
        NOON,
        NOON + 1,
    ]


def test_uids_go_on_behind_those_made_before_the_start():
    before = Uids().new(NOON)
    uids = Uids()
    uids.saw(NOON)
    assert uids.new(NOON - 3 * HOUR) > before


def test_an_order_goes_by_its_own_time_and_is_recorded_behind_the_others(ledger: Ledger) -> None:
    recording = Recording()
    recording.saw(NOON + HOUR)
    each = waiting(sale(origin=origin(recorded_at=NOON)))
    CommandBatch(ledger, Uids(), 0, [each], NOON, recording=recording).run()
    (order,) = world.all_orders(ledger)
    (event,) = ledger.read(lambda reads: reads.events(order))
    assert (order.recorded_at, event.recorded_at) == (NOON + HOUR + 1, NOON + HOUR + 1)
    assert order.updated_at == NOON


def test_a_timer_claimed_under_a_clock_that_was_put_back_is_not_waited_for(ledger: Ledger) -> None:
    row = {"tenant_id": SHOP, "kind": "auto_close", "order_id": 1, "due_at": 1}
    with ledger.engine.begin() as connection:
        connection.execute(timer.insert().values(**row, claimed_until=NOON + 3 * HOUR))
    assert ledger.due_timers(NOON, 30 * SECOND) != []
    assert ledger.due_timers(NOON, 30 * SECOND) == [], "claimed just now"


# --- the whole: orders, keys, pages, restarts


class Hub:
    """One process after another on one ledger, on one machine."""

    def __init__(self, ledger: Ledger, at_us: int) -> None:
        self.ledger = ledger
        self.machine = Machine(at_us)
        self.placed: list[str] = []  # uids, in the order of their commits
        self.answers: dict[str, bytes] = {}  # key -> what it was answered first
        self.seen: list[str] = []  # by a client who goes on behind the last order that he saw
        self._cursor = ""
        self.start()

    def start(self) -> None:
        self.clock = self.machine.clock()
        self.recording, self.uids = Recording(), Uids()
        self.look()

    def look(self) -> None:
        self.clock.saw(self.ledger.newest_us())
        self.recording.saw(self.clock.onward_us())
        self.uids.saw(self.clock.onward_us())

    def place(self, key: str, window_us: int = 0, scope: str = "keys") -> None:
        each = waiting(sale(origin=origin(recorded_at=self.clock.now_us())))
        each.claim = Claim(ClaimName(SHOP, scope, key), "same", window_us)
        (outcome,) = CommandBatch(
            self.ledger, self.uids, 0, [each], self.clock.onward_us(), recording=self.recording
        ).run()
        assert outcome.answer is not None
        if key in self.answers:
            assert outcome.kind == "replayed"
            assert outcome.answer.body == self.answers[key]
        else:
            assert outcome.kind == "accepted"
            self.answers[key] = outcome.answer.body
            self.placed += (order.uid for order in outcome.accepted.placed)

    def purge(self) -> None:
        proven_us = self.clock.proven_us()
        if proven_us is not None:
            self.ledger.purge_claims(proven_us - DAYS_KEPT * DAY)

    def sync(self, start: str) -> None:
        """The next pages of all orders, oldest first."""
        while True:
            query = OrderQuery(
                tenant_id=SHOP, after=self._cursor or start, oldest_first=True, limit=3
            )
            items = self.ledger.read(lambda reads, asked=query: reads.orders(asked)).items
            if not items:
                return
            self.seen += [each.uid for each in items]
            self._cursor = f"{items[-1].recorded_at}.{items[-1].id}"


# Keys live for 7 days: a run is shorter than that, so each must be answered as ever, whatever the wall says.
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("place"), st.integers(1, 6)),
        st.tuples(st.just("wait"), st.sampled_from([SECOND, MINUTE, 20 * MINUTE, 5 * HOUR])),
        st.tuples(st.just("jump"), st.sampled_from([8 * DAY, -3 * HOUR, 10 * MINUTE, 0])),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("purge"), st.just(0)),
        st.tuples(st.just("sync"), st.just(0)),
    ),
    max_size=25,
)
# How far a running process believes a clock that is days ahead is another matter: see the example of the restart.
_BASES = itertools.count(NOON, 90 * DAY)
AHEAD = [
    ("place", 1),
    ("jump", 8 * DAY),
    ("wait", MINUTE),
    ("place", 2),
    ("purge", 0),
    ("place", 1),
]


def _is_days_ahead_at_work(acts: list[tuple[str, int]]) -> bool:
    """Whether a clock that is days ahead is believed: by a process that starts, or after it has lasted."""
    off, lasted = 0, 0
    for act, value in acts:
        if act == "jump":
            off, lasted = value, 0
        elif act == "wait":
            lasted += value
        if off > DAY and (act == "restart" or lasted > 4 * MINUTE):
            return True
    return False


@pytest.mark.parametrize("examples", [60])
def test_a_jumping_clock_doubles_nothing_loses_nothing_and_keeps_the_order(
    ledger: Ledger, examples: int
) -> None:
    @settings(MANY, max_examples=examples)
    @given(ACTS)
    @example(AHEAD)
    @example([*AHEAD, ("jump", 0), ("place", 1), ("sync", 0), ("place", 3), ("sync", 0)])
    @example(
        [("jump", 8 * DAY), ("restart", 0), ("place", 1), ("purge", 0), ("jump", 0), ("place", 1)]
    )
    @example(
        [
            ("place", 1),
            ("sync", 0),
            ("jump", -3 * HOUR),
            ("wait", 20 * MINUTE),
            ("place", 2),
            ("sync", 0),
        ]
    )
    @example(
        [("place", 1), ("sync", 0), ("jump", -3 * HOUR), ("restart", 0), ("place", 2), ("sync", 0)]
    )
    def holds(acts: list[tuple[str, int]]) -> None:
        base = next(_BASES)
        _forget(ledger)
        hub, start = Hub(ledger, base), f"{base - 30 * DAY}.0"
        for act, value in acts:
            if act == "place":
                hub.place(f"{base} {value}")
            elif act == "wait":
                hub.machine.passes(value)
                hub.clock.now_us()  # the timers ask twice a second
            elif act == "jump":
                hub.machine.jump(value)
            else:
                {"restart": hub.start, "purge": hub.purge, "sync": lambda: hub.sync(start)}[act]()
        hub.sync(start)
        for key in list(hub.answers):
            hub.place(key.removesuffix("!"))
        assert len(set(hub.placed)) == len(hub.placed) == len(hub.answers)
        orders = [
            each for each in world.all_orders(ledger, SHOP) if each.recorded_at > base - 9 * DAY
        ]
        assert len(orders) == len(hub.placed)
        assert len({each.id for each in orders}) == len(orders)
        if not _is_days_ahead_at_work(acts):
            assert hub.seen == hub.placed, "a client who goes on behind the last misses none"
            assert hub.placed == sorted(hub.placed), "uids sort by arrival"

    holds()


def _forget(ledger: Ledger) -> None:
    """Each example begins with a ledger that holds nothing newer."""
    with ledger.engine.begin() as connection:
        connection.execute(claim.delete())


def test_a_process_that_starts_eight_days_ahead_purges_nothing_though_it_takes_orders(
    ledger: Ledger,
) -> None:
    hub = Hub(ledger, NOON)
    hub.place("old")
    hub.machine.passes(HOUR)
    hub.machine.jump(8 * DAY)
    hub.start()
    hub.place("in the wrong minute")
    hub.machine.passes(10 * MINUTE)
    hub.look()
    hub.purge()
    hub.place("old")
    hub.machine.jump(0)
    for _ in range(2):
        hub.start()
        hub.purge()
        hub.place("old")
        hub.place("in the wrong minute")


def test_keys_are_purged_once_their_days_have_passed(ledger: Ledger) -> None:
    hub = Hub(ledger, NOON)
    hub.place("old")
    hub.start()
    hub.machine.passes(DAYS_KEPT * DAY + SECOND)
    hub.place("young")
    hub.purge()
    with ledger.engine.connect() as connection:
        assert list(connection.execute(claim.select()).scalars()) != []
        kept = [row.key for row in connection.execute(claim.select())]
    assert kept == ["young"]


WINDOW_US = 30 * SECOND


@pytest.mark.parametrize("off_us", [8 * DAY, -3 * HOUR, 0])
@pytest.mark.parametrize("restarts", [False, True])
def test_the_same_body_is_a_repeat_within_its_window_whatever_the_wall_says(
    ledger: Ledger, off_us: int, restarts: bool
) -> None:
    hub = Hub(ledger, NOON)

    def body() -> Any:
        hub.place("body", WINDOW_US, "body")

    body()
    hub.machine.passes(10 * SECOND)
    hub.machine.jump(off_us)
    if restarts and off_us <= 0:
        hub.start()
    body()
    hub.machine.passes(2 * MINUTE)
    hub.answers.clear()
    body()
    assert len(hub.placed) == 2, "and a new order after it"
