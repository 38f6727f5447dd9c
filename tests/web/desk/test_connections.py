"""Connections, listings and routes at the desk: by the rules of the API, credentials asked for again and never seen."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from orderhub.core.queries import Reads
from tests.support.hub import HubUnderTest, running_hub
from tests.support.receivers import Came, Receiver
from tests.support.receivers import receiver as receiving
from tests.web.desk.browser import Browser, invited
from tests.web.hub_client import AS_SHOP

PATH, ROUTES = "/desk/connections", "/desk/routes"
SECRET = "secret-of-shelf"


async def made(browser: Browser, url: str = "http://127.0.0.1:9", **members: str) -> str:
    """The page of a new connection to a dropshipper."""
    form = {
        "dialect": "kakaclo",
        "base_url": url,
        "title": "Shelf",
        "credentials.token": SECRET,
        "options.country": "US",
        "sends_key": "true",
        **members,
    }
    await browser.get(f"{PATH}/new?dialect=kakaclo")
    answer = await browser.post(f"{PATH}/new", form)
    assert answer.status_code == 303, browser.text
    return str(answer.headers["location"])


async def stored(hub: HubUnderTest, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await hub.get(f"/hub/v1/{what}", headers=AS_SHOP)).json()[
        "items"
    ]
    return found


async def version(browser: Browser, path: str) -> str:
    await browser.get(path)
    found = re.search(r'name="version" value="(\d+)"', browser.page)
    assert found, browser.text
    return found[1]


def vendor(receiver: Receiver) -> str:
    """A dropshipper with two products, one of which bears a code of ours."""

    def answer(came: Came) -> tuple[int, dict[str, str], bytes]:
        skus = [{"sku": each, "skuName": each} for each in ("CHA-TIN", "UNHEARD-OF")]
        products = {"list": [{"productName": "Tea", "skuDetails": skus}], "total": 1}
        data = products if "product" in came.path.lower() else {"list": [], "total": 7}
        body = {"code": 10000, "message": "success", "data": data}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()

    receiver.answer = answer
    return receiver.url.removesuffix("/hook")


async def test_one_is_made_changed_and_removed_and_its_secret_is_never_seen(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        path = await made(browser)
        await browser.get(path)
        assert "Shelf" in browser.text
        (kept,) = await stored(hub, "connections")
        assert (kept["options"], kept["enabled"], kept["sends_key"]) == (
            {"country": "US"},
            False,
            True,
        )
        seen = await version(browser, f"{path}/change")
        assert SECRET not in browser.page
        form = {
            "version": seen,
            "base_url": "http://127.0.0.1:10",
            "enabled": "true",
            "most_calls": "5",
        }
        assert (await browser.post(f"{path}/change", form)).status_code == 303
        (kept,) = await stored(hub, "connections")
        assert (kept["base_url"], kept["most_calls"], kept["enabled"], kept["credentials"]) == (
            "http://127.0.0.1:10",
            5,
            True,
            ["token"],
        )
        await browser.get(f"{path}/change")
        assert (await browser.post(f"{path}/change", form)).status_code == 422
        assert "Somebody else changed it meanwhile." in browser.text
        gone = await browser.post(f"{path}/delete", {"version": await version(browser, path)})
        assert gone.status_code == 303
        assert (await browser.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"base_url": "ftp://x"}, "base_url"),
        ({"credentials.token": ""}, "credentials.token is required"),
        ({"options.country": "Nowhere"}, "options.country"),
        ({"at_once": "many"}, "This cannot be taken."),
        ({"base_url": ""}, "This is needed."),
    ],
)
async def test_what_is_wrong_is_said_on_the_form(
    tmp_path: Path, members: dict[str, str], said: str
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        form = {
            "dialect": "kakaclo",
            "base_url": "http://127.0.0.1:9",
            "credentials.token": SECRET,
            **members,
        }
        await browser.get(f"{PATH}/new?dialect=kakaclo")
        assert (await browser.post(f"{PATH}/new", form)).status_code == 422
        assert said in browser.text
        assert SECRET not in browser.page
        assert not await stored(hub, "connections")


async def test_the_password_is_asked_for_again_where_credentials_are(
    tmp_path: Path, monkeypatch: Any
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        path = await made(browser)
        monkeypatch.setattr("orderhub.web.desk.sessions.is_proven", lambda *_: False)
        for asked in (f"{path}/change", f"{PATH}/new?dialect=kakaclo"):
            answer = await browser.get(asked)
            assert answer.headers["location"].startswith("/desk/again?next="), asked
        await browser.get(path)
        moved = {"version": "1", "base_url": "http://127.0.0.1:10"}
        answer = await browser.post(f"{path}/change", moved)
        assert answer.headers["location"].startswith("/desk/again?next=")
        assert (await stored(hub, "connections"))[0]["base_url"] == "http://127.0.0.1:9"


async def test_the_same_account_may_have_another_address(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        path = await made(browser)
        kept = []
        for number, more in enumerate(({"same_account": "true"}, {})):
            form = {"base_url": f"http://127.0.0.1:{10 + number}", "options.country": "US", **more}
            form["version"] = await version(browser, f"{path}/change")
            assert "It is the same account" in browser.text
            assert (await browser.post(f"{path}/change", form)).status_code == 303

            def look(reads: Reads) -> dict[str, str]:
                tenant = reads.tenant("shop")
                assert tenant is not None
                found = reads.record(tenant.id, "connection", "uid", path.rpartition("/")[2])
                assert found is not None
                known: dict[str, str] = found.doc.same_as
                return known

            kept.append(await hub.hub.port.read(look))
        assert kept[0]
        assert kept[1] == {}


async def test_it_is_tried_and_its_list_is_read(tmp_path: Path) -> None:
    with receiving() as receiver:
        async with running_hub(tmp_path) as hub:
            product = {"doc": {"code": "CHA-TIN", "title": "Tea", "price": "10"}}
            answer = await hub.request(
                "PUT",
                "/hub/v1/tenants/shop/catalogue/products/901",
                json=product,
                headers=AS_SHOP,
            )
            assert answer.status_code in (200, 201), answer.text
            browser = await invited(hub, "shop", "manager")
            path = await made(browser, vendor(receiver))
            await browser.get(path)
            assert (await browser.post(f"{path}/test")).status_code == 303
            await browser.get(path)
            assert "It works: the account has 7 orders" in browser.text
            await browser.get(f"{path}/listings")
            assert (await browser.post(f"{path}/listings/match")).status_code == 200
            assert "UNHEARD-OF" in browser.text
            (listed,) = await stored(hub, "listings")
            assert (listed["code"], listed["item"]) == ("CHA-TIN", "CHA-TIN")


async def test_what_does_not_work_is_said(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        path = await made(browser)
        await browser.get(path)
        await browser.post(f"{path}/test")
        await browser.get(path)
        assert "It does not work:" in browser.text
        await browser.get(f"{path}/listings")
        assert (await browser.post(f"{path}/listings/match")).status_code == 422


async def test_listings_by_hand_and_by_the_very_file_that_the_list_gives(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        path = await made(browser) + "/listings"
        await browser.get(path)
        form = {"code": "product:188", "item": "MUG", "title": "Mug", "data": "tickets=a"}
        assert (await browser.post(path, form)).status_code == 303, browser.text
        (listed,) = await stored(hub, "listings")
        assert (listed["subject"], listed["item"], listed["data"]) == (
            "product:188",
            "MUG",
            {"tickets": "a"},
        )
        file = (await browser.get(f"{path}?as=csv")).text
        await browser.get(path)
        gone = await browser.post(f"{path}/delete", {"listing": listed["id"]})
        assert gone.status_code == 303
        assert not await stored(hub, "listings")
        await browser.get(path)
        sent = await browser.post(f"{path}/file", files={"file": ("l.csv", file.encode())})
        assert sent.status_code == 303, browser.text
        (again,) = await stored(hub, "listings")
        assert {**again, "id": ""} == {**listed, "id": ""}
        for bad, said in (
            (b"item,code\nX,NO-SUCH\n", "there is no NO-SUCH"),
            (b"code\nX\n", "Columns item and code (or subject) are needed."),
            (b"\xff\xfe", "The file cannot be read"),
            (b'item,code,title\nX,GOODS-188,"a\0"\n', "The file cannot be read"),
            (b"item,code,data\nX,GOODS-188," + b"[" * 2_000 + b"\n", "This is no JSON object."),
        ):
            await browser.get(path)
            refused = await browser.post(f"{path}/file", files={"file": ("l.csv", bad)})
            assert refused.status_code == 422, bad
            assert said in browser.text
        await browser.get(path)
        assert (await browser.post(path, {"code": "NO-SUCH", "item": "X"})).status_code == 422


async def test_a_route_is_made_refused_changed_and_removed(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        connection = (await made(browser)).rpartition("/")[2]
        other = (await made(browser, title="Other")).rpartition("/")[2]
        await browser.get(ROUTES)
        form = {
            "connection": connection,
            "title": "Tea",
            "when": "placed",
            "channels": ["anqicms"],
            "countries": "us, CA",
            "skus": "TEA_*\nCHA-TIN",
            "enabled": "true",
        }
        assert (await browser.post(ROUTES, form)).status_code == 303, browser.text
        (kept,) = await stored(hub, "routes")
        assert (kept["countries"], kept["skus"], kept["takes_all"]) == (
            ["US", "CA"],
            ["TEA_*", "CHA-TIN"],
            False,
        )
        await browser.get(ROUTES)
        assert (await browser.post(ROUTES, form | {"connection": other})).status_code == 422
        assert "the route Tea could take the same line" in browser.text
        path = f"{ROUTES}/{kept['id']}"
        seen = await version(browser, path)
        change = {"version": seen, "when": "paid", "takes_all": "true", "title": "All"}
        assert (await browser.post(path, change)).status_code == 303, browser.text
        (kept,) = await stored(hub, "routes")
        assert (kept["when"], kept["skus"], kept["channels"], kept["enabled"]) == (
            "paid",
            [],
            [],
            False,
        )
        # A deletion that was refused shows the route as it stands, not as an empty form.
        await browser.get(path)
        assert (await browser.post(f"{path}/delete", {"version": seen})).status_code == 422
        assert re.search(r'name="takes_all" value="true" checked', browser.page)
        leads = await browser.post(
            f"{PATH}/{connection}/delete",
            {"version": await version(browser, f"{PATH}/{connection}")},
        )
        assert leads.status_code == 422
        assert "routes lead to it" in browser.text
        gone = await browser.post(f"{path}/delete", {"version": await version(browser, path)})
        assert gone.status_code == 303
        assert not await stored(hub, "routes")


async def test_anothers_is_unknown(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path = await made(await invited(hub, "shop", "manager"))
        other = await invited(hub, "omni", "owner")
        assert (await other.get(path)).status_code == 404
        assert (await other.get(f"{path}/listings")).status_code == 404
        assert (await other.get(f"{path}/change")).status_code == 404
        for step in ("/test", "/delete", "/listings/match"):
            await other.get(PATH)
            assert (await other.post(path + step, {"version": "1"})).status_code == 404, step
        assert (await stored(hub, "connections"))[0]["title"] == "Shelf"


async def test_what_a_vendor_asks_for_is_said_in_the_readers_language(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        chinese = {"accept-language": "zh-CN"}
        for dialect, client in hub.hub.port.relayer.clients.items():
            await browser.get(f"{PATH}/new?dialect={dialect}", headers=chinese)
            for member in (*client.credentials, *client.options):
                assert member.about not in unescape(browser.page), member.about
            await browser.get(f"{PATH}/new?dialect={dialect}")
            for member in (*client.credentials, *client.options):
                assert member.about in unescape(browser.page), member.about
