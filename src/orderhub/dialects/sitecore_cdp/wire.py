"""The vendor's shapes in the vendor's spelling: each member of a request is declared once. Nothing of ours in here.

A null member counts as absent. Of several faults all are told, in the order of the members.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import Call, Fault, FaultKind, HTTPFault
from orderhub.dialects.members import (
    Bad,
    Style,
    anything,
    declared,
    free_object,
    many,
    one_of,
    shaped,
    text,
)
from orderhub.dialects.sitecore_cdp.kinds import (
    AMOUNT,
    CHANNELS,
    CHECKSUM,
    CURRENCY,
    DEFAULT_LIMIT,
    EMAIL,
    EXPAND,
    GENDERS,
    GUEST_TYPES,
    IN_THE_PAST,
    KEPT_TIME,
    LIMIT,
    LINK,
    LINKS,
    MAX_CONSUMERS,
    MAX_LIST,
    MAX_LONG_TEXT,
    MAX_NAME,
    MAX_TEXT,
    NEEDED,
    NEWEST_FIRST,
    NUMBER,
    OFFSET,
    OLDEST_FIRST,
    PARTS,
    QUANTITY,
    REF,
    SIZE,
    SORT,
    SORT_BY_CREATED,
    STATUSES,
    STRING,
    TIME,
    as_sent,
    only,
)

_TYPES = {
    "string": "must be a string.",
    "number": "must be a number.",
    "array": "must be a list.",
    "object": "must be an object.",
}


def _say(bad: Bad, value: Any, _path: str) -> str:
    match bad.problem:
        case "missing":
            return "may not be null."
        case "type":
            return _TYPES[str(bad.expected)]
        case "value":
            return f"must be one of {bad.expected}."
    if isinstance(value, list):
        return f"at most {bad.expected} entries are allowed."
    return f"length must be between 0 and {bad.expected}."


CDP = Style(say=_say)
QUERY = Style(say=_say, is_absent=lambda value: value == "")

Needed = Annotated[str, NEEDED]
Text = Annotated[str | None, text(MAX_TEXT)]
Texts = Annotated[tuple[str, ...] | None, many(text(MAX_TEXT), MAX_LIST)]
KeptTime = Annotated[str | None, KEPT_TIME]
Currency = Annotated[str | None, CURRENCY]

# --- bodies


class OrderRequest(Struct, frozen=True, kw_only=True):
    """The page marks `referenceId` and `orderedAt` as required in an update too, yet they cannot change."""

    currencyCode: Annotated[
        str,
        CURRENCY,
        Meta(
            description="three upper case letters; the order's currency. It need not be the tenant's default"
        ),
    ]
    orderedAt: Annotated[
        int,
        TIME,
        Meta(
            description="the order's `occurred_at`, to the microsecond. Half of the order's name; cannot change"
        ),
    ]
    price: Annotated[
        Decimal,
        AMOUNT,
        Meta(
            description="the stated total: 12 digits before the point, and six behind it that are kept"
        ),
    ]
    referenceId: Annotated[
        Needed,
        Meta(description="the order's `reference`. Half of the order's name; cannot change"),
    ]
    createdAt: Annotated[
        Any, anything(), Meta(description="ignored, whatever it is: it is the server's")
    ] = None
    modifiedAt: Annotated[
        Any, anything(), Meta(description="ignored, whatever it is: it is the server's")
    ] = None
    paymentType: Annotated[Text, Meta(description="echoed, like the next two")] = None
    cardType: Text = None
    pointOfSale: Text = None
    channel: Annotated[str | None, one_of(CHANNELS), Meta(description="echoed")] = None
    status: Annotated[
        str | None,
        one_of(STATUSES),
        Meta(
            description="one of the documented words, kept beside the order as `vendor_status` and echoed. "
            "It never moves the canonical status"
        ),
    ] = None


class OrderItemRequest(Struct, frozen=True, kw_only=True):
    """v2 also wanted `currencyCode`, `status`, `type` and `productId`; the v2.1 pages mark nothing as required."""

    name: Annotated[str | None, text(MAX_NAME), Meta(description="the line's title")] = None
    description: Annotated[
        str | None,
        text(MAX_LONG_TEXT),
        Meta(description="kept and echoed, like all below that say no more"),
    ] = None
    type: Annotated[Text, Meta(description="free text in v2.1")] = None
    productId: Annotated[Text, Meta(description="the line's SKU")] = None
    price: Annotated[
        Decimal, AMOUNT, Meta(description="per unit, may be negative; kept like the order's")
    ]
    currencyCode: Annotated[Currency, Meta(description="the order's when absent")] = None
    originalPrice: Annotated[Decimal | None, NUMBER] = None
    originalCurrencyCode: Currency = None
    referenceId: Text = None
    vendor: Text = None
    status: Annotated[Text, Meta(description="free text in v2.1")] = None
    language: Text = None
    quantity: Annotated[
        Decimal | None,
        QUANTITY,
        Meta(
            description="units, 1 when absent. A line has whole units: a fraction is kept and shown as stated "
            "on a line of one unit"
        ),
    ] = None
    channel: Text = None
    orderedAt: KeptTime = None
    consumerTypeCode: Annotated[Text, Meta(description="as in a batch: `ADT`, `CHD`, ...")] = None
    flightSegments: Annotated[
        tuple[dict[str, Any], ...] | None,
        as_sent(many(free_object(), MAX_LIST)),
        Meta(description="as in a batch, each an object that is kept as it was sent"),
    ] = None


class Identifier(Struct, frozen=True, kw_only=True, omit_defaults=True):
    provider: Needed
    id: Needed
    expiryDate: KeptTime = None


class ContactRequest(Struct, frozen=True, kw_only=True):
    title: Text = None
    firstName: Text = None
    lastName: Text = None
    gender: Annotated[
        str | None,
        one_of(GENDERS, any_case=True),
        Meta(description="male, female or unknown, in any case"),
    ] = None
    dateOfBirth: Annotated[str | None, IN_THE_PAST, Meta(description="in the past")] = None
    email: Annotated[str | None, EMAIL, Meta(description="may be sent beside `emails`")] = None
    emails: Annotated[tuple[str, ...] | None, many(EMAIL, MAX_LIST)] = None
    phoneNumbers: Texts = None
    language: Text = None
    nationality: Text = None
    passportNumber: Text = None
    passportExpiry: KeptTime = None
    street: Texts = None
    city: Text = None
    country: Text = None
    postCode: Text = None
    state: Text = None
    identifiers: Annotated[
        tuple[Identifier, ...] | None,
        as_sent(many(shaped(Identifier), MAX_LIST)),
        Meta(description="what a guest is found by before the e-mail addresses"),
    ] = None


class GuestRequest(ContactRequest, frozen=True, kw_only=True):
    """Members that are not documented are kept and shown."""

    guestType: Annotated[str, one_of(GUEST_TYPES)]

    FIRST: ClassVar = ("guestType",)


class ConsumerRequest(ContactRequest, frozen=True, kw_only=True):
    guest: Annotated[str | None, LINK, Meta(description="must exist")] = None
    orderItems: Annotated[
        tuple[str, ...] | None,
        LINKS,
        Meta(description="links to items of the same order"),
    ] = None


class ItemReference(Struct, frozen=True, kw_only=True):
    referenceId: Needed


class RowConsumer(ContactRequest, frozen=True, kw_only=True):
    """Of a row of a batch, which names items as the row itself does."""

    orderItems: Annotated[
        tuple[ItemReference, ...] | None, many(shaped(ItemReference), MAX_LIST)
    ] = None


class Consumers(Struct, frozen=True, kw_only=True):
    consumers: Annotated[
        tuple[RowConsumer, ...] | None, many(shaped(RowConsumer), MAX_CONSUMERS)
    ] = None


class BatchRequest(Struct, frozen=True, kw_only=True):
    """Body of PUT /v2/batches/{uuid}."""

    checksum: Annotated[str, CHECKSUM, Meta(description="hex MD5 of the gzipped file")]
    size: Annotated[int, SIZE, Meta(description="its bytes")]


def update(
    model: type[Struct], body: Mapping[str, Any], *, partial: bool, context: Any = None
) -> dict[str, Any]:
    """What is to be changed, by member; None takes one away.

    `partial` (PATCH): what was sent. Else (PUT) every member, None where it was not sent. Raises HTTPFault(INVALID).
    """
    if partial:
        return CDP.changes(model, body, context=context)
    found = CDP.read(model, body, context=context)
    return {each.attribute: getattr(found, each.attribute) for each in declared(model)}


def json_body(call: Call) -> dict[str, Any]:
    """The body as an object. Raises HTTPFault: another media type, malformed JSON, not an object."""
    media = call.header("content-type")
    if media and media != "application/json":
        kind = media.partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise HTTPFault(Fault(FaultKind.UNSUPPORTED_MEDIA, kind[:MAX_TEXT]))
    return decode_object(call.body)


# --- paths and queries


Word = Annotated[str, STRING]
Parts = Annotated[
    frozenset[str], EXPAND, Meta(description=f"`true`, or some of {', '.join(PARTS)}")
]
Ref = Annotated[str, REF]
Signed = Annotated[Word, Meta(description="part of the address that was handed out")]


class ExtensionPath(Struct, frozen=True, kw_only=True):
    name: Annotated[str, only("ext")]


class CreateQuery(Struct, frozen=True, kw_only=True):
    guestRef: Annotated[Ref, Meta(description="the guest who orders")] = ""


class Expand(Struct, frozen=True, kw_only=True):
    expand: Parts = frozenset()


class Page(Struct, frozen=True, kw_only=True):
    offset: Annotated[int, OFFSET] = 0
    limit: Annotated[int, LIMIT] = DEFAULT_LIMIT

    @property
    def end(self) -> int:
        return self.offset + self.limit


class Listing(Page, frozen=True, kw_only=True):
    expand: Parts = frozenset()


class FindOrders(Listing, frozen=True, kw_only=True):
    referenceId: Annotated[Word, Meta(description="this or guestRef")] = ""
    guestRef: Annotated[Ref, Meta(description="this or referenceId")] = ""
    sort: Annotated[
        tuple[str, bool],
        SORT,
        Meta(description="a leading minus: newest first; orderedAt only with guestRef"),
    ] = NEWEST_FIRST

    FIRST: ClassVar = ("referenceId", "guestRef")


class ByCreated(Listing, frozen=True, kw_only=True):
    """Parts of an order, and guests."""

    sort: Annotated[
        tuple[str, bool], SORT_BY_CREATED, Meta(description="a leading minus: newest first")
    ] = OLDEST_FIRST


class FindGuests(ByCreated, frozen=True, kw_only=True):
    email: Annotated[
        Word,
        Meta(description="this, both of the others, or all: then all are true of whom is found"),
    ] = ""
    provider: Word = field(name="identifiers.provider", default="")
    id: Word = field(name="identifiers.id", default="")

    FIRST: ClassVar = ("email", "provider", "id")


class Fields(Struct, frozen=True, kw_only=True):
    name: Annotated[Word, Meta(description="keys, with a `|` between them; none = all")] = ""


class SignedAddress(Struct, frozen=True, kw_only=True):
    tenant: Signed = ""
    token: Signed = ""


# --- answers


class Link(Struct, frozen=True):
    href: str


class Row(Link, frozen=True):
    """Of a collection that was not expanded."""

    ref: str


class Items(Struct, frozen=True):
    items: list[Link]


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order as the vendor answers it, in the document's order, without absent members."""

    ref: str
    href: str
    createdAt: str
    modifiedAt: str
    orderedAt: str
    currencyCode: str
    price: Decimal
    referenceId: str
    paymentType: str | None = None
    cardType: str | None = None
    pointOfSale: str | None = None
    channel: str | None = None
    status: str | None = None
    contacts: Any
    consumers: Any
    orderItems: Any


class OrderItem(OrderItemRequest, frozen=True, kw_only=True, omit_defaults=True):
    href: str
    ref: str
    createdAt: str
    modifiedAt: str


class Contact(ContactRequest, frozen=True, kw_only=True, omit_defaults=True):
    href: str
    ref: str
    createdAt: str
    modifiedAt: str
    guest: Link
    order: Link


class Consumer(ContactRequest, frozen=True, kw_only=True, omit_defaults=True):
    guest: Link | None = None
    orderItems: Items | None = None
    href: str
    ref: str
    createdAt: str
    modifiedAt: str
    order: Link


class Guest(GuestRequest, frozen=True, kw_only=True, omit_defaults=True):
    href: str
    ref: str
    createdAt: str
    modifiedAt: str


class Batch(Struct, frozen=True):
    """`rows` counts what became of the file's rows; it is ours, the rest is as documented."""

    href: str
    ref: str
    checksum: str
    size: int
    location: Any
    status: Any
    rows: Any


class Collection(Struct, frozen=True):
    href: str
    offset: int
    limit: int
    items: list[Any]


class Error(Struct, frozen=True):
    """400, 404, 409, ...: `status` is an integer."""

    status: int
    code: int
    message: str
    developerMessage: str
    moreInfoUrl: str


class Unauthorized(Struct, frozen=True):
    """401: `status` is the string UNAUTHORIZED, and there is no developerMessage."""

    status: str
    code: int
    message: str
    moreInfoUrl: str


class LogLine(Struct, frozen=True):
    """Of the error log of a batch."""

    ref: str
    code: str
    message: str
