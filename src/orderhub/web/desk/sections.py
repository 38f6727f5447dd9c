"""The navigation: each section stands here once, with the scope that opens its pages."""

from __future__ import annotations

from collections.abc import Callable

from orderhub.core.people import PEOPLE
from orderhub.core.reach import OPERATOR
from orderhub.web.desk.language import N_
from orderhub.web.desk.rendering import Section

# (the group's heading, its sections), each with (path, title, scope).
_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "",
        (
            ("/desk/overview", N_("Overview"), "orders:read"),
            ("/desk/orders", N_("Orders"), "orders:read"),
            ("/desk/onward", N_("Onward"), "orders:read"),
            ("/desk/customers", N_("Customers"), "orders:read"),
        ),
    ),
    (
        N_("Sell"),
        (
            ("/desk/products", N_("Products"), "catalogue"),
            ("/desk/stock", N_("Stock"), "pools"),
            ("/desk/departures", N_("Departures"), "catalogue"),
            ("/desk/coupons", N_("Coupons"), "catalogue"),
        ),
    ),
    (
        N_("Build"),
        (
            ("/desk/requests", N_("Requests"), "requests"),
            ("/desk/webhooks", N_("Webhooks"), "webhooks"),
            ("/desk/connections", N_("Connections"), "relay"),
            ("/desk/routes", N_("Routes"), "relay"),
            ("/desk/credentials", N_("Credentials"), "credentials"),
            ("/desk/sandboxes", N_("Sandboxes"), "clock"),
        ),
    ),
    (
        N_("Run"),
        (
            ("/desk/people", N_("People"), PEOPLE),
            ("/desk/settings", N_("Settings"), "settings"),
            ("/desk/tenants", N_("Businesses"), OPERATOR),
            ("/desk/health", N_("Health"), OPERATOR),
        ),
    ),
)


def sections_for(
    may: Callable[[str], bool], path: str
) -> tuple[tuple[str, tuple[Section, ...]], ...]:
    """What somebody may open, and where they are."""
    groups = (
        (
            heading,
            tuple(
                Section(at, title, path == at or path.startswith(f"{at}/"))
                for at, title, scope in sections
                if may(scope)
            ),
        )
        for heading, sections in _GROUPS
    )
    return tuple((heading, sections) for heading, sections in groups if sections)
