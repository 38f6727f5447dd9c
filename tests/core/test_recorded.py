"""Recorded sales: kept as stated, refused only for what cannot be kept, amended line by line."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.commands import (
    Action,
    ChangeOrder,
    LineChange,
    OrderName,
    Origin,
    PlaceOrder,
    PutRecords,
    RecordChange,
    StatedLine,
)
from orderhub.core.decide import decide, loads
from orderhub.core.facts import Accepted, Facts, NewIds, OrderLoad, Record, RecordKey
from orderhub.core.ordering import MAX_LINES
from orderhub.core.recorded import RecordedSale
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Clock, ClockMode, LineKind, Settings, Status

UID = "018d0000-0000-7000-8000-000000000000"
NAME = OrderName("uid", UID)
NOON = 1_700_000_000_000_000
LONG_AGO = 1_000_000_000_000_000
ORIGIN = Origin(tenant_id=1, channel="any", actor="test", recorded_at=NOON)
SALE = RecordedSale(total=Decimal(50), currency="EUR", occurred_at=LONG_AGO)
LINE = StatedLine(title="Phone", sku="S", quantity=2, price=Decimal("-4.25"), data={"a": 1})


def knowing(*records):
    known = Facts()
    clock = Clock(ClockMode.FROZEN, frozen_at_us=NOON + 7)
    settings = Settings(name="t", clock=clock)
    known.learn_records(
        RecordKey(1, "settings", "id", "0"),
        [Record(tenant_id=1, kind="settings", id=0, uid="", code="", doc=settings)],
    )
    for record in records:
        key = RecordKey(1, record.kind, "uid", record.uid)
        known.learn_records(key, [record])
        known.learn_records(RecordKey(1, record.kind, "id", str(record.id)), [record])
    known.learn_orders(OrderLoad(1, NAME), [])
    return known


def placed(known, **terms):
    command = PlaceOrder(origin=ORIGIN, terms=msgspec.structs.replace(SALE, **terms))
    decision = decide(command, known, NewIds(orders=((5, UID),)))
    if isinstance(decision, Accepted):
        known.apply(decision)
    return decision


def amended(known, **members):
    command = ChangeOrder(origin=ORIGIN, name=NAME, action=Action.AMEND, **members)
    decision = decide(command, known, NewIds())
    if isinstance(decision, Accepted):
        known.apply(decision)
    return decision


def test_a_sale_is_kept_as_stated_and_its_lines_need_not_add_up():
    order = placed(knowing(), items=(LINE,)).order
    assert (order.total, order.net, order.tax) == (50, 50, 0)
    assert (order.occurred_at, order.updated_at) == (LONG_AGO, NOON + 7)
    assert order.doc.business.stated_at == NOON + 7
    (line,) = order.lines
    assert (line.kind, line.gross, line.quantity) == (LineKind.RECORDED_ITEM, Decimal("-8.5"), 2)
    assert order.status is Status.PENDING


REFUSED = [
    ({"total": Decimal(10) ** 12}, Reason.AMOUNT_OUT_OF_RANGE, "total"),
    ({"total": Decimal("999999999999.9999995")}, Reason.AMOUNT_OUT_OF_RANGE, "total"),
    ({"account": "ann", "account_kind": "guest"}, Reason.ACCOUNT_UNKNOWN, "account"),
    ({"items": (LINE,) * (MAX_LINES + 1)}, Reason.QUANTITY_INVALID, "lines"),
    (
        {"items": (LINE, StatedLine(price=Decimal(1), quantity=0))},
        Reason.QUANTITY_INVALID,
        "lines[1].quantity",
    ),
    (
        {"items": (StatedLine(price=Decimal(10) ** 11, quantity=11),)},
        Reason.AMOUNT_OUT_OF_RANGE,
        "lines[0].price",
    ),
]


@pytest.mark.parametrize(("terms", "reason", "field"), REFUSED)
def test_a_sale_is_refused_for_what_cannot_be_kept(terms, reason, field):
    refused = placed(knowing(), **terms)
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.field) == (reason, field)


def test_a_named_account_is_asked_for_and_must_be_there():
    terms = msgspec.structs.replace(SALE, account="ann", account_kind="guest")
    wanted = list(loads(PlaceOrder(origin=ORIGIN, terms=terms), knowing()))
    assert RecordKey(1, "guest", "uid", "ann") in wanted
    ann = Record(tenant_id=1, kind="guest", id=1, uid="ann", code="", doc={})
    assert placed(knowing(ann), account="ann", account_kind="guest").order.account == "ann"
    assert placed(knowing(), account="ann").order.account == "ann"  # nobody asked to check it


def test_lines_are_added_behind_the_ones_there_are():
    known = knowing()
    placed(known, items=(LINE,))
    accepted = amended(known, add_lines=(LINE, StatedLine(title="Case", price=Decimal(1))))
    assert [line.line_no for _, line in accepted.added_lines] == [2, 3]
    assert [line.title for line in accepted.order.lines] == ["Phone", "Phone", "Case"]
    assert accepted.order.total == 50
    assert accepted.events[0].data["added_lines"] == [2, 3]
    assert accepted.events[0].data["lines"] == 3
    again = amended(known, add_lines=(LINE,))
    assert again.added_lines[0][1].line_no == 4


def test_a_line_changes_by_the_members_that_are_given():
    known = knowing()
    placed(known, items=(LINE, LINE))
    change = LineChange(line_no=2, price=Decimal(3), data={"a": None, "b": 2})
    accepted = amended(known, line_changes=(change,))
    ((order, line),) = accepted.changed_lines
    assert (line.title, line.sku, line.quantity, line.gross) == ("Phone", "S", 2, 6)
    assert line.data == {"b": 2}
    assert order.lines[0].gross == Decimal("-8.5")
    assert order.lines[1] is line


def test_a_removed_line_cannot_be_changed_any_more():
    known = knowing()
    placed(known, items=(LINE,))
    amended(known, line_changes=(LineChange(line_no=1, cancelled=True),))
    refused = amended(known, line_changes=(LineChange(line_no=1, title="x"),))
    assert refused == Rejected(Reason.RECORD_UNKNOWN, "line", "no line 1")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"line_changes": (LineChange(line_no=9, title="x"),)}, Reason.RECORD_UNKNOWN),
        ({"line_changes": (LineChange(line_no=1, quantity=0),)}, Reason.QUANTITY_INVALID),
        ({"add_lines": (StatedLine(price=Decimal("1e12")),)}, Reason.AMOUNT_OUT_OF_RANGE),
        ({"add_lines": (LINE,) * MAX_LINES}, Reason.QUANTITY_INVALID),
        ({"add_lines": (LINE,), "if_version": 9}, Reason.VERSION_CONFLICT),
    ],
)
def test_an_amendment_that_cannot_be_kept_changes_nothing(members, reason):
    known = knowing()
    before = placed(known, items=(LINE,)).order
    assert amended(known, **members).reason is reason
    assert known.orders(1, NAME) == (before,)


def test_lines_of_an_order_that_is_computed_stay():
    known = knowing()
    order = msgspec.structs.replace(placed(known).order, recorded=False)
    known = knowing()
    known.learn_orders(OrderLoad(1, NAME), [order])
    assert amended(known, add_lines=(LINE,)).reason is Reason.TRANSITION_NOT_ALLOWED


AMOUNTS = st.decimals(-(10**6), 10**6, places=6)
LINES = st.builds(StatedLine, price=AMOUNTS, quantity=st.integers(1, 1000))


@given(AMOUNTS, st.lists(st.lists(LINES, max_size=4), max_size=4))
def test_however_often_it_is_amended_the_total_stays_and_every_line_adds_up(total, additions):
    known = knowing()
    known.learn_orders(OrderLoad(1, NAME), [])
    placed(known, total=total)
    for lines in additions:
        amended(known, add_lines=tuple(lines))
    (order,) = known.orders(1, NAME)
    assert order.total == order.net + order.tax == total
    stated = [line for lines in additions for line in lines]
    assert [line.gross for line in order.lines] == [each.price * each.quantity for each in stated]
    assert [line.line_no for line in order.lines] == list(range(1, len(stated) + 1))
    assert order.version == 1 + len(additions)


def test_a_record_is_not_overwritten_by_one_who_read_an_older_version():
    stored = Record(tenant_id=1, kind="guest", id=3, uid="ann", code="", doc={}, version=4)
    for version, accepted in ((4, True), (3, False), (None, True)):
        change = RecordChange(kind="guest", id=3, doc={"a": 1}, if_version=version)
        command = PutRecords(origin=ORIGIN, changes=(change,))
        decision = decide(command, knowing(stored), NewIds())
        assert isinstance(decision, Accepted) is accepted
    gone = RecordChange(kind="guest", id=9, doc={}, if_version=1)
    decision = decide(PutRecords(origin=ORIGIN, changes=(gone,)), knowing(stored), NewIds())
    assert decision.reason is Reason.VERSION_CONFLICT
