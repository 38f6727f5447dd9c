"""What a proof has to say: its counts in one line, and every violation it saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_SHOWN = 20


class ProofStopped(Exception):
    """The proof cannot go on, which is a failure of its own; the message says what it met."""


@dataclass
class Verdict:
    """Filled in while a proof runs. It holds when there is nothing in `violations`."""

    proof: str
    where: str
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def violate(self, what: str) -> None:
        self.violations.append(what)

    def demand(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.violations.append(otherwise)

    def line(self) -> str:
        counted = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        notes = "".join(f"; {note}" for note in self.notes)
        state = f"{len(self.violations)} VIOLATIONS" if self.violations else "holds"
        return f"{self.proof} ({self.where}): {state}: {counted}{notes}"

    def report(self) -> str:
        """The line, and below it the first violations."""
        shown = [f"  {each}" for each in self.violations[:_SHOWN]]
        more = len(self.violations) - len(shown)
        if more > 0:
            shown.append(f"  and {more} more")
        return "\n".join([self.line(), *shown])
