"""Searching the documentation: every operation and every section of a text that has all the words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import Any

import msgspec

MOST_HITS = 50
_AROUND = 90
_SECTION = re.compile(r'<h([1-3])(?: id="([^"]*)")?>(.*?)</h\1>', re.DOTALL)
_TAG = re.compile(r"<style>.*?</style>|<[^>]*>", re.DOTALL)  # and how a picture is drawn
_SPACE = re.compile(r"\s+")

Json = dict[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """One thing that can be found: where it is, on which page, and its text."""

    title: str
    page: str
    link: str
    text: str


class Hit(msgspec.Struct, frozen=True):
    """One thing that was found, with the words around the first match."""

    title: str
    page: str
    link: str
    words: str


def of_text(html: str, page: str, path: str) -> Iterable[Entry]:
    """The sections of a rendered text, each under its heading."""
    parts = _SECTION.split(html)
    for _, place, title, rest in zip(*(parts[n::4] for n in (1, 2, 3, 4)), strict=True):
        link = f"{path}#{place}" if place else path
        yield Entry(unescape(_TAG.sub("", title)).strip(), page, link, _plain(rest))


def of_operation(
    operation: Json, addresses: Iterable[tuple[str, str]], page: str, path: str
) -> Entry:
    """An operation by its addresses, its description and its parameters."""
    said = [", ".join(f"{method} {address}" for method, address in addresses)]
    said.append(operation.get("description", "").rstrip(". "))
    said.append(
        ", ".join(each["name"] for each in operation.get("parameters", ()) if "name" in each)
    )
    link = f"{path}#{operation['operationId']}"
    return Entry(operation["summary"], page, link, _SPACE.sub(" ", ". ".join(filter(None, said))))


def of_shape(name: str, schema: Json, page: str, path: str) -> Entry:
    """A shape by the names of its members, however deep."""
    return Entry(name, page, f"{path}#shape-{name}", ", ".join(dict.fromkeys(_members(schema))))


def _members(schema: Any) -> Iterable[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for each in schema.values():
            yield from _members(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _members(each)


def search(entries: Iterable[Entry], query: str) -> list[Hit]:
    """Those that have every word of the query, the ones with the most of them in their title first."""
    words = query.casefold().split()
    found = []
    for entry in entries:
        title, text = entry.title.casefold(), entry.text.casefold()
        if words and all(word in title or word in text for word in words):
            found.append((-sum(word in title for word in words), entry))
    found.sort(key=lambda pair: pair[0])
    return [
        Hit(entry.title, entry.page, entry.link, _around(entry.text, words))
        for _, entry in found[:MOST_HITS]
    ]


def _around(text: str, words: list[str]) -> str:
    at = max(
        0, min((text.casefold().find(word) for word in words if word in text.casefold()), default=0)
    )
    start, end = max(0, at - _AROUND), at + _AROUND
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _plain(html: str) -> str:
    return _SPACE.sub(" ", unescape(_TAG.sub(" ", html))).strip()
