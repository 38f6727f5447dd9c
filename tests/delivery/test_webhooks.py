"""Webhooks: each event at least once under one id, an order's in their order, whatever a receiver or a hub does."""

import asyncio
import itertools
import random
import threading
from typing import Any

import pytest

from orderhub.core.commands import Action
from orderhub.core.deliveries import DROPPED, SENT, WAITING
from orderhub.core.feed import event_id
from orderhub.delivery import courier, engine
from orderhub.ledger.ledger import Ledger
from tests.delivery.rig import (
    DAY,
    HOUR,
    SECOND,
    Rig,
    amend,
    assert_all_came,
    assert_sound,
    change_webhook,
    deliveries,
    events_of,
    ids,
    put_webhook,
    rigged,
    state,
    until,
    webhook,
)
from tests.support import world
from tests.support.receivers import PATIENCE_S, Came, Receiver
from tests.support.world import SHOP

pytestmark = pytest.mark.usefixtures("brisk")


# --- all goes well


def test_every_event_comes_once_in_order_and_is_listed(ledger: Ledger, sink: Receiver) -> None:
    first, second = world.place(ledger), world.place(ledger)
    amend(ledger, first, 2)
    put_webhook(ledger, sink.url)
    rigged(ledger, Rig.pass_once)
    wanted = events_of((first, 3), (second, 1))
    assert_all_came(sink, wanted)
    assert len(sink.calls) == 4
    body = sink.calls[0].json
    assert body["type"] == "order.placed"
    assert body["data"]["order"]["uid"] == body["data"]["event"]["order_uid"]
    rows = deliveries(ledger)
    assert sorted(each.event_id for each in rows) == sorted(wanted)
    assert {(each.state, each.attempts) for each in rows} == {(SENT, 1)}
    assert [each.id for each in rows] == [1, 2, 3, 4]
    attempt = rows[0].log[0]
    assert (attempt.status, attempt.error) == (204, "")
    assert attempt.duration_us > 0
    assert_sound(ledger)


def test_what_is_settled_is_not_sent_again_by_the_next_hub(ledger: Ledger, sink: Receiver) -> None:
    order = world.place(ledger)
    put_webhook(ledger, sink.url)
    rigged(ledger, Rig.pass_once)
    amend(ledger, order)
    rigged(ledger, Rig.pass_once)
    assert ids(sink.calls) == events_of((order, 2))


def test_only_what_a_webhook_wants_comes(ledger: Ledger, sink: Receiver) -> None:
    order = world.place(ledger)
    amend(ledger, order)
    put_webhook(ledger, sink.url, 1, kinds=("order.amended",))
    put_webhook(ledger, sink.url + "/x", 2, channels=("elsewhere",))
    put_webhook(ledger, sink.url + "/y", 3, channels=("test",), kinds=("order.placed",))
    rigged(ledger, Rig.pass_once)
    assert sorted((each.path, each.json["type"]) for each in sink.calls) == [
        ("/hook", "order.amended"),
        ("/hook/y", "order.placed"),
    ]
    assert deliveries(ledger, number=2) == []


def test_what_was_rolled_back_never_comes(ledger: Ledger, sink: Receiver) -> None:
    order = world.place(ledger)
    refused = world.run(ledger, world.change(order, Action.COMPLETE))
    assert refused[0].kind == "rejected"
    dry = world.waiting(world.sale(), dry_run=True)
    world.run(ledger, dry)
    put_webhook(ledger, sink.url)
    rigged(ledger, Rig.pass_once)
    assert ids(sink.calls) == events_of((order, 1))


def test_what_is_in_hand_leaves_while_a_round_is_written(
    ledger: Ledger, sink: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "MOST_FLYING", 1)
    monkeypatch.setattr(courier, "_FLUSH", 1)
    monkeypatch.setattr(courier, "_ROUND_S", 0.0)
    wanted = events_of(*((world.place(ledger), 1) for _ in range(5)))
    put_webhook(ledger, sink.url)
    have_come, in_time = threading.Event(), []
    settle = ledger.deliveries.settle

    def slow(*given: Any) -> Any:
        in_time.append(have_come.wait(PATIENCE_S))
        return settle(*given)

    async def work(rig: Rig) -> None:
        monkeypatch.setattr(ledger.deliveries, "settle", slow)
        await rig.engine.look()
        await until(lambda: len(sink.calls) == 5)
        have_come.set()
        await rig.engine.idle()

    rigged(ledger, work)
    assert in_time
    assert all(in_time), "messages waited for what was being written"
    assert_all_came(sink, wanted)
    assert {each.state for each in deliveries(ledger)} == {SENT}


def test_while_orders_come_thick_and_fast_a_page_leaves_a_round(
    ledger: Ledger, sink: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_PAGE", 4)
    monkeypatch.setattr(courier, "_ROUND_S", 0.0)
    monkeypatch.setattr(courier, "_BUSY_ROUND_S", 3_600.0)
    monkeypatch.setattr(engine, "_GIVES_WAY_S", 3_600.0)
    wanted = events_of(*((world.place(ledger), 1) for _ in range(10)))
    put_webhook(ledger, sink.url)

    async def work(rig: Rig) -> None:
        rig.engine.give_way(True)
        await rig.engine.look()
        await until(lambda: len(sink.calls) == 4)
        await asyncio.sleep(0.1)
        assert len(sink.calls) == 4
        rig.engine.give_way(False)
        rig.engine.wake(world.SHOP)
        await rig.engine.idle()

    rigged(ledger, work)
    assert_all_came(sink, wanted)


def test_nothing_gives_way_to_orders_that_come_no_more(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [0.0]
    monkeypatch.setattr(engine, "monotonic", lambda: now_s[0])

    async def work(rig: Rig) -> None:
        rig.engine.give_way(True)
        assert rig.engine.gives_way
        now_s[0] = 1.0
        assert not rig.engine.gives_way

    rigged(ledger, work)


def test_own_commits_wake_the_engine_at_once(ledger: Ledger, sink: Receiver) -> None:
    put_webhook(ledger, sink.url)

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        order = world.place(ledger)
        rig.engine.wake(SHOP)
        await rig.engine.idle()
        assert ids(sink.calls) == events_of((order, 1))

    rigged(ledger, work)


# --- receivers fail


def test_a_failing_order_holds_up_its_own_events_and_no_others(
    ledger: Ledger, sink: Receiver
) -> None:
    bad, good = world.place(ledger), world.place(ledger)
    bad_id = event_id(bad.uid, 1)
    sink.answer = lambda came: 500 if came.id == bad_id else 204
    amend(ledger, bad, 2)
    amend(ledger, good, 2)
    put_webhook(ledger, sink.url)

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        assert ids(sink.taken) == events_of((good, 3))
        assert [(each.state, each.attempts) for each in deliveries(ledger, WAITING)] == [
            (WAITING, 1),
            (WAITING, 0),
            (WAITING, 0),
        ]
        amend(ledger, bad)
        amend(ledger, good)
        await rig.pass_once()
        assert ids(sink.taken)[3:] == [event_id(good.uid, 4)]
        assert_sound(ledger)
        sink.answer = lambda _: 204
        await rig.later(7 * SECOND)
        await rig.pass_once()
        assert_all_came(sink, events_of((bad, 4), (good, 4)))
        assert deliveries(ledger, WAITING) == []
        assert_sound(ledger)

    rigged(ledger, work)


def test_what_fails_is_tried_again_after_longer_and_longer_pauses(
    ledger: Ledger, sink: Receiver
) -> None:
    sink.answer = lambda _: (500, {}, "é".encode() * 3_000)
    put_webhook(ledger, sink.url)
    order = world.place(ledger)

    async def work(rig: Rig) -> list[float]:
        await rig.pass_once()
        pauses = []
        for _ in range(9):
            (row,) = deliveries(ledger)
            pauses.append((row.next_at - row.last_at) / SECOND)
            before = len(sink.calls)
            await rig.later(row.next_at - rig.clock() - 1)
            assert len(sink.calls) == before, "too early"
            await rig.later(1)
            assert len(sink.calls) == before + 1
        return pauses

    pauses = rigged(ledger, work)
    wanted = [5, 30, 120, 600, 3_600, 14_400, 43_200, 86_400, 86_400]
    for pause, least in zip(pauses, wanted, strict=True):
        assert least <= pause <= least * 1.2
    (row,) = deliveries(ledger)
    assert row.event_id == event_id(order.uid, 1)
    assert set(ids(sink.calls)) == {row.event_id}
    assert [each.status for each in row.log] == [500] * 10
    assert len(row.log[0].answer.encode()) == 2_048
    assert sink.calls[0].body == sink.calls[-1].body


@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_for_time_is_given_it(ledger: Ledger, sink: Receiver, status: int) -> None:
    sink.answer = lambda _: (status, {"Retry-After": "3000"}, b"")
    put_webhook(ledger, sink.url)
    orders = [world.place(ledger)]

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        assert len(sink.calls) == 1
        orders.append(world.place(ledger))
        sink.answer = lambda _: 204
        await rig.later(2_999 * SECOND)
        assert len(sink.calls) == 1, "it asked to be left alone"
        await rig.later(2 * SECOND)
        assert_all_came(sink, events_of(*((each, 1) for each in orders)))

    rigged(ledger, work)


def test_410_switches_a_webhook_off_and_says_so(ledger: Ledger, sink: Receiver) -> None:
    sink.answer = lambda _: 410
    put_webhook(ledger, sink.url)
    put_webhook(ledger, sink.url + "/other", 2)
    order = world.place(ledger)
    sink.answer = lambda came: 204 if came.path.endswith("other") else 410

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        assert rig.offs == ["gone"]
        doc = webhook(ledger).doc
        assert (doc.is_enabled, doc.off_why) == (False, "gone")
        amend(ledger, order)
        await rig.later(DAY)
        told = [each for each in sink.taken if each.json["type"] == "webhook.off"]
        assert [each.json["data"]["event"]["data"] for each in told] == [
            {"webhook": "hook-1", "title": "", "reason": "gone"}
        ]
        before = len([each for each in sink.calls if each.path == "/hook"])
        assert before == 1
        # switched on again it catches up by itself, at once
        sink.answer = lambda _: 204
        change_webhook(ledger, is_enabled=True, off_why="")
        await rig.pass_once()
        await rig.pass_once()
        mine = [
            each.id for each in sink.taken if each.path == "/hook" and "order" in each.json["type"]
        ]
        assert mine == events_of((order, 2))
        assert_sound(ledger)

    rigged(ledger, work)


def test_after_three_days_of_nothing_but_failure_it_is_switched_off_and_catches_up_once_on(
    ledger: Ledger, sink: Receiver
) -> None:
    sink.answer = lambda _: 500
    put_webhook(ledger, sink.url)
    orders = [world.place(ledger) for _ in range(40)]

    async def work(rig: Rig) -> None:
        for _ in range(71):
            await rig.later(HOUR)
        assert rig.offs == []
        assert rig.engine.failing == 1
        asked = len(sink.calls)
        assert asked < 40 + 71 * 40, "a receiver that is down is not asked about everything"
        for _ in range(30):
            await rig.later(HOUR)
        assert rig.offs == ["failing"]
        await rig.later(HOUR)
        assert rig.engine.failing == 0
        orders.append(world.place(ledger))
        asked = len(sink.calls)
        await rig.later(DAY)
        assert len(sink.calls) == asked
        sink.answer = lambda _: 204
        change_webhook(ledger, is_enabled=True, off_why="")
        for _ in range(4):
            await rig.later(SECOND)
        wanted = events_of(*((each, 1) for each in orders))
        assert set(wanted) <= set(ids(sink.taken))
        assert deliveries(ledger, WAITING) == []
        assert_sound(ledger)

    rigged(ledger, work)


def test_a_success_in_between_keeps_it_switched_on(ledger: Ledger, sink: Receiver) -> None:
    bad = world.place(ledger)
    bad_id = event_id(bad.uid, 1)
    sink.answer = lambda came: 500 if came.id == bad_id else 204
    put_webhook(ledger, sink.url)

    async def work(rig: Rig) -> None:
        for _ in range(8):
            await rig.later(DAY)
            world.place(ledger)
            await rig.pass_once()
        assert rig.offs == []
        for _ in range(30):
            await rig.later(DAY)
        assert rig.offs == ["failing"] or deliveries(ledger, DROPPED)

    rigged(ledger, work)


def test_an_outage_leaves_few_rows_and_ends_at_once_in_order(
    ledger: Ledger, sink: Receiver
) -> None:
    put_webhook(ledger, sink.url)
    orders = [world.place(ledger) for _ in range(60)]
    for each in orders[:20]:
        amend(ledger, each, 2)
    sink.answer = lambda _: 503

    async def work(rig: Rig) -> None:
        for _ in range(20):
            await rig.later(60 * SECOND)
        assert len(deliveries(ledger)) <= 100
        sink.answer = lambda _: 204
        for _ in range(3):
            await rig.later(40 * SECOND)
        counts = [(each, 3 if each in orders[:20] else 1) for each in orders]
        assert_all_came(sink, events_of(*counts))
        assert deliveries(ledger, WAITING) == []
        assert state(ledger).failing_since == 0
        assert_sound(ledger)

    rigged(ledger, work)


def test_receivers_that_fail_at_random_get_everything_in_order(
    ledger: Ledger, sink: Receiver
) -> None:
    chance = random.Random(7)
    gate = threading.Lock()
    asked = itertools.count()

    def answer(_: Came) -> int:
        # In the end it takes everything: the last order would else meet whatever row of failures the seed ends with.
        with gate:
            return 500 if chance.random() < 0.3 and next(asked) < 70 else 200

    sink.answer = answer
    put_webhook(ledger, sink.url)
    orders = [world.place(ledger) for _ in range(40)]
    for _ in range(3):
        for each in orders:
            amend(ledger, each)

    async def work(rig: Rig) -> None:
        for _ in range(60):
            await rig.later(HOUR)
            if not deliveries(ledger, WAITING):
                break
        assert_all_came(sink, events_of(*((each, 4) for each in orders)))
        assert_sound(ledger)

    rigged(ledger, work)


def test_a_dead_endpoint_holds_up_no_other(ledger: Ledger, sink: Receiver) -> None:
    stalled = threading.Event()

    def answer(came: Came) -> int:
        if came.path.endswith("dead"):
            stalled.wait(PATIENCE_S)
        return 204

    sink.answer = answer
    put_webhook(ledger, sink.url + "/dead", 1)
    put_webhook(ledger, sink.url, 2)
    orders = [world.place(ledger) for _ in range(100)]

    async def work(rig: Rig) -> None:
        await rig.engine.look()
        await until(lambda: len([each for each in sink.taken if each.path == "/hook"]) == 100)
        stalled.set()
        await rig.engine.idle()
        await rig.pass_once()
        dead = [each.id for each in sink.taken if each.path.endswith("dead")]
        assert set(dead) >= set(events_of(*((each, 1) for each in orders)))

    rigged(ledger, work)


def test_one_slow_answer_holds_up_its_own_order_alone(
    ledger: Ledger, sink: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_MOST_MARKS", 64)
    slow = world.place(ledger)
    slow_id, go = event_id(slow.uid, 1), threading.Event()

    def answer(came: Came) -> int:
        if came.id == slow_id:
            go.wait(PATIENCE_S)
        return 204

    sink.answer = answer
    put_webhook(ledger, sink.url)
    amend(ledger, slow)
    others = [each.order for each in world.run_all(ledger, *[world.sale() for _ in range(200)])]

    async def work(rig: Rig) -> None:
        await rig.engine.look()
        await until(lambda: len(sink.taken) >= 200)
        await until(lambda: len(deliveries(ledger, SENT)) >= 200)
        assert slow_id not in ids(sink.taken)
        # It has a row by now, so that the cursor is behind it.
        assert state(ledger).passed > 60
        go.set()
        await rig.engine.idle()
        assert_all_came(sink, events_of((slow, 2), *((each, 1) for each in others)))
        assert len(sink.calls) == 202
        assert_sound(ledger)

    rigged(ledger, work)
