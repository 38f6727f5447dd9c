"""Sending takes all it wants while nobody calls, what calls leave, and a small share while they leave nothing."""

from collections.abc import Callable

from orderhub.core.deliveries import WebhookState
from orderhub.core.webhook_formats import Terms
from orderhub.delivery import retries
from orderhub.delivery.pace import Pace


class Machine:
    """A hub with one processor. A message takes a millisecond of it, as long as it is on its way."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.spent_s = 0.0
        self.in_hand = 0
        self.pace = Pace(lambda: self.in_hand, lambda: self.now_s, lambda: self.spent_s)

    def passes(self, seconds: float, *, got: float = 1.0) -> None:
        self.now_s += seconds
        self.spent_s += got * seconds

    def sent_in(
        self, seconds: float, calls: Callable[["Machine"], None], *, got: float = 1.0
    ) -> int:
        """Messages that leave while as many as may do."""
        sent, until_s = 0, self.now_s + seconds
        while self.now_s < until_s:
            calls(self)
            pause_s = self.pace.may_send()
            sent += not pause_s
            self.passes(pause_s or 0.001, got=got)
        return sent


class Calls:
    """So many calls a second at an even pace, each of which takes the processor for so long."""

    def __init__(self, per_s: float, takes_s: float) -> None:
        self.per_s, self.takes_s = per_s, takes_s
        self.begun, self.free_s, self.began_s = 0, 0.0, None

    def __call__(self, machine: Machine) -> None:
        now = machine.now_s
        if self.began_s is None:
            self.began_s = self.free_s = now
        while self.began_s + self.begun / self.per_s <= now:
            self.begun += 1
            # What is sent meanwhile makes it wait: it is served from now on at the earliest.
            self.free_s = max(self.free_s, now) + self.takes_s
        machine.in_hand = int(self.free_s > now)


def nobody(machine: Machine) -> None:
    machine.in_hand = 0


def a_crowd(machine: Machine) -> None:
    machine.in_hand = 32


def test_nothing_is_held_back_while_nobody_calls() -> None:
    machine = Machine()
    machine.passes(1)
    assert machine.sent_in(1, nobody) >= 999


def test_calls_that_leave_half_of_the_time_leave_it_to_messages() -> None:
    machine = Machine()
    sent = machine.sent_in(10, Calls(360, 0.0014))
    assert sent > 10 * 250
    assert not machine.pace.is_busy


def test_a_few_calls_that_are_always_in_hand_leave_most_of_it_to_messages() -> None:
    machine = Machine()

    def a_few(machine: Machine) -> None:
        machine.in_hand = 5

    assert machine.sent_in(10, a_few) > 10 * 500
    assert not machine.pace.is_busy


def test_nothing_leaves_while_a_crowd_is_new() -> None:
    machine = Machine()
    assert machine.sent_in(0.2, a_crowd) == 0


def test_a_crowd_leaves_a_small_share_of_what_the_process_gets() -> None:
    machine = Machine()
    machine.sent_in(1, a_crowd)
    assert machine.pace.is_busy
    assert 600 <= machine.sent_in(10, a_crowd) <= 700
    # A machine that others use too gives less, and less is taken.
    assert 140 <= machine.sent_in(10, a_crowd, got=0.22) <= 160


def test_a_crowd_that_is_all_answered_at_once_now_and_then_is_one_still() -> None:
    machine = Machine()
    looks = 0

    def in_batches(machine: Machine) -> None:
        nonlocal looks
        looks += 1
        machine.in_hand = 0 if looks % 10 == 0 else 32

    machine.sent_in(1, in_batches)
    assert machine.sent_in(10, in_batches) <= 700


def test_it_is_over_soon_after_the_last_call() -> None:
    machine = Machine()
    machine.sent_in(1, a_crowd)
    machine.sent_in(0.6, nobody)
    assert not machine.pace.is_busy
    assert machine.sent_in(1, nobody) >= 999


STATE = WebhookState(tenant_id=1, webhook_id=1)


def test_pauses_grow_and_stay_at_the_last_unless_it_drops() -> None:
    terms = Terms(retries_s=(1, 10))
    assert [retries.pause_s(terms, n, 0.0) for n in (1, 2, 3, 9)] == [1, 10, 10, 10]
    assert retries.pause_s(terms, 1, 0.999) == 1 * (1 + 0.2 * 0.999)
    dropping = Terms(retries_s=(1, 10), drops=True)
    assert [retries.pause_s(dropping, n, 0.0) for n in (1, 2, 3)] == [1, 10, None]


def test_a_receiver_that_is_down_is_left_alone_for_half_a_minute_at_most() -> None:
    state, rests = STATE, []
    for nth in range(30):
        state = retries.after_failure(state, nth * 60_000_000, 500, 0.0, 0.0)
        rests.append(max(0, state.resume_at - nth * 60_000_000) / 1e6)
    assert rests[:9] == [0] * 9
    assert rests[9:15] == [1, 2, 4, 8, 16, 30]
    assert set(rests[14:]) == {30}
    assert state.failing_since == 0 or state.misses == 30
    up = retries.after_success(state)
    assert (up.failing_since, up.misses, up.resume_at) == (0, 0, 0)


def test_who_asked_for_time_is_left_alone_though_another_call_succeeds() -> None:
    state = retries.after_failure(STATE, 1, 429, 100.0, 0.0)
    assert state.resume_at == 1 + 100_000_000
    assert retries.after_success(state).resume_at == state.resume_at
    assert retries.after_failure(STATE, 1, 500, 100.0, 0.0).resume_at <= 1
    assert retries.after_failure(STATE, 1, 503, 1e9, 0.0).resume_at == 1 + 86_400_000_000


def test_a_webhook_is_switched_off_by_410_and_after_three_days_without_a_success() -> None:
    failing = retries.after_failure(STATE, 1, 500, 0.0, 0.0)
    assert retries.off_why(failing, 3 * retries.DAY_US, 500) == ""
    assert retries.off_why(failing, 3 * retries.DAY_US + 1, 500) == "failing"
    assert retries.off_why(failing, 2, 410) == "gone"
