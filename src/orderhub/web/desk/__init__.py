"""The desk: the order book as pages that a merchant's staff work with, under /desk.

It stands beside the dialects as one more set of routes. Whatever it shows is an indexed read, whatever it does is
a command through the one intake with the person as actor; every page works without a script.
"""

from __future__ import annotations

from orderhub.dialects.contract import Dialect, Route
from orderhub.web.desk import (
    account,
    amending,
    connections,
    coupons,
    credentials,
    customers,
    departures,
    files,
    imports,
    listings,
    onward,
    operating,
    order,
    orders,
    overview,
    people,
    products,
    requests,
    routes,
    sandboxes,
    selected,
    settings,
    sign_in,
    slips,
    start,
    steps,
    stock,
    webhooks,
    words,
)
from orderhub.web.desk.page import way_back

_PAGES = (
    files,
    start,
    sign_in,
    account,
    overview,
    orders,
    order,
    steps,
    amending,
    slips,
    selected,
    onward,
    stock,
    products,
    coupons,
    departures,
    customers,
    imports,
    requests,
    webhooks,
    connections,
    listings,
    routes,
    credentials,
    sandboxes,
    people,
    settings,
    operating,
)


def _routes() -> tuple[Route, ...]:
    routes = tuple(route for module in _PAGES for route in module.ROUTES)
    pages = {each.path for each in routes if each.method == "GET"}
    forms = (each.path for each in routes if each.method == "POST")
    return (*routes, *(way_back(path, pages) for path in forms if path not in pages))


def desk() -> Dialect:
    return Dialect(
        name="desk",
        title="Desk",
        about=__doc__ or "",
        prefixes=("/desk",),
        routes=_routes(),
        fault=words.fault,
        refusal=words.refusal,
        takes_slash=True,
        is_api=False,
    )
