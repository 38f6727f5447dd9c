"""Coupons at the desk: with their use, made and changed within their ranges."""

import re
from pathlib import Path
from typing import Any

import pytest

from orderhub.web.desk import coupons
from tests.support.hub import HubUnderTest, running_hub
from tests.web.desk.browser import invited, signed_in
from tests.web.desk.test_products import drawn, item
from tests.web.hub_client import AS_OPERATOR, BASE, SHOP, sell

NEW: dict[str, str] = {"title": "春季", "code": "SPRING", "kind": "percent", "percent": "90"}


async def made(hub: HubUnderTest, **more: Any) -> str:
    """The path of a new coupon."""
    browser = await signed_in(hub)
    await browser.get("/desk/coupons/new")
    answer = await browser.post("/desk/coupons/new", {**drawn(browser), **NEW, **more})
    assert answer.status_code == 303, browser.text
    return answer.headers["location"]


async def test_a_coupon_is_made_counted_used_and_shows_its_use(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path = await made(hub, limited="true")
        browser = await invited(hub, SHOP, "manager")
        await browser.get(path)
        assert "In all used up 0 0" in browser.text
        pool = re.search(r'href="(/desk/stock/pool[^"]*)"', browser.page)
        assert pool
        await browser.get(pool[1].replace("&amp;", "&"))
        number = path.rpartition("/")[2]
        said = {"kind": "coupon", "subject": f"coupon:{number}", "count": "5", "reason": "first"}
        assert (await browser.post("/desk/stock/pool", said)).status_code == 303
        await sell(hub, 1, coupon_code="spring")
        await browser.get("/desk/coupons?q=spring")
        assert "SPRING 春季 10 % holds 1 4" in browser.text
        await browser.get("/desk/coupons")
        assert "COUPON2023" in browser.text


async def test_uses_by_person_are_shown_and_go_on_in_stock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coupons, "_MOST_POOLS", 1)
    async with running_hub(tmp_path) as hub:
        path = await made(hub, limited="true", per_user="2")
        subject = f"coupon:{path.rpartition('/')[2]}"
        for place in ("", "user:1000"):
            body = {"kind": "coupon", "subject": subject, "place": place, "count": 2, "reason": "r"}
            answer = await hub.post(f"{BASE}/pools/adjust", body, headers=AS_OPERATOR)
            assert answer.status_code == 200, answer.text
        browser = await signed_in(hub)
        await browser.get(path)
        onward = re.search(r'href="(/desk/stock\?kind=coupon[^"]*)"', browser.page)
        assert onward
        await browser.get(onward[1].replace("&amp;", "&"))
        assert "user:1000" in browser.text


async def test_moments_are_the_tenants_and_keep_their_seconds(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path = await made(hub, starts_at="2023-01-01T08:00", ends_at="2030-01-01T00:00")
        number = int(path.rpartition("/")[2])
        found = await item(hub, "coupons", number)
        # The shop's zone is Shanghai's.
        assert found["doc"]["starts_at"] == "2023-01-01T00:00:00Z"
        doc = {**found["doc"], "ends_at": "2030-01-01T12:34:56.5Z"}
        await hub.request(
            "PUT", f"{BASE}/catalogue/coupons/{number}", json={"doc": doc}, headers=AS_OPERATOR
        )
        browser = await signed_in(hub)
        await browser.get(path)
        assert "not yet" in browser.text
        answer = await browser.post(path, {**drawn(browser), "title": "新"})
        assert answer.status_code == 303, browser.text
        after = await item(hub, "coupons", number)
        assert after["doc"]["ends_at"] == "2030-01-01T12:34:56.500000Z"
        assert after["doc"]["title"] == "新"


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"percent": "100"}, "A coupon takes something off"),
        ({"kind": "fixed"}, "A fixed coupon takes something off."),
        ({"starts_at": "2024-01-01T00:00", "ends_at": "2023-01-01T00:00"}, "It ends after it"),
        ({"starts_at": "soon"}, "Write a day and a time"),
        ({"products": "1, x"}, "Write a whole number."),
        ({"products": "0"}, "This is from 1 to"),
        ({"code": "coupon2023"}, "Something else has this name already."),
    ],
)
async def test_what_cannot_be_is_said_in_the_form(
    tmp_path: Path, said: dict[str, str], says: str
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/coupons/new")
        answer = await browser.post("/desk/coupons/new", {**drawn(browser), **NEW, **said})
        assert (answer.status_code, says in browser.text) == (422, True), browser.text
        if "code" in said:
            assert f'<span class="fault" id="d-code">{says}</span>' in browser.page


async def test_coupons_as_a_file_and_by_page(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        answer = await browser.get("/desk/coupons?as=csv")
        assert answer.headers["content-disposition"] == 'attachment; filename="coupons.csv"'
        assert "COUPON2023" in answer.text
        assert (await browser.get("/desk/coupons/77")).status_code == 404
        await browser.get("/desk/coupons?q=nothing")
        assert "No coupon has this code." in browser.text
