"""What an order can be found by besides its columns: e-mail, phone, SKU, further accounts, words of names and notes.

A word is found by any beginning of it. So that a beginning is answered by an index in order of time,
a word is kept under its first 3, 6 and 12 letters, each length as a kind of its own: a beginning of
one of these lengths is one entry, any other the few entries that go on from it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from orderhub.core.values import Order, OrderDoc

EMAIL, PHONE, SKU, ACCOUNT = "email", "phone", "sku", "account"
# The newest entries win no place: an order keeps the first so many.
MAX_TERMS = 40
_LENGTHS = (3, 6, 12)
# Country and trunk prefixes are written in too many ways to compare them.
_PHONE_DIGITS = 9
_MAX_VALUE = 200
_MAX_TEXT = 2_000

# Scripts written without spaces: any character may begin a word.
_UNSPACED = "\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_NOT_DIGIT = re.compile(r"\D+")
_UNSPACED_LENGTHS = (1, 2, 4)


def folded(text: str) -> str:
    """Lower case, full-width letters as plain ones, accents as they are written."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold()


def words(text: str) -> list[str]:
    """The words of a text: runs of letters and digits; of scripts without spaces, runs of characters."""
    return _WORD.findall(folded(text))


def email_term(text: str) -> str:
    return folded(text.strip())[:_MAX_VALUE]


def phone_term(text: str) -> str:
    return _NOT_DIGIT.sub("", text)[-_PHONE_DIGITS:]


def sku_term(text: str) -> str:
    return folded(text.strip())[:_MAX_VALUE]


def beginning(text: str) -> tuple[str, str] | None:
    """The (kind, term) that a beginning of a word is looked up by; None when it is not one word.

    A term shorter than its kind's length stands for all terms of the kind that begin with it.
    """
    found = words(text)
    if len(found) != 1:
        return None
    word = found[0]
    lengths = _UNSPACED_LENGTHS if _IS_UNSPACED.match(word) else _LENGTHS
    word = word[: lengths[-1]]
    length = next(each for each in lengths if each >= len(word))
    return f"word{length}", word


def is_whole(kind: str, term: str) -> bool:
    """Whether the term is all of its kind's length: one entry of the index."""
    return len(term) == int(kind.removeprefix("word"))


def terms_of(order: Order) -> list[tuple[str, str]]:
    """What the order is found by, as (kind, term) pairs, without repeats, at most `MAX_TERMS`."""
    return terms_in(order.doc, (line.sku for line in order.lines))


def terms_in(doc: OrderDoc, skus: Iterable[str]) -> list[tuple[str, str]]:
    """As `terms_of`, from an order's document and the SKUs of its lines."""
    contact, ship_to = doc.contact, doc.ship_to
    found: dict[tuple[str, str], None] = {}
    found.update(((ACCOUNT, uid), None) for uid in doc.business.accounts)
    for party in (contact, ship_to):
        if party is not None:
            if party.email:
                found[(EMAIL, email_term(party.email))] = None
            if party.phone:
                digits = phone_term(party.phone)
                if digits:
                    found[(PHONE, digits)] = None
    for sku in skus:
        if sku:
            found[(SKU, sku_term(sku))] = None
            if len(found) >= MAX_TERMS:
                return list(found)
    texts: list[str] = []
    if contact is not None:
        texts += (contact.first_name, contact.last_name, contact.company)
    if ship_to is not None:
        texts += (ship_to.recipient, ship_to.last_name, ship_to.company)
    text = " ".join(filter(None, (*texts, doc.notes)))
    if text:
        for word in _WORD.findall(folded(text[:_MAX_TEXT])):
            found.update(_known_entries(word) if len(word) <= _BRIEF else _entries(word))
            if len(found) >= MAX_TERMS:
                return list(found)[:MAX_TERMS]
    return list(found)


def _entries(word: str) -> dict[tuple[str, str], None]:
    if not _IS_UNSPACED.match(word):
        return dict.fromkeys(_cut(word, _LENGTHS))
    longest = _UNSPACED_LENGTHS[-1]
    return {
        entry: None
        for start in range(min(len(word), MAX_TERMS))
        for entry in _cut(word[start : start + longest], _UNSPACED_LENGTHS)
    }


# Names come again and again. A sentence in a script without spaces is one word, of a hundred entries, and seldom does.
_BRIEF = 12
_known_entries = lru_cache(maxsize=2_048)(_entries)


def _cut(word: str, lengths: tuple[int, ...]) -> list[tuple[str, str]]:
    """The word's beginnings of each length; the last one kept is the whole word, up to the longest."""
    cut = []
    for length in lengths:
        cut.append((f"word{length}", word[:length]))
        if len(word) <= length:
            break
    return cut
