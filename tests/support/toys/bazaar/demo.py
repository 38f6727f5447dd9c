"""One stall, and its part of the tenant that has all doors."""

from orderhub.core.values import Settings
from orderhub.dialects.sandbox import DemoBusiness

DEMO = (DemoBusiness(name="stall", settings=Settings(name="stall", currency="TRY")),)
OMNI = DemoBusiness(name="omni")
