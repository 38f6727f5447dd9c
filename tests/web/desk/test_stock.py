"""Stock at the desk: what is left, low first; counted anew by somebody, for a reason; and its history."""

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from orderhub.core.pools import POOL_KINDS
from orderhub.web.desk import counted, stock
from orderhub.web.hub_api.tables import MARK
from tests.support.hub import HubUnderTest, running_hub
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.hub_client import AS_OPERATOR, BASE, SHOP, sell

POOL = "/desk/stock/pool?kind=stock&subject=product%3A188&place=MAIN"
KEY = {"kind": "stock", "subject": "product:188", "place": "MAIN"}


async def left(hub: HubUnderTest) -> int:
    return int(await hub.pool(SHOP, "stock", "product:188", "MAIN"))


async def count(hub: HubUnderTest, **said: object) -> None:
    body = {**KEY, "reason": "test", **said}
    answer = await hub.post(f"{BASE}/pools/adjust", body, headers=AS_OPERATOR)
    assert answer.status_code == 200, answer.text


def codes(browser: Browser) -> list[str]:
    return re.findall(r'class="mono" href="/desk/stock/pool[^"]*">([^<]*)<', browser.page)


def _onward(browser: Browser) -> str:
    found = re.search(r'rel="next" href="([^"]*)"', browser.page)
    return unescape(found[1]) if found else ""


def test_tables_are_total() -> None:
    assert set(stock.KINDS) == set(POOL_KINDS)
    assert set(stock.MOVES) == {"opening", "adjustment", "draw", "return"}


async def test_low_stands_first_and_has_a_tab(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sell(hub, 3)
        browser = await signed_in(hub)
        await browser.get("/desk/stock")
        everything = codes(browser)
        assert len(everything) == 3
        await browser.get("/desk/stock?level=low")
        assert codes(browser) == []
        await count(hub, low_at=5_000)
        await browser.get("/desk/stock")
        assert codes(browser)[0] == "GOODS-188"
        assert sorted(codes(browser)) == sorted(everything)
        assert "GOODS-188 普通商品 MAIN low 997 3 3 1,000 5,000" in browser.text
        await browser.get("/desk/stock?level=low")
        assert codes(browser) == ["GOODS-188"]
        await count(hub, count=0)
        await browser.get("/desk/stock?level=out")
        assert codes(browser) == ["GOODS-188"]


async def test_pages_have_no_gap_and_no_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "_PAGE", 2)
    monkeypatch.setattr(stock, "STRETCH", 3)
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub, "dropship")
        await browser.get("/desk/stock")
        found = re.findall(r'href="(/desk/stock/pool[^"]*)"', browser.page)
        while onward := _onward(browser):
            await browser.get(onward)
            found += re.findall(r'href="(/desk/stock/pool[^"]*)"', browser.page)
        pools = await hub.get("/hub/v1/tenants/dropship/pools", headers=AS_OPERATOR)
        assert len(found) == len(set(found)) == len(pools.json()["items"])


async def test_what_is_left_least_stands_first_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock, "STRETCH", 2)
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/stock")
        await browser.get(_onward(browser))
        (last,) = codes(browser)
        (path,) = re.findall(r'href="(/desk/stock/pool[^"]*)"', browser.page)
        key = dict(parse_qsl(urlsplit(path.replace("&amp;", "&")).query))
        await count(hub, **{"place": "", **key}, count=0)
        await browser.get("/desk/stock")
        assert codes(browser)[0] == last


async def test_units_are_held_until_their_order_is_paid_or_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_hub(tmp_path) as hub:
        first, second, _ = await sell(hub, 3), await sell(hub, 4), await sell(hub, 5)
        browser = await signed_in(hub)

        async def figures() -> str:
            await browser.get("/desk/stock?q=GOODS-188")
            return browser.text.partition("MAIN")[2].partition("1,000")[0].strip()

        assert await figures() == "enough 988 12 12"
        await hub.pay(first["uid"])
        assert await figures() == "enough 988 12 9"
        await hub.move(second["uid"], "cancel")
        assert await figures() == "enough 992 8 5"
        await browser.get("/desk/stock/pool?kind=stock&subject=product:188&place=MAIN")
        assert "Held of these until they are paid 5" in browser.text
        monkeypatch.setattr(counted, "_MOST_UNPAID", 0)
        assert await figures() == "enough 992 8 …"


async def test_a_sku_finds_its_pools(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        for text, found in (("GOODS-188", 1), ("product:188", 1), ("nothing", 0), ("%", 0)):
            await browser.get("/desk/stock", params={"q": text})
            assert len(codes(browser)) == found, text
        beyond = 'after=[[9223372036854775808,"a","b"],[0,"",""]]'
        for odd in ("kind=x&level=y", "after=x", "after=[1]", "after=%ff", beyond):
            assert (await browser.get(f"/desk/stock?{odd}")).status_code == 200


async def test_it_is_counted_anew_with_a_reason_by_somebody(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sell(hub, 3)
        browser = await invited(hub, SHOP, "manager")
        await browser.get(POOL)
        assert (
            "Counted 1,000 Sold 3 Held of these until they are paid 3 Available 997" in browser.text
        )
        for said, after in (({"by": "-7"}, 990), ({"by": "+10"}, 1_000), ({"count": "12"}, 12)):
            answer = await browser.post("/desk/stock/pool", {**KEY, "reason": "found some", **said})
            assert answer.status_code == 303, browser.text
            assert await left(hub) == after
            await browser.get(answer.headers["location"])
            assert "It is counted." in browser.text
        assert "Counted anew -988 found some by manager@shop.test" in browser.text
        assert re.search(
            r'Drawn</td>\s*<td class="n">-3</td>\s*<td[^>]*><a href="/desk/orders/', browser.page
        )


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"by": "5", "reason": ""}, "This is needed."),
        ({}, "Say how many more or fewer, or how many are left."),
        ({"by": "x"}, "by is a whole number"),
        ({"by": "0"}, "by is not 0"),
        ({"by": "1.5"}, "by is a whole number"),
        ({"by": "-1001"}, "only 1000 left"),
        ({"by": "1", "count": "2"}, "not both"),
        ({"by": "1", "subject": "product:77"}, "the catalogue has no product:77"),
        ({"by": "1", "place": "NOWHERE"}, "no warehouse has the code NOWHERE"),
        ({"by": "9" * 40}, "by is a whole number"),
    ],
)
async def test_what_cannot_be_counted_is_said_in_the_form(
    tmp_path: Path, said: dict[str, str], says: str
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get(POOL)
        answer = await browser.post("/desk/stock/pool", {**KEY, "reason": "r", **said})
        assert (answer.status_code, says in browser.text) == (422, True), browser.text
        assert await left(hub) == 1_000


@pytest.mark.parametrize("key", [{"kind": "zzz"}, {"subject": ""}])
async def test_a_form_about_no_pool_leads_to_the_list(tmp_path: Path, key: dict[str, str]) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get(POOL)
        answer = await browser.post("/desk/stock/pool", {**KEY, "by": "1", "reason": "x", **key})
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk/stock")


async def test_stock_as_a_file(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        answer = await browser.get("/desk/stock?as=csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="stock.csv"'
        head, *lines = answer.content.removeprefix(MARK).decode().splitlines()
        assert head == "kind,subject,place,count,low_at,code,title,counted,sold,held"
        assert "stock,product:188,MAIN,1000,0,GOODS-188,普通商品,1000,0,0" in lines
        assert len(lines) == 3


async def test_a_seller_without_the_scope_sees_no_stock(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        staff = await invited(hub, SHOP, "staff")
        assert (await staff.get("/desk/stock")).status_code == 403
        await staff.get("/desk/orders")
        assert "/desk/stock" not in staff.page
        # A pool of another tenant is one that was never counted.
        other = await invited(hub, "cdp", "owner")
        await other.get(POOL)
        assert "GOODS-188" not in other.page


@pytest.mark.postgres
async def test_a_place_that_no_database_has_begins_the_list_anew(postgres_demo: str) -> None:
    async with running_hub(postgres_demo) as hub:
        browser = await signed_in(hub)
        for name in ("\\u0000", "a"):
            for number in (0, 2**63, -(2**63) - 1):
                place = f'[[{number},"{name}","b"],[0,"",""]]'
                answer = await browser.get("/desk/stock", params={"after": place})
                assert answer.status_code == 200, place
