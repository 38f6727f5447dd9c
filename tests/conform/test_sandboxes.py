"""POST /hub/v1/sandboxes: untouched shops that know nothing of each other."""

import asyncio

import pytest

from orderhub.conform.cases import golden_cases
from orderhub.conform.doors import DOORS
from tests.support.hub import operator_headers, running_hub
from tests.support.pairs import passes, runner_on

pytestmark = pytest.mark.anyio
SANDBOXES = "/hub/v1/sandboxes"
ORDER = {
    "orderAddress": {"country": "FR", "phone": "1", "recipient": "L", "province": "C"},
    "orderItemsList": [{"sku": "MUG_WHT", "quantity": 5}],
}


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


async def opened(hub, dialect="kakaclo"):
    answer = await hub.post(SANDBOXES, {"dialect": dialect}, headers=operator_headers())
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_each_begins_where_the_documents_do_on_both_databases(database_url):
    async with running_hub(database_url) as hub:
        made = await asyncio.gather(*(opened(hub) for _ in range(4)))
        assert len({each["tenant"] for each in made}) == 4
        for each in made:
            token = {"Authorization": f"Bearer {each['credentials'][0]['token']}"}
            answer = await hub.post("/openapi/v1/order/order", ORDER, headers=token)
            assert answer.json()["data"] == 1000000371651
            assert len(await hub.orders(each["tenant"])) == 1
        assert await hub.orders("dropship") == []
        for dialect in DOORS:
            await passes(runner_on(hub, dialect), golden_cases(dialect)[0])


async def test_who_may_open_one_and_of_what(tmp_path):
    async with running_hub(tmp_path) as hub:
        tenants = (await hub.get("/hub/v1/tenants", headers=operator_headers())).json()
        shop = {"Authorization": "Bearer hub-demo-shop"}
        assert (await hub.post(SANDBOXES, {"dialect": "mews"}, headers=shop)).status_code == 403
        dry = {**operator_headers(), "Hub-Dry-Run": "true"}
        assert (await hub.post(SANDBOXES, {"dialect": "mews"}, headers=dry)).status_code == 201
        wrong = await hub.post(SANDBOXES, {"dialect": "magento"}, headers=operator_headers())
        assert wrong.status_code == 400
        assert (await hub.get("/hub/v1/tenants", headers=operator_headers())).json() == tenants
