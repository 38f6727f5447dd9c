"""What is called off here is off there exactly once, whatever is repeated, lost, switched off or told in between.

Through the hub's own API, against a vendor without keys that does what it is asked as often as it is asked.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orderhub.core.commands import Action, ChangeOrder, OrderName, Origin
from orderhub.core.handing import NEVER
from orderhub.core.steps import Refund
from orderhub.dialects.client import Signed
from orderhub.ledger.ledger import Ledger
from orderhub.web.relayer import changed
from tests.relay.rig import Bench, Came, connect
from tests.support import world
from tests.support.calls import Caller, calling, copied
from tests.support.clients import SHOP_HOME
from tests.support.demos import demo_file, quiet_logs

__all__ = ["demo_file", "quiet_logs"]

TOKEN = "hub-demo-shop"
_REFUND = re.compile(r"/openapi/v2/order/orders/(\d+)/refund")


class Dropshipper:
    """Over there. `meanwhile` is awaited once the vendor has done what it was asked, before it answers."""

    def __init__(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}
        self.refunds: list[dict[str, Any]] = []  # as they were asked for
        self.is_down = False
        self.is_closed = False  # for refunds
        self.loses_answers = False
        self.loses_creates = False
        self.is_blind = False
        self.decides = "refund_successfully"
        self.lists_refunds = True
        self.meanwhile: Any = None

    async def make(self, _tenant: int, _connection: Any, signed: Signed, _timeout_s: float) -> Came:
        await asyncio.sleep(0)
        path, _, query = signed.target.partition("?")
        if self.is_down:
            return Came(error="nobody is there")
        body = json.loads(signed.body) if signed.body else {}
        if signed.method == "GET":
            return self._asked(path, query)
        refund = _REFUND.fullmatch(path)
        if refund is None:
            number = self._made(body)
            return Came(500) if self.loses_creates else said(number)
        if self.is_closed:
            return Came(405)
        self.refunds.append(body)
        if self.decides == "refund_successfully":
            self._refunded(refund[1], body)
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.loses_answers:
            return Came(error="there was no answer within 30 s")
        return said(str(len(self.refunds)))

    def _asked(self, path: str, query: str) -> Came:
        if self.is_blind:
            return Came(500)
        if "/refund/" in path:
            numbers = range(1, len(self.refunds) + 1)
            rows = [{"refundNo": str(no), "refundStatus": self.decides} for no in numbers]
            if not self.lists_refunds:
                return said(None)
        else:
            ids = re.search(r"ids=(\d+)", query)
            rows = [each for no, each in self.orders.items() if ids is None or no == ids[1]]
        return said({"list": rows, "total": len(rows)})

    def _made(self, body: dict[str, Any]) -> str:
        number = str(1001 + len(self.orders))
        items = [
            {"skuCode": each["sku"], "productNum": each["quantity"], "refundedNum": 0}
            for each in body["orderItemsList"]
        ]
        self.orders[number] = {
            "id": number,
            "customOrderId": body["customOrderId"],
            "status": "processing",
            "refundStatus": "NULL",
            "orderItems": items,
            "fulfillments": [],
        }
        return number

    def _refunded(self, number: str, body: dict[str, Any]) -> None:
        order = self.orders[number]
        if "orderItems" not in body:
            order["status"] = "cancel"
        for item in body.get("orderItems", ()):
            self.give_back(number, item["quantity"])

    def give_back(self, number: str, count: int) -> None:
        self.orders[number]["orderItems"][0]["refundedNum"] += count

    def off(self, number: str) -> int:
        return int(self.orders[number]["orderItems"][0]["refundedNum"])

    def ship(self, number: str, sku: str, count: int) -> None:
        items = [{"skuCode": sku, "productNum": count}]
        parcel = {"id": "P1", "trackingCode": "YW1", "carrier": "Yanwen", "items": items}
        self.orders[number] |= {"fulfillmentStatus": "fully_shipped", "fulfillments": [parcel]}


def said(data: Any) -> Came:
    return Came(200, json.dumps({"code": 10000, "message": "success", "data": data}).encode())


class Shop:
    """The hub's demo, its shop connected to the vendor. Its relay goes on when it is told to."""

    def __init__(self, hub: Caller) -> None:
        self.hub = hub
        self.vendor = Dropshipper()
        self.port = hub.hub.port
        self.engine = self.port.relayer
        self.engine.make = self.vendor.make
        self.engine._linger_s = 0.0
        self.ahead_us = 0
        self.engine.now_us = lambda: self.port.now_us() + self.ahead_us
        made = self.ask(
            "POST",
            "connections",
            {
                "dialect": "kakaclo",
                "base_url": "https://openapi.dropship.example",
                "credentials": {"token": "x"},
                "options": {"country": "US"},
                "settle_s": 0,
            },
        )
        self.connection = made["id"]
        self.ask("POST", "routes", {"connection": self.connection, "when": "paid"})
        self.list_as("MUG_WHT")

    def list_as(self, sku: str) -> None:
        items = [{"subject": "product:188", "id": sku}]
        self.ask("POST", "listings", {"connection": self.connection, "items": items})

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.hub.ask(method, f"/hub/v1/{path}", body, TOKEN)
        assert answer.status < 300, answer
        return answer.json()

    def switch(self, *, on: bool) -> None:
        self.ask("PATCH", f"connections/{self.connection}", {"enabled": on})

    def paid(self, units: int) -> str:
        """The uid of an order that is paid, and not seen to yet."""
        body = {"goods_id": 188, "quantity": units, "type": "goods", "address": SHOP_HOME}
        made = self.hub.ask("POST", "/api/order/create", body, TOKEN).json()
        assert made["code"] == 0, made
        uid = str(self.hub.orders("shop")[0]["uid"])
        self.ask("POST", f"orders/{uid}/pay", {})
        return uid

    def sold(self, units: int = 3) -> tuple[str, str]:
        """The uid of an order, and the vendor's number of it."""
        uid = self.paid(units)
        self.run()
        found = self.hand_over(uid)
        assert found["state"] == "placed", found
        return uid, found["number"]

    def run(self, times: int = 1, *, minutes: float = 0) -> None:
        """What the relay does by now."""
        for _ in range(times):
            self.ahead_us += round(minutes * 60_000_000)
            self.hub.run(self.look())

    async def look(self) -> None:
        for _ in range(2):  # an agent of what a connection was before leaves first
            await self.engine.look()
            await self.engine.idle()

    def hand_over(self, uid: str) -> Any:
        found = self.ask("GET", f"handovers?order={uid}")["items"]
        return found[0]

    def order(self, uid: str) -> Any:
        return self.ask("GET", f"orders/{uid}")

    def refunded(self, uid: str) -> int:
        return int(self.order(uid)["lines"][0]["refunded"])

    async def _refund(self, uid: str, units: int, key: str) -> Any:
        body = {"lines": [{"line_no": 1, "quantity": units}]} if units else {}
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        if key:
            headers["idempotency-key"] = key
        path = f"/hub/v1/orders/{uid}/refund"
        return await self.hub.asend("POST", path, None, headers, json.dumps(body).encode())

    async def close(self, uid: str, action: Action = Action.REFUND, **more: Any) -> None:
        """What nobody asks for: as an order that was not paid is closed by its timer."""
        tenant = await self.port.read(lambda reads: reads.tenant("shop"))
        assert tenant is not None
        origin = Origin(
            tenant_id=tenant.id, channel="hub", actor="timer", recorded_at=self.port.now_us()
        )
        command = ChangeOrder(origin=origin, name=OrderName("uid", uid), action=action, **more)
        assert await changed(self.port, command) is None

    def refund(self, uid: str, units: int = 1, key: str = "") -> Any:
        """`units` 0: the whole order."""
        return self.hub.run(self._refund(uid, units, key))


@pytest.fixture
def shop(demo_file: Path, tmp_path: Path) -> Iterator[Shop]:
    with calling(copied(demo_file, tmp_path)) as caller:
        yield Shop(caller)


# --- written in the commit that gives back


@pytest.mark.parametrize("units", [0, 1])
def test_who_asks_while_the_connection_is_off_is_told_so(shop: Shop, units: int) -> None:
    uid, number = shop.sold()
    shop.switch(on=False)
    refused = shop.refund(uid, units)
    assert refused.status == 409, refused
    assert f"kakaclo has it as {number}, and the connection is switched off" in str(refused.body)
    assert shop.order(uid)["status"] == "paid"
    shop.switch(on=True)
    assert shop.refund(uid, units).status == 200
    assert shop.vendor.orders[number]["status"] == ("processing" if units else "cancel")
    assert shop.vendor.off(number) == units


def test_before_the_first_look_anybodys_orders_may_be_at_a_vendors(ledger: Ledger) -> None:
    connect(ledger)
    bench = Bench(ledger)
    assert bench.rig.engine.is_onward(world.SHOP + 1)
    bench.run()
    assert bench.rig.engine.is_onward(world.SHOP)
    assert not bench.rig.engine.is_onward(world.SHOP + 1)
    bench.close()


def test_what_closed_while_the_connection_was_off_is_called_off_once_it_is_on(shop: Shop) -> None:
    uid, number = shop.sold()
    shop.switch(on=False)
    shop.hub.run(shop.close(uid))
    shop.run(3)
    assert shop.vendor.orders[number]["status"] == "processing"
    shop.switch(on=True)
    shop.run()
    assert shop.vendor.orders[number]["status"] == "cancel"
    shop.run(3, minutes=20)
    assert len(shop.vendor.refunds) == 1


def test_what_closed_goes_on_until_it_is_known(shop: Shop) -> None:
    """Whoever comes after a program that died finds it due."""
    uid, number = shop.sold()
    shop.vendor.is_down = True
    shop.hub.run(shop.close(uid))
    shop.run(3, minutes=10)
    shop.vendor.is_down = False
    shop.run(6, minutes=20)
    assert shop.vendor.orders[number]["status"] == "cancel"
    assert len(shop.vendor.refunds) == 1


def test_what_is_owed_to_a_vendor_stays_due_however_old_the_order_is(shop: Shop) -> None:
    uid, number = shop.sold()
    shop.run(minutes=60 * 24 * 91)
    shop.vendor.is_closed = True
    shop.hub.run(shop.close(uid))
    shop.run(2, minutes=10)
    shop.vendor.is_closed = False
    shop.run(4, minutes=400)
    assert shop.vendor.orders[number]["status"] == "cancel"


def test_what_is_owed_to_a_vendor_stays_due_though_the_order_is_completed(shop: Shop) -> None:
    uid, number = shop.sold()
    shop.ask("POST", f"orders/{uid}/ship", {})
    shop.ask("POST", f"orders/{uid}/complete", {})
    shop.vendor.is_closed = True
    refund = Refund(lines={1: 1})
    shop.hub.run(shop.close(uid, Action.REFUND_PART, refund=refund))
    shop.run(2, minutes=10)
    assert (shop.order(uid)["status"], shop.vendor.off(number)) == ("completed", 0)
    shop.vendor.is_closed = False
    shop.run(4, minutes=400)
    assert shop.vendor.off(number) == 1


def test_units_given_back_while_it_was_in_doubt_are_called_off_once_it_is_there(shop: Shop) -> None:
    shop.vendor.loses_creates = shop.vendor.is_blind = True
    uid = shop.paid(3)
    shop.run()
    assert shop.hand_over(uid)["state"] == "sending"
    assert shop.refund(uid).status == 200
    shop.vendor.is_blind = False
    shop.run(4, minutes=1)
    found = shop.hand_over(uid)
    assert (found["state"], found["reason"]) == ("placed", None)
    assert shop.vendor.off(found["number"]) == 1
    shop.run(4, minutes=20)
    assert (shop.vendor.off(found["number"]), shop.refunded(uid)) == (1, 1)


def test_units_given_back_before_it_went_are_not_called_off(shop: Shop) -> None:
    shop.switch(on=False)
    uid = shop.paid(3)
    assert shop.refund(uid).status == 200
    shop.switch(on=True)
    shop.run()
    number = shop.hand_over(uid)["number"]
    assert shop.vendor.orders[number]["orderItems"][0]["productNum"] == 2
    shop.run(2, minutes=20)
    assert shop.vendor.refunds == []
    shop.vendor.give_back(number, 1)
    shop.run(2, minutes=20)
    assert shop.refunded(uid) == 2
    assert shop.refund(uid).status == 200
    assert (shop.order(uid)["status"], shop.vendor.orders[number]["status"]) == (
        "refunded",
        "cancel",
    )


# --- by what was sent


def test_a_parcel_is_read_by_the_names_that_were_sent(shop: Shop) -> None:
    uid, number = shop.sold(2)
    shop.list_as("MUG_NEW")
    shop.vendor.ship(number, "MUG_WHT", 2)
    shop.run(2, minutes=20)
    assert shop.order(uid)["status"] == "shipped"


def test_units_are_called_off_by_the_names_that_were_sent(shop: Shop) -> None:
    uid, number = shop.sold(3)
    shop.list_as("MUG_NEW")
    assert shop.refund(uid).status == 200
    assert shop.vendor.off(number) == 1


def test_a_parcel_of_what_was_not_sent_is_shown(shop: Shop) -> None:
    uid, number = shop.sold(2)
    shop.vendor.ship(number, "OTHER", 2)
    shop.run(3, minutes=20)
    assert shop.order(uid)["status"] == "paid"
    assert "nothing that was sent is called so: OTHER" in shop.hand_over(uid)["reason"]


# --- one wish is one


def test_two_like_wishes_in_turn_are_two(shop: Shop) -> None:
    uid, number = shop.sold(3)
    assert [shop.refund(uid).status for _ in range(2)] == [200, 200]
    assert (shop.refunded(uid), shop.vendor.off(number)) == (2, 2)


def test_a_repeat_asks_nobody(shop: Shop) -> None:
    uid, number = shop.sold(3)
    first, second = (shop.refund(uid, key="k") for _ in range(2))
    assert (first.status, second.status, second.body) == (200, 200, first.body)
    assert second.headers["idempotent-replayed"] == "true"
    assert (shop.refunded(uid), len(shop.vendor.refunds)) == (1, 1)
    assert shop.vendor.off(number) == 1


@pytest.mark.parametrize("keys", [("k", "k"), ("", ""), ("k", "l")])
def test_two_at_once_ask_one_after_the_other(shop: Shop, keys: tuple[str, str]) -> None:
    """The same key is the same wish; whoever else asks is another."""
    uid, number = shop.sold(3)
    second: list[asyncio.Task[Any]] = []

    async def meanwhile() -> None:
        if not second:
            second.append(asyncio.create_task(shop._refund(uid, 1, keys[1])))
            await asyncio.sleep(0.6)

    async def both() -> list[Any]:
        return [await shop._refund(uid, 1, keys[0]), await second[0]]

    shop.vendor.meanwhile = meanwhile
    assert [each.status for each in shop.hub.run(both())] == [200, 200]
    wishes = 1 if keys == ("k", "k") else 2
    assert (shop.refunded(uid), shop.vendor.off(number)) == (wishes, wishes)
    shop.run(2, minutes=20)
    assert shop.refunded(uid) == wishes


@pytest.mark.parametrize("key", ["k", ""])
def test_a_wish_whose_answer_was_lost_is_done_once_when_it_comes_again(
    shop: Shop, key: str
) -> None:
    uid, number = shop.sold(3)
    shop.vendor.loses_answers = True
    assert shop.refund(uid, key=key).status == 503
    assert (shop.refunded(uid), shop.vendor.off(number)) == (0, 1)
    shop.vendor.loses_answers = False
    assert shop.refund(uid, key=key).status == 200
    assert (shop.refunded(uid), shop.vendor.off(number)) == (1, 1)


def test_a_wish_that_news_brought_about_is_not_done_again_under_its_key(shop: Shop) -> None:
    uid, number = shop.sold(3)
    shop.vendor.loses_answers = True
    assert shop.refund(uid, key="k").status == 503
    shop.vendor.loses_answers = False
    shop.run(2, minutes=20)
    assert shop.refunded(uid) == 1
    again = shop.refund(uid, key="k")
    assert again.status == 409, again
    assert "it may be done by now" in str(again.body)
    assert (shop.refunded(uid), shop.vendor.off(number)) == (1, 1)


def test_who_may_still_be_at_it_is_left_in_peace(shop: Shop) -> None:
    shop.ask("PATCH", f"connections/{shop.connection}", {"settle_s": 30})
    uid, _ = shop.sold(3)
    shop.vendor.loses_answers = True
    assert shop.refund(uid, key="k").status == 503
    shop.vendor.loses_answers = False
    early = shop.refund(uid, key="k")
    assert (early.status, len(shop.vendor.refunds)) == (503, 1)
    assert 25 < int(early.headers["retry-after"]) <= 30
    shop.ahead_us += 31_000_000
    assert shop.refund(uid, key="k").status == 200
    assert len(shop.vendor.refunds) == 1


def test_news_that_comes_before_the_answer_does_not_give_back_twice(shop: Shop) -> None:
    uid, number = shop.sold(3)

    async def meanwhile() -> None:
        await shop.engine.heard(shop.engine.connection(shop.connection), [number])
        await shop.look()
        assert shop.vendor.off(number) == 1

    shop.vendor.meanwhile = meanwhile
    assert shop.refund(uid).status == 200
    shop.run(4, minutes=20)
    assert (shop.refunded(uid), shop.vendor.off(number)) == (1, 1)


def test_an_order_that_changes_while_its_vendor_is_asked_is_looked_at_anew(shop: Shop) -> None:
    uid, number = shop.sold(3)

    async def meanwhile() -> None:
        shop.vendor.meanwhile = None
        await shop.close(uid, Action.REFUND_PART, refund=Refund(lines={1: 1}))

    shop.vendor.meanwhile = meanwhile
    assert shop.refund(uid).status == 409
    shop.run(4, minutes=20)
    assert (shop.refunded(uid), shop.vendor.off(number)) == (1, 1)


def test_what_the_vendor_decides_later_is_asked_for_once(shop: Shop) -> None:
    uid, number = shop.sold(3)
    shop.vendor.decides = "pending_review"
    for _ in range(2):
        refused = shop.refund(uid)
        assert refused.status == 409
        assert "decides later" in str(refused.body)
    assert len(shop.vendor.refunds) == 1
    shop.vendor.decides = "refund_failed"
    assert "refuses it" in str(shop.refund(uid).body)
    assert len(shop.vendor.refunds) == 2, "a no is an end: asked again, it is another wish"
    assert (shop.refunded(uid), shop.vendor.off(number)) == (0, 0)


def test_refunds_that_are_not_listed_are_no_proof_that_none_was_asked_for(shop: Shop) -> None:
    uid, _ = shop.sold(3)
    shop.vendor.lists_refunds = False
    assert shop.refund(uid).status == 503
    assert shop.vendor.refunds == []


def test_nothing_is_left_to_look_at_once_all_is_known(shop: Shop) -> None:
    uid, _ = shop.sold(3)
    assert shop.refund(uid, 0).status == 200
    shop.run(2, minutes=20)
    named = kept(shop, uid)
    assert (named.due_at, named.there.wish, named.there.off) == (NEVER, None, {1: 3})


def kept(shop: Shop, uid: str) -> Any:
    found = shop.hand_over(uid)
    tenant = shop.port.ledger.read(lambda reads: reads.tenant("shop"))
    assert tenant is not None
    return shop.port.ledger.read(lambda reads: reads.relay.named(tenant.id, found["id"]))
