"""Collections as the vendor pages them: `{href, offset, limit, items}`."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from orderhub.dialects.contract import Call
from orderhub.dialects.sitecore_cdp.wire import ByCreated, Page, Row


def collection(call: Call, page: Page, items: list[Any]) -> dict[str, Any]:
    """The page; its href is the request's own, with offset and limit spelled out."""
    rest = {k: v for k, v in call.query.items() if k not in {"offset", "limit"}}
    query = urlencode({"offset": page.offset, "limit": page.limit, **rest})
    href = f"{call.base_url}{call.path}?{query}"
    return {"href": href, "offset": page.offset, "limit": page.limit, "items": items}


def row(href: str) -> Row:
    """Of a list that was not expanded: the ref is the link's last segment."""
    return Row(href=href, ref=href.rpartition("/")[2])


def page_of(call: Call, page: ByCreated, items: list[Any]) -> dict[str, Any]:
    """The page out of all items, which come in the order in which they were created."""
    _, oldest_first = page.sort
    in_order = items if oldest_first else items[::-1]
    return collection(call, page, in_order[page.offset : page.end])
