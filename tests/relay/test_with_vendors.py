"""The relay with the vendors' own clients, against a hub of ours: placed, told of, followed, called off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from orderhub.core.commands import (
    Action,
    ChangeOrder,
    HandOverStep,
    MoveHandOver,
    Numbering,
    OrderName,
    Origin,
    PlaceOrder,
    RecordChange,
    StatedLine,
)
from orderhub.core.connections import RECORD_KIND, Connection
from orderhub.core.handing import HandOver, HandOverState
from orderhub.core.listings import Listing, key_of
from orderhub.core.passengers import Guest
from orderhub.core.quotes import Booking
from orderhub.core.refusals import Rejected
from orderhub.core.rooms import Room
from orderhub.core.routes import Route
from orderhub.core.steps import Refund
from orderhub.core.tours import TourBooking
from orderhub.core.upgrades import UpgradeChoice
from orderhub.core.values import Contact, Order, Status
from orderhub.dialects.client import Signed
from orderhub.dialects.mews.demo import OMNI_ACCOUNT, OMNI_SERVICE
from orderhub.dialects.tours4fun.demo import OMNI, TOUR
from orderhub.ledger.ledger import Ledger
from orderhub.relay.calling_off import Asking
from orderhub.relay.engine import Engine
from orderhub.relay.steps import Trouble
from tests.relay.rig import SECOND, Came, Meter, hand_overs
from tests.support import world
from tests.support.calls import Caller, calling, copied
from tests.support.clients import DIALECTS
from tests.support.demos import demo_file, quiet_logs
from tests.support.world import SHOP

__all__ = ["demo_file", "quiet_logs"]

MINUTE = 60 * SECOND
HOME = {
    "recipient": "Ann",
    "last_name": "Lee",
    "phone": "555 0100",
    "email": "ann@example.com",
    "province": "IL",
    "city": "Springfield",
    "street1": "1 Main Street",
}
# dialect -> whose business it is over there, credentials, options, what our product 188 is called there
VENDORS: dict[str, tuple[str, dict[str, str], dict[str, str], str]] = {
    "kakaclo": ("dropship", {"token": "demo-kakaclo"}, {"country": "US"}, "TS_RED_M"),
    "anqicms": ("shop", {"user_name": "demo", "password": "demo123456", "site": "1"}, {}, "188"),
    "sitecore_cdp": ("cdp", {"client_key": "demo-cdp", "api_token": "demo-cdp-secret"}, {}, ""),
    "mews": (
        "omni",
        {"client_token": "OMNI-CLIENT", "access_token": "OMNI-ACCESS"},
        {"service_id": OMNI_SERVICE, "account_id": OMNI_ACCOUNT, "pricing": "Net"},
        "00000000-0000-4000-8000-000000000910",
    ),
    "tours4fun": ("omni", {"appkey": "omni-tours", "secret": "omni-tours-secret"}, {}, str(TOUR)),
}
CONNECTION = "00000000-0000-8000-8000-000000000001"
# Where they take an order.
ADDS = "/order/add", "/orders/add", "/api/order/create", "/order/orders"
GUEST = Guest(kind="adult", answers={"firstname_en": "Ann", "mobile": "86-1"})
ANN = Contact(first_name="Ann", last_name="Lee", email="ann@example.com", phone="555 0100")


class There:
    """Our ledger with its relay, and the vendor: a hub in which time goes on as it does outside."""

    def __init__(self, ledger: Ledger, hub: Caller, dialect: str) -> None:
        self.ledger = ledger
        self.hub = hub
        self.ahead_us = 0
        self.is_down = False
        self.loses = ""  # of the next order that is sent: its `answer`, or the whole `call`
        self.takes_keys = True
        self.is_of_tours = dialect == "tours4fun"
        self.tenant, credentials, options, listed = VENDORS[dialect]
        client = DIALECTS[dialect].client
        assert client is not None
        self.engine = Engine(
            ledger,
            {dialect: client},
            make=self._make,
            submit=self._submit,
            change=self._change,
            decrypt=lambda text: text.removeprefix("kept:"),
            meter=Meter(),
            now_us=self.now_us,
            wall_us=self.now_us,
        )
        doc = Connection(
            uid=CONNECTION,
            dialect=dialect,
            base_url="https://vendor.example",
            credentials={name: f"kept:{text}" for name, text in credentials.items()},
            options=options,
            settle_s=0.0,
        )
        way = Route(uid="r", connection=1, connection_uid=doc.uid, when="placed")
        changes = [
            RecordChange(kind=RECORD_KIND, id=1, uid=doc.uid, doc=doc),
            RecordChange(kind="route", id=1, uid=way.uid, doc=way),
        ]
        if listed:
            product = TOUR if self.is_of_tours else 188
            there = Listing(uid="l", connection=1, subject=f"product:{product}", id=listed)
            keys = (("subject", key_of(1, there.subject)), ("connection", "1"))
            changes.append(RecordChange(kind="listing", id=1, uid=there.uid, doc=there, keys=keys))
        if self.is_of_tours:  # the same tour is sold here
            changes += OMNI.records
        world.run_all(ledger, world.put(*changes))

    def now_us(self) -> int:
        return time.time_ns() // 1_000 + self.ahead_us

    async def _make(
        self, _tenant: int, _connection: Connection, signed: Signed, _timeout_s: float
    ) -> Came:
        if self.is_down:
            return Came(error="nobody is there")
        loses = ""
        if signed.target.partition("?")[0].endswith(ADDS):
            loses, self.loses = self.loses, ""
            self.made = signed
        if loses == "call":
            return Came(error="it closed the connection")
        headers = dict(signed.headers) if self.takes_keys else keyless(signed)
        reply = await self.hub.asend(signed.method, signed.target, None, headers, signed.body)
        if loses == "answer":
            return Came(error="there was no answer within 30 s")
        return Came(reply.status, reply.body, reply.headers)

    async def _submit(self, command: MoveHandOver) -> HandOver | Rejected:
        outcome = await asyncio.to_thread(lambda: world.run(self.ledger, command)[0])
        found: HandOver | Rejected = outcome.rejected or outcome.accepted.result
        return found

    async def _change(self, command: ChangeOrder) -> Rejected | None:
        outcome = await asyncio.to_thread(lambda: world.run(self.ledger, command)[0])
        refused: Rejected | None = outcome.rejected
        return refused

    async def booked_by_a_stranger(self) -> None:
        """The call that was made last is made again, by whoever it may be."""
        made = self.made
        await self.hub.asend(made.method, made.target, None, keyless(made), made.body)

    def run(self, times: int = 3, every_us: int = MINUTE) -> None:
        async def once() -> None:
            await self.engine.look()
            await self.engine.idle()

        for _ in range(times):
            self.ahead_us += every_us
            self.hub.run(once())

    def sold(self, units: int = 2) -> Order:
        order = self.placed(units)
        self.run()
        assert self.one.state is HandOverState.PLACED, self.one
        return self.order(order)

    def placed(self, units: int = 2) -> Order:
        """An order of ours that is paid, and not seen to yet."""
        if self.is_of_tours:
            day = datetime.now(UTC).date() + timedelta(days=60)
            booking = Booking(
                product_id=TOUR,
                day=day,
                pickup="Chinatown",
                rooms=(Room(adults=2),),
                upgrades=(UpgradeChoice(30100, (30577,)),),
                guests=(GUEST, GUEST),
            )
            origin = replace(self.origin(), owner="omni-tours")
            command = PlaceOrder(
                origin=origin,
                terms=TourBooking(booking=booking),
                numbering=Numbering.ID,
                contact=ANN,
            )
            order = world.place(self.ledger, command)
        else:
            basket = world.basket((188, units), origin=self.origin())
            basket = replace(basket, terms=replace(basket.terms, address=HOME))
            order = world.place(self.ledger, basket)
        world.run_all(self.ledger, world.change(order, Action.PAY, origin=self.origin()))
        return order

    def decide(self, hand_over: HandOver, step: HandOverStep, number: str = "") -> None:
        command = MoveHandOver(
            origin=self.origin(),
            order_id=hand_over.order_id,
            connection_id=hand_over.connection_id,
            step=step,
            number=number,
        )
        world.run_all(self.ledger, command)

    def origin(self) -> Origin:
        return world.origin(recorded_at=self.now_us())

    def order(self, order: Order) -> Order:
        name = OrderName("id", str(order.id))
        found = self.ledger.read(lambda reads: reads.order(SHOP, name))
        assert found is not None
        return found

    @property
    def one(self) -> HandOver:
        (found,) = hand_overs(self.ledger)
        return found

    def theirs(self) -> dict[str, Any]:
        return self.hub.orders(self.tenant)[0]

    @property
    def count(self) -> int:
        return len(self.hub.orders(self.tenant))

    def operate(self, action: str, **body: Any) -> None:
        uid = self.theirs()["uid"]
        self.hub.operate("POST", f"/hub/v1/orders/{uid}/{action}", body)

    def ask_first(self, before: Order, after: Order, by: str = "me") -> Any:
        return self.hub.run(self.engine.ask_first(before, after, Asking(by=by)))


def keyless(signed: Signed) -> dict[str, str]:
    return {name: text for name, text in signed.headers if name != "Idempotency-Key"}


@pytest.fixture
def hub(demo_file: Path, tmp_path: Path) -> Iterator[Caller]:
    """Another hub's demo: in a folder of its own, since both ledgers have one name."""
    with calling(copied(demo_file, tmp_path / "there")) as caller:
        yield caller


@pytest.fixture
def there(ledger: Ledger, hub: Caller, request: pytest.FixtureRequest) -> Iterator[There]:
    made = There(ledger, hub, request.param)
    yield made
    made.engine.close()


def vendors(*names: str) -> Any:
    return pytest.mark.parametrize("there", names, indirect=True)


@vendors("kakaclo", "anqicms")
def test_the_customer_sees_the_tracking_where_they_bought(there: There) -> None:
    order = there.sold()
    assert there.one.number
    there.operate("pay")
    there.operate("ship", carrier="Yanwen", tracking="YW1")
    there.run(6)
    found = there.order(order)
    assert found.status is Status.SHIPPED
    (parcel,) = found.doc.shipments
    assert (parcel.carrier, parcel.tracking) == ("Yanwen", "YW1")
    there.run(6)
    assert there.order(order).version == found.version


@vendors("kakaclo", "anqicms")
def test_what_the_vendor_gives_back_is_given_back_here(there: There) -> None:
    order = there.sold()
    there.operate("pay")
    there.operate("refund")
    there.run(6)
    assert there.order(order).status is Status.REFUNDED


@vendors("kakaclo")
def test_in_part_where_lines_say_so(there: There) -> None:
    order = there.sold(units=3)
    there.operate("pay")
    there.operate("ship", tracking="YW1", lines=[{"line_no": 1, "quantity": 1}])
    there.operate("refund", lines=[{"line_no": 1, "quantity": 1}])
    there.run(6)
    found = there.order(order)
    assert (found.lines[0].shipped, found.lines[0].refunded) == (1, 1)
    assert found.status is Status.PAID
    there.operate("ship", tracking="YW2")
    there.run(6)
    found = there.order(order)
    assert [each.tracking for each in found.doc.shipments] == ["YW1", "YW2"]
    assert (found.lines[0].shipped, found.lines[0].refunded) == (2, 1)
    assert found.status is Status.SHIPPED


@vendors("kakaclo", "anqicms")
def test_a_vendor_that_agrees_lets_it_be_called_off(there: There) -> None:
    order = there.sold()
    after = replace(order, status=Status.REFUNDED)
    assert there.ask_first(order, after) is None
    assert there.theirs()["status"] == "cancelled"
    assert there.ask_first(order, after) is None  # asked again, it is no other


@vendors("kakaclo", "anqicms")
def test_a_vendor_that_refuses_is_heard(there: There) -> None:
    order = there.sold()
    there.operate("pay")
    there.operate("ship")
    refused = there.ask_first(order, replace(order, status=Status.REFUNDED))
    assert isinstance(refused, Rejected)
    assert "refuses it" in refused.detail


@vendors("anqicms")
def test_a_vendor_that_decides_later_is_waited_for(there: There) -> None:
    order = there.sold()
    there.operate("pay")
    refused = there.ask_first(order, replace(order, status=Status.REFUNDED))
    assert isinstance(refused, Rejected)
    assert "decides later" in refused.detail
    there.operate("refund")
    there.run(6)
    assert there.order(order).status is Status.REFUNDED


@vendors("kakaclo")
def test_silence_changes_nothing(there: There) -> None:
    order = there.sold()
    there.is_down = True
    assert isinstance(there.ask_first(order, replace(order, status=Status.REFUNDED)), Trouble)


@vendors("kakaclo")
def test_money_alone_is_nobodys_business_but_ours(there: There) -> None:
    order = there.sold()
    there.is_down = True
    assert there.ask_first(order, replace(order, refunded=order.total)) is None


@vendors("kakaclo", "anqicms", "sitecore_cdp")
def test_what_closed_by_itself_here_is_called_off_there_until_it_is_known(there: There) -> None:
    order = there.sold()
    world.run_all(there.ledger, world.change(order, Action.REFUND, origin=there.origin()))
    there.is_down = True
    there.run(5)
    assert "called off" not in there.one.told
    there.is_down = False
    there.run(40, every_us=10 * MINUTE)
    assert "called off" in there.one.told
    found = there.theirs()
    gone = found["vendor_status"] if there.tenant == "cdp" else found["status"]
    assert gone in ("cancelled", "REFUNDED")


@vendors("sitecore_cdp")
def test_a_history_is_not_asked_and_told_of_units_given_back(there: There) -> None:
    order = there.sold()
    there.is_down = True
    assert there.ask_first(order, replace(order, status=Status.REFUNDED)) is None
    there.is_down = False
    refund = Refund(lines={1: 1})
    step = world.change(order, Action.REFUND_PART, refund=refund, origin=there.origin())
    world.run_all(there.ledger, step)
    there.run(3)
    assert there.theirs()["vendor_status"] == "PARTIALY_REFUNDED"


@vendors("mews", "tours4fun")
def test_it_is_placed_as_it_was_sold(there: There) -> None:
    before = there.count
    order = there.sold()
    assert there.count == before + 1
    theirs, ours = there.theirs(), there.order(order)
    if there.is_of_tours:
        assert (there.one.number, D(theirs["total"])) == (theirs["number"], ours.total)
    else:
        assert (there.one.number, D(theirs["net"])) == (theirs["uid"], ours.net)
        whole = there.hub.operate("GET", f"/hub/v1/orders/{theirs['uid']}")
        assert there.one.marker in whole["notes"]
    there.run(6)
    assert there.count == before + 1


@vendors("mews", "tours4fun", "kakaclo", "anqicms")
@pytest.mark.parametrize("loses", ["answer", "call"])
def test_what_got_no_answer_is_found_or_sent_again_and_is_there_once(
    there: There, loses: str
) -> None:
    before = there.count
    there.loses, there.takes_keys = loses, False
    there.placed()
    there.run(1)
    assert there.one.state is HandOverState.SENDING
    assert there.loses == ""
    there.run(6)
    assert there.one.state is HandOverState.PLACED, there.one
    assert there.one.attempts == (1 if loses == "answer" else 2)
    assert there.count == before + 1
    assert there.one.number in (there.theirs()["number"], there.theirs()["uid"])


def in_doubt_with_a_strangers(there: There) -> tuple[HandOver, list[str]]:
    """A booking of ours whose answer was lost; who went there by themselves booked just the same."""
    there.loses = "answer"
    there.placed()
    there.run(1, every_us=SECOND)
    mine = there.theirs()["number"]
    there.hub.run(there.booked_by_a_stranger())
    strangers = there.theirs()["number"]
    assert mine != strangers
    there.run(every_us=SECOND)
    assert there.one.state is HandOverState.UNSURE, there.one
    assert "several orders there may be this one" in there.one.reason
    assert set(there.one.candidates) == {mine, strangers}
    there.run(10, every_us=SECOND)
    assert there.one.state is HandOverState.UNSURE
    return there.one, [mine, strangers]


@vendors("tours4fun")
def test_of_two_tours_alike_a_person_says_which_it_is(there: There) -> None:
    before = there.count
    unsure, (mine, strangers) = in_doubt_with_a_strangers(there)
    there.decide(unsure, HandOverStep.PLACE, mine)
    assert (there.one.state, there.one.number) == (HandOverState.PLACED, mine)
    there.run(6, every_us=20 * SECOND)
    assert there.count == before + 2
    there.loses = "answer"
    there.placed()
    there.run(6, every_us=20 * SECOND)
    second = hand_overs(there.ledger)[1]
    assert second.state is HandOverState.UNSURE, "the stranger's may be it, or that which came now"
    assert set(second.candidates) == {strangers, there.theirs()["number"]}


@vendors("tours4fun")
@pytest.mark.parametrize("takes_keys", [False, True])
def test_of_two_tours_alike_a_person_says_that_it_is_none_of_them(
    there: There, takes_keys: bool
) -> None:
    """A vendor without keys has then one more; one with them knows better, and says the number."""
    before, there.takes_keys = there.count, takes_keys
    unsure, (mine, _) = in_doubt_with_a_strangers(there)
    there.decide(unsure, HandOverStep.AGAIN)
    there.run(6, every_us=20 * SECOND)
    assert there.one.state is HandOverState.PLACED, there.one
    assert there.count == before + (2 if takes_keys else 3)
    assert there.one.number == (mine if takes_keys else there.theirs()["number"])


def listed_as(there: There, number: str) -> None:
    """What the product is called over there is another thing from now on; empty = it is called nothing."""
    doc = Listing(uid="l", connection=1, subject=f"product:{TOUR}", id=number)
    keys = (("subject", key_of(1, doc.subject)), ("connection", "1"))
    changed = RecordChange(kind="listing", id=1, uid=doc.uid, doc=doc, keys=keys)
    world.run_all(there.ledger, world.put(changed if number else replace(changed, doc=None)))


def amended(there: There, order: Order) -> None:
    contact = replace(ANN, email="ann@example.org")
    changes = {"contact": contact}
    world.run_all(there.ledger, world.change(order, Action.AMEND, changes=changes))


@vendors("tours4fun")
@pytest.mark.parametrize(
    "changes",
    [
        lambda there, _order: listed_as(there, "990"),
        lambda there, _order: listed_as(there, ""),
        amended,
    ],
    ids=["another", "no", "contact"],
)
def test_what_is_another_since_it_was_sent_is_not_sent_again(
    there: There, changes: Callable[[There, Order], None]
) -> None:
    """It would not be found by what it is now, though it may be there."""
    before, there.loses = there.count, "answer"
    order = there.placed()
    there.run(1, every_us=SECOND)
    assert there.one.state is HandOverState.SENDING
    changes(there, order)
    there.run(6, every_us=20 * SECOND)
    assert there.one.state is HandOverState.UNSURE, there.one
    assert "in other words" in there.one.reason
    assert there.count == before + 1


@vendors("sitecore_cdp")
def test_what_is_recorded_line_by_line_goes_once_nothing_is_added(there: There) -> None:
    """Those who record a sale say its items one after another."""
    way = Route(uid="r", connection=1, connection_uid=CONNECTION, when="placed", channels=("test",))
    world.run_all(there.ledger, world.put(RecordChange(kind="route", id=1, uid="r", doc=way)))
    before = there.count
    order = world.place(there.ledger, world.sale(origin=there.origin(), reference="S-1"))
    there.run(1, every_us=SECOND)
    assert (there.one.state, there.count) == (HandOverState.PLANNED, before)
    assert "more lines may come" in there.one.reason
    for step in range(3):
        there.ahead_us += 20 * SECOND
        more = (StatedLine(title=f"Later {step}", price=D(5)),)
        world.run_all(
            there.ledger,
            world.change(order, Action.AMEND, add_lines=more, origin=there.origin()),
        )
        there.run(1, every_us=SECOND)
        assert there.one.state is HandOverState.PLANNED
    there.run(3, every_us=20 * SECOND)
    assert there.one.state is HandOverState.PLACED, there.one
    assert there.count == before + 1
    whole = there.hub.operate("GET", f"/hub/v1/orders/{there.theirs()['uid']}")
    assert len(whole["lines"]) == 4


@vendors("sitecore_cdp")
def test_what_is_added_once_it_went_stays_here(there: There) -> None:
    """As docs/relay.md says."""
    way = Route(uid="r", connection=1, connection_uid=CONNECTION, when="placed", channels=("test",))
    world.run_all(there.ledger, world.put(RecordChange(kind="route", id=1, uid="r", doc=way)))
    order = world.place(there.ledger, world.sale(origin=there.origin(), reference="S-1"))
    there.run(3)
    assert there.one.state is HandOverState.PLACED
    more = (StatedLine(title="Later", price=D(5)),)
    world.run_all(
        there.ledger, world.change(order, Action.AMEND, add_lines=more, origin=there.origin())
    )
    there.run(10, every_us=10 * MINUTE)
    whole = there.hub.operate("GET", f"/hub/v1/orders/{there.theirs()['uid']}")
    assert len(whole["lines"]) == 1


@vendors("kakaclo")
def test_what_is_called_otherwise_by_now_goes_as_what_it_is_listed_as(there: There) -> None:
    """A listing knows the product itself, not its name or code."""
    product = there.ledger.read(lambda reads: reads.record(SHOP, "product", "id", 188))
    assert product is not None
    renamed = replace(product.doc, title="Another name", code="NEW-CODE")
    there.placed()
    change = RecordChange(kind="product", id=188, code="NEW-CODE", doc=renamed)
    world.run_all(there.ledger, world.put(change))
    there.run()
    assert there.one.state is HandOverState.PLACED, there.one
    there.placed()
    there.run()
    assert [each.state for each in hand_overs(there.ledger)] == [HandOverState.PLACED] * 2
    whole = there.hub.operate("GET", f"/hub/v1/orders/{there.theirs()['uid']}")
    assert [each["sku"] for each in whole["lines"] if each["sku"]] == ["TS_RED_M"]


@vendors("tours4fun", "mews")
def test_what_was_given_back_meanwhile_is_found_all_the_same(there: There) -> None:
    before, there.loses = there.count, "answer"
    order = there.placed()
    there.run(1, every_us=SECOND)
    world.run_all(there.ledger, world.change(order, Action.REFUND, origin=there.origin()))
    there.run(6, every_us=20 * SECOND)
    assert there.one.state is HandOverState.PLACED, there.one
    assert there.count == before + 1
