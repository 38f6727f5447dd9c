"""One `anqicms.site` credential is enough for a shop: its logins hold wherever the site is found."""

from pathlib import Path

import pytest

from orderhub.core.decide import RECORD_TYPES
from orderhub.core.values import Settings
from orderhub.ledger.ledger import Ledger
from orderhub.seeding import Seeder
from orderhub.web.port import Cipher
from tests.dialects.anqicms.front import call, open_shop
from tests.support.hub import OPERATOR, SECRET_KEY, operator_headers, running_hub

SITES = "/hub/v1/tenants/acme/credentials"
NEW = {"user_name": "u1", "password": "pw123456", "email": "u1@example.com"}


async def made(hub, **body):
    given = {"kind": "anqicms.site", **body}
    answer = await hub.post(SITES, given, headers=operator_headers())
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("body", "site", "headers"),
    [
        ({}, "?site_id={id}", {}),
        ({"name": "site:900"}, "?site_id=900", {}),
        ({"name": "new.example"}, "", {"Host": "new.example"}),
        ({"name": "new.example", "data": {"site": 1}}, "", {"Host": "new.example:8443"}),
        ({"name": "new.example", "data": {"site": "2"}}, "", {"Host": "NEW.example"}),
    ],
)
async def test_a_login_holds_with_one_credential(tmp_path: Path, body, site, headers):
    """Also when another shop's site, with a secret of its own, has the same number."""
    async with open_shop(tmp_path) as hub:
        await hub.post("/hub/v1/tenants", {"name": "acme"}, headers=operator_headers())
        one = await made(hub, **body)
        site = site.replace("{id}", one["name"].removeprefix("site:"))
        registered = await call(hub, f"/api/register{site}", NEW, headers)
        held = {**headers, "Token": registered["data"]["token"]}
        shown = await call(hub, "/api/user/detail", None, held)
        assert (shown["code"], shown["data"]["user_name"]) == (0, "u1")
        # Nor does the other shop's token open this one.
        foreign = {"Token": registered["data"]["token"], "Host": "shop.example"}
        elsewhere = await call(hub, "/api/user/detail", None, foreign)
        assert elsewhere.get("data", {}).get("user_name") in (None, "u1")


async def test_the_set_up_of_the_guide_ends_with_an_order(sqlite_url: str):
    """On a hub that has no other site, and so none that another credential would name."""
    ledger = Ledger.open(sqlite_url, RECORD_TYPES)
    seeder = Seeder(ledger, Cipher(SECRET_KEY))
    seeder.tenant(1, "acme", "", Settings(name="acme", currency="CNY"))
    seeder.hub_token(0, OPERATOR, {})
    ledger.close()
    async with running_hub(sqlite_url) as hub:
        await made(hub, name="default", data={"site": 1})
        product = {"doc": {"title": "Hat", "code": "HAT", "price": "9.50", "currency": "CNY"}}
        put = await hub.request(
            "PUT",
            "/hub/v1/tenants/acme/catalogue/products/1",
            json=product,
            headers=operator_headers(),
        )
        assert put.status_code == 201, put.text
        await call(hub, "/api/register", NEW, {})
        login = await call(hub, "/api/login", {"user_name": "u1", "password": "pw123456"}, {})
        held = {"Token": login["data"]["token"]}
        placed = await call(hub, "/api/order/create", {"goods_id": 1, "quantity": 1}, held)
        assert (placed["code"], placed["data"]["amount"]) == (0, 950)


async def test_the_demos_second_name_of_a_shop_goes_on_working(tmp_path: Path):
    """A login at one name holds at the other, and by a host that is unknown."""
    demo = {"user_name": "demo", "password": "demo123456"}
    async with open_shop(tmp_path) as hub:
        login = await call(hub, "/api/login", demo, {"Host": "shop.example"})
        for host in ({"Host": "shop.example"}, {"Host": "elsewhere.example"}, {}):
            held = {"Token": login["data"]["token"], **host}
            assert (await call(hub, "/api/user/detail", None, held))["data"]["id"] == 1000
