"""The vendor's requests in the vendor's spelling, each member declared once.

Both spellings of a member are taken, its first letter in either case; `""` and null count as
absent; lengths are characters. Members that are not known are ignored, but in refunds: the raw request is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

from orderhub.core.countries import ALIASES, ISO_COUNTRIES, country_code
from orderhub.dialects.describing import DAY, Schema, or_empty
from orderhub.dialects.describing import whole as between
from orderhub.dialects.kakaclo.states import V1_WORDS, V2_WORDS, states_of
from orderhub.dialects.members import (
    Bad,
    Kind,
    NotEmpty,
    Style,
    also,
    anything,
    kind,
    many,
    shaped,
    text,
    whole,
)
from orderhub.dialects.scalars import as_integer, as_list

MAX_ITEMS = 1_000
MAX_UNITS = 1_000_000_000
MAX_PAGE = 1_000_000
MAX_PAGE_SIZE = 250
MAX_CODES = 30
# Digits of the longest number that is looked at.
_DIGITS = 15

_TYPES = {
    "string": "must be a string",
    "integer": "must be an integer",
    "array": "must be an array",
    "object": "must be an object",
}


def _say(bad: Bad, value: Any, _path: str) -> str:
    if bad.problem == "length":
        return (
            f"at most {bad.expected} {'items' if isinstance(value, list | dict) else 'characters'}"
        )
    if bad.problem == "unknown":
        return "is not known here"
    return "is required" if bad.problem == "missing" else _TYPES[str(bad.expected)]


def _either_case(name: str) -> tuple[str, str]:
    first = name[0]
    return name, (first.lower() if first.isupper() else first.upper()) + name[1:]


BODY = Style(say=_say, is_absent=lambda value: value == "", spelled=_either_case)
QUERY = Style(say=_say, is_absent=lambda value: not value.strip())

# --- kinds

_CODES = sorted(ISO_COUNTRIES | ALIASES.keys())
# Where goods leave from, as stock and warehouses said it before 2023: north and south.
_PARTS = {"CN_N": "CN", "CN_S": "CN"}


def _iso(value: str) -> str:
    code = country_code(value)
    if value.strip() and not code:
        raise Bad("value", message="must be an ISO 3166-1 alpha-2 country code")
    return code


def _from(value: str) -> str:
    code = value.strip().upper()
    return _iso(_PARTS.get(code, code))


_COUNTRY = text(32, blank=False).then(
    _iso, {"type": "string", "enum": [*_CODES, *map(str.lower, _CODES)]}
)
_FROM = text(32).then(
    _from, {"type": "string", "enum": [*_CODES, *map(str.lower, _CODES), *_PARTS]}
)


_QUANTITY = whole(
    1, MAX_UNITS, digits=_DIGITS, beyond=f"must be greater than 0 and below {MAX_UNITS + 1}"
)


def _number(message: str, least: int) -> Kind:
    """A number or a text of digits, as a text; one below the least is none."""

    def check(value: Any) -> str:
        number = as_integer(value, _DIGITS)
        if number is None or number < 0:
            raise Bad("type", message=message)
        return str(number) if number >= least else ""

    return kind(check, whole(least, 10**_DIGITS, digits=_DIGITS).schema)


def _items(each: type[Struct], least: int = 1) -> Kind:
    """A list of objects, also as PHP writes one with gaps: `{"0": ..., "2": ...}`."""
    return many(shaped(each), MAX_ITEMS, least=least).taking(as_list)


def _only(value: Any) -> Any:
    """The object, perhaps as the only one of a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


# --- kinds of query parameters


def _page(most: int, about: str = "") -> Kind:
    def check(value: str) -> int:
        number = as_integer(value.strip(), _DIGITS)
        if number is None or not 1 <= number <= most:
            raise Bad("value", message=f"must be an integer from 1 to {most}")
        return number

    return kind(check, or_empty(between(1, most, about)))


def _listed(most: int, pattern: str = "[^,]{1,64}") -> Kind:
    """With commas; empty entries do not count."""

    def check(value: str) -> tuple[str, ...]:
        found = tuple(each.strip() for each in value.split(",") if each.strip())
        if len(found) > most:
            raise Bad("value", message=f"at most {most}")
        if any(len(each) > 64 for each in found):
            raise Bad("value", message="at most 64 characters each")
        return found

    return kind(
        check,
        {"type": "string", "pattern": f"^,*(?:{pattern}(?:,+{pattern}){{0,{most - 1}}},*)?$"},
    )


def _order_numbers(found: tuple[str, ...]) -> tuple[str, ...]:
    for each in found:
        if as_integer(each, _DIGITS) is None:
            raise Bad("value", message=f"{each} is not an order number")
    return found


def _states(*, v2: bool) -> Kind:
    """The V1 statuses asked for, in the words of either version; None = all."""

    def check(asked: tuple[str, ...]) -> frozenset[str] | None:
        found: set[str] = set()
        for each in asked:
            try:
                found |= states_of(each, v2=v2)
            except KeyError:
                raise Bad("value", message=f"{each} is not a status") from None
        return frozenset(found) if asked else None

    words = "|".join(sorted(V2_WORDS if v2 else V1_WORDS))
    return _listed(20, f"(?:{words})").then(check)


def _instant(value: str) -> int:
    """A time, UTC unless it says otherwise: microseconds since 1970.

    The document's own example stands in quotes; `2016-01-18T23:41:00Z`, a blank instead of the T
    and a date alone are taken too.
    """
    written = value.strip().strip('"')
    # An unescaped + of an offset arrives as a blank.
    head, blank, tail = written.rpartition(" ")
    if blank and len(head) > 10:
        written = f"{head}+{tail}"
    try:
        at = datetime.fromisoformat(written)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        since = at - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Bad("value", message="must be a time such as 2016-01-18T23:41:00Z") from None
    return since // timedelta(microseconds=1)


def _or_empty(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^(?:{pattern})?$"}


_TIME = kind(
    _instant,
    _or_empty(f"{DAY}(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?"),
)


def _word(words: Iterable[str], message: str, *, any_case: bool = False) -> Kind:
    known = {each.lower() if any_case else each: each for each in words}

    def check(value: str) -> str:
        word = value.strip()
        found = known.get(word.lower() if any_case else word)
        if found is None:
            raise Bad("value", message=message)
        return found

    spelled = [*known.values(), *(each.upper() for each in known if any_case)]
    return kind(check, _or_empty("|".join(spelled)))


def _category(value: str) -> str:
    if not value.strip().isdigit():
        raise Bad("value", message="must be a category id")
    return value.strip()


_WHEN = Meta(description="ISO 8601, UTC unless it says otherwise")

Text16 = Annotated[str, text(16)]
Text32 = Annotated[str, text(32)]
Text64 = Annotated[str, text(64)]
Code = Annotated[str, text(64, blank=False, strip=True)]
Quantity = Annotated[int, _QUANTITY, Meta(description='`1.0` and `"1"` are 1')]
Page = Annotated[int, _page(MAX_PAGE, "from 1 on")]
Codes = Annotated[tuple[str, ...], _listed(MAX_CODES)]


# --- creating


class OrderAddress(Struct, frozen=True, kw_only=True):
    """`Order Address Properties` of the document, whose sample calls `country` `countryCode`."""

    country: Annotated[
        str,
        _COUNTRY,
        also("countryCode"),
        Meta(description="ISO 3166-1 alpha-2, any case: decides freight and the nearest warehouse"),
    ]
    phone: Annotated[
        str,
        text(64, blank=False),
        Meta(description="kept as sent, blanks too, like the next two"),
    ]
    recipient: Annotated[str, text(32, blank=False)]
    province: Annotated[str, text(32, blank=False)]
    street1: Text64 = ""
    street2: Text64 = ""
    city: Text64 = ""
    zip: Text32 = ""
    ioss: Annotated[Text32, Meta(description="kept and echoed; see `ioss_required`")] = ""
    vat: Annotated[Text32, Meta(description="kept and echoed")] = ""


class OrderItem(Struct, frozen=True, kw_only=True):
    """`Order Item Properties`; the last three members are of later versions."""

    sku: Annotated[
        Code, Meta(description="code of a variant, or of a product without active variants")
    ]
    quantity: Quantity
    warehouseCode: Annotated[
        Text32, Meta(description="pins the line; one that is not known is no wish")
    ] = ""
    channelCode: Annotated[Text64, Meta(description="counts where the order names no channel")] = ""
    channelType: Annotated[Text16, Meta(description="counts like `channelCode`")] = ""


class CreateOrder(Struct, frozen=True, kw_only=True):
    """The document's table says `orderAddress`, its sample `orderAddresses`: both are taken."""

    orderAddress: Annotated[
        OrderAddress,
        shaped(OrderAddress).taking(_only),
        also("orderAddresses", first=True),
        Meta(description="address of every order; a list of one is taken"),
    ]
    orderItemsList: Annotated[
        tuple[OrderItem, ...],
        _items(OrderItem),
        Meta(description="lines; repeats of a SKU are merged"),
    ]
    customOrderId: Annotated[Text64, Meta(description="V1's name for the order's reference")] = ""
    CustomOrderNumber: Annotated[
        Text64, Meta(description="the order's reference, echoed; may repeat")
    ] = ""
    remark: Annotated[
        str,
        text(2_000),
        Meta(description="kept on every order; never a cancellation, whatever it says"),
    ] = ""
    SalePlatform: Annotated[Text64, Meta(description="any text; kept and echoed")] = ""
    channelCode: Annotated[
        Text64,
        Meta(
            description="of all parcels: the order's, else the first item's; not known = Standard"
        ),
    ] = ""
    channelType: Text16 = ""
    warehouseCode: Annotated[Text32, Meta(description="of the lines that name none")] = ""

    @property
    def reference(self) -> str:
        return self.customOrderId or self.CustomOrderNumber


class Created(Struct, frozen=True, kw_only=True):
    code: int
    message: str
    data: int


# --- refunds


class RefundItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not known may have told from which parcel: it is no trifle, as in what it stands in."""

    quantity: Quantity
    itemId: Annotated[str, _number("must be an item id of the order query", 1)] = ""
    skuCode: Annotated[Code, also("sku")] = ""
    countryCode: Annotated[str, _FROM] = ""

    ONE_OF: ClassVar = (("itemId", "skuCode"),)


class _Refund(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where money moves, a member that is not known is no trifle: it may be a list of items, misspelt."""

    Contacts: Annotated[
        Any, anything(), Meta(description="of the first draft; kept in the raw request")
    ] = None
    Phone: Annotated[Any, anything(), Meta(description="like `Contacts`")] = None


class RefundOrder(_Refund, frozen=True, kw_only=True):
    """The order as a whole, or some units of some items."""

    remark: Annotated[str, text(2_000), also("Remark")] = ""
    refundReason: Annotated[str, text(200), also("reason")] = ""
    orderItems: Annotated[
        tuple[RefundItem, ...],
        _items(RefundItem),
        NotEmpty("has no item: leave it out to refund the whole order"),
        Meta(description="left out, the whole order"),
    ] = ()


class RefundWhole(_Refund, frozen=True, kw_only=True):
    """V1 refunds whole orders only."""

    remark: Annotated[str, text(2_000, blank=False), also("Remark")]
    refundReason: Annotated[str, text(200), also("reason")] = ""


class RefundByNumber(_Refund, frozen=True, kw_only=True):
    """The first draft's call: whole orders only, too."""

    OrderNo: Annotated[str, _number("must be an order number", 0)]
    Reason: Annotated[str, text(200, blank=False), also("refundReason")]
    remark: Annotated[str, text(2_000), also("Remark")] = ""


# --- freight


class FreightProduct(Struct, frozen=True, kw_only=True):
    sku: Annotated[Code, also("skuCode")]
    quantity: Quantity


class FreightQuestion(Struct, frozen=True, kw_only=True):
    """`orders/channel` and `automationSplit`."""

    products: Annotated[tuple[FreightProduct, ...], _items(FreightProduct)]
    shipToCountry: Annotated[str, _COUNTRY]
    warehouseCode: Text32 = ""


class DraftFreightProduct(FreightProduct, frozen=True, kw_only=True):
    sku: Annotated[Code, also("sku")] = field(name="skuCode")


class DraftFreightQuestion(FreightQuestion, frozen=True, kw_only=True):
    """`logisticsChannel`: the oldest call names SKU and destination in other words."""

    products: Annotated[tuple[FreightProduct, ...], _items(DraftFreightProduct)]
    shipToCountry: Annotated[str, _COUNTRY] = field(name="termini")
    warehouseCode: Annotated[str, text(32, blank=False)]


# --- queries


class Paging(Struct, frozen=True, kw_only=True):
    pageNumber: Page = 1
    pageSize: Annotated[int, _page(MAX_PAGE_SIZE)] = 10

    def of(self, entries: list[Any]) -> list[Any]:
        """The entries of the page."""
        start = (self.pageNumber - 1) * self.pageSize
        return entries[start : start + self.pageSize]


class _Listing(Paging, frozen=True, kw_only=True):
    split: Annotated[
        str, kind(str, {"type": "string"}), Meta(description="`1`: each parcel is an entry")
    ] = ""
    ids: Annotated[
        tuple[str, ...],
        _listed(MAX_PAGE_SIZE, f"[0-9]{{1,{_DIGITS}}}").then(_order_numbers),
        Meta(description="order numbers, with commas"),
    ] = ()
    createStartTime: Annotated[int | None, _TIME, also("createdAtMin"), _WHEN] = None
    createEndTime: Annotated[int | None, _TIME, also("createdAtMax"), _WHEN] = None
    updateStartTime: Annotated[int | None, _TIME, also("updatedAtMin"), _WHEN] = None
    updateEndTime: Annotated[int | None, _TIME, also("updatedAtMax"), _WHEN] = None


class Orders(_Listing, frozen=True, kw_only=True):
    status: Annotated[
        frozenset[str] | None, _states(v2=False), Meta(description="statuses, with commas")
    ] = None


class OrdersV2(_Listing, frozen=True, kw_only=True):
    status: Annotated[
        frozenset[str] | None, _states(v2=True), Meta(description="statuses, with commas")
    ] = None


class _Window(Struct, frozen=True, kw_only=True):
    dateStartTime: Annotated[int | None, _TIME, _WHEN] = None
    dateEndTime: Annotated[int | None, _TIME, _WHEN] = None
    pageNumber: Annotated[int | None, _page(MAX_PAGE, "from 1 on")] = None


class Stocks(_Window, frozen=True, kw_only=True):
    skus: Codes = ()
    warehouseCode: Annotated[str, kind(str.strip, {"type": "string"})] = ""


SORTS = ("salasVolume", "stock", "price", "updateTime")


class Products(_Window, frozen=True, kw_only=True):
    spus: Codes = ()
    skus: Codes = ()
    categoryId: Annotated[str, kind(_category, _or_empty("[0-9]{1,15}"))] = ""
    sortType: Annotated[str, _word(SORTS, f"must be one of {', '.join(SORTS)}")] = "updateTime"
    sortBy: Annotated[str, _word(("asc", "desc"), "must be asc or desc", any_case=True)] = "desc"


class Refunds(Struct, frozen=True, kw_only=True):
    """By refunds' numbers, orders' numbers, or both, with commas; a page of them where one is asked for."""

    refundNo: Codes = ()
    ids: Codes = ()
    pageNumber: Annotated[int | None, _page(MAX_PAGE, "from 1 on")] = None
    pageSize: Annotated[int | None, _page(MAX_PAGE_SIZE)] = None

    def of(self, entries: list[Any]) -> list[Any]:
        """The entries of the page; all, where no page is asked for."""
        asked = {"pageNumber": self.pageNumber, "pageSize": self.pageSize}
        given = {name: number for name, number in asked.items() if number is not None}
        return Paging(**given).of(entries) if given else entries
