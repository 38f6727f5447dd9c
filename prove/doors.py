"""One order through each vendor's door, in that vendor's words: what is asked, and what its answers mean."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prove.client import Answer

LAST_ONE = 900
PLENTY = 910
_SKUS = {LAST_ONE: "LAST_ONE", PLENTY: "PLENTY"}
# Far enough ahead for every rule about early booking, and always the same within a run.
_DAY = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=60)


@dataclass(frozen=True)
class Door:
    """The body holds the marker in a field that the hub keeps, so that the order can be found by it."""

    name: str
    path: str
    words: Callable[[str, int], dict[str, Any]]  # marker, product
    placed: Callable[[Answer], bool]
    sold_out: Callable[[Answer], bool] = lambda _: False
    draws_stock: bool = True

    def body(self, marker: str, product: int = PLENTY) -> bytes:
        return json.dumps(self.words(marker, product)).encode()


def _uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def _shop(marker: str, product: int) -> dict[str, Any]:
    return {"goods_id": product, "quantity": 1, "type": "goods", "remark": marker}


def _hotel(marker: str, product: int) -> dict[str, Any]:
    return {
        "ClientToken": "OMNI-CLIENT",
        "AccessToken": "OMNI-ACCESS",
        "Client": "proof",
        "AccountId": _uid(902),
        "ServiceId": _uid(901),
        "Notes": marker,
        "ProductOrders": [{"ProductId": _uid(product), "Count": 1}],
    }


def _parcels(marker: str, product: int) -> dict[str, Any]:
    address = {
        "country": "US",
        "phone": "555 0100",
        "street1": "1 Main Street",
        "city": "Springfield",
        "recipient": "A. Client",
        "province": "IL",
        "zip": "62701",
    }
    lines = [{"sku": _SKUS[product], "quantity": 1}]
    return {"orderAddress": address, "orderItemsList": lines, "remark": marker}


def _tour(marker: str, _product: int) -> dict[str, Any]:
    guest = {"type": "adult", "firstname_en": "Ann", "mobile": "86-6767"}
    return {
        "product_id": 102202692,
        "departure_date": _DAY.isoformat(),
        "departure_address": marker,
        "upgrades": {"30100": ["30577"]},
        "rooms": [{"adult": 2, "kid": 0, "single_pairup": 0}],
        "contact": {"first_name": "a", "last_name": "b", "mobile": "1", "email": "2@q.q"},
        "guest_info": [guest, guest],
    }


def _recorded(marker: str, _product: int) -> dict[str, Any]:
    return {
        "referenceId": marker,
        "orderedAt": "2024-01-01T16:17:16Z",
        "currencyCode": "USD",
        "price": 50,
        "paymentType": "Card",
        "status": "PURCHASED",
    }


def _code(answer: Answer, *codes: int) -> bool:
    content = answer.json()
    return answer.status == 200 and isinstance(content, dict) and content.get("code") in codes


def _member(answer: Answer, status: int, name: str) -> bool:
    content = answer.json()
    return answer.status == status and isinstance(content, dict) and bool(content.get(name))


SHOP = Door(
    name="anqicms",
    path="/api/order/create",
    words=_shop,
    placed=lambda answer: _code(answer, 0),
    sold_out=lambda answer: _code(answer, -1),
)
HOTEL = Door(
    name="mews",
    path="/api/connector/v1/orders/add",
    words=_hotel,
    placed=lambda answer: _member(answer, 200, "OrderId"),
    sold_out=lambda answer: _member(answer, 403, "Message"),
)
PARCELS = Door(
    name="kakaclo",
    path="/openapi/v1/order/order",
    words=_parcels,
    placed=lambda answer: _code(answer, 10000),
    sold_out=lambda answer: _code(answer, 10002),
)
TOUR = Door(
    name="tours4fun",
    path="/v2/order/add",
    words=_tour,
    placed=lambda answer: _code(answer, 0),
    draws_stock=False,
)
RECORDED = Door(
    name="sitecore_cdp",
    path="/v2.1/orders",
    words=_recorded,
    placed=lambda answer: _member(answer, 201, "ref"),
    draws_stock=False,
)

SELLING = (SHOP, HOTEL, PARCELS)
ALL = (*SELLING, TOUR, RECORDED)
