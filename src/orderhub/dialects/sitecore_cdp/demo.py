"""What the demo seeds for this door, and the door of a new merchant."""

from __future__ import annotations

from datetime import UTC, datetime

from orderhub.core.values import Settings
from orderhub.dialects.auth import curl
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.samples import Door, Setup
from orderhub.dialects.sandbox import DemoBusiness, DemoCredential
from orderhub.dialects.sitecore_cdp.access import KINDS, NAME


def _login(key: str) -> DemoCredential:
    """Client key and API token of Basic authentication, as documented for the demo."""
    return DemoCredential(NAME, token=f"{key}:{key}-secret", data={"client_key": key})


DEMO = (
    DemoBusiness(
        name="cdp",
        title="Sitecore CDP: a customer data platform",
        settings=Settings(name="cdp", currency="EUR", sandbox=True),
        acts_as="demo-cdp",
        credentials=(_login("demo-cdp"),),
    ),
)

OMNI = DemoBusiness(
    name="omni",
    acts_as="omni-cdp",
    credentials=(_login("omni-cdp"),),
)

_REFERENCE = "FIRST"


def door(setup: Setup) -> Door:
    """A new merchant's: whatever is recorded here was sold elsewhere, so that it needs nothing."""
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
