"""The hub from within: its own API may do what no dialect may, such as write the directory."""

from __future__ import annotations

from orderhub.dialects.contract import Call
from orderhub.web.port import HubPort


def port(call: Call) -> HubPort:
    hub = call.hub
    assert isinstance(hub, HubPort)
    return hub
