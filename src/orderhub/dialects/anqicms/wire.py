"""The vendor's shapes in the vendor's spelling, and how its requests are read.

Keys are matched without regard to case and unknown ones are ignored. An int may come as a digit
string or an integral float. `null` leaves the default. Faults are worded as the vendor's decoder
words them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from orderhub.dialects.codec import decode
from orderhub.dialects.contract import Call, WireFault, invalid, malformed

_MAX_INT = 2**63 - 1
_MAX_DETAILS = 4_000

# --- requests


class Detail(msgspec.Struct, frozen=True):
    """One line of an order. Prices and totals that a client sends are accepted, never trusted."""

    goods_id: int = 0
    goods_sku_id: int = 0
    quantity: int = 0
    sku_values: tuple[dict[str, Any], ...] = ()


class AddressIn(msgspec.Struct, frozen=True):
    """A delivery address. `country` holds the district; `id` names a stored address."""

    id: int = 0
    name: str | UnsetType = UNSET
    last_name: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    province: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    town: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    address_info: str | UnsetType = UNSET
    company: str | UnsetType = UNSET
    postcode: str | UnsetType = UNSET


class CreateOrder(msgspec.Struct, frozen=True):
    """`details` win over `goods_id`, and both over `cart_ids`."""

    goods_id: int = 0
    quantity: int = 0
    goods_sku_id: int = 0
    sku_values: tuple[dict[str, Any], ...] = ()
    details: tuple[Detail, ...] = ()
    remark: str = ""
    type: str = ""
    coupon_code: str = ""
    coupon_code_id: int = 0
    coupon_id: int = 0
    address: AddressIn | None = None
    cart_ids: tuple[int, ...] = ()


class OrderId(msgspec.Struct, frozen=True):
    order_id: str = ""


class PayOrder(msgspec.Struct, frozen=True):
    order_id: str = ""
    pay_way: str = ""


class Login(msgspec.Struct, frozen=True):
    user_name: str = ""
    email: str = ""
    phone: str = ""
    password: str = ""
    remember: bool = False
    platform: str = ""


class Register(msgspec.Struct, frozen=True):
    user_name: str = ""
    password: str = ""
    email: str = ""
    phone: str = ""
    real_name: str = ""
    avatar_url: str = ""
    invite_id: int = 0


class CartRow(msgspec.Struct, frozen=True):
    archive_id: int = 0
    sku_id: int = 0
    quantity: int = 0
    status: int = 0
    priority: int = 0
    order_extra: dict[str, Any] | None = None
    sku_values: tuple[dict[str, Any], ...] = ()


class RowId(msgspec.Struct, frozen=True):
    id: int = 0


# --- answers


class AddressOut(msgspec.Struct, frozen=True):
    id: int
    created_time: int
    updated_time: int
    user_id: int
    name: str
    last_name: str
    phone: str
    email: str
    province: str
    city: str
    town: str
    country: str
    address_info: str
    company: str
    postcode: str
    status: int = 1


class OrderData(msgspec.Struct, frozen=True, kw_only=True):
    """An order as `create` answers it: the document's members in the document's order.

    Amounts are in 1/100 of the currency unit, times in seconds since 1970 (0 = not happened).
    """

    id: int
    created_time: int
    updated_time: int
    order_id: str
    payment_id: str
    user_id: int
    address_id: int
    remark: str
    type: str
    status: int
    refund_status: int
    origin_amount: int
    amount: int
    paid_time: int
    end_time: int
    deliver_time: int
    finished_time: int
    discount_amount: int
    seller_id: int
    seller_amount: int
    share_user_id: int
    share_parent_user_id: int
    share_amount: int
    share_parent_amount: int
    express_company: str
    tracking_number: str
    order_address: AddressOut | UnsetType = UNSET
    custom_form_url: str | UnsetType = UNSET


class OrderAnswer(msgspec.Struct, frozen=True):
    code: int
    msg: str
    data: OrderData


class Failure(msgspec.Struct, frozen=True):
    code: int
    msg: str


# --- reading


def body_of(call: Call) -> dict[str, Any]:
    """The JSON object in the body; `null` is an empty one. Raises Stop for anything else."""
    if not call.body.strip():
        raise malformed("EOF")
    value = decode(call.body)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(_fault("", value, "object"))
    return value


def _fault(path: str, value: Any, expected: str) -> WireFault:
    where = f"struct field {path}" if path else "value"
    text = f"json: cannot unmarshal {_kind(value)} into Go {where} of type {expected}"
    return WireFault(path, "type", text)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    if isinstance(value, dict):
        return "object"
    shown = str(value)
    return f"number {shown[:40]}"


def _table(names: tuple[str, ...], **aliases: str) -> Mapping[str, str]:
    """Spelling in lower case -> member."""
    return {
        **{alias.replace("_", " "): name for alias, name in aliases.items()},
        **aliases,
        **{name: name for name in names},
    }


_ORDER = _table(CreateOrder.__struct_fields__, sku_id="goods_sku_id", goods_item_id="goods_sku_id")
_DETAIL = _table(Detail.__struct_fields__, sku_id="goods_sku_id", goods_item_id="goods_sku_id")
_ADDRESS = _table(
    AddressIn.__struct_fields__,
    address="address_info",
    address_information="address_info",
    zip="postcode",
    zipcode="postcode",
    postal_code="postcode",
)
_CART = _table(CartRow.__struct_fields__, goods_sku_id="sku_id", goods_id="archive_id")
_ORDER_ID = _table(OrderId.__struct_fields__)
_PAY = _table(PayOrder.__struct_fields__)
_LOGIN = _table(Login.__struct_fields__)
_REGISTER = _table(Register.__struct_fields__)
_ROW_ID = _table(RowId.__struct_fields__)


def _members(value: Any, names: Mapping[str, str], path: str) -> dict[str, Any]:
    """The known members that are not null; an exact spelling wins over an alias or another case."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(_fault(path, value, "object"))
    found: dict[str, Any] = {}
    for key, each in value.items():
        name = names.get(key)
        if name is None:
            name = names.get(key.lower())
            if name is None:
                continue
        if each is not None and (key == name or name not in found):
            found[name] = each
    return found


def _int(found: Mapping[str, Any], name: str, path: str = "") -> int:
    value = found.get(name)
    if value is None:
        return 0
    return _integer(value, f"{path}{name}")


def _integer(value: Any, path: str) -> int:
    number: int | None = None
    if type(value) is int:
        number = value
    elif isinstance(value, Decimal):
        if value == value.to_integral_value():
            number = int(value)
    elif isinstance(value, str) and len(value) <= 20 and value.isascii() and value.isdecimal():
        number = int(value)
    if number is None or not 0 <= number <= _MAX_INT:
        raise invalid(_fault(path, value, "uint"))
    return number


def _text(found: Mapping[str, Any], name: str, path: str = "") -> str:
    value = found.get(name, "")
    if not isinstance(value, str):
        raise invalid(_fault(f"{path}{name}", value, "string"))
    return value


def _flag(found: Mapping[str, Any], name: str) -> bool:
    value = found.get(name, False)
    if not isinstance(value, bool):
        raise invalid(_fault(name, value, "bool"))
    return value


def _array(found: Mapping[str, Any], name: str, path: str = "") -> list[Any]:
    value = found.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid(_fault(f"{path}{name}", value, "array"))
    if len(value) > _MAX_DETAILS:
        raise invalid(WireFault(f"{path}{name}", "length", f"{path}{name}: too many items"))
    return value


def _objects(found: Mapping[str, Any], name: str, path: str = "") -> tuple[dict[str, Any], ...]:
    values = [{} if each is None else each for each in _array(found, name, path)]
    for each in values:
        if not isinstance(each, dict):
            raise invalid(_fault(f"{path}{name}", each, "object"))
    return tuple(values)


def create_order(value: dict[str, Any]) -> CreateOrder:
    """The body of `create` and `checkout`. Raises Stop(INVALID) naming the first wrong member."""
    found = _members(value, _ORDER, "")
    address = found.get("address")
    if found.get("coupon_code_id") == "":
        del found["coupon_code_id"]
    return CreateOrder(
        goods_id=_int(found, "goods_id"),
        quantity=_int(found, "quantity"),
        goods_sku_id=_int(found, "goods_sku_id"),
        sku_values=_objects(found, "sku_values"),
        details=tuple(_detail(each) for each in _array(found, "details")),
        remark=_text(found, "remark"),
        type=_text(found, "type"),
        coupon_code=_text(found, "coupon_code"),
        coupon_code_id=_int(found, "coupon_code_id"),
        coupon_id=_int(found, "coupon_id"),
        address=None if address is None else address_in(address, "address."),
        cart_ids=tuple(
            0 if each is None else _integer(each, "cart_ids") for each in _array(found, "cart_ids")
        ),
    )


def _detail(value: Any) -> Detail:
    found = _members(value, _DETAIL, "details")
    return Detail(
        _int(found, "goods_id", "details."),
        _int(found, "goods_sku_id", "details."),
        _int(found, "quantity", "details."),
        _objects(found, "sku_values", "details."),
    )


def address_in(value: Any, path: str = "") -> AddressIn:
    found = _members(value, _ADDRESS, path.rstrip("."))
    for name in found:
        if name != "id":
            _text(found, name, path)
    return AddressIn(**{**found, "id": _int(found, "id", path)})


def order_id(value: dict[str, Any]) -> OrderId:
    return OrderId(_text(_members(value, _ORDER_ID, ""), "order_id"))


def pay_order(value: dict[str, Any]) -> PayOrder:
    found = _members(value, _PAY, "")
    return PayOrder(_text(found, "order_id"), _text(found, "pay_way"))


def login(value: dict[str, Any]) -> Login:
    found = _members(value, _LOGIN, "")
    return Login(
        _text(found, "user_name"),
        _text(found, "email"),
        _text(found, "phone"),
        _text(found, "password"),
        _flag(found, "remember"),
        _text(found, "platform"),
    )


def register(value: dict[str, Any]) -> Register:
    found = _members(value, _REGISTER, "")
    return Register(
        _text(found, "user_name"),
        _text(found, "password"),
        _text(found, "email"),
        _text(found, "phone"),
        _text(found, "real_name"),
        _text(found, "avatar_url"),
        _int(found, "invite_id"),
    )


def cart_row(value: dict[str, Any]) -> CartRow:
    found = _members(value, _CART, "")
    extra = found.get("order_extra")
    if extra is not None and not isinstance(extra, dict):
        raise invalid(_fault("order_extra", extra, "object"))
    return CartRow(
        _int(found, "archive_id"),
        _int(found, "sku_id"),
        _int(found, "quantity"),
        _int(found, "status"),
        _int(found, "priority"),
        extra,
        _objects(found, "sku_values"),
    )


def row_id(value: dict[str, Any]) -> RowId:
    return RowId(_int(_members(value, _ROW_ID, ""), "id"))


def query_int(call: Call, name: str, default: int = 0) -> int:
    """A query parameter as the vendor reads it: anything that is no number is the default."""
    text = call.query.get(name, "")
    usable = text.isascii() and text.isdecimal() and len(text) <= 18
    return int(text) if usable else default
