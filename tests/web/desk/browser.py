"""A browser without a screen: it keeps cookies, follows nothing by itself, and sends forms with their page's token."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx

from orderhub.demo import PASSWORD, owner_of
from tests.support.hub import HubUnderTest, operator_headers

_TOKEN = re.compile(r'name="_form" value="(\w+)"')
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_INPUT = re.compile(r"<input ([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')
_SELECT = re.compile(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
_OPTION = re.compile(r'<option value="([^"]*)"( selected)?>')
_AREA = re.compile(r'<textarea[^>]* name="([^"]+)"[^>]*>(.*?)</textarea>', re.DOTALL)
LOGIN = "/desk/login"


class Browser:
    """One person's. `page` is the page that was seen last."""

    def __init__(self, hub: HubUnderTest, **headers: str) -> None:
        base = str(hub.client.base_url)
        self.client = httpx.AsyncClient(
            transport=hub.client._transport,
            base_url=base,
            headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8", **headers},
        )
        self.page = ""

    async def get(self, path: str, **more: Any) -> httpx.Response:
        answer = await self.client.get(path, **more)
        self.page = answer.text
        return answer

    async def post(
        self, path: str, members: dict[str, Any] | None = None, **more: Any
    ) -> httpx.Response:
        """With the token of the page that was seen last, and the version that its form was drawn from."""
        version = {name: text for name, text in self.hidden(path).items() if name == "version"}
        data = {"_form": self.token, **version, **(members or {})}
        answer = await self.client.post(path, data=data, **more)
        if answer.text:
            self.page = answer.text
        return answer

    def form(self, path: str) -> str:
        """The form of the page that is sent to this path, as HTML; empty = there is none."""
        found = re.search(
            rf'<form[^>]* method="post" action="{re.escape(path)}".*?</form>', self.page, re.DOTALL
        )
        return found[0] if found else ""

    def hidden(self, path: str) -> dict[str, str]:
        """What that form sends without being typed."""
        return {name: unescape(text) for name, text in _HIDDEN.findall(self.form(path))}

    def members(self, path: str) -> dict[str, list[str]]:
        """All that a browser sends of that form as it is shown."""
        html = self.form(path)
        found: dict[str, list[str]] = {}
        for text in _INPUT.findall(html):
            given = dict(_ATTRIBUTE.findall(text))
            if "name" in given and (given.get("type") != "checkbox" or "checked" in given):
                found.setdefault(given["name"], []).append(unescape(given.get("value", "")))
        for name, text in _SELECT.findall(html):
            options = _OPTION.findall(text)
            found[name] = [next((value for value, is_so in options if is_so), options[0][0])]
        for name, text in _AREA.findall(html):
            found[name] = [unescape(text)]
        return found

    @property
    def token(self) -> str:
        found = _TOKEN.search(self.page)
        return found[1] if found else ""

    @property
    def text(self) -> str:
        """What is to be read on the page."""
        body = self.page.partition("<body")[2]
        body = re.sub(r"</?bdi[^>]*>", "", body)  # it is within a line of text
        return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body)))

    async def sign_in(self, email: str, password: str = PASSWORD) -> httpx.Response:
        await self.get(LOGIN)
        return await self.post(LOGIN, {"email": email, "password": password})

    async def welcome(self, link: str, password: str = PASSWORD) -> httpx.Response:
        """Begin by an invitation, whatever host it names."""
        parts = urlsplit(link)
        await self.get(f"{parts.path}?{parts.query}")
        secret = parts.query.removeprefix("link=")
        return await self.post("/desk/welcome", {"link": secret, "password": password})


async def signed_in(hub: HubUnderTest, tenant: str = "shop", **headers: str) -> Browser:
    """The owner of a demo business."""
    browser = Browser(hub, **headers)
    answer = await browser.sign_in(owner_of(tenant))
    assert answer.status_code == 303, browser.text
    return browser


async def as_operator(hub: HubUnderTest) -> Browser:
    """The demo's operator, who reaches every business."""
    browser = Browser(hub)
    answer = await browser.sign_in("operator@hub.example")
    assert answer.status_code == 303, browser.text
    return browser


async def invited(hub: HubUnderTest, tenant: str, role: str, email: str = "") -> Browser:
    """Somebody new with a role in a tenant, signed in."""
    email = email or f"{role}@{tenant}.test"
    answer = await hub.post(
        f"/hub/v1/tenants/{tenant}/users",
        {"email": email, "role": role},
        headers=operator_headers(),
    )
    assert answer.status_code == 201, answer.text
    browser = Browser(hub)
    begun = await browser.welcome(answer.json()["link"])
    assert begun.status_code == 303, browser.text
    return browser
