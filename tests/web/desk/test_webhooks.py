"""Webhooks at the desk: made, tried out, changed, sent again and deleted, by the rules that the API has."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orderhub.core.deliveries import STATES
from orderhub.web.desk.timeline import DELIVERED
from tests.support.hub import running_hub
from tests.support.receivers import Receiver
from tests.support.receivers import receiver as receiving
from tests.support.waiting import until
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.hub_client import AS_SHOP, sell

PATH = "/desk/webhooks"


async def made(browser: Browser, **members: Any) -> tuple[str, str]:
    """The page of a new webhook, and its secret."""
    await browser.get(PATH)
    answer = await browser.post(PATH, members)
    assert answer.status_code == 200, browser.text
    path = re.search(r'href="(/desk/webhooks/[0-9a-f-]{36})"', browser.page)
    secret = re.search(r"<pre>(whsec_[^<]+)</pre>", browser.page)
    assert path
    assert secret
    return path[1], secret[1]


async def version(browser: Browser, path: str) -> str:
    await browser.get(path)
    found = re.search(r'name="version" value="(\d+)"', browser.page)
    assert found, browser.text
    return found[1]


async def came(receiver: Receiver, count: int) -> Any:
    return await asyncio.to_thread(receiver.wait_for, count)


async def shown(browser: Browser, path: str, is_so: Callable[[str], bool]) -> None:
    async def text() -> str:
        await browser.get(path)
        return browser.text

    await until(text, is_so)


async def test_one_is_made_tried_out_and_sends_again(tmp_path: Path) -> None:
    with receiving() as receiver:
        async with running_hub(tmp_path) as hub:
            browser = await invited(hub, "shop", "manager")
            path, secret = await made(
                browser, url=receiver.url, title="Shelf", kinds=["order.placed", "order.paid"]
            )
            await browser.get(path)
            assert secret not in browser.page
            assert (await browser.post(f"{path}/test")).status_code == 303
            await browser.get(path)
            assert "The receiver answered 204." in browser.text
            order = await sell(hub, 1)
            await came(receiver, 2)
            await shown(browser, path, lambda text: order["uid"] in text)
            assert '<span class="pill ok">sent</span>' in browser.page
            event = re.search(r'name="event" value="(evt_[^"]+)"', browser.page)
            assert event
            assert (await browser.post(f"{path}/replay", {"event": event[1]})).status_code == 303
            await came(receiver, 3)
            await browser.get(path)
            stretch = {"since": "2026-01-01T00:00"}
            assert (await browser.post(f"{path}/replay", stretch)).status_code == 303
            await came(receiver, 4)
            await browser.get(f"{path}?state=dropped")
            assert "There is no delivery here." in browser.text


async def test_an_orders_timeline_tells_what_webhooks_were_told(tmp_path: Path) -> None:
    assert set(DELIVERED) == set(STATES)
    with receiving() as receiver:
        async with running_hub(tmp_path) as hub:
            manager = await invited(hub, "shop", "manager")
            path, _ = await made(manager, url=receiver.url, title="Shelf", kinds=["order.placed"])
            order, other = await sell(hub, 1), await sell(hub, 1)
            await hub.pay(order["uid"])
            await came(receiver, 2)
            at = f"/desk/orders/{order['uid']}"
            await shown(manager, at, lambda text: "Webhook Shelf sent 204" in text)
            assert manager.text.count("Webhook Shelf") == 1
            assert f'href="{path}"' in manager.page
            placed, _, paid = manager.text.partition(" Paid ")
            assert "Webhook Shelf" in placed
            assert "Webhook Shelf" not in paid
            viewer = await invited(hub, "shop", "viewer")
            elsewhere = f"/desk/orders/{other['uid']}"
            await shown(viewer, elsewhere, lambda text: "Webhook Shelf sent 204" in text)
            assert path not in viewer.page


async def test_it_is_changed_once_and_an_overtaken_change_is_told(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        path, _ = await made(browser, url="https://hooks.shop.example/a")
        seen = await version(browser, path)
        change = {"version": seen, "url": "https://hooks.shop.example/b", "channels": "anqicms"}
        assert (await browser.post(path, change)).status_code == 303
        (kept,) = (await hub.get("/hub/v1/webhooks", headers=AS_SHOP)).json()["items"]
        assert (kept["url"], kept["channels"], kept["enabled"]) == (
            "https://hooks.shop.example/b",
            ["anqicms"],
            False,
        )
        await browser.get(path)
        assert (await browser.post(path, change)).status_code == 422
        assert "Somebody else changed it meanwhile." in browser.text
        late = await browser.post(f"{path}/delete", {"version": seen})
        assert late.status_code == 422
        again = await browser.post(f"{path}/rotate")
        assert again.status_code == 200
        assert "whsec_" in browser.page
        gone = await browser.post(f"{path}/delete", {"version": await version(browser, path)})
        assert gone.status_code == 303
        assert (await browser.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"url": "http://127.0.0.1:1/x"}, "url "),
        ({"url": "https://x.example", "kinds": "order.sold"}, "is none of"),
        ({"url": "https://x.example", "options": "nonsense"}, "Write a line name=value for each."),
        ({"url": "https://x.example", "format": "nothing"}, "format is one of"),
        ({}, "This is needed."),
    ],
)
async def test_what_is_wrong_is_said_on_the_page(
    tmp_path: Path, members: dict[str, Any], said: str
) -> None:
    async with running_hub(tmp_path) as hub:
        await hub.settings("shop", sandbox=False)
        browser = await signed_in(hub)
        await browser.get(PATH)
        assert (await browser.post(PATH, members)).status_code == 422
        assert said in browser.text
        assert "Nothing is sent anywhere yet." in browser.text


async def test_anothers_is_unknown(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path, _ = await made(await signed_in(hub), url="https://hooks.shop.example/a")
        other = await signed_in(hub, "omni")
        for step in ("", "/test", "/rotate", "/replay", "/delete"):
            await other.get(PATH)
            assert (await other.post(path + step, {"version": "1"})).status_code == 404, step
        assert (await other.get(path)).status_code == 404
