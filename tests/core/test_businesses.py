"""A business goes by a name of its own for ever: it is stored with every order, whatever classes are called."""

import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from orderhub import core
from orderhub.core import details, steps
from orderhub.core.baskets import GoodsBasket
from orderhub.core.billing import CloseBill, DeleteBills, TakePayment
from orderhub.core.charge_changes import CancelLines
from orderhub.core.charges import AccountCharge
from orderhub.core.decide import BUSINESSES, business_by_doc
from orderhub.core.parcels import Dropship
from orderhub.core.recorded import RecordedSale
from orderhub.core.rooms import Room
from orderhub.core.steps import Payment, Refund, Shipment
from orderhub.core.tours import TourBooking
from orderhub.core.values import OrderDoc
from orderhub.ledger import rows

# Stored in ledgers out there: a name here is never changed, and never given to another.
NAMES: dict[type, tuple[str, type | None]] = {
    RecordedSale: ("RecordedSale", details.RecordedDetails),
    TourBooking: ("TourBooking", details.TourDetails),
    AccountCharge: ("AccountCharge", details.ChargeDetails),
    GoodsBasket: ("GoodsBasket", details.BasketDetails),
    Dropship: ("Dropship", details.ParcelDetails),
    CancelLines: ("CancelLines", None),
    TakePayment: ("TakePayment", None),
    CloseBill: ("CloseBill", None),
    DeleteBills: ("DeleteBills", None),
}


def test_every_business_has_its_name_and_keeps_what_it_kept() -> None:
    found = {terms: (each.name, each.details) for terms, each in BUSINESSES.items()}
    assert found == NAMES


TOUR = details.TourDetails(
    product_id=7,
    product_title="A walk",
    product_line="tour",
    date="2019-01-16",
    end_date="2019-01-17",
    pickup="",
    net=Decimal("9.5"),
    list=Decimal(10),
    discount=Decimal("0.5"),
    rooms=(Room(adults=2),),
    tickets=(details.TicketCount(5, 3),),
    guests=(details.Traveller("adult", {"n": Decimal("1.5")}),),
    upgrades=(details.TakenUpgrade(1, "Seat", "", 2, "Window", "W"),),
)
PARCEL = details.ParcelDetails("G006", 1, "CN", "WB001", 400, "exact")

OWED = Decimal("60.000000")

# What a business keeps, and the very text that stands for it in a ledger.
STORED: list[tuple[Any, str]] = [
    (details.RecordedDetails(stated_at=9), '{"terms":"RecordedSale","stated_at":9}'),
    (
        TOUR,
        (
            '{"terms":"TourBooking","product_id":7,"product_title":"A walk","product_line":"tour",'
            '"date":"2019-01-16","end_date":"2019-01-17","pickup":"","net":9.5,"list":10,"discount":0.5,'
            '"rooms":[{"adults":2,"kids":0,"pairup":false}],"tickets":[{"sku_id":5,"count":3}],'
            '"guests":[{"kind":"adult","answers":{"n":1.5}}],"upgrades":[{"id":1,"name":"Seat",'
            '"sub_name":"","option":2,"option_name":"Window","option_code":"W"}]}'
        ),
    ),
    (
        details.ChargeDetails("customer", reservation="r"),
        '{"terms":"AccountCharge","account_kind":"customer","reservation":"r"}',
    ),
    (
        details.BasketDetails(user_id=1, seller_amount=Decimal("1.50"), commissions_owed={7: OWED}),
        '{"terms":"GoodsBasket","user_id":1,"seller_amount":1.50,"commissions_owed":{"7":60.000000}}',
    ),
    (
        msgspec.structs.replace(PARCEL, prepaid=False, paid_at=0, refund_asked_from="paid"),
        (
            '{"terms":"Dropship","warehouse":"G006","warehouse_id":1,"warehouse_country":"CN",'
            '"channel":"WB001","weight_g":400,"plan":"exact","prepaid":false,"paid_at":0,'
            '"refund_asked_from":"paid"}'
        ),
    ),
    (Payment(way="balance", at=5), '{"way":"balance","at":5}'),
    (Payment(method="card", reference="ch_1", at=5), '{"method":"card","reference":"ch_1","at":5}'),
    (Shipment(), "{}"),
    (
        Shipment(carrier="SF", tracking="T", lines={1: 2}, at=0),
        '{"carrier":"SF","tracking":"T","lines":{"1":2},"at":0}',
    ),
    (
        Refund(of="1", remark="m", reason="r", lines={1: 2}, amount=Decimal("9.90"), at=5, seq=1),
        '{"of":"1","remark":"m","reason":"r","lines":{"1":2},"amount":9.90,"at":5,"seq":1}',
    ),
]


@pytest.mark.parametrize(("value", "text"), STORED)
def test_what_is_kept_is_stored_in_one_form_and_comes_back(value: Any, text: str) -> None:
    assert rows.json_text(value) == text
    assert msgspec.json.Decoder(type(value), float_hook=Decimal).decode(text) == value


@pytest.mark.parametrize(
    "business",
    [
        '{"terms":"Bazaar"}',
        '{"warehouse":"G006"}',
        '{"terms":"RecordedSale","stated_at":1,"user_id":7}',
        '{"terms":"RecordedSale"}',
    ],
)
def test_a_document_of_an_unknown_business_or_member_is_never_read(business: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        rows.order_doc(f'{{"business":{business}}}')
    with pytest.raises(msgspec.ValidationError):
        rows.order_doc("{}")


def test_a_business_without_rules_is_a_bug_that_raises() -> None:
    class Elsewhere(details.Details, frozen=True, tag="Elsewhere"):
        pass

    with pytest.raises(KeyError, match="Elsewhere"):
        business_by_doc(OrderDoc(business=Elsewhere()))


def test_core_reads_steps_and_details_by_attribute_only() -> None:
    """A key in quotes would bring back what these Structs are for."""
    members = {
        each.name
        for kind in (steps.Payment, steps.Shipment, steps.Refund, *details.Details.__subclasses__())
        for each in msgspec.structs.fields(kind)
    }
    wrong = []
    for path in sorted(Path(core.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Subscript(value=ast.Attribute(attr=held), slice=ast.Constant(value=name)):
                    pass
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr=held), attr="get"),
                    args=[ast.Constant(value=name), *_],
                ):
                    pass
                case _:
                    continue
            if held in ("business", "payment", "shipment", "refund") and name in members:
                wrong.append(f"{path.name}:{node.lineno}: {held}[{name!r}]")
    assert wrong == []
