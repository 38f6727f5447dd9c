"""What the bazaar reads of a tenant's settings."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """Of a tenant: how many characters the name of an item may have."""

    longest_item: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
