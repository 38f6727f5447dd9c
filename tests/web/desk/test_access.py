"""Deny by default: every page and form of the desk × every role × every tenant, walked whole."""

import re
from pathlib import Path

import httpx
import pytest

from orderhub.core.people import SCOPES_OF, Role
from orderhub.dialects.contract import Route
from orderhub.web.desk import desk, files
from orderhub.web.desk.page import SIGNED_IN, Guard, Open
from orderhub.web.hub_api.access import OPERATOR, SCOPES
from tests.support.hub import running_hub
from tests.web.desk.browser import LOGIN, Browser, invited
from tests.web.hub_client import sell

ROUTES = [route for route in desk().routes if route not in files.ROUTES]
# What is open on purpose: each of these shows nothing of anybody's.
OPEN = {"/", "/desk", "/desk/login", "/desk/login/code", "/desk/welcome"}
GUARDED = [route for route in ROUTES if isinstance(route.handler, Guard)]
FORMS = [route for route in GUARDED if route.method == "POST"]
# After these nobody is signed in, or looks at another tenant: the walk would end there.
LAST = ("/desk/logout",)
# Whose {uid} is no order's: the walk's own is unknown there, which is not refused.
OF_OTHER_THINGS = (
    "/desk/requests/",
    "/desk/webhooks/",
    "/desk/credentials/",
    "/desk/sandboxes/",
    "/desk/onward/",
    "/desk/connections/",
    "/desk/routes/",
)


def guard_of(route: Route) -> Guard:
    assert isinstance(route.handler, Guard)
    return route.handler


def path_of(route: Route, uid: str) -> str:
    names = {"uid": uid, "dialect": "kakaclo", "product": "1", "variant": "1", "coupon": "1"}
    return re.sub(r"\{(\w+)\}", lambda found: names[found.group(1)], route.path)


async def went_to(browser: Browser, route: Route, uid: str) -> httpx.Response:
    if route.method == "GET":
        return await browser.get(path_of(route, uid))
    await browser.get("/desk/account")  # whose token is that of every page
    return await browser.post(path_of(route, uid))


def is_login(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith(LOGIN)


def test_every_page_has_a_guard_and_only_some_are_open() -> None:
    assert {route.path for route in ROUTES if isinstance(route.handler, Open)} == OPEN
    assert all(isinstance(route.handler, Guard | Open) for route in ROUTES)
    assert {guard_of(route).scope for route in GUARDED} <= {SIGNED_IN, OPERATOR, *SCOPES}
    # What changes anything is a form, which is drawn by the hub.
    assert {route.method for route in ROUTES} == {"GET", "POST"}
    for route in ROUTES:
        assert isinstance(route.handler, Guard | Open)
        assert (route.handler.again is not None) is (route.method == "POST"), route.path


async def test_nobody_gets_in_who_is_not_signed_in(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        for cookie in ("", "made-up", "x" * 5_000):
            browser = Browser(hub)
            if cookie:
                browser.client.cookies.set("desk", cookie)
            for route in GUARDED:
                path = path_of(route, order["uid"])
                answer = await browser.client.request(route.method, path)
                assert is_login(answer), (route.method, path, cookie[:10])


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OPERATOR])
async def test_each_role_opens_its_pages_and_no_other(tmp_path: Path, role: Role) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        browser = await invited(hub, "shop", role)
        for route in sorted(GUARDED, key=lambda each: each.path in LAST):
            scope, path = guard_of(route).scope, path_of(route, order["uid"])
            where = f"{role}: {route.method} {path}"
            if route.method == "POST":
                await browser.get("/desk/account")  # whose token is that of every page
                forged = await browser.client.post(path)
                assert forged.status_code == 403, where
                answer = await browser.post(path)
            else:
                answer = await browser.get(path)
            if scope in (SIGNED_IN, *SCOPES_OF[role]):
                assert answer.status_code in (200, 303, 404, 422), where
                unknown = path == "/desk/tenant" or path.startswith(OF_OTHER_THINGS)
                assert answer.status_code != 404 or unknown, where
                assert path in LAST or not is_login(answer), where
            else:
                assert answer.status_code == 403, where
                assert "This is not yours to do" in browser.text


@pytest.mark.parametrize("role", ["viewer", "owner"])
async def test_what_is_anothers_is_like_what_is_not_there(tmp_path: Path, role: str) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        browser = await invited(hub, "omni", role)
        unknown = "01900000-0000-7000-8000-000000000000"
        walked = 0
        for route in GUARDED:
            if "{uid}" not in route.path or guard_of(route).scope not in SCOPES_OF[Role(role)]:
                continue
            walked += 1
            said = []
            for uid in (order["uid"], unknown):
                answer = await went_to(browser, route, uid)
                said.append((answer.status_code, browser.text.replace(uid, "")))
            assert said[0] == said[1]
            assert said[0][0] in (404, 422)
        assert walked
        await browser.get("/desk/orders")
        assert order["number"] not in browser.page
        await browser.get(f"/desk/orders?q={order['number']}")
        assert f"/desk/orders/{order['uid']}" not in browser.page


async def test_who_has_no_role_sees_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        browser = await invited(hub, "shop", "owner", "gone@shop.test")
        path = "/hub/v1/tenants/shop/users/gone@shop.test/role"
        headers = {"Authorization": "Bearer hub-demo-operator"}
        await hub.request("PUT", path, json={"role": None}, headers=headers)
        for route in GUARDED:
            if guard_of(route).scope == SIGNED_IN:
                continue
            answer = await went_to(browser, route, order["uid"])
            assert answer.status_code == 403, route.path
            assert order["number"] not in browser.page
