"""One rule of leniency for scalars, at every door: a number is read where text is meant, and the text of a number
where a number is meant.

PHP, JavaScript and spreadsheets mix the two freely. `docs/integrators.md` has the rule as a table, with what is refused
all the same. JSON comes from `dialects.codec`, which bounds it: a number is an int or a Decimal.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from decimal import Decimal
from typing import Any

from msgspec import inspect

# Of a number that is written as text. Longer ones are of no use, and dear to compute with.
_MAX_LENGTH = 80
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


def as_text(value: Any) -> str | None:
    """A text as it is, and 75001 as `75001`; what is neither text nor number is none."""
    if isinstance(value, str):
        return value
    if value.__class__ is int:
        return str(value)
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    return None


def as_number(value: Any) -> Decimal | None:
    """A number, exactly, also as the text that JSON would write, blanks around it aside; true and `x` are none."""
    if isinstance(value, str):
        written = value.strip()
        if len(written) > _MAX_LENGTH or _NUMBER.fullmatch(written) is None:
            return None
        value = Decimal(written)
    elif value.__class__ is int:
        return Decimal(value)
    return value if isinstance(value, Decimal) and value.is_finite() else None


def as_integer(value: Any, digits: int = 19) -> int | None:
    """1, 1.0, "1" and "1.0" are the integer 1; 1.5, "x", true and what has more digits are none."""
    if value.__class__ is int:
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value) if len(value) <= digits else None
    number = as_number(value)
    # Bounded before it is converted: 1E+9999999 would be a mile of digits.
    if number is None or abs(number) > 10**digits or number != number.to_integral_value():
        return None
    return int(number)


def as_list(value: Any) -> Any:
    """A list as it is, and the object of numbered members that PHP makes of a list with gaps; anything else too."""
    if isinstance(value, dict) and value and all(name.isdecimal() for name in value):
        return list(value.values())
    return value


def fitted(text: str, most: int) -> str:
    """As it is; one that is too long is counted, and kept, by its letters and without the blanks around it."""
    return text if len(text) <= most else unicodedata.normalize("NFC", text.strip())


def as_meant(value: Any, model: Any) -> Any:
    """Decoded JSON with the scalars that a msgspec type means; what cannot be meant stays for msgspec to refuse."""
    return _meant(value, _described(model))


@functools.cache
def _described(model: Any) -> inspect.Type:
    return inspect.type_info(model)


def _meant(value: Any, meant: inspect.Type) -> Any:
    options = _options(meant)
    for option in options:
        if isinstance(option, inspect.StructType) and isinstance(value, dict):
            types = {field.encode_name: field.type for field in option.fields}
            return {
                name: _meant(each, types[name]) if name in types else each
                for name, each in value.items()
            }
        if isinstance(option, inspect.ListType) and isinstance(value, list):
            return [_meant(each, option.item_type) for each in value]
    kinds = {type(option) for option in options}
    takes_number = bool(kinds & {inspect.IntType, inspect.DecimalType})
    found: str | int | None = None
    if inspect.StrType in kinds and not takes_number:
        found = as_text(value)
    elif inspect.IntType in kinds and isinstance(value, str | Decimal):
        found = as_integer(value)
    return value if found is None else found


def _options(meant: inspect.Type) -> list[inspect.Type]:
    """The types that a type allows: each without what is said about it, or about all of them."""
    if isinstance(meant, inspect.Metadata):
        return _options(meant.type)
    if isinstance(meant, inspect.UnionType):
        return [option for each in meant.types for option in _options(each)]
    return [meant]
