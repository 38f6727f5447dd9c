"""Customers, by e-mail or phone: who they are as their orders say, and these orders."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar

import msgspec

from orderhub.core.queries import OrderSearch, Reads
from orderhub.core.search_terms import EMAIL, PHONE, email_term, phone_term
from orderhub.core.values import Address, Contact, Order, Status
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.exports import media_asked, path_to
from orderhub.web.desk.finding import names_of
from orderhub.web.desk.forms import Form
from orderhub.web.desk.orders import CURSOR, Pages, Row, row_of, titles_of
from orderhub.web.desk.page import Visitor, page, show
from orderhub.web.hub_api.lists import listed
from orderhub.web.hub_api.shaping import Page, amount, exact_instant

T = TypeVar("T", str, tuple[str, ...])

PATH = "/desk/customers"
_SCOPE = "orders:read"
_PAGE = 50
_LONGEST = 200
_LEAST_DIGITS = 5
_MOST = 12  # names, addresses: a shared phone has many
_VOID = (Status.CANCELLED, Status.REFUNDED)


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """As the orders of the page say. `totals` as (currency, amount) of those that stand."""

    rows: tuple[Row, ...]
    pages: Pages
    text: str
    is_asked: bool
    names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    places: tuple[tuple[str, ...], ...] = ()
    totals: tuple[tuple[str, Decimal], ...] = ()
    csv: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An order of theirs in a file."""

    uid: str
    number: str
    channel: str
    status: str
    total: str
    currency: str
    occurred_at: str


async def customers(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    text = call.query.get("q", "").strip()[:_LONGEST]
    terms = _terms(text)
    if media_asked(call) and terms:
        return await _file(call, visitor, terms)
    cursor = call.query.get("after", "")
    after = tuple(map(int, cursor.split("."))) if CURSOR.fullmatch(cursor) else ()
    found = await call.hub.read(lambda reads: _orders(reads, visitor, terms, after, _PAGE + 1))
    orders, titles = found[:_PAGE], titles_of(call)
    last = orders[-1] if len(found) > _PAGE else None
    older = f"{last.recorded_at}.{last.id}" if last else ""
    context = Customer(
        rows=tuple(row_of(each, titles) for each in orders),
        pages=Pages(
            newest=path_to(PATH, {"q": text}) if after else "",
            older=path_to(PATH, {"q": text, "after": older}) if older else "",
        ),
        text=text,
        is_asked=bool(text),
        names=_several(name for order in orders for name in names_of(order)),
        emails=_several(party.email for order in orders for party in _parties(order)),
        phones=_several(party.phone for order in orders for party in _parties(order)),
        places=_several(_place(order) for order in orders),
        totals=_totals(orders),
        csv=path_to(PATH, {"q": text, "as": "csv"}),
    )
    return show(call, visitor, "customers.html", context)


def _terms(text: str) -> tuple[tuple[str, str], ...]:
    """What orders are found by: an e-mail, or a phone by its last digits. None for what is neither."""
    if "@" in text:
        return ((EMAIL, email_term(text)),)
    digits = phone_term(text)
    return ((PHONE, digits),) if len(digits) >= _LEAST_DIGITS else ()


def _orders(
    reads: Reads,
    visitor: Visitor,
    terms: tuple[tuple[str, str], ...],
    after: tuple[int, ...],
    limit: int,
) -> tuple[Order, ...]:
    """Newest first, with their lines."""
    if not terms:
        return ()
    tenant_id = visitor.at.id
    search = OrderSearch(tenant_id=tenant_id, terms=terms, after=after, limit=limit)
    found = reads.search(search)
    whole = {
        each.id: each for each in reads.orders_among(tenant_id, tuple(each.id for each in found))
    }
    return tuple(whole[each.id] for each in found if each.id in whole)


def _parties(order: Order) -> list[Contact | Address]:
    contact, ship_to = order.doc.contact, order.doc.ship_to
    return [*([contact] if contact else []), *([ship_to] if ship_to else [])]


def _place(order: Order) -> tuple[str, ...]:
    to = order.doc.ship_to
    if to is None:
        return ()
    return tuple(filter(None, (to.street1, to.street2, to.city, to.postcode, to.country)))


def _several(found: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(filter(None, found)))[:_MOST]


def _totals(orders: tuple[Order, ...]) -> tuple[tuple[str, Decimal], ...]:
    totals: dict[str, Decimal] = {}
    for order in orders:
        if order.status not in _VOID:
            kept = order.total - order.refunded
            totals[order.currency] = totals.get(order.currency, Decimal(0)) + kept
    return tuple(sorted(totals.items()))


async def _file(call: Call, visitor: Visitor, terms: tuple[tuple[str, str], ...]) -> Answer:
    async def ask(cursor: str, limit: int) -> Page[Line]:
        after = tuple(map(int, cursor.split("."))) if cursor else ()
        found = await call.hub.read(lambda reads: _orders(reads, visitor, terms, after, limit + 1))
        last = found[limit - 1] if len(found) > limit else None
        following = f"{last.recorded_at}.{last.id}" if last else None
        return Page(items=tuple(map(_line, found[:limit])), next_cursor=following)

    columns = Line.__struct_fields__
    return await listed(
        call, "customer", ask, columns, cursor="", limit=_PAGE, media=media_asked(call)
    )


def _line(order: Order) -> Line:
    return Line(
        uid=order.uid,
        number=order.number,
        channel=order.channel,
        status=order.status,
        total=amount(order.total),
        currency=order.currency,
        occurred_at=exact_instant(order.occurred_at),
    )


ROUTES = (page(PATH, _SCOPE, customers),)
