"""Files at the desk: every row with its result, written or only checked, out and in again."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from orderhub.web.desk import imports
from orderhub.web.hub_api.catalogue_kinds import KINDS
from tests.support.hub import HubUnderTest, running_hub
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.desk.test_products import item
from tests.web.hub_client import AS_OPERATOR, BASE, SHOP

ITEMS, COUNTS = "/desk/import", "/desk/stock/import"


async def sent(browser: Browser, path: str, data: bytes, **members: str) -> httpx.Response:
    await browser.get(path)
    return await browser.post(path, members, files={"file": ("a.csv", data, "text/csv")})


def results(browser: Browser) -> list[tuple[str, str, str]]:
    """(line, what, status) of the rows."""
    row = re.compile(
        r'<td class="n">(\d+)</td>\s*<td class="mono">([^<]*)</td>\s*<td>\s*<span[^>]*>([^<]*)<'
    )
    return row.findall(browser.page)


async def total(hub: HubUnderTest, kind: str) -> int:
    answer = await hub.get(f"{BASE}/catalogue/{kind}?limit=500", headers=AS_OPERATOR)
    found: dict[str, Any] = answer.json()
    return len(found["items"])


def test_what_a_file_may_hold_is_a_kind_and_every_status_has_words() -> None:
    assert set(imports.TITLES) <= set(KINDS)
    assert set(imports.STATUSES) == {
        *("created", "updated", "unchanged", "removed"),
        *("opened", "adjusted", "refused"),
    }


async def test_every_row_has_its_result_and_a_wrong_one_stops_no_other(tmp_path: Path) -> None:
    file = (
        "sku,title,price\n"
        "CUP,杯子,12.50\n"
        "GOODS-188,普通商品,99\n"
        "BAD,坏,-1\n"
        "GOODS-188,新名,98\n"
        'TEXT,"two\nlines",1\n'
        "SHORT\n"
        "'=1+1,formula,2\n"
    ).encode()
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, SHOP, "manager")
        before = await total(hub, "products")
        checked = await sent(browser, ITEMS, file, kind="products", check="true")
        assert checked.status_code == 200, browser.text
        assert "Checked, nothing is written" in browser.text
        assert await total(hub, "products") == before
        assert (await sent(browser, ITEMS, file, kind="products")).status_code == 200
        assert results(browser) == [
            ("4", "BAD", "refused"),
            ("8", "", "refused"),
            ("2", "CUP", "made"),
            ("3", "GOODS-188", "as it was"),
            ("5", "GOODS-188", "changed"),
            ("6", "TEXT", "made"),
            ("9", "=1+1", "made"),
        ]
        assert "price: This is at least 0." in browser.text
        assert await total(hub, "products") == before + 3
        assert (await item(hub, "products", 188))["doc"]["title"] == "新名"
        await sent(browser, ITEMS, file.splitlines()[0] + b"\nCUP,\xe6\x9d\xaf\xe5\xad\x90,12.50\n")
        assert [status for _, _, status in results(browser)] == []  # no kind was said
        await sent(
            browser, ITEMS, b"sku,title,price\nCUP,\xe6\x9d\xaf\xe5\xad\x90,12.50", kind="products"
        )
        assert [status for _, _, status in results(browser)] == ["as it was"]


@pytest.mark.parametrize("kind", ["products", "coupons"])
async def test_a_file_that_came_out_goes_in_and_changes_nothing(tmp_path: Path, kind: str) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        file = (await browser.get(f"/desk/{kind}?as=csv")).content
        await sent(browser, ITEMS, file, kind=kind)
        assert results(browser)
        assert {status for _, _, status in results(browser)} == {"as it was"}, browser.text


async def test_stock_is_counted_by_a_file_and_sent_twice_counts_once(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        file = (await browser.get("/desk/stock?as=csv")).content
        await sent(browser, COUNTS, file)
        assert [status for _, _, status in results(browser)] == ["as it was"] * 3, browser.text
        file = b"sku,place,count\nGOODS-188,MAIN,7\nNOTHING,MAIN,1\nGOODS-188,NOWHERE,1\n"
        await sent(browser, COUNTS, file, reason="year's end")
        assert results(browser) == [
            ("3", "NOTHING", "refused"),
            ("4", "GOODS-188", "refused"),
            ("2", "GOODS-188", "counted anew"),
        ]
        assert await hub.pool(SHOP, "stock", "product:188", "MAIN") == 7
        await browser.get("/desk/stock/pool?kind=stock&subject=product:188&place=MAIN")
        assert "Counted anew -993 year's end by" in browser.text
        await sent(browser, COUNTS, file)
        assert results(browser)[2] == ("2", "GOODS-188", "as it was")


@pytest.mark.parametrize(
    ("path", "file", "says"),
    [
        (ITEMS, b"", "Choose a file."),
        (ITEMS, b"\xff\xfe\x00", "is no text in UTF-8."),
        (ITEMS, b"  \n", "is empty."),
        (ITEMS, b"code,wrong\nA,1\n", "the column wrong is no member of products"),
        (ITEMS, b"title\nA\n", "a column id or code is needed"),
        (ITEMS, b'code,title\nA,"x\n', "this is no CSV"),
        (ITEMS, b"code,code\nA,B\n", "the column code is there twice."),
        (ITEMS, b"code\n" + b"A\n" * 5_001, "A file has 5,000 rows at most"),
        (COUNTS, b"code,by\nA,1\n", "the column by is none of"),
        (COUNTS, b"code,place\nA,1\n", "columns code (or subject) and count are needed."),
        (COUNTS, b"code,sku,count\nA,A,1\n", "code is said twice"),
    ],
)
async def test_a_file_that_cannot_be_read_is_said_so_whole(
    tmp_path: Path, path: str, file: bytes, says: str
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        answer = await sent(browser, path, file, kind="products")
        assert (answer.status_code, says in browser.text) == (422, True), browser.text


DEEP = '{"a":' * 2_000 + "1" + "}" * 2_000
NOTHING_IS_WRITTEN = [
    (b'id,code,title\n301,N30,"a\0b"\n', "U+0000 is not allowed"),
    (b'id,code,title\n301,"N\0",a\n', "U+0000 is not allowed"),
    (
        b'id,code,data\n301,N30,"{""a"":""\\u0000""}"\n',
        "data: U+0000 is not allowed",
    ),
    (
        b'{"id":301,"doc":{"code":"ZZ","title":"a\\u0000b"}}\n',
        "no JSON object: U+0000 is not allowed",
    ),
    (
        f'{{"id":301,"doc":{{"code":"ZZ","data":{DEEP}}}}}\n'.encode(),
        "no JSON object: nested too deeply",
    ),
    (
        f'id,code,data\n301,N30,"{DEEP.replace(chr(34), chr(34) * 2)}"\n'.encode(),
        "data: nested too deeply",
    ),
    (
        f"id,code,data{'.a' * 70}\n301,N30,[1]\n".encode(),
        "a: nested too deeply",
    ),
    (f"id,code,title\n301,{'N' * 201},a\n".encode(), "At most 200 characters."),
]


@pytest.mark.parametrize(("file", "says"), NOTHING_IS_WRITTEN)
async def test_what_a_body_may_not_hold_no_file_may_and_the_row_says_so(
    tmp_path: Path, file: bytes, says: str
) -> None:
    good = b'{"id":302,"doc":{"code":"GOOD","title":"good"}}' if file[:1] == b"{" else b"302,GOOD,"
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        before = await total(hub, "products")
        answer = await sent(browser, ITEMS, file + good, kind="products")
        assert answer.status_code == 200, browser.text
        assert [status for _, _, status in results(browser)] == ["refused", "made"], browser.text
        assert says in browser.text
        assert "\0" not in browser.page
        assert await total(hub, "products") == before + 1


async def test_a_row_that_the_hub_breaks_on_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise RuntimeError

    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        monkeypatch.setattr("orderhub.core.routes.refusal", broken)
        await sent(browser, ITEMS, b"id,code\n301,N30\n", kind="products")
        assert "refused The hub broke on this request" in browser.text


@pytest.mark.postgres
async def test_what_came_by_a_file_is_sold_on_postgresql(postgres_demo: str) -> None:
    """An index has its limits there, and no text may hold U+0000."""
    long = b"%s" % ("".join(f"{n:x}" for n in range(9_000)).encode())
    async with running_hub(postgres_demo) as hub:
        browser = await signed_in(hub)
        file = b'id,code,title,price\n301,N30,"a\0b",5\n302,%s,a,5\n303,N31,a,5\n' % long
        await sent(browser, ITEMS, file, kind="products")
        assert [status for _, _, status in results(browser)] == ["refused", "refused", "made"]
        assert "At most 200 characters." in browser.text


async def test_the_file_of_the_guide_counts_what_was_not_counted_yet(tmp_path: Path) -> None:
    file = (
        b"code,title,price,weight_g,stock,warehouse\n"
        b'HAT,"Hat, straw",9.50,120,12,\n'
        b"GOODS-188,,,,3,\n"
        b"BAD,Bad,1,1,-3,\n"
        b"FAR,Far,1,1,3,NOWHERE\n"
        b"SCARF,Scarf,19.90,90,,\n"
    )
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, SHOP, "manager")
        await sent(browser, ITEMS, file, kind="products", check="true")
        assert [status for _, _, status in results(browser)] == [
            *("refused", "refused", "made", "changed", "made")
        ], browser.text
        await sent(browser, ITEMS, file, kind="products")
        assert "HAT made Counted first: 12" in browser.text
        assert "stock: a whole number from 0 on, not -3" in browser.text
        assert "place: no warehouse has the code NOWHERE" in browser.text
        number = (await item_of_code(hub, "HAT"))["id"]
        assert await hub.pool(SHOP, "stock", f"product:{number}", "MAIN") == 12
        assert await hub.pool(SHOP, "stock", "product:188", "MAIN") == 1_000, (
            "it has been sold from"
        )
        again = file.replace(b",12,", b",99,")
        await sent(browser, ITEMS, again, kind="products")
        assert await hub.pool(SHOP, "stock", f"product:{number}", "MAIN") == 12
        assert "Counted first" not in browser.text


async def item_of_code(hub: HubUnderTest, code: str) -> dict[str, Any]:
    answer = await hub.get(f"{BASE}/catalogue/products?code={code}", headers=AS_OPERATOR)
    (found,) = answer.json()["items"]
    return dict(found)


async def test_of_two_rows_of_one_item_the_first_is_its_first_count(tmp_path: Path) -> None:
    file = b"id,code,title,price,stock,place\n700,TWICE,Twice,1,5,MAIN\n700,TWICE,Twice,1,7,MAIN\n"
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await sent(browser, ITEMS, file, kind="products")
        assert browser.text.count("Counted first") == 1
        assert await hub.pool(SHOP, "stock", "product:700", "MAIN") == 5


async def test_a_first_count_that_is_refused_is_said_beside_its_item(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await sent(browser, ITEMS, b"id,code\n700,NEW\n", kind="products")
        await sent(browser, ITEMS, b"product_id,code,stock\n700,NEW-S,4\n", kind="variants")
        assert "NEW-S made Counted first: 4" in browser.text
        await sent(browser, ITEMS, b"code,title,stock\nNEW,y,5\n", kind="products")
        assert "NEW changed stock: product:700 is sold by variant" in browser.text
