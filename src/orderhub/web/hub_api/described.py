"""What the calls of the hub's own API take and answer, said to OpenAPI as exactly as it is checked."""

from __future__ import annotations

from typing import Annotated, Any, get_type_hints

import msgspec

from orderhub.core.adjustments import MOST_UNITS
from orderhub.core.pools import MONEY_KINDS, POOL_KINDS
from orderhub.core.values import Settings, Status
from orderhub.dialects.contract import Media
from orderhub.dialects.describing import INSTANT_SINCE_1970, Schema, members, whole
from orderhub.dialects.finding import find_dialects
from orderhub.web.hub_api import (
    answers,
    catalogue,
    catalogue_bulk,
    commands,
    credentials,
    docs,
    faults,
    orders,
    people,
    plans,
    pools,
    sandboxes,
    search,
    secrets,
    tenants,
)
from orderhub.web.hub_api.bodies import Name, NoSwitches
from orderhub.web.hub_api.bulk import NDJSON
from orderhub.web.hub_api.catalogue_kinds import KINDS
from orderhub.web.hub_api.catalogue_shapes import EXAMPLES_OF_KINDS, ITEM_WRITTEN, ROW_WRITTEN
from orderhub.web.hub_api.shapes import ORDER_MEMBERS, SUMMARY_MEMBERS

_TEXT = answers.TEXT
_DIALECTS = find_dialects()
DOORS = tuple(each.name for each in _DIALECTS)


def _fields(known: tuple[str, ...]) -> Schema:
    name = f"(?:{'|'.join(known)})(?:\\.[a-z_]+)*"
    return {
        "type": "string",
        "maxLength": 2_000,
        "pattern": f"^(?:{name}(?:,{name})*)?$",
        "description": "Only these members, with dots into objects: `uid,status,contact.email`",
    }


def _about(schema: Schema, text: str) -> Schema:
    return {**schema, "description": text}


_ONE_STATUS = f"(?:{'|'.join(Status)})"
_TIME = {"type": "string", "pattern": f"^$|{INSTANT_SINCE_1970['pattern']}"}
_TIMES = {
    f"{name}_{end}": _about(_TIME, "ISO 8601 with an offset")
    for name in search.TIMES
    for end in ("from", "to")
}
_COMBINATIONS = "; ".join(" with ".join(sorted(each)) for each in search.COMBINATIONS if each)
LIST_ORDERS = members(
    {
        "tenant": _about(_TEXT, "an operator's list may be of one tenant"),
        "dialect": {
            "type": "string",
            "enum": ["", *DOORS],
            "description": f"Filters that go together: {_COMBINATIONS}",
        },
        "status": {
            "type": "string",
            "pattern": f"^(?:{_ONE_STATUS}(?:,{_ONE_STATUS})*)?$",
            "description": "one, or several with commas",
        },
        **dict.fromkeys(("owner", "account", "reference", "number", "email", "sku"), _TEXT),
        "phone": {"type": "string", "pattern": "^(?:.*[0-9].*)?$"},
        "word": _about(_TEXT, "a word of names or notes, or the beginning of one"),
        **_TIMES,
        "limit": whole(1, search.MAX_PAGE),
        "cursor": _about(
            {"type": "string", "pattern": r"^(?:[0-9]{1,18}(?:\.[0-9]{1,18}){1,2})?$"},
            "`next_cursor` of the page before",
        ),
        "fields": _fields(SUMMARY_MEMBERS),
    }
)
ONE_ORDER = members(
    {
        "as": {
            "type": "string",
            "enum": ["", *DOORS],
            "description": "the dialect to show it as; not with fields",
        },
        "fields": _fields(ORDER_MEMBERS),
    }
)
_IF_MATCH = members(
    {
        "If-Match": {
            "type": "string",
            "pattern": r'^(?:\*|(?:W/)?"?[0-9]{1,9}"?)?$',
            "description": "the version that is to be changed, as its ETag says; else 412",
        }
    }
)
_PAGE_CURSOR = _about({"type": "string", "pattern": "^[0-9]{0,18}$"}, "`next_cursor` of a page")
_KIND: Schema = {"type": "string", "enum": list(KINDS)}
_IN_KIND = members({"kind": _KIND})
_ITEM_ID: Schema = {"type": "string", "pattern": "^[1-9][0-9]{0,14}$"}
_ONE_ITEM = members({"kind": _KIND, "id": _ITEM_ID})
_ONE_USER = members({"id": _ITEM_ID})
_LIST_ITEMS = members(
    {
        "limit": whole(1, catalogue.MAX_PAGE),
        "cursor": _PAGE_CURSOR,
        "code": _TEXT,
        "uid": _TEXT,
    }
)
_BULK = members(
    {
        "merge": _about(
            {"type": "string", "enum": ["true", "false"]},
            "`true`: a row says what changes (JSON Merge Patch); else all of its item",
        )
    }
)
_POOL_KIND: Schema = {"type": "string", "enum": list(POOL_KINDS)}
_LIST_POOLS = members(
    {
        "kind": _about({"type": "string", "enum": ["", *POOL_KINDS]}, "`stock` unless said"),
        "subject": _TEXT,
        "limit": whole(1, 1_000),
        "cursor": _about(
            {"type": "string", "pattern": r"^(?:[0-9]{1,4}\.[\s\S]*)?$"},
            "`next_cursor` of the page before",
        ),
    }
)
_POOL_HISTORY = members(
    {
        "kind": _POOL_KIND,
        "subject": {"type": "string", "minLength": 1},
        "place": _TEXT,
        "limit": whole(1, pools.MAX_PAGE),
        "cursor": _about(
            {"type": "string", "pattern": r"^(?:[0-9]{1,18}\.[0-9]{1,18})?$"},
            "`next_cursor` of the page before",
        ),
    },
    "kind",
    "subject",
)


def _any_of(name: str, types: dict[str, Any]) -> type[msgspec.Struct]:
    """An object with these members, each of which may be left out."""
    return msgspec.defstruct(
        name,
        [(n, t | msgspec.UnsetType, msgspec.UNSET) for n, t in types.items()],
        forbid_unknown_fields=True,
    )


_SWITCHES = _any_of(
    "Switches", {each.name: each.data.get("settings", NoSwitches) for each in _DIALECTS}
)


def _settings(name: str, without: set[str]) -> type[msgspec.Struct]:
    """The settings as they may be sent."""
    types = {**get_type_hints(Settings, include_extras=True), "dialects": _SWITCHES}
    return _any_of(name, {n: t for n, t in types.items() if n not in without})


CHANGED_SETTINGS = _settings("ChangedSettings", {"name", "clock", "first_order_id"})
NEW_TENANT = msgspec.defstruct(
    "NewTenant",
    [
        (
            "name",
            Annotated[str, msgspec.Meta(pattern="^(?!operator$)[a-z0-9][a-z0-9_-]{0,62}$")],
        ),
        ("title", Name | msgspec.UnsetType, msgspec.UNSET),
        (
            "settings",
            _settings("NewSettings", {"name", "clock"}) | msgspec.UnsetType,
            msgspec.UNSET,
        ),
    ],
    forbid_unknown_fields=True,
)

_SHORT: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
# Figures of pools: a whole number or the text of one; an amount of money may have decimals.
_UNITS = r"[1-9][0-9]{0,14}"
_MONEY = r"(?:[1-9][0-9]{0,11}(?:\.[0-9]{1,6})?|0\.[0-9]{0,5}[1-9])"
_MOST_MONEY = 10**12 - 1


def _figure(most: int, text: str, *, signed: bool) -> Schema:
    """So many more, which is never 0, or how many are left."""
    number = {**whole(-most, most), "not": {"const": 0}} if signed else whole(0, most)
    pattern = f"^-?{text}$" if signed else f"^(?:0|{text})$"
    return {"anyOf": [number, {"type": "string", "pattern": pattern}]}


def _adjustments() -> list[Schema]:
    """What is counted, by its subject or code, and how: by so many, or as so many."""
    counted = [kind for kind in POOL_KINDS if kind not in MONEY_KINDS]
    found = []
    for kinds, most, text, names in (
        (counted, MOST_UNITS, _UNITS, ("subject", "code")),
        (list(MONEY_KINDS), _MOST_MONEY, _MONEY, ("subject",)),
    ):
        for name in names:
            for figure in ("by", "count"):
                said: dict[str, Schema] = {
                    "kind": {"type": "string", "enum": kinds},
                    name: _SHORT,
                    "place": {"type": "string", "maxLength": 200},
                    figure: _figure(most, text, signed=figure == "by"),
                    "reason": _SHORT,
                }
                required = (name, figure, "reason", *(("kind",) if kinds != counted else ()))
                found.append(members(said, *required, additionalProperties=False))
    return found


ADJUSTMENT: Schema = {
    "anyOf": _adjustments(),
    "description": "`by` is signed, `count` is what is left; a pool that does not exist is opened.",
}


def _told(query: Schema | None, status: int, answer: Any, **more: Any) -> dict[str, Any]:
    return {"answers": {status: answer}, **({"query": query} if query else {}), **more}


NOTES: dict[Any, dict[str, Any]] = {
    orders.list_orders: _told(LIST_ORDERS, 200, answers.page(answers.SPARSE)),
    orders.one_order: _told(ONE_ORDER, 200, answers.ORDER),
    orders.order_events: _told(None, 200, answers.whole_list(answers.EVENT)),
    commands.move_order: _told(None, 200, answers.SUMMARY, headers=_IF_MATCH, optional_body=True),
    tenants.list_tenants: _told(
        members({"limit": whole(1, tenants.MAX_PAGE), "cursor": _PAGE_CURSOR}),
        200,
        answers.page(answers.TENANT),
    ),
    tenants.create_tenant: _told(None, 201, answers.NEW_TENANT, request=NEW_TENANT),
    tenants.get_settings: _told(None, 200, answers.SETTINGS),
    tenants.patch_settings: _told(
        None, 200, answers.SETTINGS, request=CHANGED_SETTINGS, optional_body=True
    ),
    tenants.get_clock: _told(None, 200, answers.CLOCK),
    tenants.set_clock: _told(None, 200, answers.CLOCK),
    credentials.list_credentials: _told(
        members(
            {
                "kind": _TEXT,
                "limit": whole(1, credentials.MAX_PAGE),
                "cursor": _about(_TEXT, "`next_cursor` of the page before"),
            }
        ),
        200,
        answers.page(answers.CREDENTIAL),
    ),
    credentials.create_credential: _told(None, 201, answers.SHOWN_ONCE, keyed=False),
    credentials.get_credential: _told(None, 200, answers.CREDENTIAL),
    credentials.change_credential: _told(None, 200, answers.CREDENTIAL, optional_body=True),
    credentials.revoke_credential: _told(None, 200, answers.CREDENTIAL),
    credentials.rotate_credential: _told(
        None, 200, answers.SHOWN_ONCE, optional_body=True, keyed=False
    ),
    faults.show_faults: _told(None, 200, answers.FAULTS),
    faults.set_faults: _told(None, 200, answers.FAULTS),
    faults.clear_faults: _told(None, 200, answers.FAULTS),
    secrets.rotate_secrets: _told(
        None,
        200,
        answers.ROTATED,
        keyed=False,  # what is done is not done again
    ),
    plans.make_plan: _told(None, 201, answers.PLAN, keyed=False),
    plans.show_plan: _told(None, 200, answers.PLAN),
    docs.search: {"query": members({"q": _about(_TEXT, "words, all of which are to be there")})},
    catalogue_bulk.bulk_upsert: _told(
        _BULK,
        200,
        Media(NDJSON, answers.RESULT),
        params=_IN_KIND,
        request=Media(NDJSON, ROW_WRITTEN),
        optional_body=True,
        keyed=False,  # the same rows written again change nothing
    ),
    catalogue.list_items: _told(_LIST_ITEMS, 200, answers.page(answers.ITEM), params=_IN_KIND),
    catalogue.get_item: _told(None, 200, answers.ITEM, params=_ONE_ITEM),
    catalogue.put_item: {
        "request": ITEM_WRITTEN,
        "examples": EXAMPLES_OF_KINDS,
        "answers": {200: answers.ITEM, 201: answers.ITEM},
        "headers": _IF_MATCH,
        "params": _ONE_ITEM,
    },
    catalogue.delete_item: _told(None, 204, None, headers=_IF_MATCH, params=_ONE_ITEM),
    people.set_password: _told(None, 204, None, params=_ONE_USER),
    people.end_sessions: _told(None, 204, None, params=_ONE_USER),
    pools.list_pools: _told(_LIST_POOLS, 200, answers.page(answers.POOL)),
    pools.pool_history: _told(_POOL_HISTORY, 200, answers.page(answers.PAST_MOVE)),
    pools.adjust_pool: _told(None, 200, answers.POOL, request=ADJUSTMENT),
    pools.bulk_adjust: _told(
        None,
        200,
        Media(NDJSON, answers.COUNTED),
        request=Media(NDJSON, ADJUSTMENT),
        optional_body=True,
        keyed=False,  # its rows are committed one by one
    ),
    sandboxes.remove_sandbox: _told(None, 204, None),
    sandboxes.open_sandbox: _told(
        None,
        201,
        answers.SANDBOX,
        request=members({"dialect": {"enum": list(DOORS)}}, "dialect", additionalProperties=False),
        keyed=False,
    ),
}
