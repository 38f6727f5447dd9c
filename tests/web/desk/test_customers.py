"""Customers at the desk: found by e-mail or phone, with their orders."""

import re
from pathlib import Path

import pytest

from orderhub.web.desk import customers
from tests.support.hub import running_hub
from tests.web.desk.browser import invited, signed_in
from tests.web.hub_client import sell

_LINK = re.compile(r'href="/desk/orders/([0-9a-f-]{36})"')


async def test_a_customer_has_their_orders_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_hub(tmp_path) as hub:
        first = await sell(hub, 1, name="Ada Berg", email="Ada@x.test", phone="+49 555 010 0")
        other = await sell(hub, 1, name="Bo Berg", email="bo@x.test", phone="555-0199")
        second = await sell(hub, 2, name="Ada B.", email="ada@x.test", phone="13900139001")
        browser = await invited(hub, "shop", "viewer")
        for text, found in {
            "ada@X.test": [second["uid"], first["uid"]],
            "139 0013 9001": [second["uid"]],
            "5550199": [other["uid"]],
            "ada": [],
            "1": [],
            "nobody@x.test": [],
            "": [],
        }.items():
            assert (await browser.get("/desk/customers", params={"q": text})).status_code == 200
            assert _LINK.findall(browser.page) == found, text
        await browser.get("/desk/customers?q=ada@x.test")
        assert "Ada B., Ada Berg" in browser.text
        assert "13900139001, +49 555 010 0" in browser.text
        assert "Bought here CN¥297.00" in browser.text
        file = await browser.get("/desk/customers?q=ada@x.test&as=csv")
        assert [line.split(",")[0] for line in file.text.splitlines()[1:]] == [
            second["uid"],
            first["uid"],
        ]
        monkeypatch.setattr(customers, "_PAGE", 1)
        await browser.get("/desk/customers?q=ada@x.test")
        older = re.search(r'rel="next" href="([^"]*)"', browser.page)
        assert older
        await browser.get(older[1].replace("&amp;", "&"))
        assert _LINK.findall(browser.page) == [first["uid"]]


async def test_an_order_leads_to_its_customer_and_no_tenant_sees_anothers(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1, email="ada@x.test")
        browser = await signed_in(hub)
        await browser.get(f"/desk/orders/{order['uid']}")
        assert 'href="/desk/customers?q=ada%40x.test"' in browser.page
        other = await signed_in(hub, "cdp")
        await other.get("/desk/customers?q=ada@x.test")
        assert "No order has this e-mail or phone." in other.text
