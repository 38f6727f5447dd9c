"""`orderhub check` finds nothing on a good ledger and names every planted breach."""

import pytest
from sqlalchemy import text

from orderhub.core.commands import Action
from orderhub.ledger.check import check_ledger, checked, repair_ledger
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.database import writing
from orderhub.ledger.ledger import Ledger
from tests.support import world


@pytest.fixture
def good(ledger: Ledger) -> Ledger:
    """A ledger in which something of everything has happened."""
    orders = [world.place(ledger, world.basket((188, 2), (189, 1))) for _ in range(3)]
    sold = world.place(ledger, world.sale(natural_key="r-1", reference="r-1"))
    world.run_all(
        ledger,
        world.change(orders[0], Action.PAY),
        world.change(orders[0], Action.SHIP),
        world.change(orders[1], Action.CANCEL),
        world.change(sold, Action.AMEND, changes={"total": world.Decimal("3.10")}),
        world.adjust(-5),
        world.put(world.note(1, {}, keys=(("k", "v"),))),
        world.waiting(world.sale(origin_members={"owner": "7"}), key="k-1"),
        slot=4,
    )
    world.run(ledger, world.basket((189, 100)))
    return ledger


def test_nothing_is_found_on_a_good_ledger(good: Ledger) -> None:
    report = check_ledger(good.engine)
    assert report.breaches == []
    assert report.summary() == "every law holds (5 orders, 8 lines, 9 events, 2 pools, 11 moves)"


def test_nothing_is_found_on_an_empty_ledger(ledger: Ledger) -> None:
    assert check_ledger(ledger.engine).breaches == []


def test_checking_changes_nothing(good: Ledger) -> None:
    before = world.every_row(good)
    check_ledger(good.engine)
    assert world.every_row(good) == before


FIRST = "tenant_id = 1 AND id = (SELECT min(id) FROM orders)"
OF_FIRST = "order_id = (SELECT min(id) FROM orders)"
TALLY = "INSERT INTO tally (tenant_id, owner, door, status, slot, n) "
TERM = "INSERT INTO order_term (tenant_id, kind, term, recorded_at, order_id) "
TIMER = "INSERT INTO timer (tenant_id, kind, order_id, due_at) "
MOVE = "INSERT INTO pool_move (tenant_id, order_id, id, kind, pool_kind, subject, place, units, line_no) "

# One row per law and per way of breaking it: what is done behind the hub's back, what the report says.
BREACHES = [
    ("UPDATE pool SET available = available + 1 WHERE subject = 'product:188'", "a pool's available is opening"),
    ("UPDATE pool SET available = -1, adjusted = adjusted - available - 1", "not below zero"),
    ("UPDATE pool SET drawn = drawn + 1, available = available - 1", "a pool is the sum of its moves"),
    ("UPDATE pool SET opening = opening + 1, available = available + 1", "a pool is the sum of its moves"),
    ("DELETE FROM pool_move WHERE kind = 'return'", "a pool is the sum of its moves"),
    ("DELETE FROM pool WHERE subject = 'product:188'", "a move has its pool"),
    (MOVE + "SELECT 1, min(id), 9001, 'return', 'stock', 'product:188', 'A', 9, 1 FROM orders", "no more than it drew"),
    ("UPDATE orders SET status = 'cancelled' WHERE " + FIRST, "an order that ended holds nothing of a pool"),
    ("UPDATE order_line SET gross = gross + 1, net = net + 1 WHERE " + OF_FIRST, "the lines add up to the order"),
    ("DELETE FROM order_line WHERE line_no = 2 AND " + OF_FIRST, "the lines add up to the order"),
    ("UPDATE order_line SET tax = tax + 1 WHERE " + OF_FIRST, "net + tax = gross on every line"),
    ("UPDATE orders SET tax = tax + 1 WHERE recorded", "net + tax = total on every order"),
    ("UPDATE order_line SET order_id = 404 WHERE " + OF_FIRST, "a line has its order"),
    ("UPDATE order_event SET order_id = 404 WHERE " + OF_FIRST, "an event has its order"),
    (f"{MOVE} VALUES (1, 404, 9001, 'draw', 'stock', 'product:188', 'A', 0, 1)", "a move of an order has its order"),
    ("UPDATE natural_key SET order_uid = 'nobody'", "a natural key that is taken has its order"),
    ("UPDATE tally SET n = n + 1 WHERE door = 'test' AND status = 'pending'", "a tally is the number of orders"),
    ("DELETE FROM tally WHERE status = 'cancelled'", "a tally is the number of orders"),
    (TALLY + "VALUES (1, '*', 'nowhere', 'paid', 0, 1)", "a tally is the number of orders"),
    ("UPDATE claim SET status = 0", "a bound key has its answer"),
    ("UPDATE claim SET fingerprint = ''", "a bound key has its answer"),
    (TIMER + "VALUES (1, 'auto_close', 404, 1)", "a timer has its order"),
    (TERM + "VALUES (1, 'x', 'y', 1, 404)", "a search term has its order"),
    (TALLY + "VALUES (1, '(groups)', 'test', 'paid', 0, 1)", "a tally is the number of orders"),
    ("UPDATE record_key SET id = 404", "a record's key has its record"),
    ("DELETE FROM record_key", "a record is found by its names"),
    ("UPDATE orders SET status = 'completed' WHERE " + FIRST, "row is what its events add up to"),
    ("UPDATE orders SET paid = paid + 1 WHERE status = 'shipped'", "row is what its events add up to"),
    ("UPDATE orders SET paid = 1 WHERE status = 'pending'", "row is what its events add up to"),
    ("UPDATE orders SET refunded = 1 WHERE status = 'pending'", "row is what its events add up to"),
    ("UPDATE orders SET vendor_status = 'other' WHERE " + FIRST, "row is what its events add up to"),
    ("UPDATE orders SET currency = 'XXX' WHERE " + FIRST, "row is what its events add up to"),
    ("UPDATE orders SET total = total + 1, net = net + 1 WHERE recorded", "row is what its events add up to"),
    ("UPDATE orders SET version = version + 1 WHERE " + FIRST, "row is what its events add up to"),
    ("DELETE FROM order_event WHERE version = 2 AND " + OF_FIRST, "row is what its events add up to"),
    ("DELETE FROM order_event WHERE " + OF_FIRST, "row is what its events add up to"),
]  # fmt: skip


def test_every_planted_breach_is_named(good: Ledger) -> None:
    missed = []
    for done, law in BREACHES:
        with writing(good.engine).connect() as connection:
            assert connection.execute(text(done)).rowcount >= 1, done
            laws = {breach.law for breach in checked(connection).breaches}
            connection.rollback()
        if not any(law in each for each in laws):
            missed.append((done, law, laws))
    assert missed == []
    assert check_ledger(good.engine).breaches == []


def test_what_is_of_a_tenant_whose_own_row_was_lost_is_not_mended_away(good: Ledger) -> None:
    with writing(good.engine).begin() as connection:
        connection.execute(text("DELETE FROM tenant WHERE id = 1"))
    before = world.every_row(good)
    report = repair_ledger(good.engine, lambda _line: None)
    assert set(report.broken) == {Law.HAS_TENANT}
    assert world.every_row(good) == before


def test_a_breach_says_whose_it_is_and_what_is_wrong(good: Ledger) -> None:
    with writing(good.engine).begin() as connection:
        connection.execute(text("UPDATE pool SET available = 7 WHERE subject = 'product:188'"))
    report = check_ledger(good.engine)
    assert str(report.breaches[0]) == (
        "a pool's available is opening + adjusted - drawn + returned, and not below zero: "
        "tenant 1, stock product:188 A: available 7"
    )
    assert report.summary().startswith("1 breaches (")
