"""What the rest of a ledger determines is mended, said line by line, and nothing else is touched."""

from sqlalchemy import Engine, text

from orderhub.ledger.check import check_ledger, repair_ledger
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.database import writing
from tests.ledger.doors import BASKET, PARTS, SENT, TOUR, of
from tests.ledger.test_laws import DAYS, DAYS_MOVED, TERM, TIMER
from tests.support.world import Rows, restore, rows_of_all

# What is done, and the beginning of a line that says how it was mended.
REPAIRABLE = [
    (
        "UPDATE counter SET next = 1 WHERE name = 'order'",
        "mended: counter order of tenant 1: 1 -> 49",
    ),
    ("DELETE FROM counter WHERE name = 'move'", "mended: counter move of tenant 1: None -> "),
    (
        "UPDATE pool SET drawn = drawn + 1 WHERE kind = 'seats'",
        "mended: pool seats product:102202692 ",
    ),
    (
        "UPDATE pool SET available = 7 WHERE kind = 'coupon' AND drawn > 0",
        "mended: pool coupon coupon:1 of tenant 1",
    ),
    (
        "DELETE FROM pool WHERE subject = 'variant:1' AND tenant_id = 1",
        "mended: pool stock variant:1 MAIN of tenant 1",
    ),
    ("UPDATE order_group SET statuses = 'paid'", "mended: group 1000000371651 of tenant 2"),
    ("DELETE FROM order_group", "mended: group 1000000371651 of tenant 2"),
    (
        "UPDATE tally SET n = n + 1 WHERE owner = '*'",
        "mended: tally anqicms paid of * of tenant 1: 2 -> 1",
    ),
    ("DELETE FROM tally", "mended: tally anqicms paid of * of tenant 1: 0 -> 1"),
    (
        "INSERT INTO tally (tenant_id, owner, door, status, slot, n) VALUES (1, '*', 'x', 'paid', 0, 1)",
        "mended: tally x paid of * of tenant 1: 1 -> 0",
    ),
    (f"UPDATE tally SET units = units + 1, revenue = 7 {DAYS}", "mended: day 2"),
    (f"DELETE FROM tally {DAYS}", "mended: day 2"),
    (DAYS_MOVED, "mended: day 2001-01-01 "),
    ("DELETE FROM order_term", "mended: order "),
    (
        "UPDATE order_term SET term = 'other' WHERE kind = 'email' AND tenant_id = 5",
        "mended: order ",
    ),
    (
        TERM + "VALUES (1, 'email', 'x@y', 1, 404)",
        "mended: search term x@y of no order 404 of tenant 1",
    ),
    ("DELETE FROM timer", "mended: order "),
    ("UPDATE timer SET kind = 'auto_pay', due_at = 7 WHERE tenant_id = 1", "mended: "),
    (TIMER + "VALUES (1, 'auto_close', 404, 1)", "mended: auto_close of order 404 of tenant 1"),
    ("DELETE FROM natural_key", "mended: natural key cdp:demo-cdp:"),
    ("UPDATE natural_key SET order_uid = 'nobody'", "mended: natural key cdp:demo-cdp:"),
    (
        "DELETE FROM record_key",
        "mended: key email demo@example.com of user 1000 of tenant 1: kept again",
    ),
    (
        "UPDATE record_key SET id = 404 WHERE value = 'demo'",
        "mended: key user_name demo of user 404 of tenant 1: gone",
    ),
    (
        "UPDATE record_key SET value = 'thief' WHERE value = 'demo'",
        "mended: key user_name thief of user 1000 of tenant 1: gone",
    ),
    (f"DELETE FROM feed {of(TOUR)}", "mended: order "),
    (f"DELETE FROM feed {of(PARTS)} AND version = 1", "mended: order "),
    (f"DELETE FROM feed {of(PARTS)} AND version > 2", "mended: order "),
    ("DELETE FROM feed WHERE order_id = 0", "mended: notice "),
    (f"DELETE FROM feed {of(SENT)} OR order_id = 0", "mended: order "),
    ("DELETE FROM feed WHERE tenant_id = 1", "mended: order "),
    (f"UPDATE feed SET version = 9 {of(TOUR)}", "mended: order "),
    (f"UPDATE feed SET version = 4 - version {of(PARTS)}", "mended: order "),
    (f"UPDATE feed SET order_id = 1000 {of(TOUR)}", "mended: order "),
    (
        f"INSERT INTO feed SELECT tenant_id, lane, position + 1000, stamp, order_id, version FROM feed {of(PARTS)}",
        "mended: order ",
    ),
    ("UPDATE feed_lane SET next = next - 1 WHERE tenant_id = 1", "mended: lane "),
    ("UPDATE feed_lane SET next = next + 9 WHERE tenant_id = 1", "mended: lane "),
    ("UPDATE feed_lane SET stamp = stamp + 1 WHERE tenant_id = 1", "mended: lane "),
    ("DELETE FROM feed_lane", "mended: lane "),
    (
        "INSERT INTO record (tenant_id, kind, id, uid) VALUES (404, 'product', 1, 'x')",
        "mended: record of tenant 404, which is gone: rows removed: 1",
    ),
]
_NOT_TO_BE_TOUCHED = (
    *("orders", "order_line", "order_event", "pool_move", "claim", "record"),
    "notice",
)


def alike(rows: Rows) -> dict[str, list[str]]:
    """What must be as before: all but counters, which may lie further on, and who wrote a row."""
    return {
        name: sorted(
            repr({key: each for key, each in row.items() if key not in ("batch", "slot")})
            for row in found
        )
        for name, found in rows.items()
        if name != "counter"
    }


def test_what_the_rest_determines_is_mended_and_said(sold: Engine) -> None:
    before = rows_of_all(sold)
    wanted = alike(before)
    for done, line_told in REPAIRABLE:
        with writing(sold).begin() as connection:
            assert connection.exec_driver_sql(done).rowcount >= 1, done
        told: list[str] = []
        report = repair_ledger(sold, told.append)  # it tells nothing where no law is broken
        assert report.total == 0, (done, report.breaches[:5], told)
        assert any(each.startswith(line_told) for each in told), (done, told)
        after = rows_of_all(sold)
        assert alike(after) == wanted, done
        assert all(after[name] == before[name] for name in _NOT_TO_BE_TOUCHED), done
    assert check_ledger(sold).total == 0


def test_an_event_whose_place_is_another_s_by_now_is_told_at_the_end(sold: Engine) -> None:
    before = rows_of_all(sold)
    newest = "position = (SELECT max(position) FROM feed WHERE tenant_id = 1)"
    with writing(sold).begin() as connection:
        for done in (
            f"DELETE FROM feed {of(BASKET)}",
            f"UPDATE notice SET position = 0 WHERE tenant_id = 1 AND {newest}",
            f"UPDATE feed SET position = 0 WHERE tenant_id = 1 AND {newest} AND order_id = 0",
            "UPDATE feed_lane SET next = next - 1 WHERE tenant_id = 1",
        ):
            assert connection.exec_driver_sql(done).rowcount >= 1, done
    told: list[str] = []
    report = repair_ledger(sold, told.append)
    after = rows_of_all(sold)
    restore(sold, before)
    assert report.total == 0, (report.breaches, told)
    places = [row for row in after["feed"] if row["tenant_id"] == 1]
    last = max(places, key=lambda row: row["position"])
    first = min(row["id"] for row in after["orders"] if row["tenant_id"] == 1)
    assert (last["order_id"], last["version"]) == (first, 1)
    assert sorted(row["position"] for row in places) == [*range(len(places))]


def test_a_gap_that_no_event_belongs_into_is_left(sold: Engine) -> None:
    before = rows_of_all(sold)
    with writing(sold).begin() as connection:
        moved = f"UPDATE feed SET position = position + 1000 {of(TOUR)}"
        assert connection.exec_driver_sql(moved).rowcount >= 1
    report = repair_ledger(sold, lambda _line: None)
    after = rows_of_all(sold)
    restore(sold, before)
    assert set(report.broken) == {Law.LANE}
    assert all(after[name] == before[name] for name in _NOT_TO_BE_TOUCHED)


def test_a_good_ledger_has_nothing_to_mend(sold: Engine) -> None:
    before, told = rows_of_all(sold), list[str]()
    assert repair_ledger(sold, told.append).total == 0
    assert told == []
    assert rows_of_all(sold) == before


def test_nothing_is_mended_by_what_is_in_doubt_itself(sold: Engine) -> None:
    """A draw is gone from the moves: a pool made equal to them would sell the unit again."""
    before = rows_of_all(sold)
    gone = f"{of(BASKET)} AND pool_kind = 'stock' AND line_no = 1"
    with writing(sold).begin() as connection:
        moves = [
            dict(row)
            for row in connection.execute(text(f"SELECT * FROM pool_move {gone}")).mappings()
        ]
        connection.execute(text(f"DELETE FROM pool_move {gone}"))
    told: list[str] = []
    report = repair_ledger(sold, told.append)
    assert {Law.DRAWN, Law.POOL_SUM} <= set(report.broken)
    assert told == [f"left: {Law.POOL_SUM}: tenant 1: first see to {Law.DRAWN}"]
    assert rows_of_all(sold)["pool"] == before["pool"]
    with writing(sold).begin() as connection:
        names = ", ".join(moves[0])
        marks = ", ".join(f":{name}" for name in moves[0])
        connection.execute(text(f"INSERT INTO pool_move ({names}) VALUES ({marks})"), moves)
    assert check_ledger(sold).total == 0
