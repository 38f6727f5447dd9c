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
from typing import Any, NamedTuple

from msgspec import inspect

# Of a number that is written as text. Longer ones are of no use, and dear to compute with.
_MAX_LENGTH = 80
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


# A number with a monstrous exponent is cheap to send and dear to compute with.
_MAX_EXPONENT = 60


def is_monstrous(number: Decimal) -> bool:
    """Whether a number is so large or so near to nothing that to make an integer of it would take hours."""
    return (
        number.is_finite()
        and bool(number)
        and not -_MAX_EXPONENT <= number.adjusted() <= _MAX_EXPONENT
    )


def is_usable(number: Decimal) -> bool:
    """Whether a number that a library made of a text (`NaN`, `1e9999999`) is one that `as_number` would make, too."""
    return number.is_finite() and not is_monstrous(number) and len(str(number)) <= _MAX_LENGTH


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


class _Meaning(NamedTuple):
    """What a type says about the scalars in a value of it."""

    members: dict[str, _Meaning] | None  # of an object, by their names on the wire
    item: _Meaning | None  # of a list
    is_text: bool
    is_whole: bool


def as_meant(value: Any, model: Any) -> Any:
    """Decoded JSON with the scalars that a msgspec type means; what cannot be meant stays for msgspec to refuse."""
    return _meant(value, _meaning_of(model))


@functools.cache
def _meaning_of(model: Any) -> _Meaning:
    return _meaning(inspect.type_info(model))


def _meaning(described: inspect.Type) -> _Meaning:
    options = _options(described)
    kinds = {type(option) for option in options}
    members, item = None, None
    for option in options:
        if isinstance(option, inspect.StructType):
            members = {field.encode_name: _meaning(field.type) for field in option.fields}
        elif isinstance(option, inspect.ListType):
            item = _meaning(option.item_type)
    is_whole = inspect.IntType in kinds
    takes_number = is_whole or inspect.DecimalType in kinds
    return _Meaning(members, item, inspect.StrType in kinds and not takes_number, is_whole)


def _options(described: inspect.Type) -> list[inspect.Type]:
    """The types that a type allows: each without what is said about it, or about all of them."""
    if isinstance(described, inspect.Metadata):
        return _options(described.type)
    if isinstance(described, inspect.UnionType):
        return [option for each in described.types for option in _options(each)]
    return [described]


def _meant(value: Any, meaning: _Meaning) -> Any:
    members, item, is_text, is_whole = meaning
    if members is not None and isinstance(value, dict):
        return {
            name: _meant(each, members[name]) if name in members else each
            for name, each in value.items()
        }
    if item is not None and isinstance(value, list):
        return [_meant(each, item) for each in value]
    found: str | int | None = None
    if is_text:
        found = as_text(value)
    elif is_whole and isinstance(value, str | Decimal):
        found = as_integer(value)
    return value if found is None else found
