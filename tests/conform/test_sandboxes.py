"""POST /hub/v1/sandboxes: untouched shops that know nothing of each other."""

import asyncio

import pytest
from sqlalchemy import func, select

from orderhub.conform.cases import golden_cases
from orderhub.dialects.finding import dialect_names
from orderhub.ledger.tables import metadata
from tests.support.hub import operator_headers, running_hub
from tests.support.pairs import passes, runner_on

SANDBOXES = "/hub/v1/sandboxes"
ORDER = {
    "orderAddress": {"country": "FR", "phone": "1", "recipient": "L", "province": "C"},
    "orderItemsList": [{"sku": "MUG_WHT", "quantity": 5}],
}


async def opened(hub, dialect="kakaclo"):
    answer = await hub.post(SANDBOXES, {"dialect": dialect}, headers=operator_headers())
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_each_begins_where_the_documents_do_on_both_databases(demo_url):
    async with running_hub(demo_url) as hub:
        made = await asyncio.gather(*(opened(hub) for _ in range(4)))
        assert len({each["tenant"] for each in made}) == 4
        for each in made:
            token = {"Authorization": f"Bearer {each['credentials'][0]['token']}"}
            answer = await hub.post("/openapi/v1/order/order", ORDER, headers=token)
            assert answer.json()["data"] == 1000000371651
            assert len(await hub.orders(each["tenant"])) == 1
        assert await hub.orders("dropship") == []
        for dialect in dialect_names():
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


async def test_one_that_is_removed_leaves_nothing_and_its_id_is_never_given_again(demo_url):
    async with running_hub(demo_url) as hub:
        ledger = hub.hub.ledger
        made, other = await opened(hub), await opened(hub)
        token = {"Authorization": f"Bearer {made['credentials'][0]['token']}"}
        keyed = {**token, "Idempotency-Key": "k"}
        assert (await hub.post("/openapi/v1/order/order", ORDER, headers=keyed)).is_success
        tenants = {t.name: t.id for t in ledger.read(lambda reads: reads.tenants())}
        gone = tenants[made["tenant"]]
        path = f"{SANDBOXES}/{made['tenant']}"
        dry = {**operator_headers(), "Hub-Dry-Run": "true"}
        assert (await hub.request("DELETE", path, headers=dry)).status_code == 204
        assert len(await hub.orders(made["tenant"])) == 1
        assert (await hub.request("DELETE", path, headers=operator_headers())).status_code == 204
        assert (await hub.request("DELETE", path, headers=operator_headers())).status_code == 404
        refused = await hub.post("/openapi/v1/order/order", ORDER, headers=token)
        assert refused.status_code == 401
        with ledger.engine.connect() as connection:
            for table in metadata.sorted_tables:
                if table.name != "tenant" and "tenant_id" not in table.c:
                    continue  # people and their links are of no tenant
                name = "id" if table.name == "tenant" else "tenant_id"
                left = select(func.count()).select_from(table).where(table.c[name] == gone)
                assert connection.execute(left).scalar_one() == 0, table.name
        last = await opened(hub)
        ids = {t.name: t.id for t in ledger.read(lambda reads: reads.tenants())}
        assert ids[last["tenant"]] > ids[other["tenant"]] > gone
        assert len(await hub.orders(other["tenant"])) == 0


@pytest.mark.parametrize("name", ["shop", "sandbox-real"])
async def test_what_was_not_opened_as_a_sandbox_is_not_removed(tmp_path, name):
    async with running_hub(tmp_path) as hub:
        new = {"name": "sandbox-real", "settings": {"sandbox": False}}
        await hub.post("/hub/v1/tenants", new, headers=operator_headers())
        path = f"{SANDBOXES}/{name}"
        refused = await hub.request("DELETE", path, headers=operator_headers())
        assert refused.status_code == 409
        shop = {"Authorization": "Bearer hub-demo-shop"}
        assert (await hub.request("DELETE", path, headers=shop)).status_code == 403
        clock = f"/hub/v1/tenants/{name}/clock"
        assert (await hub.get(clock, headers=operator_headers())).is_success
