"""Any order can be shown in this vendor's words, and times and numbers are read as its clients write them."""

from decimal import Decimal
from uuid import UUID

import pytest

from orderhub.core.details import BasketDetails
from orderhub.core.values import Line, LineKind, Order, Status, TaxPart
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import HTTPFault
from orderhub.dialects.mews.mapping import whole
from orderhub.dialects.mews.show import SERVICE_ORDER_STATES, TYPES, render, service_order
from orderhub.dialects.mews.times import (
    duration,
    is_duration,
    parse_date,
    parse_instant,
    parse_interval,
    utc,
)
from tests.support.documents import doc

UID = "018d0000-0000-7000-8000-000000000000"


def order(kind=LineKind.GOOD, status=Status.PENDING, **members):
    """An order of another door whose documents have members of every type under our names."""
    odd = {"unit_taxes": 5, "product": [1], "start": "x", "category": {}}
    line = Line(
        line_no=1,
        kind=kind,
        title="A thing",
        quantity=3,
        unit_net=Decimal(1),
        unit_gross=Decimal("1.1"),
        net=Decimal(3),
        tax=Decimal("0.3"),
        gross=Decimal("3.3"),
        taxes=(TaxPart("A", Decimal(3), Decimal("0.1")), TaxPart("B", Decimal(3), Decimal("0.2"))),
        data=odd,
    )
    given = {
        "tenant_id": 1,
        "id": 5,
        "uid": UID,
        "channel": "elsewhere",
        "number": "5",
        "placed_by": "c1",
        "status": status,
        "currency": "USD",
        "net": Decimal(3),
        "tax": Decimal("0.3"),
        "total": Decimal("3.3"),
        "occurred_at": -(10**18),
        "updated_at": 10**18,
        "recorded_at": 0,
        "doc": doc(BasketDetails(cancelled_at=10**18)),
        "lines": (line,),
        **members,
    }
    return Order(**given)


class NothingElse:
    """The ledger of a tenant that only other doors set up."""

    def record(self, *_):
        return None

    def records(self, *_):
        return ()


@pytest.mark.parametrize("kind", list(LineKind))
@pytest.mark.parametrize("status", list(Status))
def test_an_order_of_any_door_kind_and_status_is_shown(kind, status):
    shown = render(NothingElse(), order(kind, status), "")
    assert encode(shown)
    (item,) = shown["OrderItems"]
    assert item["Type"] == TYPES[kind]
    assert shown["Cursor"] == item["Id"]
    assert service_order(order(kind, status))["State"] == SERVICE_ORDER_STATES[status]


def test_what_a_client_cannot_do_without_is_there_for_an_order_of_another_door():
    """The vendor's contract: EnterpriseId, ServiceId and ServiceOrderId are never null."""
    (one,) = render(NothingElse(), order(), "")["OrderItems"]
    (same,) = render(NothingElse(), order(id=6), "")["OrderItems"]
    (other,) = render(NothingElse(), order(channel="another"), "")["OrderItems"]
    for name in ("EnterpriseId", "ServiceId", "ServiceOrderId"):
        assert UUID(one[name]).version, name
    assert one["ServiceId"] == same["ServiceId"] != other["ServiceId"]


def test_an_order_without_lines_has_no_items():
    shown = render(NothingElse(), order(lines=()), "")
    assert shown == {"OrderItems": [], "Cursor": None}


@pytest.mark.parametrize(
    "text",
    [
        "2020-02-04T00:00:00Z",
        "2020-02-04t00:00:00z",
        "2020-02-04T00:00:00+00:00",
        "2020-02-04T01:00:00+01:00",
        "2020-02-04T00:00:00.0000000Z",
        "2020-02-04T00:00:00.000",
        "2020-02-04T00:00Z",
        "2020-02-04T00:00:00+0000",
        "2020-02-03T19:00-0500",
        "2020-02-04",
    ],
)
def test_a_time_may_be_written_in_many_ways_and_is_sent_in_one(text):
    assert utc(parse_instant(text, "ConsumptionUtc")) == "2020-02-04T00:00:00Z"


@pytest.mark.parametrize(
    "text",
    ["", "2020-02", "2020-13-04T00:00:00Z", "0001-01-01T00:00:00+14:00", "1580774400", "２０20"],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(HTTPFault):
        parse_instant(text, "ConsumptionUtc")


@pytest.mark.parametrize("fraction", ["", ".0000000", ".25", ".999999"])
def test_equal_ends_mean_all_that_is_shown_with_that_instant(fraction):
    at = f"2020-02-04T00:00:00{fraction}Z"
    start, end = parse_interval(at, at, "CreatedUtc")
    assert utc(start) == utc(end - 1) == "2020-02-04T00:00:00Z"
    assert utc(start - 1) < utc(start) < utc(end)


def test_an_interval_has_three_months_at_most():
    at = "2020-02-04T00:00:00Z"
    with pytest.raises(HTTPFault):
        parse_interval(at, "2020-05-07T00:00:00Z", "CreatedUtc")


def test_durations():
    assert duration(7 * 86_400) == "P0M7DT0H0M0S"
    assert duration(93_784) == "P0M1DT2H3M4S"
    assert is_duration("P2DT23H")
    assert not is_duration("P")
    assert not is_duration("2 days")


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("2023-03-22", "Asia/Shanghai", "2023-03-22"),
        ("2023-03-22T00:00:00Z", "America/New_York", "2023-03-22"),
        ("2023-03-22t00:00", "America/New_York", "2023-03-22"),
        ("2023-03-22T00:00:00.000+01:00", "America/New_York", "2023-03-22"),
        # The vendor's own examples.
        ("2023-03-22T05:00:00Z", "America/Chicago", "2023-03-22"),
        ("2023-03-21T16:00:00Z", "Asia/Shanghai", "2023-03-22"),
        ("2023-03-21T15:59:59Z", "Asia/Shanghai", "2023-03-21"),
        ("2020-02-15T23:00:00-05:00", "America/New_York", "2020-02-15"),
        ("2020-02-15T23:00:00-05:00", "UTC", "2020-02-16"),
    ],
)
def test_a_day_may_be_written_as_a_time_of_it(text, zone, day):
    assert parse_date(text, "DueDate", zone) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7/7/2020",
        "1980-01-02 nonsense",
        "2020-02-15Txyz",
        "1980-W01-2",
        "2020-02-30",
        "2020-02",
    ],
)
def test_what_is_no_day_is_refused(text):
    with pytest.raises(HTTPFault):
        parse_date(text, "DueDate", "UTC")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (2, 2),
        (Decimal("2.0"), 2),
        (Decimal("2.5"), None),
        (Decimal("NaN"), None),
        (2**31, None),
        (Decimal("1e9999999"), None),
        (Decimal("1e-9999999"), None),
    ],
)
def test_counts_are_whole_32_bit_numbers(number, expected):
    if expected is None:
        with pytest.raises(HTTPFault):
            whole(number, "Count")
    else:
        assert whole(number, "Count") == expected
