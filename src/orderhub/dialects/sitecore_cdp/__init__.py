"""Sitecore CDP Order REST API v2.1, its guests and its batch uploads."""

from __future__ import annotations

from orderhub.dialects.contract import Dialect
from orderhub.dialects.sitecore_cdp import words
from orderhub.dialects.sitecore_cdp.access import KINDS, NAME, SECURITY, caller_of
from orderhub.dialects.sitecore_cdp.client import CLIENT
from orderhub.dialects.sitecore_cdp.data import LoginData, Switches
from orderhub.dialects.sitecore_cdp.routes import ROUTES
from orderhub.dialects.sitecore_cdp.show import render

DIALECT = Dialect(
    name=NAME,
    title="Sitecore CDP REST API v2.1",
    brand="Sitecore CDP",
    about=__doc__ or "",
    prefixes=("/v2.1", "/v2/batches"),
    routes=ROUTES,
    fault=words.fault,
    refusal=words.refusal,
    fields=words.FIELDS,
    caller=caller_of,
    render=render,
    is_paid=False,
    data={NAME: LoginData, "settings": Switches},
    kinds=KINDS,
    security=SECURITY,
    client=CLIENT,
    takes_slash=True,
)
