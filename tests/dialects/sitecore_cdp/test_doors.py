"""An order of any door, read here; and an order of this door, shown by every other."""

import json
from importlib import resources

import pytest

from orderhub.core.commands import OrderName
from orderhub.core.ids import order_of
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.sitecore_cdp.kinds import STATUSES
from tests.dialects.sitecore_cdp.cdp import Cdp, an_order, open_cdp, row

DIALECTS = {dialect.name: dialect for dialect in find_dialects()}
OTHERS = ("anqicms", "kakaclo", "mews", "tours4fun")


@pytest.fixture(scope="module")
async def cdp(tmp_path_factory):
    async with open_cdp(tmp_path_factory.mktemp("doors")) as opened:
        yield opened


class Bearer(Cdp):
    """A caller with the hub's own token of a tenant: every door takes it."""

    def __init__(self, hub, tenant):
        super().__init__(hub, auth=None)
        self.tenant = tenant

    async def call(self, method, path, json=None, **more):
        headers = {"authorization": f"Bearer hub-demo-{self.tenant}", **more.pop("headers", {})}
        return await super().call(method, path, json, headers=headers, **more)


async def placed(cdp, door):
    """A caller of the tenant and the order that the first example of a door's documents makes."""
    folder = resources.files(f"orderhub.dialects.{door}") / "golden"
    first = min(each.name for each in folder.iterdir() if each.name.endswith(".json"))
    case = json.loads((folder / first).read_text())
    await cdp.hub.freeze(case["tenant"], case["clock"]["at"])
    caller = Bearer(cdp.hub, case["tenant"])
    request = case["request"]
    answer = await caller.call(
        request["method"], request["path"], request["body"], params=request["query"]
    )
    assert answer.status_code == 200, answer.text
    return caller, (await cdp.hub.orders(case["tenant"], dialect=door))[0]


@pytest.mark.parametrize("door", OTHERS)
async def test_an_order_of_another_door_looks_alike_from_here(cdp, door):
    caller, canonical = await placed(cdp, door)
    order = await caller.made("GET", f"/v2.1/orders/{canonical['uid']}")
    assert order["ref"] == canonical["uid"]
    assert order["referenceId"] == canonical["number"]
    assert order["status"] in STATUSES
    assert order["currencyCode"] == canonical["currency"]
    assert len(order["orderItems"]["items"]) == len(canonical["lines"]) > 0

    whole = await caller.made("GET", order["href"], params={"expand": "orderItems"})
    for item, line in zip(whole["orderItems"]["items"], canonical["lines"], strict=True):
        assert order_of(item["ref"]) == (canonical["uid"], line["line_no"])
        assert item["quantity"] == line["quantity"]
        assert await caller.made("GET", item["href"]) == item
        await caller.refused(400, "PATCH", item["href"], {"price": 1})

    found = await caller.made("GET", "/v2.1/orders", params={"referenceId": canonical["number"]})
    assert found["items"] == [row(order)]
    for method in ("PATCH", "DELETE"):
        message = await caller.refused(400, method, order["href"], {"price": 1})
        assert "read-only" in message

    contact = await caller.made(
        "POST", f"/v2.1/orders/{order['ref']}/contacts", {"emails": ["any@example.com"]}
    )
    await caller.made("POST", f"{order['href']}/extensions/ext", {"vip": True})
    after = await caller.made("GET", order["href"])
    assert after["contacts"]["items"] == [contact["guest"]]
    assert {**after, "contacts": 0, "modifiedAt": 0} == {**order, "contacts": 0, "modifiedAt": 0}


@pytest.mark.parametrize("door", OTHERS)
async def test_a_contact_makes_an_order_of_another_door_its_guests(cdp, door):
    caller, canonical = await placed(cdp, door)
    account = (await cdp.hub.order(canonical["uid"]))["account"]
    path = f"/v2.1/orders/{canonical['uid']}/contacts"
    contacts = [
        await caller.made("POST", path, {"emails": [f"{door}.{name}@example.com"]})
        for name in ("one", "other")
    ]
    queries = [{"guestRef": each["guest"]["href"].rpartition("/")[2]} for each in contacts]
    for query in queries:
        found = await caller.made("GET", "/v2.1/orders", params=query)
        assert [each["ref"] for each in found["items"]] == [canonical["uid"]]
    assert (await caller.call("DELETE", contacts[1]["href"])).status_code == 204
    left = [(await caller.made("GET", "/v2.1/orders", params=query))["items"] for query in queries]
    assert [len(each) for each in left] == [1, 0]
    # The business that charges the order goes on to mean its own account.
    assert (await cdp.hub.order(canonical["uid"]))["account"] == account


def shown_by_every_door(cdp, uid):
    """Door -> the order as that door's read call shows it."""
    ledger = cdp.hub.hub.port.ledger

    def shown(reads):
        order = reads.order(None, OrderName("uid", uid))
        return {name: each.render(reads, order, "") for name, each in DIALECTS.items()}

    return ledger.read(shown)


@pytest.mark.parametrize("door", OTHERS)
async def test_every_door_shows_an_order_of_another_door(cdp, door):
    _, canonical = await placed(cdp, door)
    shown = shown_by_every_door(cdp, canonical["uid"])
    assert all(json.dumps(each, default=str) for each in shown.values())
    assert shown["sitecore_cdp"]["referenceId"] == canonical["number"]


async def test_every_door_shows_an_order_of_this_door(cdp):
    order = await cdp.order(price=0.5, orderedAt="1970-01-01T00:00:00Z")
    await cdp.made("POST", f"{order['href']}/orderItems", {"price": -1.25, "quantity": 1.5})
    await cdp.made("POST", f"{order['href']}/orderItems", {"price": 2, "name": "x"})
    shown = shown_by_every_door(cdp, order["ref"])
    assert sorted(shown) == sorted((*OTHERS, "sitecore_cdp"))
    assert all(json.dumps(each, default=str) for each in shown.values())
    assert len(shown["sitecore_cdp"]["orderItems"]["items"]) == 2


async def test_the_client_keys_order_can_be_deleted_after_it_was_paid(cdp):
    order = await cdp.made("POST", "/v2.1/orders", an_order())
    await cdp.hub.pay(order["ref"])
    assert (await cdp.made("GET", order["href"]))["status"] == "PURCHASED"
    assert (await cdp.call("DELETE", order["href"])).status_code == 204
    assert (await cdp.hub.order(order["ref"]))["status"] == "paid"
