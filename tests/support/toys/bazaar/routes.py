"""The two calls of the stall."""

from __future__ import annotations

from orderhub.dialects.bazaar.sales import sell, show
from orderhub.dialects.bazaar.wire import Sale

from orderhub.dialects.contract import Route

ROUTES = (
    Route("POST", "/bazaar/sales", sell, "Report a sale", request=Sale, mutates=True),
    Route("GET", "/bazaar/sales/{uid}", show, "What was sold"),
)
