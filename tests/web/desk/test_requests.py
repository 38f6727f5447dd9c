"""The request log at the desk: found, seen whole, as a command, and made again with nothing left behind."""

import re
import shlex
from pathlib import Path
from typing import Any

from tests.support.hub import HubUnderTest, running_hub
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.hub_client import AS_SHOP, record, sell, token

_LINK = re.compile(r'href="/desk/requests/([0-9a-f]{32})"')
TOO_MANY = {"goods_id": 188, "quantity": 1_000_000, "type": "goods", "remark": "<script>x</script>"}


async def listed(browser: Browser, **query: Any) -> list[str]:
    answer = await browser.get("/desk/requests", params=query)
    assert answer.status_code == 200, browser.text
    return _LINK.findall(browser.page)


async def refused(hub: HubUnderTest) -> str:
    """The request id of a call that was refused."""
    answer = await hub.post("/api/order/create", TOO_MANY, headers=AS_SHOP)
    return str(answer.headers["request-id"])


async def test_calls_are_found_by_what_is_known_of_them(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        wrong = await refused(hub)
        await sell(hub, 1)
        browser = await signed_in(hub)
        every = await listed(browser)
        assert len(every) >= 2
        assert wrong in every
        reason = re.search(r'<span class="mono">(\w+)</span>', browser.page)
        assert reason
        for query in (
            {"q": wrong},
            {"q": wrong.upper()},
            {"q": reason[1]},
            {"q": reason[1], "time": "1"},
        ):
            assert await listed(browser, **query) == [wrong], query
        assert wrong in await listed(browser, q="/api/order/create", channel="anqicms")
        for nothing in ({"q": "/nowhere"}, {"channel": "mews"}, {"status": "599"}):
            assert await listed(browser, **nothing) == [], nothing
        # What is no filter filters nothing.
        assert await listed(browser, status="x", channel="x", time="x", after="x") == every


async def test_a_log_that_is_followed_is_shown_anew_without_a_script(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        assert "refresh" not in (await browser.get("/desk/requests")).headers
        followed = await browser.get("/desk/requests?follow=1")
        assert followed.headers["refresh"] == "5"
        assert "Stop following" in browser.text


async def test_one_call_is_shown_whole_and_as_a_command(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        wrong = await refused(hub)
        order = await sell(hub, 1)
        browser = await signed_in(hub)
        assert (await browser.get(f"/desk/requests/{wrong}")).status_code == 200
        assert "&lt;script&gt;x&lt;/script&gt;" in browser.page.replace("\\/", "/")
        assert "<script" not in browser.page
        command = re.search(r"<pre>(curl [^<]*)</pre>", browser.page)
        assert command
        words = shlex.split(command[1].replace("&#39;", "'").replace("&#34;", '"'))
        assert words[2].endswith("/api/order/create")
        assert "POST" in words
        assert not any(word.lower().startswith("content-length") for word in words)
        assert "hub-demo-shop" not in browser.page
        (placed, *_) = [each for each in await listed(browser) if each != wrong]
        await browser.get(f"/desk/requests/{placed}")
        assert f"/desk/orders/{order['uid']}" in browser.page


async def test_a_call_is_made_again_as_a_dry_run(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        wrong = await refused(hub)
        await sell(hub, 1)
        browser = await signed_in(hub)
        (placed, *_) = [each for each in await listed(browser) if each != wrong]
        before, left = (
            await hub.orders("shop"),
            await hub.pool("shop", "stock", "product:188", "MAIN"),
        )
        for request_id, code, reason in (
            (placed, '"code":0', ""),
            (wrong, '"code":', "out_of_stock"),
        ):
            await browser.get(f"/desk/requests/{request_id}")
            answer = await browser.post(f"/desk/requests/{request_id}/again", {"acts_as": "1000"})
            assert answer.status_code == 200, browser.text
            assert "nothing was done" in browser.text
            assert code in browser.text
            assert reason in browser.text
        assert await hub.orders("shop") == before
        assert await hub.pool("shop", "stock", "product:188", "MAIN") == left


async def test_every_vendors_door_lets_the_person_try_it_again(tmp_path: Path) -> None:
    parcel = {
        "orderAddress": {"country": "US", "phone": "555", "recipient": "Jo Doe", "province": "IL"},
        "orderItemsList": [{"sku": "TS_RED_M", "quantity": 1}],
    }
    mews = {
        "Client": "Test 1.0",
        "ClientToken": "OMNI-CLIENT",
        "AccessToken": "OMNI-ACCESS",
        "Limitation": {"Count": 1},
    }
    calls = [
        ("dropship", "/openapi/v1/order/order", parcel, token("demo-kakaclo")),
        ("omni", "/api/connector/v1/services/getAll", mews, {}),
    ]
    async with running_hub(tmp_path) as hub:
        await record(hub, 7)
        for tenant, path, body, headers in calls:
            sent = await hub.post(path, body, headers=headers)
            request_id = sent.headers["request-id"]
            browser = await signed_in(hub, tenant)
            assert (await browser.get(f"/desk/requests/{request_id}")).status_code == 200, sent.text
            answer = await browser.post(f"/desk/requests/{request_id}/again")
            assert answer.status_code == 200, browser.text
            assert f"answered {sent.status_code} now" in browser.text, browser.text
            assert "unauthenticated" not in browser.text
        browser = await signed_in(hub, "cdp")
        (recorded,) = await listed(browser)
        await browser.get(f"/desk/requests/{recorded}")
        await browser.post(f"/desk/requests/{recorded}/again")
        assert "answered 201 now" in browser.text
        assert len(await hub.orders("cdp")) == 1


async def test_what_is_anothers_is_unknown(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        wrong = await refused(hub)
        browser = await invited(hub, "omni", "manager")
        assert (await browser.get(f"/desk/requests/{wrong}")).status_code == 404
        assert wrong not in await listed(browser)
        assert (await browser.post(f"/desk/requests/{wrong}/again")).status_code == 404
