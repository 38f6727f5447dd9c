"""Orders at the desk: found by whatever is known of them, paged without gaps, and one with all that happened to it."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from orderhub.core.values import Status
from orderhub.web.desk import finding
from orderhub.web.hub_api import lists
from tests.support.hub import HubUnderTest, running_hub
from tests.web.desk.browser import Browser, signed_in
from tests.web.hub_client import AS_DROPSHIP, record, sell

SKUS = ("TS_RED_M", "TS_BLUE_L", "HOOD_BLK_S", "MUG_WHT")
_LINK = re.compile(r'href="/desk/orders/([0-9a-f-]{36})"')


async def listed(browser: Browser, **query: str) -> list[str]:
    """The uids on a page of the list."""
    answer = await browser.get("/desk/orders", params=query)
    assert answer.status_code == 200
    return _LINK.findall(browser.page)


async def every(browser: Browser, **query: str) -> list[str]:
    """The uids of all pages."""
    found = await listed(browser, **query)
    while older := re.search(r'rel="next" href="([^"]*)"', browser.page):
        await browser.get(older[1].replace("&amp;", "&"))
        found += _LINK.findall(browser.page)
    return found


async def test_one_field_finds_by_number_phone_email_sku_and_name(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        wang = await sell(hub, 1, name="王小明", phone="+86 139 0013 9001", email="Wang@X.test")
        berg = await sell(hub, 2, name="Ada Berg", phone="555-0100", email="ada@x.test")
        browser = await signed_in(hub)
        both = [berg["uid"], wang["uid"]]
        for text, uids in {
            "": both,
            berg["number"]: [berg["uid"]],
            f"  {berg['number']} ": [berg["uid"]],
            berg["uid"]: [berg["uid"]],
            "wang@x.TEST": [wang["uid"]],
            "ada": [berg["uid"]],
            "139 0013 9001": [wang["uid"]],
            "13900139001": [wang["uid"]],
            "5550100": [berg["uid"]],
            "王小": [wang["uid"]],
            "小明": [wang["uid"]],
            "be": [berg["uid"]],
            "Ada Berg": [berg["uid"]],
            "berg ada": [berg["uid"]],
            "Ada Wang": [],
            "goods-188": both,
            "nothing": [],
            "'; DROP TABLE orders; --": [],
            "%": [],
            "\u200b": [],
            "x" * 5_000: [],
        }.items():
            assert await listed(browser, q=text) == uids, text


async def test_filters_go_together_also_with_a_search(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        first = await sell(hub, 1, name="Ada Berg")
        second = await sell(hub, 1, name="Ada Berg")
        await hub.pay(first["uid"])
        browser = await signed_in(hub)
        assert await listed(browser, status="paid") == [first["uid"]]
        assert await listed(browser, status="paid", q="ada") == [first["uid"]]
        assert await listed(browser, status="pending", q="ada", time="1") == [second["uid"]]
        assert await listed(browser, channel="kakaclo", q="ada") == []
        assert await listed(browser, channel="anqicms", status="paid", time="30") == [first["uid"]]
        # What is no filter filters nothing: an old link still shows a list.
        odd = {"channel": "x", "status": "x", "time": "x", "after": "x.y"}
        assert len(await listed(browser, **odd)) == 2


async def test_tabs_count_by_status_and_channel(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        first = await sell(hub, 1)
        await sell(hub, 1)
        await hub.pay(first["uid"])
        browser = await signed_in(hub)
        await listed(browser)
        assert "All 2 To pay 1 Paid 1 Shipped 0" in re.sub(r"\s+", " ", browser.text)
        await listed(browser, channel="mews")
        assert "All 0 To pay 0" in browser.text
        # Beside a search or a stretch of time a count of everything would mislead.
        await listed(browser, time="7")
        assert "All To pay Paid" in browser.text


async def test_pages_have_no_gap_and_no_repeat_while_orders_come_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding.find, "__defaults__", ((), 3))
    async with running_hub(tmp_path) as hub:
        for number in range(8):
            await record(hub, number)
        browser = await signed_in(hub, "cdp")
        known = await every(browser)
        assert len(known) == len(set(known)) == 8
        seen = await listed(browser)
        older = re.search(r'rel="next" href="([^"]*)"', browser.page)
        assert older
        await record(hub, 99)
        await browser.get(older[1])
        seen += _LINK.findall(browser.page)
        assert seen == known[:6]
        assert ">Newest<" in browser.page
        assert len(await every(browser, status="completed")) in (0, 9)


async def test_a_search_that_looks_at_many_goes_on_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_STEP", 2)
    monkeypatch.setattr(finding, "_MOST_LOOKED_AT", 4)
    async with running_hub(tmp_path) as hub:
        wanted = await sell(hub, 1, name="Adalbert Berg")
        for _ in range(9):
            await sell(hub, 1, name="Adalbert Wang")
        browser = await signed_in(hub)
        assert await listed(browser, q="adalbert be") == []
        assert await every(browser, q="adalbert be") == [wanted["uid"]]


async def test_an_order_shows_what_it_is_and_what_happened(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 2, name="Ada Berg", phone="555-0100", email="ada@x.test")
        uid = order["uid"]
        await hub.pay(uid, method="card", reference="ch_1")
        await hub.move(
            uid, "ship", carrier="DHL", tracking="JD14", lines=[{"line_no": 1, "quantity": 1}]
        )
        await hub.refund(uid, amount="10", reason="scratched")
        browser = await signed_in(hub)
        await browser.get(f"/desk/orders/{uid}")
        text = browser.text
        for said in (
            order["number"],
            "part shipped",
            "version 4",
            "GOODS-188 普通商品 2 99.00 198.00 MAIN",
            "1 shipped",
            "Total 198.00 Paid 198.00 Refunded 10.00",
            "Ada Berg",
            "ada@x.test",
            "Placed through AnQiCMS Drew 2 of GOODS-188 from MAIN",
            "Paid card ch_1",
            "Shipped in part DHL JD14 Units: GOODS-188 × 1",
            "Refunded in part scratched Amount: CN¥10.00",
        ):
            assert said in text, said
        assert '"goods_id"' in browser.page or "&#34;goods_id&#34;" in browser.page
        # Times are the tenant's, whose zone is Shanghai's.
        assert re.search(r"2022-11-23 22:\d\d", browser.page)


async def test_parcels_of_one_request_know_each_other(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        orders = await split(hub)
        browser = await signed_in(hub, "dropship")
        for order in orders:
            await browser.get(f"/desk/orders/{order['uid']}")
            assert "One parcel from" in browser.text
            assert re.search(r"Drew \$\d+\.\d\d from the balance", browser.text)
            others = {each["uid"] for each in orders} - {order["uid"]}
            assert others <= set(_LINK.findall(browser.page))
            await browser.get(f"/desk/orders/{order['uid']}/invoice")
            assert "Standard Shipping" in browser.text
            await browser.get(f"/desk/orders/{order['uid']}/packing-slip")
            assert "Standard Shipping" not in browser.text
        group = orders[0]["group_number"]
        assert len(await listed(browser, q=group)) == len(orders)


async def split(hub: HubUnderTest) -> list[dict[str, Any]]:
    """A KakaClo request that no warehouse holds alone."""
    body = {
        "orderAddresses": {
            "countryCode": "US",
            "phone": "07 82 24 67 93",
            "street1": "1 Main Street",
            "recipient": "Lollia Olena",
            "province": "NY",
            "zip": "10001",
            "city": "New York",
        },
        "orderItemsList": [{"sku": sku, "quantity": 1} for sku in SKUS],
    }
    answer = await hub.post("/openapi/v1/order/order", body, headers=AS_DROPSHIP)
    assert answer.json()["code"] == 10_000, answer.text
    orders = await hub.orders("dropship")
    assert len(orders) > 1, "the request is no split any more"
    return orders


async def test_every_vendor_shows_the_order_its_way(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        browser = await signed_in(hub)
        await browser.get(f"/desk/orders/{order['uid']}")
        paths = re.findall(r'href="(/desk/orders/[0-9a-f-]+/as/\w+)"', browser.page)
        assert len(paths) == 5
        for path in paths:
            assert (await browser.get(path)).status_code == 200
            assert "<pre" in browser.page
        assert (await browser.get(f"/desk/orders/{order['uid']}/as/nobody")).status_code == 404


async def test_a_script_in_what_a_buyer_wrote_is_text(tmp_path: Path) -> None:
    script = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1, name=script, remark=script)
        browser = await signed_in(hub)
        for path in (f"/desk/orders/{order['uid']}", "/desk/orders", f"/desk/orders?q={script}"):
            await browser.get(path)
            assert "<script" not in browser.page
            assert "<img" not in browser.page


async def test_a_list_in_any_state_of_the_world_shows(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for tenant in ("tours", "hotel", "cdp", "omni"):
            browser = await signed_in(hub, tenant)
            for status in ("", *Status):
                assert await listed(browser, status=status) == []
                assert "There is no order here." in browser.text


async def test_orders_as_a_file_are_those_of_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "_AT_ONCE", 2)
    async with running_hub(tmp_path) as hub:
        orders = [await sell(hub, 1, name=f"Ada {n}") for n in range(5)]
        await sell(hub, 1, name="=1+1")
        await hub.pay(orders[0]["uid"])
        browser = await signed_in(hub)
        await browser.get("/desk/orders?q=ada")
        path = re.search(r'href="(/desk/orders\?[^"]*as=csv)"', browser.page)
        assert path
        answer = await browser.get(path[1].replace("&amp;", "&"))
        rows = [*csv.DictReader(answer.content.decode("utf-8-sig").splitlines())]
        assert [row["uid"] for row in rows] == [each["uid"] for each in orders[::-1]]
        assert rows[-1]["status"] == "paid"
        assert (rows[-1]["total"], rows[-1]["currency"]) == ("99", "CNY")
        answer = await browser.get("/desk/orders?as=ndjson&status=pending")
        found = [json.loads(line) for line in answer.text.splitlines()]
        assert [row["who"] for row in found] == ["=1+1", *(f"Ada {n}" for n in (4, 3, 2, 1))]
        answer = await browser.get("/desk/orders?as=csv")
        assert ",'=1+1," in answer.text
