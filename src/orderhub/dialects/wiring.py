"""Help that every dialect's wire code needs: safe decoding, canonical field names, hub tokens."""

from __future__ import annotations

import hashlib
import re
import secrets
import shlex
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from orderhub.core.values import Settings
from orderhub.dialects.contract import (
    Call,
    Caller,
    Fault,
    FaultKind,
    Stop,
    WireFault,
    invalid,
    malformed,
)

S = TypeVar("S", bound=msgspec.Struct)

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_NUL = b"\\u0000"
# A number with a monstrous exponent is cheap to send and dear to compute with.
_MAX_EXPONENT = 60
_EXPONENT = re.compile(rb"[0-9][eE]")
_MAX_INT_DIGITS = 40


def decode(body: bytes) -> Any:
    """JSON with exact numbers: floats become Decimals.

    Raises Stop(MALFORMED) for anything that is not JSON, is absurdly deep, holds U+0000 or a number beyond use.
    """
    try:
        value = _DECODER.decode(body)
    except RecursionError:
        raise malformed("nested too deeply") from None
    except (msgspec.DecodeError, ValueError, ArithmeticError) as error:
        raise malformed(str(error)) from None
    if _NUL in body or len(body) > 4_000 or _EXPONENT.search(body) is not None:
        _refuse_poison(value, 0)
    return value


def _refuse_poison(value: Any, depth: int) -> None:
    """U+0000 cannot be stored everywhere; a huge exponent or a mile of digits stalls arithmetic."""
    if depth > 64:
        raise malformed("nested too deeply")
    if isinstance(value, str):
        if "\x00" in value:
            raise malformed("U+0000 is not allowed")
    elif isinstance(value, Decimal):
        if value.is_finite() and value and not -_MAX_EXPONENT <= value.adjusted() <= _MAX_EXPONENT:
            raise malformed("a number out of range")
    elif isinstance(value, int):
        if value.bit_length() > 4 * _MAX_INT_DIGITS:
            raise malformed("a number out of range")
    elif isinstance(value, dict):
        for key, each in value.items():
            _refuse_poison(key, depth + 1)
            _refuse_poison(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _refuse_poison(each, depth + 1)


def decode_object(body: bytes) -> dict[str, Any]:
    """A JSON object with exact numbers; raises Stop(MALFORMED) for anything else."""
    value = decode(body)
    if not isinstance(value, dict):
        raise malformed("a JSON object is expected")
    return value


def encode(value: Any) -> bytes:
    """Compact JSON; Decimals become exact numbers."""
    return _ENCODER.encode(value)


def switches(settings: Settings, dialect: str, model: type[S]) -> S:
    """What `settings.dialects` says for a dialect, as its model."""
    return msgspec.convert(settings.dialects.get(dialect, {}), model)


def without(members: dict[str, Any], secrets: tuple[str, ...]) -> str:
    """The object as JSON text without its secret members: what may be kept of a request."""
    return encode({name: value for name, value in members.items() if name not in secrets}).decode()


def digest(secret: str) -> str:
    """How a random token is looked up and stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


def drawn(prefix: str) -> str:
    """A token or secret that nobody can guess; its prefix says what it is for."""
    return f"{prefix}_{secrets.token_urlsafe(32)}" if prefix else secrets.token_urlsafe(32)


def header_text(field: str, text: str) -> str:
    """A text that arrives in a header as it was sent. Raises Stop(INVALID) for another."""
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
    credential = await call.hub.credential("hub", digest(token))
    if credential is None or not credential.tenant_id:
        return None
    call.tenant_id = credential.tenant_id
    if "dialects" not in credential.scopes:
        raise Stop(Fault(FaultKind.FORBIDDEN, "the token lacks the scope dialects"))
    acts_as = credential.data.get("acts_as", {}).get(call.dialect.name, "")
    call.caller = Caller(credential=credential, tenant_id=credential.tenant_id, acts_as=acts_as)
    return call.caller
