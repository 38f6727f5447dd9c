"""What only PostgreSQL shows: two hubs on one database, and what it does not take."""

import asyncio

import pytest

from tests.dialects.sitecore_cdp.cdp import Cdp, an_order
from tests.support.hub import running_hub

pytestmark = pytest.mark.postgres


async def test_u0000_in_an_address_reaches_no_database(postgres_demo):
    async with running_hub(postgres_demo) as hub:
        cdp = Cdp(hub)
        for path in ("orders/%00", "orderItems/a%00", "guests/%00", "orders/%00/contacts"):
            await cdp.refused(404, "GET", f"/v2.1/{path}")
        for path in ("orders?referenceId=%00", "orders?guestRef=%00", "guests?email=a%00@b"):
            await cdp.refused(400, "GET", f"/v2.1/{path}")
        await cdp.refused(403, "PUT", "/v2/batches/%00/upload?tenant=1&token=x", content=b"x")


async def test_of_64_twins_at_two_hubs_one_is_recorded(postgres_demo):
    async with running_hub(postgres_demo) as one, running_hub(postgres_demo) as other:
        doors = [Cdp(one), Cdp(other)]
        twin = an_order()
        later = {**twin, "orderedAt": "2024-01-02T16:17:16Z"}
        answers = await asyncio.gather(
            *(doors[n % 2].call("POST", "/v2.1/orders", twin) for n in range(64)),
            *(doors[n % 2].call("POST", "/v2.1/orders", later) for n in range(8)),
        )
        found = await doors[0].made("GET", "/v2.1/orders", params={
            "referenceId": twin["referenceId"], "expand": "true",
        })  # fmt: skip
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses[:64]) == [201, *[409] * 63]
    assert sorted(statuses[64:]) == [201, *[409] * 7]
    times = sorted(order["orderedAt"] for order in found["items"])
    assert times == [twin["orderedAt"], later["orderedAt"]]
