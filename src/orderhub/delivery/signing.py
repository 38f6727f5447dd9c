"""Signatures as the Standard Webhooks specification has them: https://www.standardwebhooks.com."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Sequence

PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """One that nobody can guess, as receivers' libraries take it."""
    return PREFIX + b64encode(secrets.token_bytes(_BYTES)).decode()


def headers(
    signing: Sequence[str], message_id: str, timestamp_s: int, body: bytes
) -> dict[str, str]:
    """What goes with a message. Each secret signs it, so that receivers may hold any of them.

    Raises ValueError for a text that is no secret.
    """
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp_s, body)
    made = (hmac.digest(_key(each), signed, "sha256") for each in signing)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{b64encode(each).decode()}" for each in made),
    }


def _key(secret: str) -> bytes:
    text = secret.removeprefix(PREFIX)
    try:
        key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except NoBase64:
        key = b""
    if not key:
        raise ValueError("is no secret of a webhook: whsec_ and base64")
    return key
