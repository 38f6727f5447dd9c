"""The one life of an order, as a table with a cell for every action in every status."""

import pytest

from orderhub.core.commands import Action, ChangeOrder, OrderName, Origin
from orderhub.core.facts import Timer
from orderhub.core.life import EVENT_OF, TRANSITIONS, next_status
from orderhub.core.timers import TIMER_KINDS, command_of_timer
from orderhub.core.values import Status

# Rows are actions, columns statuses; `.` = not allowed.
LIFE = """
                pending    paid       shipped    completed  cancelled  refunding  refunded
pay             paid       .          .          .          .          .          .
ship            .          shipped    .          .          .          .          .
ship_part       .          paid       .          .          .          .          .
complete        .          completed  completed  .          .          .          .
cancel          cancelled  .          .          .          .          .          .
call_off        cancelled  refunded   .          .          .          .          .
request_refund  .          refunding  refunding  refunding  .          .          .
refund          .          refunded   refunded   refunded   .          refunded   .
refund_part     .          paid       shipped    completed  .          refunding  .
reject_refund   .          .          .          .          .          paid       .
amend           pending    paid       shipped    completed  cancelled  refunding  refunded
"""
HEAD, *ROWS = [line.split() for line in LIFE.strip().splitlines()]
CELLS = [
    (Action(action), Status(status), None if cell == "." else Status(cell))
    for action, *cells in ROWS
    for status, cell in zip(HEAD, cells, strict=True)
]


@pytest.mark.parametrize(("action", "status", "then"), CELLS)
def test_an_action_leads_where_the_table_says(
    action: Action, status: Status, then: Status | None
) -> None:
    assert next_status(action, status) is then


def test_the_table_is_total() -> None:
    assert len(CELLS) == len(Action) * len(Status)
    assert set(EVENT_OF) == set(Action)
    assert set(TRANSITIONS) == set(Action) - {Action.AMEND}


def test_every_change_has_an_event_of_its_own_name() -> None:
    assert len(set(EVENT_OF.values())) == len(EVENT_OF)


def test_what_ended_never_begins_again() -> None:
    for ended in (Status.CANCELLED, Status.REFUNDED):
        moves = [a for a in Action if a is not Action.AMEND and next_status(a, ended) is not None]
        assert moves == []


def test_every_status_can_be_reached_from_the_first() -> None:
    reached = {Status.PENDING}
    for _ in Status:
        reached |= {
            then for steps in TRANSITIONS.values() for frm, then in steps.items() if frm in reached
        }
    assert reached == set(Status)


DUE = {"auto_close": Action.CANCEL, "auto_pay": Action.PAY, "auto_finish": Action.COMPLETE}


def test_what_is_done_when_a_timer_is_due_may_be_done_where_it_waits() -> None:
    assert {kind: row.action for kind, row in TIMER_KINDS.items()} == DUE
    assert all(row.waits_in in TRANSITIONS[row.action] for row in TIMER_KINDS.values())


@pytest.mark.parametrize(("kind", "action"), DUE.items())
def test_a_timer_stands_for_a_command_on_its_order(kind: str, action: Action) -> None:
    at = Origin(tenant_id=1, channel="hub", actor="timer", recorded_at=5)
    bare = ChangeOrder(origin=at, name=OrderName("id", "0"), action=Action.AMEND)
    timer = Timer(tenant_id=1, kind=kind, order_id=46, due_at=1)
    command = command_of_timer(timer, bare)
    assert (command.action, command.name, command.reason) == (action, OrderName("id", "46"), kind)
    assert command.origin is at
