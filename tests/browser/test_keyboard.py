"""Without a mouse: everything is reached by Tab, and where one is can be seen."""

from __future__ import annotations

import re

from tests.support.desk import OWNER, PASSWORD, Desk

# What has the focus: its words, and whether the focus is drawn.
FOCUSED = """() => {
  const at = document.activeElement, drawn = getComputedStyle(at);
  const words = at.getAttribute('aria-label') || at.innerText || at.name || at.value || '';
  return {words: words.trim(), tag: at.tagName, seen: drawn.outlineStyle !== 'none'};
}"""
MOST_STEPS = 150


def tab_to(desk: Desk, words: str) -> None:
    """Goes on by Tab until what has these words has the focus; each step on the way can be seen."""
    passed = []
    for _ in range(MOST_STEPS):
        desk.page.keyboard.press("Tab")
        focused = desk.page.evaluate(FOCUSED)
        passed.append(focused["words"])
        if focused["tag"] != "BODY":
            assert focused["seen"], f"nobody sees that {focused} has the focus"
        if focused["words"] == words:
            return
    raise AssertionError(f"no {words!r} on the way: {passed}")


def test_an_order_is_found_and_noted_without_a_mouse(open_window) -> None:
    desk = open_window("")
    page, keys = desk.open("/desk/login"), desk.page.keyboard
    page.wait_for_function("document.activeElement.name === 'email'")  # the page puts one there
    keys.type(OWNER)
    tab_to(desk, "password")
    keys.type(PASSWORD)
    keys.press("Enter")
    page.wait_for_url("**/desk/orders")
    # The first step leads over the navigation to the page.
    keys.press("Tab")
    assert page.evaluate(FOCUSED)["words"] == "To the page"
    keys.press("Enter")
    page.wait_for_url("**#page")
    keys.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")
    page.reload()
    tab_to(desk, "Find orders")
    keys.type("Nora")
    keys.press("Enter")
    page.wait_for_url("**/desk/orders?q=Nora")
    number = page.locator("main table a").first.inner_text()
    tab_to(desk, number)
    keys.press("Enter")
    page.wait_for_url(re.compile(r"/desk/orders/[\w-]+$"))
    tab_to(desk, "Address and notes…")
    keys.press("Enter")
    page.wait_for_url("**/amend")


def test_the_menu_of_who_is_signed_in_opens_by_a_key(desk: Desk) -> None:
    page = desk.open("/desk/orders")
    tab_to(desk, page.locator("details.who > summary").inner_text())
    page.keyboard.press("Enter")
    tab_to(desk, "Your account")
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/account")


def test_several_orders_are_ticked_by_the_space_bar(desk: Desk) -> None:
    page = desk.open("/desk/orders")
    boxes = page.locator("main table input[type=checkbox]")
    for place in (0, 1):
        tab_to(desk, boxes.nth(place).get_attribute("aria-label") or "")
        page.keyboard.press("Space")
    tab_to(desk, page.locator("#selected button").first.inner_text())
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/orders/selected**")
    assert page.locator("main table tbody tr").count() == 2
