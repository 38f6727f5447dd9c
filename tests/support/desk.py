"""People at the desk of a running demo, each in a browser window that is watched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
)

PASSWORD = "orderhub-demo"
OPERATOR, OWNER = "operator@hub.example", "owner@omni.example"
DESKTOP, PHONE = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)
# What the browser says of an answer that is no success: a test that asks for one expects it.
_STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
# Who reads beyond the right edge of the page? Tables may, inside a sheet of their own.
_OVERFLOW = """() => {
  const root = document.documentElement, wide = root.scrollWidth - root.clientWidth;
  if (wide <= 0) return '';
  const beyond = [...document.querySelectorAll('body *')]
    .filter((each) => each.getBoundingClientRect().right > root.clientWidth + 1)
    .filter((each) => !each.closest('.flush, .tabs, .sections'))
    .map((each) => each.tagName + '.' + each.className).slice(0, 5);
  return `${wide} px too wide: ${beyond.join(', ')}`;
}"""


class Desk:
    """One person's window. Whatever its pages say to the console or ask of another host is kept."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self.console: list[str] = []
        self.foreign: list[str] = []
        self.expected: set[int] = set()
        context.on("console", self._heard)
        context.on("request", self._asked)
        context.on("weberror", lambda error: self.console.append(str(error.error)))
        self.page: Page = context.new_page()

    def _heard(self, message: ConsoleMessage) -> None:
        status = _STATUS.match(message.text)
        if status is None or int(status[1]) not in self.expected:
            self.console.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith(self.url + "/"):
            self.foreign.append(request.url)

    def open(self, path: str, status: int = 200) -> Page:
        """A page by its path, answered as is expected."""
        if status != 200:
            self.expected.add(status)
        answer = self.page.goto(self.url + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}"
        return self.page

    def sign_in(self, email: str = OWNER, password: str = PASSWORD) -> Page:
        page = self.open("/desk/login")
        page.fill("[name=email]", email)
        page.fill("[name=password]", password)
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk/orders")
        return page

    @property
    def path(self) -> str:
        parts = urlsplit(self.page.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def faults(self) -> list[str]:
        """What is wrong with this page, in both lights and on a phone; whoever called is told all of it."""
        page, found = self.page, []
        for scheme, rules in (("light", None), ("dark", ["color-contrast"])):
            page.emulate_media(color_scheme=scheme)
            found += [f"{scheme}: {each}" for each in barriers(page, rules)]
        page.emulate_media(color_scheme="light")
        if wide := self.too_wide():
            found.append(wide)
        return [f"{self.path}: {each}" for each in found]

    def too_wide(self, size: ViewportSize = PHONE) -> str:
        """How far the page goes beyond a phone's width, or another; empty = it does not."""
        self.page.set_viewport_size(size)
        wide = self.page.evaluate(_OVERFLOW)
        self.page.set_viewport_size(DESKTOP)
        return wide


def barriers(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds that is serious or worse, with the first places of each."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules is not None:
        options["runOnly"] = {"type": "rule", "values": rules}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@contextmanager
def window(browser: Browser, url: str, **options: Any) -> Iterator[Desk]:
    """A window of its own, with cookies of its own; nothing may have been said or fetched elsewhere."""
    options = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "UTC", **options}
    context = browser.new_context(**options)
    context.set_default_timeout(15_000)
    desk = Desk(context, url)
    try:
        yield desk
        assert not desk.console, desk.console
        assert not desk.foreign, desk.foreign
    finally:
        context.close()
