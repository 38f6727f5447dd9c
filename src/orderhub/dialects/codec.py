"""Bytes to values and back: JSON with exact numbers, and what would poison a database refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from orderhub.core.values import Settings
from orderhub.dialects.contract import malformed
from orderhub.dialects.json_faults import JsonFault, fault_in, mended, unicode_fault
from orderhub.dialects.scalars import is_monstrous

S = TypeVar("S", bound=msgspec.Struct)

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_NUL = b"\\u0000"
_MAX_INT_DIGITS = 40
# A shorter body has no room for what is dear, but for an exponent and for depth.
_SHORT = 4_000
# Much less than the interpreter's own limit: whoever shows or walks through what is kept goes as deep again.
_MAX_DEPTH = 64


class _OutOfRange(Exception):
    """A number that nobody computes with."""


def _exact(text: str) -> Decimal:
    number = Decimal(text)
    if ("e" in text or "E" in text) and is_monstrous(number):
        raise _OutOfRange
    return number


_DECODER = msgspec.json.Decoder(float_hook=_exact)


def told(fault: JsonFault) -> str:
    """What is wrong with a body that is no JSON, and where."""
    return "the JSON breaks off" if fault.breaks_off else f"{fault.says} (byte {fault.at})"


def decode(body: bytes, *, mends: bool = False, say: Callable[[JsonFault], str] = told) -> Any:
    """JSON with exact numbers: floats become Decimals.

    mends  whether what is no Unicode becomes U+FFFD, as the decoders of some vendors have it; else it is refused
    say    the words for a body that is no JSON

    Raises HTTPFault(MALFORMED) for anything that is not JSON, is absurdly deep, holds U+0000 or a number beyond use.
    """
    try:
        value = _DECODER.decode(body)
    except RecursionError:
        raise malformed("nested too deeply") from None
    except _OutOfRange:
        raise malformed("a number out of range") from None
    except (msgspec.DecodeError, ValueError, ArithmeticError):
        whole = mended(body) if mends else body
        if whole != body:
            return decode(whole, say=say)
        fault = fault_in(body)
        # What our decoder says is for us: a client is told what is wrong with its own text.
        message = say(fault) if fault is not None else unicode_fault(body)
        raise malformed(message or "a number out of range") from None
    if len(body) > _SHORT or _NUL in body or body.count(b"[") + body.count(b"{") > _MAX_DEPTH:
        refuse_poison(value)
    return value


def refuse_poison(value: Any, depth: int = 0) -> None:
    """U+0000 cannot be stored everywhere; a huge exponent or a mile of digits stalls arithmetic.

    depth  how deep the value stands in what it is a part of

    Raises HTTPFault(MALFORMED).
    """
    if depth > _MAX_DEPTH:
        raise malformed("nested too deeply")
    if isinstance(value, str):
        if "\x00" in value:
            raise malformed("U+0000 is not allowed")
    elif isinstance(value, Decimal):
        if is_monstrous(value):
            raise malformed("a number out of range")
    elif isinstance(value, int):
        if value.bit_length() > 4 * _MAX_INT_DIGITS:
            raise malformed("a number out of range")
    elif isinstance(value, dict):
        for key, each in value.items():
            refuse_poison(key, depth + 1)
            refuse_poison(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            refuse_poison(each, depth + 1)


def decode_object(body: bytes, *, mends: bool = False) -> dict[str, Any]:
    """A JSON object with exact numbers, as `decode` reads it; raises HTTPFault(MALFORMED) for anything else."""
    value = decode(body, mends=mends)
    if not isinstance(value, dict):
        raise malformed("a JSON object is expected")
    return value


def encode(value: Any) -> bytes:
    """Compact JSON; Decimals become exact numbers."""
    return _ENCODER.encode(value)


def switches(settings: Settings, dialect: str, model: type[S]) -> S:
    """What `settings.dialects` says for a dialect, as its model."""
    told = settings.dialects.get(dialect)
    return msgspec.convert(told, model) if told else model()


def without(members: dict[str, Any], secrets: tuple[str, ...]) -> str:
    """The object as JSON text without its secret members: what may be kept of a request."""
    return encode({name: value for name, value in members.items() if name not in secrets}).decode()
