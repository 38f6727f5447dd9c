"""What came back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_VENDORS_SUCCESS = (0, 10000)


def json_value(body: bytes) -> Any:
    """The JSON value with exact numbers. Raises ValueError with what is wrong with it.

    Stricter than Python: NaN is no JSON, and half a surrogate pair is no character.
    """
    try:
        value = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ArithmeticError:
        raise ValueError("a number is too large") from None
    return value


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers by their lower-case names, and the very bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def value(self) -> Any:
        """The JSON value with exact numbers, or None when the body is none."""
        try:
            return json_value(self.body)
        except ValueError:
            return None


def succeeded(reply: Reply) -> bool:
    """A status below 400 and, where the vendor's envelope has a code, the one of success."""
    return is_success(reply.status, reply.value())


def is_success(status: int, value: Any) -> bool:
    code = value.get("code") if isinstance(value, dict) else None
    return status < 400 and (type(code) is not int or code in _VENDORS_SUCCESS)
