"""Lists of the desk as files: whole, with the filters in force, for whoever may see the list."""

import csv
import json
import re
from html import unescape
from pathlib import Path

import pytest

from orderhub.web.desk import sandboxes
from tests.support.hub import running_hub
from tests.web.desk.browser import as_operator, invited, signed_in
from tests.web.hub_client import AS_SHOP, sell


@pytest.mark.parametrize(
    ("path", "column", "value"),
    [
        ("/desk/requests?channel=anqicms", "channel", "anqicms"),
        ("/desk/overview?time=7", "dialect", "anqicms"),
        ("/desk/credentials?after=hub", "kind", "anqicms.site"),
        ("/desk/webhooks", "title", "Shelf"),
        ("/desk/people", "email", "owner@shop.example"),
        ("/desk/stock/pool?kind=stock&subject=product:188&place=MAIN", "what", "draw"),
    ],
)
async def test_a_list_is_a_file(tmp_path: Path, path: str, column: str, value: str) -> None:
    async with running_hub(tmp_path) as hub:
        await sell(hub, 1)
        hook = {"url": "https://hooks.shop.example/a", "title": "Shelf"}
        await hub.post("/hub/v1/webhooks", hook, headers=AS_SHOP)
        browser = await signed_in(hub)
        await browser.get(path)
        assert "as=csv" in browser.page
        mark = "&" if "?" in path else "?"
        answer = await browser.get(f"{path}{mark}as=csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        rows = list(csv.DictReader(answer.text.lstrip("\ufeff").splitlines()))
        assert rows[0][column] == value
        lines = (await browser.get(f"{path}{mark}as=ndjson")).text.splitlines()
        assert len(lines) == len(rows)
        assert json.loads(lines[0])[column] == value


async def test_a_file_has_what_the_filters_of_its_list_let_through(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        pool = {"kind": "stock", "subject": "product:188", "place": "MAIN"}
        await browser.get("/desk/stock/pool", params=pool)
        low = {**pool, "low_at": "5000", "reason": "so many a day"}
        assert (await browser.post("/desk/stock/pool", low)).status_code == 303
        for path, codes in (
            ("/desk/products?q=GOODS-188", ["GOODS-188"]),
            ("/desk/products?q=nobody", []),
            ("/desk/coupons?q=coupon2023", ["COUPON2023"]),
            ("/desk/coupons?q=nobody", []),
            ("/desk/stock?level=low", ["GOODS-188"]),
            ("/desk/stock?level=out", []),
            ("/desk/stock?level=low&q=nobody", []),
        ):
            await browser.get(path)
            for kind in ("csv", "ndjson"):
                link = re.search(rf'href="([^"]*as={kind})"', browser.page)
                assert link, path
                text = (await browser.client.get(unescape(link[1]))).text
                rows = (
                    list(csv.DictReader(text.lstrip("\ufeff").splitlines()))
                    if kind == "csv"
                    else [json.loads(each) for each in text.splitlines()]
                )
                assert [each["code"] for each in rows] == codes, (path, kind)


async def test_sandboxes_are_a_file_for_operators_however_many_businesses_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandboxes, "_PAGE", 2)
    async with running_hub(tmp_path) as hub:
        operator = await as_operator(hub)
        for _ in range(3):
            await operator.get("/desk/sandboxes")
            answer = await operator.post("/desk/sandboxes/open", {"dialect": "anqicms"})
            assert answer.status_code == 200
        await operator.get("/desk/sandboxes")
        assert "/desk/sandboxes?as=csv" in operator.page
        assert operator.page.count('action="/desk/sandboxes/remove"') == 2  # the first so many
        lines = (await operator.get("/desk/sandboxes?as=ndjson")).text.splitlines()
        names = [json.loads(each)["name"] for each in lines]
        assert len({each for each in names if each.startswith("sandbox-")}) == len(names) == 3
        answer = await operator.get("/desk/sandboxes?as=csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        owner = await signed_in(hub)
        assert (await owner.get("/desk/sandboxes?as=csv")).status_code == 403


async def test_businesses_are_a_file_for_operators(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        operator = await as_operator(hub)
        answer = await operator.get("/desk/tenants?as=csv")
        assert "omni" in answer.text
        owner = await signed_in(hub)
        assert (await owner.get("/desk/tenants?as=csv")).status_code == 403
        viewer = await invited(hub, "shop", "viewer")
        assert (await viewer.get("/desk/requests?as=csv")).status_code == 403
        # Another word asks for no file.
        assert "<h1>" in (await owner.get("/desk/requests?as=xlsx")).text
