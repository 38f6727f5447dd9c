"""The reading calls whose time must not grow with the ledger, as the scale benchmark sends them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from bench.cases import UNIQUE, Case, cases

_HOTEL = {
    "ClientToken": "E0D439EE522F44368DC78E1BFB03710C-D24FB11DBE31D4621C4817E028D9E1D",
    "AccessToken": "7059D2C25BF64EA681ACAB3A00B859CC-D91BFF2B1E3047A3E0DEC1D57BE1382",
    "Client": "Bench 1.0.0",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One read call. `times` is how much slower it may be with a hundred times as many orders."""

    name: str
    method: str
    path: str
    token: str
    body: Any = None
    query: dict[str, str] | None = None
    times: float = 3.0
    pages: tuple[int, ...] = (1,)  # for calls paged by a cursor: which pages are timed
    cursor: str = ""  # member of the answer that holds the next page's cursor
    cursor_into: str = ""  # query parameter it goes into

    def url(self, base_url: str, cursor: str = "") -> str:
        query = dict(self.query or {})
        if cursor:
            query[self.cursor_into] = cursor
        return f"{base_url}{self.path}" + (f"?{urlencode(query)}" if query else "")

    def data(self) -> bytes | None:
        return None if self.body is None else json.dumps(self.body).encode()


def _hub(name: str, caller: str, path: str = "/hub/v1/orders", /, **query: str) -> Reading:
    return Reading(
        name=f"hub: {name}",
        method="GET",
        path=path,
        token=f"hub-demo-{caller}",
        query={"limit": "50", **query},
        pages=(1, 100),
        cursor="next_cursor",
        cursor_into="cursor",
    )


def _one(name: str, caller: str, /, **query: str) -> Reading:
    """A search that finds one order, whose list ends with its first page."""
    return replace(_hub(name, caller, **query), pages=(1,))


def _seller(name: str, **query: str) -> Reading:
    return Reading(name, "GET", "/openapi/v1/order/order", "hub-demo-dropship", query=query)


READINGS: dict[str, tuple[Reading, ...]] = {
    "tours4fun": (
        Reading("first page", "POST", "/v2/order/list", "hub-demo-tours", {"page": 1}),
        _hub("by e-mail", "tours", email="2@q.q"),
    ),
    "anqicms": (
        Reading("first page", "GET", "/api/orders", "hub-demo-shop"),
        _hub("of an owner", "shop", owner="1000"),
        _hub("two statuses", "shop", status="pending,paid"),
    ),
    "mews": (
        Reading(
            "page of 1000",
            "POST",
            "/api/connector/v1/orderItems/getAll",
            "hub-demo-hotel",
            {
                **_HOTEL,
                "ServiceIds": ["d2129910-1da9-4d39-be14-ab3a00c9e70c"],
                "Limitation": {"Count": 1000},
            },
        ),
        _hub("of an account", "hotel", account="407a26f8-dcfc-4e29-b978-ab440117a153"),
    ),
    "kakaclo": (
        _seller("first page"),
        _seller("of a status", status="waiting_payment"),
        _seller("of a status none has", status="partial_shipped"),
        _seller("created since", createStartTime="2001-01-01T00:00:00Z"),
        _seller("updated since", updateStartTime="2001-01-01T00:00:00Z"),
        _seller("of both", updateStartTime="2001-01-01T00:00:00Z", status="waiting_payment"),
        _one("by number", "dropship", number="1000000371652"),
        _hub("by phone", "dropship", phone="1 555-0100"),
        _hub("by SKU", "dropship", sku="ts_blue_l"),
        _hub("by word", "dropship", word="jane"),
        _hub("by beginning", "dropship", word="ja"),
        _hub("of a time", "dropship", word="jane", recorded_to="2199-01-01T00:00:00Z"),
        _hub(
            "pool history",
            "dropship",
            "/hub/v1/tenants/dropship/pools/history",
            kind="balance",
            subject="USD",
        ),
    ),
    "sitecore_cdp": (
        Reading(
            "by referenceId",
            "GET",
            "/v2.1/orders",
            "hub-demo-cdp",
            query={"referenceId": "B000000777"},
            times=2.0,
        ),
        _hub("all", "cdp"),
        _hub("all, an operator", "operator"),
        _hub("of a status, an operator", "operator", status="pending"),
        _hub("of one tenant, an operator", "operator", tenant="cdp", dialect="sitecore_cdp"),
        _one("by reference", "cdp", reference="B000000777"),
        _hub("of a dialect", "cdp", dialect="sitecore_cdp"),
        _hub("of a status", "cdp", status="pending"),
        _hub("of both", "cdp", dialect="sitecore_cdp", status="pending"),
        _hub("updated since", "cdp", updated_from="2001-01-01T00:00:00Z"),
        _hub("occurred since", "cdp", occurred_from="1981-01-01T00:00:00Z"),
    ),
}


def create_case(name: str) -> Case:
    """The create call whose order is multiplied."""
    return cases()[name]


def first_body(case: Case) -> bytes:
    return case.body_text().replace(UNIQUE, "000000001").encode()
