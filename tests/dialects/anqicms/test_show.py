"""An order of any door is shown without a look-up and without ever failing."""

from decimal import Decimal as D

import pytest
from msgspec.structs import replace

from orderhub.core.details import RecordedDetails
from orderhub.core.values import Line, LineKind, Order, Settings, Status
from orderhub.dialects.anqicms.show import STATUS_CODES, whole_order
from orderhub.dialects.anqicms.words import success
from tests.support.documents import RECORDED, doc

SHOP = Settings(name="shop", utc_offset_minutes=480, auto_finish_s=864_000)
AT = 1_669_212_548_000_000
ASKED = RecordedDetails(stated_at=0, refund_asked_from="paid")


def line(line_no: int, kind: LineKind, amount: str, **more: object) -> Line:
    return Line(
        line_no=line_no,
        kind=kind,
        title="x",
        quantity=1,
        unit_net=D(amount),
        unit_gross=D(amount),
        net=D(amount),
        tax=D(0),
        gross=D(amount),
        **more,
    )


FOREIGN = Order(
    tenant_id=1,
    id=371651,
    uid="01a1fbe0-169d-7d2c-b4a0-e09f4220f000",
    channel="mews",
    number="1000000371651",
    owner="someone",
    placed_by="c",
    status=Status.PENDING,
    currency="USD",
    net=D("12.3456"),
    tax=D(0),
    total=D("12.3456"),
    occurred_at=AT,
    updated_at=AT,
    recorded_at=AT,
    doc=doc(),
    lines=(
        line(1, LineKind.ROOM, "14.3456", data={"list_price": "cheap", "sku_values": 5}),
        line(2, LineKind.DISCOUNT, "-2"),
    ),
)


def test_an_order_of_another_door_is_named_by_the_same_recipe():
    shown = whole_order(FOREIGN, SHOP)
    assert shown["order_id"] == "202211232209081651"
    assert (shown["origin_amount"], shown["amount"], shown["discount_amount"]) == (1434, 1234, 200)
    assert (shown["user_id"], shown["type"], shown["seller_amount"]) == (0, "goods", 0)
    assert [(d["price"], d["amount"], d["sku_values"]) for d in shown["details"]] == [
        (1434, 1434, [])
    ]
    assert success(shown).status == 200


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_code_of_its_own(status):
    assert whole_order(replace(FOREIGN, status=status), SHOP)["status"] == STATUS_CODES[status]
    assert len(set(STATUS_CODES.values())) == len(Status)


@pytest.mark.parametrize(
    ("status", "business", "shown"),
    [
        (Status.PAID, RECORDED, 0),
        (Status.REFUNDING, ASKED, 0),
        (Status.PAID, ASKED, -1),
        (Status.REFUNDED, ASKED, 1),
        (Status.REFUNDED, RECORDED, 1),
    ],
)
def test_the_refund_status_tells_rejected_from_running_and_done(status, business, shown):
    order = replace(FOREIGN, status=status, doc=doc(business))
    assert whole_order(order, SHOP)["refund_status"] == shown


@pytest.mark.parametrize("kind", LineKind)
def test_a_line_of_any_kind_is_shown(kind):
    order = replace(FOREIGN, channel="anqicms", lines=(line(1, kind, "1"),))
    details = whole_order(order, SHOP)["details"]
    assert len(details) == (0 if kind is LineKind.DISCOUNT else 1)
