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
        """With the token of the page that was seen last."""
        answer = await self.client.post(path, data={"_form": self.token, **(members or {})}, **more)
        if answer.text:
            self.page = answer.text
        return answer

    @property
    def token(self) -> str:
        found = _TOKEN.search(self.page)
        return found[1] if found else ""

    @property
    def text(self) -> str:
        """What is to be read on the page."""
        body = self.page.partition("<body")[2]
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
