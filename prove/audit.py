"""What the ledger holds, read from the database itself: the hub's own word is not taken for it."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import DatabaseRefused, open_engine
from prove.crashes import CALM
from tests.support import cluster

T = TypeVar("T")

# Every order of a proof carries one marker in its request.
_RECOVERS_WITHIN_S = 60.0
MARKER = re.compile(r"proof-[0-9a-f]+-\d+")


@dataclass(frozen=True)
class Found:
    """Orders by marker, units drawn from PLENTY and LAST_ONE, and the laws that are broken."""

    orders: Counter[str]
    drawn: dict[str, int]
    breaches: tuple[str, ...]


def looked(url: str, look: Callable[[Engine], T]) -> T:
    """What a look at a database in use finds; a node of a cluster that is away for a moment is waited for.

    None crashes meanwhile. Connections are closed again: a process that holds a SQLite file open while the server
    dies would spare the next server the recovery.
    """
    until = time.monotonic() + (_RECOVERS_WITHIN_S if cluster.is_on(url) else 0)
    while True:
        engine = open_engine(url)
        try:
            with CALM:
                return look(engine)
        except (OperationalError, DatabaseRefused):
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        finally:
            engine.dispose()


def audit(url: str) -> Found:
    return looked(url, _audited)


def _audited(engine: Engine) -> Found:
    with engine.connect() as connection:
        # By orders, not by events alone: a placed event without its order would be no order.
        requests = connection.execute(
            text(
                "SELECT e.request FROM orders o JOIN order_event e "
                "ON e.tenant_id = o.tenant_id AND e.order_id = o.id AND e.version = 1"
            )
        ).scalars()
        orders = Counter(marker for each in requests for marker in set(MARKER.findall(each)))
        pools = connection.execute(
            text(
                "SELECT subject, drawn FROM pool WHERE kind = 'stock' "
                "AND subject IN ('product:900', 'product:910')"
            )
        )
        drawn = {row.subject: int(row.drawn) for row in pools}
    return Found(orders, drawn, tuple(str(breach) for breach in check_ledger(engine).breaches))
