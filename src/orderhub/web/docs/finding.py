"""What a search looks through: every operation, shape and section, gathered when it is first asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from orderhub.dialects.contract import Dialect
from orderhub.web.docs import full_text, pages, reference
from orderhub.web.docs.guides import guide, guides, readme

Json = dict[str, Any]
# Where a guide and a decision have the same words, the guide is wanted.
_GUIDE, _DECISION = 5, -20
_gathered: dict[str, tuple[Dialect, list[full_text.Entry]]] = {}


def entries(
    dialects: Iterable[Dialect], document_of: Callable[[Dialect], Json]
) -> list[full_text.Entry]:
    """Everything that can be found."""
    found = _of_guides()
    return [*found, *(each for one in dialects for each in _of_dialect(one, document_of))]


def _of_dialect(dialect: Dialect, document_of: Callable[[Dialect], Json]) -> list[full_text.Entry]:
    known = _gathered.get(dialect.name)
    if known is not None and known[0] is dialect:
        return known[1]
    path, document = f"/docs/{dialect.name}", document_of(dialect)
    found = [
        full_text.of_operation(operation, addresses, dialect.title, path)
        for addresses, operation in reference.operations_of(document)
    ]
    found += [
        full_text.of_shape(name, schema, dialect.title, path)
        for name, schema in document["components"]["schemas"].items()
    ]
    if dialect.name != "hub":  # whose text is a guide
        found += _of_text(dialect.name, readme(dialect.name), dialect.title)
    _gathered[dialect.name] = (dialect, found)
    return found


def _of_text(name: str, html: str, title: str, rank: int = 0) -> Iterable[full_text.Entry]:
    return full_text.of_text(html, title, lambda place: pages.located(name, place), rank)


@cache
def _of_guides() -> list[full_text.Entry]:
    return [
        entry
        for name, title in guides().items()
        for entry in _of_text(
            name,
            guide(name) or "",
            title,
            _DECISION if name.startswith("decisions/") else _GUIDE,
        )
    ]
