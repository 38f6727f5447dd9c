"""Whatever people write without a blank breaks somewhere: no page grows wider than its window."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.test_orders import order_of
from tests.support.desk import DESKTOP, OPERATOR, PHONE
from tests.support.hub_process import Served, wait_for

W = "W" * 200
# An override of the direction of text that nobody ends.
TURNED = "\u202eLI"


def made(demo: Served, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = demo.ask(method, path, "hub-demo-omni", json=body)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def fails(demo: Served, webhook: str) -> bool:
    found = demo.ask("GET", f"/hub/v1/webhooks/{webhook}", "hub-demo-omni").json()
    return bool(found["failing_since"])


def test_no_page_is_wider_than_its_window_whatever_is_written(demo: Served, open_window) -> None:
    hook = made(demo, "POST", "/hub/v1/webhooks", {"url": f"http://127.0.0.1:9/{'u' * 1_000}"})
    place = "P" * 200
    item = "/hub/v1/tenants/omni/catalogue"
    made(demo, "PUT", f"{item}/products/951", {"doc": {"code": W, "title": W, "price": "1"}})
    made(demo, "PUT", f"{item}/variants/9511", {"code": f"V{W[1:]}", "doc": {"product_id": 951}})
    made(demo, "PUT", f"{item}/coupons/102", {"doc": {"code": W, "title": W, "money": "5"}})
    made(demo, "PUT", f"{item}/warehouses/901", {"doc": {"code": place, "name": W}})
    stock = {"subject": "variant:9511", "place": place, "count": "1", "reason": W}
    made(demo, "POST", "/hub/v1/tenants/omni/pools/adjust", stock)
    address = {
        "country": "US",
        "phone": "5" * 20,
        "recipient": "R" * 32,
        "street1": "S" * 64,
        "city": TURNED,
        "province": "IL",
    }
    notes = f"{'M' * 1_900}\nleave it"
    order = order_of(demo, orderAddress=address, remark=notes, CustomOrderNumber="O" * 60)
    path = f"/desk/orders/{order['uid']}"
    desk = open_window(OPERATOR)
    page = desk.open("/desk/account")
    page.locator("[name=name]").fill(W)
    with page.expect_navigation():
        page.locator("[name=name]").press("Enter")
    wait_for(lambda: fails(demo, hook["id"]), "the webhook fails")
    faults = []
    for each in (
        path,
        *(f"{path}/{name}" for name in ("amend", "packing-slip", "invoice", "refund")),
        *("/desk/orders", "/desk/customers?q=55555555555555555555", "/desk/overview"),
        *("/desk/products", "/desk/products/951", "/desk/products/951/variants/new"),
        *("/desk/coupons", "/desk/coupons/102", "/desk/stock"),
        f"/desk/stock/pool?kind=stock&subject=variant:9511&place={place}",
        *("/desk/webhooks", f"/desk/webhooks/{hook['id']}", "/desk/people", "/desk/requests"),
    ):
        desk.open(each)
        faults += [
            f"{each} at {size['width']}: {wide}"
            for size in (PHONE, DESKTOP)
            if (wide := desk.too_wide(size))
        ]
    assert not faults, "\n".join(faults)
    search = page.locator(".find input").bounding_box()
    assert search
    assert search["width"] >= 200, "there is room to look for orders, whatever somebody is called"

    page = desk.open(path)
    assert page.locator("bdi").filter(has_text=TURNED).count() == 1
    expect(page.locator(".lines")).to_have_css("white-space", "pre-line")
    page = desk.open(f"{path}/invoice")
    assert page.locator("bdi").filter(has_text=TURNED).count() == 1
    lines = page.locator(".lines").inner_text().split("\n")
    assert lines == ["M" * 1_900, "leave it"]
