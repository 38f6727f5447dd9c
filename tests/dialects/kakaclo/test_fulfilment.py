"""Orders that are shipped or refunded in part, here or by the hub's own steps."""

import pytest

from tests.dialects.kakaclo.shop import TWO_PARCELS, V1, V2, Seller
from tests.support.hub import running_hub

TOO_LATE = {"code": 10005, "message": "the order cannot be refunded any more"}


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with running_hub(tmp_path_factory.mktemp("parts")) as running:
        await running.freeze("dropship", "2026-01-02T03:04:05Z")
        yield running


@pytest.fixture
def seller(hub):
    return Seller(hub)


async def refund(seller, number, *items):
    """The answer to a V2 refund of (SKU, units), or of everything."""
    asked = [{"skuCode": sku, "quantity": units} for sku, units in items]
    return (
        await seller.post(f"{V2}/{number}/refund", {"orderItems": asked} if asked else {})
    ).json()


async def amounts(seller, number):
    shown = await seller.shown(number, V2)
    return shown["refundedAmount"], shown["refundableAmount"], shown["refundStatus"]


@pytest.mark.parametrize("paid", [False, True])
async def test_the_rest_of_a_parent_is_refunded_after_one_of_its_orders_was(seller, hub, paid):
    before = (await seller.balance(), await seller.stock("TS_RED_M"))
    number = await seller.create(*TWO_PARCELS)
    first, second = (each["id"] for each in (await seller.shown(number))["subOrders"])
    if paid:
        for uid in await seller.uids(number):
            await hub.pay(uid)
    assert (await refund(seller, number, ("TS_RED_M", 2)))["code"] == 10000
    assert (await seller.shown(first))["status"] == ("refunded" if paid else "cancel")
    rest = await seller.post(f"{V1}/{number}/refund", {"Remark": "the rest"})
    assert rest.json()["data"] == f"{number}002"
    assert (await seller.shown(second))["status"] == ("refunded" if paid else "cancel")
    assert (await seller.balance(), await seller.stock("TS_RED_M")) == before
    assert await refund(seller, number) == TOO_LATE


async def test_a_parent_of_which_one_order_is_shipped_is_refunded_in_part_only(seller, hub):
    number = await seller.create(*TWO_PARCELS)
    for uid in await seller.uids(number):
        await hub.pay(uid)
    await hub.ship((await seller.uids(number))[0])
    assert await refund(seller, number) == TOO_LATE
    assert await refund(seller, number, ("TS_RED_M", 1)) == TOO_LATE
    assert (await refund(seller, number, ("TS_BLUE_L", 1)))["code"] == 10000


async def test_an_order_of_which_something_is_shipped_is_too_late_to_refund(seller, hub):
    number = await seller.create(("TS_RED_M", 5))
    (uid,) = await seller.uids(number)
    await hub.pay(uid)
    await hub.ship(uid, lines=[{"line_no": 1, "quantity": 2}], tracking="T1")
    before = (await seller.balance(), await seller.stock("TS_RED_M"))
    assert await refund(seller, number, ("TS_RED_M", 1)) == TOO_LATE
    whole = await seller.post(f"{V1}/{number}/refund", {"Remark": "x"})
    assert whole.json() == TOO_LATE
    assert (await seller.balance(), await seller.stock("TS_RED_M")) == before


@pytest.mark.parametrize("path", [V1, V2])
async def test_a_package_shows_what_is_in_it(seller, hub, path):
    number = await seller.create(("TS_RED_M", 5))
    (uid,) = await seller.uids(number)
    await hub.pay(uid)
    await hub.ship(uid, lines=[{"line_no": 1, "quantity": 2}], tracking="T1")
    shown = await seller.shown(number, path)
    assert shown.get("fulfillmentStatus", "partially_shipped") == "partially_shipped"
    await hub.ship(uid, tracking="T2")
    shown = await seller.shown(number, path)
    assert shown.get("fulfillmentStatus", "fully_shipped") == "fully_shipped"
    worth = "subtotal" if path == V1 else "total"
    packages = [
        (each["trackingCode"], [(item["productNum"], item[worth]) for item in each["items"]])
        for each in shown["fulfillments"]
    ]
    assert packages == [("T1", [(2, 20)]), ("T2", [(3, 30)])]


async def test_a_package_tells_what_of_its_own_units_was_given_back(seller, hub):
    number = await seller.create(("TS_RED_M", 5))
    (uid,) = await seller.uids(number)
    await hub.pay(uid)
    await hub.ship(uid, lines=[{"line_no": 1, "quantity": 2}], tracking="T1")
    none, some, every = (0, "NULL"), (1, "partial_refund"), (2, "refunded")

    async def told():
        shown = await seller.shown(number, V2)
        rows = [shown["orderItems"][0], *(each["items"][0] for each in shown["fulfillments"])]
        return [(row["refundedNum"], row["refundStatus"]) for row in rows]

    async def sent():
        shown = await seller.shown(number, V2)
        packed = {
            row["fulfillmentStatus"] for each in shown["fulfillments"] for row in each["items"]
        }
        assert packed == {"fully_shipped"}
        return shown["orderItems"][0]["fulfillmentStatus"]

    assert await sent() == "partially_shipped"

    async def give_back(units):
        await hub.refund(uid, lines=[{"line_no": 1, "quantity": units}])
        return await told()

    assert await give_back(1) == [some, none], "it was never sent"
    await hub.ship(uid, tracking="T2")
    assert await sent() == "fully_shipped"
    assert await told() == [some, none, none]
    assert await give_back(1) == [(2, "partial_refund"), some, none]
    assert await give_back(3) == [(5, "refunded"), every, every]


SENT = {
    "pay": ("waiting_to_ship", None),
    "ship": ("fully_shipped", "shipped"),
    "complete": ("completed", "completed"),
}


@pytest.mark.parametrize("last", SENT)
async def test_what_was_sent_stays_sent_while_a_refund_is_looked_at(seller, hub, last):
    number = await seller.create(("TS_RED_M", 2))
    (uid,) = await seller.uids(number)
    for step in SENT:
        await hub.move(uid, step)
        if step == last:
            break
    await hub.move(uid, "request-refund")
    shown = await seller.shown(number, V2)
    packages = [each["status"] for each in shown["fulfillments"] or [{"status": None}]]
    assert (shown["status"], shown["refundStatus"]) == ("processing", "refunding")
    assert (shown["fulfillmentStatus"], *packages) == SENT[last]
    is_sent = last in ("ship", "complete")
    rows = [*shown["orderItems"], *(each["items"][0] for each in shown["fulfillments"] or ())]
    assert {(row["fulfillmentStatus"], row["refundStatus"]) for row in rows} == {
        ("fully_shipped" if is_sent else "waiting_to_ship", "refunding")
    }
    assert all(each["packId"] == each["id"] for each in shown["fulfillments"] or ())
    await hub.refund(uid)
    after = await seller.shown(number, V2)
    assert after["refundStatus"] == "refunded"
    assert [each["status"] for each in after["fulfillments"] or [{"status": None}]] == packages


async def test_what_the_hub_refunds_in_part_goes_back_to_balance_and_stock(seller, hub):
    balance, stock = await seller.balance(), await seller.stock("TS_RED_M")
    number = await seller.create(("TS_RED_M", 5))  # 50 and 15 of freight
    (uid,) = await seller.uids(number)
    await hub.pay(uid)

    async def held():
        return balance - await seller.balance(), stock["G007"] - (await seller.stock("TS_RED_M"))[
            "G007"
        ]

    await hub.refund(uid, amount="12.5")
    assert (await held(), await amounts(seller, number)) == (
        (52.5, 5),
        (12.5, 52.5, "partial_refund"),
    )
    await hub.refund(uid, lines=[{"line_no": 1, "quantity": 2}])
    assert (await held(), await amounts(seller, number)) == (
        (32.5, 3),
        (32.5, 32.5, "partial_refund"),
    )
    assert (await refund(seller, number, ("TS_RED_M", 2)))["code"] == 10000
    assert (await held(), await amounts(seller, number)) == (
        (12.5, 1),
        (52.5, 12.5, "partial_refund"),
    )
    listing = (await seller.page(f"{V1}/refund/{number}"))["list"]
    assert {each["refundStatus"] for each in listing} == {"refund_successfully"}
    await hub.refund(uid)
    assert (await held(), await amounts(seller, number)) == ((0, 0), (65, 0, "refunded"))


async def test_never_more_is_refunded_than_the_order_cost(seller, hub):
    before = await seller.balance()
    number = await seller.create(("TS_RED_M", 5))
    (uid,) = await seller.uids(number)
    await hub.pay(uid)
    await hub.refund(uid, amount="60")
    assert (await refund(seller, number, ("TS_RED_M", 2)))["code"] == 10000
    assert await amounts(seller, number) == (65, 0, "partial_refund")
    assert await seller.balance() == before
    assert (await refund(seller, number, ("TS_RED_M", 3)))["code"] == 10000
    assert (await amounts(seller, number))[:2] == (65, 0)
    assert await seller.balance() == before


@pytest.fixture
async def mugs(seller):
    """A parent of eight mugs in two parcels, five of one country and three of another: number, parcels."""
    before = await seller.stock("MUG_WHT")
    assert len(before) > 1
    number = await seller.create(("MUG_WHT", max(before.values()) + 2))
    return number, [each["id"] for each in (await seller.shown(number))["subOrders"]]


async def rows_of(seller, number):
    shown = await seller.shown(number, V2)
    return [
        (row["productNum"], row["refundedNum"], row["refundStatus"]) for row in shown["orderItems"]
    ]


@pytest.mark.parametrize("closed", [0, 1])
@pytest.mark.parametrize("paid", [False, True])
async def test_units_come_from_the_parcel_that_stands_and_the_closed_one_shows_none_left(
    seller, hub, mugs, closed, paid
):
    number, parcels = mugs
    if paid:
        for uid in await seller.uids(number):
            await hub.pay(uid)
    held = [row[0] for row in await rows_of(seller, number)]
    whole = await seller.post(f"{V2}/{parcels[closed]}/refund", {"remark": "x"})
    assert whole.json()["code"] == 10000
    standing = held[1 - closed]
    rows = await rows_of(seller, number)
    assert rows[closed] == (held[closed], held[closed], "refunded")
    assert rows[1 - closed] == (standing, 0, "NULL")
    assert (await refund(seller, number, ("MUG_WHT", 1)))["code"] == 10000
    assert (await rows_of(seller, number))[1 - closed] == (standing, 1, "partial_refund")
    assert await refund(seller, number, ("MUG_WHT", standing)) == TOO_LATE
    assert (await refund(seller, number, ("MUG_WHT", standing - 1)))["code"] == 10000
    rest = await seller.shown(number, V2)
    assert rest["refundableAmount"] == 0


async def refunds(seller, number):
    """(last digits of the number, status) of what the refund query lists."""
    listed = (await seller.page(f"{V1}/refund/{number}"))["list"]
    return [
        (int(each["refundNo"].removeprefix(str(number))), each["refundStatus"]) for each in listed
    ]


async def test_a_refund_that_was_done_stays_so_whatever_is_asked_for_later(seller, hub):
    number = await seller.create(("TS_RED_M", 4))
    (uid,) = await seller.uids(number)
    await hub.pay(uid)
    done, failed = "refund_successfully", "refund_failed"
    assert (await refund(seller, number, ("TS_RED_M", 1)))["code"] == 10000
    await hub.move(uid, "request-refund")
    assert await refunds(seller, number) == [(1, done), (2, "pending_review")]
    await hub.refund(uid, lines=[{"line_no": 1, "quantity": 1}])
    assert await refunds(seller, number) == [(1, done), (2, "pending_review"), (3, done)]
    await hub.move(uid, "reject-refund")
    assert await refunds(seller, number) == [(1, done), (2, failed), (3, done)]
    assert (await refund(seller, number, ("TS_RED_M", 1)))["data"] == int(f"{number}004")
    await hub.move(uid, "request-refund")
    assert (await refunds(seller, number))[-1] == (5, "pending_review")
    await hub.refund(uid)
    assert await refunds(seller, number) == [(1, done), (3, done), (4, done), (5, done)]


async def test_a_refund_asked_for_at_another_door_is_under_review_until_it_is_decided(seller, hub):
    number = await seller.create(("TS_RED_M", 1))
    (uid,) = await seller.uids(number)
    await hub.pay(uid)
    assert await refunds(seller, number) == []
    for asked in (1, 2):
        await hub.move(uid, "request-refund")
        assert await refunds(seller, number) == [(asked, "pending_review")]
        one = await seller.page(f"{V1}/refund/{number}{asked:03d}")
        assert [each["refundStatus"] for each in one["list"]] == ["pending_review"]
        await hub.move(uid, "reject-refund")
        assert await refunds(seller, number) == [(asked, "refund_failed")]
    await hub.refund(uid)
    assert await refunds(seller, number) == [(2, "refund_failed"), (3, "refund_successfully")]


async def test_the_refunds_of_a_parent_are_listed_oldest_first(seller, hub):
    number = await seller.create(*TWO_PARCELS)
    first, second = (each["id"] for each in (await seller.shown(number))["subOrders"])
    wanted = []
    for named, sku in ((second, "TS_BLUE_L"), (number, "TS_RED_M"), (first, "TS_RED_M")):
        await hub.advance("dropship", 1)
        answer = await refund(seller, named, (sku, 1))
        assert answer["code"] == 10000, answer
        wanted.append(str(answer["data"]))
    for size in (1, 10):
        pages = [
            await seller.page(f"{V1}/refund/{number}", pageNumber=nth, pageSize=size)
            for nth in range(1, 4)
        ]
        listed = [each["refundNo"] for page in pages for each in page["list"]]
        assert listed == wanted
