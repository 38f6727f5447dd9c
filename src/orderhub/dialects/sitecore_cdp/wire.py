"""The vendor's shapes in the vendor's spelling, as OpenAPI shows them. Nothing of ours in here."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

CHANNELS = (
    "WEB", "MOBILE_WEB", "MOBILE_APP", "CALL_CENTER", "AIRPORT_KIOSK", "BRANCH",
    "KIOSK", "OFFLINE", "GDS", "OTA", "OTHER",
)  # fmt: skip
# PARTIALY_ has one L on the vendor's wire.
STATUSES = (
    "BROWSED", "CANCELLED", "CONFIRMED", "DECLINED", "PARTIALY_CONFIRMED", "PARTIALY_REFUNDED",
    "PAYMENT_PENDING", "PENDING", "PURCHASED", "REFUNDED", "RESERVED", "SEARCHED", "UNKNOWN",
)  # fmt: skip
GUEST_TYPES = ("visitor", "customer", "traveller")
GENDERS = ("male", "female", "unknown")


class Link(msgspec.Struct, frozen=True):
    href: str


class Items(msgspec.Struct, frozen=True):
    items: list[Link]


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of POST /v2.1/orders. Sent values of `createdAt` and `modifiedAt` are ignored."""

    currencyCode: str
    orderedAt: str
    price: Decimal
    referenceId: str
    createdAt: str | None = None
    modifiedAt: str | None = None
    paymentType: str | None = None
    cardType: str | None = None
    pointOfSale: str | None = None
    channel: str | None = None
    status: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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


class OrderItemRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    price: Decimal
    name: str | None = None
    description: str | None = None
    type: str | None = None
    productId: str | None = None
    currencyCode: str | None = None
    originalPrice: Decimal | None = None
    originalCurrencyCode: str | None = None
    referenceId: str | None = None
    vendor: str | None = None
    status: str | None = None
    language: str | None = None
    quantity: Decimal | None = None
    channel: str | None = None
    orderedAt: str | None = None


class OrderItem(OrderItemRequest, frozen=True, kw_only=True, omit_defaults=True):
    href: str
    ref: str
    createdAt: str
    modifiedAt: str


class ContactRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    firstName: str | None = None
    lastName: str | None = None
    email: str | None = None
    emails: list[str] | None = None
    identifiers: list[Identifier] | None = None
    title: str | None = None
    gender: str | None = None
    dateOfBirth: str | None = None
    phoneNumbers: list[str] | None = None
    street: list[str] | None = None
    city: str | None = None
    state: str | None = None
    country: str | None = None
    postCode: str | None = None
    nationality: str | None = None
    passportNumber: str | None = None
    passportExpiry: str | None = None


class Identifier(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    provider: str
    id: str
    expiryDate: str | None = None


class Contact(ContactRequest, frozen=True, kw_only=True, omit_defaults=True):
    href: str
    ref: str
    createdAt: str
    modifiedAt: str
    guest: Link
    order: Link


class ConsumerRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    firstName: str | None = None
    lastName: str | None = None
    guest: Link | None = None
    orderItems: Items | None = None


class Consumer(ConsumerRequest, frozen=True, kw_only=True, omit_defaults=True):
    href: str
    ref: str
    createdAt: str
    modifiedAt: str
    order: Link


class GuestRequest(ContactRequest, frozen=True, kw_only=True, omit_defaults=True):
    guestType: str
    language: str | None = None


class Guest(GuestRequest, frozen=True, kw_only=True, omit_defaults=True):
    href: str
    ref: str
    createdAt: str
    modifiedAt: str


class BatchRequest(msgspec.Struct, frozen=True):
    """Body of PUT /v2/batches/{uuid}: hex MD5 and size in bytes of the gzipped file."""

    checksum: str
    size: int


class Batch(msgspec.Struct, frozen=True):
    """`rows` counts what became of the file's rows; it is ours, the rest is as documented."""

    href: str
    ref: str
    checksum: str
    size: int
    location: Any
    status: Any
    rows: Any


class Collection(msgspec.Struct, frozen=True):
    href: str
    offset: int
    limit: int
    items: list[Any]


class Error(msgspec.Struct, frozen=True):
    """400, 404, 409, ...: `status` is an integer."""

    status: int
    code: int
    message: str
    developerMessage: str
    moreInfoUrl: str


class Unauthorized(msgspec.Struct, frozen=True):
    """401: `status` is the string UNAUTHORIZED, and there is no developerMessage."""

    status: str
    code: int
    message: str
    moreInfoUrl: str
