"""Numbers of processes: leased, so that a process that is gone leaves its number to the next one.

Rows that many processes would count in are split by the number (tallies, versions of records), and a process prefers a
lane of the feed by it. Two processes with one number wait for each other, and nothing is wrong with what they write.
See docs/decisions/0027.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from sqlalchemy import Engine, text

from orderhub.ledger.driver import Driver

SLOTS = 64
_TRIES = 4  # somebody else may be given the number that was found free

# By the database's clock: those of the machines may differ. Who asks again keeps the number that it has.
_LEASE = text(f"""
WITH clock AS MATERIALIZED (
    SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) AS now
), free AS MATERIALIZED (
    SELECT n.number FROM clock CROSS JOIN generate_series(0, {SLOTS - 1}) AS n(number)
    LEFT JOIN slot AS s ON s.number = n.number
    WHERE s.number IS NULL OR s.holder = :holder OR s.held_until < clock.now
    ORDER BY coalesce(s.holder = :holder, false) DESC, n.number LIMIT 1
)
INSERT INTO slot (number, holder, held_until)
SELECT free.number, CAST(:holder AS text), clock.now + CAST(:for_us AS bigint) FROM free CROSS JOIN clock
ON CONFLICT (number) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
    WHERE slot.holder = excluded.holder OR slot.held_until < (SELECT now FROM clock)
RETURNING number, NOT EXISTS (
    SELECT 1 FROM slot AS s WHERE s.number < slot.number AND s.held_until >= (SELECT now FROM clock)
) AS is_first""")
_LEAVE = text("UPDATE slot SET held_until = 0 WHERE holder = :holder")


_PROBE = (
    "INSERT INTO slot (number, holder, held_until) VALUES (-1, 'probe', 0) "
    "ON CONFLICT (number) DO UPDATE SET held_until = 0"
)


class Slot(NamedTuple):
    number: int
    is_first: (
        bool  # no process has a smaller one: what one process does for all is done by this one
    )


def lease(engine: Engine, holder: str, for_us: int) -> Slot:
    """A number that nobody else has for so long, or the holder's own for so long again. SQLite has one process: 0.

    Where all are taken it is shared with somebody.
    """
    if engine.dialect.name != "postgresql":
        return Slot(0, is_first=True)
    for _ in range(_TRIES):
        with engine.begin() as connection:
            found = connection.execute(_LEASE, {"holder": holder, "for_us": for_us}).first()
        if found is not None:
            return Slot(found.number, found.is_first)
    return Slot(zlib.crc32(holder.encode()) % SLOTS, is_first=False)


def probe(driver: Driver) -> None:
    """Write a row that is nobody's number."""
    driver.send(_PROBE)


def leave(engine: Engine, holder: str) -> None:
    """Whoever comes next may have the number at once."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(_LEAVE, {"holder": holder})
