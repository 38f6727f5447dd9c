"""What callers show, and what it opens."""

from __future__ import annotations

from typing import Any

import msgspec


class Credential(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something a caller shows, found by (kind, name).

    kind    `hub` for the hub's own tokens, else the dialect, with a suffix where it has several kinds
    name    what it is looked up by: a SHA-256 digest of a random token, or a public key of the vendor
    secret  encrypted, only where the hub must read it back to check a signature
    data    the rest: digests to compare, whom it acts as (`acts_as`: dialect -> owner), limits, permissions
    Instants are microseconds since 1970 UTC of wall time; 0 = never.
    """

    id: str
    kind: str
    name: str
    tenant_id: int  # 0 = every tenant (operator)
    tenants: tuple[int, ...] = ()  # a portfolio: every tenant it reaches
    scopes: tuple[str, ...] = ()
    secret: str = ""
    label: str = ""
    enabled: bool = True
    expires_at: int = 0
    created_at: int = 0
    last_used_at: int = 0
    data: dict[str, Any] = {}

    def is_usable(self, wall_us: int) -> bool:
        return self.enabled and (not self.expires_at or wall_us < self.expires_at)


class Tenant(msgspec.Struct, frozen=True):
    """A row of the global directory."""

    id: int
    name: str
    title: str = ""
