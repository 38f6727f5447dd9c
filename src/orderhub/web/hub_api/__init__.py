"""The hub's own API under /hub/v1: what none of the vendors offers, for those who run the hub and build against it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from orderhub.core.feed import KINDS
from orderhub.dialects.contract import Dialect, Route
from orderhub.web.docs.schemas import Schemas
from orderhub.web.hub_api import (
    catalogue,
    catalogue_bulk,
    commands,
    connections,
    credentials,
    docs,
    events,
    faults,
    handovers,
    health,
    listings,
    order_files,
    orders,
    people,
    persons,
    plans,
    pools,
    reports,
    requests,
    routes,
    sandboxes,
    secrets,
    tenants,
    users,
    vendor_messages,
    webhook_deliveries,
    webhooks,
    wording,
)
from orderhub.web.hub_api.bodies import DIALECT_NAME

_TAGS = {
    "orders": (order_files, orders, commands),
    "events": (events,),
    "webhooks": (webhooks, webhook_deliveries),
    "relay": (connections, routes, listings, handovers, vendor_messages),
    # Before the plain list: a kind's name takes in everything up to the next slash.
    "catalogue": (catalogue_bulk, catalogue, people),
    "pools": (pools,),
    "tenants": (tenants,),
    "users": (users,),
    "persons": (persons,),
    "credentials": (credentials, faults, secrets),
    "sandboxes": (sandboxes,),
    "plans": (plans,),
    "requests": (requests,),
    "reports": (reports,),
    "operations": (docs, health),
}


def hub_api(dialects: Iterable[Dialect]) -> Dialect:
    """The hub's own API beside these dialects."""
    dialects = tuple(dialects)
    names = {"type": "string", "enum": [each.name for each in dialects]}
    return Dialect(
        name="hub",
        title="OrderHub",
        about=__doc__ or "",
        prefixes=("/",),
        routes=_routes(),
        fault=wording.fault,
        refusal=wording.refusal,
        secrets=("credentials", "secret", "token", "digests", "password", "link"),
        shapes={
            DIALECT_NAME: names,
            **_schemas_of(tenants.settings_models(dialects)),
        },
        sends=dict.fromkeys(KINDS, webhooks.WebhookMessage),
    )


@cache
def _routes() -> tuple[Route, ...]:
    return tuple(
        replace(route, tag=tag)
        for tag, modules in _TAGS.items()
        for module in modules
        for route in module.ROUTES
    )


@cache
def _schemas_of(models: tuple[Any, ...]) -> Mapping[str, Any]:
    return Schemas(models).components
