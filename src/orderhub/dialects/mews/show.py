"""Orders of any door as this vendor's order items and product service orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from orderhub.core.accounts import BillState
from orderhub.core.details import ChargeDetails
from orderhub.core.ids import MAX_LINE_NO, line_uid
from orderhub.core.money import ZERO, plain
from orderhub.core.queries import Reads, RecordQuery, cancelled_at
from orderhub.core.values import Line, LineKind, Order, Status
from orderhub.dialects.mews.access import enterprise_of
from orderhub.dialects.mews.times import utc

TYPES: dict[LineKind, str] = {
    LineKind.GOOD: "ProductOrder",
    LineKind.MEMBERSHIP: "ProductOrder",
    LineKind.ROOM: "SpaceOrder",
    LineKind.UPGRADE: "ResourceUpgradeFee",
    LineKind.TICKET: "ProductOrder",
    LineKind.SERVICE_PRODUCT: "ProductOrder",
    LineKind.CUSTOM_ITEM: "CustomItem",
    LineKind.RECORDED_ITEM: "CustomItem",
    LineKind.DISCOUNT: "ProductOrderRebate",
    LineKind.FREIGHT: "Surcharge",
}
# The vendor's types of order items, as filters name them.
ALL_TYPES = (
    "CancellationFee",
    "NightRebate",
    "ProductOrderRebate",
    "AdditionalExpenseRebate",
    "Deposit",
    "ExchangeRateDifference",
    "CustomItem",
    "ServiceCharge",
    "CityTax",
    "CityTaxDiscount",
    "SpaceOrder",
    "ProductOrder",
    "Surcharge",
    "TaxCorrection",
    "ResourceUpgradeFee",
    "InvoiceFee",
    "MulticurrencyFee",
    "AllowanceDiscount",
    "AllowanceBreakage",
    "AllowanceContraBreakage",
)
REVENUE: dict[str, str] = {"ProductOrder": "Product", "SpaceOrder": "Service"}
STATES = ("Open", "Closed", "Inactive", "Canceled")
SERVICE_ORDER_STATES: dict[Status, str] = {
    Status.PENDING: "Confirmed",
    Status.PAID: "Confirmed",
    Status.SHIPPED: "Started",
    Status.COMPLETED: "Processed",
    Status.CANCELLED: "Canceled",
    Status.REFUNDING: "Processed",
    Status.REFUNDED: "Canceled",
}
ACCOUNT_TYPES = {"customer": "Customer", "company": "Company"}
NO_CHECK_IN = {
    "OwnerCheckedIn": False,
    "AllCompanionsCheckedIn": False,
    "AnyCompanionCheckedIn": False,
    "ConnectorCheckIn": False,
}
NOT_CANCELED_WITH_RESERVATION = {"CanceledWithReservation": False}
# When a bill was closed, by its id.
ClosedBills = Mapping[str, int]
Pair = tuple[Order, Line]


@lru_cache(maxsize=4096)
def stand_in(kind: str, name: str) -> str:
    """An id where the vendor's clients need one and the hub has none: the same one every time."""
    return str(uuid5(NAMESPACE_OID, f"orderhub:{kind}:{name}"))


def profile(credential_id: str) -> str:
    """The profile that stands for a credential."""
    return stand_in("profile", credential_id)


def service_of(order: Order) -> str:
    """The order's service. What came by another door has none, yet the vendor's items always do."""
    return order.service or stand_in("service", f"{order.tenant_id}:{order.channel}")


def amount(
    currency: str, net: Decimal, gross: Decimal, taxes: list[tuple[str, Decimal, Decimal]]
) -> dict[str, Any]:
    """An amount with its taxes, given as (code, base, value). Untaxed: one part without a code."""
    net, gross = plain(net), plain(gross)
    parts = [(code, plain(base), plain(value)) for code, base, value in taxes]
    items = [
        {"TaxRateCode": code, "NetValue": base, "TaxValue": value} for code, base, value in parts
    ]
    return {
        "Currency": currency,
        "NetValue": net,
        "GrossValue": gross,
        "TaxValues": [{"Code": code, "Value": value} for code, _, value in parts],
        "Breakdown": {
            "Items": items
            or [{"TaxRateCode": None, "NetValue": net, "TaxValue": plain(gross - net)}]
        },
    }


def is_charge(order: Order) -> bool:
    """Whether the order was placed as a charge: only then its documents have the members read here."""
    return isinstance(order.doc.business, ChargeDetails)


def unit_amount(order: Order, line: Line) -> dict[str, Any]:
    """One unit's. With several taxes their unit values were kept when the line was charged."""
    kept = line.data.get("unit_taxes") if is_charge(order) else None
    if line.quantity == 1 and line.taxes:
        # The line's net is rounded and its unit's is not: what a tax is of differs by as much.
        more = line.unit_net - line.net
        taxes = [(part.code, part.base + more, part.amount) for part in line.taxes]
    elif kept:
        taxes = [(code, line.unit_net, value) for code, value in kept]
    elif len(line.taxes) == 1:
        taxes = [(line.taxes[0].code, line.unit_net, line.unit_gross - line.unit_net)]
    else:
        taxes = []
    return amount(order.currency, line.unit_net, line.unit_gross, taxes)


def order_item(
    order: Order, line: Line, enterprise: str, closed: ClosedBills | None = None
) -> dict[str, Any]:
    """One line as an order item. Total: never raises, whatever door the order came through."""
    cancelled = cancelled_at(order, line)
    closed_at = (closed or {}).get(order.bill) if order.bill else None
    kind = TYPES[line.kind]
    data = line.data if is_charge(order) else {}
    whole = amount(
        order.currency,
        line.net,
        line.gross,
        [(part.code, part.base, part.amount) for part in line.taxes],
    )
    product = data.get("product")
    return {
        "Id": line_uid(order.uid, line.line_no) if 0 < line.line_no <= MAX_LINE_NO else order.uid,
        "EnterpriseId": enterprise or stand_in("enterprise", str(order.tenant_id)),
        "AccountId": order.account or None,
        "AccountType": account_type(order),
        "ServiceId": service_of(order),
        "ServiceOrderId": order.uid,
        "Notes": order.doc.notes or None,
        "BillId": order.bill or None,
        "AccountingCategoryId": data.get("category"),
        "BillingName": line.title or None,
        "ExternalIdentifier": data.get("external"),
        "UnitCount": line.quantity,
        "UnitAmount": unit_amount(order, line),
        "Amount": whole,
        "OriginalAmount": whole,
        "RevenueType": REVENUE.get(kind, "Additional"),
        "CreatorProfileId": profile(order.placed_by),
        "UpdaterProfileId": profile(order.placed_by),
        "CreatedUtc": utc(order.occurred_at),
        "UpdatedUtc": utc(order.updated_at),
        "ConsumedUtc": utc(order.service_at or order.occurred_at),
        "CanceledUtc": utc(cancelled),
        "ClosedUtc": utc(closed_at),
        "StartUtc": utc(data.get("start")),
        "ClaimedUtc": None,
        "AccountingState": accounting_state(line, cancelled, closed_at),
        "Type": kind,
        "Options": NOT_CANCELED_WITH_RESERVATION,
        "Data": None
        if product is None
        else {
            "Discriminator": "Product",
            "Rebate": None,
            "Product": {"ProductId": product, "AgeCategoryId": None, "ProductType": "Product"},
        },
        "TaxExemptionReason": None,
        "TaxExemptionLegalReference": None,
    }


_OF_BILLS = (
    "Id",
    "AccountId",
    "BillId",
    "AccountingCategoryId",
    "UnitCount",
    "UnitAmount",
    "Amount",
    "OriginalAmount",
    "RevenueType",
    "CreatorProfileId",
    "UpdaterProfileId",
    "CreatedUtc",
    "UpdatedUtc",
    "ConsumedUtc",
    "CanceledUtc",
    "ClosedUtc",
    "StartUtc",
    "AccountingState",
)


def bill_item(order: Order, line: Line, closed: ClosedBills) -> dict[str, Any]:
    """One line as bills show their items: an older shape, with another `Data`."""
    item = order_item(order, line, "", closed)
    product = item["Data"] and item["Data"]["Product"]
    return {
        **{name: item[name] for name in _OF_BILLS},
        "OrderId": item["ServiceOrderId"],
        "Data": {
            "Discriminator": "Rebate" if line.kind is LineKind.DISCOUNT else item["Type"],
            "Value": product
            and {"ProductId": product["ProductId"], "AgeCategoryId": product["AgeCategoryId"]},
        },
    }


def account_type(order: Order) -> str | None:
    details = order.doc.business
    return ACCOUNT_TYPES[details.account_kind] if isinstance(details, ChargeDetails) else None


def accounting_state(line: Line, cancelled: int | None, closed_at: int | None) -> str:
    if cancelled is not None:
        return "Canceled"
    if line.gross == ZERO:
        return "Inactive"
    return "Open" if closed_at is None else "Closed"


def service_order(order: Order) -> dict[str, Any]:
    """An order as a product service order."""
    details = order.doc.business
    charged = details if isinstance(details, ChargeDetails) else None
    return {
        "Id": order.uid,
        "ServiceId": service_of(order),
        "AccountId": order.account or None,
        "AccountType": account_type(order),
        "CreatorProfileId": profile(order.placed_by),
        "UpdaterProfileId": profile(order.placed_by),
        "BookerId": order.account if account_type(order) == "Customer" else None,
        "Number": str(order.id),
        "State": SERVICE_ORDER_STATES[order.status],
        "Origin": "Connector",
        "CommanderOrigin": None,
        "OriginDetails": None,
        "CreatedUtc": utc(order.occurred_at),
        "UpdatedUtc": utc(order.updated_at),
        "CancelledUtc": utc(details.ended_at),
        "VoucherId": None,
        "BusinessSegmentId": charged.segment or None if charged else None,
        "LinkedReservationId": charged.reservation or None if charged else None,
        "Options": NO_CHECK_IN,
    }


def order_items(
    reads: Reads, tenant_id: int, pairs: Sequence[Pair], enterprise: str
) -> Iterator[dict[str, Any]]:
    bills = tuple({order.bill for order, _ in pairs if order.bill})
    closed = closed_bills(reads, tenant_id, bills)
    return (order_item(order, line, enterprise, closed) for order, line in pairs)


def render(reads: Reads, order: Order, _base_url: str) -> dict[str, Any]:
    """An order as `orderItems/getAll` with its `ServiceOrderIds` shows it, newest line first."""
    enterprise = enterprise_of(reads, order.tenant_id)
    uid = "" if enterprise is None else enterprise.uid
    pairs = [(order, line) for line in reversed(order.lines)]
    shown = list(order_items(reads, order.tenant_id, pairs, uid))
    return {"OrderItems": shown, "Cursor": shown[-1]["Id"] if shown else None}


def closed_bills(reads: Reads, tenant_id: int, bills: tuple[str, ...]) -> dict[str, int]:
    """Which of these bills are closed, and since when."""
    if not bills:
        return {}
    found = reads.records(
        RecordQuery(tenant_id=tenant_id, kind="bill", by="uid", values=bills, limit=len(bills))
    )
    return {
        record.uid: record.doc.closed_at for record in found if record.doc.state is BillState.CLOSED
    }
