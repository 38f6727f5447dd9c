"""A ledger in which every business has sold something: one order through each door, some moved on."""

from __future__ import annotations

import json
from typing import Any

from bench.cases import UNIQUE, cases
from tests.support.calls import Caller, calling

DOORS = ("sitecore_cdp", "kakaclo", "mews", "anqicms", "tours4fun")


def place(hub: Caller, door: str, number: str, **headers: str) -> None:
    case = cases()[door]
    body = json.loads(case.body_text().replace(UNIQUE, number))
    answer = hub.ask("POST", case.path, body, case.token, **headers)
    assert case.is_success(answer.status, answer.body), answer


def sell(url: str) -> None:
    """Eight orders, two of them parcels of one: paid, shipped and refunded in part, waiting for their timers.

    And something that is told of no order: a pool that ran out.
    """
    with calling(url) as hub:
        for tenant in ("shop", "tours", "dropship"):
            settings = {"auto_close_s": 3_600, "auto_finish_s": 86_400}
            hub.operate("PATCH", f"/hub/v1/tenants/{tenant}/settings", settings)
        for door in DOORS:
            place(hub, door, "1", Idempotency_Key=f"first-{door}")
        place(hub, "anqicms", "2")
        shop = _newest(hub, "shop")
        _step(hub, shop, "pay")
        _step(hub, shop, "ship", {"lines": [{"line_no": 1, "quantity": 1}]})
        _step(hub, shop, "refund", {"lines": [{"line_no": 1, "quantity": 1}]})
        place(hub, "anqicms", "3")
        sent = _newest(hub, "shop")
        _step(hub, sent, "pay")
        _step(hub, sent, "ship")
        emptied = {"subject": "product:188", "place": "MAIN", "count": 0, "reason": "lost"}
        hub.operate("POST", "/hub/v1/tenants/shop/pools/adjust", emptied)


def _newest(hub: Caller, tenant: str) -> str:
    return str(hub.orders(tenant)[0]["uid"])


def _step(hub: Caller, uid: str, action: str, body: Any = None) -> None:
    answer = hub.ask("POST", f"/hub/v1/orders/{uid}/{action}", body)
    assert answer.status == 200, answer


# --- the orders, by what they sold

CDP = "tenant_id = 4 AND {} = (SELECT min(id) FROM orders WHERE tenant_id = 4)"
PARCEL = "tenant_id = 2 AND {} = (SELECT min(id) FROM orders WHERE tenant_id = 2)"
CHARGE = "tenant_id = 3 AND {} = (SELECT min(id) FROM orders WHERE tenant_id = 3)"
BASKET = "tenant_id = 1 AND {} = (SELECT min(id) FROM orders WHERE tenant_id = 1)"
PARTS = "tenant_id = 1 AND {} = (SELECT min(id) + 1 FROM orders WHERE tenant_id = 1)"
SENT = "tenant_id = 1 AND {} = (SELECT max(id) FROM orders WHERE tenant_id = 1)"
TOUR = "tenant_id = 5 AND {} = (SELECT min(id) FROM orders WHERE tenant_id = 5)"


def of(which: str, column: str = "order_id") -> str:
    return f"WHERE {which.format(column)}"
