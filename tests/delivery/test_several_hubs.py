"""Several hubs on one database share webhooks; one that dies or leaves in the middle loses nothing."""

import asyncio
import threading

import pytest

from orderhub.core.deliveries import SENT
from orderhub.ledger.ledger import Ledger
from tests.delivery.rig import (
    HOUR,
    SECOND,
    Rig,
    amend,
    assert_all_came,
    assert_sound,
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


@pytest.mark.slow
def test_two_hubs_share_webhooks_and_send_everything_once(
    world_url: str, ledger: Ledger, sink: Receiver
) -> None:
    orders = [world.place(ledger) for _ in range(30)]
    for number in range(1, 7):
        put_webhook(ledger, f"{sink.url}/{number}", number)

    async def work(first: Rig) -> None:
        with world.second_process(world_url) as other:
            second = Rig(other, first.clock)
            try:
                for _ in range(3):
                    await asyncio.gather(first.pass_once(), second.pass_once())
                    for each in orders:
                        await asyncio.to_thread(amend, ledger, each)
                await asyncio.gather(first.pass_once(), second.pass_once())
            finally:
                await second.close()

    rigged(ledger, work)
    for number in range(1, 7):
        mine = [each.id for each in sink.calls if each.path.endswith(f"/{number}")]
        assert len(mine) == len(set(mine)) == 120
    assert_sound(ledger)


def test_what_a_hub_had_that_died_is_sent_by_another_once_the_lease_has_ended(
    world_url: str, ledger: Ledger, sink: Receiver
) -> None:
    go = threading.Event()
    sink.answer = lambda _: 204 if go.wait(PATIENCE_S) else 500
    put_webhook(ledger, sink.url)
    orders = [world.place(ledger) for _ in range(5)]
    for each in orders:
        amend(ledger, each, 2)

    async def work(first: Rig) -> None:
        await first.engine.look()
        await until(lambda: len(sink.calls) >= 5)
        # It dies: nobody hears what is answered, and nothing is written.
        for task in first.engine._tasks.values():
            task.cancel()
        await asyncio.gather(*first.engine._tasks.values(), return_exceptions=True)
        go.set()
        with world.second_process(world_url) as other:
            second = Rig(other, first.clock)
            try:
                await second.later(20 * SECOND)
                assert deliveries(ledger) == [], "somebody has it still"
                await second.later(11 * SECOND)
            finally:
                await second.close()

    rigged(ledger, work)
    wanted = events_of(*((each, 3) for each in orders))
    assert set(ids(sink.taken)) == set(wanted)
    assert len(deliveries(ledger, SENT)) == 15
    assert_sound(ledger)


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize(("ahead_us", "calls"), [(30 * SECOND, 0), (10 * HOUR, 1)])
def test_a_lease_of_a_clock_that_was_ahead_keeps_nobody_out(
    world_url: str, ledger: Ledger, sink: Receiver, ahead_us: int, calls: int
) -> None:
    put_webhook(ledger, sink.url)

    async def work(first: Rig) -> None:
        first.clock.now_us += ahead_us
        await first.pass_once()
        first.engine._couriers.clear()  # it dies: nothing is given back
        world.place(ledger)
        with world.second_process(world_url) as other:
            second = Rig(other)  # its clock is right
            await second.pass_once()
            await second.close()

    rigged(ledger, work)
    assert len(sink.calls) == calls


def test_who_lost_the_lease_writes_nothing(world_url: str, ledger: Ledger, sink: Receiver) -> None:
    go = threading.Event()
    sink.answer = lambda _: 204 if go.wait(PATIENCE_S) else 500
    put_webhook(ledger, sink.url)
    world.place(ledger)

    async def work(first: Rig) -> None:
        await first.engine.look()
        await until(lambda: bool(sink.calls))
        with world.second_process(world_url) as other:
            # The second hub's clock says that the lease has ended.
            second = Rig(other)
            second.clock.now_us = first.clock.now_us + 31 * SECOND
            taken = asyncio.create_task(second.pass_once())
            await until(lambda: len(sink.calls) >= 2)
            go.set()
            await taken
            await first.engine.idle()
            await second.close()

    rigged(ledger, work)
    assert len(sink.calls) == 2
    assert [(each.state, each.attempts) for each in deliveries(ledger)] == [(SENT, 1)]
    assert_sound(ledger)


def test_a_hub_that_leaves_lets_the_attempt_in_flight_end_and_others_go_on_at_once(
    world_url: str, ledger: Ledger, sink: Receiver
) -> None:
    go = threading.Event()
    sink.answer = lambda _: 204 if go.wait(PATIENCE_S) else 500
    put_webhook(ledger, sink.url)
    orders = [world.place(ledger) for _ in range(30)]

    async def work(first: Rig) -> None:
        await first.engine.look()
        await until(lambda: len(sink.calls) >= 16)
        leaving = asyncio.create_task(first.engine.stop(10))
        await asyncio.sleep(0.1)
        go.set()
        await leaving
        assert len(sink.calls) == 16
        assert len(deliveries(ledger, SENT)) == 16
        with world.second_process(world_url) as other:
            second = Rig(other, first.clock)
            await second.pass_once()
            await second.close()

    rigged(ledger, work)
    assert_all_came(sink, events_of(*((each, 1) for each in orders)))
    assert len(sink.calls) == 30
    assert_sound(ledger)


def test_a_hub_that_may_not_wait_leaves_what_is_in_flight_to_the_next(
    world_url: str, ledger: Ledger, sink: Receiver
) -> None:
    go = threading.Event()
    sink.answer = lambda _: 204 if go.wait(PATIENCE_S) else 500
    put_webhook(ledger, sink.url)
    order = world.place(ledger)
    amend(ledger, order)

    async def work(first: Rig) -> None:
        await first.engine.look()
        await until(lambda: bool(sink.calls))
        await first.engine.stop(0.1)
        go.set()
        with world.second_process(world_url) as other:
            second = Rig(other, first.clock)
            await second.pass_once()
            await second.close()

    rigged(ledger, work)
    assert list(dict.fromkeys(ids(sink.taken))) == events_of((order, 2))
    assert_sound(ledger)


@pytest.mark.usefixtures("brisk")
def test_a_webhook_that_has_read_all_is_late_for_nobody_though_nothing_is_for_it(
    world_url: str, ledger: Ledger, sink: Receiver
) -> None:
    put_webhook(ledger, sink.url, kinds=("order.refunded",))

    async def work(first: Rig) -> None:
        with world.second_process(world_url) as other:
            second = Rig(other, first.clock)
            await first.pass_once()
            for n in range(20):
                world.place(ledger)
                for _ in range(10):
                    first.clock.now_us += SECOND
                    await first.pass_once()
                    await second.engine.look()
                    assert first.engine.lag_s <= 2, n
                    assert second.engine.lag_s <= 12, n
            await second.close()
        for _ in range(6):
            await first.later(SECOND)
        standing = ledger.read(lambda reads: reads.webhook_standing(SHOP, 1))
        assert (standing.behind, sink.calls) == (0, [])

    rigged(ledger, work)


def test_a_webhook_that_nobody_reads_on_for_is_later_each_second(
    ledger: Ledger, sink: Receiver
) -> None:
    put_webhook(ledger, sink.url, kinds=("order.refunded",))

    async def work(rig: Rig) -> None:
        await rig.pass_once()
        rig.engine._couriers.clear()  # it died: its lease stands
        await rig.engine.look()
        world.place(ledger)
        rig.engine.owner = "another"
        for n in range(20):
            rig.clock.now_us += SECOND
            await rig.engine.look()
            assert rig.engine.lag_s == n, n

    rigged(ledger, work)
