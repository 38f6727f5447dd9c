"""The daily roll-up against the events that tell a day. Those that tell none wait to be counted (ledger/daily.py)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from orderhub.core import daily
from orderhub.core.daily import Figures
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.report import Breach
from orderhub.ledger.checking.standing import Standing
from orderhub.ledger.daily import UNREADABLE, DayName, Sums, figures_of, name_of, summed
from orderhub.ledger.tables import tally

Wrong = Iterator[tuple[DayName, Figures, Figures]]  # what a day says, and what it should


class DaysChecked:
    """Every order passes by, by tenant: what the days of one must say is known when the next one comes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tenant_id = 0
        self._sums = Sums()

    def wrong_before(self, standing: Standing) -> Wrong:
        """What is wrong with the days of all tenants before that of this order, which is added up then."""
        tenant_id = standing.order.tenant_id
        if tenant_id != self._tenant_id:
            yield from self._wrong(tenant_id)
        try:
            self._add(standing)
        except UNREADABLE:
            return  # another law says so; it counts for nothing, as when it was filled in

    def wrong_at_last(self) -> Wrong:
        yield from self._wrong(None)

    def _add(self, standing: Standing) -> None:
        order = standing.order
        units = daily.units_of(standing.lines, recorded=order.recorded)
        counted = list(daily.history((data for _, data in standing.events), units))
        for (event, _), each in zip(standing.events, counted, strict=True):
            if event.day:
                self._sums.add(order.tenant_id, event.day, order.door, each)

    def _wrong(self, until: int | None) -> Wrong:
        """Of tenants from the one that was looked at to the one that comes."""
        stands = summed().where(tally.c.tenant_id >= self._tenant_id)
        if until is not None:
            stands = stands.where(tally.c.tenant_id < until)
        wanted = self._sums.figures
        said = {name_of(row): figures_of(row) for row in self._connection.execute(stands)}
        for name in sorted(said.keys() | wanted.keys()):
            says, should = said.get(name, daily.NOTHING), wanted.get(name, daily.NOTHING)
            if says != should:
                yield name, says, should
        self._tenant_id, self._sums = until or 0, Sums()


def breaches(wrong: Wrong) -> Iterator[Breach]:
    for (tenant_id, day, channel, currency), says, should in wrong:
        differ = ", ".join(
            f"{each} {getattr(says, each)}, events {getattr(should, each)}"
            for each in Figures.__struct_fields__
            if getattr(says, each) != getattr(should, each)
        )
        yield Breach(Law.DAILY, tenant_id, f"day {day} {channel} {currency}", differ)
