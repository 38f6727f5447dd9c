"""/hub/v1/secrets: what is kept encrypted moves to the current key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.connections import RECORD_KIND as CONNECTION
from orderhub.core.connections import Connection
from orderhub.core.facts import Record
from orderhub.core.queries import Reads
from orderhub.core.webhooks import RECORD_KIND, Webhook, WebhookSecret
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, Route
from orderhub.web.cipher import Cipher
from orderhub.web.hub_api.access import OPERATOR, guarded, is_operator, origin_in
from orderhub.web.hub_api.bodies import refuse
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shaping import Shape

# In each transaction; one that is broken off loses no more, and the next call goes on there.
_STEP = 100


class Rotated(Shape, frozen=True, kw_only=True):
    """How many secrets are kept, and how many of them another key read till now."""

    secrets: int
    rotated: int


@guarded(OPERATOR)
async def rotate_secrets(call: Call, who: Caller) -> Answer:
    """Every secret that only the old key reads is encrypted under the current one. Safe to repeat."""
    assert is_operator(who.credential)
    hub = port(call)
    if not hub.cipher.can_encrypt:
        raise refuse(
            "", "set ORDERHUB_SECRET_KEY, and the key before it as ORDERHUB_SECRET_KEY_OLD"
        )
    found, webhooks, connections, people = await hub.read(
        lambda reads: (
            reads.credentials(None),
            _webhooks(reads),
            _connections(reads),
            reads.people.with_second_factor(),
        )
    )
    kept = [each for each in found if each.secret]
    old = sorted(each.id for each in kept if not hub.cipher.is_current(each.secret))

    def move(ids: list[str]) -> int:
        moved = 0
        with hub.ledger.directory("") as (_, directory):
            for credential_id in ids:
                credential = directory.credential(credential_id)  # as it is by now
                if credential is None or not credential.secret:
                    continue
                if not hub.cipher.is_current(credential.secret):
                    secret = hub.cipher.encrypt(hub.cipher.decrypt(credential.secret))
                    directory.change_credential(msgspec.structs.replace(credential, secret=secret))
                    moved += 1
        return moved

    of_webhooks = [each for webhook in webhooks for each in webhook.doc.secrets]
    stale = [each for each in webhooks if _is_stale(hub.cipher, each.doc)]
    factors = [each.email for each in people if not hub.cipher.is_current(each.totp)]
    of_connections = [text for each in connections for text in each.doc.credentials.values()]
    worn = [each for each in connections if _count_worn(hub.cipher, each.doc)]
    rotated = len(old) + len(factors) + _count_old(hub.cipher, of_webhooks)
    rotated += sum(_count_worn(hub.cipher, each.doc) for each in worn)
    if not call.is_dry_run:
        rotated = 0
        for start in range(0, len(old), _STEP):
            rotated += await hub.write(move, old[start : start + _STEP])
        rotated += await _move_factors(call, factors)
        hub.forget()
        for webhook in stale:
            rotated += await _move_webhook(call, who, webhook)
        for connection in worn:
            rotated += await _move_connection(call, who, connection)
    found_all = len(kept) + len(of_webhooks) + len(of_connections) + len(people)
    return Answer(200, encode(Rotated(secrets=found_all, rotated=rotated)))


async def _move_factors(call: Call, emails: list[str]) -> int:
    """How many people's second factors were moved."""
    hub = port(call)

    def move(some: list[str]) -> int:
        moved = 0
        with hub.ledger.directory("") as (_, directory):
            for email in some:
                person = directory.people.locked(email)  # as it is by now
                if person is None or not person.totp or hub.cipher.is_current(person.totp):
                    continue
                totp = hub.cipher.encrypt(hub.cipher.decrypt(person.totp))
                directory.people.change(person.uid, totp=totp)
                moved += 1
        return moved

    moved = 0
    for start in range(0, len(emails), _STEP):
        moved += await hub.write(move, emails[start : start + _STEP])
    return moved


def _webhooks(reads: Reads) -> list[Record]:
    found = (
        reads.record(each.tenant_id, RECORD_KIND, "id", each.webhook_id)
        for each in reads.webhooks_look()
    )
    return [each for each in found if each is not None]


def _connections(reads: Reads) -> list[Record]:
    found = (
        reads.record(each.tenant_id, CONNECTION, "id", each.connection_id)
        for each in reads.relay.look(0)
    )
    return [each for each in found if each is not None]


def _count_worn(cipher: Cipher, connection: Connection) -> int:
    return sum(not cipher.is_current(each) for each in connection.credentials.values())


async def _move_connection(call: Call, who: Caller, connection: Record) -> int:
    """How many of its credentials were moved: none where it was changed meanwhile, which the next call finds."""
    cipher, doc = port(call).cipher, connection.doc
    moved = {name: cipher.encrypt(cipher.decrypt(text)) for name, text in doc.credentials.items()}
    done = await _written(call, who, connection, {"credentials": moved})
    return _count_worn(cipher, doc) if done else 0


def _is_stale(cipher: Cipher, webhook: Webhook) -> bool:
    return _count_old(cipher, webhook.secrets) > 0


def _count_old(cipher: Cipher, secrets: Iterable[WebhookSecret]) -> int:
    return sum(not cipher.is_current(each.text) for each in secrets)


async def _move_webhook(call: Call, who: Caller, webhook: Record) -> int:
    """How many of its secrets were moved: none where it was changed meanwhile, which the next call finds."""
    cipher, doc = port(call).cipher, webhook.doc
    moved = [
        msgspec.structs.replace(each, text=cipher.encrypt(cipher.decrypt(each.text)))
        for each in doc.secrets
    ]
    done = await _written(call, who, webhook, {"secrets": msgspec.to_builtins(moved)})
    return _count_old(cipher, doc.secrets) if done else 0


async def _written(call: Call, who: Caller, record: Record, members: dict[str, Any]) -> bool:
    """Whether it still was what was read."""
    change = RecordChange(
        kind=record.kind, id=record.id, if_version=record.version, members=members
    )
    command = PutRecords(
        origin=origin_in(call, who, record.tenant_id),
        changes=(change,),
        exists=((record.kind, "id", str(record.id)),),
    )
    outcome = await call.submit(command, lambda _accepted: Answer(204, b""), secret_answer=True)
    return outcome.rejected is None


ROUTES = (
    Route(
        "POST",
        "/hub/v1/secrets/rotate",
        rotate_secrets,
        "Encrypt what is kept under the current key (operators)",
        mutates=True,
        idempotency_key=False,  # what is done is not done again
        answers={200: Rotated},
    ),
)
