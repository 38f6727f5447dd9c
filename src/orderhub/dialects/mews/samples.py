"""The door of a new merchant: a property with a service, where a first customer's account is charged."""

from __future__ import annotations

from uuid import uuid4

import msgspec

from orderhub.core.accounts import Account, AccountingCategory, Enterprise, Service
from orderhub.dialects.auth import curl, drawn
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Shown
from orderhub.dialects.mews.credentials import KINDS
from orderhub.dialects.mews.keys import account_keys
from orderhub.dialects.samples import Door, Setup, record


def door(setup: Setup) -> Door:
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
