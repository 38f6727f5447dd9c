"""Tours4Fun V2: tours sold by resellers, in rooms, on departure days."""

from orderhub.dialects.contract import Dialect
from orderhub.dialects.tours4fun.access import KINDS, SECURITY, authenticate
from orderhub.dialects.tours4fun.client import CLIENT
from orderhub.dialects.tours4fun.data import AppData, ProductData, Switches
from orderhub.dialects.tours4fun.routes import ROUTES
from orderhub.dialects.tours4fun.show import render
from orderhub.dialects.tours4fun.words import FIELDS, word_fault, word_refusal

DIALECT = Dialect(
    name="tours4fun",
    title="Tours4Fun V2",
    brand="Tours4Fun",
    about=__doc__ or "",
    # Its families that are not offered, too: who calls them hears so in its words.
    prefixes=(
        *("/v2/order/", "/v2/product/", "/ttd/"),
        *("/v1/order/", "/v1/product/", "/ctrip/", "/control_stock/"),
    ),
    routes=ROUTES,
    fault=word_fault,
    refusal=word_refusal,
    success=0,
    fields=FIELDS,
    caller=authenticate,
    render=render,
    data={"product": ProductData, "tours4fun": AppData, "settings": Switches},
    kinds=KINDS,
    security=SECURITY,
    client=CLIENT,
)
