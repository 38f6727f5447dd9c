"""Replays and tests of webhooks: what was sent once is sent again under the same id; and a message to try one out."""

import json
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from orderhub.core.commands import Action
from orderhub.core.deliveries import DROPPED, EVENT, REPLAY, SENT, TEST, WAITING
from orderhub.core.feed import event_id
from orderhub.core.values import Order
from orderhub.core.webhook_formats import Message, Terms, Told
from orderhub.core.webhooks import Webhook
from orderhub.delivery import replays
from orderhub.ledger.database import writing
from orderhub.ledger.ledger import Ledger
from tests.delivery.rig import (
    HOUR,
    SECOND,
    Rig,
    assert_sound,
    change_webhook,
    deliveries,
    put_webhook,
    rigged,
    until,
    webhook,
)
from tests.support import world
from tests.support.receivers import Receiver
from tests.support.world import NOON, SHOP

pytestmark = pytest.mark.usefixtures("brisk")


def placed_at(ledger: Ledger, at_us: int, slot: int = 0) -> Order:
    command = world.sale(origin=world.origin(recorded_at=at_us))
    return world.run_all(ledger, command, slot=slot)[0].order


def first_of(*orders: Order) -> list[str]:
    return [event_id(order.uid, 1) for order in orders]


def test_single_events_are_sent_again_under_the_same_id(ledger: Ledger, sink: Receiver) -> None:
    put_webhook(ledger, sink.url, kinds=("order.placed",))
    orders = [world.place(ledger) for _ in range(3)]
    world.run_all(ledger, world.change(orders[0], Action.AMEND))

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        assert {each.id for each in sink.calls} == {*first_of(*orders)}
        again = [event_id(orders[0].uid, 2), event_id(orders[0].uid, 1), *first_of(orders[2])]
        made = replays.send_events_again(ledger, webhook(ledger), again, rig.clock())
        assert [each.event_id for each in made] == again
        await rig.pass_once()
        await rig.pass_once()
        came = [each.id for each in sink.calls[3:]]
        assert sorted(came) == sorted(again)
        # those of an order in the order in which they were asked for
        assert [each for each in came if each in again[:2]] == again[:2]

    rigged(ledger, work)
    rows = deliveries(ledger)
    assert [(each.cause, each.state) for each in rows] == [(EVENT, SENT)] * 3 + [(REPLAY, SENT)] * 3
    assert_sound(ledger)


def test_an_event_that_there_is_not_is_refused_and_none_is_sent(
    ledger: Ledger, sink: Receiver
) -> None:
    put_webhook(ledger, sink.url)
    order = world.place(ledger)
    wanted = [*first_of(order), event_id(order.uid, 2)]
    with pytest.raises(replays.EventUnknown, match=wanted[1]):
        replays.send_events_again(ledger, webhook(ledger), wanted, NOON)
    assert deliveries(ledger) == []


def test_a_stretch_of_time_is_sent_again_in_order_and_nothing_beside_it(
    ledger: Ledger, sink: Receiver
) -> None:
    put_webhook(ledger, sink.url)
    begin = NOON + 100 * HOUR
    orders = [placed_at(ledger, begin + n * HOUR, slot=n % 3) for n in range(40)]
    for each in orders[10:20]:
        at = world.origin(recorded_at=begin + 15 * HOUR)
        world.run_all(ledger, world.change(each, Action.AMEND, origin=at))

    async def work(rig: Rig) -> list[str]:
        rig.clock.now_us = begin + 50 * HOUR
        await rig.pass_once()
        before = len(sink.calls)
        assert before == 50
        since, until = begin + 12 * HOUR, begin + 16 * HOUR
        replays.send_stretch_again(ledger, webhook(ledger), since, until)
        standing = ledger.read(lambda reads: reads.webhook_standing(SHOP, 1))
        assert (standing.replays, standing.behind, standing.waiting) == (1, 0, 0)
        await rig.pass_once()
        standing = ledger.read(lambda reads: reads.webhook_standing(SHOP, 1))
        assert (standing.replays, standing.waiting) == (0, 0)
        return [each.id for each in sink.calls[before:]]

    came = rigged(ledger, work)
    wanted = {
        each.event_id
        for each in deliveries(ledger)
        if each.cause == EVENT
        and each.event_id
        in {*first_of(*orders[12:16]), *(event_id(each.uid, 2) for each in orders[10:20])}
    }
    assert len(came) == len(set(came)) == 14
    assert set(came) == wanted
    both = [each for each in came if each.rpartition("_")[0] == event_id(orders[12].uid, 1)[:-2]]
    assert both == [event_id(orders[12].uid, 1), event_id(orders[12].uid, 2)]
    assert [each.cause for each in deliveries(ledger)].count(REPLAY) == 14
    assert_sound(ledger)


def test_a_long_stretch_is_sent_in_bounded_steps_and_goes_on_with_the_next_hub(
    ledger: Ledger, sink: Receiver
) -> None:
    put_webhook(ledger, sink.url)
    world.run_all(ledger, *[world.sale() for _ in range(300)])

    async def first(rig: Rig) -> None:
        await rig.pass_once()
        replays.send_stretch_again(ledger, webhook(ledger), 0, rig.clock() + HOUR)
        assert deliveries(ledger, WAITING) == []
        await rig.engine.look()
        await until(lambda: len(sink.calls) >= 400)
        await rig.engine.stop(5)

    rigged(ledger, first)
    rigged(ledger, Rig.pass_once)
    ids = [each.id for each in sink.calls]
    assert len(set(ids)) == 300
    assert len(ids) == 600
    assert_sound(ledger)


def test_old_events_from_before_the_feed_are_sent_again_too(ledger: Ledger, sink: Receiver) -> None:
    orders = [world.place(ledger) for _ in range(5)]
    with writing(ledger.engine).begin() as connection:
        connection.execute(text("DELETE FROM feed"))
        connection.execute(text("DELETE FROM feed_lane"))
        connection.execute(text("UPDATE order_event SET fed = 0"))
    put_webhook(ledger, sink.url)
    late = world.place(ledger)

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        # Orders are sent side by side: whose arrives first is anyone's guess.
        assert sorted(each.id for each in sink.calls) == sorted(first_of(*orders, late))
        since, until = orders[2].recorded_at, orders[3].recorded_at + 1
        replays.send_stretch_again(ledger, webhook(ledger), since, until)
        await rig.pass_once()
        assert sorted(each.id for each in sink.calls[6:]) == sorted(first_of(*orders[2:4]))

    rigged(ledger, work)


def test_a_test_is_sent_once_and_kept(ledger: Ledger, sink: Receiver) -> None:
    put_webhook(ledger, sink.url)
    change_webhook(ledger, is_enabled=False)
    sink.answer = lambda _: (422, {}, b"not yet")

    async def work(rig: Rig) -> None:
        told = await rig.engine.test(webhook(ledger))
        assert (told.kind, told.state, told.cause) == ("webhook.test", DROPPED, TEST)
        assert (told.log[0].status, told.log[0].answer) == (422, "not yet")
        assert deliveries(ledger) == [told]
        assert sink.calls[0].json["type"] == "webhook.test"
        await rig.later(HOUR)
        assert len(sink.calls) == 1

    rigged(ledger, work)


class Pairs:
    """Up to three events in a message; nothing is said of what was amended; given up after two more attempts."""

    terms = Terms(most_events=3, retries_s=(60, 120), drops=True, is_signed=False, timeout_s=5)

    def message(self, _webhook: Webhook, told: Sequence[Told]) -> Message | None:
        ids = [each.event.id for each in told if each.event.kind != "order.amended"]
        return Message("+".join(ids), json.dumps(ids).encode()) if ids else None


def test_formats_with_many_events_in_a_message_give_them_up_in_the_end(
    ledger: Ledger, sink: Receiver
) -> None:
    put_webhook(ledger, sink.url, format="pairs")
    orders = [world.place(ledger) for _ in range(7)]
    world.run_all(ledger, world.change(orders[0], Action.AMEND))

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        assert sorted(len(each.json) for each in sink.calls) == [1, 3, 3]
        assert {each for call in sink.calls for each in call.json} == {*first_of(*orders)}
        assert len(deliveries(ledger, SENT)) == 7, "what is not said is not sent"
        unsaid = event_id(orders[0].uid, 2)
        again = (unsaid, event_id(orders[1].uid, 1))
        replays.send_events_again(ledger, webhook(ledger), again, rig.clock())
        await rig.pass_once()
        assert sink.calls[-1].json == [again[1]]
        (dropped,) = deliveries(ledger, DROPPED)
        assert (dropped.event_id, dropped.attempts) == (unsaid, 0), "nor when it is asked for"
        sink.answer = lambda _: 500
        late = world.place(ledger)
        for _ in range(4):
            await rig.later(200 * SECOND)
        row = deliveries(ledger, DROPPED)[-1]
        assert (row.event_id, row.attempts) == (event_id(late.uid, 1), 3)

    rigged(ledger, work, formats={"pairs": Pairs()})
    assert_sound(ledger)


def test_events_of_one_message_are_given_up_each_by_its_own_count(
    ledger: Ledger, sink: Receiver
) -> None:
    sink.answer = lambda _: 500
    put_webhook(ledger, sink.url, format="pairs")
    first = world.place(ledger)

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        await rig.later(80 * SECOND)
        late = world.place(ledger)
        await rig.pass_once()
        change_webhook(ledger, title="all that waits is due")
        await rig.later(SECOND)
        assert {each: len(sink.calls[-1].json) for each in sink.calls[-1].json} == {
            event_id(each.uid, 1): 2 for each in (first, late)
        }
        rows = {each.event_id: each for each in deliveries(ledger)}
        gone, waits = (rows[event_id(each.uid, 1)] for each in (first, late))
        assert (gone.state, gone.attempts) == (DROPPED, 3)
        assert (waits.state, waits.attempts) == (WAITING, 2)
        assert 120 * SECOND <= waits.next_at - rig.clock() <= 145 * SECOND
        assert (rig.meter.outcomes["dropped"], rig.meter.outcomes["failed"]) == (1, 4)

    rigged(ledger, work, formats={"pairs": Pairs()})
    assert_sound(ledger)


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize("slots", [1, 3])
def test_what_is_sent_again_overtakes_nothing_that_was_never_sent(
    ledger: Ledger, sink: Receiver, is_named: bool, slots: int
) -> None:
    put_webhook(ledger, sink.url, is_enabled=False)
    begin = NOON + 100 * HOUR
    orders = [placed_at(ledger, begin, slot=n % slots) for n in range(300)]
    last = orders[-1]
    for number in (1, 2):
        at = world.origin(recorded_at=begin + number * HOUR)
        world.run_all(ledger, world.change(last, Action.AMEND, origin=at))

    async def work(rig: Rig) -> None:
        rig.clock.now_us = begin + 5 * HOUR
        if is_named:
            named = [event_id(last.uid, 3)]
            assert replays.send_events_again(ledger, webhook(ledger), named, rig.clock()) == ()
        else:
            replays.send_stretch_again(ledger, webhook(ledger), begin + 2 * HOUR, begin + 4 * HOUR)
        change_webhook(ledger, is_enabled=True)
        for _ in range(4):
            await rig.later(SECOND)

    rigged(ledger, work)
    came = [each.id for each in sink.calls]
    assert sorted(came) == sorted([*first_of(*orders), *(event_id(last.uid, n) for n in (2, 3))])
    mine = [each for each in came if each.startswith(event_id(last.uid, 1)[:-2])]
    assert mine == [event_id(last.uid, n) for n in (1, 2, 3)]
    assert_sound(ledger)


def test_what_is_named_is_sent_again_only_where_it_has_come_to_it(
    ledger: Ledger, sink: Receiver
) -> None:
    put_webhook(ledger, sink.url)
    begin = NOON + 100 * HOUR
    orders = [placed_at(ledger, begin + n, slot=n % 3) for n in range(40)]

    async def work(rig: Rig) -> None:
        rig.clock.now_us = begin + HOUR
        await rig.pass_once()
        change_webhook(ledger, is_enabled=False)
        late = [placed_at(ledger, begin + 1_000 + n, slot=n % 3) for n in range(40)]
        before = len(sink.calls)
        replays.send_stretch_again(ledger, webhook(ledger), begin, begin + HOUR)
        named = [*first_of(orders[0]), *first_of(late[0])]
        made = replays.send_events_again(ledger, webhook(ledger), named, rig.clock())
        assert [each.event_id for each in made] == named[:1]
        change_webhook(ledger, is_enabled=True)
        for _ in range(10):
            await rig.later(SECOND)
        came = [each.id for each in sink.calls[before:]]
        assert set(came) == {*first_of(*orders), *first_of(*late)}
        assert came.count(named[0]) == 2

    rigged(ledger, work)
    assert_sound(ledger)


def test_what_a_webhook_is_not_for_is_sent_when_it_is_named_though_it_is_behind(
    ledger: Ledger, sink: Receiver
) -> None:
    put_webhook(ledger, sink.url, kinds=("order.paid",), is_enabled=False)
    order = world.place(ledger)
    wanted = first_of(order)
    made = replays.send_events_again(ledger, webhook(ledger), wanted, NOON)
    assert [each.event_id for each in made] == wanted
