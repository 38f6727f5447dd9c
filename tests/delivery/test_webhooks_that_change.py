"""A webhook that is changed, switched off or removed while messages are on their way, and what is left of old ones."""

import asyncio
import gc
import threading

import pytest

from orderhub.core.commands import RecordChange
from orderhub.core.deliveries import BEHIND, SENT, WAITING
from orderhub.core.feed import event_id
from orderhub.core.webhooks import RECORD_KIND
from orderhub.delivery import courier
from orderhub.ledger.ledger import Ledger
from tests.delivery.rig import (
    HOUR,
    Rig,
    amend,
    assert_sound,
    change_webhook,
    deliveries,
    events_of,
    ids,
    put_webhook,
    rigged,
    until,
)
from tests.support import world
from tests.support.receivers import PATIENCE_S, Receiver
from tests.support.world import SHOP

pytestmark = pytest.mark.usefixtures("brisk")


def test_a_changed_webhook_is_tried_anew_at_once(ledger: Ledger, sink: Receiver) -> None:
    put_webhook(ledger, "http://127.0.0.1:9/")
    order = world.place(ledger)

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        (row,) = deliveries(ledger)
        assert (row.state, row.log[0].status) == (WAITING, 0)
        assert row.log[0].error
        change_webhook(ledger, url=sink.url)
        await rig.pass_once()
        await rig.pass_once()
        assert ids(sink.taken) == events_of((order, 1))

    rigged(ledger, work)


def test_what_is_on_its_way_while_a_webhook_is_switched_off_is_not_sent_again(
    ledger: Ledger, sink: Receiver
) -> None:
    go = threading.Event()
    sink.answer = lambda _: 204 if go.wait(PATIENCE_S) else 500
    put_webhook(ledger, sink.url)
    first = world.place(ledger)

    async def work(rig: Rig) -> None:
        wrong: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, why: wrong.append(str(why)))
        await rig.engine.look()
        await until(lambda: len(sink.calls) == 1)
        await rig.engine.in_thread(lambda: change_webhook(ledger, is_enabled=False))
        second = await rig.engine.in_thread(lambda: world.place(ledger))
        rig.engine.wake(SHOP)
        await asyncio.sleep(0.3)  # it reads on, and finds that it is switched off
        go.set()
        await rig.engine.idle()
        (row,) = deliveries(ledger)
        assert (row.state, row.attempts) == (SENT, 1)
        await rig.engine.in_thread(lambda: change_webhook(ledger, is_enabled=True))
        await rig.pass_once()
        assert ids(sink.calls) == events_of((first, 1), (second, 1))
        gc.collect()
        assert wrong == []
        assert_sound(ledger)

    rigged(ledger, work)


def test_a_webhook_that_is_switched_off_is_sent_no_more_of_what_was_read(
    ledger: Ledger, sink: Receiver
) -> None:
    go = threading.Event()
    sink.answer = lambda _: 204 if go.wait(PATIENCE_S) else 500
    put_webhook(ledger, sink.url)
    orders = [each.order for each in world.run_all(ledger, *[world.sale() for _ in range(60)])]

    async def work(rig: Rig) -> None:
        await rig.engine.look()
        await until(lambda: len(sink.calls) == courier.MOST_FLYING)
        await rig.engine.in_thread(lambda: change_webhook(ledger, is_enabled=False))
        await rig.engine.look()
        go.set()
        await rig.engine.idle()
        assert len(sink.calls) == courier.MOST_FLYING
        await rig.engine.in_thread(lambda: change_webhook(ledger, is_enabled=True))
        await rig.pass_once()
        await rig.pass_once()
        assert sorted(ids(sink.calls)) == sorted(events_of(*((each, 1) for each in orders)))
        assert_sound(ledger)

    rigged(ledger, work)


def test_what_is_left_of_a_webhook_that_was_removed_goes(ledger: Ledger, sink: Receiver) -> None:
    sink.answer = lambda _: 500
    put_webhook(ledger, sink.url)
    for _ in range(3):
        world.place(ledger)
    rigged(ledger, Rig.pass_once)
    world.run_all(ledger, world.put(RecordChange(kind=RECORD_KIND, id=1)))
    rigged(ledger, Rig.pass_once)
    while ledger.deliveries.purge(0, 2):
        pass
    assert deliveries(ledger) == []
    assert ledger.read(lambda reads: reads.webhook_state(SHOP, 1)) is None
    assert_sound(ledger)


def test_old_deliveries_go_but_for_those_that_wait(ledger: Ledger, sink: Receiver) -> None:
    bad = world.place(ledger)
    bad_id = event_id(bad.uid, 1)
    sink.answer = lambda came: 500 if came.id == bad_id else 204
    amend(ledger, bad)
    world.place(ledger)
    put_webhook(ledger, sink.url)
    rigged(ledger, Rig.pass_once)
    while ledger.deliveries.purge(world.NOON + 2 * HOUR):
        pass
    assert [(each.state, each.next_at == BEHIND) for each in deliveries(ledger)] == [
        (WAITING, False),
        (WAITING, True),
    ]
