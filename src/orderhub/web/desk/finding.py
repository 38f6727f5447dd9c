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
    """Newest first; `after` is where the next page goes on, empty on the last one."""

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
        plainly = msgspec.structs.replace(search, anyone_of=tuple(heads), with_lines=True)
        return _cut(list(reads.search(plainly)), limit)
    named = [each for each in _named(reads, tenant_id, text) if _suits(each, filters)]
    terms, all_of = _terms(reads, tenant_id, text)
    if not terms:
        return Found(() if after else tuple(named))
    known = {each.id for each in named}

    def keep(order: Order) -> bool:
        return order.id not in known and _suits(order, filters) and _has_all(order, all_of)

    more = _walk(reads, msgspec.structs.replace(search, terms=terms, limit=_STEP), keep, limit)
    found = more.orders if after else (*named, *more.orders)
    whole = {each.id: each for each in reads.orders_among(tenant_id, tuple(e.id for e in found))}
    return Found(tuple(whole[each.id] for each in found if each.id in whole), more.after)


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


def _terms(
    reads: Reads, tenant_id: int, text: str
) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """Any of which terms an order must have, and which words all of besides.

    One word is whatever it may be. Several are an e-mail, a SKU or a phone where there is one like it; else words of
    names, of which the longest is looked up.
    """
    whole: list[tuple[str, str]] = [
        (EMAIL, email_term(text)) if "@" in text else (SKU, sku_term(text))
    ]
    if _PHONE.fullmatch(text) and len(phone_term(text)) >= _LEAST_DIGITS:
        whole.append((PHONE, phone_term(text)))
    sought = words(text)
    begun = _begun(reads, tenant_id, max(sought, key=len)) if sought else []
    if len(sought) < 2:
        return (*whole, *begun), []
    if reads.search(OrderSearch(tenant_id=tenant_id, terms=tuple(whole), limit=1)):
        return tuple(whole), []
    return tuple(begun), sought


def _begun(reads: Reads, tenant_id: int, word: str) -> list[tuple[str, str]]:
    """The terms under which words that begin like this are kept: the first so many."""
    sought = beginning(word)
    if sought is None or is_whole(*sought):
        return [sought] if sought else []
    kind, term = sought
    return [(kind, each) for each in reads.terms_beginning(tenant_id, kind, term, _MOST_BEGINNINGS)]


def _suits(order: Order, filters: Filters) -> bool:
    return (
        (not filters.channel or order.channel == filters.channel)
        and (not filters.statuses or order.status in filters.statuses)
        and (filters.since is None or order.recorded_at >= filters.since)
        and (filters.until is None or order.recorded_at < filters.until)
    )


def _has_all(order: Order, sought: list[str]) -> bool:
    """Whether each word is in a name or the notes, or begins one there."""
    if not sought:
        return True
    text = " ".join((*names_of(order), order.doc.notes))
    there = words(text)
    return all(any(_begins(each, one) for one in there) for each in sought)


def _begins(sought: str, word: str) -> bool:
    """In scripts without spaces any character may begin a word."""
    return word.startswith(sought) or (not sought.isascii() and sought in word)


def who_of(order: Order) -> str:
    """Whom it is for, in a few words."""
    contact, ship_to = order.doc.contact, order.doc.ship_to
    names: list[str] = []
    if contact is not None:
        names = [contact.first_name, contact.last_name]
    if not any(names) and ship_to is not None:
        names = [ship_to.recipient, ship_to.last_name]
    return " ".join(filter(None, names)) or next(iter(names_of(order)), "")


def names_of(order: Order) -> tuple[str, ...]:
    """Who it is for, as far as it says."""
    contact, ship_to = order.doc.contact, order.doc.ship_to
    found: list[str] = []
    if contact is not None:
        found += (contact.first_name, contact.last_name, contact.company)
    if ship_to is not None:
        found += (ship_to.recipient, ship_to.last_name, ship_to.company)
    return tuple(dict.fromkeys(filter(None, found)))
