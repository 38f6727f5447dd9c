"""The overview: what the days came to, in figures and drawn, and what wants attention."""

import re
from decimal import Decimal
from pathlib import Path

from orderhub.web.desk.charts import HEIGHT, chart
from tests.support.hub import running_hub
from tests.web.desk.browser import invited, signed_in
from tests.web.hub_client import AS_OPERATOR, AS_SHOP, record, sell


async def test_today_is_counted_by_channel_and_currency_and_drawn(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/overview")
        before = re.search(r"Orders today (\d+)", browser.text)
        assert before
        order = await sell(hub, 2)
        await hub.pay((await sell(hub, 1))["uid"])
        answer = await browser.get("/desk/overview")
        assert answer.status_code == 200
        assert f"Orders today {int(before[1]) + 2}" in browser.text
        assert "To ship 1" in browser.text
        assert "To pay 1" in browser.text
        assert "CN¥297.00" in browser.text  # 3 of 99 yuan, today and in the sums
        assert browser.page.count('<svg class="chart"') == 2  # orders, and revenue in yuan
        assert browser.page.count("<summary>As a table</summary>") == 2
        assert f"/desk/orders/{order['uid']}" in browser.page  # the oldest that is unpaid
        await browser.get("/desk/overview?time=7")
        assert f"Orders today {int(before[1]) + 2}" in browser.text
        await browser.get("/desk/overview?time=nonsense")
        assert "Last 30 days" in browser.text


async def test_refusals_what_runs_out_and_failing_webhooks_are_told(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        body = {"goods_id": 188, "quantity": 1_000_000, "type": "goods"}
        for _ in range(2):
            await hub.post("/api/order/create", body, headers=AS_SHOP)
        tried = await hub.get("/hub/v1/reports/refusals?tenant=shop", headers=AS_OPERATOR)
        (refused,) = tried.json()["items"]
        browser = await signed_in(hub)
        await browser.get("/desk/overview")
        for heading in ("Refused, and why", "Running out", "Webhooks that fail"):
            assert heading in browser.text
        assert f"/desk/requests?q={refused['reason']}" in browser.page
        assert "AnQiCMS 2" in browser.text
        assert "All of them work." in browser.text


async def test_what_is_low_leads_to_its_pool(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path = "/hub/v1/tenants/shop/pools/adjust"
        body = {"subject": "product:188", "place": "MAIN", "count": 3, "low_at": 5, "reason": "x"}
        assert (await hub.post(path, body, headers=AS_OPERATOR)).status_code == 200
        browser = await signed_in(hub)
        await browser.get("/desk/overview")
        assert "MAIN 3 left" in browser.text
        found = re.search(r'href="(/desk/stock[^"]*188[^"]*)"', browser.page)
        assert found
        assert (await browser.get(found[1].replace("&amp;", "&"))).status_code == 200


async def test_a_viewer_sees_figures_and_nothing_of_what_others_work_with(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        viewer = await invited(hub, "shop", "viewer")
        answer = await viewer.get("/desk/overview")
        assert answer.status_code == 200
        assert "Unpaid for the longest" in viewer.text
        for heading in ("Refused, and why", "Running out", "Webhooks that fail"):
            assert heading not in viewer.text


async def test_another_business_counts_for_itself(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        await record(hub, 7)
        browser = await signed_in(hub, "cdp", **{"accept-language": "zh-CN"})
        await browser.get("/desk/overview")
        assert order["number"] not in browser.page
        assert "今日订单" in browser.text
        assert "€7.50" in browser.text


def test_bars_stand_on_each_other_and_the_highest_fills_the_chart() -> None:
    days = ("2026-11-27", "2026-11-28")
    values = {"2026-11-27": {"A": Decimal(1), "B": Decimal(3)}, "2026-11-28": {"B": Decimal(-2)}}
    drawn = chart(days, values)
    first, last = drawn.bars
    assert sum(piece.height for piece in first.pieces) == HEIGHT
    assert first.pieces[0].y == first.pieces[1].y + first.pieces[1].height
    assert last.pieces == ()
    assert last.total == -2
    assert drawn.names == (("A", 1), ("B", 2))
    assert [bar.day for bar in drawn.days] == ["2026-11-28", "2026-11-27"]
