"""Garbage in any member is a named fault; an order of any shape can be shown."""

from datetime import datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.details import BasketDetails, ParcelDetails
from orderhub.core.steps import Refund, Shipment
from orderhub.core.values import Address, Contact, Line, LineKind, Order, OrderDoc, Settings, Status
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import HTTPFault
from orderhub.dialects.kakaclo import wire
from orderhub.dialects.kakaclo.mapping import refund_named, refund_number
from orderhub.dialects.kakaclo.show import refunds_of, show, state_of
from orderhub.dialects.kakaclo.states import STATES, V2_STATES
from orderhub.dialects.scalars import as_integer
from tests.dialects.kakaclo.shop import ADDRESS, order_of
from tests.support.documents import doc
from tests.support.examples import examples

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=70),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    [
        "orderAddress",
        "orderAddresses",
        "orderItemsList",
        "remark",
        "customOrderId",
        "SalePlatform",
        "country",
        "countryCode",
        "phone",
        "recipient",
        "province",
        "sku",
        "quantity",
        "warehouseCode",
        "orderItems",
        "itemId",
        "products",
        "shipToCountry",
    ]
)
BODIES = st.dictionaries(
    MEMBERS,
    ANYTHING
    | st.dictionaries(MEMBERS, ANYTHING, max_size=5)
    | st.lists(st.dictionaries(MEMBERS, ANYTHING, max_size=4), max_size=2),
    max_size=8,
)
REQUESTS = (
    wire.CreateOrder,
    wire.RefundOrder,
    wire.RefundWhole,
    wire.RefundByNumber,
    wire.FreightQuestion,
    wire.DraftFreightQuestion,
)


@pytest.mark.parametrize("request_model", REQUESTS)
@examples(40, shrink=True)
@given(body=BODIES)
def test_garbage_is_a_named_fault_or_understood(request_model, body):
    faults = ()
    try:
        wire.BODY.read(request_model, body)
    except HTTPFault as stop:
        faults = stop.fault.faults or None
    assert faults is not None
    assert all(each.path and each.message for each in faults)


@pytest.mark.parametrize("phone", ["1" * 66, int("1" * 66)])
def test_what_is_too_long_is_told_in_characters_however_it_is_written(phone):
    body = {**order_of(("TS_RED_M", 1)), "orderAddresses": {**ADDRESS, "phone": phone}}
    with pytest.raises(HTTPFault) as stop:
        wire.BODY.read(wire.CreateOrder, body)
    (fault,) = stop.value.fault.faults
    assert (fault.path, fault.message) == ("orderAddresses.phone", "at most 64 characters")


@pytest.mark.parametrize(
    ("value", "integer"),
    [
        (1, 1),
        (Decimal("1.0"), 1),
        (Decimal("1E+3"), 1000),
        ("1", 1),
        (Decimal("1.5"), None),
        ("1.5", None),
        ("abc", None),
        ("²", None),
        (True, None),
        (None, None),
        ([1], None),
        (Decimal("1E+60"), None),
        ("9" * 16, None),
    ],
)
def test_what_counts_as_an_integer(value, integer):
    assert as_integer(value, 15) == integer


@pytest.mark.parametrize("seq", [1, 999, 1000, 99_999])
def test_a_refund_number_names_its_order(seq):
    number = refund_number("1000000371651", seq)
    assert refund_named(number) == ("1000000371651", number)
    assert refund_named("1000000371651") == ("1000000371651", "")


AMOUNTS = st.decimals(-(10**11), 10**11, places=6)
TIMES = st.integers(-(2**62), 2**62)
LINES = st.builds(
    Line,
    line_no=st.integers(1, 4_000),
    kind=st.sampled_from(LineKind),
    title=st.text(max_size=5),
    quantity=st.integers(0, 9),
    unit_net=AMOUNTS,
    unit_gross=AMOUNTS,
    net=AMOUNTS,
    tax=AMOUNTS,
    gross=AMOUNTS,
)
MOMENTS = {name: st.none() | TIMES for name in ("paid_at", "completed_at", "cancelled_at")}
BUSINESS = st.builds(BasketDetails, **MOMENTS) | st.builds(
    ParcelDetails,
    warehouse=st.text(),
    warehouse_id=st.integers(),
    warehouse_country=st.just("CN"),
    channel=st.text(),
    weight_g=st.integers(),
    plan=st.just("exact"),
    **MOMENTS,
)
ORDERS = st.builds(
    Order,
    tenant_id=st.just(1),
    id=st.integers(1, 10**12),
    uid=st.uuids().map(str),
    channel=st.sampled_from(["tours4fun", "mews"]),
    number=st.text(max_size=9),
    placed_by=st.just("c"),
    status=st.sampled_from(Status),
    currency=st.sampled_from(["USD", "JPY"]),
    net=AMOUNTS,
    tax=AMOUNTS,
    total=AMOUNTS,
    occurred_at=TIMES,
    updated_at=TIMES,
    recorded_at=TIMES,
    lines=st.lists(LINES, max_size=3).map(tuple),
    doc=st.builds(
        OrderDoc,
        contact=st.none() | st.just(Contact(first_name="A", last_name="B")),
        ship_to=st.none() | st.just(Address(recipient="A", last_name="B", country="FR")),
        business=BUSINESS,
        shipments=st.lists(
            st.builds(Shipment, at=TIMES) | st.just(Shipment(tracking="T")), max_size=2
        ).map(tuple),
        refunds=st.lists(st.builds(Refund, seq=st.integers(0, 9)), max_size=2).map(tuple),
    ),
)


@examples(40, shrink=True)
@given(orders=st.lists(ORDERS, min_size=1, max_size=3).map(tuple), version=st.sampled_from([1, 2]))
def test_any_order_can_be_shown_and_its_sums_are_exact(orders, version):
    shown = show(orders, Settings(name="t", utc_offset_minutes=480), version)
    assert msgspec.json.decode(encode(shown))["orderItems"] is not None
    refunds_of(orders)
    if version == 1:
        assert shown["finalAmount"] == shown["skusAmount"] + shown["freightAmount"]
        assert shown["totalAmount"] == shown["finalAmount"]
    else:
        parts = shown["subTotalAmount"] + shown["freightAmount"] - shown["couponAmount"]
        assert shown["finalAmount"] == parts
        assert shown["refundableAmount"] == shown["finalAmount"] - shown["refundedAmount"]
    created = shown["createDate"]
    assert created is None or datetime.fromisoformat(created)


@given(st.sets(st.sampled_from(Status), min_size=1))
def test_exactly_one_status_holds_for_any_group(statuses):
    holding = [
        name
        for name, state in STATES.items()
        if statuses.isdisjoint(state.none)
        and all(not statuses.isdisjoint(some) for some in state.some)
    ]
    assert len(holding) == 1
    assert STATES.keys() == V2_STATES.keys()


@pytest.mark.parametrize("status", list(Status))
def test_an_order_alone_has_the_status_of_its_own_life(status):
    order = Order(
        tenant_id=1,
        id=1,
        uid="",
        channel="kakaclo",
        number="",
        placed_by="",
        status=status,
        currency="USD",
        net=Decimal(0),
        tax=Decimal(0),
        total=Decimal(0),
        occurred_at=1,
        updated_at=1,
        recorded_at=1,
        doc=doc(),
    )
    assert (
        state_of((order,))
        == {
            "pending": "waiting_payment",
            "paid": "waiting_to_ship",
            "shipped": "shipped",
            "completed": "delivered",
            "cancelled": "cancel",
            "refunding": "refunding",
            "refunded": "refunded",
        }[status.value]
    )
