"""What stands around every page: headers, no script, one stylesheet, errors as pages, language and zone."""

import re
from pathlib import Path

import pytest

from orderhub.dialects.contract import FaultKind
from orderhub.web.desk.words import FAULTS
from tests.support.hub import running_hub
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.desk.test_access import GUARDED, OPEN, path_of
from tests.web.hub_client import sell

TEMPLATES = Path(__file__).parents[3] / "src" / "orderhub" / "web" / "desk" / "templates"
STYLE = TEMPLATES.parent / "static" / "style.css"


async def test_every_page_says_what_a_browser_may_do_with_it(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        browser = await signed_in(hub)
        paths = [*OPEN, *(path_of(each, order["uid"]) for each in GUARDED if each.method == "GET")]
        for path in [*paths, "/desk/nothing", "/desk/orders/none"]:
            answer = await browser.get(path)
            assert answer.headers["content-type"] == "text/html; charset=utf-8", path
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'")
            assert "unsafe" not in policy
            assert "script-src" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"


def test_no_template_holds_a_script_a_style_or_an_address_elsewhere() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|https?://", text), path
        assert "| safe" not in text, path
        assert not re.search(r"autoescape|Markup", text), path
        # `_` takes its text for HTML: only what stands here is.
        assert not re.search(r"""\b(?:_|ngettext)\((?!")""", text), path
        # Every form that does something carries its token.
        for form in re.findall(r'<form[^>]*method="post".*?</form>', text, re.DOTALL):
            assert "ui.token()" in form or "{{ token() }}" in form, (path, form[:80])


def test_every_class_of_a_template_is_one_of_the_stylesheet() -> None:
    known = set(re.findall(r"\.([a-z]+)", STYLE.read_text()))
    for path in TEMPLATES.glob("*.html"):
        for names in re.findall(r'class="([^"{]*)"', path.read_text()):
            assert set(names.split()) <= known, (path.name, names)


async def test_the_stylesheet_is_kept_by_browsers_and_changes_its_path(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        page = await hub.get("/desk/login")
        for path in re.findall(r'href="(/desk/static/[^"]*)"', page.text):
            answer = await hub.get(path)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (
            (await hub.get("/desk/static/style.css")).headers["content-type"].startswith("text/css")
        )
        assert (await hub.get("/desk/static/page.py")).status_code == 404
        assert (await hub.get("/desk/static/..%2fpage.py")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/desk/nothing", FaultKind.NOT_FOUND),
        ("GET", "/desk/orders/x/y/z", FaultKind.NOT_FOUND),
        ("DELETE", "/desk/orders", FaultKind.METHOD_NOT_ALLOWED),
        ("GET", "/desk/orders?q=%00", FaultKind.MALFORMED),
        ("POST", "/desk/login", FaultKind.FORBIDDEN),
    ],
)
async def test_what_goes_wrong_is_a_page(
    tmp_path: Path, method: str, path: str, kind: FaultKind
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = Browser(hub)
        answer = await browser.client.request(method, path)
        status, title, _ = FAULTS[kind]
        assert (answer.status_code, title in answer.text) == (status, True)
        assert answer.headers["request-id"] in answer.text
        assert "orderhub" not in answer.text.replace("OrderHub", "").lower()


async def test_a_fault_of_the_hub_is_a_page_without_a_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)

        def broken(*_: object) -> None:
            raise RuntimeError("secret detail")

        monkeypatch.setattr("orderhub.web.desk.orders.find", broken)
        answer = await browser.get("/desk/orders")
        assert answer.status_code == 500
        assert "This is a fault of the hub&#39;s" in answer.text
        assert "secret detail" not in answer.text


async def test_a_page_speaks_the_readers_language(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = Browser(hub, **{"accept-language": "zh-CN"})
        page = await browser.get("/desk/login")
        assert '<html lang="zh-Hans-CN">' in page.text
        assert "登录" in page.text
        assert "Sign in" not in page.text
        assert '<html lang="en">' in (await browser.get("/desk/login?language=en")).text
        await browser.sign_in("owner@shop.example")
        await browser.get("/desk/account")
        assert "您的账户" in browser.text
        await browser.post("/desk/account", {"name": "王", "language": "en"})
        await browser.get("/desk/account")
        assert "Saved" not in browser.text  # it was said in the language of then
        assert "已保存。" in browser.text
        await browser.get("/desk/account")
        assert "Your account" in browser.text
        assert "已保存。" not in browser.text  # and once
        wrong = await browser.post("/desk/account", {"language": "tlh"})
        assert wrong.status_code == 422


async def test_the_desk_is_no_part_of_the_request_log(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/orders")
        await browser.get("/desk/orders/none")
        await hub.get("/hub/v1/orders", headers={"Authorization": "Bearer hub-demo-shop"})
        hub.hub.port.request_log.flush()
        found = await hub.get("/hub/v1/requests", headers={"Authorization": "Bearer hub-demo-shop"})
        assert [each["path"] for each in found.json()["items"]] == ["/hub/v1/orders"]


async def test_settings_are_changed_by_a_command_of_the_person(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/settings")
        change = {
            "time_zone": "America/New_York",
            "split_strategy": "nearest-first",
            "auto_close_h": "24",
            "auto_finish_h": "",
        }
        assert (await browser.post("/desk/settings", change)).status_code == 303
        await browser.get("/desk/settings")
        assert "Saved." in browser.text
        headers = {"Authorization": "Bearer hub-demo-shop"}
        known = (await hub.get("/hub/v1/tenants/shop/settings", headers=headers)).json()
        assert (known["time_zone"], known["auto_close_s"]) == ("America/New_York", 86_400)
        assert known["split_strategy"] == "nearest-first"
        for name, value in (
            ("time_zone", "Mars/Olympus"),
            ("time_zone", ""),
            ("split_strategy", "x"),
            ("auto_close_h", "-1"),
            ("auto_close_h", "1e99"),
            ("auto_close_h", "9" * 30),
        ):
            answer = await browser.post("/desk/settings", {**change, name: value})
            assert answer.status_code == 422, (name, value)
            assert 'aria-invalid="true"' in browser.page
            if name == "auto_close_h":
                assert f'value="{value}"' in browser.page  # what was typed is still there


async def test_people_are_invited_and_governed_on_their_page(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get("/desk/people")
        invitation = {"email": "new@shop.test", "role": "staff", "name": "<i>New</i>"}
        answer = await browser.post("/desk/people", invitation)
        assert answer.status_code == 200
        link = re.search(r"http://hub\.test/desk/welcome\?link=[\w-]+", browser.page)
        assert link
        assert (await Browser(hub).welcome(link[0])).status_code == 303
        await browser.get("/desk/people")
        assert "&lt;i&gt;New&lt;/i&gt;" in browser.page
        uid = re.search(r'value="([0-9a-f]{16})"', browser.page)
        assert uid
        for path, members in (
            ("role", {"role": "viewer"}),
            ("switch", {"enabled": "false"}),
            ("switch", {"enabled": "true"}),
            ("role", {"role": ""}),
        ):
            done = await browser.post(f"/desk/people/{path}", {"person": uid[1], **members})
            assert done.status_code == 303, browser.text
            await browser.get("/desk/people")
            assert "new@shop.test" in browser.text or "owner@shop.example" in browser.text
        for wrong in (
            {"email": "nothing", "role": "staff"},
            {"email": "a@b.test", "role": "operator"},
            {"email": "a@b.test", "role": "king"},
            {"email": "owner@shop.example", "role": "staff"},
        ):
            answer = await browser.post("/desk/people", wrong)
            assert answer.status_code == 422, wrong
        assert "owner@shop.example has a role there already" in browser.text
        script = "<script>alert(1)</script>"
        answer = await browser.post("/desk/people/role", {"person": script, "role": "staff"})
        assert answer.status_code == 422
        assert "no user &lt;script&gt;" in browser.page
        assert script not in browser.page
        answer = await browser.post(
            "/desk/people/role", {"person": "owner@shop.example", "role": "staff"}
        )
        assert (answer.status_code, "is the last owner" in browser.text) == (422, True)


async def test_what_goes_wrong_is_said_in_the_readers_language_and_not_as_done(
    tmp_path: Path,
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "viewer")
        await browser.get("/desk/account")
        kept = await browser.post("/desk/account", {"name": "王", "language": "zh_Hans_CN"})
        assert kept.status_code == 303
        for path, status in (("/desk/orders/xyz", 404), ("/desk/people", 403)):
            answer = await browser.get(path)
            assert answer.status_code == status
            assert '<html lang="zh-Hans-CN">' in browser.page
            assert 'role="status"' not in browser.page
        await browser.get("/desk/orders")
        assert 'role="status"' in browser.page, "what was done is told on the next page that is one"
