"""Sending takes all it wants while orders rest, and a small share of the processor while they do not."""

from orderhub.core.deliveries import WebhookState
from orderhub.core.webhook_formats import Terms
from orderhub.delivery import retries
from orderhub.delivery.pace import Pace, Written


class Machine:
    now_s = 0.0
    written = Written()
    spent_s = 0.0

    def passes(self, seconds: float, *, writing: float, spent: float, commands: int = 1) -> None:
        """One batch of so many commands is written meanwhile."""
        self.now_s += seconds
        done = self.written
        worked_s = done.seconds + writing * seconds
        self.written = Written(worked_s, done.batches + 1, done.commands + commands)
        self.spent_s += spent * seconds


def sent_in(
    machine: Machine, pace: Pace, seconds: float, *, writing: float, spent: float, commands: int = 1
) -> int:
    """Messages that leave while as many as may do."""
    sent = 0
    for _ in range(round(seconds * 100)):
        machine.passes(0.01, writing=writing, spent=spent, commands=commands)
        while sent < 100_000 and not pace.may_send():
            sent += 1
            if sent % 5 == 0:  # as many as have something to send
                break
    return sent


def paced() -> tuple[Machine, Pace]:
    machine = Machine()
    return machine, Pace(lambda: machine.written, lambda: machine.now_s, lambda: machine.spent_s)


def test_nothing_is_held_back_while_the_writer_rests() -> None:
    machine, pace = paced()
    assert sent_in(machine, pace, 1, writing=0.5, spent=1, commands=3) == 500


def test_a_busy_writer_leaves_a_small_share_of_what_the_process_gets() -> None:
    machine, pace = paced()
    machine.passes(1, writing=1, spent=1)
    at_once = sent_in(machine, pace, 0.01, writing=1, spent=1)
    assert at_once <= 10
    assert 600 <= sent_in(machine, pace, 10, writing=1, spent=1) <= 700
    # A machine that others use too gives less, and less is taken.
    assert 140 <= sent_in(machine, pace, 10, writing=1, spent=0.22) <= 160


def test_a_writer_that_finds_many_waiting_is_busy_though_it_seldom_gets_to_write() -> None:
    machine, pace = paced()
    machine.passes(1, writing=0.1, spent=1, commands=30)
    sent = sent_in(machine, pace, 10, writing=0.1, spent=1, commands=30)
    assert 600 <= sent <= 700


def test_it_is_over_soon_after_the_writer_rests() -> None:
    machine, pace = paced()
    machine.passes(1, writing=1, spent=1)
    while not pace.may_send():
        pass
    machine.passes(0.2, writing=0, spent=0, commands=0)
    assert pace.may_send() > 0.0
    machine.passes(0.4, writing=0, spent=0, commands=0)
    assert pace.may_send() == 0.0


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
