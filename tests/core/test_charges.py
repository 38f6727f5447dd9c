"""Charges to accounts: every refusal, the amounts, the stock, and single lines cancelled."""

from decimal import Decimal

import msgspec
import pytest

from orderhub.core.accounts import (
    Account,
    AccountingCategory,
    AccountKind,
    Bill,
    BillState,
    Enterprise,
    Named,
    Reservation,
    ReservationState,
    Service,
)
from orderhub.core.catalogue import Product, Variant
from orderhub.core.charge_changes import CancelLines
from orderhub.core.charges import AccountCharge, Charge, StatedPrice
from orderhub.core.commands import Action, ChangeOrder, OrderName, Origin, PlaceOrder
from orderhub.core.decide import decide, loads, pool_loads
from orderhub.core.facts import Facts, NewIds, OrderLoad, PoolLoad, Record, RecordKey
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.tax import TaxEnvironment, TaxRate
from orderhub.core.values import (
    Clock,
    ClockMode,
    LineKind,
    Pool,
    PoolKey,
    Pricing,
    Settings,
    Status,
)

DAY = 86_400_000_000
NOW = 100 * DAY
UID = "018d0000-0000-7000-8000-000000000000"
SETTINGS = Settings(
    name="hotel",
    currency="USD",
    currencies=("EUR",),
    pricing=Pricing.NET,
    editable_history_s=7 * 86_400,
    clock=Clock(ClockMode.FROZEN, frozen_at_us=NOW),
)
TAX = TaxRate(code="US-DC-G", taxation="US-DC", value=Decimal("0.06"))
OTHER_TAX = TaxRate(code="US-DC-X", taxation="US-DC", value=Decimal("0.01"))
FOREIGN_TAX = TaxRate(code="UK-S", taxation="UK", value=Decimal("0.2"))
RECORDS = [
    ("enterprise", "ent", Enterprise(id=1, uid="ent", tax_environment="US-DC")),
    ("tax_environment", "", TaxEnvironment(code="US-DC", taxations=("US-DC",))),
    ("tax_rate", "", TAX),
    ("tax_rate", "", OTHER_TAX),
    ("tax_rate", "", FOREIGN_TAX),
    ("service", "bar", Service(id=1, uid="bar")),
    ("service", "closed", Service(id=2, uid="closed", active=False)),
    ("service", "rooms", Service(id=3, uid="rooms", kind="bookable")),
    ("account", "ann", Account()),
    ("account", "gone", Account(active=False)),
    ("account", "inc", Account(kind=AccountKind.COMPANY)),
    ("bill", "open", Bill(account="ann")),
    ("bill", "shut", Bill(account="ann", state=BillState.CLOSED)),
    ("bill", "bin", Bill(account="ann", state=BillState.DELETED)),
    ("bill", "theirs", Bill(account="inc")),
    (
        "product",
        "beer",
        Product(id=1, uid="beer", service="bar", price=Decimal(10), tax_codes=("US-DC-G",)),
    ),
    ("product", "old", Product(id=2, uid="old", service="bar", active=False)),
    ("product", "bed", Product(id=3, uid="bed", service="rooms")),
    ("product", "mug", Product(id=4, uid="mug", service="bar", price=Decimal(5), stocked=True)),
    ("product", "free", Product(id=6, uid="free", service="bar", price=Decimal(0))),
    ("product", "new", Product(id=7, uid="new", service="bar")),
    ("product", "odd", Product(id=8, uid="odd", service="bar", price=Decimal(-5))),
    ("product", "cup", Product(id=9, uid="cup", service="bar", price=Decimal(5))),
    ("variant", "cup-s", Variant(id=1, uid="cup-s", product_id=9)),
    ("product", "yen", Product(id=5, uid="yen", service="bar", price=Decimal(5), currency="JPY")),
    ("accounting_category", "food", AccountingCategory(id=1, uid="food")),
    ("accounting_category", "past", AccountingCategory(id=2, uid="past", active=False)),
    ("business_segment", "leisure", Named(id=1, uid="leisure")),
    ("reservation", "stay", Reservation(id=1, uid="stay")),
    ("reservation", "over", Reservation(id=2, uid="over", state=ReservationState.CANCELED)),
]


def price(net=None, gross=None, currency="USD", codes=("US-DC-G",)) -> StatedPrice:
    return StatedPrice(
        currency=currency,
        net=None if net is None else Decimal(net),
        gross=None if gross is None else Decimal(gross),
        tax_codes=codes,
    )


def beer(**members) -> Charge:
    return Charge(**{"product": "beer", **members})


def item(**members) -> Charge:
    return Charge(**{"title": "Beer", "quantity": 3, "price": price("7"), **members})


def order(*charges: Charge, **members) -> PlaceOrder:
    origin = Origin(tenant_id=1, channel="mews", actor="c1", recorded_at=NOW)
    terms = {"service": "bar", "account": "ann", "charges": charges or (beer(),), **members}
    return PlaceOrder(origin=origin, terms=AccountCharge(**terms))


def known_to(command, settings=SETTINGS, stock=()) -> Facts:
    """Answers what the command asks for out of RECORDS, as the ledger would."""
    known = Facts()
    rows = [("settings", "", settings), *RECORDS]
    records = [
        Record(tenant_id=1, kind=kind, id=index, uid=uid, code="", doc=doc)
        for index, (kind, uid, doc) in enumerate(rows)
    ]
    for _ in range(2):
        for load in list(loads(command, known)):
            if isinstance(load, OrderLoad) or known.knows(load):
                continue
            assert isinstance(load, RecordKey)
            known.learn_records(
                load,
                [
                    record
                    for record in records
                    if record.kind == load.kind
                    and (
                        str(record.doc.product_id) == load.value
                        if load.by == "product"
                        else load.by in ("all", "id") or record.uid == load.value
                    )
                ],
            )
    for load in pool_loads(command, known):
        assert isinstance(load, PoolLoad)
        pools = [Pool(PoolKey(1, "stock", load.subject, place), units) for place, units in stock]
        known.learn_pools(load, pools)
    return known


def decided(command, settings=SETTINGS, stock=()):
    ids = NewIds(orders=((1, UID),))
    return decide(command, known_to(command, settings, stock), ids)


GROSS = msgspec.structs.replace(SETTINGS, pricing=Pricing.GROSS)

REFUSED = [
    (order(charges=()), Reason.NOTHING_ORDERED, "lines"),
    (order(service="none"), Reason.SERVICE_UNKNOWN, "service"),
    (order(service="closed"), Reason.SERVICE_INACTIVE, "service"),
    (order(service="rooms"), Reason.SERVICE_INACTIVE, "service"),
    (order(account="none"), Reason.ACCOUNT_UNKNOWN, "account"),
    (order(account="gone"), Reason.ACCOUNT_UNKNOWN, "account"),
    (order(account="inc", may_charge_companies=False), Reason.ACCOUNT_UNKNOWN, "account"),
    (order(bill="none"), Reason.BILL_UNKNOWN, "bill"),
    (order(bill="bin"), Reason.BILL_UNKNOWN, "bill"),
    (order(bill="shut"), Reason.BILL_CLOSED, "bill"),
    (order(bill="theirs"), Reason.BILL_OF_OTHER_ACCOUNT, "bill"),
    (order(beer(product="none")), Reason.PRODUCT_UNKNOWN, "lines[0].product"),
    (order(beer(), beer(product="bed")), Reason.PRODUCT_UNKNOWN, "lines[1].product"),
    (order(beer(), beer(product="old")), Reason.PRODUCT_INACTIVE, "lines[1].product"),
    (order(beer(), beer(product="cup")), Reason.VARIANT_UNKNOWN, "lines[1].product"),
    (order(beer(product="cup", price=price("7"))), Reason.VARIANT_UNKNOWN, "lines[0].product"),
    (order(beer(), beer(product="new")), Reason.PRICE_NOT_SOLD, "lines[1].product"),
    (order(beer(product="odd"), may_rebate=True), Reason.PRICE_NOT_SOLD, "lines[0].product"),
    (order(item(category="none")), Reason.CATEGORY_UNKNOWN, "lines[0].category"),
    (order(item(category="past")), Reason.CATEGORY_UNKNOWN, "lines[0].category"),
    (order(segment="none"), Reason.REFERENCE_UNKNOWN, "segment"),
    (order(reservation="over"), Reason.REFERENCE_UNKNOWN, "reservation"),
    (order(beer(quantity=0)), Reason.QUANTITY_INVALID, "lines[0].quantity"),
    (order(beer(quantity=-1)), Reason.QUANTITY_INVALID, "lines[0].quantity"),
    (order(*[beer()] * 4001), Reason.QUANTITY_INVALID, "lines"),
    (order(consumed_at=NOW - 7 * DAY - 1), Reason.CONSUMPTION_TOO_OLD, "consumed_at"),
    (order(item(price=price("7", currency="JPY"))), Reason.CURRENCY_NOT_ENABLED, None),
    (order(beer(product="yen")), Reason.CURRENCY_NOT_ENABLED, "lines[0].currency"),
    (
        order(beer(), item(price=price("7", currency="EUR"))),
        Reason.CURRENCY_NOT_ENABLED,
        "lines[1].currency",
    ),
    (order(item(price=price(gross="7"))), Reason.PRICE_MISSING, "lines[0].price.net"),
    (order(item(price=price(codes=()))), Reason.PRICE_MISSING, "lines[0].price.net"),
    (order(item(price=price("0", "7.42"))), Reason.PRICE_MISSING, "lines[0].price.net"),
    (order(item(price=price("7", codes=("NO",)))), Reason.TAX_CODE_UNKNOWN, "lines[0].tax_codes"),
    (order(item(price=price("7", codes=("UK-S",)))), Reason.TAX_CODE_UNKNOWN, None),
    (
        order(item(price=price("7", codes=("US-DC-G", "US-DC-G")))),
        Reason.TAX_CODES_CONFLICT,
        "lines[0].tax_codes",
    ),
    (order(item(price=price("-7"))), Reason.REBATE_NOT_PERMITTED, "lines[0].price"),
    (order(item(price=price("1e12"))), Reason.AMOUNT_OUT_OF_RANGE, "lines[0].price.net"),
    (
        order(item(price=price("999999999999.9999995"))),
        Reason.AMOUNT_OUT_OF_RANGE,
        "lines[0].price.net",
    ),
    (
        order(item(price=price("999999999999"), quantity=10**9)),
        Reason.AMOUNT_OUT_OF_RANGE,
        "lines[0].amount",
    ),
    (order(beer(product="mug", quantity=3)), Reason.OUT_OF_STOCK, "lines[0].product"),
]


@pytest.mark.parametrize(("command", "reason", "field"), REFUSED)
def test_a_broken_rule_refuses_the_whole_order(command, reason, field):
    found = decided(command, stock=[("US01", 2)])
    assert isinstance(found, Rejected)
    assert found.reason is reason
    if field is not None:
        assert found.field == field


def test_free_is_free_and_a_stated_price_is_the_price():
    assert decided(order(beer(product="free"))).order.total == 0
    assert decided(order(beer(product="new", price=price("7", codes=())))).order.total == 7
    rebate = order(beer(price=price("-10")), may_rebate=True)
    assert decided(rebate).order.total == Decimal("-10.60"), "a correction may be below 0"


def test_the_gravest_refusal_of_all_lines_is_the_one_that_is_named():
    found = decided(order(beer(product="old"), beer(product="none")))
    assert isinstance(found, Rejected)
    assert (found.reason, found.field) == (Reason.PRODUCT_UNKNOWN, "lines[1].product")


def test_several_taxes_with_a_gross_amount_conflict_on_a_gross_enterprise():
    stated = price(gross="7", codes=("US-DC-G", "US-DC-X"))
    found = decided(order(item(price=stated)), GROSS)
    assert isinstance(found, Rejected)
    assert found.reason is Reason.TAX_CODES_CONFLICT


def test_products_and_items_are_priced_and_taxed_line_by_line():
    accepted = decided(
        order(beer(quantity=2), item(category="food"), bill="open", segment="leisure")
    )
    placed = accepted.order
    assert [(line.kind, line.net, line.tax, line.gross) for line in placed.lines] == [
        (LineKind.SERVICE_PRODUCT, 20, Decimal("1.2"), Decimal("21.2")),
        (LineKind.CUSTOM_ITEM, 21, Decimal("1.26"), Decimal("22.26")),
    ]
    assert (placed.net, placed.tax, placed.total) == (41, Decimal("2.46"), Decimal("43.46"))
    assert placed.doc.pricing == {
        "mode": "net",
        "rounding": "half_up",
        "scope": "line",
        "precision": 2,
    }
    assert (placed.service, placed.bill) == ("bar", "open")
    assert placed.doc.business.segment == "leisure"
    assert placed.lines[1].data == {"category": "food"}
    assert placed.service_at == NOW
    assert placed.account == "ann"


def test_several_taxes_are_kept_by_unit_and_by_line():
    codes = ("US-DC-G", "US-DC-X")
    accepted = decided(order(item(price=price("7.55", codes=codes))))
    line = accepted.order.lines[0]
    assert [part.amount for part in line.taxes] == [Decimal("1.36"), Decimal("0.23")]
    assert line.data["unit_taxes"] == [["US-DC-G", Decimal("0.45")], ["US-DC-X", Decimal("0.08")]]
    assert (line.unit_net, line.unit_gross) == (Decimal("7.55"), Decimal("8.08"))


def test_an_untaxed_amount_may_stand_on_either_side():
    accepted = decided(order(item(price=price(gross="7", codes=()))))
    assert accepted.order.total == 21
    assert accepted.order.tax == 0


def test_a_gross_enterprise_takes_the_tax_out_of_the_gross_amount():
    accepted = decided(order(item(quantity=1, price=price(gross="100"))), GROSS)
    line = accepted.order.lines[0]
    assert (line.net, line.tax, line.gross) == (Decimal("94.34"), Decimal("5.66"), 100)


def test_net_and_gross_may_both_be_stated_when_they_agree():
    accepted = decided(order(item(price=price("7", "7.42"))))
    assert accepted.order.total == Decimal("22.26")


@pytest.mark.parametrize("ago", [-30 * DAY, 0, 7 * DAY])
def test_consumption_may_be_in_the_future_or_within_the_editable_history(ago):
    accepted = decided(order(consumed_at=NOW - ago))
    assert accepted.order.service_at == NOW - ago


def test_a_rebate_is_negative_and_takes_no_stock():
    rebate = Charge(product="mug", quantity=5, price=price("-5"))
    accepted = decided(order(rebate, may_rebate=True), stock=[("US01", 2)])
    assert accepted.order.total == Decimal("-26.5")
    assert accepted.moves == ()


def test_a_company_is_charged_like_a_customer():
    assert decided(order(account="inc")).order.doc.business.account_kind == "company"


def test_a_stocked_product_draws_on_the_places_that_hold_it():
    accepted = decided(
        order(beer(product="mug"), beer(product="mug", quantity=2)), stock=[("A", 1), ("B", 2)]
    )
    assert [(move.key.place, move.units, move.line_no) for move in accepted.moves] == [
        ("A", 1, 1),
        ("B", 2, 2),
    ]


def test_all_facts_are_asked_for_in_one_round():
    command = order(beer(), item(category="food"), bill="open")
    known = Facts()
    first = set(loads(command, known))
    for load in first:
        known.learn_records(
            load,
            [Record(tenant_id=1, kind="settings", id=0, uid="", code="", doc=SETTINGS)]
            if load.kind == "settings"
            else [],
        )
    second = set(loads(command, known))
    for load in second:
        if not known.knows(load):
            known.learn_records(load, [])
    assert all(known.knows(load) for load in loads(command, known))


# --- single lines cancelled


def cancel(*lines, owner="") -> PlaceOrder:
    origin = Origin(tenant_id=1, channel="mews", actor="c1", recorded_at=NOW, owner=owner)
    return PlaceOrder(origin=origin, terms=CancelLines(lines=lines))


def standing(**members):
    """An order of two lines that holds three mugs, known to a command that names it."""
    command = order(beer(product="mug"), beer(product="mug", quantity=2))
    known = known_to(command, stock=[("US01", 5)])
    accepted = decide(command, known, NewIds(orders=((1, UID),)))
    placed = msgspec.structs.replace(accepted.order, **members)
    known.apply(accepted)
    known.learn_orders(OrderLoad(1, OrderName("uid", UID)), [])
    known.apply(msgspec.structs.replace(accepted, placed=(placed,), moves=()))
    return known


def test_a_cancelled_line_gives_back_its_stock_and_the_order_stands():
    known = standing()
    accepted = decide(cancel((UID, 2)), known, NewIds())
    assert [line.cancelled for line in accepted.order.lines] == [False, True]
    assert accepted.order.status is Status.PENDING
    assert accepted.order.total == 15
    assert [(move.kind, move.units) for move in accepted.moves] == [("return", 2)]
    known.apply(accepted)
    rest = decide(cancel((UID, 1)), known, NewIds())
    assert rest.order.status is Status.CANCELLED
    assert [event.kind for event in (*accepted.events, *rest.events)] == [
        "lines_cancelled",
        "cancelled",
    ]
    known.apply(rest)
    assert known.pool(PoolKey(1, "stock", "product:4", "US01")).available == 5
    again = decide(cancel((UID, 1)), known, NewIds())
    assert again.reason is Reason.TRANSITION_NOT_ALLOWED


@pytest.mark.parametrize(
    ("command", "members", "reason"),
    [
        (cancel((UID, 3)), {}, Reason.ORDER_UNKNOWN),
        (cancel(("none", 1)), {}, Reason.ORDER_UNKNOWN),
        (cancel((UID, 1), owner="other"), {"owner": "ann"}, Reason.ORDER_UNKNOWN),
        (cancel((UID, 1)), {"status": Status.PAID}, Reason.TRANSITION_NOT_ALLOWED),
    ],
)
def test_lines_that_cannot_be_cancelled_refuse_the_whole_command(command, members, reason):
    found = decide(command, standing(**members), NewIds())
    assert isinstance(found, Rejected)
    assert found.reason is reason


def standing_on_bill(state: BillState, command, **members) -> Facts:
    """The order on a bill that `command` has to look at."""
    known = standing(bill="shut", **members)
    wanted = RecordKey(1, "bill", "uid", "shut")
    assert wanted in set(loads(command, known))
    bill = Bill(account="ann", state=state)
    known.learn_records(
        wanted, [Record(tenant_id=1, kind="bill", id=9, uid="shut", code="", doc=bill)]
    )
    return known


def whole(action: Action, **members) -> ChangeOrder:
    origin = Origin(tenant_id=1, channel="hub", actor="operator", recorded_at=NOW)
    return ChangeOrder(origin=origin, name=OrderName("uid", UID), action=action, **members)


@pytest.mark.parametrize(
    ("command", "members"),
    [
        (cancel((UID, 1)), {}),
        (whole(Action.CANCEL), {}),
        (whole(Action.CALL_OFF), {}),
        (whole(Action.CALL_OFF), {"status": Status.PAID, "paid": Decimal(15)}),
        (whole(Action.REFUND), {"status": Status.PAID, "paid": Decimal(15)}),
        (whole(Action.REFUND), {"status": Status.REFUNDING, "paid": Decimal(15)}),
    ],
)
def test_what_is_on_a_closed_bill_stands(command, members):
    found = decide(command, standing_on_bill(BillState.CLOSED, command, **members), NewIds())
    assert isinstance(found, Rejected)
    assert found.reason is Reason.TRANSITION_NOT_ALLOWED
    assert found.detail == "what is on a closed bill stands"
    still_open = standing_on_bill(BillState.OPEN, command, **members)
    assert not isinstance(decide(command, still_open, NewIds()), Rejected)


def test_an_order_on_a_closed_bill_is_still_paid_and_completed():
    for action, status in ((Action.PAY, Status.PENDING), (Action.COMPLETE, Status.PAID)):
        known = standing_on_bill(BillState.CLOSED, whole(action), status=status)
        assert not isinstance(decide(whole(action), known, NewIds()), Rejected)
