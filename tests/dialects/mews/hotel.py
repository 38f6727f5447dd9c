"""A client of the hotel of the demo, and what the demo does not seed."""

import asyncio
import hashlib
from contextlib import asynccontextmanager

from orderhub.core.access import Credential
from orderhub.core.answer import Answer
from orderhub.core.commands import ChangeSettings, Origin, PutRecords, RecordChange
from orderhub.dialects.mews.access import NAME
from orderhub.dialects.mews.demo import (
    ACCESS_TOKEN,
    ACCOUNT,
    BILL,
    CATEGORY,
    CLIENT_TOKEN,
    ENTERPRISE,
    PRODUCT,
    SERVICE,
)
from orderhub.intake.outcome import Waiting
from tests.support.hub import operator_headers, running_hub

TOKENS = {
    "ClientToken": CLIENT_TOKEN,
    "AccessToken": ACCESS_TOKEN,
    "Client": "Sample Client 1.0.0",
}
BEER = {
    "Name": "Beer",
    "UnitCount": 3,
    "UnitAmount": {"Currency": "USD", "NetValue": 7, "TaxCodes": ["US-DC-G"]},
    "AccountingCategoryId": CATEGORY,
}
BREAKFAST = {"ProductId": PRODUCT, "Count": 2}
# The document's example, verbatim.
ORDER = {
    "EnterpriseId": ENTERPRISE,
    "AccountId": ACCOUNT,
    "ServiceId": SERVICE,
    "BillId": BILL,
    "ConsumptionUtc": "2020-02-04T00:00:00Z",
    "ProductOrders": [BREAKFAST],
    "Items": [BEER],
}
PAGE = {"Limitation": {"Count": 1000}}
NOBODY = "11111111-1111-4111-8111-111111111111"
FROZEN = "2020-02-01T12:00:00Z"


def with_price(**members):
    """The beer at another price. A member set to None is left out."""
    amount = {**BEER["UnitAmount"], **members}
    return {**BEER, "UnitAmount": {k: v for k, v in amount.items() if v is not None}}


class Hotel:
    """Calls as the demo's integration; `hub` is the world around it."""

    def __init__(self, hub, tokens=TOKENS):
        self.hub = hub
        self.tokens = tokens

    async def call(self, operation, body=None, **more):
        return await self.hub.post(
            f"/api/connector/v1/{operation}", json={**self.tokens, **(body or {})}, **more
        )

    async def made(self, operation, body=None, **more):
        """The body of a call that must succeed."""
        answer = await self.call(operation, body, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, operation, body=None, **more):
        """Status and message of a call that must fail, in the vendor's envelope."""
        answer = await self.call(operation, body, **more)
        assert answer.status_code >= 400, answer.text
        envelope = answer.json()
        assert set(envelope) == {"Message", "RequestId"}
        assert envelope["RequestId"] == answer.headers["request-id"]
        return answer.status_code, envelope["Message"]

    async def order(self, **changes):
        """The id of the document's order with other members. One set to None is left out."""
        body = {k: v for k, v in {**ORDER, **changes}.items() if v is not None}
        return (await self.made("orders/add", body))["OrderId"]

    async def items(self, **filters):
        return (await self.made("orderItems/getAll", {**PAGE, **filters}))["OrderItems"]

    # --- what no call of the vendor can set up

    async def submit(self, make):
        """Have a command done that `make` builds from its origin."""
        port = self.hub.hub.port
        tenant = await port.read(lambda reads: reads.tenant("hotel"))
        origin = Origin(
            tenant_id=tenant.id, channel="test", actor="test", recorded_at=port.now_us()
        )
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        worded = Answer(200, b"", (), "")
        self.hub.hub.intake.put(
            Waiting(
                command=make(origin),
                render=lambda _accepted: worded,
                render_refusal=lambda _rejected: worded,
                deliver=done.set_result,
                loop=loop,
            )
        )
        outcome = await done
        assert outcome.kind == "accepted", outcome
        port.forget()

    async def put(self, kind, number, doc, uid="", code=""):
        change = RecordChange(kind=kind, id=number, uid=uid, code=code, doc=doc)
        await self.submit(lambda origin: PutRecords(origin=origin, changes=(change,)))

    async def settings(self, **members):
        await self.submit(lambda origin: ChangeSettings(origin=origin, members=members))

    async def rotated(self):
        """The same integration with the new access token that an operator has drawn for it."""
        kept = "/hub/v1/tenants/hotel/credentials"
        listed = await self.hub.get(kept, headers=operator_headers())
        (one,) = [each for each in listed.json()["items"] if each["kind"] == NAME]
        made = await self.hub.post(f"{kept}/{one['id']}/rotate", {}, headers=operator_headers())
        assert made.status_code == 200, made.text
        return Hotel(self.hub, {**self.tokens, "AccessToken": made.json()["token"]})

    async def permit(self, access_token, **members):
        """A further integration of the hotel with permissions of its own; answers its client."""
        port = self.hub.hub.port
        tenant = await port.read(lambda reads: reads.tenant("hotel"))
        given = {"tenant_id": tenant.id, "tenants": members.pop("tenants", ())}
        credential = Credential(
            id=f"test-{access_token}",
            kind="mews",
            name=hashlib.sha256(access_token.encode()).hexdigest(),
            enabled=members.pop("enabled", True),
            data={"client": hashlib.sha256(CLIENT_TOKEN.encode()).hexdigest(), **members},
            **given,
        )
        port.ledger.put_credential(credential)
        port.forget()
        return Hotel(self.hub, {**self.tokens, "AccessToken": access_token})


@asynccontextmanager
async def hotel(where, **settings):
    """The demo's hotel on a day that stands still."""
    async with running_hub(where, **settings) as hub:
        await hub.freeze("hotel", FROZEN)
        yield Hotel(hub)
