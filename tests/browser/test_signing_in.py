"""Who gets in, who does not any more, and what is not a form of the hub's own."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.desk import OWNER, PASSWORD, Desk


def test_who_is_not_signed_in_comes_back_to_the_page_they_wanted(open_window) -> None:
    desk = open_window("")
    desk.open("/desk/stock")
    assert desk.path == "/desk/login?next=/desk/stock"
    assert not desk.faults()
    desk.page.get_by_label("E-mail").fill(OWNER)
    desk.page.get_by_label("Password").fill(PASSWORD)
    desk.page.get_by_role("button", name="Sign in").click()
    desk.page.wait_for_url("**/desk/stock")


def test_a_wrong_password_is_said_in_words(open_window) -> None:
    desk = open_window("")
    desk.open("/desk/login")
    desk.expected.add(422)
    desk.page.get_by_label("E-mail").fill(OWNER)
    desk.page.get_by_label("Password").fill("not this one")
    desk.page.get_by_role("button", name="Sign in").click()
    expect(desk.page.get_by_role("alert")).to_be_visible()
    expect(desk.page.get_by_label("Password")).to_have_value("")
    assert not desk.faults()


def test_a_session_that_ended_leads_to_signing_in(open_window) -> None:
    """Ended elsewhere, as by 12 idle hours: the next click finds nobody signed in."""
    desk, other = open_window(""), open_window("")
    desk.sign_in("owner@shop.example")
    other.sign_in("owner@shop.example")
    other.open("/desk/account")
    # The newest session but this one is the other window's.
    rows = other.page.locator("form[action='/desk/account/sessions/end'] button")
    before = rows.count()
    assert before
    for left in reversed(range(before)):
        rows.first.click()
        expect(rows).to_have_count(left)
    desk.page.get_by_role("link", name="Customers").click()
    desk.page.wait_for_url("**/desk/login?next=/desk/customers")


def test_a_cookie_that_is_gone_leads_to_signing_in(desk: Desk) -> None:
    desk.open("/desk/orders")
    desk.context.clear_cookies()
    desk.page.get_by_role("link", name="Customers").click()
    desk.page.wait_for_url("**/desk/login?next=/desk/customers")


def test_a_forged_form_is_refused_and_does_nothing(desk: Desk) -> None:
    """From another site's page, with the person's own cookies, or by a token that was made up."""
    page = desk.open("/desk/settings")
    before = page.get_by_label("Time zone").input_value()
    desk.expected.add(403)
    page.locator("main form [name=_form]").first.evaluate("(each) => { each.value = 'forged' }")
    page.get_by_label("Time zone").fill("UTC")
    with page.expect_navigation() as answered:
        page.get_by_role("button", name="Save").click()
    assert answered.value.status == 403
    assert not desk.faults()
    page = desk.open("/desk/settings")
    assert page.get_by_label("Time zone").input_value() == before


def test_another_site_sends_no_cookie_with_its_form(desk: Desk) -> None:
    there = desk.url.replace("127.0.0.1", "localhost")
    page = desk.page
    page.route(
        "http://evil.test/",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<form method="post" action="{desk.url}/desk/settings"><button>Go</button></form>',
        ),
    )
    assert there != desk.url
    page.goto("http://evil.test/")
    desk.expected.update({403})
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.click("button")
    assert "cookie" not in answered.value.request.all_headers()
    desk.page.wait_for_url("**/desk/login")
    assert desk.foreign.pop(0) == "http://evil.test/"


def test_no_cookie_is_in_reach_of_a_script(desk: Desk) -> None:
    page = desk.open("/desk/orders")
    assert page.evaluate("document.cookie") == ""
    assert all(cookie["httpOnly"] for cookie in desk.context.cookies())
    assert {cookie["sameSite"] for cookie in desk.context.cookies()} == {"Lax"}
