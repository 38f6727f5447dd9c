"""What Sitecore CDP reads of a tenant's settings and of a login's free `data`."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """Of a tenant: calls a minute of one client key; the vendor documents no limit, 0 = none."""

    requests_per_minute: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class LoginData(msgspec.Struct):
    """Members of a login's `data`: the client key, which a rotation keeps."""

    client_key: Annotated[str, msgspec.Meta(pattern="^[^:]+$", max_length=200)] | None = None
