"""Forms as they come back: drawn again, sent twice, or older than what stands. One rule holds for each of the desk."""

import re
from pathlib import Path
from typing import Any

import pytest

from orderhub.core.people import Role
from orderhub.web.desk import desk, sessions
from tests.support.hub import HubUnderTest, running_hub
from tests.web.desk import test_connections, test_credentials, test_webhooks
from tests.web.desk.browser import LOGIN, Browser, as_operator, invited, signed_in
from tests.web.desk.test_access import path_of
from tests.web.desk.test_sign_in import rewind
from tests.web.desk.test_stock import POOL, left
from tests.web.hub_client import AS_SHOP, SHOP, sell, token

OVERTAKEN = "Somebody else changed it meanwhile."
SENT_BEFORE = "This was sent before."
TEMPLATES = Path(__file__).parents[3] / "src" / "orderhub" / "web" / "desk" / "templates"


async def two(hub: HubUnderTest, path: str) -> tuple[Browser, dict[str, Any], dict[str, Any]]:
    """Somebody, and the form of a page as two windows of theirs have it."""
    browser = await signed_in(hub)
    await browser.get(path)
    members = browser.members(path)
    assert members, browser.text
    return browser, dict(members), dict(members)


def test_every_form_that_does_something_is_drawn_in_one_way() -> None:
    """By `ui.post`, which gives it its token, its version or key, and what was sent to it alone."""
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        if path.name != "macros.html":
            assert 'method="post"' not in text, path.name
            assert not re.search(r'name="(version|_once|_form)"', text), path.name
        assert not re.search(r"form\.(first|members)", text), path.name
        # A box is ticked by what was sent in its own form.
        assert path.name == "macros.html" or " checked" not in text, path.name


# --- older than what stands


async def test_who_is_overtaken_sees_what_stands_and_undoes_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path = "/desk/products/188"
        browser, first, second = await two(hub, path)
        assert (await browser.post(path, {**first, "title": "A's"})).status_code == 303
        answer = await browser.post(path, {**second, "price": "77.00", "active": "false"})
        assert (answer.status_code, OVERTAKEN in browser.text) == (422, True)
        shown = browser.members(path)
        assert (shown["title"], shown["price"]) == (["A's"], first["price"])
        assert shown["version"] != second["version"]
        assert "You sent: 77.00" in browser.text
        assert f"You sent: {second['title'][0]}" in browser.text
        assert "You sent: no" in browser.text
        assert (await browser.post(path, {**shown, "price": "77.00"})).status_code == 303
        await browser.get(path)
        shown = browser.members(path)
        assert (shown["title"], shown["price"]) == (["A's"], ["77"])


async def test_an_address_that_somebody_else_put_right_stays(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path = f"/desk/orders/{(await sell(hub, 1))['uid']}/amend"
        browser, first, second = await two(hub, path)
        done = await browser.post(path, {**first, "city": "Lyon", "sure": "true"})
        assert done.status_code == 303
        await browser.post(path, {**second, "notes": "ring twice"})
        shown = browser.members(path)
        assert (shown["city"], shown["notes"]) == (["Lyon"], second["notes"])
        assert "You sent: ring twice" in browser.text
        await browser.post(path, {**shown, "notes": "ring twice"})
        assert re.search("What it would be then Notes [^ ]* ring twice", browser.text)
        assert "Lyon" not in browser.text


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("/desk/settings", {"time_zone": "Asia/Tokyo"}, {"auto_finish_h": "5"}),
        ("/desk/account", {"name": "Ana"}, {"language": "zh_Hans_CN"}),
    ],
)
async def test_what_has_no_version_of_its_own_is_not_undone(
    tmp_path: Path, path: str, first: dict[str, str], second: dict[str, str]
) -> None:
    async with running_hub(tmp_path) as hub:
        browser, early, late = await two(hub, path)
        assert (await browser.post(path, {**early, **first})).status_code == 303
        answer = await browser.post(path, {**late, **second})
        assert (answer.status_code, OVERTAKEN in browser.text) == (422, True)
        ((name, text),) = first.items()
        assert browser.members(path)[name] == [text]
        assert (await browser.post(path, {**browser.members(path), **second})).status_code == 303
        await browser.get(path)
        now = browser.members(path)
        assert {each: now[each] for each in (*first, *second)} == {
            each: [text] for each, text in (*first.items(), *second.items())
        }


async def test_a_revoked_token_is_not_brought_back_by_an_older_page(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        path, (shown, _) = await test_credentials.made(
            browser, kind="hub", label="Leaked", scopes=["orders:read"]
        )
        await browser.get(path)
        older = browser.members(path)
        assert older["enabled"] == ["true"]
        assert (await browser.post(f"{path}/revoke")).status_code == 303
        answer = await browser.post(path, {**older, "label": "Old"})
        assert (answer.status_code, OVERTAKEN in browser.text) == (422, True)
        assert "enabled" not in browser.members(path)
        assert "You sent: yes" in browser.text
        assert (await hub.get("/hub/v1/orders", headers=token(shown))).status_code == 401


async def test_a_role_that_somebody_else_changed_is_looked_at_first(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await invited(hub, SHOP, Role.STAFF, "ana@x.test")
        browser = await signed_in(hub)
        await browser.get("/desk/people")
        path = "/desk/people/role"
        older = {"person": "ana@x.test", "role": "manager", "version": "staff"}
        assert (await browser.post(path, {**older, "role": "viewer"})).status_code == 303
        answer = await browser.post(path, older)
        assert (answer.status_code, OVERTAKEN in browser.text) == (422, True)


# --- sent twice


async def test_what_is_sent_twice_is_counted_once(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get(POOL)
        path = "/desk/stock/pool"
        said = {**browser.members(path), "by": "5", "reason": "arrived"}
        # What is refused was not counted, and may be sent again as it is.
        for _ in range(2):
            answer = await browser.post(path, {**said, "by": "x"})
            assert "by is a whole number" in browser.text
        assert (await browser.post(path, said)).status_code == 303
        answer = await browser.post(path, said)
        assert (answer.status_code, SENT_BEFORE in browser.text) == (422, True)
        assert "You sent: 5" in browser.text
        assert browser.members(path)["by"] == [""]
        assert await left(hub) == 1_005
        again = {**browser.members(path), "by": "5", "reason": "arrived, too"}
        assert (await browser.post(path, again)).status_code == 303
        assert await left(hub) == 1_010


@pytest.mark.parametrize(
    ("path", "said", "what"),
    [
        ("/desk/products/new", {"title": "Twice"}, "tenants/shop/catalogue/products"),
        ("/desk/webhooks", {"url": "http://127.0.0.1:9"}, "webhooks"),
        (
            "/desk/credentials",
            {"kind": "hub", "scopes": ["orders:read"]},
            "tenants/shop/credentials",
        ),
    ],
)
async def test_what_is_sent_twice_is_made_once(
    tmp_path: Path, path: str, said: dict[str, Any], what: str
) -> None:
    async with running_hub(tmp_path) as hub:

        async def count() -> int:
            answer = await hub.get(f"/hub/v1/{what}", params={"limit": "200"}, headers=AS_SHOP)
            return len(answer.json()["items"])

        browser = await signed_in(hub)
        await browser.get(path)
        members, before = {**browser.members(path), **said}, await count()
        assert (await browser.post(path, members)).status_code in (200, 303)
        answer = await browser.post(path, members)
        assert (answer.status_code, SENT_BEFORE in browser.text) == (422, True)
        assert await count() == before + 1


async def test_a_sandboxs_clock_goes_on_once(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/sandboxes")
        path = "/desk/sandboxes/clock"
        members = {**browser.members(path), "action": "advance", "hours": "5"}
        assert (await browser.post(path, members)).status_code == 303
        assert (await browser.post(path, members)).status_code == 422
        assert SENT_BEFORE in browser.text


# --- drawn again


async def test_a_fault_of_one_form_empties_no_other(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        path, _ = await test_webhooks.made(
            browser,
            url="http://127.0.0.1:9",
            title="Shelf",
            kinds=["order.placed", "order.paid"],
            channels=["kakaclo"],
        )
        await browser.get(path)
        before = browser.members(path)
        assert (before["kinds"], before["enabled"]) == (["order.placed", "order.paid"], ["true"])
        answer = await browser.post(f"{path}/replay", {"since": "nonsense"})
        assert answer.status_code == 422
        assert browser.members(f"{path}/replay")["since"] == ["nonsense"]
        after = browser.members(path)
        assert {**after, "_form": []} == {**before, "_form": []}
        # And what was unticked stays so, whatever else is wrong.
        said = {name: each for name, each in after.items() if name not in ("enabled", "kinds")}
        answer = await browser.post(path, {**said, "url": "ftp://x"})
        assert answer.status_code == 422
        again = browser.members(path)
        assert "enabled" not in again
        assert "kinds" not in again
        assert (again["url"], again["channels"]) == (["ftp://x"], ["kakaclo"])


async def test_a_wrong_password_stands_beside_the_field_that_it_was_typed_in(
    tmp_path: Path,
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/account")
        asked = {"old": "wrong", "password": "another-good-one"}
        answer = await browser.post("/desk/account/password", asked)
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in browser.form("/desk/account/password")
        assert 'aria-invalid="true"' not in browser.form("/desk/account/factor")


@pytest.mark.parametrize(
    ("said", "member"),
    [({"countries": "USA"}, "countries"), ({"channels": ["nope"]}, "channels")],
)
async def test_what_is_wrong_within_a_list_stands_beside_its_field(
    tmp_path: Path, said: dict[str, Any], member: str
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        connection = (await test_connections.made(browser)).rpartition("/")[2]
        await browser.get("/desk/routes")
        answer = await browser.post("/desk/routes", {"connection": connection, **said})
        assert answer.status_code == 422
        assert f'class="fault" id="d-{member}"' in browser.page


async def test_what_is_wrong_of_one_thing_stands_beside_its_field(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        path = f"{await test_connections.made(browser)}/listings"
        await browser.get(path)
        for code in ("NOPE", "product:abc"):
            answer = await browser.post(path, {"code": code, "item": "x"})
            assert (answer.status_code, 'class="fault" id="d-code"' in browser.page) == (422, True)
        operator = await as_operator(hub)
        await operator.get("/desk/tenants")
        said = {"name": "acme", "currency": "no", "time_zone": "UTC"}
        answer = await operator.post("/desk/tenants", said)
        assert (answer.status_code, 'class="fault" id="d-currency"' in operator.page) == (422, True)
        await browser.get("/desk/credentials")
        answer = await browser.post("/desk/credentials", {"kind": "hub"})
        assert (answer.status_code, 'class="fault" id="d-scopes"' in browser.page) == (422, True)


async def test_units_that_are_not_there_are_said_beside_their_line(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path = f"/desk/orders/{(await sell(hub, 2))['uid']}/cancel"
        browser = await signed_in(hub)
        order = path.rpartition("/")[0]
        await hub.pay(order.rpartition("/")[2])
        for step in ("ship", "refund"):
            await browser.get(f"{order}/{step}")
            said = {"extent": "units", "units-1": "99"}
            answer = await browser.post(f"{order}/{step}", said)
            assert answer.status_code == 422
            assert "This is at most 2." in browser.text
            assert 'class="fault" id="d-units-1"' in browser.page


async def test_a_number_too_large_leaves_the_form_as_it_was_typed(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        path = "/desk/connections/new"
        await browser.get(f"{path}?dialect=kakaclo")
        said = {"base_url": "http://127.0.0.1:9", "title": "Mine", "credentials.token": "x"}
        for member in ("settle_s", "timeout_s", "window_s"):
            answer = await browser.post(path, {**browser.members(path), **said, member: "1e308"})
            assert answer.status_code == 422, member
            assert browser.members(path)["title"] == ["Mine"]
            assert 'role="alert"' in browser.page


# --- opened once more


async def test_the_path_of_every_form_can_be_opened(tmp_path: Path) -> None:
    """After a form was refused it is what the address bar has, and where signing in leads back to."""
    async with running_hub(tmp_path) as hub:
        uid = (await sell(hub, 1))["uid"]
        browser = await as_operator(hub)
        for route in desk().routes:
            if route.method != "POST" or route.path == LOGIN:
                continue
            path = path_of(route, uid)
            answer = await browser.get(f"{path}?language=en")
            assert answer.status_code in (200, 303, 404), path
            assert answer.headers.get("location", "").partition("?")[0] != path


async def test_the_password_once_more_leads_back_to_the_page_of_the_form(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/people")
        rewind(hub, browser, proven_at=sessions.PROVEN_FOR_S)
        referer = {"referer": f"{hub.client.base_url}/desk/people/role"}
        said = {"email": "a@x.test", "role": "staff"}
        answer = await browser.post("/desk/people", said, headers=referer)
        assert answer.headers["location"] == "/desk/again?next=/desk/people/role"
        await browser.get(answer.headers["location"])
        assert "Nothing was done yet" in browser.text
        back = await browser.get("/desk/people/role")
        assert (back.status_code, back.headers["location"]) == (303, "/desk/people")


async def test_who_was_signed_out_over_a_form_is_told_so_and_led_back(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/products/new")
        rewind(hub, browser, seen_at=sessions.IDLE_S + 1)
        for told, location in (
            (f"{hub.client.base_url}/desk/products/new?x=1", "?next=/desk/products/new%3Fx%3D1"),
            ("http://[", ""),
            ("https://evil.example/desk/products/new", ""),
        ):
            answer = await browser.post("/desk/products/new", headers={"referer": told})
            assert answer.headers["location"] == f"{LOGIN}{location}"
        await browser.get(answer.headers["location"])
        assert "Your session had ended, and nothing was done" in browser.text
