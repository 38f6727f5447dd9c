"""What is done with orders at the desk: previewed, done once, by the person, and never over what somebody else did."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.dialects.mews.hotel import BEER, ORDER, hotel
from tests.support.hub import HubUnderTest, running_hub
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.hub_client import SHOP, sell

_LISTS = (
    *("stock", "stock?as=csv", "stock?level=low&q=GOODS-188", "departures", "departures?as=csv"),
    *(
        "stock/pool?kind=stock&subject=product:188&place=MAIN",
        "products/188",
        "customers?q=5550100",
    ),
    *("products", "products?as=csv", "products?q=GOODS-188", "coupons", "coupons?q=coupon2023"),
)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


async def previewed(browser: Browser, path: str, **members: Any) -> dict[str, str]:
    """The members that the preview's own button sends."""
    await browser.get(path)
    version = re.search(r'name="version" value="(\d+)"', browser.page)
    assert version, browser.text
    answer = await browser.post(path, {"version": version[1], **members})
    assert answer.status_code == 200, browser.text
    assert "What it would be then" in browser.text
    return dict(_HIDDEN.findall(browser.page.split("What it would be then")[1].split("</form>")[0]))


async def done(browser: Browser, path: str, **members: Any) -> None:
    sure = await previewed(browser, path, **members)
    answer = await browser.post(path, sure)
    assert answer.status_code == 303, browser.text


async def stock(hub: HubUnderTest) -> int:
    return int(await hub.pool(SHOP, "stock", "product:188", "MAIN"))


async def test_an_order_is_paid_shipped_in_parts_refunded_and_completed(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 3)
        path = f"/desk/orders/{order['uid']}"
        browser = await invited(hub, "shop", "staff")
        before = await stock(hub)
        sure = await previewed(browser, f"{path}/pay", method="cash")
        assert "Paid CN¥297.00" in browser.text
        assert (await hub.order(order["uid"]))["version"] == 1  # nothing is done yet
        await browser.post(f"{path}/pay", sure)
        await browser.get(path)
        assert "It is paid." in browser.text
        parcel = {"units-1": "1", "carrier": "DHL", "tracking": "JD1"}
        await done(browser, f"{path}/ship", **parcel)
        await done(browser, f"{path}/refund", extent="amount", amount="10.50", reason="scratched")
        sure = await previewed(browser, f"{path}/refund", extent="units", **{"units-1": "1"})
        assert "Back in stock 1" in browser.text
        assert await stock(hub) == before
        await browser.post(f"{path}/refund", sure)
        assert await stock(hub) == before + 1
        await done(browser, f"{path}/ship")
        await done(browser, f"{path}/complete")
        whole = await hub.order(order["uid"])
        assert whole["status"] == "completed"
        assert [each["kind"] for each in whole["events"]] == [
            *("placed", "paid", "shipped_in_part", "refunded_in_part"),
            *("refunded_in_part", "shipped", "completed"),
        ]
        users = await hub.get(
            "/hub/v1/tenants/shop/users", headers={"Authorization": "Bearer hub-demo-shop"}
        )
        me = next(each for each in users.json()["items"] if each["email"] == "staff@shop.test")
        assert {each["actor"] for each in whole["events"][1:]} == {f"user:{me['uid']}"}
        await browser.get(path)
        assert "by staff@shop.test" in browser.text
        assert whole["shipments"][0]["carrier"] == "DHL"


async def test_who_was_overtaken_is_told_and_does_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        path = f"/desk/orders/{order['uid']}/pay"
        first, second = await signed_in(hub), await signed_in(hub)
        sure = await previewed(first, path)
        late = await previewed(second, path)
        assert (await first.post(path, sure)).status_code == 303
        answer = await second.post(path, late)
        assert answer.status_code == 422
        assert "Somebody else changed it meanwhile." in second.text
        assert (await hub.order(order["uid"]))["version"] == 2


async def test_a_second_click_does_nothing_more(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 2)
        await hub.pay(order["uid"])
        path = f"/desk/orders/{order['uid']}/refund"
        browser = await signed_in(hub)
        sure = await previewed(browser, path, extent="amount", amount="5")
        answers = [
            await browser.client.post(path, data={"_form": browser.token, **sure}) for _ in range(2)
        ]
        assert [each.status_code for each in answers] == [303, 422]
        assert (await hub.order(order["uid"]))["refunded"] == "5"


@pytest.mark.parametrize(
    ("step", "members", "says"),
    [
        ("pay", {"version": ""}, "This is needed."),
        ("pay", {"version": "x"}, "This cannot be taken."),
        ("pay", {"version": "9"}, "Somebody else changed it meanwhile."),
        ("pay", {"method": "x" * 300}, "This cannot be taken."),
        ("ship", {}, "cannot take the action ship"),
        ("complete", {}, "cannot take the action complete"),
        ("refund", {"extent": "units"}, "Say how many units of which lines."),
        ("refund", {"extent": "units", "units-1": "-1"}, "This cannot be taken."),
        ("refund", {"extent": "units", "units-1": "9"}, ""),
        # What is typed is never passed over: who types one unit does not give everything back.
        ("refund", {"units-1": "1"}, "Units are said below: choose them, or set them to 0."),
        ("refund", {"extent": "amount", "amount": "5", "units-1": "1"}, "Units are said below"),
        ("refund", {"extent": "all", "amount": "5"}, "An amount is said below: choose it"),
        ("refund", {"extent": "units", "amount": "5", "units-1": "1"}, "An amount is said below"),
        ("refund", {"extent": "some"}, "This cannot be taken."),
        ("ship", {"units-1": "0"}, "Say how many units of which lines."),
        ("refund", {"extent": "amount", "amount": ""}, "Write an amount such as 12.50."),
        ("refund", {"extent": "amount", "amount": "1e9"}, "Write an amount such as 12.50."),
        ("refund", {"extent": "amount", "amount": "0.00"}, "Write an amount such as 12.50."),
        ("refund", {"extent": "amount", "amount": "999999999999"}, ""),
    ],
)
async def test_what_cannot_be_done_is_said_in_the_form(
    tmp_path: Path, step: str, members: dict[str, str], says: str
) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        path = f"/desk/orders/{order['uid']}/{step}"
        browser = await signed_in(hub)
        await browser.get(path)
        for sure in ({}, {"sure": "true"}):
            answer = await browser.post(path, {"version": "1", **members, **sure})
            assert (answer.status_code, says in browser.text) == (422, True), browser.text
        assert (await hub.order(order["uid"]))["version"] == 1


async def test_a_viewer_is_offered_nothing_to_do(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        path = f"/desk/orders/{order['uid']}"
        viewer, staff = await invited(hub, "shop", "viewer"), await invited(hub, "shop", "staff")
        await viewer.get(path)
        assert f"{path}/pay" not in viewer.page
        await staff.get(path)
        assert f"{path}/pay" in staff.page
        assert f"{path}/ship" not in staff.page  # it waits to be paid


async def test_the_desk_is_the_same_on_either_database(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        order = await sell(hub, 2, name="Ada Berg")
        browser = await invited(hub, "shop", "staff")
        await done(browser, f"/desk/orders/{order['uid']}/pay")
        await browser.get("/desk/orders?q=ada berg&status=paid")
        assert order["number"] in browser.text
        owner = await signed_in(hub)
        for path in ("people", "settings", "account", *_LISTS):
            assert (await owner.get(f"/desk/{path}")).status_code == 200, path


async def test_an_order_of_many_lines_is_refunded_in_part(tmp_path: Path) -> None:
    """The form draws a field for each line, and takes as many."""
    async with hotel(tmp_path) as at:
        await at.made("orders/add", {**ORDER, "ProductOrders": [], "Items": [BEER] * 1_100})
        (order,) = await at.hub.orders("hotel", limit=1)
        browser = await signed_in(at.hub, "hotel")
        path = f"/desk/orders/{order['uid']}"
        lines = {f"units-{number}": "0" for number in range(1, 1_101)}
        await at.hub.pay(order["uid"])
        said = {**lines, "units-1100": "1"}
        await done(browser, f"{path}/refund", extent="units", **said)
        whole = await at.hub.order(order["uid"])
        assert [
            (each["line_no"], each["refunded"]) for each in whole["lines"] if each["refunded"]
        ] == [(1_100, 1)]
        answer = await browser.post(f"{path}/refund", {f"x{n}": "" for n in range(6_000)})
        assert answer.status_code == 400
