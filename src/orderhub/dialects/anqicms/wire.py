"""The vendor's requests in the vendor's spelling, each member declared once, and what `create` answers.

Keys are matched without regard to case and unknown ones are ignored. An int may come as a text of digits or an
integral float, a text as a number. `null` leaves the default. The first fault is told, as the vendor's
decoder words it.
"""

from __future__ import annotations

from functools import cache, partial
from operator import not_
from typing import Annotated, Any, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from orderhub.core.values import Status
from orderhub.dialects.codec import decode
from orderhub.dialects.contract import Call, WireFault, invalid, malformed
from orderhub.dialects.json_faults import JsonFault
from orderhub.dialects.members import (
    Bad,
    Kind,
    Style,
    also,
    declared,
    flag,
    kind,
    many,
    shaped,
)
from orderhub.dialects.scalars import as_integer, as_text

S = TypeVar("S", bound=Struct)

_MAX_INT = 2**63 - 1
_MAX_ITEMS = 4_000
MAX_ROWS = 1_000  # of a cart
MAX_PAGE = 5_000
_PAGE = 20


def _say(model: type[Struct], bad: Bad, value: Any, path: str) -> str:
    """As Go's decoder says it: the struct that has the member, where it is, and the type that it has there."""
    if bad.problem == "length":
        return f"{path}: too many items"
    struct, kind_ = _place(model, path.split(".")) if path else (model, None)
    inner = _go(model if kind_ is None else kind_.model)
    said = {"array": f"[]{inner}", "object": inner, "boolean": "bool"}
    expected = said.get(str(bad.expected), str(bad.expected))
    where = f"struct field {_go(struct).rpartition('.')[2]}.{path}" if path else "value"
    return f"json: cannot unmarshal {_shown_kind(value)} into Go {where} of type {expected}"


def _place(model: type[Struct], names: list[str]) -> tuple[type[Struct], Kind | None]:
    found = {way: each.kind for each in declared(model) for way in each.names}.get(names[0])
    if found is None or len(names) == 1 or found.model is None:
        return model, found
    return _place(found.model, names[1:])


def _go(model: type[Struct] | None) -> str:
    """The struct of the original's that a request is; of what is none there, a map."""
    return _GO.get(model.__name__, model.__name__) if model is not None else "interface {}"


def _shown_kind(value: Any) -> str:
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


@cache
def _body_of(model: type[Struct]) -> Style:
    # A place in a list is told by the list's name.
    say = partial(_say, model)
    return Style(say=say, any_case=True, place=lambda path, _index: path, gathers=False)


QUERY = Style(say=partial(_say, Struct), is_absent=not_)


def _said(fault: JsonFault) -> str:
    return "unexpected EOF" if fault.breaks_off else fault.says


def body_of(call: Call, model: type[Struct]) -> dict[str, Any]:
    """The JSON object in the body; `null` is an empty one. Raises HTTPFault for anything else."""
    if not call.body.strip():
        raise malformed("EOF")
    value = decode(call.body, mends=True, say=_said)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(WireFault("", "type", _say(model, Bad("type", "object"), value, "")))
    return value


def read(model: type[S], call: Call) -> S:
    """The body as its Struct. Raises HTTPFault."""
    return _body_of(model).read(model, body_of(call, model))


# --- kinds


def _whole(go: str) -> Kind:
    """A number that is not below 0; a text of its digits is read alike, and an empty one as 0."""

    def check(value: Any) -> int:
        number = 0 if value == "" else as_integer(value, 20)
        if number is None or not 0 <= number <= _MAX_INT:
            raise Bad("type", go)
        return number

    return kind(check, _INT)


def _wholes(go: str) -> Kind:
    """A list of such numbers."""

    def is_list(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise Bad("type", f"[]{go}")
        return value

    return many(_whole(go), _MAX_ITEMS, null=0).taking(is_list)


def _text(value: Any) -> str:
    """A text; a number is read as its digits: a phone or a postcode may come as one."""
    found = as_text(value)
    if found is None:
        raise Bad("type", "string")
    return found


def _any_list(value: Any) -> list[Any]:
    """Whatever it is: it is kept for people to read, so that no form of it is wrong."""
    found = value if isinstance(value, list) else [value]
    if len(found) > _MAX_ITEMS:
        raise Bad("length", _MAX_ITEMS)
    return found


def _map(value: Any) -> Any:
    """An empty map of PHP's is written as an empty list."""
    return {} if value == [] else value


def _extra(value: Any) -> dict[str, Any]:
    value = _map(value)
    if not isinstance(value, dict):
        raise Bad("type", "map[string]interface {}")
    return dict(value)


def _number(default: int = 0, most: int = 10**18) -> Kind:
    """A query parameter as the vendor reads it: anything that is no number, 0 as well, is the default."""

    def check(text: str) -> int:
        is_number = text.isascii() and text.isdecimal() and len(text) <= 18
        return min((int(text) if is_number else 0) or default, most)

    return kind(check, {"type": "integer", "minimum": 0})


def _page_size() -> Kind:
    """As many rows as are asked for: a page is never cut, so that whoever pages by what they asked misses nothing."""

    def check(text: str) -> int:
        digits = text.lstrip("0") if text.isascii() and text.isdecimal() else ""
        if len(digits) > 18 or int(digits or 0) > MAX_PAGE:
            raise Bad("value", MAX_PAGE, f"pageSize is at most {MAX_PAGE}")
        return int(digits or 0) or _PAGE

    return kind(check, {"type": "integer", "minimum": 0, "maximum": MAX_PAGE})


_STATUSES: dict[str, tuple[Status, ...]] = {
    "waiting": (Status.PENDING,),
    "paid": (Status.PAID,),
    "delivery": (Status.SHIPPED,),
    "finished": (Status.COMPLETED,),
    "refunding": (Status.REFUNDING,),
    "closed": (Status.CANCELLED,),
}


def _statuses(word: str) -> tuple[Status, ...]:
    return _STATUSES.get(word, ())


_INT = {
    "type": ["integer", "string"],
    "minimum": 0,
    "maximum": _MAX_INT,
    "pattern": "^[0-9]{0,18}$",
}
Int = Annotated[int, _whole("int")]
Int64 = Annotated[int, _whole("int64")]
Uint = Annotated[int, _whole("uint")]
_TEXT = kind(_text, {"type": ["string", "number"]})
Text = Annotated[str, _TEXT]
MaybeText = Annotated[str | UnsetType, _TEXT]
Sku = Annotated[Int64, also("sku_id", "sku id", "goods_item_id", "goods item id")]
SkuValues = Annotated[
    list[Any],
    kind(_any_list, {}),
    Meta(description="kept, and never priced from"),
]
Extra = Annotated[
    dict[str, Any] | None,
    kind(_extra, {"anyOf": [{"type": "object"}, {"type": "array", "maxItems": 0}]}),
    Meta(description="what the buyer wrote for the article, by the names of the shop's form: kept"),
]
# What the original calls them.
_GO = {
    "CreateOrder": "request.OrderRequest",
    "Detail": "request.OrderDetail",
    "AddressIn": "request.OrderAddressRequest",
    "OrderId": "request.OrderRequest",
    "PayOrder": "request.PaymentRequest",
    "Login": "request.ApiLoginRequest",
    "Register": "request.ApiRegisterRequest",
    "ChangeUser": "request.UserRequest",
    "ChangePassword": "request.UserPasswordRequest",
    "ResetPassword": "request.UserPasswordRequest",
    "VerifyEmail": "request.ApiRegisterRequest",
}


# --- ordering


class Detail(Struct, frozen=True, kw_only=True):
    """One line of an order. Prices and totals that a client sends are read over: prices come from the shop."""

    goods_id: Int64 = 0
    goods_sku_id: Sku = 0
    quantity: Annotated[Int, Meta(description="0 is 1")] = 0
    sku_values: SkuValues = []
    order_extra: Extra = None


class AddressIn(Struct, frozen=True, kw_only=True):
    """A delivery address."""

    name: MaybeText = UNSET
    last_name: MaybeText = UNSET
    phone: MaybeText = UNSET
    email: MaybeText = UNSET
    province: MaybeText = UNSET
    city: MaybeText = UNSET
    town: MaybeText = UNSET
    country: Annotated[MaybeText, Meta(description="the district")] = UNSET
    address_info: Annotated[
        MaybeText, also("address", "address_information", "address information")
    ] = UNSET
    company: MaybeText = UNSET
    postcode: Annotated[MaybeText, also("zip", "zipcode", "postal_code", "postal code")] = UNSET
    id: Annotated[Uint, Meta(description="a stored address: the members given go over it")] = 0


class CreateOrder(Struct, frozen=True, kw_only=True):
    """`details` win over `goods_id`, and both over `cart_ids`. `status`, `amount`, `user_id` are the server's."""

    goods_id: Annotated[
        Int64,
        Meta(description="the single line, when `details` is empty; for `vip` the user group"),
    ] = 0
    quantity: Annotated[Int, Meta(description="of the single line; 0 is 1")] = 0
    goods_sku_id: Sku = 0
    sku_values: SkuValues = []
    order_extra: Extra = None
    details: Annotated[
        tuple[Detail, ...], many(shaped(Detail), _MAX_ITEMS, null={}), Meta(description="the lines")
    ] = ()
    remark: Annotated[
        Text,
        Meta(
            description="kept, up to 250 characters; empty = title of the first line, `...` behind it "
            "when there are more"
        ),
    ] = ""
    type: Annotated[
        Text,
        Meta(
            description="`vip` buys a membership (first line only); anything else is goods. Kept, up to "
            "20 characters"
        ),
    ] = ""
    coupon_code: Annotated[Text, Meta(description="a code that is typed; trimmed")] = ""
    coupon_code_id: Annotated[
        Int64,
        Meta(
            description="a claim. One coupon per order, in this precedence: a claim, a typed code, a coupon "
            "by its id. One that does not hold refuses the order"
        ),
    ] = 0
    coupon_id: Annotated[Int64, Meta(description="a coupon by its id")] = 0
    address: Annotated[
        AddressIn | None,
        shaped(AddressIn).taking(_map),
        Meta(description="a new address, kept in the address book, or with `id` a stored one"),
    ] = None
    cart_ids: Annotated[
        tuple[int, ...],
        _wholes("int64"),
        Meta(
            description="with neither `goods_id` nor `details`: the rows of the caller's cart, or of the one "
            "whose `cart` token is shown; they leave the cart in the same commit. Beside lines of its own "
            "nothing more is ordered: what is ordered leaves the rows named, units that are left stay, and a line "
            "has the `order_extra` and `sku_values` of its row where it has none"
        ),
    ] = ()


class OrderId(Struct, frozen=True, kw_only=True):
    """As a body and as a query."""

    order_id: Text = ""


class PayOrder(OrderId, frozen=True, kw_only=True):
    pay_way: Text = ""


# --- users and carts


class Login(Struct, frozen=True, kw_only=True):
    user_name: Text = ""
    email: Text = ""
    phone: Text = ""
    password: Text = ""
    remember: Annotated[bool, flag()] = False
    platform: Text = ""


class Register(Struct, frozen=True, kw_only=True):
    user_name: Text = ""
    password: Text = ""
    email: Text = ""
    phone: Text = ""
    real_name: Text = ""
    avatar_url: Text = ""
    invite_id: Uint = 0


class ChangeUser(Struct, frozen=True, kw_only=True):
    """What a user changes of himself; what is left out stays."""

    user_name: MaybeText = UNSET
    real_name: MaybeText = UNSET
    first_name: Annotated[
        MaybeText, Meta(description="with `last_name` behind it, the real name")
    ] = UNSET
    last_name: MaybeText = UNSET
    avatar_url: MaybeText = UNSET
    introduce: MaybeText = UNSET
    email: MaybeText = UNSET
    phone: MaybeText = UNSET


class ChangePassword(Struct, frozen=True, kw_only=True):
    old_password: Text = ""
    password: Text = ""


class ResetPassword(Struct, frozen=True, kw_only=True):
    email: Text = ""
    password: Text = ""
    token: Text = ""
    code: Text = ""


class VerifyEmail(Struct, frozen=True, kw_only=True):
    email: Text = ""
    state: Annotated[Text, Meta(description="`reset`: the user wants a new password")] = ""


class CartRow(Struct, frozen=True, kw_only=True):
    order_extra: Extra = None
    archive_id: Annotated[Int64, also("goods_id", "goods id")] = 0
    sku_id: Annotated[Int64, also("goods_sku_id", "goods sku id")] = 0
    quantity: Int = 0
    status: Int = 0
    priority: Int = 0
    sku_values: SkuValues = []


class RowId(Struct, frozen=True, kw_only=True):
    id: Uint = 0


# --- queries


class Orders(Struct, frozen=True, kw_only=True):
    current: Annotated[int, _number(1, 10_000_000)] = 1
    pageSize: Annotated[int, _page_size()] = _PAGE
    status: Annotated[
        tuple[Status, ...],
        kind(_statuses, {"type": "string"}),
        Meta(description=f"a word for a group of statuses: {', '.join(_STATUSES)}; another is any"),
    ] = ()


class Cart(Struct, frozen=True, kw_only=True):
    current: Annotated[int, _number(1, 10_000_000)] = 1
    pageSize: Annotated[int, _page_size()] = _PAGE


class Coupons(Struct, frozen=True, kw_only=True):
    amount: Annotated[int | None, _number()] = None
    archive_id: Annotated[int, _number()] = 0


class Archive(Struct, frozen=True, kw_only=True):
    id: Annotated[int, _number()] = 0
    filename: Text = ""


class Id(Struct, frozen=True, kw_only=True):
    id: Annotated[int, _number()] = 0


# --- answers


class AddressOut(Struct, frozen=True):
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


class OrderData(Struct, frozen=True, kw_only=True):
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


class OrderAnswer(Struct, frozen=True):
    code: int
    msg: str
    data: OrderData
