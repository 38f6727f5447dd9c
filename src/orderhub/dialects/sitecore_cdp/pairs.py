"""The pairs of a data extension, whose keys are the client's own: flat, primitive, camelCase alphanumeric keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from orderhub.dialects.contract import WireFault, invalid
from orderhub.dialects.describing import Schema
from orderhub.dialects.describing import members as an_object
from orderhub.dialects.members import Bad, Reading
from orderhub.dialects.sitecore_cdp.kinds import (
    MAX_DIGITS,
    MAX_LIST,
    MAX_LONG_TEXT,
    MAX_NAME,
    number,
    only,
)
from orderhub.dialects.sitecore_cdp.wire import CDP

MAX_PAIRS = 100

_KEY = "[a-z][A-Za-z0-9]{0,127}"
_IS_KEY = re.compile(_KEY)
# Neither counts as a pair.
_FIXED = {"name": only("ext"), "key": only("default")}
# The server's own members: sent back by a client that read them before, and ignored.
_SERVER_KEYS = frozenset({"ref", "href", "createdAt", "modifiedAt"})
_MOST_KEPT = 10 ** (MAX_DIGITS - 1)
_PAIR: Schema = {
    "type": ["string", "number", "boolean"],
    "maxLength": MAX_LONG_TEXT,
    "minimum": -_MOST_KEPT,
    "maximum": _MOST_KEPT,
}


def _pair(key: str, value: Any, *, partial: bool) -> str | bool | Decimal | None:
    """The value of a pair."""
    if _IS_KEY.fullmatch(key) is None:
        raise Bad("value", message="must be a camelCase alphanumeric key.")
    if value is None:
        if partial:
            return None
        raise Bad("missing")
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if len(value) > MAX_LONG_TEXT:
            raise Bad("length", MAX_LONG_TEXT)
        return value
    if isinstance(value, (int, Decimal)):
        return number(value)
    raise Bad("type", message="must be a string, a number or a boolean.")


def read_pairs(body: Mapping[str, Any], *, partial: bool = False) -> dict[str, Any]:
    """The pairs by key.

    With `partial` a null value means that the pair goes. Raises HTTPFault(INVALID).
    """
    pairs: dict[str, Any] = {}
    reading = Reading(CDP)
    for key, value in body.items():
        if key in _SERVER_KEYS:
            continue
        try:
            if key in _FIXED:
                _FIXED[key].read(value, key, reading)
            else:
                pairs[key] = _pair(key, value, partial=partial)
        except Bad as bad:
            reading.fault(key[:MAX_NAME], bad, value)
    del reading.faults[MAX_LIST:]
    reading.finish()
    if not pairs and not partial:
        raise invalid(WireFault("ext", "missing", "must contain at least one key-value pair."))
    return pairs


def schema_of_pairs(*, partial: bool = False) -> Schema:
    """What `read_pairs` takes."""
    pair = {**_PAIR, "type": [*_PAIR["type"], "null"]} if partial else _PAIR
    enough = [
        {"minProperties": 1 + len(sent), "properties": dict.fromkeys(_FIXED.keys() - sent, False)}
        for sent in ({"name", "key"}, {"name"}, {"key"}, set[str]())
    ]
    return an_object(
        {name: each.schema for name, each in _FIXED.items()},
        patternProperties={f"^(?!name$|key$){_KEY}$": pair},
        additionalProperties=False,
        maxProperties=MAX_PAIRS,
        description="Flat pairs with camelCase alphanumeric keys.",
        **({} if partial else {"anyOf": enough}),
    )
