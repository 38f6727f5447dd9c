"""Lists as files: CSV or NDJSON, of everything that the filters in force let through."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from orderhub.dialects.contract import Call
from orderhub.web.hub_api.bulk import NDJSON
from orderhub.web.hub_api.lists import CSV

_MEDIA: Mapping[str, str] = {"csv": CSV, "ndjson": NDJSON}
AS_CSV = {"as": "csv"}


def media_asked(call: Call) -> str:
    """The kind of file that a link asks for by `?as=`; empty = a page."""
    return _MEDIA.get(call.query.get("as", ""), "")


def path_to(path: str, members: Mapping[str, str]) -> str:
    """The path with those members that say something."""
    given = {name: text for name, text in members.items() if text}
    return f"{path}?{urlencode(given)}" if given else path
