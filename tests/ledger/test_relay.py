"""What the relay reads again and again costs what is open, and not all that ever was handed on."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event

from orderhub.core.relaying import HandOverQuery
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.relay import RelayReads
from tests.support.world import NOON, SHOP

Read = Callable[[RelayReads], Any]


@pytest.mark.parametrize(
    ("read", "indexes"),
    [
        (lambda reads: reads.unsure(), ("hand_over_doubted",)),
        (
            lambda reads: reads.look(NOON),
            ("record_of_connections", "hand_over_due", "hand_over_news"),
        ),
    ],
    ids=["unsure", "look"],
)
def test_what_is_asked_of_all_has_an_index_of_its_own(
    ledger: Ledger, read: Read, indexes: tuple[str, ...]
) -> None:
    plan = plan_of(ledger, read)
    assert all(each in plan for each in indexes), plan


@pytest.mark.parametrize(
    ("read", "index"),
    [
        (lambda reads: reads.named(SHOP, "uid"), "hand_over_by_uid"),
        (lambda reads: reads.due(SHOP, 1, NOON, 8), "hand_over_due"),
        (lambda reads: reads.due(SHOP, 1, NOON, 8, news=True), "hand_over_news"),
        (lambda reads: reads.due(SHOP, 1, NOON, 8, only_sending=True), "hand_over_doubted"),
        (lambda reads: reads.is_in_doubt(SHOP, 1, 7), "hand_over_doubted"),
        (
            lambda reads: reads.page(HandOverQuery(tenant_id=SHOP, order_uid="u")),
            "(tenant_id=? AND order_id=?)",
        ),
        (lambda reads: reads.held(SHOP, 1, ["N1", "N2"]), "hand_over_by_number"),
        (lambda reads: reads.is_sending(SHOP, 1), "hand_over_doubted"),
        (
            lambda reads: reads.page(HandOverQuery(tenant_id=SHOP)),
            "SEARCH hand_over USING INDEX sqlite_autoindex_hand_over_1 (tenant_id=?)",
        ),
        (
            lambda reads: reads.page(HandOverQuery(tenant_id=SHOP, states=("unsure",))),
            "hand_over_by_state",
        ),
        (lambda reads: reads.first_placed(SHOP, 1, NOON), "hand_over_by_state"),
        (lambda reads: reads.counts(SHOP), "hand_over_by_state"),
        (lambda reads: reads.counted(SHOP, "unsure", 100), "hand_over_by_state"),
    ],
    ids=[
        *("named", "due", "news", "due-sending", "doubt", "of-order", "held", "sending"),
        *("all", "of-one-state", "first", "counts", "counted"),
    ],
)
def test_what_is_asked_of_a_tenant_is_no_look_at_each_of_its_hand_overs(
    ledger: Ledger, read: Read, index: str
) -> None:
    """PostgreSQL chooses among them by its figures, of which an empty table has none."""
    plan = plan_of(ledger, read)
    assert ("hand_over_" if ledger.is_postgres else index) in plan, plan


def plan_of(ledger: Ledger, read: Read) -> str:
    """How the database answers; a PostgreSQL is told not to read a small table to its end, nor to sort its rows."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, values: Any, *_more: Any) -> None:
        asked.append((statement, values))

    with ledger.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", note)
        read(RelayReads(connection))
        ((statement, values),) = asked
        if not ledger.is_postgres:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            return " ".join(row[-1] for row in rows)
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.exec_driver_sql("SET LOCAL enable_sort = off")
        rows = connection.exec_driver_sql(f"EXPLAIN {statement}", values)
        return " ".join(row[0] for row in rows)


def test_a_list_of_all_is_read_in_order_and_not_sorted(ledger: Ledger) -> None:
    plan = plan_of(ledger, lambda reads: reads.page(HandOverQuery(tenant_id=SHOP)))
    assert not any(each in plan for each in ("Sort", "TEMP B-TREE")), plan
