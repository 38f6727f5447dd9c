"""What the demo seeds for this door."""

from __future__ import annotations

from orderhub.core.values import Settings
from orderhub.dialects.sandbox import DemoBusiness, DemoCredential
from orderhub.dialects.sitecore_cdp.access import NAME


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
