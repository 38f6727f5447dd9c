"""Signing in and out: who gets in, how a session is kept, and what keeps others out."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orderhub.core.people import Link, Person
from orderhub.demo import PASSWORD, owner_of
from orderhub.dialects import passwords
from orderhub.dialects.auth import digest
from orderhub.web.desk import sessions, sign_in
from orderhub.web.desk.page import HOME, next_path
from orderhub.web.hub_api.access import OPERATOR
from tests.support.hub import HubUnderTest, operator_headers, running_hub
from tests.web.desk.browser import LOGIN, Browser, invited, signed_in

OWNER = owner_of("shop")
_US = 1_000_000


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many passwords in a moment; what argon2 does is tried by the other tests."""
    nobody = passwords.NOBODYS_HASH
    monkeypatch.setattr(
        passwords, "fits", lambda stored, given: stored != nobody and given == PASSWORD
    )


def person(hub: HubUnderTest, email: str) -> Person:
    found = hub.hub.ledger.read(lambda reads: reads.people.by_email(email))
    assert found is not None
    return found


def rewind(hub: HubUnderTest, browser: Browser, **members: int) -> None:
    """Make a session older: `seen_at=seconds`."""
    session = digest(browser.client.cookies["desk"])
    now = hub.hub.port.now_us()
    with hub.hub.ledger.directory("") as (_, directory):
        directory.people.change_session(
            session, **{name: now - seconds * _US for name, seconds in members.items()}
        )


async def test_a_password_leads_to_the_orders(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = Browser(hub)
        first = await browser.get(HOME)
        assert (first.status_code, first.headers["location"]) == (303, f"{LOGIN}?next=/desk/orders")
        answer = await browser.sign_in(f"  {OWNER.upper()} ")
        assert (answer.status_code, answer.headers["location"]) == (303, HOME)
        assert (await browser.get(HOME)).status_code == 200
        assert "shop · owner@shop.example" in browser.text
        assert person(hub, OWNER).signed_in_at > 0


async def test_where_one_wanted_to_go_is_where_one_goes(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = Browser(hub)
        asked = await browser.get("/desk/orders?status=paid&q=x")
        await browser.get(asked.headers["location"])
        wanted = {"email": OWNER, "password": PASSWORD, "next": "/desk/orders?status=paid&q=x"}
        assert 'value="/desk/orders?status=paid&amp;q=x"' in browser.page
        answer = await browser.post(LOGIN, wanted)
        assert answer.headers["location"] == "/desk/orders?status=paid&q=x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://evil.example/desk/",
        "//evil.example/desk/",
        "/desk",
        "/other",
        "/desk/\\evil",
        "/desk/x\r\nSet-Cookie: a=b",
        "/desk/" + "x" * 3_000,
        "/desk/é",
    ],
)
def test_nobody_is_led_out_of_the_desk(text: str) -> None:
    assert next_path(text) == HOME


async def test_what_is_wrong_is_said_alike_whatever_it_is(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        said = set()
        with hub.hub.ledger.directory("") as (_, directory):
            directory.people.change(person(hub, owner_of("cdp")).uid, enabled=False)
            directory.people.change(person(hub, owner_of("hotel")).uid, password="")
        for email, password in (
            (OWNER, "wrong"),
            ("nobody@shop.example", PASSWORD),
            ("no e-mail at all", PASSWORD),
            (owner_of("cdp"), PASSWORD),
            (owner_of("hotel"), ""),
            (owner_of("hotel"), "x"),
        ):
            browser = Browser(hub)
            answer = await browser.sign_in(email, password)
            assert answer.status_code == 422
            assert "desk" not in browser.client.cookies
            if password:
                said.add(browser.text.replace(email, ""))
        assert len(said) == 1
        assert "The e-mail or the password is not right." in said.pop()


async def test_guesses_are_limited_by_account_and_by_address(
    tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = Browser(hub)
        await browser.get(LOGIN)
        for _ in range(20):
            await browser.post(LOGIN, {"email": OWNER, "password": "guess"})
        answer = await browser.post(LOGIN, {"email": OWNER, "password": PASSWORD})
        assert answer.status_code == 429
        assert 800 < int(answer.headers["retry-after"]) <= 900
        # Another account of the same address goes on, until the address has guessed too often.
        for number in range(40):
            await browser.get(LOGIN)
            await browser.post(LOGIN, {"email": f"a{number}@x.test", "password": "guess"})
        other = await Browser(hub).sign_in(owner_of("omni"))
        assert other.status_code == 429
        monkeypatch.setattr(sign_in, "_WINDOW_S", 0)
        assert (await Browser(hub).sign_in(OWNER)).status_code == 303


async def test_guesses_are_remembered_by_the_ledger(tmp_path: Path, quick: None) -> None:
    """Another process counts on where the first one ended; who is right is not counted at all."""
    async with running_hub(tmp_path) as hub:
        browser = Browser(hub)
        for _ in range(30):
            assert (await Browser(hub).sign_in(OWNER)).status_code == 303
        await browser.get(LOGIN)
        for _ in range(20):
            await browser.post(LOGIN, {"email": OWNER, "password": "guess"})
        hub.stop_watch()  # nothing that the process keeps
        assert (await browser.post(LOGIN, {"email": OWNER, "password": "x"})).status_code == 429
        now = hub.hub.port.now_us()
        with hub.hub.ledger.directory("") as (_, directory):
            assert directory.people.purge(now + 1, now) > 0
        assert (await Browser(hub).sign_in(OWNER)).status_code == 303


async def test_many_guesses_at_once_are_no_more(tmp_path: Path, quick: None) -> None:
    async with running_hub(tmp_path) as hub:
        browser = Browser(hub)
        await browser.get(LOGIN)
        guess = {"_form": browser.token, "email": OWNER, "password": "guess"}
        answers = await asyncio.gather(*(browser.client.post(LOGIN, data=guess) for _ in range(30)))
        assert sorted(each.status_code for each in answers) == [422] * 20 + [429] * 10


async def test_who_signs_in_rightly_has_not_guessed(tmp_path: Path, quick: None) -> None:
    async with running_hub(tmp_path) as hub:
        hub.stop_watch()
        for _ in range(25):
            assert (await Browser(hub).sign_in(OWNER)).status_code == 303


async def test_the_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts(
    tmp_path: Path,
) -> None:
    async with running_hub(tmp_path) as hub:
        answer = await Browser(hub).sign_in(OWNER)
        assert answer.headers["set-cookie"].startswith("desk=")
        assert answer.headers["set-cookie"].endswith(
            "; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"
        )
    async with running_hub(tmp_path, base_url="https://hub.test") as hub:
        answer = await Browser(hub).sign_in(OWNER)
        assert answer.headers["set-cookie"].startswith("__Host-desk=")
        assert answer.headers["set-cookie"].endswith("; HttpOnly; SameSite=Lax; Secure")
        # What a page of plain http may have set is not looked at.
        plain = Browser(hub)
        plain.client.cookies.set("desk", answer.headers["set-cookie"].split("=")[1].split(";")[0])
        assert (await plain.get(HOME)).status_code == 303


async def test_a_session_ends_when_it_was_idle_for_twelve_hours(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        rewind(hub, browser, seen_at=sessions.IDLE_S - 60)
        assert (await browser.get(HOME)).status_code == 200  # and that was a use
        rewind(hub, browser, seen_at=sessions.IDLE_S + 1)
        answer = await browser.get(HOME)
        assert answer.headers["location"].startswith(LOGIN)
        assert (await browser.post("/desk/logout")).headers["location"] == LOGIN


async def test_who_goes_on_working_stays_signed_in(tmp_path: Path) -> None:
    """The browser forgets a cookie twelve hours after it was last told to keep it."""
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        cookie = browser.client.cookies["desk"]
        assert "set-cookie" not in (await browser.get(HOME)).headers
        rewind(hub, browser, seen_at=3_600)
        kept = (await browser.get(HOME)).headers["set-cookie"]
        assert kept.startswith(f"desk={cookie}; ")
        assert f"Max-Age={sessions.IDLE_S}" in kept
        # Who signs out meanwhile is signed out.
        rewind(hub, browser, seen_at=3_600)
        told = (await browser.post("/desk/logout")).headers.get_list("set-cookie")
        assert told[-1].startswith("desk=; ")
        await browser.get(LOGIN)
        visit = browser.client.cookies["desk-visit"]
        kept = (await browser.get(LOGIN)).headers["set-cookie"]
        assert kept.startswith(f"desk-visit={visit}; ")


async def test_a_use_is_noted(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        rewind(hub, browser, seen_at=3_600)
        await browser.get(HOME)
        found = hub.hub.ledger.read(
            lambda reads: reads.people.session(digest(browser.client.cookies["desk"]))
        )
        assert found is not None
        assert hub.hub.port.now_us() - found.seen_at < 60 * _US


async def test_old_sessions_and_links_are_removed(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        now = hub.hub.port.now_us()
        purge = hub.hub.ledger.purge_people
        assert purge(now - sessions.IDLE_S * _US, now) == 0
        rewind(hub, browser, seen_at=sessions.IDLE_S + 1)
        assert purge(now - sessions.IDLE_S * _US, now) == 1


async def test_who_signs_out_is_out_also_for_a_copy_of_the_cookie(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        copy = Browser(hub)
        copy.client.cookies.set("desk", browser.client.cookies["desk"])
        await browser.get(HOME)
        assert (await copy.get(HOME)).status_code == 200
        answer = await browser.post("/desk/logout")
        assert answer.headers["location"] == LOGIN
        assert "desk" not in browser.client.cookies
        assert (await copy.get(HOME)).status_code == 303


async def test_sessions_are_listed_and_can_be_ended(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        here = await signed_in(hub, **{"user-agent": "Firefox at work"})
        there = await signed_in(hub, **{"user-agent": "<b>Phone</b>"})
        await here.get("/desk/account")
        assert "Firefox at work" in here.text
        assert "&lt;b&gt;Phone&lt;/b&gt;" in here.page
        other = digest(there.client.cookies["desk"])
        stranger = await signed_in(hub, "omni")
        await stranger.get("/desk/account")
        await stranger.post("/desk/account/sessions/end", {"session": other})
        assert (await there.get(HOME)).status_code == 200  # nobody ends another's
        await here.post("/desk/account/sessions/end", {"session": other})
        assert (await there.get(HOME)).status_code == 303
        assert (await here.get(HOME)).status_code == 200


async def test_a_new_password_ends_every_other_session(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        here, there = await signed_in(hub), await signed_in(hub)
        await here.get("/desk/account")
        path = "/desk/account/password"
        wrong = await here.post(path, {"old": "wrong", "password": "a new one, long"})
        assert (wrong.status_code, "The password is not right." in here.text) == (422, True)
        short = await here.post(path, {"old": PASSWORD, "password": "short"})
        assert (short.status_code, "Choose 10 letters or more." in here.text) == (422, True)
        done = await here.post(path, {"old": PASSWORD, "password": "a new one, long"})
        assert done.status_code == 303
        await here.get("/desk/account")
        assert "The password is changed" in here.text
        assert (await there.get(HOME)).status_code == 303
        assert (await Browser(hub).sign_in(OWNER)).status_code == 422
        assert (await Browser(hub).sign_in(OWNER, "a new one, long")).status_code == 303


# --- links


async def test_a_link_opens_once_and_not_for_ever(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        made = await hub.post(
            "/hub/v1/tenants/shop/users",
            {"email": "new@shop.test", "role": "staff"},
            headers=operator_headers(),
        )
        link = made.json()["link"]
        short = Browser(hub)
        assert (await short.welcome(link, "short")).status_code == 422
        first, second = Browser(hub), Browser(hub)
        await second.get(link)
        assert "new@shop.test" in second.page
        assert (await first.welcome(link)).status_code == 303
        late = await second.post(
            "/desk/welcome", {"link": link.split("=")[1], "password": "of another"}
        )
        assert (late.status_code, "This link has ended" in second.text) == (404, True)
        assert (await Browser(hub).sign_in("new@shop.test")).status_code == 303
        ended = await hub.post(
            "/hub/v1/tenants/shop/users/new@shop.test/reset", headers=operator_headers()
        )
        uid = person(hub, "new@shop.test").uid
        with hub.hub.ledger.directory("") as (_, directory):
            link = ended.json()["link"]
            directory.people.add_link(
                Link(id=digest(link.split("=")[1]), person=uid, ends_at=hub.hub.port.now_us())
            )
        assert (await Browser(hub).get(link)).status_code == 404


async def test_a_link_that_another_one_followed_uses_nothing_up(tmp_path: Path) -> None:
    """It may be made while the bearer of the first one has a password hashed."""
    async with running_hub(tmp_path) as hub:
        invited = {"email": "new@shop.test", "role": "staff"}
        path = "/hub/v1/tenants/shop/users"
        made = await hub.post(path, invited, headers=operator_headers())
        again = await hub.post(f"{path}/new@shop.test/reset", headers=operator_headers())
        first, second = (each.json()["link"].split("=")[1] for each in (made, again))
        uid = person(hub, "new@shop.test").uid
        with hub.hub.ledger.directory("") as (_, directory):
            assert not directory.people.use_link(digest(first), uid)
            assert not directory.people.use_link(digest(second), "somebody else")
            assert directory.people.use_link(digest(second), uid)
            assert not directory.people.use_link(digest(second), uid)


# --- forms


async def test_a_forged_form_changes_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        other = await signed_in(hub)
        await other.get("/desk/account")
        for token in ("", "x", "é", other.token, sessions.form_token("")):
            answer = await browser.client.post(
                "/desk/account", data={"_form": token, "name": "Forged"}
            )
            assert answer.status_code == 403, token
        answer = await browser.client.post("/desk/logout")
        assert answer.status_code == 403
        assert person(hub, OWNER).name == ""
        assert (await browser.get(HOME)).status_code == 200
        nobody = Browser(hub)
        forged = {"_form": sessions.form_token(""), "email": OWNER, "password": PASSWORD}
        assert (await nobody.client.post(LOGIN, data=forged)).status_code == 403


async def test_a_form_drawn_for_one_tenant_changes_no_other(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await hub.post(
            "/hub/v1/tenants/omni/users",
            {"email": OWNER, "role": "owner"},
            headers=operator_headers(),
        )
        browser = await signed_in(hub)
        await browser.get("/desk/settings")
        drawn_for_shop = browser.token
        moved = await browser.post("/desk/tenant", {"tenant": "omni"})
        assert moved.headers["location"] == HOME
        await browser.get(HOME)
        assert "omni · " in browser.text
        change = {"_form": drawn_for_shop, "time_zone": "UTC"}
        assert (await browser.client.post("/desk/settings", data=change)).status_code == 403
        assert (await browser.post("/desk/tenant", {"tenant": "hotel"})).status_code == 404


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded", b"\xff=\xfe", 400),
        ("application/x-www-form-urlencoded", b"a=%00", 400),
        ("application/x-www-form-urlencoded", b"a=%ff", 400),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 2_000), 400),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=x", b"--y", 400),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: z\r\n\r\na\r\n--x--",
            400,
        ),
        ("", b"", 403),
    ],
)
async def test_a_body_that_is_no_form_is_refused(
    tmp_path: Path, kind: str, body: bytes, status: int
) -> None:
    async with running_hub(tmp_path) as hub:
        headers = {"content-type": kind} if kind else {}
        answer = await hub.client.post(LOGIN, content=body, headers=headers)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


# --- the password once more


async def test_the_password_is_asked_for_again_before_people(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        assert (await browser.get("/desk/people")).status_code == 200
        rewind(hub, browser, proven_at=sessions.PROVEN_FOR_S + 1)
        invitation = {"email": "x@shop.test", "role": "staff"}
        for answer in (
            await browser.post(
                "/desk/people", invitation, headers={"referer": "http://hub.test/desk/people"}
            ),
            await browser.get("/desk/people"),
        ):
            assert answer.headers["location"] == "/desk/again?next=/desk/people"
        assert (await browser.get("/desk/settings")).status_code == 200
        await browser.get("/desk/again?next=/desk/people")
        assert (await browser.post("/desk/again", {"password": "wrong"})).status_code == 422
        proven = await browser.post("/desk/again", {"password": PASSWORD, "next": "/desk/people"})
        assert proven.headers["location"] == "/desk/people"
        assert (await browser.get("/desk/people")).status_code == 200
        assert "x@shop.test" not in browser.page


async def test_who_is_disabled_is_out_at_once(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "staff")
        path = "/hub/v1/tenants/shop/users/staff@shop.test/enabled"
        answer = await hub.request("PUT", path, json={"enabled": False}, headers=operator_headers())
        assert answer.json()["enabled"] is False
        assert (await browser.get(HOME)).status_code == 303
        assert (await browser.sign_in("staff@shop.test")).status_code == 422
        await hub.request("PUT", path, json={"enabled": True}, headers=operator_headers())
        assert (await browser.sign_in("staff@shop.test")).status_code == 303


async def test_an_operator_looks_at_every_tenant(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = Browser(hub)
        await browser.sign_in("operator@hub.example")
        await browser.get(HOME)
        names = {each["name"] for each in (await _tenants(hub))}
        assert all(
            f"<option>{name}</option>" in browser.page or f">{name}<" in browser.page
            for name in names
        )
        await browser.post("/desk/tenant", {"tenant": "cdp"})
        await browser.get("/desk/settings")
        assert f"cdp · {OPERATOR}@hub.example" in browser.text


async def _tenants(hub: HubUnderTest) -> Any:
    answer = await hub.get("/hub/v1/tenants", headers=operator_headers())
    return answer.json()["items"]
