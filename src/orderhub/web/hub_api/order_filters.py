"""The filters of `GET /hub/v1/orders`: which may go together, and the index that answers each combination.

A list must answer its hundredth page among a million orders as it answers its first among ten: every
combination here walks one index. What is not here is refused rather than answered slowly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from orderhub.core.commands import OrderName
from orderhub.core.queries import OrderSearch, Reads
from orderhub.core.search_terms import (
    EMAIL,
    PHONE,
    SKU,
    beginning,
    email_term,
    is_whole,
    phone_term,
    sku_term,
)
from orderhub.core.values import Order, Status
from orderhub.dialects.contract import Call
from orderhub.web.hub_api.bodies import (
    AnyMoment,
    Query,
    any_dialect,
    form,
    instant,
    refuse,
    refuse_unless_dialect,
    up_to,
)
from orderhub.web.hub_api.fields import some_of
from orderhub.web.hub_api.shapes import OrderSummary

MAX_PAGE = 200
# More beginnings than this are merged at no bounded cost: a longer beginning is asked for.
MAX_BEGINNINGS = 64
# Without a tenant, filters are looked up in each one: only so many looks are worth one call.
MAX_LOOKS = 200

TIMES = ("recorded", "updated", "occurred")
_ARRIVAL = frozenset({"recorded_from", "recorded_to"})
# Sets of filters that go together, with the index (or table) that answers them.
COMBINATIONS: Mapping[frozenset[str], str] = {
    frozenset(): "orders_by_arrival",
    frozenset({"dialect"}): "orders_by_door",
    frozenset({"status"}): "orders_by_status",
    frozenset({"dialect", "status"}): "orders_by_door_and_status",
    frozenset({"owner"}): "orders_by_owner",
    frozenset({"account"}): "orders_by_account",
    frozenset({"reference"}): "orders_by_reference",
    frozenset({"number"}): "orders_by_number",
    frozenset({"email"}): "order_term",
    frozenset({"phone"}): "order_term",
    frozenset({"sku"}): "order_term",
    frozenset({"word"}): "order_term",
    frozenset({"updated"}): "orders_by_update",
    frozenset({"occurred"}): "orders_by_occurrence",
}
FILTERS = frozenset({name for each in COMBINATIONS for name in each} - {"updated", "occurred"})
_TERMS = frozenset({"email", "phone", "sku", "word"})
_ACROSS_TENANTS = frozenset({"dialect", "status"})
_STATUS = "|".join(Status)
_TOGETHER = "; ".join(" with ".join(sorted(each)) for each in COMBINATIONS if each)


class FindOrders(Query, frozen=True, kw_only=True):
    """Filters, of which some go together: see COMBINATIONS. Empty = not given."""

    tenant: Annotated[str, msgspec.Meta(description="an operator's list may be of one tenant")] = ""
    dialect: Annotated[str, any_dialect(f"Filters that go together: {_TOGETHER}")] = ""
    status: Annotated[
        str,
        form(
            f"(?:(?:{_STATUS})(?:,(?:{_STATUS}))*)?",
            f"is one of {', '.join(Status)}, or several with commas",
            "one, or several with commas",
        ),
    ] = ""
    owner: str = ""
    account: str = ""
    reference: str = ""
    number: str = ""
    email: str = ""
    sku: str = ""
    phone: Annotated[str, form(r"(?:[\s\S]*[0-9][\s\S]*)?", "has no digit")] = ""
    word: Annotated[
        str, msgspec.Meta(description="a word of names or notes, or the beginning of one")
    ] = ""
    recorded_from: AnyMoment = ""
    recorded_to: AnyMoment = ""
    updated_from: AnyMoment = ""
    updated_to: AnyMoment = ""
    occurred_from: AnyMoment = ""
    occurred_to: AnyMoment = ""
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Annotated[
        str,
        form(
            r"(?:[0-9]{1,18}(?:\.[0-9]{1,18}){1,2})?",
            "is a next_cursor of an earlier page of the same list",
            "`next_cursor` of the page before",
        ),
    ] = ""


class ListOrders(FindOrders, frozen=True, kw_only=True):
    fields: Annotated[str, some_of(OrderSummary)] = ""


class Wanted(msgspec.Struct, frozen=True):
    """A list as it was asked for; `filters` are the names of those given."""

    filters: frozenset[str]
    values: dict[str, str]
    search: OrderSearch


def wanted(call: Call, given: FindOrders, tenant_id: int | None) -> Wanted:
    """Raises HTTPFault(INVALID) for what no index answers."""
    query: dict[str, str] = msgspec.structs.asdict(given)
    filters = frozenset(name for name in FILTERS if query.get(name))
    by = _time_of(query)
    _refuse_beside_number(query, filters)
    if given.dialect:
        refuse_unless_dialect(call, given.dialect)
    combination = filters | ({by} if by != "recorded" else set())
    if combination not in COMBINATIONS:
        raise refuse(
            ",".join(sorted(combination)),
            f"no index answers {' with '.join(sorted(combination))} together: "
            "see the list of filters that go together",
        )
    if tenant_id is None and not combination <= _ACROSS_TENANTS:
        raise refuse("tenant", f"{', '.join(sorted(combination))} needs tenant", "missing")
    search = OrderSearch(
        tenant_id=tenant_id,
        by=f"{by}_at",
        since=_instant(query, f"{by}_from"),
        until=_instant(query, f"{by}_to"),
        after=_cursor(given.cursor, tenant_id),
        limit=given.limit,
    )
    values = {name: query[name] for name in filters}
    return Wanted(filters, values, _filtered(search, values))


def _refuse_beside_number(query: Mapping[str, str], filters: frozenset[str]) -> None:
    """The orders of one number are few: they have no stretch of time and no pages."""
    for name in sorted({*_ARRIVAL, "cursor"}):
        if "number" in filters and query.get(name):
            raise refuse(name, f"number goes without {name}")


def _time_of(query: Mapping[str, str]) -> str:
    given = [t for t in TIMES if query.get(f"{t}_from") or query.get(f"{t}_to")]
    if len(given) > 1:
        raise refuse(given[1], f"{given[0]} and {given[1]} times cannot be combined")
    return given[0] if given else "recorded"


def _instant(query: Mapping[str, str], name: str) -> int | None:
    return instant(query[name], name) if query.get(name) else None


def _cursor(text: str, tenant_id: int | None) -> tuple[int, ...]:
    parts = tuple(map(int, text.split("."))) if text else ()
    if parts and len(parts) != (3 if tenant_id is None else 2):
        raise refuse("cursor", "cursor is a next_cursor of an earlier page of the same list")
    return parts


def _filtered(search: OrderSearch, values: Mapping[str, str]) -> OrderSearch:
    if "email" in values:
        return msgspec.structs.replace(search, terms=((EMAIL, email_term(values["email"])),))
    if "phone" in values:
        digits = phone_term(values["phone"])
        if not digits:
            raise refuse("phone", "phone has no digit")
        return msgspec.structs.replace(search, terms=((PHONE, digits),))
    if "sku" in values:
        return msgspec.structs.replace(search, terms=((SKU, sku_term(values["sku"])),))
    columns = {"dialect": "door"}
    plain = [
        (columns.get(name, name), value)
        for name, value in values.items()
        if name in ("dialect", "owner", "account", "reference")
    ]
    statuses = dict.fromkeys(values["status"].split(",")) if "status" in values else ()
    heads = [(*plain, ("status", each)) for each in statuses] or [tuple(plain)]
    return msgspec.structs.replace(search, anyone_of=tuple(heads))


def page(reads: Reads, asked: Wanted) -> tuple[list[Order], str | None]:
    """The orders of the page and the cursor of the next one. Raises HTTPFault for a word too many begin with."""
    search = asked.search
    if "number" in asked.filters:
        assert search.tenant_id is not None
        return _of_number(reads, search.tenant_id, asked.values["number"]), None
    if "word" in asked.filters:
        search = _of_word(reads, search, asked.values["word"])
        if not search.terms:
            return [], None
    more = msgspec.structs.replace(search, limit=search.limit + 1)
    if search.tenant_id is None and search.anyone_of != ((),):
        found = _in_each_tenant(reads, more)
    else:
        found = list(reads.search(more))
    if len(found) <= search.limit:
        return found, None
    shown = found[: search.limit]
    last = shown[-1]
    at = {"updated_at": last.updated_at, "occurred_at": last.occurred_at}.get(
        search.by, last.recorded_at
    )
    parts = (at, last.id) if search.tenant_id else (at, last.tenant_id, last.id)
    return shown, ".".join(map(str, parts))


def _of_number(reads: Reads, tenant_id: int, number: str) -> list[Order]:
    """The order that bears it, or all of the linked orders that were placed under it."""
    for by in ("number", "group"):
        found = reads.orders_named(tenant_id, OrderName(by, number))
        if found:
            return list(found)
    return []


def _of_word(reads: Reads, search: OrderSearch, text: str) -> OrderSearch:
    sought = beginning(text)
    if sought is None:
        raise refuse("word", "word is one word or the beginning of one")
    kind, term = sought
    if is_whole(kind, term):
        return msgspec.structs.replace(search, terms=(sought,))
    assert search.tenant_id is not None
    found = reads.terms_beginning(search.tenant_id, kind, term, MAX_BEGINNINGS + 1)
    if len(found) > MAX_BEGINNINGS:
        raise refuse("word", f"more than {MAX_BEGINNINGS} words begin like this: say more letters")
    return msgspec.structs.replace(search, terms=tuple((kind, each) for each in found))


def _in_each_tenant(reads: Reads, search: OrderSearch) -> list[Order]:
    """A filtered list of every tenant: the heads of each one's list, merged."""
    tenants = reads.tenants()
    if len(tenants) * len(search.anyone_of) > MAX_LOOKS:
        raise refuse("tenant", "too many tenants to filter in all of them: name one", "missing")
    found: list[Order] = []
    for tenant in tenants:
        after: tuple[int, ...] = ()
        if search.after:
            at, beyond, last = search.after
            # The list goes by (time, tenant, id), all downwards.
            after = (at, last) if tenant.id == beyond else (at, _ALL if tenant.id < beyond else 0)
        one = msgspec.structs.replace(search, tenant_id=tenant.id, after=after)
        found += reads.search(one)
    found.sort(key=lambda order: (order.recorded_at, order.tenant_id, order.id), reverse=True)
    return found[: search.limit]


_ALL = 2**62
