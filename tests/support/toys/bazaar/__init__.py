"""A sixth dialect, small enough to read at a glance: a stall that reports what it has sold."""

from orderhub.dialects.bazaar.access import KINDS, NAME, caller_of
from orderhub.dialects.bazaar.data import Switches
from orderhub.dialects.bazaar.routes import ROUTES
from orderhub.dialects.bazaar.show import render
from orderhub.dialects.bazaar.words import FIELDS, fault, refusal

from orderhub.dialects.contract import Dialect

DIALECT = Dialect(
    name=NAME,
    title="The bazaar",
    about=__doc__ or "",
    prefixes=("/bazaar/",),
    routes=ROUTES,
    fault=fault,
    refusal=refusal,
    fields=FIELDS,
    caller=caller_of,
    render=render,
    data={"settings": Switches},
    kinds=KINDS,
)
