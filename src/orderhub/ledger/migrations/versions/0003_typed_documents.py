"""what orders keep is typed: amounts in documents are numbers, and every member is a known one."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT_ONCE = 1_000
_MOMENTS = {
    *("terms", "paid_at", "shipped_at", "completed_at", "cancelled_at", "refunded_at"),
    *("refund_asked_from", "refund_asked_at"),
}
# Business -> what it may keep on an order beside the moments of its life.
_MEMBERS = {
    "RecordedSale": {"stated_at"},
    "TourBooking": {
        *("product_id", "product_title", "product_line", "date", "end_date", "pickup"),
        *("net", "list", "discount", "rooms", "tickets", "guests", "upgrades"),
    },
    "AccountCharge": {"account_kind", "segment", "reservation"},
    "GoodsBasket": {
        *("user_id", "label", "membership", "address_id", "coupon_id", "coupon_claim_id"),
        *("seller_id", "seller_amount", "share_user_id", "share_amount", "share_parent_user_id"),
        *("share_parent_amount", "origin_amount", "form_url", "payment_number"),
        "commissions_owed",
    },
    "Dropship": {
        *("warehouse", "warehouse_id", "warehouse_country", "channel", "weight_g", "plan"),
        "prepaid",
    },
}
_STEPS = {
    "payments": {"way", "method", "reference", "at"},
    "shipments": {"carrier", "tracking", "lines", "at"},
    "refunds": {"of", "remark", "reason", "lines", "amount", "at", "seq"},
}
_TEXTS = ("net", "list", "discount")  # amounts of a booking that were texts

# What is not looked at stays the very same text.
_WHOLE = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_PART = msgspec.json.Decoder(float_hook=Decimal).decode
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


def upgrade() -> None:
    connection = op.get_bind()
    change = sa.text("UPDATE orders SET doc = :doc WHERE tenant_id = :tenant_id AND id = :id")
    for orders in _slices(connection):
        changed = []
        for order in orders:
            name = f"order {order.uid} of tenant {order.tenant_id}"
            try:
                doc = _rewritten(order.doc, name)
            except (ArithmeticError, AttributeError, LookupError, msgspec.DecodeError) as error:
                raise ValueError(f"{name}: its document cannot be read: {error!r}") from error
            if doc != order.doc:
                changed.append({"doc": doc, "tenant_id": order.tenant_id, "id": order.id})
        if changed:
            connection.execute(change, changed)


def _slices(connection: sa.Connection) -> Iterator[list[Any]]:
    """All orders, so many at once that a ledger of any size fits."""
    some = sa.text(
        "SELECT tenant_id, id, uid, doc FROM orders WHERE (tenant_id, id) > (:tenant_id, :id) "
        "ORDER BY tenant_id, id LIMIT :at_once"
    )
    after = {"tenant_id": -1, "id": -1}
    while rows := list(connection.execute(some, {**after, "at_once": _AT_ONCE})):
        yield rows
        after = {"tenant_id": rows[-1].tenant_id, "id": rows[-1].id}


def _rewritten(text: str, order: str) -> str:
    doc: dict[str, Any] = _WHOLE(text)
    business = _PART(doc.get("business", b"{}"))
    name = business.get("terms", "")
    if name not in _MEMBERS:
        raise ValueError(f"{order} is of no business that is known here: {name!r}")
    _check(business, _MOMENTS | _MEMBERS[name], f"{order}, business")
    if name == "TourBooking":
        doc["business"] = {**business, **{each: Decimal(business[each]) for each in _TEXTS}}
    for kind, members in _STEPS.items():
        steps = _PART(doc.get(kind, b"[]"))
        for step in steps:
            _check(step, members, f"{order}, {kind}")
            if kind == "refunds" and "amount" in step:
                step["amount"] = Decimal(step["amount"])
        if kind == "refunds" and steps:
            doc[kind] = steps
    return _ENCODE(doc).decode()


def _check(found: dict[str, Any], known: set[str], where: str) -> None:
    strange = sorted(found.keys() - known)
    if strange:
        raise ValueError(f"{where}: members that nothing here reads: {', '.join(strange)}")


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
