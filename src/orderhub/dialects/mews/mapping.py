"""`orders/add` to a charge of an account."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from orderhub.core.charges import AccountCharge, Charge, StatedPrice
from orderhub.core.commands import Numbering, PlaceOrder
from orderhub.core.facts import Accepted
from orderhub.dialects.contract import Answer, WireFault, invalid
from orderhub.dialects.mews.access import Session
from orderhub.dialects.mews.times import parse_instant
from orderhub.dialects.mews.wire import (
    AddOrder,
    AmountParameters,
    ItemParameters,
    ProductOrderParameters,
)
from orderhub.dialects.mews.words import FIELDS
from orderhub.dialects.scalars import is_usable
from orderhub.dialects.spelling import spelled

# The vendor's numbers are 32-bit integers.
MAX_INT = 2_147_483_647


def place_order(session: Session, body: AddOrder) -> PlaceOrder:
    """The command. Raises HTTPFault(INVALID) for members of the right type that mean nothing."""
    account = body.AccountId or body.CustomerId
    if not account:
        raise invalid(WireFault("AccountId", "missing", "AccountId is required"))
    if body.AccountId and body.CustomerId and body.AccountId.lower() != body.CustomerId.lower():
        raise invalid(WireFault("CustomerId", "value", "AccountId names another account"))
    options = body.Options
    vendor: dict[str, Any] = {}
    if options is not None and options.DisableItemGrouping is not None:
        vendor["disable_item_grouping"] = options.DisableItemGrouping
    consumed_at = None
    if body.ConsumptionUtc:
        consumed_at = parse_instant(body.ConsumptionUtc, "ConsumptionUtc")
    charges = [
        *(_product(each, index) for index, each in enumerate(body.ProductOrders or ())),
        *(_item(each, index) for index, each in enumerate(body.Items or ())),
    ]
    return PlaceOrder(
        origin=session.origin(),
        terms=AccountCharge(
            service=body.ServiceId.lower(),
            account=account.lower(),
            bill=(body.BillId or "").lower(),
            consumed_at=consumed_at,
            charges=tuple(charges),
            segment=(body.BusinessSegmentId or "").lower(),
            reservation=(body.LinkedReservationId or "").lower(),
            may_rebate=session.may("rebates"),
            may_charge_companies=session.may("company_billing", default=True),
        ),
        numbering=Numbering.UID,
        notes=body.Notes or "",
        vendor=vendor,
    )


def _product(each: ProductOrderParameters, index: int) -> Charge:
    path = f"ProductOrders[{index}]"
    data: dict[str, Any] = {}
    if each.ExternalIdentifier is not None:
        data["external"] = each.ExternalIdentifier
    for name, text in (("start", each.StartUtc), ("end", each.EndUtc)):
        if text:
            data[name] = parse_instant(text, f"{path}.{name.capitalize()}Utc")
    return Charge(
        product=each.ProductId.lower(),
        quantity=1 if each.Count is None else whole(each.Count, f"{path}.Count"),
        price=None if each.UnitAmount is None else _price(each.UnitAmount, path),
        data=data,
    )


def _item(each: ItemParameters, index: int) -> Charge:
    path = f"Items[{index}]"
    data: dict[str, Any] = {}
    if each.ExternalIdentifier is not None:
        data["external"] = each.ExternalIdentifier
    if each.Category is not None:
        data["stated_category"] = {"Code": each.Category.Code, "Name": each.Category.Name}
    return Charge(
        title=each.Name,
        quantity=whole(each.UnitCount, f"{path}.UnitCount"),
        price=_price(each.UnitAmount, path),
        category=(each.AccountingCategoryId or "").lower(),
        data=data,
    )


def whole(number: int | Decimal, path: str) -> int:
    """A 32-bit whole number; 2.0 is one."""
    if isinstance(number, Decimal):
        if not is_usable(number) or number != number.to_integral_value():
            raise invalid(WireFault(path, "value", "a whole number is expected"))
        number = int(number)
    if not -MAX_INT <= number <= MAX_INT:
        raise invalid(WireFault(path, "value", "a 32-bit whole number is expected"))
    return number


def _price(stated: AmountParameters, path: str) -> StatedPrice:
    return StatedPrice(
        currency=stated.Currency,
        net=finite(stated.NetValue, f"{path}.UnitAmount.NetValue"),
        gross=finite(stated.GrossValue, f"{path}.UnitAmount.GrossValue"),
        tax_codes=tuple(code for code in stated.TaxCodes or () if code),
    )


def finite(amount: Decimal | None, path: str) -> Decimal | None:
    if amount is not None and not is_usable(amount):
        raise invalid(WireFault(path, "value", "a number is expected"))
    return amount


def order_added(accepted: Accepted) -> Answer:
    """The document's answer: the order's id and nothing else."""
    return Answer(200, b'{"OrderId":"%s"}' % accepted.order.uid.encode())


def spelling_of(body: AddOrder) -> Callable[[str], str]:
    """Refusals name the parameter that this request used: items count in `UnitCount`, and so on."""
    products = len(body.ProductOrders or ())

    def spelling(field: str) -> str:
        name = spelled(FIELDS, field)
        if name == "AccountId" and not body.AccountId:
            return "CustomerId"
        if name == "Count" and _position(field) >= products:
            return "UnitCount"
        return name

    return spelling


def _position(field: str) -> int:
    digits = field.partition("[")[2].partition("]")[0]
    return int(digits) if digits.isdecimal() else 0
