"""The door of a new merchant: whatever is recorded here was sold elsewhere, so that it needs nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from orderhub.dialects.auth import curl
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.samples import Door, Setup
from orderhub.dialects.sitecore_cdp.credentials import KINDS

_REFERENCE = "FIRST"


def door(setup: Setup) -> Door:
    (kind,) = KINDS
    shown = kind.complete(Shown())
    title, command = "look an order up", kind.command(shown, setup.base_url)
    if setup.goods:
        product = setup.goods[0]
        body = {
            "referenceId": _REFERENCE,
            "orderedAt": f"{datetime.fromtimestamp(setup.now_us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}",
            "currencyCode": setup.currency,
            "price": float(product.price or 0),
            "status": "PURCHASED",
            "pointOfSale": setup.name,
            "channel": "WEB",
        }
        title = "note an order that was placed elsewhere"
        text = encode(body).decode()
        # A reference is taken once: each time the command is run it makes another.
        text = text.replace(f'"{_REFERENCE}"', f'"{_REFERENCE}-\'"$(date +%s)-$RANDOM"\'"')
        command = (
            curl(
                f"{setup.base_url}/v2.1/orders",
                *("-u", shown.token, "-H", "Content-Type: application/json", "-d"),
            )
            + f" '{text}'"
        )
    return Door(kind=kind, shown=shown, title=title, command=command)
