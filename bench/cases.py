"""The create call of each dialect, as the benchmark sends it."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

UNIQUE = "@N@"  # replaced by a number that no other request bears


@dataclass(frozen=True, slots=True)
class Case:
    """One create call. `body` may hold UNIQUE; `success` is text that every accepted answer contains."""

    name: str
    path: str
    token: str
    body: Any
    success: str
    status: int = 200
    setup: tuple[
        tuple[str, str, str, Any], ...
    ] = ()  # (method, path, token, body) done once before
    _numbers: Any = field(default_factory=itertools.count)

    def _head(self, host: str, length: int) -> bytes:
        return (
            f"POST {self.path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    def request(self, host: str) -> bytes:
        body = self.body_text().replace(UNIQUE, f"{next(self._numbers):09d}").encode()
        return self._head(host, len(body)) + body

    def body_text(self) -> str:
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":"))

    def is_success(self, status: int, body: bytes) -> bool:
        return status == self.status and self.success.encode() in body

    def lua(self) -> str:
        """A wrk script that sends unique requests and prints count, µs, p50, p99 and failures."""
        return f"""
local n = 0
local run = "{time.time_ns()}"
local body = {json.dumps(self.body_text())}
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer {self.token}"
wrk.headers["Content-Type"] = "application/json"
failed = 0
local counter = 0
local threads = {{}}
function setup(thread) table.insert(threads, thread) end
function request()
  n = n + 1
  local text = string.gsub(body, "{UNIQUE}", run .. "-" .. n)
  return wrk.format("POST", "{self.path}", nil, text)
end
function response(status, headers, body)
  if status ~= {self.status} or not string.find(body, {json.dumps(self.success)}, 1, true) then
    failed = failed + 1
  end
end
function done(summary, latency, requests)
  local failures = 0
  for _, thread in ipairs(threads) do failures = failures + thread:get("failed") end
  io.write(string.format("RESULT %d %d %f %f %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), failures))
end
"""


def _adjust(
    tenant: str, kind: str, subject: str, by: str | int, place: str | None = ""
) -> tuple[str, str, str, Any]:
    """The call that opens a pool that no run uses up."""
    body = {"kind": kind, "subject": subject, "place": place, "by": by, "reason": "bench"}
    return ("POST", f"/hub/v1/tenants/{tenant}/pools/adjust", "hub-demo-operator", body)


def _kakaclo(name: str, tenant: str, *skus: str) -> Case:
    body = {
        "orderAddresses": {
            "countryCode": "US",
            "phone": "15550100",
            "street1": "1 Main Street",
            "city": "Springfield",
            "recipient": "Jane Doe",
            "province": "IL",
            "zip": "62701",
        },
        "orderItemsList": [{"sku": sku, "quantity": 1} for sku in skus],
        "CustomOrderNumber": UNIQUE,
    }
    return Case(
        name,
        "/openapi/v1/order/order",
        f"hub-demo-{tenant}",
        body,
        '"code":10000',
        setup=(_adjust(tenant, "balance", "USD", "1000000000"),),
    )


def _sitecore_cdp() -> Case:
    body = {
        "referenceId": UNIQUE,
        "orderedAt": "2024-01-01T16:17:16Z",
        "currencyCode": "EUR",
        "price": 50,
        "channel": "WEB",
        "status": "PURCHASED",
    }
    return Case("sitecore_cdp", "/v2.1/orders", "hub-demo-cdp", body, '"ref":', 201)


def _mews() -> Case:
    body = {
        "ClientToken": "E0D439EE522F44368DC78E1BFB03710C-D24FB11DBE31D4621C4817E028D9E1D",
        "AccessToken": "7059D2C25BF64EA681ACAB3A00B859CC-D91BFF2B1E3047A3E0DEC1D57BE1382",
        "Client": "Bench 1.0.0",
        "AccountId": "407a26f8-dcfc-4e29-b978-ab440117a153",
        "ServiceId": "d2129910-1da9-4d39-be14-ab3a00c9e70c",
        "ProductOrders": [{"ProductId": "2eb7ad8b-8dfb-4381-aba5-ab58009f2993", "Count": 2}],
        "Items": [
            {
                "Name": name,
                "UnitCount": 3,
                "UnitAmount": {"Currency": "USD", "NetValue": 7, "TaxCodes": ["US-DC-G"]},
                "AccountingCategoryId": "90eff5aa-36b4-4689-80c0-ab3a00bb412e",
            }
            for name in ("Beer", "Wine")
        ],
    }
    return Case("mews", "/api/connector/v1/orders/add", "hub-demo-hotel", body, '"OrderId"')


def _anqicms() -> Case:
    body = {
        "details": [
            {"goods_id": 1, "quantity": 2, "goods_sku_id": 1},
            {"goods_id": 2, "quantity": 1, "goods_sku_id": 3},
        ],
        "type": "goods",
        "remark": "bench",
        "coupon_code": "COUPON2023",
    }
    stocked = ("variant:1", "variant:3")
    return Case(
        "anqicms",
        "/api/order/create",
        "hub-demo-shop",
        body,
        '"code":0',
        setup=tuple(_adjust("shop", "stock", subject, 10**8, place=None) for subject in stocked),
    )


def _tours4fun() -> Case:
    body = {
        "product_id": 102202692,
        "departure_date": "2019-01-16",
        "departure_address": "Somewhere",
        "upgrades": {"30100": ["30577"]},
        "rooms": [{"adult": 2, "kid": 0, "single_pairup": 0}],
        "contact": {"first_name": "a", "last_name": "b", "mobile": "1", "email": "2@q.q"},
        "guest_info": [
            {"type": "adult", "firstname_en": "ghghg", "mobile": "86-6767"},
            {"type": "child", "firstname_en": "oooo", "mobile": "86-67887"},
        ],
    }
    seats = _adjust("tours", "seats", "product:102202692", 10**8, place="2019-01-16")
    return Case("tours4fun", "/v2/order/add", "hub-demo-tours", body, '"code":0', setup=(seats,))


def cases() -> dict[str, Case]:
    """Name -> case, in the order in which they are measured."""
    built = (
        _kakaclo("kakaclo-one-sku", "omni", "PLENTY"),
        _sitecore_cdp(),
        _kakaclo("kakaclo", "dropship", "TS_RED_M", "TS_BLUE_L", "HOOD_BLK_S"),
        _mews(),
        _anqicms(),
        _tours4fun(),
    )
    return {case.name: case for case in built}
