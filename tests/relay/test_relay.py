"""The relay against a vendor that can be as bad as any."""

import uuid
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from orderhub.core.commands import Action, HandOverStep, MoveHandOver, RecordChange
from orderhub.core.handing import HandOverState, marker_of
from orderhub.core.refusals import Reason
from orderhub.core.routes import Route
from orderhub.core.values import Contact
from orderhub.dialects.client import Signed
from orderhub.ledger.ledger import Ledger
from orderhub.relay import agent
from orderhub.relay.jobs import comes_back
from tests.relay.rig import (
    HOUR,
    SECOND,
    SECRET,
    Bench,
    PlainClient,
    ShopClient,
    connect,
    hand_overs,
    listing,
)
from tests.support import world


@pytest.fixture
def bench(ledger: Ledger) -> Iterator[Bench]:
    connect(ledger)
    made = Bench(ledger)
    yield made
    made.close()


@pytest.fixture
def plain(ledger: Ledger) -> Iterator[Bench]:
    connect(ledger)
    made = Bench(ledger, PlainClient())
    yield made
    made.close()


def order(bench: Bench) -> Any:
    return world.place(bench.ledger, world.basket())


def test_an_order_is_placed_and_its_number_is_known(bench: Bench) -> None:
    placed = order(bench)
    bench.run()
    found = bench.one
    assert (found.state, found.number) == (HandOverState.PLACED, "N1")
    (there,) = bench.vendor.orders
    assert (there["note"], there["items"]) == (found.marker, ["V188"])
    assert found.order_uid == placed.uid
    bench.settle()
    assert len(bench.vendor.orders) == 1


@pytest.mark.parametrize("fault", ["drop", "500", "after drop", "after 500", "late"])
def test_after_any_doubt_the_vendor_is_asked_before_anything_is_sent_again(
    bench: Bench, fault: str
) -> None:
    bench.vendor.faults = [fault]
    order(bench)
    bench.run()
    bench.settle()
    assert (bench.one.state, len(bench.vendor.orders)) == (HandOverState.PLACED, 1)
    assert bench.one.number == "N1"


@pytest.mark.parametrize("where", ["before commit", "after commit", "before call", "after call"])
def test_a_program_that_dies_anywhere_doubles_nothing(bench: Bench, where: str) -> None:
    bench.rig.dies_at = where
    order(bench)
    bench.run()
    bench.settle()
    assert (bench.one.state, len(bench.vendor.orders)) == (HandOverState.PLACED, 1)


def test_a_list_that_is_late_is_asked_again_before_anything_is_sent(ledger: Ledger) -> None:
    connect(ledger)
    client = ShopClient()
    client.find_delay_s = 120.0
    bench = Bench(ledger, client)
    bench.vendor.visible_after_us = 100 * SECOND
    bench.vendor.faults = ["after drop"]
    order(bench)
    bench.run()
    bench.run(9, every_us=10 * SECOND)
    assert bench.one.state is HandOverState.SENDING
    bench.settle()
    assert (bench.one.state, len(bench.vendor.orders)) == (HandOverState.PLACED, 1)
    bench.close()


def test_while_the_vendor_cannot_be_asked_nothing_is_sent_again(bench: Bench) -> None:
    bench.vendor.faults = ["drop"]
    bench.vendor.blind = ["drop", "500", "drop"]
    order(bench)
    bench.run()
    assert bench.one.state is HandOverState.SENDING
    assert bench.vendor.orders == []
    bench.settle()
    assert (bench.one.state, len(bench.vendor.orders)) == (HandOverState.PLACED, 1)


def test_what_is_refused_can_be_sent_again(bench: Bench) -> None:
    bench.vendor.faults = ["refuse"]
    order(bench)
    bench.run()
    refused = bench.one
    assert refused.state is HandOverState.REFUSED
    assert refused.reason == "the vendor does not want it"
    bench.settle()
    assert bench.vendor.orders == []
    bench.decide(refused, HandOverStep.AGAIN)
    bench.run()
    assert bench.one.state is HandOverState.PLACED


def test_a_reason_does_not_keep_whom_the_order_is_for(bench: Bench) -> None:
    buyer = Contact(first_name="Ann", email="ann@example.com")
    world.place(bench.ledger, world.basket(contact=buyer))
    refused = bench.decide(
        bench.one, HandOverStep.REFUSE, reason="the mailbox Ann@example.com of ann is full"
    )
    assert refused.reason == "the mailbox [redacted] of [redacted] is full"


def test_a_connection_that_is_not_let_in_waits_as_a_whole(bench: Bench) -> None:
    bench.vendor.faults = ["out"]
    order(bench)
    order(bench)
    bench.run()
    state = bench.ledger.read(lambda reads: reads.relay.state(world.SHOP, 1))
    assert state is not None
    assert (state.misses, state.reason) == (1, "not let in")
    bench.run(2, every_us=30 * SECOND)
    assert [each.state for each in hand_overs(bench.ledger)] == [HandOverState.PLACED] * 2


def test_what_is_not_listed_waits_with_that_reason_and_goes_once_it_is(ledger: Ledger) -> None:
    connect(ledger, listed=(188,))
    bench = Bench(ledger)
    world.place(ledger, world.basket((188, 1), (189, 1)))
    bench.run()
    assert bench.one.state is HandOverState.PLANNED
    assert bench.one.reason.startswith("not listed at this connection: ")
    assert bench.vendor.calls == []
    world.run_all(ledger, world.put(listing(1, 189)))
    ledger.relay.pull(world.SHOP, 1, bench.clock())
    bench.run()
    assert bench.one.state is HandOverState.PLACED
    assert bench.vendor.orders[0]["items"] == ["V188", "V189"]
    bench.close()


@pytest.mark.parametrize(
    ("actions", "reason"),
    [((Action.CANCEL,), "cancelled"), ((Action.PAY, Action.REFUND), "refunded")],
)
def test_an_order_that_went_another_way_while_it_waited_is_not_sent(
    bench: Bench, actions: tuple[Action, ...], reason: str
) -> None:
    bench.vendor.blind = ["drop"]
    placed = order(bench)
    for action in actions:
        world.run_all(bench.ledger, world.change(placed, action))
    bench.run()
    bench.settle()
    assert (bench.one.state, bench.vendor.calls) == (HandOverState.REFUSED, [])
    assert bench.one.reason == f"the order is {reason}"


def test_an_order_whose_refund_is_asked_for_waits(bench: Bench) -> None:
    placed = order(bench)
    world.run_all(bench.ledger, world.change(placed, Action.PAY))
    world.run_all(bench.ledger, world.change(placed, Action.REQUEST_REFUND))
    bench.run()
    assert (bench.one.state, bench.vendor.calls) == (HandOverState.PLANNED, [])
    world.run_all(bench.ledger, world.change(placed, Action.REJECT_REFUND))
    bench.run(1, every_us=2 * HOUR)
    assert bench.one.state is HandOverState.PLACED


def test_an_order_cancelled_between_its_last_look_and_its_sending_is_not_sent(bench: Bench) -> None:
    placed = order(bench)
    submit = bench.rig.engine.submit

    async def first_cancelled(command: MoveHandOver) -> Any:
        if command.step is HandOverStep.SEND and placed.status == "pending":
            world.run(bench.ledger, world.change(placed, Action.CANCEL))
        return await submit(command)

    bench.rig.engine.submit = first_cancelled
    bench.run()
    assert (bench.one.state, bench.vendor.calls) == (HandOverState.REFUSED, [])


@pytest.mark.parametrize(("is_busy", "pauses"), [(False, 0), (True, 4)])
def test_while_orders_come_thick_and_fast_they_are_handed_on_in_bursts_of_once_a_second(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, is_busy: bool, pauses: int
) -> None:
    monkeypatch.setattr(agent, "_REST_S", 0.0)
    for _ in range(40):
        order(bench)
    placed_at: list[int] = []
    call = bench.vendor.call

    def noted(signed: Signed) -> Any:
        if signed.method == "POST":
            placed_at.append(bench.clock.now_us)
        return call(signed)

    def busy() -> bool:
        bench.clock.now_us += SECOND // 50
        return is_busy

    monkeypatch.setattr(bench.vendor, "call", noted)
    monkeypatch.setattr(bench.rig.engine, "is_busy", busy)
    bench.run()
    assert {each.state for each in hand_overs(bench.ledger)} == {HandOverState.PLACED}
    assert len(bench.vendor.orders) == 40
    assert bench.rig.most_under_way == 8
    rests = [later - at for at, later in pairwise(placed_at)]
    assert sum(rest > SECOND * 4 // 5 for rest in rests) == pauses


class History(ShopClient):
    """Of a vendor that only records."""

    records_only = True
    needs_listings = False


@pytest.mark.parametrize(
    ("client", "state", "reason"),
    [(History, "placed", ""), (ShopClient, "planned", "the order has no lines")],
)
def test_a_sale_recorded_without_lines_goes_to_who_only_records(
    ledger: Ledger, client: type[ShopClient], state: str, reason: str
) -> None:
    connect(ledger, route=False)
    way = Route(connection=1, connection_uid="c", when="placed", channels=("test",))
    world.run_all(ledger, world.put(RecordChange(kind="route", id=1, uid="r", doc=way)))
    bench = Bench(ledger, client())
    world.place(ledger, world.sale(items=()))
    bench.run()
    found = bench.one
    bench.close()
    assert (found.state, found.reason) == (state, reason)


# --- a vendor that carries no marker


def test_without_a_marker_what_looks_the_same_is_taken_if_nobody_else_has_it(plain: Bench) -> None:
    plain.vendor.faults = ["", "after drop"]
    order(plain)
    order(plain)
    plain.run()
    plain.settle()
    found = hand_overs(plain.ledger)
    assert {each.state for each in found} == {HandOverState.PLACED}
    assert {each.number for each in found} == {"N1", "N2"}


def test_without_a_marker_more_than_one_candidate_is_for_a_person_to_decide(plain: Bench) -> None:
    plain.vendor.faults = ["after drop"]
    order(plain)
    made = plain.vendor._make

    def twice(sent: dict[str, Any]) -> str:
        made(sent)
        return made(sent)

    plain.vendor._make = twice  # type: ignore[method-assign]
    plain.run()
    plain.run(1, every_us=10 * SECOND)
    unsure = plain.one
    assert (unsure.state, unsure.candidates) == (HandOverState.UNSURE, ("N1", "N2"))
    plain.settle()
    assert plain.one.state is HandOverState.UNSURE
    placed = plain.decide(unsure, HandOverStep.PLACE, number="N2")
    assert (placed.state, placed.number) == (HandOverState.PLACED, "N2")


def test_a_number_is_one_hand_overs_alone(plain: Bench) -> None:
    order(plain)
    plain.run()
    plain.vendor.faults = ["refuse"]
    order(plain)
    plain.run()
    first, second = hand_overs(plain.ledger)
    again = plain.decide(second, HandOverStep.AGAIN)
    sent = plain.decide(again, HandOverStep.SEND)
    refused = plain.decide(sent, HandOverStep.PLACE, number=first.number)
    assert refused.reason is Reason.ALREADY_EXISTS


def test_without_a_marker_nothing_is_sent_while_another_is_in_doubt(plain: Bench) -> None:
    plain.vendor.faults = ["drop"]
    plain.vendor.blind = ["drop"] * 2
    order(plain)
    order(plain)
    plain.run()
    plain.run(1, every_us=SECOND)
    assert plain.vendor.orders == []
    plain.settle()
    assert {each.state for each in hand_overs(plain.ledger)} == {HandOverState.PLACED}
    assert len(plain.vendor.orders) == 2


def test_what_came_later_than_was_thought_is_found_once_it_is_asked_about_again(
    plain: Bench,
) -> None:
    plain.vendor.faults = ["drop", "drop"]
    order(plain)
    plain.run()
    first = msgspec.json.decode(plain.vendor.calls[0].body)
    at = plain.clock.now_us
    while plain.one.attempts < 2:
        plain.run(1, every_us=10 * SECOND)
    plain.clock.now_us += HOUR  # far beyond what times of the vendor's may be out by
    plain.vendor.orders.append({**first, "number": "N1", "at": at})
    plain.run()
    assert (plain.one.number, len(plain.vendor.orders)) == ("N1", 1)


@pytest.mark.parametrize(("client", "longest_s"), [(PlainClient, 15), (ShopClient, 300)])
def test_what_holds_up_all_others_is_asked_about_more_often(
    ledger: Ledger, client: type[ShopClient], longest_s: int
) -> None:
    connect(ledger)
    bench = Bench(ledger, client())
    bench.vendor.faults, bench.vendor.blind = ["drop"], ["500"] * 12
    order(bench)
    bench.run()
    bench.run(12, every_us=301 * SECOND)
    waits_s = (bench.one.due_at - bench.one.updated_at) / SECOND
    bench.close()
    assert (bench.vendor.blind, round(waits_s)) == ([], longest_s)


def test_a_vendor_that_can_never_say_that_it_is_not_there_leaves_it_unsure(ledger: Ledger) -> None:
    connect(ledger)
    client = ShopClient()
    client.find_delay_s = None
    bench = Bench(ledger, client)
    bench.vendor.faults = ["drop"]
    order(bench)
    bench.run()
    bench.settle()
    assert (bench.one.state, bench.vendor.orders) == (HandOverState.UNSURE, [])
    bench.decide(bench.one, HandOverStep.AGAIN)
    bench.run()
    assert bench.one.state is HandOverState.PLACED
    bench.close()


# --- what else holds


def test_the_feed_tells_what_became_of_it(bench: Bench) -> None:
    bench.vendor.faults = ["refuse"]
    placed = order(bench)
    bench.run()
    with bench.ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT kind, data FROM notice").all()
    (notice,) = [row for row in rows if row.kind.startswith("handover.")]
    assert notice.kind == "handover.refused"
    assert placed.uid in notice.data


def test_no_token_stands_in_any_row(bench: Bench) -> None:
    bench.vendor.faults = ["after drop", "refuse"]
    order(bench)
    order(bench)
    bench.run()
    bench.settle()
    rows = world.every_row(bench.ledger)
    kept = [table for table, found in rows.items() if SECRET in repr(found)]
    assert kept == ["record"]  # where this test's cipher keeps it
    assert any(SECRET in repr(each.headers) for each in bench.vendor.calls)


def test_the_same_content_always_has_the_same_key(bench: Bench) -> None:
    bench.vendor.faults = ["drop"]
    order(bench)
    bench.run()
    bench.settle()
    keys = [
        dict(each.headers)["Idempotency-Key"]
        for each in bench.vendor.calls
        if each.method == "POST"
    ]
    assert len(keys) == 2
    assert len({*keys}) == 1
    asked = [each for each in bench.vendor.calls if each.method == "GET"]
    assert all("Idempotency-Key" not in dict(each.headers) for each in asked)


def test_what_the_vendor_cannot_stand_is_given_up_in_the_end(bench: Bench) -> None:
    bench.vendor.faults = ["500"] * 20
    order(bench)
    for _ in range(4):
        bench.settle()
    assert bench.one.state is HandOverState.REFUSED
    assert bench.one.attempts == 5
    assert bench.one.reason == "5 times sent, and no clear answer: it answered 500"


def test_what_was_clearly_answered_is_held_against_no_order(bench: Bench) -> None:
    """A login that had expired says nothing of the order that was sent with it."""
    bench.vendor.faults = [*["out"] * 5, "500"]
    order(bench)
    for _ in range(4):
        bench.settle()
    assert bench.one.state is HandOverState.PLACED, bench.one
    assert (bench.one.attempts, bench.one.there.doubts) == (7, 1)


def test_who_sends_it_again_by_hand_begins_anew(bench: Bench) -> None:
    bench.vendor.faults = ["500"] * 7
    order(bench)
    for _ in range(4):
        bench.settle()
    assert bench.one.state is HandOverState.REFUSED
    bench.decide(bench.one, HandOverStep.AGAIN)
    for _ in range(4):
        bench.settle()
    assert bench.one.state is HandOverState.PLACED, bench.one


def test_what_the_tenant_itself_handed_on_is_handed_on_no_more(bench: Bench) -> None:
    first = order(bench)
    bench.run()
    marker = bench.one.marker
    for came_back in ({"reference": marker}, {"notes": f"Leave it at the door {marker}"}):
        world.place(bench.ledger, world.basket(**came_back))
    bench.run()
    placed, *refused = hand_overs(bench.ledger)
    assert placed.state is HandOverState.PLACED
    assert [each.state for each in refused] == [HandOverState.REFUSED] * 2
    for each in refused:
        assert f"the order {first.uid} was handed on by this tenant itself" in each.reason
        assert "leads to the tenant's own door" in each.reason
        assert each.attempts == 0
    assert len(bench.vendor.orders) == 1
    again = bench.decide(refused[0], HandOverStep.AGAIN)
    assert again.state is HandOverState.PLANNED
    bench.settle()
    assert len(bench.vendor.orders) == 1


def test_what_somebody_else_handed_on_goes_further_and_takes_its_marker_along(
    bench: Bench,
) -> None:
    theirs = marker_of(str(uuid.UUID(int=7)))
    world.place(bench.ledger, world.basket(reference=theirs, notes="Ring twice"))
    world.place(bench.ledger, world.basket(notes=f"Ring twice {theirs}"))
    bench.run()
    assert {each.state for each in hand_overs(bench.ledger)} == {HandOverState.PLACED}
    # They are sent side by side.
    assert sorted(each["notes"] for each in bench.vendor.orders) == [
        f"Ring twice {theirs}",
        f"{theirs} Ring twice",
    ]


def test_an_order_that_bears_its_own_marker_goes_all_the_same(ledger: Ledger) -> None:
    """Somebody noted down that it is on its way."""
    connect(ledger)
    bench = Bench(ledger)
    placed = order(bench)
    noted = replace(placed, doc=replace(placed.doc, notes=f"handed on as {bench.one.marker}"))
    assert ledger.read(lambda reads: comes_back(reads, noted)) == ""
    assert ledger.read(lambda reads: comes_back(reads, replace(noted, id=placed.id + 1)))
    bench.close()


def test_an_order_without_a_marker_costs_no_look_for_one(bench: Bench) -> None:
    class NoReads:
        """Whatever is asked of it is not there."""

    placed = order(bench)
    told = replace(
        placed, doc=replace(placed.doc, notes="oh-no, oh-not-a-marker-of-anybodys-at-all")
    )
    assert comes_back(NoReads(), told) == ""  # type: ignore[arg-type]


def test_what_is_in_doubt_is_looked_for_four_times_and_not_all_the_time(ledger: Ledger) -> None:
    """At once, soon, and when its absence proves something: each look is pages of the vendor's limits."""
    connect(ledger, settle_s=30.0)
    bench = Bench(ledger)
    order(bench)
    bench.vendor.faults = ["drop"]
    bench.run(1)
    bench.run(28, every_us=SECOND)
    assert bench.one.state is HandOverState.SENDING
    bench.run(30, every_us=SECOND)
    assert bench.one.state is HandOverState.PLACED
    looks = [
        each for each in bench.vendor.calls if each.method == "GET" and "page=0" in each.target
    ]
    assert len(looks) == 4
    bench.close()
