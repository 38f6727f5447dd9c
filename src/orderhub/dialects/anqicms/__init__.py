"""AnQiCMS: a shop front's order API, with its users, carts, coupons and memberships."""

from orderhub.dialects.anqicms.access import KINDS, SECURITY, SITE_KIND, identify
from orderhub.dialects.anqicms.client import CLIENT
from orderhub.dialects.anqicms.data import LevelData, ProductData, SiteData, VariantData
from orderhub.dialects.anqicms.mapping import DIALECT_NAME
from orderhub.dialects.anqicms.people import LOGIN_KIND
from orderhub.dialects.anqicms.routes import ROUTES
from orderhub.dialects.anqicms.show import render
from orderhub.dialects.anqicms.words import FIELDS, fault, refusal
from orderhub.dialects.contract import Dialect

DIALECT = Dialect(
    name=DIALECT_NAME,
    title="AnQiCMS",
    brand="AnQiCMS",
    about=__doc__ or "",
    prefixes=("/api/",),
    routes=ROUTES,
    fault=fault,
    refusal=refusal,
    success=0,
    fields=FIELDS,
    caller=identify,
    render=render,
    secrets=("password", "old_password", "token", "code"),
    login_kind=LOGIN_KIND,
    data={
        "product": ProductData,
        "variant": VariantData,
        "user_group": LevelData,
        SITE_KIND: SiteData,
    },
    kinds=KINDS,
    security=SECURITY,
    takes_slash=True,
    client=CLIENT,
)

__all__ = ["DIALECT"]
