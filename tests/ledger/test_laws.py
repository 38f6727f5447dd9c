"""Every tampering that something else determines is found by a law; what nothing determines is not claimed."""

from pathlib import Path

from sqlalchemy import Engine

from orderhub.ledger.check import check_ledger, checked
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.database import writing
from tests.ledger.doors import BASKET, CDP, CHARGE, PARCEL, PARTS, SENT, TOUR, of
from tests.ledger.test_check import BREACHES as OLDER


def order(which: str, change: str) -> str:
    return f"UPDATE orders SET {change} {of(which, 'id')}"


def line(which: str, number: int, change: str) -> str:
    return f"UPDATE order_line SET {change} {of(which)} AND line_no = {number}"


def undrawn(which: str, kind: str, units: int) -> list[str]:
    """The first draw of a kind taken away, its pool kept in step."""
    same = f"{of(which)} AND kind = 'draw' AND pool_kind = '{kind}'"
    first = f"{same} AND id = (SELECT min(id) FROM pool_move {same})"
    pool = f"(SELECT subject FROM pool_move {first})"
    step = f"drawn = drawn - {units}, available = available + {units}"
    tenant = which.split()[2]
    place = f"(SELECT place FROM pool_move {first})"
    named = f"tenant_id = {tenant} AND kind = '{kind}' AND subject = {pool} AND place = {place}"
    return [f"UPDATE pool SET {step} WHERE {named}", f"DELETE FROM pool_move {first}"]


def drawn(which: str, line_no: int) -> list[str]:
    """One unit more is drawn for a line, its pool kept in step."""
    tenant = which.split()[2]
    pool = "kind = 'stock' AND subject = 'variant:1' AND place = 'MAIN'"
    columns = "tenant_id, order_id, id, kind, pool_kind, subject, place, units, line_no"
    values = f"{tenant}, id, 90001, 'draw', 'stock', 'variant:1', 'MAIN', 1, {line_no}"
    return [
        f"INSERT INTO pool_move ({columns}) SELECT {values} FROM orders {of(which, 'id')}",
        f"UPDATE pool SET drawn = drawn + 1, available = available - 1 WHERE tenant_id = {tenant} AND {pool}",
        "UPDATE counter SET next = 99999 WHERE name = 'move'",
    ]


TERM = "INSERT INTO order_term (tenant_id, kind, term, recorded_at, order_id) "
LINE = "INSERT INTO order_line (tenant_id, order_id, line_no, kind, cancelled)"
KEY = "INSERT INTO record_key (tenant_id, kind, name, value, id)"
DAYS = "WHERE substr(owner, 1, 5) = '(day)'"
DAYS_MOVED = f"UPDATE tally SET owner = '(day) 2001-01-01' {DAYS}"
EVENT_DAY = "UPDATE order_event SET day"
TIMER = "INSERT INTO timer (tenant_id, kind, order_id, due_at) "

# What is done behind the hub's back, in words and in SQL, and the law that names it.
TAMPERINGS: list[tuple[str, list[str], Law]] = [
    ("a draw of stock is gone", undrawn(BASKET, "stock", 2), Law.DRAWN),
    ("a parcel's draw of stock is gone", undrawn(PARCEL, "stock", 1), Law.DRAWN),
    ("a draw of seats is gone", undrawn(TOUR, "seats", 2), Law.DRAWN),
    ("a redemption is gone", undrawn(BASKET, "coupon", 1), Law.DRAWN),
    ("a payment from the balance is gone", undrawn(PARCEL, "balance", 29_000_000), Law.BALANCE),
    ("a draw is added", drawn(BASKET, 1), Law.DRAWN),
    ("a draw is added for a line that there is not", drawn(BASKET, 9), Law.DRAWN),
    (
        "a draw is another product's",
        [f"UPDATE pool_move SET subject = 'variant:3' {of(BASKET)} AND line_no = 1"],
        Law.DRAWN,
    ),
    ("ten times as many", [line(BASKET, 1, "quantity = 10 * quantity")], Law.DRAWN),
    (
        "ten times as many at a tenth",
        [
            line(
                BASKET,
                1,
                "quantity = 10 * quantity, unit_net = unit_net / 10, unit_gross = unit_gross / 10",
            )
        ],
        Law.DRAWN,
    ),
    ("a line counts no units", [line(BASKET, 1, "counted = 0")], Law.DRAWN),
    ("a unit came back that stands", [f"UPDATE order_line SET refunded = 0 {of(PARTS)}"], Law.HELD),
    ("a unit is refunded and was not returned", [line(SENT, 1, "refunded = 1")], Law.HELD),
    ("a line is cancelled and holds its units", [line(BASKET, 1, "cancelled = (1 = 1)")], Law.HELD),
    (
        "more came back than was drawn",
        [f"UPDATE pool_move SET units = 9 {of(PARTS)} AND kind = 'return'"],
        Law.RETURNS,
    ),
    ("ten times as many items", [line(CHARGE, 2, "quantity = 10 * quantity")], Law.LINE_AMOUNT),
    ("another net unit", [line(CHARGE, 2, "unit_net = unit_net + 10000")], Law.LINE_AMOUNT),
    ("another gross unit", [line(BASKET, 1, "unit_gross = unit_gross + 1")], Law.LINE_AMOUNT),
    (
        "a tax part is another",
        [line(CHARGE, 2, "taxes = replace(taxes, '\"amount\":1', '\"amount\":2')")],
        Law.LINE_TAXES,
    ),
    ("shipped more than there is", [line(PARTS, 1, "shipped = 3")], Law.LINE_UNITS),
    ("shipped less than nothing", [line(PARTS, 1, "shipped = -1")], Law.LINE_UNITS),
    ("refunded more than there is", [line(PARTS, 1, "refunded = 3")], Law.LINE_UNITS),
    ("shipped what no parcel holds", [line(PARTS, 2, "shipped = 1")], Law.LINE_STEPS),
    ("refunded what no refund names", [line(PARTS, 2, "refunded = 1")], Law.LINE_STEPS),
    ("sent, and a line waits", [line(SENT, 1, "shipped = 1")], Law.LINE_STEPS),
    (
        "a move of an unknown kind",
        [f"UPDATE pool_move SET kind = 'gift' {of(TOUR)}"],
        Law.MOVE_KIND,
    ),
    ("a draw of fewer than none", [f"UPDATE pool_move SET units = -2 {of(TOUR)}"], Law.MOVE_KIND),
    ("an order's opening", [f"UPDATE pool_move SET kind = 'opening' {of(TOUR)}"], Law.MOVE_KIND),
    ("a draw of nobody", [f"UPDATE pool_move SET order_id = 0 {of(TOUR)}"], Law.MOVE_KIND),
    ("a natural key is gone", ["DELETE FROM natural_key"], Law.ORDER_HAS_KEY),
    (
        "a natural key names another order",
        [
            "INSERT INTO natural_key (tenant_id, key, order_uid) SELECT 1, key, 'first' FROM natural_key",
            "UPDATE natural_key SET order_uid = (SELECT min(uid) FROM orders WHERE tenant_id = 1) WHERE tenant_id = 1",
            "DELETE FROM natural_key WHERE tenant_id <> 1",
        ],
        Law.KEY_HAS_ORDER,
    ),
    ("an order's natural key is another", [order(CDP, "natural_key = 'other'")], Law.ORDER_HAS_KEY),
    (
        "a natural key that no order took",
        [
            "INSERT INTO natural_key (tenant_id, key, order_uid) SELECT tenant_id, 'k', uid FROM orders "
            + of(TOUR, "id")
        ],
        Law.KEY_HAS_ORDER,
    ),
    (
        "an acknowledged order is gone",
        [
            f"DELETE FROM order_event {of(CDP)}",
            "DELETE FROM natural_key",
            "DELETE FROM tally WHERE tenant_id = 4",
            f"DELETE FROM orders {of(CDP, 'id')}",
        ],
        Law.CLAIM_ORDER,
    ),
    (
        "a key answered for no order",
        ["UPDATE claim SET order_uid = 'nobody' WHERE tenant_id = 4"],
        Law.CLAIM_ORDER,
    ),
    (
        "the counter of orders is set back",
        ["UPDATE counter SET next = 1 WHERE name = 'order'"],
        Law.COUNTER,
    ),
    (
        "the counter of moves is set back",
        ["UPDATE counter SET next = 1 WHERE name = 'move'"],
        Law.COUNTER,
    ),
    ("the counter of orders is gone", ["DELETE FROM counter WHERE name = 'order'"], Law.COUNTER),
    (
        "a closing timer is gone",
        ["DELETE FROM timer WHERE kind = 'auto_close'"],
        Law.ORDER_HAS_TIMER,
    ),
    ("a payment timer is gone", ["DELETE FROM timer WHERE kind = 'auto_pay'"], Law.ORDER_HAS_TIMER),
    (
        "a finishing timer is gone",
        ["DELETE FROM timer WHERE kind = 'auto_finish'"],
        Law.ORDER_HAS_TIMER,
    ),
    (
        "a timer comes at another time",
        [f"UPDATE timer SET due_at = due_at + 1 {of(BASKET)}"],
        Law.TIMER_HAS_ORDER,
    ),
    (
        "a timer would pay instead of closing",
        [f"UPDATE timer SET kind = 'auto_pay' {of(BASKET)}"],
        Law.ORDER_HAS_TIMER,
    ),
    (
        "a timer that nobody asked for",
        [f"{TIMER} SELECT tenant_id, 'auto_close', id, 1 FROM orders {of(CDP, 'id')}"],
        Law.TIMER_HAS_ORDER,
    ),
    (
        "a paid order waits to be closed",
        [
            f"{TIMER} SELECT tenant_id, 'auto_close', id, 1 FROM orders {of(PARTS, 'id')}",
            order(PARTS, "timers = '{\"auto_close\":1}'"),
        ],
        Law.WAITS_IN_VAIN,
    ),
    ("search terms are gone", [f"DELETE FROM order_term {of(TOUR)}"], Law.FOUND_BY_TERMS),
    (
        "a search term is another",
        [f"UPDATE order_term SET term = 'other' {of(TOUR)} AND kind = 'email'"],
        Law.FOUND_BY_TERMS,
    ),
    (
        "a search term of another time",
        [f"UPDATE order_term SET recorded_at = 1 {of(TOUR)} AND kind = 'email'"],
        Law.FOUND_BY_TERMS,
    ),
    (
        "a search term more",
        [f"{TERM} SELECT tenant_id, 'email', 'x@y', recorded_at, id FROM orders {of(TOUR, 'id')}"],
        Law.TERM_IS_RIGHT,
    ),
    (
        "another e-mail in the document",
        [order(TOUR, "doc = replace(doc, '2@q.q', '3@q.q')")],
        Law.FOUND_BY_TERMS,
    ),
    ("another number", [order(TOUR, "number = '7'")], Law.FOLD),
    ("another reference", [order(PARCEL, "reference = 'other'")], Law.FOLD),
    ("a reference from nowhere", [order(TOUR, "reference = 'other'")], Law.FOLD),
    ("another owner", [order(TOUR, "owner = 'other'")], Law.FOLD),
    ("another account", [order(CHARGE, "account = 'other'")], Law.FOLD),
    ("another service", [order(CHARGE, "service = 'other'")], Law.FOLD),
    ("a bill from nowhere", [order(CHARGE, "bill = 'other'")], Law.FOLD),
    ("another group", [order(PARCEL, "group_number = 'other'")], Law.FOLD),
    ("another time of occurrence", [order(BASKET, "occurred_at = occurred_at + 1")], Law.FOLD),
    ("another stated time", [order(CDP, "occurred_at = occurred_at + 1")], Law.FOLD),
    ("another time of change", [order(PARTS, "updated_at = updated_at + 1")], Law.FOLD),
    ("another time of arrival", [order(BASKET, "recorded_at = recorded_at + 1")], Law.FOLD),
    ("placed by another", [order(BASKET, "placed_by = 'other'")], Law.FOLD),
    (
        "a line of nothing more",
        [f"{LINE} SELECT tenant_id, id, 9, 'good', (1 = 0) FROM orders {of(TOUR, 'id')}"],
        Law.FOLD,
    ),
    ("another door", [order(TOUR, "door = 'mews'")], Law.TALLY),
    ("a group of another status", ["UPDATE order_group SET statuses = 'paid'"], Law.GROUP),
    ("a group is gone", ["DELETE FROM order_group"], Law.GROUP),
    (
        "a key that is no name",
        [
            f"{KEY} SELECT tenant_id, kind, 'email', 'thief@x', id FROM record_key WHERE value = 'demo'"
        ],
        Law.RECORD_NAMES,
    ),
    ("a place in the feed is gone", [f"DELETE FROM feed {of(TOUR)}"], Law.FED_ONCE),
    (
        "an event is told twice",
        [
            f"INSERT INTO feed SELECT tenant_id, lane, position + 1000, stamp, order_id, version FROM feed {of(TOUR)}"
        ],
        Law.FED_ONCE,
    ),
    ("an old event that has a place", [f"UPDATE order_event SET fed = 0 {of(TOUR)}"], Law.FED_ONCE),
    ("a notice has no place", ["UPDATE notice SET position = 1000"], Law.FED_ONCE),
    ("a place of nothing", [f"UPDATE feed SET version = 9 {of(TOUR)}"], Law.PLACE_HAS_EVENT),
    ("a place of no order", [f"UPDATE feed SET order_id = 1000 {of(TOUR)}"], Law.PLACE_HAS_EVENT),
    ("a place of a notice that is gone", ["DELETE FROM notice"], Law.PLACE_HAS_EVENT),
    (
        "a later event is told before",
        [f"UPDATE feed SET version = 4 - version {of(PARTS)}"],
        Law.FED_IN_ORDER,
    ),
    ("a gap in a lane", [f"UPDATE feed SET position = position + 1000 {of(TOUR)}"], Law.LANE),
    ("a lane that says less", ["UPDATE feed_lane SET next = next - 1"], Law.LANE),
    ("a lane with another stamp", ["UPDATE feed_lane SET stamp = stamp + 1"], Law.LANE),
    ("a lane is gone", ["DELETE FROM feed_lane"], Law.LANE),
    (
        "deliveries that are never due",
        [
            (
                "INSERT INTO delivery (tenant_id, webhook_id, id, about, state, next_at) "
                "VALUES (1, 1, 1, 'order', 'waiting', 4611686018427387904)"
            )
        ],
        Law.WEBHOOK_TURN,
    ),
    (
        "a webhook ahead of the feed",
        ["INSERT INTO webhook_state (tenant_id, webhook_id, passed) VALUES (1, 1, 1000)"],
        Law.WEBHOOK_PLACE,
    ),
    ("a tenant's own row is gone", ["DELETE FROM tenant WHERE id = 5"], Law.HAS_TENANT),
    (
        "something of a tenant that was removed",
        [
            "INSERT INTO credential (id, tenant_id, kind, name, body) VALUES ('x', 404, 'hub', 'x', '{}')"
        ],
        Law.HAS_TENANT,
    ),
    ("a day has an order more", [f"UPDATE tally SET n = n + 1 {DAYS}"], Law.DAILY),
    ("a day took in more", [f"UPDATE tally SET revenue_millionths = 1 {DAYS}"], Law.DAILY),
    ("a refund is another day's", [f"{DAYS_MOVED} AND refunds > 0"], Law.DAILY),
    ("a day is gone", [f"DELETE FROM tally {DAYS}"], Law.DAILY),
    ("an event counts on another day", [f"{EVENT_DAY} = '2001-01-01' {of(TOUR)}"], Law.DAILY),
    ("an event counts no longer", [f"{EVENT_DAY} = '' {of(TOUR)}"], Law.DAILY),
    ("a document that is none", [order(TOUR, "doc = 'x'")], Law.READABLE),
    ("a line's data that are none", ["UPDATE order_line SET data = 'x'"], Law.READABLE),
    (
        "a product that is none",
        ["UPDATE record SET doc = doc || 'x' WHERE kind = 'product'"],
        Law.READABLE,
    ),
    (
        "settings that are none",
        ["UPDATE record SET doc = 'x' WHERE kind = 'settings'"],
        Law.READABLE,
    ),
    ("an answer's headers that are none", ["UPDATE claim SET headers = 'x'"], Law.READABLE),
    ("an event that is none", [f"UPDATE order_event SET data = '[]' {of(TOUR)}"], Law.READABLE),
    (
        "an amount that is none",
        [f"UPDATE order_event SET data = replace(data, '1762', 'null') {of(TOUR)}"],
        Law.READABLE,
    ),
]

# Nothing else says what these must be: they are not claimed.
OUT_OF_REACH = {
    "a stored answer": "UPDATE claim SET body = 'x', headers = '[]'",
    "an actor of a later event": f"UPDATE order_event SET actor = 'x' {of(PARTS)} AND version = 2",
    "what a key came with first": "UPDATE claim SET fingerprint = 'x'",
    "a raw request": "UPDATE order_event SET request = 'x', request_id = 'x'",
    "a catalogue price": "UPDATE record SET doc = replace(doc, '\"price\":', '\"price\":1') WHERE kind = 'product'",
    "a line's title and data": "UPDATE order_line SET title = 'x', data = ''",
    "what only the vendor knows": order(
        CDP, 'doc = replace(doc, \'"vendor":{\', \'"vendor":{"x":1,\')'
    ),
    "when it is consumed": order(TOUR, "service_at = 1"),
    "who moved a pool, when and why": "UPDATE pool_move SET actor = 'x', reason = 'x', recorded_at = 1",
    "a taxed unit's other side": line(CHARGE, 2, "unit_gross = unit_gross + 1"),
    "when little is left of a pool": "UPDATE pool SET low_at = 7",
    "what was told of a pool": "UPDATE notice SET kind = 'pool.back', data = '{}'",
    "what stock there was, its pool in step": (
        "UPDATE pool_move SET units = units + 1 WHERE order_id = 0 AND subject = 'variant:1'; "
        "UPDATE pool SET opening = opening + 1, available = available + 1 WHERE subject = 'variant:1'"
    ),
}


def test_every_law_holds_of_a_ledger_in_which_every_business_sold(sold: Engine) -> None:
    report = check_ledger(sold)
    assert [str(breach) for breach in report.breaches] == []
    assert report.summary().startswith("every law holds (8 orders, 19 lines, 13 events, ")


def broken_by(engine: Engine, statements: list[str]) -> set[str]:
    """The laws that are broken once the statements are done. They are undone."""
    with writing(engine).connect() as connection:
        for each in statements:
            assert connection.exec_driver_sql(each).rowcount >= 1, each
        found = set(checked(connection).broken)
        connection.rollback()
    return found


def test_every_tampering_is_found_by_its_law(sold: Engine) -> None:
    missed = {
        done: (law, found)
        for done, statements, law in TAMPERINGS
        if law not in (found := broken_by(sold, statements))
    }
    assert missed == {}


def test_what_nothing_else_determines_is_not_claimed(sold: Engine) -> None:
    claimed = {
        what: found
        for what, statement in OUT_OF_REACH.items()
        if (found := broken_by(sold, statement.split("; ")))
    }
    assert claimed == {}


def test_every_law_has_a_tampering_of_its_own() -> None:
    tampered = {law for _, _, law in TAMPERINGS}
    tampered |= {law for _, words in OLDER for law in Law if words in law}
    assert set(Law) - tampered == set()


def first_cells(table: str) -> list[str]:
    """The first column of the guide's table under a heading, without its head."""
    guide = (Path(__file__).parents[2] / "docs" / "check.md").read_text()
    section = guide.split(f"\n## {table}\n")[1].split("\n## ")[0]
    rows = [row.split("|")[1].strip() for row in section.splitlines() if row.startswith("| ")]
    return rows[1:]


def test_the_guide_names_every_law_and_no_other() -> None:
    assert first_cells("The laws") == [str(law) for law in Law]


def test_the_guide_says_what_is_out_of_reach() -> None:
    assert first_cells("Out of reach") == list(OUT_OF_REACH)
