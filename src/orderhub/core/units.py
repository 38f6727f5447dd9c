"""Whole numbers with their unit and bounds: what is read keeps within what is computed with."""

from __future__ import annotations

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
