"""Numbers and texts with their unit and range, said once for each.

`ge` and `le` hold wherever a value is read: nothing is computed with what lies outside. What
`extra_json_schema` says holds where an item of the catalogue is written (`core/ranges.py`), never where one
is loaded: what an older hub let in must go on being read. Either way OpenAPI and the guide show it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=0, le=10**12)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Digits = Annotated[int, Meta(ge=0, le=6)]  # decimals of an amount
Grams = Annotated[int, Meta(ge=0, le=10**12)]
CENTURY_S = 100 * 366 * 86_400
Seconds = Annotated[int, Meta(ge=0, le=CENTURY_S)]
Days = Annotated[int, Meta(ge=0, le=36_500)]
# Microseconds since 1970 UTC, from the year 1 to 9999.
Instant = Annotated[int, Meta(ge=-62_135_596_800_000_000, le=253_402_300_799_999_999)]


def about(text: str, by: str = "") -> Meta:
    """What a member means, and the channels that read it (`anqicms mews`; empty = the hub itself)."""
    return Meta(description=text, extra={"by": by})


# --- of the catalogue: ranges that hold at the write

_UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_CURRENCY = "^[A-Z]{3}$"

Price = Annotated[Decimal, Meta(extra_json_schema={"minimum": 0})]
Ratio = Annotated[Decimal, Meta(extra_json_schema={"minimum": 0, "maximum": 1})]
Rate = Annotated[Decimal, Meta(extra_json_schema={"exclusiveMinimum": 0})]
Number = Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": 2**53 - 1})]
Positive = Annotated[int, Meta(extra_json_schema={"minimum": 1, "maximum": 2**53 - 1})]
# With such a range and an empty default a member is needed.
Text = Annotated[str, Meta(extra_json_schema={"minLength": 1})]
# What something is found by, so an index holds it; as long as what names it elsewhere may be.
MOST_CODE = 200
Code = Annotated[str, Meta(extra_json_schema={"maxLength": MOST_CODE})]
NeededCode = Annotated[str, Meta(extra_json_schema={"minLength": 1, "maxLength": MOST_CODE})]
Uid = Annotated[
    str, Meta(extra_json_schema={"pattern": f"^({_UUID})?$", "format": "uuid-in-lower-case"})
]
Currency = Annotated[str, Meta(extra_json_schema={"pattern": _CURRENCY, "format": "iso-4217"})]
AnyCurrency = Annotated[
    str, Meta(extra_json_schema={"pattern": "^([A-Z]{3})?$", "format": "iso-4217"})
]
CurrencyName = Annotated[
    str, Meta(extra_json_schema={"pattern": _CURRENCY, "format": "currency-code"})
]
Country = Annotated[
    str, Meta(extra_json_schema={"pattern": "^([A-Z]{2})?$", "format": "iso-3166-1"})
]
Alpha3 = Annotated[
    str, Meta(extra_json_schema={"pattern": "^([A-Z]{3})?$", "format": "iso-3166-1-alpha-3"})
]
TimeOfDay = Annotated[
    str,
    Meta(
        extra_json_schema={
            "pattern": "^(([01][0-9]|2[0-3])(:[0-5][0-9]){2})?$",
            "format": "time-of-day",
        }
    ),
]
ItemId = Annotated[int, about("the item's")]
