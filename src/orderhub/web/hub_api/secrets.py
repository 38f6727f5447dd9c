"""/hub/v1/secrets: what is kept encrypted moves to the current key."""

from __future__ import annotations

import msgspec

from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, Route
from orderhub.web.hub_api.access import OPERATOR, guarded, is_operator
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
    found = await hub.read(lambda reads: reads.credentials(None))
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

    rotated = len(old)
    if not call.is_dry_run:
        rotated = 0
        for start in range(0, len(old), _STEP):
            rotated += await hub.write(move, old[start : start + _STEP])
        hub.forget()
    return Answer(200, encode(Rotated(secrets=len(kept), rotated=rotated)))


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
