"""Orders by one field that understands numbers, e-mails, phones, SKUs and names: each look is a walk along an index.

What no index holds beside what is sought (a second word, a status) is looked at row by row, so many rows at most; the
page then ends there and goes on from it. So it costs the same whatever is asked and however many orders there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable

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
    words,
)
from orderhub.core.values import Order, Status

PAGE = 50
LONGEST = 200
_MOST_LOOKED_AT = 1_000
_STEP = 200
_MOST_BEGINNINGS = 40
_LEAST_DIGITS = 5
_PHONE = re.compile(r"[\d\s()+./-]+")


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows. Empty = all. Instants are microseconds of wall time, from inclusive, to exclusive."""

    text: str = ""
    channel: str = ""
    statuses: tuple[Status, ...] = ()
    since: int | None = None
    until: int | None = None


class Found(msgspec.Struct, frozen=True):
    """Newest first, without lines; `after` is where the next page goes on, empty on the last one."""

    orders: tuple[Order, ...]
    after: tuple[int, ...] = ()


def find(
    reads: Reads, tenant_id: int, filters: Filters, after: tuple[int, ...] = (), limit: int = PAGE
) -> Found:
    """One page. `after` as an earlier page said it."""
    text = filters.text.strip()[:LONGEST]
    search = OrderSearch(
        tenant_id=tenant_id, since=filters.since, until=filters.until, after=after, limit=limit + 1
    )
    if not text:
        plain = (("door", filters.channel),) if filters.channel else ()
        heads = [(*plain, ("status", each.value)) for each in filters.statuses] or [plain]
        found = reads.search(msgspec.structs.replace(search, anyone_of=tuple(heads)))
        return _cut(list(found), limit)
    named = [each for each in _named(reads, tenant_id, text) if _suits(each, filters)]
    terms = _terms(reads, tenant_id, text)
    if not terms:
        return Found(tuple(named) if not after else ())
    known, others = {each.id for each in named}, words(text)

    def keep(order: Order) -> bool:
        return (
            order.id not in known
            and _suits(order, filters)
            and (len(others) < 2 or _has_all(order, others))
        )

    more = _walk(reads, msgspec.structs.replace(search, terms=terms, limit=_STEP), keep, limit)
    return more if after else Found((*named, *more.orders), more.after)


def _walk(reads: Reads, search: OrderSearch, keep: Callable[[Order], bool], limit: int) -> Found:
    found: list[Order] = []
    looked_at, after = 0, search.after
    while looked_at < _MOST_LOOKED_AT:
        rows = reads.search(msgspec.structs.replace(search, after=after))
        found += filter(keep, rows)
        if len(found) > limit or len(rows) < search.limit:
            return _cut(found, limit)
        looked_at += len(rows)
        after = (rows[-1].recorded_at, rows[-1].id)
    return Found(tuple(found), after)


def _cut(found: list[Order], limit: int) -> Found:
    if len(found) <= limit:
        return Found(tuple(found))
    last = found[limit - 1]
    return Found(tuple(found[:limit]), (last.recorded_at, last.id))


def _named(reads: Reads, tenant_id: int, text: str) -> list[Order]:
    """Orders that bear this very number, of their own or of their group, or the merchant's reference. They are few."""
    found: dict[int, Order] = {}
    for by in ("number", "group", "uid"):
        found.update({each.id: each for each in reads.orders_named(tenant_id, OrderName(by, text))})
    referred = OrderSearch(tenant_id=tenant_id, anyone_of=((("reference", text),),), limit=PAGE)
    found.update({each.id: each for each in reads.search(referred)})
    return sorted(found.values(), key=lambda each: (each.recorded_at, each.id), reverse=True)


def _terms(reads: Reads, tenant_id: int, text: str) -> tuple[tuple[str, str], ...]:
    """Whatever the text may be: any of these."""
    if "@" in text:
        return ((EMAIL, email_term(text)),)
    terms: list[tuple[str, str]] = [(SKU, sku_term(text))]
    if _PHONE.fullmatch(text) and len(phone_term(text)) >= _LEAST_DIGITS:
        terms.append((PHONE, phone_term(text)))
    longest = max(words(text), key=len, default="")
    sought = beginning(longest) if longest else None
    if sought is None:
        return tuple(terms)
    kind, term = sought
    if is_whole(kind, term):
        return (*terms, sought)
    begun = reads.terms_beginning(tenant_id, kind, term, _MOST_BEGINNINGS)
    return (*terms, *((kind, each) for each in begun))


def _suits(order: Order, filters: Filters) -> bool:
    return (
        (not filters.channel or order.channel == filters.channel)
        and (not filters.statuses or order.status in filters.statuses)
        and (filters.since is None or order.recorded_at >= filters.since)
        and (filters.until is None or order.recorded_at < filters.until)
    )


def _has_all(order: Order, sought: list[str]) -> bool:
    """Whether each word is in a name or the notes, or begins one there."""
    text = " ".join((*names_of(order), order.doc.notes))
    there = words(text)
    return all(any(one.startswith(each) or each in one for one in there) for each in sought)


def names_of(order: Order) -> tuple[str, ...]:
    """Who it is for, as far as it says."""
    contact, ship_to = order.doc.contact, order.doc.ship_to
    found: list[str] = []
    if contact is not None:
        found += (contact.first_name, contact.last_name, contact.company)
    if ship_to is not None:
        found += (ship_to.recipient, ship_to.last_name, ship_to.company)
    return tuple(dict.fromkeys(filter(None, found)))
