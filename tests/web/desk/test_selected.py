"""Several orders at once at the desk: previewed, done one by one, or printed."""

import re
from pathlib import Path

from orderhub.web.desk.orders import SEVERAL
from orderhub.web.desk.selected import STEPS
from orderhub.web.desk.slips import PAPERS
from tests.support.hub import running_hub
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.hub_client import record, sell

PATH = "/desk/orders/selected"
_CHOSEN = re.compile(r'name="order" value="([0-9a-f-]{36}\.\d+)"')


async def previewed(browser: Browser, step: str, uids: list[str]) -> list[str]:
    """What the preview's own button sends."""
    await browser.get("/desk/orders")
    answer = await browser.post(PATH, {"step": step, "order": uids})
    assert answer.status_code == 200, browser.text
    return _CHOSEN.findall(browser.page)


def test_the_list_offers_what_can_be_done() -> None:
    steps = [(name, title) for name, (_, title) in STEPS.items()]
    assert list(SEVERAL) == [*steps, *PAPERS]


async def test_several_are_previewed_and_paid_and_shipped(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        uids = [(await sell(hub, 1))["uid"] for _ in range(3)]
        browser = await invited(hub, "shop", "staff")
        await browser.get("/desk/orders")
        assert re.findall(r'type="checkbox"[^>]*value="([^"]*)"', browser.page) == uids[::-1]
        sure = await previewed(browser, "pay", uids[:2])
        assert len(sure) == 2
        assert "to pay paid" in browser.text
        assert (await hub.order(uids[0]))["status"] == "pending"
        answer = await browser.post(PATH, {"step": "pay", "order": sure, "sure": "true"})
        assert answer.status_code == 200
        assert [(await hub.order(uid))["status"] for uid in uids] == ["paid", "paid", "pending"]
        # One that cannot be shipped stops no other.
        sure = await previewed(browser, "ship", uids)
        assert len(sure) == 2
        assert "refused" in browser.text
        await browser.post(PATH, {"step": "ship", "order": sure, "sure": "true"})
        states = [(await hub.order(uid))["status"] for uid in uids]
        assert states == ["shipped", "shipped", "pending"]
        await browser.get(f"/desk/orders/{uids[0]}")
        assert "Shipped by staff@shop.test" in browser.text


async def test_who_was_overtaken_is_told_and_does_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        uids = [(await sell(hub, 1))["uid"] for _ in range(2)]
        browser = await signed_in(hub)
        sure = await previewed(browser, "cancel", uids)
        await hub.pay(uids[0])
        await browser.post(PATH, {"step": "cancel", "order": sure, "sure": "true"})
        assert "Somebody else changed it meanwhile." in browser.text
        assert [(await hub.order(uid))["status"] for uid in uids] == ["paid", "cancelled"]


async def test_a_selection_that_is_none_is_said_so(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        browser = await signed_in(hub)
        for said, status in (
            ({"step": "pay"}, 422),
            ({"step": "pay", "order": "x"}, 422),
            ({"step": "x", "order": order["uid"]}, 422),
            ({"order": order["uid"]}, 422),
            ({"step": "pay", "order": "01900000-0000-7000-8000-000000000000"}, 404),
        ):
            await browser.get("/desk/orders")
            assert (await browser.post(PATH, said)).status_code == status, said
        other = await signed_in(hub, "omni")
        await other.get("/desk/orders")
        answer = await other.post(PATH, {"step": "pay", "order": order["uid"]})
        assert answer.status_code == 404


async def test_a_packing_slip_has_what_is_sent_and_nothing_else(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 3)
        uid = order["uid"]
        await hub.pay(uid)
        await hub.refund(uid, lines=[{"line_no": 1, "quantity": 1}])
        browser = await signed_in(hub)
        await browser.get(f"/desk/orders/{uid}/packing-slip")
        assert "GOODS-188 普通商品 2" in browser.text
        await browser.get(f"/desk/orders/{uid}/invoice")
        assert "GOODS-188 普通商品 3 99.00 297.00" in browser.text
        await hub.refund(uid)
        await browser.get(f"/desk/orders/{uid}/packing-slip")
        assert "GOODS-188" not in browser.text
        assert "Nothing of it stands." in browser.text


async def test_orders_on_paper(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        orders = [await sell(hub, n, name=f"Ada {n}") for n in (1, 2)]
        viewer = await invited(hub, "shop", "viewer")
        path = f"/desk/orders/{orders[1]['uid']}"
        await viewer.get(path)
        assert f'href="{path}/invoice"' in viewer.page
        assert 'type="checkbox"' not in viewer.page
        await viewer.get(f"{path}/packing-slip")
        assert "Ada 2" in viewer.text
        assert "GOODS-188 普通商品 2" in viewer.text
        assert "198.00" not in viewer.text
        await viewer.get(f"{path}/invoice")
        assert "GOODS-188 普通商品 2 99.00 198.00" in viewer.text
        assert "Total 198.00 Paid 0.00 Still to pay 198.00" in viewer.text
        staff = await signed_in(hub)
        await staff.get("/desk/orders")
        uids = [each["uid"] for each in orders]
        answer = await staff.post(PATH, {"step": "invoice", "order": uids})
        assert answer.status_code == 303
        await staff.get(answer.headers["location"])
        assert staff.page.count('<article class="slip">') == 2
        assert (await staff.get("/desk/orders/print")).status_code == 303


async def test_of_an_order_that_was_called_off_nothing_is_to_be_paid(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        orders = [await sell(hub, n) for n in (1, 2)]
        cancelled, refunded = (each["uid"] for each in orders)
        await hub.move(cancelled, "cancel")
        await hub.pay(refunded)
        await hub.refund(refunded)
        browser = await signed_in(hub)
        for uid, total, word in (
            (cancelled, "99.00 Paid 0.00", "cancelled"),
            (refunded, "198.00 Paid 198.00 Refunded 198.00", "refunded"),
        ):
            number = (await hub.order(uid))["number"]
            await browser.get(f"/desk/orders/{uid}/invoice")
            assert f"Invoice {number} {word} " in browser.text
            assert f"Total {total} Still to pay 0.00" in browser.text
            await browser.get(f"/desk/orders/{uid}/packing-slip")
            assert f"Packing slip {number} {word} " in browser.text
            assert "Nothing of it stands." in browser.text


async def test_an_order_without_lines_is_not_said_to_be_gone(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await record(hub, 1)
        (order,) = await hub.orders("cdp", limit=1)
        browser = await signed_in(hub, "cdp")
        await browser.get(f"/desk/orders/{order['uid']}/invoice")
        assert "It names no goods." in browser.text
        assert "Nothing of it stands." not in browser.text
        assert "Still to pay 1.50" in browser.text
