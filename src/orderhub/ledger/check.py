"""The laws of the ledger, verified in one consistent look; and, where asked, what can be mended is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from orderhub.ledger.checking import (
    feed,
    orders,
    readable,
    records,
    repair,
    sums,
    tenants,
    webhooks,
)
from orderhub.ledger.checking.integrity import reason, refuse_unsound
from orderhub.ledger.checking.report import Breach, Report
from orderhub.ledger.database import DatabaseRefused, writing
from orderhub.ledger.files import DatabaseGone

__all__ = ["Breach", "Report", "check_ledger", "checked", "looking", "repair_ledger"]


def check_ledger(engine: Engine) -> Report:
    """Verify every law without changing anything. Raises DatabaseRefused when it cannot be done."""
    with looking(engine) as connection:
        refuse_unsound(connection)
        return checked(connection)


def repair_ledger(engine: Engine, tell: Callable[[str], None]) -> Report:
    """Mend what the rest determines, in one transaction that nobody else writes beside; answers how it stands then.

    `tell` is given a line for each thing that was mended or left. Raises DatabaseRefused.
    """
    with looking(writing(engine)) as connection, connection.begin():
        repair.keep_others_out(connection)
        refuse_unsound(connection)
        found = checked(connection)
        if found.total:
            for line in repair.mended(connection, found):
                tell(line)
            found = checked(connection)
    return found


@contextmanager
def looking(engine: Engine) -> Iterator[Connection]:
    """A connection for long statements: what they sort goes to files, not to memory."""
    try:
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            is_postgres = engine.dialect.name == "postgresql"
            assert driver is not None
            if is_postgres:
                connection.execution_options(isolation_level="REPEATABLE READ")
            else:
                driver.execute("PRAGMA temp_store = FILE")
            try:
                yield connection
            finally:
                connection.rollback()
                if not is_postgres:
                    driver.execute("PRAGMA temp_store = MEMORY")
    except DatabaseGone as gone:
        raise DatabaseRefused(str(gone)) from gone
    except SQLAlchemyError as error:
        raise DatabaseRefused(f"The database cannot be checked: {reason(error)}.") from error


def checked(connection: Connection) -> Report:
    """What the laws say of the ledger as this transaction sees it."""
    report = Report()
    orders.check(connection, report)
    for name, table in (("pools", "pool"), ("moves", "pool_move")):
        counted = connection.execute(text(f"SELECT count(*) FROM {table}"))
        report.counts[name] = int(counted.scalar_one())
    parts = (tenants, sums, records, readable, feed, webhooks)
    found = (each.breaches(connection) for each in parts)
    for breach in chain.from_iterable(found):
        report.add(breach)
    return report
