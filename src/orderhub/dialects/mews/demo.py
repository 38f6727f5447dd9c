"""The demo's hotel with the ids of the vendor's own example, its part of `omni`; the door of a new merchant."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any
from uuid import uuid4

import msgspec

from orderhub.core.accounts import Account, AccountingCategory, Bill, Enterprise, Service, bill_keys
from orderhub.core.catalogue import Product
from orderhub.core.charges import AccountCharge, Charge, StatedPrice
from orderhub.core.commands import Numbering, Origin, PlaceOrder, RecordChange
from orderhub.core.tax import Taxation, TaxEnvironment, TaxRate
from orderhub.core.values import Pricing, Settings
from orderhub.dialects.auth import curl, digest, drawn
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.mews.access import KINDS, NAME
from orderhub.dialects.mews.keys import account_keys
from orderhub.dialects.samples import Door, Setup, record
from orderhub.dialects.sandbox import Buyer, DemoBusiness, DemoCredential, Past

# The tokens and ids of the document's example of `orders/add`.
CLIENT_TOKEN = "E0D439EE522F44368DC78E1BFB03710C-D24FB11DBE31D4621C4817E028D9E1D"  # noqa: S105
ACCESS_TOKEN = "7059D2C25BF64EA681ACAB3A00B859CC-D91BFF2B1E3047A3E0DEC1D57BE1382"  # noqa: S105
ENTERPRISE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
CHAIN = "8ddea57b-6a5c-4eec-8c4c-24467dce118e"
ACCOUNT = "407a26f8-dcfc-4e29-b978-ab440117a153"
SERVICE = "d2129910-1da9-4d39-be14-ab3a00c9e70c"
BILL = "22b68915-05fe-4a31-b1cb-bd5efa35d305"
PRODUCT = "2eb7ad8b-8dfb-4381-aba5-ab58009f2993"
CATEGORY = "90eff5aa-36b4-4689-80c0-ab3a00bb412e"
TAX_ENVIRONMENT = "US-DC"
TAX_RATE = "US-DC-G"
_CLOCK_FROM = "2020-02-01T00:00:00+00:00"
_CREATED_AT = 1_577_836_800_000_000  # 2020-01-01T00:00:00Z

_OMNI = "00000000-0000-4000-8000-000000000"
OMNI_SERVICE = _OMNI + "901"
OMNI_ACCOUNT = _OMNI + "902"
OMNI_ENTERPRISE = _OMNI + "903"
OMNI_CHAIN = _OMNI + "904"


def _token(client_token: str, access_token: str, *tenants: str) -> DemoCredential:
    """An integration without rebate permission and, as everywhere in the demo, without a rate limit."""
    return DemoCredential(
        NAME,
        token=access_token,
        data={"client": digest(client_token), "rate_limit": 0},
        tenants=tenants,
    )


def _record(kind: str, number: int, doc: Any, uid: str = "", code: str = "") -> RecordChange:
    keys: tuple[tuple[str, str], ...] = ()
    if isinstance(doc, Account):
        keys = account_keys(doc)
    elif isinstance(doc, Bill):
        keys = bill_keys(doc)
    return RecordChange(kind=kind, id=number, uid=uid, code=code, doc=doc, keys=keys)


def _customer(first_name: str, last_name: str, email: str) -> Account:
    return Account(
        first_name=first_name,
        last_name=last_name,
        email=email,
        created_at=_CREATED_AT,
        updated_at=_CREATED_AT,
    )


HOTEL = DemoBusiness(
    name="hotel",
    title="Mews Connector: a hotel's point of sale",
    settings=Settings(
        name="hotel",
        currency="USD",
        currencies=("EUR",),
        pricing=Pricing.NET,
        time_zone="America/New_York",
        editable_history_s=7 * 86_400,
        sandbox=True,
    ),
    clock_from=_CLOCK_FROM,
    credentials=(_token(CLIENT_TOKEN, ACCESS_TOKEN),),
    records=(
        _record(
            "enterprise",
            1,
            Enterprise(
                id=1,
                uid=ENTERPRISE,
                chain=CHAIN,
                name="Connector API Hotel",
                legal_environment="US-DC",
                tax_environment=TAX_ENVIRONMENT,
                created_at=_CREATED_AT,
            ),
            ENTERPRISE,
        ),
        _record(
            "tax_environment",
            1,
            TaxEnvironment(code=TAX_ENVIRONMENT, country="USA", taxations=(TAX_ENVIRONMENT,)),
            code=TAX_ENVIRONMENT,
        ),
        _record(
            "taxation",
            1,
            Taxation(code=TAX_ENVIRONMENT, name="Sales tax", local_name="Sales tax"),
            code=TAX_ENVIRONMENT,
        ),
        _record(
            "tax_rate",
            1,
            TaxRate(code=TAX_RATE, taxation=TAX_ENVIRONMENT, value=Decimal("0.06")),
            code=TAX_RATE,
        ),
        _record(
            "service",
            1,
            Service(
                id=1,
                uid=SERVICE,
                name="Restaurant",
                created_at=_CREATED_AT,
                updated_at=_CREATED_AT,
            ),
            SERVICE,
        ),
        _record("account", 1, _customer("John", "Smith", "j.smith@example.com"), ACCOUNT),
        _record(
            "bill", 1, Bill(account=ACCOUNT, created_at=_CREATED_AT, updated_at=_CREATED_AT), BILL
        ),
        _record(
            "accounting_category",
            1,
            AccountingCategory(
                id=1,
                uid=CATEGORY,
                name="Beverage",
                code="100",
                data={"Classification": "FoodAndBeverage"},
            ),
            CATEGORY,
            "100",
        ),
        _record(
            "product",
            1,
            Product(
                id=1,
                uid=PRODUCT,
                code="BFST",
                title="Breakfast",
                kind="service",
                price=Decimal(10),
                currency="USD",
                service=SERVICE,
                tax_codes=(TAX_RATE,),
            ),
            PRODUCT,
            "BFST",
        ),
    ),
    sequences={"account": 2, "bill": 2, "account_payment": 1},
)

DEMO = (HOTEL,)

OMNI = DemoBusiness(
    name="omni",
    settings=Settings(name="omni"),
    credentials=(
        _token("OMNI-CLIENT", "OMNI-ACCESS"),
        _token("PORTFOLIO-CLIENT", "PORTFOLIO-ACCESS", "hotel", "omni"),
    ),
    records=(
        _record(
            "enterprise",
            1,
            Enterprise(
                id=1,
                uid=OMNI_ENTERPRISE,
                chain=OMNI_CHAIN,
                name="Omni",
                created_at=_CREATED_AT,
            ),
            OMNI_ENTERPRISE,
        ),
        _record(
            "service",
            1,
            Service(
                id=1,
                uid=OMNI_SERVICE,
                name="Shop",
                created_at=_CREATED_AT,
                updated_at=_CREATED_AT,
            ),
            OMNI_SERVICE,
        ),
        _record("account", 1, _customer("Omni", "Guest", "guest@omni.example"), OMNI_ACCOUNT),
    ),
    sequences={"account": 2, "bill": 1, "account_payment": 1},
)


def _sold(
    origin: Origin, chance: Random, _buyer: Buyer, goods: Sequence[Product], settings: Settings
) -> PlaceOrder:
    """Charged to the one account that is there."""
    charges = tuple(
        Charge(
            title=each.title,
            quantity=chance.randint(1, 3),
            price=StatedPrice(currency=settings.currency, net=each.price),
        )
        for each in chance.sample(goods, chance.choice((1, 1, 2)))
    )
    return PlaceOrder(
        origin=origin,
        terms=AccountCharge(service=OMNI_SERVICE, account=OMNI_ACCOUNT, charges=charges),
        numbering=Numbering.UID,
    )


# The hotel has no id below the first: the example's order is the first there is.
PAST = Past(order=_sold, omni=40)


def door(setup: Setup) -> Door:
    """A new merchant's: a property with a service, where a first customer's account is charged."""
    (kind,) = KINDS
    shown = kind.complete(Shown(digests={"client": drawn("client")}))
    enterprise, service, account = str(uuid4()), str(uuid4()), str(uuid4())
    now = setup.now_us
    category = AccountingCategory(id=1, uid=str(uuid4()), name="Sales", code="SALES")
    customer = Account(
        first_name="Jane", last_name="Doe", email="jane@example.com", created_at=now, updated_at=now
    )
    records = (
        record(
            "enterprise",
            1,
            Enterprise(
                id=1,
                uid=enterprise,
                chain=str(uuid4()),
                name=setup.title or setup.name,
                time_zone=setup.time_zone,
                created_at=setup.now_us,
            ),
        ),
        record(
            "service", 1, Service(id=1, uid=service, name="Shop", created_at=now, updated_at=now)
        ),
        record("accounting_category", 1, category),
        record("account", 1, customer, uid=account, keys=account_keys(customer)),
    )
    # What is sold already is charged to this service.
    sold = tuple(
        record(
            "product",
            each.id,
            msgspec.structs.replace(each, service=service, category=category.uid),
        )
        for each in setup.goods
    )
    title, command = "list the properties", kind.command(shown, setup.base_url)
    if setup.goods:
        product = setup.goods[0]
        title = f"one {product.title}, charged to a customer's account"
        body = {
            "ClientToken": shown.digests["client"],
            "AccessToken": shown.token,
            "Client": "curl",
            "AccountId": account,
            "ServiceId": service,
            "ProductOrders": [{"ProductId": product.uid, "Count": 1}],
        }
        command = curl(
            f"{setup.base_url}/api/connector/v1/orders/add",
            *("-H", "Content-Type: application/json", "-d", encode(body).decode()),
        )
    return Door(
        kind=kind,
        shown=shown,
        title=title,
        command=command,
        records=(*records, *sold),
        sequences={"account": 2, "bill": 1, "account_payment": 1},
    )
