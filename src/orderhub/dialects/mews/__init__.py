"""Mews Connector API: charges to the accounts of a property."""

from orderhub.dialects.auth import hub_caller
from orderhub.dialects.contract import Dialect
from orderhub.dialects.mews.access import KINDS, NAME, SECRETS
from orderhub.dialects.mews.client import CLIENT
from orderhub.dialects.mews.data import CategoryData, ProductData, ServiceData, Switches, TokenData
from orderhub.dialects.mews.routes import PREFIX, ROUTES
from orderhub.dialects.mews.show import render
from orderhub.dialects.mews.webhooks import GeneralWebhooks, WebhookOptions
from orderhub.dialects.mews.words import FIELDS, fault, refusal

DIALECT = Dialect(
    name=NAME,
    title="Mews Connector API",
    brand="Mews",
    about=__doc__ or "",
    prefixes=(PREFIX,),
    routes=ROUTES,
    fault=fault,
    refusal=refusal,
    fields=FIELDS,
    caller=hub_caller,
    asks_body=True,
    render=render,
    secrets=SECRETS,
    is_paid=False,
    data={
        "product": ProductData,
        "service": ServiceData,
        "accounting_category": CategoryData,
        "mews": TokenData,
        "settings": Switches,
    },
    kinds=KINDS,
    webhooks=GeneralWebhooks(),
    webhook_options=WebhookOptions,
    security=({},),  # the vendor's own tokens are members of the body
    client=CLIENT,
)
