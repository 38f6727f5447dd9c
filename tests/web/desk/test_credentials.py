"""Credentials at the desk: shown once, by the API's rules, and after the password was asked for again."""

import html
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub import running_hub
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.hub_client import SHOP, token

PATH = "/desk/credentials"


async def made(browser: Browser, **members: Any) -> tuple[str, list[str]]:
    """The page of a new credential, and what was shown once."""
    await browser.get(PATH)
    answer = await browser.post(PATH, members)
    assert answer.status_code == 200, browser.text
    path = re.search(r'href="(/desk/credentials/[^"]+)"', browser.page)
    assert path
    return path[1], [
        html.unescape(each) for each in re.findall(r"<pre>([^<]+)</pre>", browser.page)
    ]


async def test_a_token_is_shown_once_used_seen_turned_and_revoked(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        path, (shown, command) = await made(
            browser, kind="hub", label="Reports", scopes=["orders:read", "pools"], days="30"
        )
        assert shown in command
        assert (await hub.get("/hub/v1/orders", headers=token(shown))).status_code == 200
        await browser.get(path)
        assert shown not in browser.page
        assert "orders:read, pools" in browser.text
        assert "Last use never" not in browser.text  # it was used a moment ago
        turned = await browser.post(f"{path}/rotate")
        assert turned.status_code == 200
        second = re.findall(r"<pre>([^<]+)</pre>", browser.page)[0]
        assert (await hub.get("/hub/v1/orders", headers=token(shown))).status_code == 401
        assert (await hub.get("/hub/v1/orders", headers=token(second))).status_code == 200
        await browser.get(path)
        await browser.post(path, {"label": "Figures", "enabled": "true"})
        await browser.get(path)
        assert "Figures" in browser.text
        assert (await browser.post(f"{path}/revoke")).status_code == 303
        assert (await hub.get("/hub/v1/orders", headers=token(second))).status_code == 401
        await browser.get(PATH)
        assert "revoked" in browser.text


async def test_a_vendors_credential_is_made_with_what_its_door_needs(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub, "shop")
        _, (shown, *_rest) = await made(browser, kind="kakaclo", label="Dropship")
        answer = await hub.post("/openapi/v1/category/list", {}, headers=token(shown))
        assert answer.status_code != 401


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"kind": "hub"}, "a token without scopes opens nothing"),
        ({"kind": "hub", "scopes": "everything"}, "scopes are"),
        ({"kind": "nothing"}, "kind is hub"),
        ({"kind": "hub", "scopes": "pools", "more": "nonsense"}, "This is no JSON object."),
        ({"kind": "hub", "scopes": "pools", "more": '{"a":' * 3_000}, "This is no JSON object."),
        ({"kind": "hub", "scopes": "pools", "more": '{"labels": 1}'}, "labels"),
        ({"kind": "hub", "scopes": "pools", "days": "0"}, "This cannot be taken."),
        ({}, "This is needed."),
    ],
)
async def test_what_is_wrong_is_said_on_the_page(
    tmp_path: Path, members: dict[str, Any], said: str
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get(PATH)
        assert (await browser.post(PATH, members)).status_code == 422
        assert said in browser.text


async def test_nobody_gives_what_they_do_not_have(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, SHOP, "manager")
        await browser.get(PATH)
        assert 'value="settings"' not in browser.page
        refused = await browser.post(PATH, {"kind": "hub", "scopes": "settings"})
        assert refused.status_code == 403


async def test_the_password_is_asked_for_again(tmp_path: Path, monkeypatch: Any) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        assert (await browser.get(PATH)).status_code == 200
        monkeypatch.setattr("orderhub.web.desk.sessions.is_proven", lambda *_: False)
        answer = await browser.get(PATH)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/desk/again?next=")


async def test_anothers_is_unknown(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        path, _ = await made(await signed_in(hub), kind="hub", scopes="pools")
        other = await signed_in(hub, "omni")
        assert (await other.get(path)).status_code == 404
        for step in ("", "/rotate", "/revoke"):
            await other.get(PATH)
            assert (await other.post(path + step)).status_code == 404, step
