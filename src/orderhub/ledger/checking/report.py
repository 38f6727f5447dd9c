"""What a check found: every breach by the name of its law, and what was looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_SHOWN = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Breach:
    """One law broken by one thing."""

    law: str
    tenant_id: int
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.law}: tenant {self.tenant_id}, {self.subject}: {self.detail}"


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found broken: the first thousand breaches, and how many in all.

    counts   rows by name
    broken   the tenants for whom a law is broken, by law
    newest   when the newest order was recorded, in microseconds since 1970 UTC; 0 = there is none
    """

    breaches: list[Breach] = field(default_factory=list)
    total: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    broken: dict[str, set[int]] = field(default_factory=dict)
    newest: int = 0

    def add(self, breach: Breach) -> None:
        self.total += 1
        self.broken.setdefault(breach.law, set()).add(breach.tenant_id)
        if len(self.breaches) < _SHOWN:
            self.breaches.append(breach)

    def summary(self) -> str:
        looked = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        verdict = f"{self.total} breaches" if self.total else "every law holds"
        return f"{verdict} ({looked})"

    def as_document(self) -> dict[str, Any]:
        """For programs; the newest order's instant is None where there is no order."""
        at = f"{_EPOCH + timedelta(microseconds=self.newest):%Y-%m-%dT%H:%M:%SZ}"
        return {
            "total": self.total,
            "breaches": [str(each) for each in self.breaches],
            "counts": self.counts,
            "newest_order_at": at if self.newest else None,
        }

    def newest_order(self) -> str:
        """One sentence that tells a copy that lacks the last orders from one that has them."""
        if not self.newest:
            return "no order is in it"
        at = _EPOCH + timedelta(microseconds=self.newest)
        return (
            f"the newest order is of {at:%Y-%m-%dT%H:%M:%SZ}: "
            "a file copied while a hub served it may lack later ones"
        )
