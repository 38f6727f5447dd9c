"""The vendor's shapes in the vendor's spelling, and the reading of them with every fault named.

Both spellings of a member are taken, its first letter in either case; `""` and null count as
absent; lengths are characters. Members that are not known are ignored: the raw request is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.countries import ISO_COUNTRIES
from orderhub.dialects.contract import WireFault, invalid

MAX_ITEMS = 1_000
MAX_UNITS = 1_000_000_000


class OrderAddress(msgspec.Struct, frozen=True, kw_only=True):
    """`Order Address Properties` of the document. Its sample calls `country` `countryCode`."""

    country: str
    phone: str
    recipient: str
    province: str
    street1: str = ""
    street2: str = ""
    city: str = ""
    zip: str = ""
    ioss: str = ""
    vat: str = ""


class OrderItem(msgspec.Struct, frozen=True, kw_only=True):
    """`Order Item Properties`; the last three members are of later versions."""

    sku: str
    quantity: int
    warehouseCode: str = ""
    channelCode: str = ""
    channelType: str = ""


class CreateOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The body of the create call. The sample calls `orderAddress` `orderAddresses`."""

    orderAddress: OrderAddress
    orderItemsList: tuple[OrderItem, ...]
    remark: str = ""
    CustomOrderNumber: str = ""
    SalePlatform: str = ""
    channelCode: str = ""
    channelType: str = ""
    warehouseCode: str = ""


class Created(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    message: str
    data: int


class RefundItem(msgspec.Struct, frozen=True, kw_only=True):
    quantity: int
    itemId: str = ""
    skuCode: str = ""
    countryCode: str = ""


class RefundOrder(msgspec.Struct, frozen=True, kw_only=True):
    """V1 requires `remark` (`Remark`) and refunds the whole order; V2 may name items."""

    remark: str = ""
    refundReason: str = ""
    orderItems: tuple[RefundItem, ...] = ()


class FreightProduct(msgspec.Struct, frozen=True, kw_only=True):
    sku: str
    quantity: int


class FreightQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """`orders/channel` and `automationSplit`."""

    products: tuple[FreightProduct, ...]
    shipToCountry: str
    warehouseCode: str = ""


_MISSING = object()


class Reader:
    """Reads members of JSON objects and gathers what is wrong with them, in order."""

    def __init__(self) -> None:
        self.faults: list[WireFault] = []

    def fault(self, path: str, problem: str, message: str) -> None:
        self.faults.append(WireFault(path, problem, message))

    def finish(self) -> None:
        """Raises Stop(INVALID) when anything was wrong."""
        if self.faults:
            raise invalid(*self.faults)

    def member(self, holder: dict[str, Any], names: Iterable[str]) -> tuple[str, Any]:
        """The first member that is there under any spelling, and the spelling the client used."""
        for name in names:
            for spelled in (name, _other_case(name)):
                value = holder.get(spelled, _MISSING)
                if value is not _MISSING and value is not None and value != "":
                    return spelled, value
        return "", None

    def text(
        self,
        holder: dict[str, Any],
        path: str,
        names: tuple[str, ...],
        limit: int,
        *,
        required: bool = False,
    ) -> str:
        spelled, value = self.member(holder, names)
        if value is None:
            if required:
                self.fault(f"{path}{_as_sent(holder, names)}", "missing", "is required")
            return ""
        if not isinstance(value, str):
            self.fault(f"{path}{spelled}", "type", "must be a string")
            return ""
        if len(value) > limit:
            self.fault(f"{path}{spelled}", "length", f"at most {limit} characters")
            return ""
        if required and not value.strip():
            self.fault(f"{path}{spelled}", "missing", "is required")
            return ""
        return value

    def country(
        self, holder: dict[str, Any], path: str, names: tuple[str, ...], *, required: bool = True
    ) -> str:
        value = self.text(holder, path, names, 32, required=required)
        code = value.strip().upper()
        if code and code not in ISO_COUNTRIES:
            spelled, _ = self.member(holder, names)
            self.fault(f"{path}{spelled}", "value", "must be an ISO 3166-1 alpha-2 country code")
            return ""
        return code

    def quantity(self, holder: dict[str, Any], path: str, name: str = "quantity") -> int:
        spelled, value = self.member(holder, (name,))
        if value is None:
            self.fault(f"{path}{name}", "missing", "is required")
            return 0
        units = as_integer(value)
        if units is None:
            self.fault(f"{path}{spelled}", "type", "must be an integer")
            return 0
        if not 0 < units <= MAX_UNITS:
            self.fault(f"{path}{spelled}", "value", "must be greater than 0 and below 1000000001")
            return 0
        return units

    def order_number(self, holder: dict[str, Any], name: str) -> str:
        """A number or a text of digits."""
        spelled, value = self.member(holder, (name,))
        if value is None:
            self.fault(name, "missing", "is required")
            return ""
        number = as_integer(value)
        if number is None:
            self.fault(spelled, "type", "must be an order number")
            return ""
        return str(number)

    def items(
        self, holder: dict[str, Any], name: str, *, required: bool = True
    ) -> list[tuple[str, dict[str, Any]]]:
        """The objects of a list, each with its path and a dot."""
        spelled, value = self.member(holder, (name,))
        if value is None or value == []:
            if required:
                self.fault(name, "missing", "is required")
            return []
        if not isinstance(value, list):
            self.fault(spelled, "type", "must be an array")
            return []
        if len(value) > MAX_ITEMS:
            self.fault(spelled, "length", f"at most {MAX_ITEMS} items")
            return []
        found = []
        for index, each in enumerate(value):
            if isinstance(each, dict):
                found.append((f"{spelled}[{index}].", each))
            else:
                self.fault(f"{spelled}[{index}]", "type", "must be an object")
        return found


def _as_sent(holder: dict[str, Any], names: tuple[str, ...]) -> str:
    """The spelling under which the client sent an empty value, else the document's."""
    for name in names:
        for spelled in (name, _other_case(name)):
            if spelled in holder:
                return spelled
    return names[0]


def _other_case(name: str) -> str:
    first = name[0]
    return (first.lower() if first.isupper() else first.upper()) + name[1:]


def as_integer(value: Any) -> int | None:
    """1, 1.0 and "1" are the integer 1; 1.5, "x" and true are none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        # Bounded before it is converted: 1E+9999999 would be a mile of digits.
        if value.is_finite() and abs(value) <= 10**15 and value == value.to_integral_value():
            return int(value)
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        return int(value)
    return None


_ADDRESS = ("orderAddresses", "orderAddress")


def read_create(body: dict[str, Any]) -> CreateOrder:
    """Raises Stop(INVALID) naming every member that is wrong."""
    reader = Reader()
    address = _read_address(reader, body)
    items = []
    for path, each in reader.items(body, "orderItemsList"):
        items.append(
            OrderItem(
                sku=reader.text(each, path, ("sku",), 64, required=True),
                quantity=reader.quantity(each, path),
                warehouseCode=reader.text(each, path, ("warehouseCode",), 32),
                channelCode=reader.text(each, path, ("channelCode",), 64),
                channelType=reader.text(each, path, ("channelType",), 16),
            )
        )
    own_numbers = [
        reader.text(body, "", (name,), 64) for name in ("customOrderId", "CustomOrderNumber")
    ]
    order = CreateOrder(
        orderAddress=address,
        orderItemsList=tuple(items),
        remark=reader.text(body, "", ("remark",), 2_000),
        # V1's name for it and V2's: the first that is given counts, and both are looked at.
        CustomOrderNumber=next(filter(None, own_numbers), ""),
        SalePlatform=reader.text(body, "", ("SalePlatform",), 64),
        channelCode=reader.text(body, "", ("channelCode",), 64),
        channelType=reader.text(body, "", ("channelType",), 16),
        warehouseCode=reader.text(body, "", ("warehouseCode",), 32),
    )
    reader.finish()
    return order


_NOWHERE = OrderAddress(country="", phone="", recipient="", province="")


def _read_address(reader: Reader, body: dict[str, Any]) -> OrderAddress:
    spelled, value = reader.member(body, _ADDRESS)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        reader.fault("orderAddress", "missing", "is required")
        return _NOWHERE
    if not isinstance(value, dict):
        reader.fault(spelled, "type", "must be an object")
        return _NOWHERE
    path = f"{spelled}."
    return OrderAddress(
        country=reader.country(value, path, ("country", "countryCode")),
        phone=reader.text(value, path, ("phone",), 64, required=True),
        recipient=reader.text(value, path, ("recipient",), 32, required=True),
        province=reader.text(value, path, ("province",), 32, required=True),
        street1=reader.text(value, path, ("street1",), 64),
        street2=reader.text(value, path, ("street2",), 64),
        city=reader.text(value, path, ("city",), 64),
        zip=reader.text(value, path, ("zip",), 32),
        ioss=reader.text(value, path, ("ioss",), 32),
        vat=reader.text(value, path, ("vat",), 32),
    )


def read_refund(body: dict[str, Any], *, remark_required: bool) -> RefundOrder:
    reader = Reader()
    items = []
    for path, each in reader.items(body, "orderItems", required=False):
        _, item_id = reader.member(each, ("itemId",))
        named = as_integer(item_id) if item_id is not None else 0
        if named is None or named < 0:
            reader.fault(f"{path}itemId", "type", "must be an item id of the order query")
        item = RefundItem(
            quantity=reader.quantity(each, path),
            itemId=str(named or ""),
            skuCode=reader.text(each, path, ("skuCode", "sku"), 64),
            countryCode=reader.country(each, path, ("countryCode",), required=False),
        )
        if not item.itemId and not item.skuCode:
            reader.fault(f"{path}itemId", "missing", "is required")
        items.append(item)
    refund = RefundOrder(
        remark=reader.text(body, "", ("remark",), 2_000, required=remark_required),
        refundReason=reader.text(body, "", ("refundReason", "reason"), 200),
        orderItems=tuple(items),
    )
    reader.finish()
    return refund


def read_freight(
    body: dict[str, Any],
    *,
    sku: str = "sku",
    country: str = "shipToCountry",
    needs_warehouse: bool = False,
) -> FreightQuestion:
    """The freight calls; the oldest one names SKU and destination in other words."""
    reader = Reader()
    products = [
        FreightProduct(
            sku=reader.text(each, path, (sku, "sku", "skuCode"), 64, required=True),
            quantity=reader.quantity(each, path),
        )
        for path, each in reader.items(body, "products")
    ]
    question = FreightQuestion(
        products=tuple(products),
        shipToCountry=reader.country(body, "", (country,)),
        warehouseCode=reader.text(body, "", ("warehouseCode",), 32, required=needs_warehouse),
    )
    reader.finish()
    return question
