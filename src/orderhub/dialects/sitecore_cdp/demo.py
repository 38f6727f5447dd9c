"""What the demo seeds for this door, and the door of a new merchant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import msgspec

from orderhub.core.catalogue import Product
from orderhub.core.commands import Numbering, Origin, PlaceOrder, StatedLine
from orderhub.core.recorded import RecordedSale
from orderhub.core.values import Contact, Settings
from orderhub.dialects.auth import curl
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.samples import Door, Setup
from orderhub.dialects.sandbox import Buyer, DemoBusiness, DemoCredential, Past
from orderhub.dialects.sitecore_cdp.access import KINDS, NAME
from orderhub.dialects.sitecore_cdp.words import natural_key


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


def _sold(
    origin: Origin, chance: Random, buyer: Buyer, goods: Sequence[Product], settings: Settings
) -> PlaceOrder:
    """Sold at a till, and told here a while later."""
    chosen = [
        (each, chance.randint(1, 3)) for each in chance.sample(goods, chance.choice((1, 2, 3)))
    ]
    key, reference = "omni-cdp", f"TILL-{chance.randrange(10**8):08}"
    at = (
        settings.clock.at(origin.recorded_at) // 1_000_000 * 1_000_000
        - chance.randrange(600) * 1_000_000
    )
    items = tuple(
        StatedLine(title=each.title, sku=each.code, price=each.price or Decimal(1), quantity=units)
        for each, units in chosen
    )
    return PlaceOrder(
        origin=msgspec.structs.replace(origin, owner=key),
        terms=RecordedSale(
            total=sum((each.price * each.quantity for each in items), Decimal(0)),
            currency="EUR",
            occurred_at=at,
            items=items,
        ),
        numbering=Numbering.UID,
        natural_key=natural_key(key, at, reference),
        reference=reference,
        contact=Contact(first_name=buyer.first_name, last_name=buyer.last_name, email=buyer.email),
        vendor_status="PURCHASED",
        vendor={"pointOfSale": chance.choice(("Berlin", "Lisboa")), "channel": "OFFLINE"},
    )


# Its own business has no id below the first: the example's order is the first there is.
PAST = Past(order=_sold, omni=80)

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
