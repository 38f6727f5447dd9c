"""What is left once a person is forgotten: figures, codes and dates, and nothing that tells who it was.

A member whose name tells that it is a person's is emptied, wherever it stands; a text that holds one of the person's
own words (an e-mail, a phone, a name, a street) is replaced. Names that orders are known by, and amounts, stay: the
books must still add up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.details import TourDetails
from orderhub.core.marks import NAMES
from orderhub.core.values import Address, Contact, Event, Line, Order, OrderDoc

REDACTED = "[redacted]"
_LEAST_WORD = 3  # shorter ones are in everything

# Of a name without its case and signs: it holds one of these, or is one of those.
_TELLING = (
    "mail",
    "phone",
    "mobile",
    "whatsapp",
    "wechat",
    "firstname",
    "lastname",
    "surname",
    "middlename",
    "nickname",
    "realname",
    "fullname",
    "username",
    "customername",
    "guestname",
    "contactname",
    "passport",
    "identitycard",
    "birth",
    "address",
    "street",
    "postcode",
    "postal",
    "recipient",
    "consignee",
    "receiver",
    "remark",
    "comment",
)
_PERSONAL = frozenset(
    ("dob", "tel", "fax", "zip", "zipcode", "note", "notes", "message", "ip", "identifiers")
)
_IN_FIGURES = ("phone", "mobile", "passport", "identitycard")
# Of a person's own record everything else that is a text goes, too, but for these.
_KEPT = frozenset(
    ("kind", "type", "guesttype", "state", "status", "currency", "country", "countrycode")
)
# What an event says of its order, which the order's row must agree with.
_OF_THE_ORDER = frozenset((*NAMES, "status", "vendor_status", "currency"))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _alone(word: str) -> str:
    """The word, and no part of a longer one: `ann@example.com` is not in `jo.ann@example.com.au`."""
    if "@" in word or "%40" in word:
        return rf"(?<![\w.+%-]){re.escape(word)}(?!\w|[.-]\w)"
    return rf"(?<!\w){re.escape(word)}(?!\w)"


class Words:
    """A person's own words, found in texts whatever their case; part of a longer word is not meant."""

    def __init__(self, words: Iterable[str]) -> None:
        self.all = tuple(
            sorted({each.strip() for each in words if len(each.strip()) >= _LEAST_WORD})
        )
        longest_first = sorted(self.all, key=len, reverse=True)
        any_of = "|".join(map(_alone, longest_first))
        self._find = re.compile(any_of, re.IGNORECASE) if any_of else None

    def are_in(self, text: str) -> bool:
        return self._find is not None and self._find.search(text) is not None

    def cut_from(self, text: str) -> str:
        return self._find.sub(REDACTED, text) if self._find is not None else text


def words_of(order: Order) -> tuple[str, ...]:
    """What tells who an order's people are, of its contact and of where it ships."""
    contact, ship_to = order.doc.contact or Contact(), order.doc.ship_to or Address()
    own = (contact.first_name, contact.last_name, contact.email, contact.phone, contact.company)
    to = (ship_to.recipient, ship_to.last_name, ship_to.email, ship_to.phone, ship_to.company)
    both = f"{contact.first_name} {contact.last_name}".strip()
    return tuple(each for each in (*own, *to, both, ship_to.street1, ship_to.street2) if each)


def redacted(value: Any, words: Words) -> Any:
    """JSON values without what is personal by its name or holds one of the words."""
    if isinstance(value, dict):
        return {
            REDACTED if words.are_in(str(name)) else name: _member(str(name), each, words)
            for name, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [redacted(each, words) for each in value]
    if isinstance(value, str) and words.are_in(value):
        return REDACTED
    return value


def _member(name: str, value: Any, words: Words) -> Any:
    plain = _plain(name)
    if plain in _PERSONAL or any(each in plain for each in _TELLING):
        return _emptied(value, with_figures=any(each in plain for each in _IN_FIGURES))
    return redacted(value, words)


def _emptied(value: Any, *, with_figures: bool) -> Any:
    if isinstance(value, dict):
        return {name: _emptied(each, with_figures=with_figures) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_emptied(each, with_figures=with_figures) for each in value]
    if isinstance(value, str):
        return ""
    if with_figures and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return 0
    return value


def redacted_record(value: Any, name: str = "") -> Any:
    """JSON values of a person's own record: every text goes, but for kinds, states and countries."""
    if isinstance(value, dict):
        return {each: redacted_record(inner, str(each)) for each, inner in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_record(each, name) for each in value]
    if isinstance(value, str):
        return value if _plain(name) in _KEPT else ""
    plain = _plain(name)
    return _emptied(value, with_figures=any(each in plain for each in _IN_FIGURES))


def as_type(kind: type, value: Any, change: Callable[[Any], Any]) -> Any:
    """A typed value, changed as JSON values and read again."""
    plain = msgspec.to_builtins(value, builtin_types=(Decimal,), str_keys=True)
    return msgspec.convert(change(plain), kind, builtin_types=(Decimal,), str_keys=True)


def redacted_order(order: Order, words: Words) -> Order:
    """The order with the same names, figures, steps and state; where it ships, only the country is left."""
    doc = order.doc

    def cut(value: Any) -> Any:
        return redacted(value, words)

    ship_to = doc.ship_to
    after = msgspec.structs.replace(
        doc,
        contact=None if doc.contact is None else Contact(),
        ship_to=None if ship_to is None else Address(id=ship_to.id, country=ship_to.country),
        notes="",
        business=_business(doc, words),
        vendor=cut(doc.vendor),
        payments=tuple(as_type(type(each), each, cut) for each in doc.payments),
        shipments=tuple(as_type(type(each), each, cut) for each in doc.shipments),
        refunds=tuple(as_type(type(each), each, cut) for each in doc.refunds),
    )
    lines = tuple(redacted_line(each, words) for each in order.lines)
    return msgspec.structs.replace(order, doc=after, lines=lines)


def _business(doc: OrderDoc, words: Words) -> Any:
    business = doc.business
    if not isinstance(business, TourDetails):
        return as_type(type(business), business, lambda value: redacted(value, words))
    guests = tuple(
        msgspec.structs.replace(
            each, answers={name: _emptied(a, with_figures=True) for name, a in each.answers.items()}
        )
        for each in business.guests
    )
    # Where a traveller is met is their own free text, however the product names its places.
    return msgspec.structs.replace(business, pickup="", guests=guests)


def redacted_line(line: Line, words: Words) -> Line:
    data = redacted(line.data, words)
    return line if data == line.data else msgspec.structs.replace(line, data=data)


def redacted_event(event: Event, words: Words) -> Event:
    """Without its raw request; what it says of the order's state and names stays."""
    return msgspec.structs.replace(event, data=redacted_data(event.data, words), request="")


def redacted_data(data: dict[str, Any], words: Words) -> dict[str, Any]:
    """The data of an event."""
    return {
        name: each if name in _OF_THE_ORDER else _member(name, each, words)
        for name, each in data.items()
    }
