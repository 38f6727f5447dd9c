"""Which day it is decides what can be booked: the tenant's own, in winter and in summer."""

from datetime import date, timedelta

import pytest

from tests.dialects.tours4fun.shop import ORDER, call, open_shop

APP = "omni-tours"
NEW_YORK = {"time_zone": "America/New_York"}
FIVE_BEHIND = {"utc_offset_minutes": -300}


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with open_shop(tmp_path_factory.mktemp("today")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("settings", "at", "local"),
    [
        (NEW_YORK, "2026-01-02T04:30:00Z", "2026-01-01 23:30:00"),
        (NEW_YORK, "2026-01-02T05:00:00Z", "2026-01-02 00:00:00"),
        (NEW_YORK, "2026-07-02T03:59:59Z", "2026-07-01 23:59:59"),
        (NEW_YORK, "2026-07-02T04:30:00Z", "2026-07-02 00:30:00"),
        (FIVE_BEHIND, "2026-07-02T04:30:00Z", "2026-07-01 23:30:00"),
    ],
)
async def test_today_is_booked_and_yesterday_is_over(hub, settings, at, local):
    await hub.settings("omni", **settings)
    await hub.freeze("omni", at)
    today = local[:10]
    yesterday = f"{date.fromisoformat(today) - timedelta(days=1)}"
    for day, expected in ((yesterday, 20002), (today, 0)):
        answer = await call(hub, "/v2/order/add", {**ORDER, "departure_date": day}, appkey=APP)
        assert answer["code"] == expected, (day, answer)
    asked = {"order_id": answer["data"]["order_id"]}
    shown = (await call(hub, "/v2/order/detail", asked, appkey=APP))["data"]
    assert shown["created_at"] == local
    product = {"product_id": ORDER["product_id"]}
    dates = await call(hub, "/v2/product/availabilities", product, appkey=APP)
    assert dates["data"]["availabilities"][0]["date"] == today


async def test_a_departure_is_at_the_midnight_of_where_it_is_sold(hub):
    await hub.settings("omni", **NEW_YORK)
    await hub.freeze("omni", "2026-01-02T12:00:00Z")
    for day, at in (("2026-01-20", "2026-01-20T05:00:00Z"), ("2026-07-20", "2026-07-20T04:00:00Z")):
        booked = {**ORDER, "departure_date": day}
        assert (await call(hub, "/v2/order/add", booked, appkey=APP))["code"] == 0
        assert (await hub.orders("omni", limit=1))[0]["service_at"] == at
