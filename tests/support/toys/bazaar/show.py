"""Orders of any door as the stall's read call shows them."""

from __future__ import annotations

from typing import Any

from orderhub.core.money import plain
from orderhub.core.queries import Reads
from orderhub.core.values import Order


def shown(order: Order) -> dict[str, Any]:
    return {"ok": True, "sale": order.uid, "total": plain(order.total)}


def render(_reads: Reads, order: Order, _base_url: str) -> dict[str, Any]:
    """`Dialect.render`."""
    return shown(order)
