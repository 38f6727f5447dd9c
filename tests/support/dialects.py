"""Every dialect, and the hub's own API beside them."""

from orderhub.dialects.finding import find_dialects
from orderhub.web.hub_api import hub_api

DIALECTS = find_dialects()
HUB = hub_api(DIALECTS)
