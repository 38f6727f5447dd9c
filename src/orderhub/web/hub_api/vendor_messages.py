"""/hub/v1/connections/{id}/messages: where a vendor's own webhooks are received.

A message names orders and says nothing of them that is believed: their news is asked for at once, as ever.
"""

from __future__ import annotations

import hmac
from typing import Annotated

import msgspec

from orderhub.core.connections import Connection
from orderhub.core.facts import Record
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.contract import Answer, Call, CommandRejected, Route, malformed
from orderhub.web.hub_api.bodies import Query, query_of
from orderhub.web.hub_api.inner import port
from orderhub.web.port import HubPort

_PATH = "/hub/v1/connections/{id}/messages"
_MOST_BYTES = 1_048_576
_EXAMPLE = {
    "EnterpriseId": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "IntegrationId": "8ddea57b-6a5c-4eec-8c4c-24467dce118e",
    "Events": [
        {
            "Discriminator": "ServiceOrderUpdated",
            "Value": {"Id": "cdfd5caa-2868-411b-ba95-322e70035f1a"},
        }
    ],
}


class Shown(Query, frozen=True, kw_only=True):
    token: Annotated[
        str, msgspec.Meta(max_length=64, description="part of the address that was handed out")
    ] = ""


def address_of(hub: HubPort, record: Record) -> str | None:
    """Where this vendor may send what it tells; None where it tells nothing, or its credentials cannot be read.

    The token follows from the credentials, so that it is kept nowhere, and is another once they are.
    """
    doc: Connection = record.doc
    client = hub.relayer.clients.get(doc.dialect)
    token = _token(hub, record) if client is not None and client.has("heard") else ""
    return f"{_PATH.format(id=record.uid)}?token={token}" if token else None


def _token(hub: HubPort, record: Record) -> str:
    doc: Connection = record.doc
    try:
        known = [hub.cipher.decrypt(text) for _, text in sorted(doc.credentials.items())]
    except ValueError:
        return ""
    return hmac.digest("\n".join(known).encode(), record.uid.encode(), "sha256").hex()[:40]


async def hear(call: Call) -> Answer:
    """A message of a vendor's webhooks: what it names is asked for at once. 204, also for what is of nobody here."""
    hub = port(call)
    record = hub.relayer.connection(call.params["id"].lower())
    shown = query_of(call, Shown).token
    token = "" if record is None else _token(hub, record)
    if record is None or not token or not hmac.compare_digest(token.encode(), shown.encode()):
        raise CommandRejected(
            Rejected(Reason.RECORD_UNKNOWN, "id", "no connection has this address")
        )
    numbers = hub.relayer.clients[record.doc.dialect].heard(call.body)
    if numbers is None:
        raise malformed("it is no message of the vendor's")
    if not call.is_dry_run:
        await hub.relayer.heard(record, numbers)
    return Answer(204, b"")


ROUTES = (
    Route(
        "POST",
        _PATH,
        hear,
        "Receive a vendor's webhook",
        query=Shown,
        request={"type": "object", "description": "As the vendor sends it."},
        examples={"of Mews": {"value": _EXAMPLE}},
        answers={204: None},
        mutates=True,
        idempotency_key=False,
        max_body=_MOST_BYTES,
        public=True,
    ),
)
