"""Idempotency keys: what a key is bound to, and how a repeat is told from another request under the same key."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from orderhub.ledger.batch import ClaimName

MAX_KEY_LENGTH = 255
_CANONICAL = msgspec.json.Encoder(order="sorted", decimal_format="number")


class Claim(msgspec.Struct, frozen=True):
    """A caller's key and the fingerprint of what came with it.

    `window_us`: 0 = bound as long as it is kept; else a binding older than this is as good as none.
    """

    name: ClaimName
    fingerprint: str
    window_us: int = 0

    def is_bound(self, created_at: int, now_us: int) -> bool:
        """Whether a binding made at `created_at` still stands.

        One that seems to be made later than now was made under a clock that was put back since.
        """
        return not self.window_us or abs(now_us - created_at) < self.window_us


def of_body(tenant_id: int, scope: str, content: str, window_us: int) -> Claim:
    """For a credential whose client can send no key: the same content within the window is a repeat."""
    return Claim(ClaimName(tenant_id, f"{scope}#body", content), content, window_us)


def fingerprint(dialect: str, method: str, path: str, body: object, secrets: Sequence[str]) -> str:
    """SHA-256 over dialect, method, path and the canonical JSON body without its credentials.

    The query is left out: a Tours4Fun retry carries a fresh `t` and `sign`.
    """
    if isinstance(body, dict) and secrets:
        body = {name: value for name, value in body.items() if name not in secrets}
    content = body if isinstance(body, bytes) else _CANONICAL.encode(body)
    head = f"{dialect}\n{method}\n{path}\n".encode()
    return hashlib.sha256(head + content).hexdigest()


def is_usable_key(key: str) -> bool:
    """Printable ASCII of 1 to 255 characters."""
    return 0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()


def of_part(key: str, part: int) -> str:
    """What the first, second ... command of one call is bound under: nothing a client can send as a key."""
    return key if part == 1 else f"{key}\x1f{part}"
