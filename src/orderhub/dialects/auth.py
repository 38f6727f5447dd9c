"""Who calls: bearer tokens, their digests, drawn secrets, cookies, and the commands that show how to use them."""

from __future__ import annotations

import hashlib
import secrets
import shlex

from orderhub.core.access import Credential
from orderhub.dialects.contract import Call, Caller, Fault, FaultKind, HTTPFault, WireFault, invalid

_HUB = "hub"  # the kind of the hub's own tokens
# Copied for each digest: to look the algorithm up costs several times as much as to hash a token.
_SHA256 = hashlib.sha256()


def digest(secret: str) -> str:
    """How a random token is looked up and stored."""
    hashed = _SHA256.copy()
    hashed.update(secret.encode())
    return hashed.hexdigest()


def drawn(prefix: str) -> str:
    """A token or secret that nobody can guess; its prefix says what it is for."""
    return f"{prefix}_{secrets.token_urlsafe(32)}" if prefix else secrets.token_urlsafe(32)


def header_text(field: str, text: str) -> str:
    """A text that arrives in a header as it was sent. Raises HTTPFault(INVALID) for another."""
    if not (text.isascii() and text.isprintable() and text == text.strip()):
        message = f"{field} is sent in a header: ASCII that neither begins nor ends with a blank"
        raise invalid(WireFault(field, "value", message))
    return text


def curl(url: str, *more: str) -> str:
    """A shell command, every word of it quoted where it must be."""
    return shlex.join(("curl", "-s", url, *more))


def set_cookie(call: Call, name: str, value: str, life_s: int) -> tuple[str, str]:
    """The header that sets a cookie: out of reach for scripts and other sites, and behind https for https alone."""
    secure = "; Secure" if call.is_secure else ""
    text = f"{name}={value}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Lax{secure}"
    return "Set-Cookie", text


def bearer(call: Call) -> str:
    """The token of an `Authorization: Bearer` header, or empty."""
    scheme, _, token = call.header("authorization").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def hub_caller(call: Call) -> Caller | None:
    """The caller when the bearer token is one of the hub's own: it wins over the vendor's reading of it."""
    token = bearer(call)
    if not token:
        return None
    credential = await call.hub.credential(_HUB, digest(token))
    if credential is None or not credential.tenant_id:
        return None
    return _of_hub(call, credential)


async def token_caller(call: Call, kind: str) -> Caller | None:
    """The caller by a bearer token: the hub's own, which wins, or the vendor's of this kind. One look-up finds both."""
    token = bearer(call)
    if not token:
        return None
    credential = await call.hub.credential(_HUB, digest(token), kind)
    if credential is not None and credential.kind == _HUB:
        if credential.tenant_id:
            return _of_hub(call, credential)
        credential = await call.hub.credential(kind, digest(token))  # an operator is nobody here
    if credential is None or not credential.tenant_id:
        return None
    call.caller = Caller(credential=credential, tenant_id=credential.tenant_id)
    return call.caller


def _of_hub(call: Call, credential: Credential) -> Caller:
    call.tenant_id = credential.tenant_id
    if "dialects" not in credential.scopes:
        raise HTTPFault(Fault(FaultKind.FORBIDDEN, "the token lacks the scope dialects"))
    acts_as = credential.data.get("acts_as", {}).get(call.dialect.name, "")
    call.caller = Caller(credential=credential, tenant_id=credential.tenant_id, acts_as=acts_as)
    return call.caller
