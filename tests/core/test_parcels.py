"""Dropshipping: what is placed, drawn, refused, called off and given back."""

from decimal import Decimal
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.catalogue import Product, Variant, Warehouse, keys_of_code
from orderhub.core.commands import (
    Action,
    CancelItem,
    ChangeOrder,
    Numbering,
    OrderName,
    Origin,
    PlaceOrder,
)
from orderhub.core.decide import decide, id_quota, loads, pool_loads
from orderhub.core.facts import Accepted, Facts, NewIds, OrderLoad, PoolLoad, Record, RecordKey
from orderhub.core.freight import FreightRate, channels, chosen, keys_of_rate
from orderhub.core.parcels import Dropship, Item
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Refund
from orderhub.core.values import Address, LineKind, Pool, PoolKey, Settings, Status
from tests.support.examples import examples

T = 1
NOW = 1_700_000_000_000_000
WAREHOUSES = (("G006", "CN"), ("G007", "CN"), ("US01", "US"))
ANY_WAY = FreightRate(id=1, base=Decimal(5), per_step=Decimal(1), step_g=100)
BALANCE = 1_000_000_000  # 1,000 USD in millionths

PRODUCTS = (
    Product(id=1, code="TS_RED_M", price=Decimal(10), stocked=True, weight_g=200),
    Product(id=2, code="TS_BLUE_L", price=Decimal(10), stocked=True, weight_g=200),
    Product(id=3, code="HOOD", price=Decimal("19.99"), stocked=True, weight_g=450),
    Product(id=4, code="OLD", price=Decimal(1), stocked=True, active=False),
    Product(id=5, code="YUAN", price=Decimal(1), currency="CNY"),
    Product(id=6, code="MADE_TO_ORDER", price=Decimal(3), weight_g=10),
    Product(id=7, code="SPU", price=Decimal(4), stocked=True, weight_g=100),
    Product(id=8, code="TOUR", kind="tour", price=Decimal(4)),
)
SKU = Variant(id=9, product_id=7, code="SPU_L", price=Decimal("4.5"), weight_g=130)
STOCK = {
    ("product:1", "G006"): 100,
    ("product:1", "G007"): 100,
    ("product:2", "US01"): 100,
    ("product:3", "G006"): 5,
    ("product:3", "US01"): 5,
    ("variant:9", "US01"): 7,
}


def record(kind, doc, keys=()):
    return Record(
        tenant_id=T, kind=kind, id=doc.id, uid="", code=getattr(doc, "code", ""), doc=doc, keys=keys
    )


def world(rates=(ANY_WAY,), balance=BALANCE, auto_pay_s=600, **more):
    """Facts as the ledger would have loaded them."""
    known = Facts()
    hub = Settings(
        name="shop", default_warehouse="G007", auto_pay_s=auto_pay_s, sandbox=True, **more
    )
    known.learn_records(
        RecordKey(T, "settings", "id", "0"),
        [Record(tenant_id=T, kind="settings", id=0, uid="", code="", doc=hub)],
    )
    docs = [Warehouse(id=i, code=c, country=n) for i, (c, n) in enumerate(WAREHOUSES, 1)]
    known.learn_records(RecordKey(T, "warehouse", "all"), [record("warehouse", d) for d in docs])
    by_country = {}
    for rate in rates:
        for _, value in keys_of_rate(rate):
            by_country.setdefault(value, []).append(record("freight_rate", rate))
    for country in ("*", "US", "FR", "DE", "CN"):
        key = RecordKey(T, "freight_rate", "country", country)
        known.learn_records(key, by_country.get(country, []))
    for product in PRODUCTS:
        for key in keys_of_code(T, product.code):
            known.learn_records(key, [record("product", product)] if key.kind == "product" else [])
        known.learn_records(
            RecordKey(T, "product", "id", str(product.id)), [record("product", product)]
        )
    for key in keys_of_code(T, SKU.code):
        known.learn_records(key, [record("variant", SKU)] if key.kind == "variant" else [])
    for subject in {subject for subject, _ in STOCK}:
        pools = [
            Pool(key=PoolKey(T, "stock", s, place), opening=units)
            for (s, place), units in STOCK.items()
            if s == subject
        ]
        known.learn_pools(PoolLoad(T, "stock", subject), pools)
    money = Pool(key=PoolKey(T, "balance", "USD"), opening=balance)
    known.learn_pools(PoolLoad(T, "balance", "USD", ""), [money])
    return known


def origin():
    return Origin(tenant_id=T, channel="door", actor="cred", recorded_at=NOW)


def place_command(*items, country="US", ioss="", **terms):
    lines = tuple(each if isinstance(each, Item) else Item(*each) for each in items)
    return PlaceOrder(
        origin=origin(),
        terms=Dropship(items=lines, **terms),
        numbering=Numbering.ID13,
        ship_to=Address(recipient="A", country=country, ioss=ioss),
        notes="mind the dog",
        reference="KA1",
        vendor={"platform": "KA"},
    )


def fresh_ids(count=4, start=100):
    return NewIds(
        orders=tuple(
            (start + n, f"00000000-0000-7000-8000-{start + n:09x}000") for n in range(count)
        )
    )


def placed(known, command, ids=None):
    accepted = decide(command, known, ids or fresh_ids())
    assert isinstance(accepted, Accepted), accepted
    known.apply(accepted)
    for order in accepted.placed:
        for by, value in (("id", str(order.id)), ("group", order.group_number)):
            if not value:
                continue
            name = OrderName(by, value)
            members = [o for o in accepted.placed if o is order or (by == "group")]
            known.learn_orders(OrderLoad(T, name), members)
        draws = [m for m in accepted.moves if m.order_id == order.id]
        known.learn_draws(T, order.id, draws)
    return accepted


def change(known, name, action, **more):
    command = ChangeOrder(origin=origin(), name=OrderName(*name), action=action, **more)
    decision = decide(command, known, NewIds())
    if isinstance(decision, Accepted):
        known.apply(decision)
    return decision


def available(known, kind, subject, where=""):
    return known.pool(PoolKey(T, kind, subject, where)).available


def test_one_warehouse_makes_one_order_that_bears_the_first_number():
    known = world()
    accepted = placed(known, place_command(("TS_RED_M", 3)), fresh_ids(start=371651))
    order = accepted.order
    assert (order.number, order.group_number) == ("1000000371651", "")
    assert [(line.kind, line.sku, line.quantity, line.gross) for line in order.lines] == [
        (LineKind.GOOD, "TS_RED_M", 3, Decimal(30)),
        (LineKind.FREIGHT, "", 1, Decimal(11)),
    ]
    assert order.total == Decimal(41)
    assert order.doc.business.warehouse == "G007"
    assert available(known, "stock", "product:1", "G007") == 97
    assert available(known, "balance", "USD") == BALANCE - 41_000_000
    assert [(t.kind, t.order_id, t.due_at) for t in accepted.timers] == [
        ("auto_pay", 371651, NOW + 600_000_000)
    ]


def test_two_warehouses_make_a_group_whose_number_is_none_of_theirs():
    known = world()
    accepted = placed(known, place_command(("TS_RED_M", 1), ("TS_BLUE_L", 2), ("TS_RED_M", 1)))
    assert accepted.group_number == "1000000000100"
    assert accepted.orders_used == 3
    assert [(o.number, o.doc.business.warehouse, o.group_number) for o in accepted.placed] == [
        ("1000000000101", "G007", "1000000000100"),
        ("1000000000102", "US01", "1000000000100"),
    ]
    for order in accepted.placed:
        assert (order.notes if hasattr(order, "notes") else order.doc.notes) == "mind the dog"
        assert order.reference == "KA1"
        assert order.doc.vendor == {"platform": "KA"}
        assert order.total == Decimal(29)  # 2 x 10 + 5 + 4 started 100 g
    first = accepted.placed[0]
    assert [(line.sku, line.quantity) for line in first.lines[:-1]] == [("TS_RED_M", 2)]


def test_a_line_cut_over_two_warehouses_is_split_by_preference():
    accepted = placed(world(), place_command(("HOOD", 8)))
    assert {o.doc.business.warehouse: o.lines[0].quantity for o in accepted.placed} == {
        "US01": 5,
        "G006": 3,
    }


def test_a_variant_sells_at_its_own_price_weight_and_stock():
    accepted = placed(known := world(), place_command(("SPU_L", 2)))
    assert accepted.order.lines[0].gross == Decimal(9)
    assert accepted.order.doc.business.weight_g == 260
    assert available(known, "stock", "variant:9", "US01") == 5


def test_what_needs_no_stock_is_never_short():
    accepted = placed(world(), place_command(("MADE_TO_ORDER", 50)))
    assert accepted.order.doc.business.warehouse == "US01"
    assert [m.key.kind for m in accepted.moves] == ["balance"]


def test_an_unknown_warehouse_is_no_wish_and_a_known_one_is_a_pin():
    pinned = placed(world(), place_command(Item("TS_RED_M", 1, "G006")))
    assert pinned.order.doc.business.warehouse == "G006"
    free = placed(world(), place_command(Item("TS_RED_M", 1, "NOWHERE")))
    assert free.order.doc.business.warehouse == "G007"


REFUSALS = [
    (place_command(), {}, Reason.NOTHING_ORDERED, "lines"),
    (place_command(("NONE", 1)), {}, Reason.PRODUCT_UNKNOWN, "lines[0].product"),
    (place_command(("TOUR", 1)), {}, Reason.PRODUCT_UNKNOWN, "lines[0].product"),
    (
        place_command(("TS_RED_M", 1), ("OLD", 1)),
        {},
        Reason.PRODUCT_INACTIVE,
        "lines[1].product",
    ),
    (
        place_command(("TS_RED_M", 1), country="FR", denied=("FR",)),
        {},
        Reason.COUNTRY_NOT_SERVED,
        "ship_to.country",
    ),
    (
        place_command(("TS_RED_M", 1), country="FR"),
        {"rates": (msgspec.structs.replace(ANY_WAY, country="US"),)},
        Reason.COUNTRY_NOT_SERVED,
        "ship_to.country",
    ),
    (
        place_command(("TS_RED_M", 1), country="FR"),
        {"rates": (msgspec.structs.replace(ANY_WAY, currency="EUR"),)},
        Reason.COUNTRY_NOT_SERVED,
        "ship_to.country",
    ),
    (
        place_command(("TS_RED_M", 1), country="DE", ioss="IM123", ioss_required=True),
        {},
        Reason.TAX_NUMBER_REQUIRED,
        "ship_to.ioss",
    ),
    (place_command(("YUAN", 1)), {}, Reason.CURRENCY_NOT_ENABLED, "lines[0].product"),
    (
        place_command(("TS_RED_M", 1), ("HOOD", 11)),
        {},
        Reason.OUT_OF_STOCK,
        "lines[1].quantity",
    ),
    (
        place_command(Item("TS_RED_M", 1, "US01")),
        {},
        Reason.OUT_OF_STOCK,
        "lines[0].quantity",
    ),
    (
        place_command(("MADE_TO_ORDER", 2**31)),
        {},
        Reason.AMOUNT_OUT_OF_RANGE,
        "lines[0].quantity",
    ),
    (
        place_command(("TS_RED_M", 1)),
        {"balance": 16_999_999},
        Reason.BALANCE_TOO_LOW,
        "balance",
    ),
    (
        place_command(("TS_RED_M", 1), ("TS_BLUE_L", 1)),
        {"balance": 33_999_999},
        Reason.BALANCE_TOO_LOW,
        "balance",
    ),
]


@pytest.mark.parametrize(("command", "facts", "reason", "field"), REFUSALS)
def test_a_refusal_names_the_first_broken_rule(command, facts, reason, field):
    decision = decide(command, world(**facts), fresh_ids())
    assert isinstance(decision, Rejected)
    assert (decision.reason, decision.field) == (reason, field)


def test_a_refusal_for_want_of_balance_says_how_it_is_filled():
    command = place_command(("TS_RED_M", 1), ("TS_BLUE_L", 1))
    for balance, left in ((33_999_999, "33.999999"), (0, "0")):
        refused = decide(command, world(balance=balance), fresh_ids())
        assert refused.reason is Reason.BALANCE_TOO_LOW
        assert f"34 USD wanted, {left} left" in refused.detail
        assert "adjust the pool of kind balance and subject USD" in refused.detail
        assert "prepaid" in refused.detail


def test_without_a_prepaid_balance_only_stock_is_drawn_and_given_back():
    known = world(balance=0)
    command = place_command(("TS_RED_M", 1), ("TS_BLUE_L", 2), prepaid=False)
    assert {load.kind for load in pool_loads(command, known)} == {"stock"}
    accepted = placed(known, command)
    assert {move.key.kind for move in accepted.moves} == {"stock"}
    undone = change(known, ("group", accepted.group_number), Action.CALL_OFF)
    assert isinstance(undone, Accepted)
    assert {move.key.kind for move in undone.moves} == {"stock"}
    assert available(known, "stock", "product:2", "US01") == 100
    assert available(known, "balance", "USD") == 0


@pytest.mark.parametrize(
    ("product", "variants", "reason"),
    [
        (Product(id=20, code="NEW"), (), Reason.PRICE_NOT_SOLD),
        (Product(id=20, code="NEW", price=Decimal(-1)), (), Reason.PRICE_NOT_SOLD),
        (Product(id=20, code="NEW", price=Decimal(0)), (), None),
        (Product(id=20, code="NEW", price=Decimal(1)), (True,), Reason.VARIANT_UNKNOWN),
        (Product(id=20, code="NEW", price=Decimal(1)), (False,), None),
        (Product(id=20, code="NEW"), (True,), Reason.VARIANT_UNKNOWN),
    ],
)
def test_what_has_no_price_or_is_bought_by_variant_is_not_sold_by_the_product_s_code(
    product, variants, reason
):
    known = world()
    for key in keys_of_code(T, "NEW"):
        known.learn_records(key, [record("product", product)] if key.kind == "product" else [])
    found = [Variant(id=n, product_id=20, active=active) for n, active in enumerate(variants, 1)]
    key = RecordKey(T, "variant", "product", "20")
    known.learn_records(key, [record("variant", each) for each in found])
    decision = decide(place_command(("NEW", 1)), known, fresh_ids())
    if reason is None:
        assert isinstance(decision, Accepted)
    else:
        assert (decision.reason, decision.field) == (reason, "lines[0].product")


def test_a_rate_below_0_that_an_older_hub_let_in_serves_nobody():
    rates = (
        FreightRate(id=1, code="A", base=Decimal(-1)),
        FreightRate(id=2, code="B", per_step=Decimal(-1)),
    )
    decision = decide(place_command(("TS_RED_M", 1)), world(rates=rates), fresh_ids())
    assert decision.reason is Reason.COUNTRY_NOT_SERVED


def test_an_ioss_number_of_the_right_form_passes_the_strict_switch():
    command = place_command(("TS_RED_M", 1), country="DE", ioss="IM0123456789", ioss_required=True)
    assert isinstance(decide(command, world(), fresh_ids()), Accepted)


def test_it_asks_for_all_it_names_in_one_round_and_for_every_place_of_its_stock():
    command = place_command(("TS_RED_M", 1), ("TS_BLUE_L", 1))
    asked = set(loads(command, Facts()))
    known = world()
    known.learn_records(RecordKey(T, "route", "all", ""), ())
    assert all(map(known.knows, asked))
    variants = {RecordKey(T, "variant", "product", str(number)) for number in (1, 2)}
    assert set(loads(command, known)) - asked == variants, "a product is bought by its variants"
    assert set(pool_loads(command, known)) == {
        PoolLoad(T, "balance", "USD", ""),
        PoolLoad(T, "stock", "product:1"),
        PoolLoad(T, "stock", "product:2"),
    }
    assert id_quota(command, known).orders == 3  # two units: two parcels at most, and their group
    assert id_quota(place_command(("TS_RED_M", 1)), known).orders == 1


RATES = (
    FreightRate(id=1, channel="Standard", code="S", base=Decimal(5), days=12),
    FreightRate(id=2, channel="Express", code="E", base=Decimal(15), days=4),
    FreightRate(id=3, channel="Standard", code="S", country="US", base=Decimal(4), days=12),
    FreightRate(id=4, channel="Standard", code="S", warehouse="US01", base=Decimal(3), days=12),
    FreightRate(id=5, channel="Standard", code="S", base=Decimal(1), active=False),
)


@pytest.mark.parametrize(
    ("warehouse", "country", "asked", "rate"),
    [
        ("G007", "FR", "", 1),
        ("G007", "US", "", 3),
        ("US01", "US", "", 4),
        ("G007", "FR", "Express", 2),
        ("G007", "FR", "E", 2),
        ("G007", "FR", "Carrier pigeon", 1),
    ],
)
def test_the_rate_that_says_most_about_the_way_wins(warehouse, country, asked, rate):
    offered = channels(RATES, warehouse, country)
    assert [each.code for each in offered] == ["E", "S"]
    assert chosen(offered, asked).id == rate


@pytest.mark.parametrize(("weight", "amount"), [(0, 5), (1, 6), (100, 6), (101, 7), (600, 11)])
def test_every_started_step_of_weight_counts(weight, amount):
    assert ANY_WAY.amount(weight) == amount


@pytest.mark.parametrize(("pay", "status"), [(False, Status.CANCELLED), (True, Status.REFUNDED)])
def test_a_group_called_off_gives_everything_back_once(pay, status):
    known = world()
    group = placed(known, place_command(("TS_RED_M", 1), ("TS_BLUE_L", 1)))
    if pay:  # one of the two only: each order goes its own way
        assert isinstance(change(known, ("id", "101"), Action.PAY), Accepted)
    name = ("group", group.group_number)
    done = change(known, name, Action.CALL_OFF, refund=Refund(remark="no"))
    assert isinstance(done, Accepted)
    assert done.changed[0].status is status
    assert done.changed[1].status is Status.CANCELLED
    assert [order.doc.refunds[-1].seq for order in done.changed] == [1, 1]
    assert [order.doc.refunds[-1].amount for order in done.changed] == [17, 17]
    assert available(known, "balance", "USD") == BALANCE
    assert available(known, "stock", "product:1", "G007") == 100
    again = change(known, name, Action.CALL_OFF, refund=Refund(remark="no"))
    assert isinstance(again, Rejected)
    assert again.reason is Reason.TRANSITION_NOT_ALLOWED
    assert available(known, "balance", "USD") == BALANCE


def test_what_is_shipped_cannot_be_called_off():
    known = world()
    placed(known, place_command(("TS_RED_M", 1)))
    change(known, ("id", "100"), Action.PAY)
    change(known, ("id", "100"), Action.SHIP)
    for items in ((), (CancelItem(sku="TS_RED_M", quantity=1),)):
        decision = change(known, ("id", "100"), Action.CALL_OFF, items=items)
        assert isinstance(decision, Rejected)
        assert decision.reason is Reason.TRANSITION_NOT_ALLOWED


def test_a_part_is_given_back_by_line_and_the_rest_of_the_order_stands():
    known = world()
    group = placed(known, place_command(("HOOD", 8)))
    name = ("group", group.group_number)
    items = (CancelItem(sku="HOOD", country="CN", quantity=2),)
    done = change(known, name, Action.CALL_OFF, refund=Refund(remark="two"), items=items)
    assert isinstance(done, Accepted)
    assert [order.doc.business.warehouse for order in done.changed] == ["G006"]
    order = done.changed[0]
    assert order.refunded == Decimal("39.98")
    assert order.status is Status.PENDING
    assert order.doc.refunds[-1] == Refund(
        remark="two", seq=1, amount=Decimal("39.98"), lines={1: 2}, at=NOW
    )
    assert [(o.id, line.refunded) for o, line in done.changed_lines] == [(order.id, 2)]
    assert done.events[0].kind == "refunded_in_part"
    assert done.events[0].data["refunded"] == Decimal("39.98")
    assert available(known, "stock", "product:3", "G006") == 4


PARTS = (
    CancelItem(sku="HOOD", quantity=4),
    CancelItem(sku="HOOD", country="CN", quantity=2),
    CancelItem(order_id=101, line_no=1, quantity=1),
)


@pytest.mark.parametrize("items", list(permutations(PARTS)))
def test_what_names_one_parcel_gets_its_units_in_whatever_order_items_stand(items):
    """Three of the eight are in the Chinese parcel, 101, from which units are taken first."""
    known = world()
    group = placed(known, place_command(("HOOD", 8)))
    assert [order.doc.business.warehouse for order in group.placed] == ["G006", "US01"]
    done = change(known, ("group", group.group_number), Action.CALL_OFF, items=items)
    assert isinstance(done, Accepted), done
    assert {order.id: order.lines[0].refunded for order in done.changed} == {101: 3, 102: 4}


def test_a_part_that_empties_an_order_gives_back_its_freight_too():
    known = world()
    placed(known, place_command(("TS_RED_M", 2)))
    change(known, ("id", "100"), Action.PAY)
    one = (CancelItem(order_id=100, line_no=1, sku="TS_RED_M", quantity=1),)
    first = change(known, ("id", "100"), Action.CALL_OFF, refund=Refund(), items=one)
    second = change(known, ("id", "100"), Action.CALL_OFF, refund=Refund(), items=one)
    assert first.order.status is Status.PAID
    assert second.order.status is Status.REFUNDED
    assert second.order.refunded == second.order.total == Decimal(29)
    assert [entry.seq for entry in second.order.doc.refunds] == [1, 2]
    assert "auto_pay" in {timer.kind for timer in second.timers_done}
    assert available(known, "balance", "USD") == BALANCE
    assert available(known, "stock", "product:1", "G007") == 100


@pytest.mark.parametrize(
    ("item", "reason", "field"),
    [
        ({"sku": "NONE", "quantity": 1}, Reason.REFERENCE_UNKNOWN, "lines[0]"),
        ({"sku": "TS_RED_M", "country": "US", "quantity": 1}, Reason.REFERENCE_UNKNOWN, "lines[0]"),
        ({"order_id": 100, "line_no": 9, "quantity": 1}, Reason.REFERENCE_UNKNOWN, "lines[0]"),
        ({"order_id": 100, "line_no": 2, "quantity": 1}, Reason.REFERENCE_UNKNOWN, "lines[0]"),
        ({"sku": "TS_RED_M", "quantity": 3}, Reason.QUANTITY_INVALID, "lines[0].quantity"),
    ],
)
def test_a_part_that_is_not_there_is_refused(item, reason, field):
    known = world()
    placed(known, place_command(("TS_RED_M", 2)))
    decision = change(known, ("id", "100"), Action.CALL_OFF, items=(CancelItem(**item),))
    assert isinstance(decision, Rejected)
    assert (decision.reason, decision.field) == (reason, field)


@examples(60, shrink=True)
@given(
    st.lists(
        st.tuples(st.sampled_from(["TS_RED_M", "TS_BLUE_L", "HOOD"]), st.integers(1, 4)),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.integers(1, 3), max_size=6),
    st.booleans(),
)
def test_money_and_stock_are_conserved_whatever_is_refunded_in_whatever_steps(items, steps, pay):
    known = world()
    before = {key: available(known, "stock", *key) for key in STOCK}
    accepted = decide(place_command(*items), known, fresh_ids())
    if isinstance(accepted, Rejected):
        assert accepted.reason is Reason.OUT_OF_STOCK
        return
    accepted = placed(known, place_command(*items))
    for order in accepted.placed:
        assert sum(line.gross for line in order.lines) == order.total
        if pay:
            change(known, ("id", str(order.id)), Action.PAY)
    group = accepted.group_number
    name = ("group", group) if group else ("id", str(accepted.order.id))
    for units in steps:
        part = (CancelItem(sku=items[0][0], quantity=units),)
        change(known, name, Action.CALL_OFF, items=part)
    orders = known.orders(T, OrderName(*name))
    owed = sum(
        order.total - order.refunded
        for order in orders
        if order.status in (Status.PENDING, Status.PAID)
    )
    assert available(known, "balance", "USD") == BALANCE - int(owed * 1_000_000)
    for order in orders:
        change(known, ("id", str(order.id)), Action.CALL_OFF, refund=Refund(remark="all"))
    assert available(known, "balance", "USD") == BALANCE
    assert {key: available(known, "stock", *key) for key in STOCK} == before
