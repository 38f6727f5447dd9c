"""Products at the desk: listed, made and changed within their ranges, by the rules of the hub's API."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from orderhub.web.desk import products
from orderhub.web.desk.item_form import APART, LABELS
from orderhub.web.hub_api.catalogue_kinds import KINDS
from orderhub.web.hub_api.tables import MARK
from tests.support.hub import HubUnderTest, running_hub
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.hub_client import AS_OPERATOR, BASE, SHOP

_INPUT = re.compile(r'<input id="f-(\w+)" name="\w+" type="[\w-]+"\s+value="([^"]*)"')
_SELECT = re.compile(r'<select id="f-(\w+)".*?<option value="(\w*)" selected>', re.DOTALL)


async def item(hub: HubUnderTest, kind: str, number: int) -> dict[str, Any]:
    answer = await hub.get(f"{BASE}/catalogue/{kind}/{number}", headers=AS_OPERATOR)
    found: dict[str, Any] = answer.json()
    return found


def drawn(browser: Browser) -> dict[str, str]:
    """The members of the item's form as they stand, with its version; of a new one the key that counts once."""
    version = re.search(r'name="(version|_once)" value="([^"]+)"', browser.page)
    assert version
    text = browser.page.replace("\n", " ")
    members = {name: unescape(value) for name, value in _INPUT.findall(text)}
    members.update(dict(_SELECT.findall(text)))
    return {**members, version[1]: version[2]}


@pytest.mark.parametrize("name", sorted(LABELS))
def test_a_form_has_every_member_or_leaves_it_on_purpose(name: str) -> None:
    members = {each.name for each in KINDS[name].fields}
    assert set(LABELS[name]) == members - APART


async def test_products_are_listed_with_price_and_what_is_left(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/products")
        assert "GOODS-188 普通商品 1,000 CN¥99.00" in browser.text
        await browser.get("/desk/products?q=GOODS-188")
        assert len(re.findall(r'class="mono" href="/desk/products/', browser.page)) == 1
        for text in ("nothing", "%", "0", "9" * 30):
            await browser.get("/desk/products", params={"q": text})
            assert "No product has this name." in browser.text
        await browser.get("/desk/products/188")
        assert "GOODS-188 MAIN enough 1,000 0" in browser.text


async def test_a_form_that_changes_nothing_changes_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        for tenant in ("shop", "hotel", "dropship", "tours"):
            browser = await signed_in(hub, tenant)
            await browser.get("/desk/products")
            for path in re.findall(r'class="mono" href="(/desk/products/\d+)"', browser.page):
                await browser.get(path)
                before = drawn(browser)
                answer = await browser.post(path, before)
                assert answer.status_code == 303, browser.text
                await browser.get(path)
                assert drawn(browser) == before


async def test_a_product_is_made_priced_and_given_variants(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, SHOP, "manager")
        await browser.get("/desk/products/new")
        said = {**drawn(browser), "title": "杯子", "code": "CUP", "price": "12.50"}
        answer = await browser.post("/desk/products/new", said)
        assert answer.status_code == 303, browser.text
        path = answer.headers["location"]
        number = int(path.rpartition("/")[2])
        made = await item(hub, "products", number)
        assert (made["code"], made["doc"]["price"], made["version"]) == ("CUP", "12.50", 1)
        await browser.get(path)
        answer = await browser.post(path, {**drawn(browser), "price": "13", "active": "false"})
        assert answer.status_code == 303, browser.text
        now = await item(hub, "products", number)
        assert (now["doc"]["price"], now["doc"]["active"], now["version"]) == ("13", False, 2)
        await browser.get(f"{path}/variants/new")
        said = {**drawn(browser), "title": "红", "code": "CUP-RED", "price": "14"}
        answer = await browser.post(f"{path}/variants/new", said)
        assert answer.status_code == 303, browser.text
        await browser.get(path)
        assert "CUP-RED 红 14.00" in browser.text
        await browser.get(answer.headers["location"])
        said = {**drawn(browser), "price": ""}
        assert (await browser.post(answer.headers["location"], said)).status_code == 303
        variant = await item(hub, "variants", int(answer.headers["location"].rpartition("/")[2]))
        assert "price" not in variant["doc"]
        assert variant["doc"]["product_id"] == number


async def test_what_the_form_does_not_show_stays(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        before = await item(hub, "products", 188)
        assert before["doc"]["data"]
        browser = await signed_in(hub)
        await browser.get("/desk/products/188")
        answer = await browser.post("/desk/products/188", {"version": "1", "title": "新名"})
        assert answer.status_code == 303, browser.text
        after = await item(hub, "products", 188)
        assert after["doc"] == {**before["doc"], "title": "新名"}


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"price": "-1"}, "This is at least 0."),
        ({"price": "1e3"}, "Write an amount such as 12.50."),
        ({"price": "9" * 13}, "At most 12 digits before the point."),
        ({"low_at": "x"}, "Write a whole number."),
        ({"low_at": "-1"}, "This is from 0 to"),
        ({"currency": "EURO"}, "This is a currency such as EUR."),
        ({"currency": "XYZ"}, "This is a currency such as EUR."),
        ({"uid": "x"}, "UUID"),
        ({"kind": "x"}, "kind"),
        ({"active": "x"}, "This cannot be taken."),
        ({"code": "GOODS-1"}, "Something else has this name already."),
        ({"version": ""}, "This is needed."),
        ({"version": "9"}, "Somebody else changed it meanwhile."),
    ],
)
async def test_what_cannot_be_is_said_in_the_form(
    tmp_path: Path, said: dict[str, str], says: str
) -> None:
    async with running_hub(tmp_path) as hub:
        before = await item(hub, "products", 188)
        other = {"doc": {"title": "other", "code": "GOODS-1", "price": "1"}}
        await hub.request("PUT", f"{BASE}/catalogue/products/77", json=other, headers=AS_OPERATOR)
        browser = await signed_in(hub)
        await browser.get("/desk/products/188")
        answer = await browser.post("/desk/products/188", {**drawn(browser), **said})
        assert (answer.status_code, says in browser.text) == (422, True), browser.text
        assert await item(hub, "products", 188) == before


async def test_what_is_not_there_is_said_so(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub, "hotel")
        for path in ("188", "0", "x", "188/variants/new", "188/variants/1"):
            assert (await browser.get(f"/desk/products/{path}")).status_code == 404, path
        shop = await signed_in(hub)
        assert (await shop.get("/desk/products/188/variants/1")).status_code == 404


async def test_pages_go_on_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_PAGE", 1)
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/products")
        found = re.findall(r'class="mono" href="/desk/products/(\d+)"', browser.page)
        while onward := re.search(r'rel="next" href="([^"]*)"', browser.page):
            await browser.get(unescape(onward[1]))
            found += re.findall(r'class="mono" href="/desk/products/(\d+)"', browser.page)
        assert found == ["188", "2", "1"]


async def test_products_as_a_file_that_may_be_sent_back(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        answer = await browser.get("/desk/products?as=csv")
        head, *lines = answer.content.removeprefix(MARK).decode().splitlines()
        assert head.startswith("id,uid,code,")
        assert len(lines) == 3


async def test_a_product_has_all_its_variants_however_many_a_page_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "VARIANTS", 2)
    monkeypatch.setattr("orderhub.web.desk.stock.VARIANTS", 2)
    rows = b"\n".join(
        json.dumps(
            {"id": 600 + n, "code": f"V{n}", "doc": {"product_id": 501 if n < 5 else 502}}
        ).encode()
        for n in range(8)
    )
    async with running_hub(tmp_path) as hub:
        for number in (501, 502):
            body = {"doc": {"code": f"P{number}", "price": "5"}}
            await hub.request(
                "PUT", f"{BASE}/catalogue/products/{number}", json=body, headers=AS_OPERATOR
            )
        await hub.request(
            "POST", f"{BASE}/catalogue/variants:bulk", content=rows, headers=AS_OPERATOR
        )
        places = ("MAIN", "OTHER")
        other = {"doc": {"code": "OTHER"}}
        await hub.request("PUT", f"{BASE}/catalogue/warehouses/90", json=other, headers=AS_OPERATOR)
        for n in range(5):
            for place in places:
                await hub.adjust(SHOP, "stock", f"variant:{600 + n}", place, 10)
        browser = await signed_in(hub)
        await browser.get("/desk/products")
        assert "P501 5 100 CN¥5.00" in browser.text
        assert "P502 3 CN¥5.00" in browser.text, "the stock of these is not counted"
        path, seen = "/desk/products/501", list[str]()
        while path:
            await browser.get(path)
            seen += re.findall(r">(V\d)</a></td>\s*<td class=\"text\">", browser.page)
            assert browser.text.count("MAIN enough 10") == browser.text.count("OTHER enough 10") > 0
            older = re.search(r'rel="next" href="([^"]*)"', browser.page)
            path = unescape(older[1]) if older else ""
        assert seen == ["V0", "V1", "V2", "V3", "V4"]
        await browser.get("/desk/stock?q=P501")
        assert len(re.findall(r"subject=variant", browser.page)) == 10
