"""KakaClo open API: dropship orders, V1 and V2, with the calls around them."""

from __future__ import annotations

from orderhub.dialects.contract import Dialect
from orderhub.dialects.kakaclo import words
from orderhub.dialects.kakaclo.access import KINDS, SECURITY, caller_of
from orderhub.dialects.kakaclo.client import CLIENT
from orderhub.dialects.kakaclo.data import ProductData, SkuData, Switches
from orderhub.dialects.kakaclo.mapping import NAME
from orderhub.dialects.kakaclo.routes import ROUTES
from orderhub.dialects.kakaclo.show import show_one

DIALECT = Dialect(
    name=NAME,
    title="KakaClo open API",
    brand="KakaClo",
    about=__doc__ or "",
    prefixes=("/openapi",),
    routes=ROUTES,
    fault=words.fault,
    refusal=words.refusal,
    success=words.SUCCESS,
    fields=words.FIELDS,
    caller=caller_of,
    render=show_one,
    data={"product": ProductData, "variant": SkuData, "settings": Switches},
    kinds=KINDS,
    security=SECURITY,
    client=CLIENT,
)
