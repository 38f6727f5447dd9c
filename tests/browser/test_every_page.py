"""Every page there is, looked at: on a phone, in light and dark, by axe-core, in both languages."""

from __future__ import annotations

import re

import pytest

from orderhub.web.desk import desk as the_desk
from orderhub.web.desk import files
from tests.support.desk import OPERATOR, Desk
from tests.support.hub_process import Served

# Where a page with names in its path is found: the list, and what leads from it to one.
FOUND_ON = {
    "/desk/orders/{uid}": "/desk/orders",
    "/desk/requests/{uid}": "/desk/requests",
    "/desk/webhooks/{uid}": "/desk/webhooks",
    "/desk/onward/{uid}": "/desk/onward",
    "/desk/connections/{uid}": "/desk/connections",
    "/desk/routes/{uid}": "/desk/routes",
    "/desk/credentials/{uid}": "/desk/credentials",
    "/desk/products/{product}": "/desk/products",
    "/desk/products/{product}/variants/{variant}": "/desk/products/950",
    "/desk/coupons/{coupon}": "/desk/coupons",
}
CHINESE = re.compile("[\u4e00-\u9fff]")
PATHS = sorted(
    {route.path for route in the_desk().routes if route.method == "GET"}
    - {route.path for route in files.ROUTES}
    - {"/desk", "/desk/login", "/desk/login/code", "/desk/welcome"}  # for who is not signed in
)


class Finder:
    """Real pages of the demo's business for the paths of routes."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.known = desk, dict[str, str]()

    def first_of(self, pattern: str) -> str:
        """The first thing that its list leads to."""
        if pattern not in self.known:
            page = self.desk.open(self.page_of(FOUND_ON[pattern]))
            shape = re.compile(re.sub(r"\{\w+\}", r"[^/?#]+", pattern) + r"(?<!/new)$")
            found = page.eval_on_selector_all(
                "main a", "(links) => links.map((link) => link.getAttribute('href'))"
            )
            self.known[pattern] = next(each for each in found if shape.match(each or ""))
        return self.known[pattern]

    def page_of(self, path: str) -> str:
        if "{" not in path:
            return path + self.question_of(path)
        if "{dialect}" in path:
            path = path.replace("{dialect}", "kakaclo")
        pattern = max((each for each in FOUND_ON if path.startswith(each)), key=len)
        return self.first_of(pattern) + path.removeprefix(pattern)

    def question_of(self, path: str) -> str:
        """What a page wants to be asked for."""
        if path == "/desk/stock/pool":
            page = self.desk.open("/desk/stock")
            found = page.locator("main a[href^='/desk/stock/pool?']").first.get_attribute("href")
            assert found
            return found.removeprefix(path)
        if path in ("/desk/orders/print", "/desk/orders/selected"):
            uid = self.first_of("/desk/orders/{uid}").rpartition("/")[2]
            return f"?step=print&order={uid}"
        if path == "/desk/connections/new":
            return "?dialect=kakaclo"
        if path == "/desk/onward/preview":
            return f"?order={self.first_of('/desk/orders/{uid}').rpartition('/')[2]}"
        if path == "/desk/customers":
            return "?q=nobody@example.org"
        return ""


@pytest.fixture(scope="module")
def something_of_everything(demo: Served) -> None:
    """A webhook, an order onward, a refused call, a coupon: what the demo has none of, or the request log wants."""
    hook = {"url": "https://example.invalid/hooks"}
    made = demo.ask("POST", "/hub/v1/webhooks", "hub-demo-omni", json=hook)
    assert made.status_code == 201, made.text
    to = {
        "dialect": "kakaclo",
        "base_url": "http://127.0.0.1:9",
        "credentials": {"token": "none"},
        "enabled": False,
    }
    made = demo.ask("POST", "/hub/v1/connections", "hub-demo-omni", json=to)
    assert made.status_code == 201, made.text
    route = {"connection": made.json()["id"], "when": "placed"}
    made = demo.ask("POST", "/hub/v1/routes", "hub-demo-omni", json=route)
    assert made.status_code == 201, made.text
    listed = {
        "connection": route["connection"],
        "items": [{"subject": "product:950", "id": "MUG", "title": "Mug"}],
    }
    made = demo.ask("POST", "/hub/v1/listings", "hub-demo-omni", json=listed)
    assert made.status_code == 200, made.text
    coupon = {"doc": {"code": "SPRING", "title": "Spring", "kind": "percent", "percent": 90}}
    made = demo.ask("PUT", "/hub/v1/tenants/omni/catalogue/coupons/101", json=coupon)
    assert made.status_code in (200, 201), made.text
    variant = {"code": "MUG-BLUE-XL", "doc": {"product_id": 950, "title": "XL", "price": "12"}}
    made = demo.ask("PUT", "/hub/v1/tenants/omni/catalogue/variants/9501", json=variant)
    assert made.status_code in (200, 201), made.text
    refused = demo.ask("POST", "/api/order/create", "hub-demo-omni", json={"goods_id": 1})
    assert refused.status_code == 200, refused.text


@pytest.mark.usefixtures("something_of_everything")
def test_every_page_is_open_to_everybody_and_fits_a_phone(open_window) -> None:
    desk = open_window(OPERATOR)
    finder, faults = Finder(desk), []
    for path in PATHS:
        desk.open(finder.page_of(path))
        faults += desk.faults()
    assert not faults, "\n".join(faults)


@pytest.mark.usefixtures("something_of_everything")
def test_every_page_is_chinese_as_well_and_fits_a_phone(open_window) -> None:
    desk = open_window(OPERATOR, locale="zh-CN")
    finder, faults = Finder(desk), []
    for path in PATHS:
        page = desk.open(finder.page_of(path))
        assert page.locator("html").get_attribute("lang") == "zh-Hans-CN", path
        assert CHINESE.search(page.inner_text("main")), path
        if wide := desk.too_wide():
            faults.append(f"{path}: {wide}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_what_is_open_to_all_is_sound(open_window, locale: str) -> None:
    desk = open_window("", locale=locale)
    faults = []
    for path, status in (("/", 200), ("/desk/login", 200), ("/desk/welcome?link=made-up", 404)):
        desk.open(path, status)
        faults += desk.faults()
    assert not faults, "\n".join(faults)
