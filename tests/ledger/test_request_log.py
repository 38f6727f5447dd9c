"""The request log at rest, on both databases: its pages, its bounds, and that it is no part of the books."""

from typing import Any

import pytest

from orderhub.core.request_log import Exchange, LoggedRequest, Message, RequestSearch
from orderhub.ledger import tables
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import writing
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.request_log import page_query
from tests.support.world import OTHER, SHOP

SOME = Exchange("a=1", Message({"x": "y"}, "body"), Message({}, "answer", is_cut=True))


def call(number: int, tenant_id: int = SHOP, **more: Any) -> LoggedRequest:
    """A call that was answered at microsecond `number`."""
    given = {
        "channel": "kakaclo",
        "method": "POST",
        "path": "/p",
        "status": 200,
        "recorded_at": number,
    }
    return LoggedRequest(tenant_id=tenant_id, id=f"{number:032x}", **{**given, **more})


def keep(ledger: Ledger, *calls: LoggedRequest, most: int = 100) -> None:
    ledger.keep_requests([(each, SOME) for each in calls], most)


def found(ledger: Ledger, **search: Any) -> list[int]:
    search.setdefault("tenant_id", SHOP)
    kept = ledger.read(lambda reads: reads.requests(RequestSearch(**search)))
    return [each.recorded_at for each in kept]


def test_what_was_kept_is_read_back_whole(ledger: Ledger) -> None:
    whole = call(
        7,
        reason="out_of_stock",
        field="lines[0]",
        detail="3 are left",
        credential="hub-1",
        label="their till",
        orders=("u1", "u2"),
        duration_us=12_345,
    )
    keep(ledger, whole)
    assert ledger.read(lambda reads: reads.request(SHOP, whole.id)) == (whole, SOME)
    assert ledger.read(lambda reads: reads.request(None, whole.id)) == (whole, SOME)
    assert ledger.read(lambda reads: reads.request(OTHER, whole.id)) is None
    assert ledger.read(lambda reads: reads.requests(RequestSearch(tenant_id=SHOP))) == (whole,)


def test_the_same_call_is_kept_once(ledger: Ledger) -> None:
    keep(ledger, call(1), call(2))
    keep(ledger, call(2), call(3))
    assert found(ledger) == [3, 2, 1]


def test_a_list_is_newest_first_by_every_filter_and_page(ledger: Ledger) -> None:
    keep(
        ledger,
        call(1, path="/a", reason="invalid"),
        call(2, status=429, credential="c"),
        call(3, channel="hub", path="/a"),
        call(4, tenant_id=OTHER),
        call(5, path="/a", reason="invalid", status=400),
    )
    assert found(ledger) == [5, 3, 2, 1]
    assert found(ledger, equal=(("path", "/a"),)) == [5, 3, 1]
    assert found(ledger, equal=(("status", 429),)) == [2]
    assert found(ledger, equal=(("reason", "invalid"), ("status", 400))) == [5]
    assert found(ledger, equal=(("channel", "hub"),)) == [3]
    assert found(ledger, equal=(("credential", "c"),)) == [2]
    assert found(ledger, since=2, until=5) == [3, 2]
    assert found(ledger, limit=2) == [5, 3]
    assert found(ledger, limit=2, after=(3, call(3).id)) == [2, 1]
    assert found(ledger, tenant_id=None) == [5, 4, 3, 2, 1]
    assert found(ledger, tenant_id=None, after=(4, OTHER, call(4).id)) == [3, 2, 1]


def test_each_tenant_keeps_its_newest_and_no_more(ledger: Ledger) -> None:
    keep(ledger, *map(call, range(1, 9)), *(call(n, OTHER) for n in range(20, 23)), most=5)
    assert found(ledger) == [8, 7, 6, 5, 4]
    assert found(ledger, tenant_id=OTHER) == [22, 21, 20]
    keep(ledger, call(9), most=5)
    assert found(ledger) == [9, 8, 7, 6, 5]


def test_the_oldest_of_many_go_a_fiftieth_at_a_time(ledger: Ledger) -> None:
    kept = []
    for number in range(1, 130):
        keep(ledger, call(number), call(number, OTHER), most=100)
        kept.append(found(ledger, limit=1_000))
    counts = zip(range(100, 106), (98, 99, 100, 98, 99, 100), strict=True)
    assert kept[99:105] == [[*range(newest, newest - count, -1)] for newest, count in counts]
    assert found(ledger, tenant_id=OTHER, limit=1_000) == kept[-1]
    assert all(len(each) <= 100 for each in kept)


def test_what_is_old_goes_in_steps(ledger: Ledger) -> None:
    keep(ledger, *map(call, range(1, 8)))
    assert [ledger.purge_requests(6, at_most=3) for _ in range(3)] == [3, 2, 0]
    assert found(ledger) == [7, 6]


def test_a_tenant_that_is_gone_keeps_nothing_and_operators_are_no_tenant(ledger: Ledger) -> None:
    keep(ledger, call(1, tenant_id=404), call(2, tenant_id=0), call(3))
    assert found(ledger, tenant_id=404) == []
    assert found(ledger, tenant_id=0) == [2]
    with ledger.directory("") as (_, directory):
        directory.remove_tenant(SHOP)
    assert found(ledger) == []


def test_the_longest_path_fits_its_index(ledger: Ledger) -> None:
    keep(ledger, call(1, path="/" + 499 * "\U0001f600"))
    assert found(ledger) == [1]


def test_no_law_looks_at_the_log(ledger: Ledger) -> None:
    keep(ledger, call(1, orders=("no such order",), credential="nobody"))
    assert check_ledger(ledger.engine).breaches == []
    index = next(iter(tables.request_log.indexes))
    with writing(ledger.engine).begin() as connection:
        index.drop(connection)
    try:
        assert check_ledger(ledger.engine).total == 0
    finally:  # the database is another test's, too
        with writing(ledger.engine).begin() as connection:
            index.create(connection)


@pytest.mark.parametrize("name", ["channel", "path", "status", "reason", "credential"])
def test_every_filter_walks_its_index(ledger: Ledger, name: str) -> None:
    keep(ledger, *(call(n, status=200 + n % 7) for n in range(1, 60)))
    value = 201 if name == "status" else "x"
    assert f"request_log_by_{name}" in _plan(ledger, equal=((name, value),))


def test_lists_without_a_filter_walk_theirs(ledger: Ledger) -> None:
    keep(ledger, *map(call, range(1, 60)))
    assert "request_log_by_arrival" in _plan(ledger)
    assert "request_log_of_all_tenants" in _plan(ledger, tenant_id=None)


def _plan(ledger: Ledger, **search: Any) -> str:
    """How the database would answer; a PostgreSQL is told not to read a small table from end to end."""
    search.setdefault("tenant_id", SHOP)
    query = page_query(RequestSearch(**search))
    compiled = query.compile(ledger.engine, compile_kwargs={"literal_binds": True})
    with ledger.engine.connect() as connection:
        if not ledger.is_postgres:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")
            plan = " ".join(row[-1] for row in rows)
            assert "TEMP B-TREE" not in plan
            return plan
        if search.get("equal"):
            # Without figures of what is there now, all ways cost the same, and any may be taken.
            connection.exec_driver_sql("ANALYZE request_log")
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        return " ".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {compiled}"))
