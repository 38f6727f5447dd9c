"""A client of the Sitecore CDP API, and the bodies it sends."""

import itertools
from contextlib import asynccontextmanager

from tests.support.hub import running_hub

LOGIN = ("demo-cdp", "demo-cdp-secret")
OMNI = ("omni-cdp", "omni-cdp-secret")
ORDER = {
    "currencyCode": "EUR",
    "orderedAt": "2024-01-01T16:17:16Z",
    "price": 50,
    "referenceId": "B94TXY-1",
}
FULL = {
    **ORDER,
    "createdAt": "2020-01-01T00:00:00Z",
    "modifiedAt": "2020-01-01T00:00:00Z",
    "paymentType": "Card",
    "cardType": "Visa",
    "pointOfSale": "home",
    "channel": "WEB",
    "status": "PURCHASED",
}
UNKNOWN = "2d7de9df-45a2-45ea-872c-30e45139007d"
_references = (f"REF-{number}" for number in itertools.count(1))


def an_order(**changes):
    """An order nobody sent before. A member set to None is left out."""
    order = {**ORDER, "referenceId": next(_references), **changes}
    return {name: value for name, value in order.items() if value is not None}


def row(shown):
    """What a list has of a thing that it does not expand."""
    return {"href": shown["href"], "ref": shown["ref"]}


class Cdp:
    """Calls as one client; `hub` is the world around it."""

    def __init__(self, hub, auth=LOGIN):
        self.hub = hub
        self.auth = auth

    async def call(self, method, path, json=None, **more):
        more.setdefault("auth", self.auth)
        return await self.hub.request(method, path, json=json, **more)

    async def made(self, method, path, json=None, status=None, **more):
        """The body of a call that must succeed."""
        answer = await self.call(method, path, json, **more)
        wanted = status or (201 if method == "POST" else 200)
        assert answer.status_code == wanted, answer.text
        return answer.json() if answer.content else None

    async def order(self, **changes):
        return await self.made("POST", "/v2.1/orders", an_order(**changes))

    async def refused(self, status, method, path, json=None, **more):
        """The message of a call that must fail with this status, its envelope checked."""
        answer = await self.call(method, path, json, **more)
        assert answer.status_code == status, answer.text
        body = answer.json()
        assert list(body) == ["status", "code", "message", "developerMessage", "moreInfoUrl"]
        assert body["status"] == body["code"] == status
        assert body["moreInfoUrl"] == "https://support.sitecore.com"
        return body["message"]


@asynccontextmanager
async def open_cdp(where, **settings):
    async with running_hub(where, **settings) as hub:
        yield Cdp(hub)
