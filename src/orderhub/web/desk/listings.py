"""Which of a vendor's things is which of ours: by hand, by a file, or read from the vendor. The rules are the API's."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from orderhub.dialects.contract import Answer, Call, HTTPFault
from orderhub.web.desk.forms import Form, FormRefused, json_object
from orderhub.web.desk.inner import ask, file, tell, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages, titles_of
from orderhub.web.desk.page import Visitor, form, go, page, show
from orderhub.web.hub_api import connections, listings
from orderhub.web.hub_api.connections import SCOPE, ConnectionStanding, client_of
from orderhub.web.hub_api.listings import ListingShown, ListingsWritten, Matched
from orderhub.web.hub_api.shaping import Page
from orderhub.web.sheets import Unreadable, read

_PATH = "/desk/connections/{uid}/listings"
MOST_ROWS = 5_000
_MOST_BYTES = 4 * 1024 * 1024
_PAGE = "50"
_CURSOR = re.compile("[0-9]{1,18}")
# Columns of a file, as the list has them; its other ones are only shown.
_COLUMNS = ("code", "subject", "item", "sku", "title", "data")

Text = Annotated[str, msgspec.Meta(max_length=2_000)]


class _New(msgspec.Struct, frozen=True, kw_only=True):
    """`code` ours, `item` the vendor's own id; `data` a line name=value each."""

    code: Text
    item: Text
    sku: Text = ""
    title: Text = ""
    data: Text = ""


class _Listing(msgspec.Struct, frozen=True):
    listing: Text


class Listings(msgspec.Struct, frozen=True, kw_only=True):
    """`matched`: what the vendor's list came to, if it was read just now."""

    connection: ConnectionStanding
    name: str
    path: str
    rows: tuple[ListingShown, ...]
    pages: Pages
    has_items: bool
    matched: Matched | None = None


async def every(call: Call, visitor: Visitor, sent: Form) -> Answer:
    if media := wanted(call):
        of_it = {"connection": call.params["uid"]}
        return await file(call, visitor, listings.list_listings, media, query=of_it)
    return await _shown(call, visitor, sent)


async def _shown(
    call: Call, visitor: Visitor, sent: Form, matched: Matched | None = None
) -> Answer:
    name = {"id": call.params["uid"]}
    operation = connections.get_connection
    connection = await ask(call, visitor, operation, ConnectionStanding, path=name)
    cursor = call.query.get("after", "")
    cursor = cursor if _CURSOR.fullmatch(cursor) else ""
    query = {"connection": connection.id, "limit": _PAGE, "cursor": cursor}
    found = await ask(call, visitor, listings.list_listings, Page[ListingShown], query=query)
    path = _PATH.replace("{uid}", connection.id)
    older = f"{path}?{urlencode({'after': found.next_cursor})}" if found.next_cursor else ""
    context = Listings(
        connection=connection,
        name=connection.title or titles_of(call).get(connection.dialect, connection.dialect),
        path=path,
        rows=found.items,
        pages=Pages(newest=path if cursor else "", older=older),
        has_items=client_of(call, connection.dialect).has("items"),
        matched=matched,
    )
    return show(call, visitor, "listings.html", context, sent)


async def put(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """One by hand."""
    given = sent.read(_New)
    named = "subject" if ":" in given.code else "code"
    item = {
        named: given.code,
        "id": given.item,
        "sku": given.sku,
        "title": given.title,
        "data": _data(given.data),
    }
    try:
        await _put(call, visitor, [item])
    except HTTPFault as stop:
        # One input takes a code or a subject.
        faults = tuple(
            msgspec.structs.replace(each, path=each.path.replace("].subject", "].code"))
            for each in stop.fault.faults
        )
        raise HTTPFault(msgspec.structs.replace(stop.fault, faults=faults)) from None
    return _back(call, visitor, N_("It is listed. Orders that waited for it go on."))


async def load(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """Those of a file, 500 at a time, all or none of them."""
    items = _items(sent)
    for start in range(0, len(items), listings.MOST_AT_ONCE):
        await _put(call, visitor, items[start : start + listings.MOST_AT_ONCE])
    return _back(call, visitor, N_("%(count)s are listed."), count=len(items))


async def match(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """Read from the vendor: what bears a SKU that is a code of ours is listed."""
    name = {"id": call.params["uid"]}
    found = await ask(call, visitor, listings.match_listings, Matched, path=name)
    if found.error is not None:
        raise FormRefused({"": found.error})
    return await _shown(call, visitor, sent, found)


async def remove(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given = sent.read(_Listing)
    await tell(call, visitor, listings.delete_listing, path={"id": given.listing})
    return _back(call, visitor, N_("It is listed no more."))


async def _put(call: Call, visitor: Visitor, items: list[dict[str, Any]]) -> None:
    body = {"connection": call.params["uid"], "items": items}
    await ask(call, visitor, listings.put_listings, ListingsWritten, body=body)


def _items(sent: Form) -> list[dict[str, Any]]:
    """Raises FormRefused for what is no such file."""
    data = sent.files.get("file", b"")
    if not data:
        raise FormRefused({"file": N_("Choose a file.")})
    try:
        rows = read(data)
    except Unreadable:
        rows = None
    if rows is None or any(each.fault for each in rows.rows):
        raise FormRefused(
            {
                "file": N_(
                    "The file cannot be read: it, or one of its columns, is not as described here."
                )
            }
        )
    if rows.is_csv and "item" not in rows.columns:
        raise FormRefused({"file": N_("Columns item and code (or subject) are needed.")})
    if len(rows.rows) > MOST_ROWS:
        raise FormRefused(
            {"file": N_("A file has 5,000 rows at most: the command line takes larger ones.")}
        )
    return [_item(row.values) for row in rows.rows]


def _item(values: dict[str, Any]) -> dict[str, Any]:
    """A row as the API takes it. What is empty is not said."""
    said = {name: values[name] for name in _COLUMNS if values.get(name)}
    if said.get("subject"):
        said.pop("code", None)
    if isinstance(data := said.pop("data", None), str):
        said["data"] = json_object("file", data)
    elif data is not None:
        said["data"] = data
    return {"id": said.pop("item", ""), **said}


def _data(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.strip()]
    pairs = (line.partition("=") for line in lines)
    found = {name.strip(): value.strip() for name, equals, value in pairs if equals}
    if len(found) != len(lines):
        raise FormRefused({"data": N_("Write a line name=value for each.")})
    return found


def _back(call: Call, visitor: Visitor, text: str, **values: Any) -> Answer:
    path = _PATH.replace("{uid}", call.params["uid"])
    return go(call, path, done=visitor.say(text, **values))


ROUTES = (
    page(_PATH, SCOPE, every),
    form(_PATH, SCOPE, put, every),
    form(f"{_PATH}/file", SCOPE, load, every, max_body=_MOST_BYTES),
    form(f"{_PATH}/match", SCOPE, match, every),
    form(f"{_PATH}/delete", SCOPE, remove, every),
)
