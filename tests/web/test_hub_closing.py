"""`auto_close_s`: unpaid orders of every business that is paid are closed; a tenant that has none is told so."""

import pytest

from tests.dialects.kakaclo.shop import TWO_PARCELS, Seller
from tests.support.hub import operator_headers, running_hub
from tests.support.waiting import until

NOW = "2026-01-02T03:04:05Z"


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with running_hub(tmp_path_factory.mktemp("closing")) as opened:
        yield opened


async def test_unpaid_parcels_are_closed_and_paid_ones_are_not(hub):
    await hub.freeze("dropship", NOW)
    await hub.settings("dropship", auto_close_s=600, auto_pay_s=None)
    seller = Seller(hub.client)
    before = await seller.stock("TS_RED_M"), await seller.balance()
    unpaid = await seller.create(*TWO_PARCELS)
    paid = await seller.create(("TS_RED_M", 1))
    await hub.pay((await seller.uids(paid))[0])
    await hub.advance("dropship", 601)
    await until(lambda: seller.shown(unpaid), lambda shown: shown["status"] == "cancel")
    assert (await seller.shown(paid))["status"] == "waiting_toship"
    left = await seller.stock("TS_RED_M")
    assert sum(before[0].values()) - sum(left.values()) == 1


@pytest.mark.parametrize("tenant", ["hotel", "cdp"])
async def test_it_is_refused_where_no_order_is_paid_as_such(hub, tenant):
    path = f"/hub/v1/tenants/{tenant}/settings"
    answer = await hub.request("PATCH", path, json={"auto_close_s": 60}, headers=operator_headers())
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == "auto_close_s"
    never = await hub.request("PATCH", path, json={"auto_close_s": 0}, headers=operator_headers())
    assert never.status_code == 200, never.text


@pytest.mark.parametrize("tenant", ["shop", "tours", "dropship", "omni"])
async def test_it_is_taken_where_some_are(hub, tenant):
    path = f"/hub/v1/tenants/{tenant}/settings"
    answer = await hub.request("PATCH", path, json={"auto_close_s": 60}, headers=operator_headers())
    assert answer.status_code == 200, answer.text
