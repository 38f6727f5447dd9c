"""What came of pieces and is not written yet: rows as they are to stand."""

from __future__ import annotations

import asyncio

import msgspec

from orderhub.core.deliveries import MOST_ATTEMPTS, Attempt, Delivery
from orderhub.delivery.pieces import Piece
from orderhub.delivery.retries import tried_since
from orderhub.ledger.deliveries import Settling

Rows = list[tuple[Piece, Delivery]]


class Written(msgspec.Struct):
    """What is being written, and of which pieces."""

    what: Settling
    added: Rows
    changed: Rows


class Outcomes:
    """In the order in which they came. For the event loop alone."""

    def __init__(self, tenant_id: int, webhook_id: int) -> None:
        self._name = (tenant_id, webhook_id)
        self._rows: dict[Piece, Delivery] = {}
        self._began_s = 0.0

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, piece: Piece) -> bool:
        return piece in self._rows

    @property
    def began_s(self) -> float:
        """When the first of them came, by the loop's clock."""
        return self._began_s

    def abouts(self) -> set[str]:
        return {piece.about for piece in self._rows}

    def tried(self, piece: Piece, attempt: Attempt, state: str, next_at: int = 0) -> None:
        """What became of a piece that was sent."""
        row = self._row_of(piece, attempt.at)
        row = msgspec.structs.replace(
            row,
            state=state,
            attempts=row.attempts + 1,
            next_at=next_at,
            first_at=tried_since(row.first_at, row.last_at, attempt.at),
            last_at=attempt.at,
            log=(*row.log, attempt)[-MOST_ATTEMPTS:],
        )
        self.keep(piece, row)

    def waits(self, piece: Piece, next_at: int, now_us: int) -> None:
        """A piece that was not sent gets a row, so that the cursor may move over it."""
        self.keep(piece, msgspec.structs.replace(self._row_of(piece, now_us), next_at=next_at))

    def keep(self, piece: Piece, row: Delivery) -> None:
        if not self._rows:
            self._began_s = asyncio.get_running_loop().time()
        self._rows[piece] = row
        piece.is_settled = True

    def taken(self) -> tuple[Rows, Rows]:
        """All of them, which are here no longer: new rows, and rows that are there already."""
        rows, self._rows = self._rows, {}
        added: Rows = []
        changed: Rows = []
        for piece, row in rows.items():
            if piece.row is None:
                added.append((piece, row))
            else:
                changed.append((piece, msgspec.structs.replace(row, id=piece.row.id)))
        return added, changed

    def _row_of(self, piece: Piece, now_us: int) -> Delivery:
        row = self._rows.get(piece) or piece.row
        if row is not None:
            return row
        assert piece.event is not None
        tenant_id, webhook_id = self._name
        return Delivery(
            tenant_id=tenant_id,
            webhook_id=webhook_id,
            event_id=piece.event.id,
            kind=piece.event.kind,
            about=piece.about,
            cause=piece.cause,
            last_at=now_us,
        )
