"""News of a vendor, all the way to the order: by windows, order by order, and through our own death."""

import asyncio
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from orderhub.core.commands import Action, OrderName
from orderhub.core.handing import NEVER, HandOverState
from orderhub.core.relaying import RelayState
from orderhub.core.values import Order, Status
from orderhub.dialects.client import (
    Answers,
    Ask,
    Doubt,
    Finishing,
    Job,
    Link,
    News,
    Placed,
    Request,
    Send,
    Telling,
    Told,
    Window,
    json_of,
)
from orderhub.ledger.ledger import Ledger
from tests.relay.rig import HOUR, SECOND, Bench, Came, ShopClient, Vendor, connect, hand_overs
from tests.support import world
from tests.support.world import SHOP

MINUTE = 60 * SECOND


class OneByOne(ShopClient):
    """Of a vendor that is asked for each order."""

    def news(
        self, link: Link, window: Window, placed: tuple[Placed, ...], answers: Answers
    ) -> Telling:
        if not answers:
            since, until = str(window.since_us), str(window.until_us)
            numbers = ",".join(each.number for each in placed)
            query = (("since", since), ("until", until), ("numbers", numbers))
            return Ask(Request(method="GET", path="/news", query=query))
        return Told(tuple(News(**each) for each in json_of(answers[0])))


class InWindows(OneByOne):
    tells_windows = True


class Newsroom(Vendor):
    """Tells what it has told before as well."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.news: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.is_down = False

    def call(self, signed: Any) -> Came:
        path, _, query = signed.target.partition("?")
        if path != "/news":
            return super().call(signed)
        self.calls.append(signed)
        if self.is_down:
            return Came(503, b"")
        self.asked.append(dict(part.split("=") for part in query.split("&")))
        wanted = self.asked[-1]["numbers"].replace("%2C", ",").split(",")
        since, until = (int(self.asked[-1][each]) for each in ("since", "until"))
        found = [
            each
            for each in self.news
            if (wanted == [""] and since <= each.get("at_us", since) <= until)
            or each["number"] in wanted
        ]
        return Came(200, json.dumps(found).encode())


def bench_of(ledger: Ledger, client: ShopClient) -> Bench:
    connect(ledger)
    made = Bench(ledger, client)
    made.vendor = Newsroom(made.clock)
    made.rig.vendor = made.vendor
    return made


@pytest.fixture(params=[OneByOne, InWindows])
def bench(ledger: Ledger, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = bench_of(ledger, request.param())
    yield made
    made.close()


def handed(bench: Bench, *items: tuple[int, int], paid: bool = True) -> Order:
    """An order that is placed over there."""
    placed = world.place(bench.ledger, world.basket(*items))
    if paid:
        world.run_all(bench.ledger, world.change(placed, Action.PAY))
    bench.run()
    assert bench.one.state is HandOverState.PLACED
    return placed


def now(bench: Bench, order: Order) -> Order:
    name = OrderName("id", str(order.id))
    found = bench.ledger.read(lambda reads: reads.order(SHOP, name))
    assert found is not None
    return found


def hours(bench: Bench, count: int = 2) -> None:
    bench.run(count * 6, every_us=10 * MINUTE)


def tell(bench: Bench, kind: str, **more: Any) -> None:
    bench.vendor.news.append({"number": "N1", "kind": kind, "id": more.pop("id", kind), **more})


def test_a_parcel_there_is_a_parcel_here_once(bench: Bench) -> None:
    order = handed(bench, (188, 2))
    tell(bench, "shipped", id="P1", units={"V188": 1}, carrier="Yanwen", tracking="YW1")
    hours(bench)
    found = now(bench, order)
    (parcel,) = found.doc.shipments
    assert (parcel.carrier, parcel.tracking, parcel.lines) == ("Yanwen", "YW1", {1: 1})
    assert found.status is Status.PAID
    tell(bench, "shipped", id="P2", units={"V188": 1}, carrier="Yanwen", tracking="YW2")
    hours(bench)
    found = now(bench, order)
    assert [each.tracking for each in found.doc.shipments] == ["YW1", "YW2"]
    assert found.status is Status.SHIPPED
    assert {each.partition("|")[0] for each in bench.one.told} == {"P1", "P2"}


def test_a_number_that_comes_after_its_parcel_comes_here_too(bench: Bench) -> None:
    """And another one in its place, to that parcel alone."""
    placed = handed(bench, (188, 2), (189, 1))
    tell(bench, "shipped", id="P1", carrier="UPS", units={"V189": 1})
    tell(bench, "shipped", id="P2", carrier="UPS", units={"V188": 2})
    hours(bench)
    for number in ("", "T1", "T2"):
        bench.vendor.news[1]["tracking"] = number
        bench.vendor.news[1].pop("at_us", None)
        hours(bench)
        sent = now(bench, placed).doc.shipments
        assert [(each.tracking, each.lines) for each in sent] == [("", {2: 1}), (number, {1: 2})]
    version = now(bench, placed).version
    hours(bench)
    assert now(bench, placed).version == version
    assert now(bench, placed).status is Status.SHIPPED


def test_what_comes_in_does_not_wait_until_all_that_is_there_was_asked_about(
    ledger: Ledger,
) -> None:
    bench = bench_of(ledger, OneByOne())
    make, calls = bench.rig.engine.make, bench.vendor.calls

    async def made(*call: Any) -> Any:
        if call[2].method == "GET" and not calls:
            for _ in range(3):
                world.place(ledger, world.basket((188, 1)))
            bench.rig.engine.wake(SHOP)
        return await make(*call)

    bench.rig.engine.make = made
    for _ in range(40):
        world.place(ledger, world.basket((188, 1)))
    bench.run()
    calls.clear()
    bench.run(1, every_us=2 * MINUTE)
    bench.close()
    methods = [each.method for each in calls]
    assert methods.count("GET") == 40
    assert methods[:16].count("POST") == 3


def test_a_window_of_news_holds_up_nothing_that_is_to_be_placed(ledger: Ledger) -> None:
    bench = bench_of(ledger, InWindows())
    make, placed = bench.rig.engine.make, asyncio.Event()

    async def made(*call: Any) -> Any:
        signed = call[2]
        if signed.method == "GET":
            async with asyncio.timeout(10):  # a vendor that takes its time
                await placed.wait()
        came = await make(*call)
        if signed.method == "POST":
            placed.set()
        return came

    bench.rig.engine.make = made
    world.place(ledger, world.basket((188, 1)))
    bench.run()
    placed.clear()
    world.place(ledger, world.basket((188, 1)))
    bench.run(1, every_us=20 * MINUTE)
    bench.close()
    assert {each.state for each in hand_overs(ledger)} == {HandOverState.PLACED}
    assert bench.vendor.asked


@pytest.mark.parametrize(
    ("kind", "status"), [("cancelled", Status.REFUNDED), ("refunded", Status.REFUNDED)]
)
def test_what_ends_there_ends_here(bench: Bench, kind: str, status: Status) -> None:
    order = handed(bench, (188, 2))
    tell(bench, kind)
    hours(bench)
    assert now(bench, order).status is status
    version = now(bench, order).version
    hours(bench)
    assert now(bench, order).version == version


def test_an_unpaid_order_is_cancelled(bench: Bench) -> None:
    order = handed(bench, paid=False)
    tell(bench, "cancelled")
    hours(bench)
    assert now(bench, order).status is Status.CANCELLED


def test_units_given_back_there_are_given_back_here_and_no_more(bench: Bench) -> None:
    order = handed(bench, (188, 3))
    tell(bench, "refunded", units={"V188": 1})
    hours(bench)
    assert now(bench, order).lines[0].refunded == 1
    bench.vendor.news[-1]["units"] = {"V188": 2}
    hours(bench)
    hours(bench)
    assert now(bench, order).lines[0].refunded == 2
    assert now(bench, order).status is Status.PAID


def test_a_parcel_that_cannot_be_followed_is_shown_and_followed_later(bench: Bench) -> None:
    order = handed(bench, paid=False)
    tell(bench, "shipped", id="P1", tracking="YW1")
    hours(bench)
    assert bench.one.reason == "the parcel YW1 left there, and the order is not paid here"
    assert now(bench, order).doc.shipments == ()
    world.run_all(bench.ledger, world.change(now(bench, order), Action.PAY))
    hours(bench, 12)
    assert now(bench, order).status is Status.SHIPPED
    assert bench.one.reason == ""


@pytest.mark.parametrize("where", ["before change", "after change", "before commit"])
def test_a_program_that_dies_doubles_no_parcel(bench: Bench, where: str) -> None:
    order = handed(bench, (188, 2))
    tell(bench, "shipped", id="P1", units={"V188": 1}, tracking="YW1")
    bench.rig.dies_at = where
    hours(bench, 4)
    assert [each.tracking for each in now(bench, order).doc.shipments] == ["YW1"]


def test_a_vendor_that_is_down_is_left_in_peace_and_nothing_is_missed(bench: Bench) -> None:
    order = handed(bench)
    bench.vendor.is_down = True
    tell(bench, "shipped", id="P1", tracking="YW1")
    before = len(bench.vendor.calls)
    bench.run(60, every_us=20 * SECOND)
    assert 0 < len(bench.vendor.calls) - before < 20
    bench.vendor.is_down = False
    hours(bench, 3)
    assert now(bench, order).status is Status.SHIPPED


def test_news_of_orders_that_are_not_ours_is_passed_over(bench: Bench) -> None:
    order = handed(bench)
    tell(bench, "refunded")
    bench.vendor.news[-1]["number"] = "N99"
    hours(bench)
    assert now(bench, order).status is Status.PAID


def test_windows_follow_one_another_without_a_gap(ledger: Ledger) -> None:
    bench = bench_of(ledger, InWindows())
    try:
        handed(bench)
        hours(bench, 6)
        spans = [(int(each["since"]), int(each["until"])) for each in bench.vendor.asked]
        assert len(spans) > 5
        assert all(later[0] < earlier[1] for earlier, later in pairwise(spans))
        assert spans[0][0] <= bench.one.created_at
        assert {each["numbers"] for each in bench.vendor.asked} == {""}
    finally:
        bench.close()


class TakesFew(InWindows):
    """Of a vendor that tells of two things at most, and of more that there is too much."""

    def news(
        self, link: Link, window: Window, placed: tuple[Placed, ...], answers: Answers
    ) -> Telling:
        end = super().news(link, window, placed, answers)
        if isinstance(end, Told) and len(end.news) > 2:
            return Doubt("the list has more than 2 rows", is_long=True)
        return end


def test_more_than_is_read_at_once_is_read_bit_by_bit(ledger: Ledger) -> None:
    bench = bench_of(ledger, TakesFew())
    try:
        order = handed(bench, (188, 9))
        bench.run()
        known = bench.clock()
        for number in range(8):
            at_us = known + (number + 1) * 10 * MINUTE
            tell(
                bench,
                "shipped",
                id=f"P{number}",
                tracking=f"T{number}",
                units={"V188": 1},
                at_us=at_us,
            )
        bench.clock.now_us = known + 2 * HOUR
        bench.run(12)
        sent = [each.tracking for each in now(bench, order).doc.shipments]
        assert sent == [f"T{number}" for number in range(8)]
    finally:
        bench.close()


def test_where_there_is_no_news_to_be_had_orders_go_all_the_same(ledger: Ledger) -> None:
    bench = bench_of(ledger, TakesFew())
    try:
        order = handed(bench)
        for name in "abc":  # at the same moment, so that no window is short enough
            tell(bench, "shipped", id=name, tracking=name, at_us=bench.clock.now_us)
        bench.run(1, every_us=HOUR)

        def state() -> RelayState:
            found = bench.ledger.read(lambda reads: reads.relay.state(SHOP, 1))
            assert found is not None
            return found

        assert (state().reason, state().misses) == ("the list has more than 2 rows", 0)
        assert state().news_due_at > bench.clock.now_us
        stuck = state().news_until
        world.place(ledger, world.basket())
        bench.run()
        assert [each.state for each in hand_overs(ledger)] == [HandOverState.PLACED] * 2
        assert state().reason == "the list has more than 2 rows"
        bench.vendor.news.pop()
        hours(bench)
        assert (state().reason, state().news_until > stuck) == ("", True)
        assert now(bench, order).status is Status.SHIPPED
    finally:
        bench.close()


def test_an_order_that_is_not_shown_holds_nothing_up_and_says_so(ledger: Ledger) -> None:
    class Hidden(OneByOne):
        def news(
            self, link: Link, window: Window, placed: tuple[Placed, ...], answers: Answers
        ) -> Telling:
            end = super().news(link, window, placed, answers)
            return Doubt("it is not shown") if isinstance(end, Told) and not end.news else end

    bench = bench_of(ledger, Hidden())
    try:
        order = handed(bench)
        bench.run(1, every_us=2 * MINUTE)
        assert bench.one.reason == "it is not shown"
        world.place(ledger, world.basket())
        bench.run()
        assert [each.state for each in hand_overs(ledger)] == [HandOverState.PLACED] * 2
        tell(bench, "shipped", tracking="T1")
        hours(bench)
        assert now(bench, order).status is Status.SHIPPED
        assert hand_overs(ledger, "placed")[0].reason == ""
    finally:
        bench.close()


def test_what_happened_while_nobody_knew_of_an_order_is_not_missed(ledger: Ledger) -> None:
    bench = bench_of(ledger, InWindows())
    try:
        bench.vendor.faults = ["after drop"]
        bench.vendor.blind = ["drop"] * 3
        order = world.place(bench.ledger, world.basket())
        world.run_all(ledger, world.change(order, Action.PAY))
        bench.run(10, every_us=MINUTE)
        assert bench.one.state is HandOverState.PLACED
        bench.run(2, every_us=2 * MINUTE)
        assert any(each["numbers"] == "N1" for each in bench.vendor.asked)
        assert bench.one.due_at == NEVER
    finally:
        bench.close()


def test_after_a_brief_doubt_the_next_window_looks_back_far_enough(ledger: Ledger) -> None:
    """Such an order is not asked for by itself: each question counts against the vendor's limits."""
    bench = bench_of(ledger, InWindows())
    try:
        handed(bench)
        hours(bench)
        order = world.place(bench.ledger, world.basket())
        world.run_all(ledger, world.change(order, Action.PAY))
        bench.vendor.faults, bench.vendor.blind = ["after drop"], ["drop"] * 2
        bench.run(1)
        number = bench.vendor.orders[-1]["number"]
        tell(bench, "shipped", number=number, id="P1", tracking="YW1", at_us=bench.clock.now_us)
        bench.run(8, every_us=4 * SECOND)
        assert hand_overs(ledger)[1].state is HandOverState.PLACED
        bench.run(20, every_us=MINUTE)
        assert {each["numbers"] for each in bench.vendor.asked} == {""}
        assert now(bench, order).status is Status.SHIPPED
    finally:
        bench.close()


def test_an_order_is_asked_for_less_and_less_often_and_no_more_once_it_ended(
    ledger: Ledger,
) -> None:
    bench = bench_of(ledger, OneByOne())
    try:
        order = handed(bench)
        at = []
        for _ in range(24 * 12):
            before = len(bench.vendor.asked)
            bench.run(every_us=5 * MINUTE)
            if len(bench.vendor.asked) > before:
                at.append(bench.clock.now_us)
        gaps = [later - earlier for earlier, later in pairwise(at)]
        assert gaps[-1] > 2 * HOUR
        assert gaps[-1] <= 6 * HOUR + 10 * MINUTE
        world.run_all(ledger, world.change(now(bench, order), Action.REFUND))
        hours(bench, 8)
        assert bench.one.due_at == NEVER
        asked = len(bench.vendor.asked)
        hours(bench, 8)
        assert len(bench.vendor.asked) == asked
    finally:
        bench.close()


def test_a_vendor_without_news_is_never_asked_for_any(ledger: Ledger) -> None:
    bench = bench_of(ledger, ShopClient())
    try:
        handed(bench)
        hours(bench)
        assert bench.vendor.asked == []
        assert bench.one.due_at == NEVER
    finally:
        bench.close()


class InParts(OneByOne):
    """Of a vendor that does not take all of an order's parts."""

    def finish(self, link: Link, job: Job, placed: Placed, answers: Answers) -> Finishing:
        if not answers:
            return Send(Request(path="/orders", body={"note": "its parts"}))
        return Placed(placed.number, reason="payment: no such way")


def test_what_was_not_taken_of_an_order_is_its_reason_whatever_is_told_later(
    ledger: Ledger,
) -> None:
    bench = bench_of(ledger, InParts())
    handed(bench, (188, 1), (189, 1), paid=False)
    assert bench.one.reason.startswith("payment: no such way")
    tell(bench, "shipped", tracking="T1", units={"V188": 1})
    hours(bench)
    assert "is not paid here" in bench.one.reason
    bench.vendor.news.clear()
    hours(bench)
    assert bench.one.reason.startswith("payment: no such way")
    bench.close()
