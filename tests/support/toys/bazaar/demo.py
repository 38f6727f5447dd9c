"""One stall, its part of the tenant that has all doors, and the door of a new merchant."""

from __future__ import annotations

from orderhub.dialects.bazaar.access import KINDS

from orderhub.core.values import Settings
from orderhub.dialects.auth import curl
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.samples import Door, Setup
from orderhub.dialects.sandbox import DemoBusiness

DEMO = (DemoBusiness(name="stall", settings=Settings(name="stall", currency="TRY")),)
OMNI = DemoBusiness(name="omni")


def door(setup: Setup) -> Door:
    """A new merchant's: what is sold is recorded, so that it needs nothing."""
    (kind,) = KINDS
    shown = kind.complete(Shown())
    command = curl(
        f"{setup.base_url}/bazaar/sales",
        *("-H", f"Authorization: Bearer {shown.token}", "-H", "Content-Type: application/json"),
        *("-d", encode({"item": "carpet", "pieces": 2, "price": 19.5}).decode()),
    )
    return Door(kind=kind, shown=shown, title="report a sale", command=command)
