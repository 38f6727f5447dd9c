"""The hub's own API under /hub/v1: what none of the vendors offers, for those who run the hub and build against it."""

from orderhub.dialects import describing
from orderhub.dialects.contract import Dialect
from orderhub.web.hub_api import (
    catalogue,
    commands,
    credentials,
    docs,
    faults,
    health,
    orders,
    plans,
    pools,
    sandboxes,
    tenants,
    wording,
)
from orderhub.web.hub_api.described import NOTES

HUB = Dialect(
    name="hub",
    title="OrderHub",
    prefixes=("/",),
    routes=describing.described(
        (
            *orders.ROUTES,
            *commands.ROUTES,
            *tenants.ROUTES,
            *credentials.ROUTES,
            *faults.ROUTES,
            *catalogue.ROUTES,
            *plans.ROUTES,
            *pools.ROUTES,
            *sandboxes.ROUTES,
            *docs.ROUTES,
            *health.ROUTES,
        ),
        NOTES,
    ),
    fault=wording.fault,
    refusal=wording.refusal,
    secrets=("secret", "token", "digests"),
)
