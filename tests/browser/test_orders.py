"""What staff do with orders all day: found, shipped in part, refunded, printed, taken away as a file."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.desk import OWNER, PHONE, Desk
from tests.support.hub_process import Served

SCRIPT = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


def order_of(demo: Served, *, quantity: int = 3, **more: object) -> dict[str, object]:
    """A paid order of `omni`, with its uid and number."""
    address = {"country": "US", "phone": "555 0100", "recipient": "Jane Doe", "province": "IL"}
    items = [{"sku": "PLENTY", "quantity": quantity}]
    body = {"orderAddress": address, "orderItemsList": items, **more}
    made = demo.ask("POST", "/openapi/v1/order/order", "omni-kakaclo", json=body)
    number = made.json()["data"]
    assert number, made.text
    found = demo.ask("GET", f"/hub/v1/orders?number={number}", "hub-demo-omni").json()["items"][0]
    if found["status"] == "pending":
        paid = demo.ask("POST", f"/hub/v1/orders/{found['uid']}/pay", "hub-demo-omni")
        assert paid.status_code == 200, paid.text
    return {"uid": found["uid"], "number": str(number)}


@pytest.fixture
def order(demo: Served) -> dict[str, object]:
    return order_of(demo)


def status_of(desk: Desk) -> str:
    return desk.page.locator("main h1 ~ .pill").inner_text()


def said(desk: Desk) -> str:
    return desk.page.get_by_role("status").inner_text()


def ship_in_part(desk: Desk, units: int) -> None:
    page = desk.page
    page.get_by_role("link", name="Ship…").click()
    page.get_by_label("PLENTY, of 3").fill(str(units))
    page.get_by_label("Carrier").fill("DHL")
    page.get_by_label("Tracking number").fill("JD0140")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("main")).to_contain_text("What it would be then")
    page.get_by_role("button", name="Ship", exact=True).click()
    page.wait_for_url(re.compile(r"/desk/orders/[\w-]+$"))


def refund_an_amount(desk: Desk, amount: str) -> None:
    page = desk.page
    page.get_by_role("link", name="Refund…").click()
    page.get_by_label("What is refunded").select_option("amount")
    page.get_by_label(re.compile("^Amount")).fill(amount)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("main")).to_contain_text(amount, use_inner_text=True)
    page.get_by_role("button", name="Refund", exact=True).click()
    page.wait_for_url(re.compile(r"/desk/orders/[\w-]+$"))


def sell_find_ship_refund(desk: Desk, order: dict[str, object]) -> None:
    """The way of an order from the search field to the money given back."""
    page = desk.page
    page.get_by_label("Find orders").first.fill(str(order["number"]))
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/orders?q=**")
    page.locator("main table a").click()
    page.wait_for_url(f"**/desk/orders/{order['uid']}")
    ship_in_part(desk, 1)
    assert "1 shipped" in page.inner_text("main table")
    assert "JD0140" in page.inner_text(".timeline")
    refund_an_amount(desk, "1.00")
    assert "1.00" in page.locator("dt", has_text="Refunded").locator("+ dd").inner_text()


def test_an_order_is_found_shipped_in_part_and_refunded(open_window, order) -> None:
    desk = open_window("")
    desk.sign_in(OWNER)
    sell_find_ship_refund(desk, order)
    assert said(desk)


def test_all_of_it_works_with_scripts_switched_off(open_window, order) -> None:
    desk = open_window("", java_script_enabled=False)
    desk.sign_in(OWNER)
    sell_find_ship_refund(desk, order)


def test_all_of_it_works_on_a_phone(open_window, order) -> None:
    desk = open_window(viewport=PHONE, has_touch=True, is_mobile=True)
    desk.open("/desk/orders")
    sell_find_ship_refund(desk, order)


def test_each_page_on_the_way_is_open_to_everybody(desk: Desk, order) -> None:
    """Those that only a form leads to: previews, refusals, what is missing, many at once."""
    page, faults = desk.open(f"/desk/orders/{order['uid']}/ship"), []
    page.get_by_label("PLENTY, of 3").fill("1")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("main")).to_contain_text("What it would be then")
    faults += desk.faults()
    desk.open(f"/desk/orders/{order['uid']}/refund")
    desk.expected.add(422)
    page.get_by_label("What is refunded").select_option("amount")
    page.get_by_label(re.compile("^Amount")).fill("much")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("alert")).to_have_text("Write an amount such as 12.50.")
    faults += desk.faults()
    desk.open("/desk/orders")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name=re.compile("^Cancel")).click()
    page.wait_for_url("**/desk/orders/selected**")
    faults += desk.faults()
    desk.open("/desk/orders/01900000-0000-7000-8000-000000000000", 404)
    faults += desk.faults()
    desk.open("/desk/orders?q=nobody-has-this")
    faults += desk.faults()
    assert not faults, "\n".join(faults)


def test_whoever_comes_second_is_told_and_changes_nothing(open_window, order) -> None:
    first, second = open_window(), open_window()
    for each in (first, second):
        each.open(f"/desk/orders/{order['uid']}")
        each.page.get_by_role("link", name="Ship…").click()
        each.page.get_by_label("PLENTY, of 3").fill("2")
        each.page.get_by_role("button", name="Preview").click()
    first.page.get_by_role("button", name="Ship", exact=True).click()
    first.page.wait_for_url(f"**/desk/orders/{order['uid']}")
    second.expected.add(422)
    second.page.get_by_role("button", name="Ship", exact=True).click()
    expect(second.page.get_by_role("alert")).to_contain_text("Somebody else changed it meanwhile")
    second.open(f"/desk/orders/{order['uid']}")
    assert "2 shipped" in second.page.inner_text("main table")


def test_a_list_is_taken_away_as_csv(desk: Desk, order, tmp_path: Path) -> None:
    page = desk.open(f"/desk/orders?q={order['number']}")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="As CSV").click()
    downloading.value.save_as(tmp_path / "orders.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "orders.csv").read_text("utf-8-sig"))))
    assert [row["number"] for row in rows] == [order["number"]]


def test_an_invoice_and_a_packing_slip_are_paper_alone(desk: Desk, order) -> None:
    for name in ("invoice", "packing-slip"):
        page = desk.open(f"/desk/orders/{order['uid']}/{name}")
        page.emulate_media(media="print")
        assert page.locator(".top").is_hidden()
        assert page.locator(".sections").is_hidden()
        assert page.locator("main button").count() == 0 or page.locator("main button").is_hidden()
        assert "Jane Doe" in page.inner_text("main")
        page.emulate_media(media="screen")
        sheet = page.pdf(format="A4")
        assert sheet.startswith(b"%PDF")
        assert len(re.findall(rb"/Type\s*/Page\b", sheet)) == 1, "one sheet of paper"


def test_a_script_in_a_remark_is_text(desk: Desk, demo: Served) -> None:
    order = order_of(demo, remark=SCRIPT)
    page = desk.open(f"/desk/orders/{order['uid']}")
    assert SCRIPT in page.inner_text("main")
    for path in ("packing-slip", "invoice", "amend", "as/anqicms", "as/kakaclo"):
        desk.open(f"/desk/orders/{order['uid']}/{path}")
        assert page.locator("main script, main img").count() == 0
        assert page.title() != "taken"
