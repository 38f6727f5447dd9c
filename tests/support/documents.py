"""Documents of orders for tests that are about something else."""

from __future__ import annotations

from typing import Any

from orderhub.core.details import AnyDetails, RecordedDetails
from orderhub.core.values import OrderDoc

RECORDED = RecordedDetails(stated_at=0)


def doc(business: AnyDetails = RECORDED, **members: Any) -> OrderDoc:
    """The document of an order whose business is of no matter."""
    return OrderDoc(business=business, **members)
