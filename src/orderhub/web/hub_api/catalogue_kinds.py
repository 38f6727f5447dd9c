"""The kinds of `/hub/v1/tenants/{tenant}/catalogue/{kind}`: one declaration for each.

What its items hold is said by the Struct of its record (`about` beside each member); from both come the
reader, OpenAPI and the guides. Bought things, people and what comes of orders (carts, payments, claims,
commissions, accounts, bills) are no catalogue: they are written by the doors and by the rules. Of a person
only what the shop decides is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from orderhub.core.catalogue import keys_of_variant
from orderhub.core.coupons import keys_of_coupon
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.freight import keys_of_rate
from orderhub.core.memberships import NAMES
from orderhub.core.ranges import fields_of

Keys = tuple[tuple[str, str], ...]
Needs = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One name in the path.

    record   the record kind in the ledger
    members  of a view (a product's price): the only members it shows and writes; empty = all
    opening  of a view whose items it may make too: the members that are given then, never shown or changed
    names    those of them that no two items may have in common; one at least is given
    unique   whether no two items may bear one code
    named    whether an item is found by its code alone, so that it needs one
    single   whether there is one item only, of id 1
    keys     the further names an item is found by
    apart    those of them that no two items may have in common
    needs    (kind, by, value) of what must exist beside it
    example  an item as it may be written: shown by OpenAPI and the guide, put and sold by a test. They go
             together: the variant is the shirt's, the coupon is for it; product 5002 is a tour
    """

    name: str
    record: str
    what: str
    example: Mapping[str, Any]
    members: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    unique: bool = False
    named: bool = False
    single: bool = False
    keys: Callable[[Any], Keys] = lambda _doc: ()
    apart: tuple[str, ...] = ()
    needs: Callable[[int, Any], Needs] = lambda _id, _doc: ()

    @property
    def model(self) -> type[msgspec.Struct]:
        model: type[msgspec.Struct] = RECORD_TYPES[self.record]
        return model

    @property
    def fields(self) -> tuple[inspect.Field, ...]:
        """The members that its items show and take."""
        shown = (*self.opening, *self.members)
        return tuple(e for e in fields_of(self.model) if not self.members or e.name in shown)

    @property
    def has_ids(self) -> bool:
        """Whether its items have ids of their own, of which a new one may be given the next."""
        is_other = self.needs is _product_of_same_id
        return not (self.members or self.single or is_other)


def _of_product(_id: int, doc: Any) -> Needs:
    return (("product", "id", str(doc.product_id)),)


def _product_of_same_id(item_id: int, _doc: Any) -> Needs:
    return (("product", "id", str(item_id)),)


def _filename(doc: Any) -> Keys:
    name = doc.data.get("filename")
    return (("filename", name),) if isinstance(name, str) and name else ()


_KINDS = (
    Kind(
        "products",
        "product",
        "what is sold",
        unique=True,
        keys=_filename,
        example={
            "id": 5001,
            "code": "SHIRT",
            "doc": {"title": "T-shirt", "price": "19.90", "weight_g": 180},
        },
    ),
    Kind(
        "variants",
        "variant",
        "stock-keeping units of products",
        unique=True,
        keys=keys_of_variant,
        needs=_of_product,
        example={
            "id": 6001,
            "code": "SHIRT-M",
            "doc": {"product_id": 5001, "title": "T-shirt, M", "price": "21.90"},
        },
    ),
    Kind(
        "prices",
        "product",
        "a product's price",
        members=("price", "currency"),
        example={"id": 5001, "doc": {"price": "17.90"}},
    ),
    Kind(
        "warehouses",
        "warehouse",
        "places that ship",
        unique=True,
        example={
            "id": 101,
            "doc": {"code": "EU01", "name": "Warehouse in Leipzig", "country": "DE"},
        },
    ),
    Kind(
        "freight",
        "freight_rate",
        "freight rates",
        keys=keys_of_rate,
        example={
            "id": 101,
            "doc": {
                "code": "POST",
                "title": "Parcel post",
                "base": "4.50",
                "per_step": "0.50",
                "currency": "USD",
                "delivery": "3 to 5 days",
                "days": 5,
            },
        },
    ),
    Kind(
        "coupons",
        "coupon",
        "coupons; their redemptions are pools",
        unique=True,
        keys=keys_of_coupon,
        apart=("typed",),
        example={
            "id": 101,
            "doc": {
                "code": "SPRING10",
                "title": "Ten percent off",
                "kind": "percent",
                "percent": 90,
                "max_money": "20",
                "starts_at": "2024-03-01T00:00:00Z",
                "products": [5001],
            },
        },
    ),
    Kind(
        "tours",
        "tour",
        "how a product is toured",
        needs=_product_of_same_id,
        example={
            "id": 5002,
            "doc": {
                "sold_by": "persons",
                "adult_price": "80",
                "kid_price": "40",
                "departures": [{"first": "2024-05-01", "last": "2099-09-30", "weekdays": [6, 7]}],
                "seats_counted": False,
            },
        },
    ),
    Kind(
        "departures",
        "tour",
        "a tour's departure days",
        members=("departures",),
        example={
            "id": 5002,
            "doc": {
                "departures": [{"first": "2024-05-01", "last": "2099-10-31", "min_persons": 2}]
            },
        },
    ),
    Kind(
        "forms",
        "tour",
        "a tour's passenger form",
        members=("form",),
        example={
            "id": 5002,
            "doc": {"form": [{"name": "passport", "label": "Passport number"}]},
        },
    ),
    Kind(
        "taxes",
        "tax_rate",
        "tax rates",
        example={"id": 101, "doc": {"code": "DE-19", "taxation": "DE-VAT", "value": "0.19"}},
    ),
    Kind(
        "taxations",
        "taxation",
        "families of tax rates",
        example={
            "id": 101,
            "doc": {"code": "DE-VAT", "name": "Value added tax", "local_name": "Umsatzsteuer"},
        },
    ),
    Kind(
        "tax-environments",
        "tax_environment",
        "which taxations hold where and when",
        example={
            "id": 101,
            "doc": {
                "code": "DE",
                "country": "DEU",
                "taxations": ["DE-VAT"],
                "valid": {"start": "2007-01-01T00:00:00Z"},
            },
        },
    ),
    Kind(
        "services",
        "service",
        "services that are charged",
        example={
            "id": 101,
            "uid": "00000000-0000-4000-8000-000000005101",
            "doc": {"name": "Spa"},
        },
    ),
    Kind(
        "categories",
        "accounting_category",
        "accounting categories",
        example={"id": 101, "doc": {"name": "Wellness", "code": "4400"}},
    ),
    Kind(
        "segments",
        "business_segment",
        "business segments",
        example={"id": 101, "doc": {"name": "Leisure"}},
    ),
    Kind(
        "reservations",
        "reservation",
        "stays that charges and payments may name",
        example={
            "id": 101,
            "uid": "00000000-0000-4000-8000-000000005102",
            "doc": {
                "number": "52",
                "state": "started",
                "starts_at": "2024-05-01T13:00:00Z",
                "ends_at": "2024-05-03T09:00:00Z",
            },
        },
    ),
    Kind(
        "resellers",
        "reseller",
        "what a reseller pays; its code is the app key",
        named=True,
        example={
            "id": 101,
            "code": "their-app-key",
            "doc": {"settlement": "EUR", "discount_ratio": "0.9"},
        },
    ),
    Kind(
        "exchange-rates",
        "exchange_rates",
        "published rates, under id 1",
        single=True,
        example={
            "id": 1,
            "doc": {"base": "USD", "sheets": [{"since": "2024-01-01", "rates": {"EUR": "0.9236"}}]},
        },
    ),
    Kind(
        "memberships",
        "user_group",
        "membership levels",
        example={
            "id": 5,
            "doc": {
                "title": "Gold",
                "price": "99",
                "expire_days": 365,
                "discount": 90,
                "share_reward": 10,
                "level": 2,
            },
        },
    ),
    Kind(
        "shops",
        "shop",
        "a shop's terms, under id 1",
        single=True,
        example={"id": 1, "doc": {"seller_percent": 80}},
    ),
    Kind(
        "users",
        "user",
        "what a shop decides of its users",
        members=("group_id", "inviter_id", "is_distributor", "expires_at", "status"),
        opening=(*NAMES, "created_at"),
        names=NAMES,
        keys=lambda user: user.names,
        example={"id": 1000, "doc": {"group_id": 5, "is_distributor": True}},
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}
