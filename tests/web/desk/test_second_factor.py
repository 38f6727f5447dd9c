"""The second factor: set up with the password, asked for after it, and given up with it."""

import re
import time
from html import unescape
from pathlib import Path

import pyotp
import pytest
import segno

from orderhub.demo import PASSWORD
from orderhub.web.desk.page import HOME
from tests.support.hub import HubUnderTest, operator_headers, running_hub
from tests.web.desk.browser import LOGIN, Browser, signed_in
from tests.web.desk.test_sign_in import OWNER, person, rewind


def code_of(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


async def with_factor(hub: HubUnderTest, browser: Browser) -> str:
    await browser.get("/desk/account")
    secret = browser.page.split('name="secret" value="')[1].split('"')[0]
    asked = {"secret": secret, "old": PASSWORD}
    wrong = await browser.post("/desk/account/factor", {**asked, "code": code_of(secret, 40)})
    assert wrong.status_code == 422
    done = await browser.post("/desk/account/factor", {**asked, "code": code_of(secret, -1)})
    assert done.status_code == 303, browser.text
    return secret


async def test_a_second_factor_can_be_scanned(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/account")
        uri = unescape(browser.page.split('href="otpauth:')[1].split('"')[0])
        drawn = segno.make_qr(f"otpauth:{uri}", error="m").svg_inline()
        (dots,) = re.findall(r'class="qrline" stroke="#000" d="([^"]*)"', drawn)
        assert f' d="{dots}"' in browser.page
        assert uri.startswith("//totp/OrderHub:owner%40shop.example?secret=")


@pytest.mark.parametrize("secret", ["1", "", "ä", "A" * 31, "A" * 500])
async def test_a_secret_that_no_page_drew_is_no_second_factor(tmp_path: Path, secret: str) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/account")
        answer = await browser.post(
            "/desk/account/factor", {"secret": secret, "code": "123456", "old": PASSWORD}
        )
        assert answer.status_code == 422
        assert not person(hub, OWNER).totp


async def test_a_second_factor_is_changed_by_who_knows_the_password(tmp_path: Path) -> None:
    """Not by who sits at an open browser: they would lock its owner out, or keep a way in."""
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        own = {"secret": "A" * 32, "code": code_of("A" * 32)}
        for password in ({}, {"old": "wrong"}):
            await browser.get("/desk/account")
            answer = await browser.post("/desk/account/factor", {**own, **password})
            assert (answer.status_code, person(hub, OWNER).totp) == (422, "")
        await with_factor(hub, browser)
        before = person(hub, OWNER).totp
        for password in ({}, {"old": PASSWORD}):
            await browser.get("/desk/account")
            answer = await browser.post("/desk/account/factor", {**own, **password})
            assert (answer.status_code, person(hub, OWNER).totp) == (422, before)
        assert "There is a second factor already" in browser.text


async def test_who_has_a_second_factor_gets_where_they_wanted_to_go(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        secret = await with_factor(hub, await signed_in(hub))
        browser = Browser(hub)
        asked = await browser.get("/desk/stock?level=low")
        await browser.get(asked.headers["location"])
        answer = await browser.post(LOGIN, {"email": OWNER, "password": PASSWORD, **_next(browser)})
        await browser.get(answer.headers["location"])
        path = "/desk/login/code"
        wrong = await browser.post(path, {"code": "000000", **_next(browser)})
        assert wrong.status_code == 422
        answer = await browser.post(path, {"code": code_of(secret), **_next(browser)})
        assert answer.headers["location"] == "/desk/stock?level=low"


def _next(browser: Browser) -> dict[str, str]:
    (found,) = re.findall(r'name="next" value="([^"]*)"', browser.page)
    return {"next": unescape(found)}


async def test_a_second_factor_is_asked_for_and_a_code_opens_once(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        secret = await with_factor(hub, await signed_in(hub))
        assert secret not in person(hub, OWNER).totp  # it is kept encrypted
        browser = Browser(hub)
        answer = await browser.sign_in(OWNER)
        assert answer.headers["location"] == "/desk/login/code"
        assert (await browser.get(HOME)).headers["location"] == "/desk/login/code"
        await browser.get("/desk/login/code")
        for wrong in ("000000", code_of(secret, 40), "", "９９９９９９", code_of(secret, -1)):
            answer = await browser.post("/desk/login/code", {"code": wrong})
            assert answer.status_code == 422, wrong
        code = code_of(secret)
        answer = await browser.post("/desk/login/code", {"code": f"{code[:3]} {code[3:]}"})
        assert answer.headers["location"] == HOME
        assert (await browser.get(HOME)).status_code == 200
        again = Browser(hub)
        await again.sign_in(OWNER)
        await again.get("/desk/login/code")
        assert (await again.post("/desk/login/code", {"code": code})).status_code == 422


async def test_a_code_is_waited_for_five_minutes_and_guessed_twenty_times(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        hub.stop_watch()
        secret = await with_factor(hub, await signed_in(hub))
        browser = Browser(hub)
        await browser.sign_in(OWNER)
        rewind(hub, browser, seen_at=301)
        assert (await browser.get("/desk/login/code")).headers["location"] == LOGIN
        await browser.sign_in(OWNER)
        await browser.get("/desk/login/code")
        for _ in range(20):
            answer = await browser.post("/desk/login/code", {"code": "123"})
            assert answer.status_code == 422
        assert (
            await browser.post("/desk/login/code", {"code": code_of(secret)})
        ).status_code == 429


async def test_who_lost_the_second_factor_is_reset(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await with_factor(hub, browser)
        answer = await hub.post(
            f"/hub/v1/tenants/shop/users/{OWNER}/reset", headers=operator_headers()
        )
        assert answer.status_code == 200
        assert (await browser.get(HOME)).status_code == 303
        assert (await Browser(hub).sign_in(OWNER)).status_code == 422
        anew = Browser(hub)
        assert (await anew.welcome(answer.json()["link"], "chosen anew")).status_code == 303
        assert (await anew.get(HOME)).status_code == 200


async def test_a_second_factor_is_given_up_with_the_password(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await with_factor(hub, browser)
        await browser.get("/desk/account")
        assert (await browser.post("/desk/account/factor/end", {"old": "x"})).status_code == 422
        await browser.post("/desk/account/factor/end", {"old": PASSWORD})
        assert (await Browser(hub).sign_in(OWNER)).headers["location"] == HOME


async def test_secrets_move_to_a_new_key_with_those_of_credentials(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await with_factor(hub, await signed_in(hub))
        answer = await hub.post("/hub/v1/secrets/rotate", headers=operator_headers())
        before = answer.json()
        assert before["rotated"] == 0
    new = {"secret_key": "another key", "secret_key_old": "a key for tests"}
    async with running_hub(tmp_path, **new) as hub:
        answer = await hub.post("/hub/v1/secrets/rotate", headers=operator_headers())
        assert answer.json() == {"secrets": before["secrets"], "rotated": before["secrets"]}
        stored = person(hub, OWNER).totp
        assert hub.hub.port.cipher.is_current(stored)
