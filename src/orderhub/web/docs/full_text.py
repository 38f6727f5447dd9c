"""Searching the documentation: every operation and every section of a text that has all the words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html import unescape
from typing import Any

import msgspec

MOST_HITS = 30
_AROUND = 90
_SECTION = re.compile(r'<h([1-3])(?: id="([^"]*)")?>(.*?)</h\1>', re.DOTALL)
_TAG = re.compile(r"<style>.*?</style>|<[^>]*>", re.DOTALL)  # and how a picture is drawn
_SPACE = re.compile(r"\s+")
_BETWEEN = re.compile(r"[\W_]+")
_OFTEN = 5
_WHOLE = 15  # how much a text itself is before its sections
_SHORT = 3  # of a word that is none without its last letter

Json = dict[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """One thing that can be found: where it is, on which page, and its text.

    `rank` moves it before its equals; `known_as` are other names of it.
    """

    title: str
    page: str
    link: str
    text: str
    rank: int = 0
    known_as: str = ""


class Hit(msgspec.Struct, frozen=True):
    """One thing that was found, with the words around the first match."""

    title: str
    page: str
    link: str
    words: str


def of_text(html: str, page: str, where: Callable[[str], str], rank: int = 0) -> Iterable[Entry]:
    """The sections of a rendered text, each under its heading; `where` says where a place of it is."""
    parts = _SECTION.split(html)
    for level, place, title, rest in zip(*(parts[n::4] for n in (1, 2, 3, 4)), strict=True):
        plain = unescape(_TAG.sub("", title)).strip()
        link = where("" if level == "1" else place)  # the text itself
        yield Entry(plain, page, link, _plain(rest), rank + _WHOLE * (level == "1"))


def of_operation(
    operation: Json, addresses: Iterable[tuple[str, str]], page: str, path: str
) -> Entry:
    """An operation by its addresses, its description, its parameters and its id."""
    known_as = ", ".join(f"{method} {address}" for method, address in addresses)
    said = [known_as, operation.get("description", "").rstrip(". ")]
    said.append(
        ", ".join(each["name"] for each in operation.get("parameters", ()) if "name" in each)
    )
    said.append(operation["operationId"])
    return Entry(
        title=operation["summary"],
        page=page,
        link=f"{path}/{operation['operationId']}",
        text=_SPACE.sub(" ", ". ".join(filter(None, said))),
        known_as=known_as,
    )


def of_shape(name: str, schema: Json, page: str, path: str) -> Entry:
    """A shape by the names of its members, however deep."""
    return Entry(name, page, f"{path}/shapes/{name}", ", ".join(dict.fromkeys(_members(schema))))


def _members(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for each in schema.values():
            yield from _members(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _members(each)


def search(entries: Iterable[Entry], query: str) -> list[Hit]:
    """Those that have every word of the query; where none has, those with every part of them, or with any."""
    entries, words = tuple(entries), query.casefold().split()
    parts = [part for word in words for part in _BETWEEN.split(word) if part]
    stems = [part.removesuffix("s") if len(part) > _SHORT else part for part in parts]
    for wanted, is_all in ((words, True), (parts, True), (stems, True), (stems, False)):
        found = _ranked(entries, wanted, is_all=is_all)
        if found:
            return [
                Hit(each.title, each.page, each.link, _around(each.text, wanted))
                for each in found[:MOST_HITS]
            ]
    return []


def _ranked(entries: Iterable[Entry], words: list[str], *, is_all: bool) -> list[Entry]:
    """The ones with the most words in their title first, then those whose page is named so."""
    found = []
    for entry in entries:
        title, text, page = entry.title.casefold(), entry.text.casefold(), entry.page.casefold()
        there = sum(word in title or word in text for word in words)
        if there and (there == len(words) or not is_all):
            names = f"{title} {entry.known_as.casefold()}"
            named = sum((word in names) * 3 + (word in page) for word in words)
            often = sum(min(text.count(word), _OFTEN) for word in words)
            found.append((-there, -named, -entry.rank - often, entry))
    found.sort(key=lambda each: each[:3])
    return [entry for *_, entry in found]


def _around(text: str, words: list[str]) -> str:
    at = max(
        0, min((text.casefold().find(word) for word in words if word in text.casefold()), default=0)
    )
    start, end = max(0, at - _AROUND), at + _AROUND
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _plain(html: str) -> str:
    return _SPACE.sub(" ", unescape(_TAG.sub(" ", html))).strip()
