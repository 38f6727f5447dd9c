"""What the demo seeds for this door."""

from __future__ import annotations

from orderhub.core.values import Settings
from orderhub.dialects.sandbox import DemoBusiness, DemoCredential
from orderhub.dialects.sitecore_cdp.auth import NAME

# Client key and API token of Basic authentication, as documented for the demo.
_DEMO_LOGIN = "demo-cdp:demo-cdp-secret"
_OMNI_LOGIN = "omni-cdp:omni-cdp-secret"

DEMO = (
    DemoBusiness(
        name="cdp",
        title="Sitecore CDP: a customer data platform",
        settings=Settings(name="cdp", currency="EUR", sandbox=True),
        acts_as="demo-cdp",
        credentials=(DemoCredential(NAME, token=_DEMO_LOGIN),),
    ),
)

OMNI = DemoBusiness(
    name="omni",
    acts_as="omni-cdp",
    credentials=(DemoCredential(NAME, token=_OMNI_LOGIN),),
)
