"""When what failed is tried again, and what is given up."""

import pytest

from orderhub.core.deliveries import DROPPED, WAITING
from orderhub.core.feed import event_id
from orderhub.ledger.ledger import Ledger
from tests.delivery.rig import (
    DAY,
    HOUR,
    SECOND,
    Rig,
    assert_all_came,
    change_webhook,
    deliveries,
    events_of,
    ids,
    put_webhook,
    rigged,
)
from tests.support import world
from tests.support.receivers import Receiver

pytestmark = pytest.mark.usefixtures("brisk")


@pytest.mark.parametrize("status", [301, 400, 500])
def test_others_are_given_no_time_that_they_name(
    ledger: Ledger, sink: Receiver, status: int
) -> None:
    sink.answer = lambda _: (status, {"Retry-After": "3000"}, b"")
    put_webhook(ledger, sink.url)
    order = world.place(ledger)

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        sink.answer = lambda _: 204
        await rig.later(7 * SECOND)
        assert_all_came(sink, events_of((order, 1)))

    rigged(ledger, work)


def test_what_waited_while_it_was_off_is_not_given_up_for_that_time(
    ledger: Ledger, sink: Receiver
) -> None:
    sink.answer = lambda _: 500
    put_webhook(ledger, sink.url)
    order = world.place(ledger)

    async def work(rig: Rig) -> None:
        for _ in range(5):
            await rig.later(DAY)
        assert rig.offs == ["failing"]
        rig.clock.now_us += 40 * DAY
        change_webhook(ledger, is_enabled=True, off_why="")
        await rig.pass_once()
        assert len(deliveries(ledger, WAITING)) >= 1
        sink.answer = lambda _: 204
        for _ in range(3):
            await rig.later(HOUR)
        assert deliveries(ledger, DROPPED) == []
        assert event_id(order.uid, 1) in ids(sink.taken)

    rigged(ledger, work)


def test_what_is_refused_for_thirty_days_while_others_are_taken_is_given_up(
    ledger: Ledger, sink: Receiver
) -> None:
    bad_id = event_id(world.place(ledger).uid, 1)
    sink.answer = lambda came: 500 if came.id == bad_id else 204
    put_webhook(ledger, sink.url)

    async def work(rig: Rig) -> None:
        for day in range(45):
            world.place(ledger)
            await rig.later(DAY)
            assert bool(deliveries(ledger, DROPPED)) is (day >= 31) or 29 <= day <= 33
        assert rig.offs == []
        assert [each.event_id for each in deliveries(ledger, DROPPED)] == [bad_id]

    rigged(ledger, work)
