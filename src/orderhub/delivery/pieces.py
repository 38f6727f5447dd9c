"""What one webhook has in hand: events that were read and not settled yet, those of one order in a line."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence

from orderhub.core.deliveries import EVENT, Delivery
from orderhub.core.feed import FedEvent
from orderhub.core.values import Order


class Piece:
    """One event in hand.

    row         as it is in the ledger, if it is there; with id 0 it is about to be written
    is_settled  its fate is known: it has a row, or is about to have one, or nothing is said of it
    """

    __slots__ = ("about", "cause", "event", "is_settled", "order", "row")

    def __init__(
        self,
        event: FedEvent | None,
        about: str,
        order: Order | None = None,
        cause: str = EVENT,
        row: Delivery | None = None,
    ) -> None:
        self.event = event
        self.about = about
        self.order = order
        self.cause = cause
        self.row = row
        self.is_settled = row is not None


class Reading:
    """How far something is read on, and up to where all of that is settled."""

    __slots__ = ("_marks", "at", "is_end", "progress")

    def __init__(self, cursor: str) -> None:
        self.at = cursor
        self.is_end = False
        self.progress = -1
        self._marks: deque[tuple[Piece | None, str]] = deque()

    def __len__(self) -> int:
        return len(self._marks)

    def read(self, found: Sequence[tuple[Piece | None, str]], cursor: str) -> None:
        """Pieces, each with the cursor behind it, and the cursor behind all of them."""
        self._marks.extend(found)
        self._marks.append((None, cursor))
        self.at = cursor

    @property
    def is_settled(self) -> bool:
        """Whether all that was read is."""
        return all(piece is None or piece.is_settled for piece, _ in self._marks)

    def settled(self) -> str | None:
        """The cursor behind the last of which all before is settled; None: it has not moved."""
        cursor = None
        while self._marks and (self._marks[0][0] is None or self._marks[0][0].is_settled):
            cursor = self._marks.popleft()[1]
        return cursor

    def unsettled(self) -> Iterator[Piece]:
        """In their order."""
        return (piece for piece, _ in self._marks if piece is not None and not piece.is_settled)


class Lines:
    """Pieces by what they are about. The first of a line may leave; the others wait until it is settled."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[Piece]] = {}
        self._ready: deque[str] = deque()
        self.count = 0

    def abouts(self) -> Iterable[str]:
        """What anything is in hand of."""
        return self._lines.keys()

    def goes_on(self, about: str) -> bool:
        """Whether a line is in hand of which nothing is in the ledger: what comes next of it is put behind."""
        line = self._lines.get(about)
        return bool(line) and line is not None and line[-1].row is None

    @property
    def has_ready(self) -> bool:
        return bool(self._ready)

    def put(self, piece: Piece) -> None:
        line = self._lines.get(piece.about)
        if line is None:
            line = self._lines[piece.about] = deque()
            self._ready.append(piece.about)
        line.append(piece)
        self.count += 1

    def take(self, most: int) -> list[Piece]:
        """What leaves together: at most so many, line by line. Their lines are not ready until they are back."""
        taken: list[Piece] = []
        while self._ready and len(taken) < most:
            about = self._ready.popleft()
            for piece in self._lines[about]:
                if len(taken) == most:
                    break
                taken.append(piece)
        return taken

    def done(self, pieces: Sequence[Piece]) -> None:
        """What left together is settled: the first of its lines. What is behind them may leave."""
        for about, count in Counter(each.about for each in pieces).items():
            line = self._lines[about]
            for _ in range(count):
                line.popleft().order = None
            self.count -= count
            if line:
                self._ready.append(about)
            else:
                del self._lines[about]

    def drop(self, about: str) -> list[Piece]:
        """The whole line goes: answers it."""
        line = self._lines.pop(about)
        self.count -= len(line)
        return list(line)

    def drop_all(self) -> list[list[Piece]]:
        """Every line goes."""
        lines = [list(line) for line in self._lines.values()]
        self._lines, self._ready, self.count = {}, deque(), 0
        return lines
