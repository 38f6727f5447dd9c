"""Which guide is for whom: the one list that the navigation, the first page and the search's order come from."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who reads: the first of the guides is their own page. A guide that is not there is left out."""

    title: str
    about: str
    guides: tuple[str, ...]

    @property
    def page(self) -> str:
        return self.guides[0]


READERS = (
    Reader(
        title="Start here",
        about="What it is, and a first sale.",
        guides=("start", "first-sale", "demo", "glossary"),
    ),
    Reader(
        title="Merchant",
        about="You sell: products, stock, the desk, refunds, lists for the bookkeeper.",
        guides=("merchant", "desk", "catalogue", "moving"),
    ),
    Reader(
        title="Integrator",
        about="You build a client, or listen to events.",
        guides=(
            "integrators",
            "dialects",
            "events",
            "webhooks",
            "relay",
            "requests",
            "problems",
            "testing",
            "hub-api",
            "openapi",
        ),
    ),
    Reader(
        title="Operator",
        about="You run the hub: install, size, back up, upgrade, watch.",
        guides=(
            "operator",
            "install",
            "settings",
            "processes",
            "scale",
            "backup",
            "upgrade",
            "personal-data",
            "metrics",
            "runbook",
            "check",
            "command-line",
        ),
    ),
    Reader(
        title="How it is built",
        about="For whoever works on it, or wants proof.",
        guides=("architecture", "proofs", "benchmarks"),
    ),
)
# What the line at the top of every page leads to, beside the readers' own pages.
ALSO = (
    ("Reference", "/docs/reference"),
    ("Glossary", "/docs/glossary"),
    ("Decisions", "/docs/decisions"),
)


def shelves(there: Iterable[str]) -> list[tuple[Reader, tuple[str, ...]]]:
    """Every reader with the guides that are there; one that nobody thought of stands on the last shelf."""
    left = [name for name in there if "/" not in name]
    found = []
    for reader in READERS:
        found.append((reader, tuple(name for name in reader.guides if name in left)))
        left = [name for name in left if name not in reader.guides]
    last, named = found[-1]
    found[-1] = (last, (*named, *left))
    return found
