"""The documentation in a browser: every page by its height and width, and what its script adds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from orderhub.dialects.finding import find_dialects
from orderhub.web.docs import pages, reference
from orderhub.web.docs.guides import guides
from orderhub.web.hub_api.docs import document_of
from tests.support.dialects import HUB
from tests.support.hub_process import Served

MOST_PX = 6_000
CREATE = "/docs/kakaclo/post_openapi_v1_order_order"


def of_guides() -> list[str]:
    """Every page of a guide, of a decision and of the navigation."""
    found = ["", "/reference", "/decisions", "/search?q=order"]
    for name in guides():
        text = pages.parts(name)
        found += [
            f"/{name}",
            *(f"/{name}/{each.place}" for each in (text.sections if text else ())),
        ]
    return found


def of_api(name: str) -> list[str]:
    """Every page of an API: its index, operations, shapes, the sections of its README."""
    dialect = next(each for each in (*find_dialects(), HUB) if each.name == name)
    told = document_of(dialect)[0]
    behind = [operation["operationId"] for _, operation in reference.operations_of(told)]
    behind += [f"shapes/{each}" for each in told["components"]["schemas"]]
    behind += [each.place for each in pages.about(name).sections]
    behind += [reference.WRONG] if told["components"]["responses"] else []
    return [f"/{name}", *(f"/{name}/{each}" for each in behind)]


APIS = [each.name for each in (*find_dialects(), HUB)]


@pytest.mark.parametrize("shelf", ["guides", *APIS])
def test_no_page_is_too_high_or_too_wide_for_a_phone(open_window, shelf: str) -> None:
    desk = open_window("")
    faults = []
    for path in of_guides() if shelf == "guides" else of_api(shelf):
        page = desk.open(f"/docs{path}")
        height = page.evaluate("document.documentElement.scrollHeight")
        if height > MOST_PX:
            faults.append(f"/docs{path}: {height} px high")
        if wide := desk.too_wide():
            faults.append(f"/docs{path}: {wide}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/reference",
        "/start",
        "/merchant",
        "/operator",
        "/desk",
        "/architecture",
        "/problems",
        "/catalogue/products",
        "/mews",
        "/tours4fun/post_v2_order_add",
        "/hub/get_hub_v1_orders",
        "/search?q=order",
    ],
)
def test_a_page_keeps_nobody_out(open_window, path: str) -> None:
    desk = open_window("")
    desk.open(f"/docs{path}")
    assert not desk.faults()


def copied_by(page: Page, button: Locator) -> str:
    """What is in the clipboard once the button says so."""
    button.click()
    expect(button).to_have_text("Copied")
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_an_example_is_copied_as_it_stands(open_window) -> None:
    desk = open_window("", permissions=["clipboard-read", "clipboard-write"])
    page = desk.open(CREATE)
    copied = copied_by(page, page.locator("pre.command + button.copy"))
    assert copied == page.locator("pre.command").inner_text()
    assert copied.startswith(f"curl -X POST {desk.url}/openapi/v1/order/order")


def test_of_a_session_the_commands_alone_are_copied(open_window) -> None:
    desk = open_window("", permissions=["clipboard-read", "clipboard-write"])
    page = desk.open("/docs/start")
    copied = copied_by(page, page.locator("button.copy").first)
    assert [each.split(" ")[0] for each in copied.split("\n")] == ["curl", "curl"]


def test_a_call_is_tried_from_its_page_and_leaves_nothing_unless_it_is_to(
    open_window, demo: Served
) -> None:
    def orders() -> int:
        listed = demo.ask("GET", "/hub/v1/orders?limit=100&word=Try", "hub-demo-dropship")
        return len(listed.json()["items"])

    desk = open_window("")
    page = desk.open(CREATE)
    body = json.loads(page.locator("textarea[name=body]").input_value())
    for order in body if isinstance(body, list) else [body]:
        order["orderAddresses"]["recipient"] = "Try Out"
    page.fill("textarea[name=body]", json.dumps(body))
    for is_dry, there in ((True, 0), (False, 1)):
        if not is_dry:
            page.uncheck("input[name=dry]")
        page.click("form.try button:not(.copy)")
        expect(page.locator("output")).to_have_text(re.compile("^200.*10000", re.DOTALL))
        assert orders() == there


def test_an_address_of_before_leads_to_the_page_that_it_is_now(open_window) -> None:
    desk = open_window("")
    for before, now in (
        ("/docs/kakaclo#post_openapi_v1_order_order", CREATE),
        ("/docs/tours4fun#shape-Room", "/docs/tours4fun/shapes/Room"),
        ("/docs/catalogue#coupons", "/docs/catalogue/coupons"),
        ("/docs/hub-api#orders", "/docs/hub-api/orders"),
    ):
        page = desk.open("/docs")
        page.goto(desk.url + before)
        page.wait_for_url(f"**{now}")


def test_without_a_script_all_of_it_is_read_and_found(open_window) -> None:
    desk = open_window("", java_script_enabled=False)
    page = desk.open("/docs")
    page.fill("[name=q]", "refund_v2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/docs/search?q=refund_v2")
    page.locator("ul.hits a").first.click()
    page.wait_for_url("**/docs/kakaclo/**")
    assert page.locator("pre.command").is_visible()
    assert not page.locator("form.try").is_visible()
    assert not page.locator("button:visible").count()


def test_there_are_pages_for_all_of_it() -> None:
    assert len(of_guides()) > 100
    assert sum(len(of_api(name)) for name in APIS) > 300
    assert (Path(__file__).parents[2] / "docs" / "start.md").is_file()
