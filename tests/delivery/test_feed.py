"""The feed: each event once, none skipped, an order's in their order, from any cursor, whoever writes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from orderhub.core.commands import Action, OrderName
from orderhub.core.feed import KINDS, event_id
from orderhub.delivery.feed import CursorUnknown, Feed, FeedPage, Item, KindUnknown
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import writing
from orderhub.ledger.feed import LANES
from orderhub.ledger.feed_reads import _OLD
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.examples import examples
from tests.support.world import OTHER, SHOP


def read_on(feed: Feed, cursor: str = "", *, limit: int = 100, **more: object) -> list[Item]:
    """Everything behind a cursor, page by page."""
    items: list[Item] = []
    while True:
        page = feed.read(SHOP, cursor, limit, **more)
        items += page.items
        cursor = page.next_cursor
        if page.is_end:
            return items


def told(items: list[Item]) -> list[tuple[str, str, int]]:
    return [(each.event.kind, each.event.order_uid, each.event.version) for each in items]


def refused(feed: Feed, cursor: str, tenant: int = SHOP) -> str:
    with pytest.raises(CursorUnknown) as raised:
        feed.read(tenant, cursor)
    return str(raised.value)


def assert_each_once_in_order(ledger: Ledger, items: list[Item]) -> None:
    with ledger.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT o.uid, e.version FROM order_event e JOIN orders o "
                "ON o.tenant_id = e.tenant_id AND o.id = e.order_id WHERE e.tenant_id = 1"
            )
        ).all()
    wanted = {event_id(row.uid, row.version) for row in rows}
    ids = [each.event.id for each in items if each.event.order_uid]
    assert len(ids) == len(set(ids)), "told twice"
    assert set(ids) == wanted
    seen: dict[str, int] = {}
    for each in items:
        event = each.event
        if event.order_uid:
            assert event.version == seen.get(event.order_uid, 0) + 1, event
            seen[event.order_uid] = event.version
    assert [str(breach) for breach in check_ledger(ledger.engine).breaches] == []


def test_every_event_is_told_once_in_the_order_of_commits(ledger: Ledger) -> None:
    first, second = world.place(ledger), world.place(ledger)
    world.run_all(ledger, world.change(first, Action.AMEND, vendor={"a": 1}))
    world.run_all(ledger, world.change(second, Action.AMEND), world.sale())
    items = read_on(Feed(ledger))
    assert told(items)[:4] == [
        ("order.placed", first.uid, 1),
        ("order.placed", second.uid, 1),
        ("order.amended", first.uid, 2),
        ("order.amended", second.uid, 2),
    ]
    event = items[2].event
    assert (event.channel, event.actor, event.tenant_id) == ("test", "tester", SHOP)
    assert event.id == f"evt_{first.uid.replace('-', '')}_2"
    assert Feed(ledger).event(SHOP, event.id) == event
    assert Feed(ledger).event(OTHER, event.id) is None
    assert_each_once_in_order(ledger, items)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_of_any_size_tell_the_same_and_every_cursor_goes_on_behind_its_event(
    ledger: Ledger, limit: int
) -> None:
    for slot in (0, 3, 5, 0):
        orders = [each.order for each in world.run_all(ledger, *[world.sale()] * 3, slot=slot)]
        changes = [world.change(each, Action.AMEND) for each in orders]
        world.run_all(ledger, *changes, slot=slot + 1)
    feed = Feed(ledger)
    whole = read_on(feed)
    assert read_on(feed, limit=limit) == whole
    for index, each in enumerate(whole):
        assert read_on(feed, each.cursor, limit=limit) == whole[index + 1 :]
    assert_each_once_in_order(ledger, whole)


def test_from_the_end_on_only_what_comes_is_told(ledger: Ledger) -> None:
    world.place(ledger)
    feed = Feed(ledger)
    cursor = feed.end(SHOP)
    assert read_on(feed, cursor) == []
    before = feed.read(SHOP, cursor)
    order = world.place(ledger)
    after = feed.read(SHOP, cursor)
    assert told(list(after.items)) == [("order.placed", order.uid, 1)]
    assert after.progress != before.progress


def test_only_the_kinds_that_are_wanted_are_told_and_the_rest_is_passed_over(
    ledger: Ledger,
) -> None:
    orders = [world.place(ledger) for _ in range(5)]
    world.run_all(ledger, world.change(orders[3], Action.AMEND))
    feed = Feed(ledger)
    page = feed.read(SHOP, "", 100, ("order.amended",))
    assert told(list(page.items)) == [("order.amended", orders[3].uid, 2)]
    assert page.is_end
    assert read_on(feed, page.next_cursor) == []
    with pytest.raises(KindUnknown, match=r"order\.sold is none of"):
        feed.read(SHOP, "", 100, ("order.placed", "order.sold"))


def test_every_kind_of_change_is_of_a_kind_that_the_feed_knows() -> None:
    assert len(KINDS) == len(set(KINDS))
    assert {"order.placed", "order.paid", "order.lines_cancelled", "pool.back"} <= set(KINDS)


def test_what_was_rolled_back_is_never_told(ledger: Ledger) -> None:
    feed, order = Feed(ledger), world.place(ledger)
    cursor = feed.end(SHOP)
    outcomes = world.run(
        ledger,
        world.change(order, Action.PAY, if_version=7),
        world.waiting(world.sale(), dry_run=True),
    )
    assert [each.kind for each in outcomes] == ["rejected", "accepted"]
    with suppress(RuntimeError), ledger.batch("undone") as batch:
        batch.feed([], [], 0)
        raise RuntimeError
    assert read_on(feed, cursor) == []


def test_another_tenant_has_a_feed_of_its_own(ledger: Ledger) -> None:
    world.run_all(ledger, world.sale(), world.sale(tenant=OTHER), world.sale())
    feed = Feed(ledger)
    assert len(feed.read(OTHER).items) == 1
    assert len(read_on(feed)) == 2


_OF_ANOTHER = "is a cursor of another tenant's feed, or of before it was restored"


@pytest.mark.parametrize("cursor", ["x", "e", "WzEsMV0", "é", "W10", "a" * 3_000, "END", "=="])
def test_what_is_no_cursor_is_refused(ledger: Ledger, cursor: str) -> None:
    assert refused(Feed(ledger), cursor) == "is no cursor of the feed"


def test_a_cursor_of_elsewhere_is_refused_rather_than_skipping_anything(ledger: Ledger) -> None:
    feed = Feed(ledger)
    world.place(ledger)
    cursor = feed.end(SHOP)
    assert refused(feed, cursor, OTHER) == _OF_ANOTHER
    assert refused(feed, f"{cursor}A") == "is no cursor of the feed"
    with writing(ledger.engine).begin() as connection:
        connection.execute(text("UPDATE feed_lane SET next = next - 1"))
    assert refused(feed, cursor) == "is ahead of this ledger: it is of another one"


# --- old events


def made_old(ledger: Ledger) -> None:
    """As if everything had been written before there was a feed."""
    with writing(ledger.engine).begin() as connection:
        for table in ("feed", "feed_lane", "notice"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("UPDATE order_event SET fed = 0"))


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_old_events_come_first_by_their_recorded_time(ledger: Ledger, limit: int) -> None:
    late = [world.sale(origin_members={"recorded_at": world.NOON + n}) for n in (500, 100, 300)]
    orders = [world.place(ledger, each) for each in late]
    world.run_all(ledger, world.change(orders[1], Action.AMEND))
    made_old(ledger)
    feed = Feed(ledger)
    world.run_all(ledger, world.change(orders[0], Action.AMEND), world.sale())
    items = read_on(feed, limit=limit)
    recorded = [each.event.recorded_at for each in items[:4]]
    assert recorded == sorted(recorded)
    assert told(items)[4] == ("order.amended", orders[0].uid, 2)
    for index, each in enumerate(items):
        assert read_on(feed, each.cursor, limit=limit) == items[index + 1 :]
    assert_each_once_in_order(ledger, items)


def test_who_reads_an_old_ledger_while_it_is_written_to_misses_nothing(ledger: Ledger) -> None:
    """Each page is asked for after another batch, which changes orders that are told of before and after it."""
    orders = [world.place(ledger) for _ in range(6)]
    made_old(ledger)
    feed, items, cursor = Feed(ledger), list[Item](), ""
    for number in range(12):
        page = feed.read(SHOP, cursor, 2)
        items += page.items
        cursor = page.next_cursor
        changed = orders[number % len(orders)]
        world.run_all(ledger, world.change(changed, Action.AMEND), world.sale(), slot=number)
    items += read_on(feed, cursor, limit=3)
    assert len(items) == 6 + 12 * 2
    assert_each_once_in_order(ledger, items)


def test_the_end_of_an_old_ledger_is_behind_its_old_events(ledger: Ledger) -> None:
    world.place(ledger)
    made_old(ledger)
    feed = Feed(ledger)
    cursor = feed.end(SHOP)
    order = world.place(ledger)
    assert told(read_on(feed, cursor)) == [("order.placed", order.uid, 1)]


def test_old_events_are_found_by_an_index_that_holds_no_new_ones(ledger: Ledger) -> None:
    given_ = {"tenant_id": 1, "at": 0, "order_id": 0, "version": 0, "limit": 10}
    explain = "EXPLAIN" if ledger.is_postgres else "EXPLAIN QUERY PLAN"
    with ledger.engine.connect() as connection:
        if ledger.is_postgres:
            # A small table, of which it may have figures by now, it would rather read and sort.
            connection.execute(text("SET enable_seqscan = off"))
            connection.execute(text("SET enable_sort = off"))
        plan = str(connection.execute(text(f"{explain} {_OLD}"), given_).all())
    assert "order_event_of_old" in plan


# --- several writers


@contextmanager
def lanes_in_use(url: str, count: int) -> Iterator[None]:
    """Other batches are in the first lanes."""
    with psycopg.connect(url) as connection:
        for lane in range(count):
            connection.execute(f"SELECT pg_advisory_xact_lock({0x6665_6564}, {lane})")
        yield
        connection.rollback()


@pytest.mark.postgres
def test_a_batch_passes_by_the_lanes_that_others_are_in(postgres_world: str) -> None:
    with world.second_process(postgres_world) as ledger:
        with lanes_in_use(postgres_world, 3):
            world.place(ledger)
        with lanes_in_use(postgres_world, LANES):
            world.place(ledger)
        with ledger.engine.connect() as connection:
            lanes = connection.execute(text("SELECT lane, next FROM feed_lane WHERE tenant_id = 1"))
            found = {row.lane: row.next for row in lanes}
        assert {lane: found[lane] for lane in (3,)} == {3: 1}
        assert len(read_on(Feed(ledger))) == 2


STEPS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5)), min_size=1, max_size=14)


@pytest.mark.postgres
def test_an_orders_events_are_told_in_their_order_whichever_lanes_they_are_in(
    postgres_world: str,
) -> None:
    with world.second_process(postgres_world) as ledger:

        @examples(20)
        @given(steps=STEPS, limit=st.integers(1, 4))
        def holds(steps: list[tuple[int, int]], limit: int) -> None:
            feed = Feed(ledger)
            cursor = feed.end(SHOP)
            orders: list[str] = []
            count: dict[str, int] = {}
            for slot, which in steps:
                if which < len(orders):
                    name = OrderName("uid", orders[which])
                    order = ledger.read(lambda reads, n=name: reads.order(SHOP, n))
                    world.run_all(ledger, world.change(order, Action.AMEND), slot=slot)
                else:
                    orders.append(world.run_all(ledger, world.sale(), slot=slot)[0].order.uid)
                uid = orders[min(which, len(orders) - 1)] if which < len(orders) else orders[-1]
                count[uid] = count.get(uid, 0) + 1
            seen: dict[str, int] = {}
            for each in read_on(feed, cursor, limit=limit):
                assert each.event.version == seen.get(each.event.order_uid, 0) + 1
                seen[each.event.order_uid] = each.event.version
            assert sum(seen.values()) == len(steps)

        holds()
        assert_each_once_in_order(ledger, read_on(Feed(ledger)))


def test_a_reader_beside_four_writers_sees_each_event_once(world_url: str) -> None:
    writers, rounds = (4, 12) if world_url.startswith("postgresql") else (1, 25)
    done = threading.Event()
    failures: list[Exception] = []

    def write(ledger: Ledger, slot: int, shared: list[object]) -> None:
        try:
            for _ in range(rounds):
                world.run_all(ledger, world.sale(), world.sale(), slot=slot)
                for order in shared:
                    world.run_all(ledger, world.change(order, Action.AMEND), slot=slot)
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    with world.second_process(world_url) as reading:
        shared = [world.place(reading), world.place(reading)]
        with_writers = [world.second_process(world_url) for _ in range(writers)]
        opened = [each.__enter__() for each in with_writers]
        threads = [
            threading.Thread(target=write, args=(ledger, 2 * slot, shared))
            for slot, ledger in enumerate(opened)
        ]
        for each in threads:
            each.start()
        feed, items, cursor = Feed(reading), [], ""

        def poll() -> FeedPage:
            nonlocal cursor
            page = feed.read(SHOP, cursor, 5)
            items.extend(page.items)
            cursor = page.next_cursor
            return page

        while any(each.is_alive() for each in threads):
            poll()
        done.set()
        while not poll().is_end:
            pass
        for each in with_writers:
            each.__exit__(None, None, None)
        assert failures == []
        assert_each_once_in_order(reading, items)
        assert len(items) == 2 + writers * rounds * 4
