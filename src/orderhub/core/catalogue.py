"""What is sold: products and variants, named by an integer id, a UUID and a code, whichever a vendor uses."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from orderhub.core.facts import Facts, RecordKey
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.units import (
    AnyCurrency,
    Code,
    Country,
    Grams,
    ItemId,
    NeededCode,
    Number,
    Positive,
    Price,
    Text,
    Uid,
    about,
)

ProductKind = Annotated[
    str, Meta(extra_json_schema={"enum": ["good", "service", "tour", "ticket"]})
]


class Product(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something sold."""

    id: ItemId
    uid: Annotated[Uid, about("its UUID", "mews")] = ""
    code: Annotated[Code, about("its SKU", "anqicms kakaclo mews")] = ""
    title: Annotated[str, about("what it is called", "anqicms kakaclo mews tours4fun")] = ""
    kind: Annotated[
        ProductKind,
        about(
            "`good`: sold by AnQiCMS and KakaClo; `tour`, `ticket`: by Tours4Fun; Mews asks for none",
            "anqicms kakaclo tours4fun",
        ),
    ] = "good"
    price: Annotated[
        Price | None,
        about(
            "of one unit, net or gross as the tenant prices; none = not for sale, 0 = free. "
            "A tour has its prices in `tours`",
            "anqicms kakaclo mews",
        ),
    ] = None
    currency: Annotated[
        AnyCurrency,
        about("of the price; empty = the tenant's", "anqicms kakaclo mews tours4fun"),
    ] = ""
    active: Annotated[bool, about("whether it is sold now", "anqicms kakaclo mews tours4fun")] = (
        True
    )
    stocked: Annotated[
        bool | None,
        about(
            "whether its units are drawn from pools of kind `stock`; none = once there is one",
            "anqicms kakaclo mews",
        ),
    ] = None
    low_at: Annotated[
        Number,
        about(
            "so many left, at each place, is little: `pool.low` is told; 0 = nothing is little",
        ),
    ] = 0
    seller_id: Annotated[
        Number, about("the user who sells it and earns from it, 0 = the house", "anqicms")
    ] = 0
    weight_g: Annotated[Grams, about("of one unit, in grams, for the freight", "kakaclo")] = 0
    service: Annotated[Uid, about("uid of the service it is charged with", "mews")] = ""
    category: Annotated[Uid, about("uid of its accounting category", "mews")] = ""
    tax_codes: Annotated[tuple[Text, ...], about("codes of its tax rates", "mews")] = ()
    form_url: Annotated[str, about("a form that its buyer fills in", "anqicms")] = ""
    data: Annotated[
        dict[str, Any], about("what a vendor shows besides", "anqicms kakaclo mews tours4fun")
    ] = {}

    @property
    def subject(self) -> str:
        """The name its stock pools go by."""
        return f"product:{self.id}"


class Variant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One stock-keeping unit of a product. A product that has active ones is bought by one of them."""

    id: ItemId
    product_id: Annotated[Positive, about("whose unit it is", "anqicms kakaclo")]
    uid: Annotated[Uid, about("its UUID")] = ""
    code: Annotated[Code, about("its SKU", "anqicms kakaclo")] = ""
    title: Annotated[str, about("what it is called", "anqicms kakaclo")] = ""
    price: Annotated[
        Price | None, about("of one unit; none = the product's, 0 = free", "anqicms kakaclo")
    ] = None
    active: Annotated[bool, about("whether it is sold now", "anqicms kakaclo")] = True
    stocked: Annotated[
        bool | None, about("as of the product; none = the product's", "anqicms kakaclo")
    ] = None
    low_at: Annotated[Number, about("as of the product; 0 = the product's")] = 0
    weight_g: Annotated[Grams | None, about("in grams; none = the product's", "kakaclo")] = None
    data: Annotated[dict[str, Any], about("what a vendor shows besides", "anqicms kakaclo")] = {}

    @property
    def subject(self) -> str:
        return f"variant:{self.id}"


class Warehouse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place that ships."""

    id: ItemId
    code: Annotated[NeededCode, about("the `place` of stock pools", "kakaclo")]
    name: Annotated[str, about("what it is called", "kakaclo")] = ""
    country: Annotated[Country, about("ISO 3166-1 alpha-2: the nearest ships first", "kakaclo")] = (
        ""
    )
    active: Annotated[bool, about("whether it ships now", "kakaclo")] = True


RECORDS: dict[str, type] = {"product": Product, "variant": Variant, "warehouse": Warehouse}


class Sellable(msgspec.Struct, frozen=True):
    """A product, or one variant of it: what a line may name."""

    product: Product
    variant: Variant | None = None

    @property
    def price(self) -> Decimal | None:
        """Of one unit; None = it is not for sale."""
        if self.variant is not None and self.variant.price is not None:
            return self.variant.price
        return self.product.price

    @property
    def subject(self) -> str:
        return self.product.subject if self.variant is None else self.variant.subject

    @property
    def sku(self) -> str:
        return self.product.code if self.variant is None else self.variant.code

    @property
    def stocked(self) -> bool | None:
        if self.variant is not None and self.variant.stocked is not None:
            return self.variant.stocked
        return self.product.stocked

    @property
    def weight_g(self) -> int:
        if self.variant is not None and self.variant.weight_g is not None:
            return self.variant.weight_g
        return self.product.weight_g

    @property
    def is_active(self) -> bool:
        return self.product.active and (self.variant is None or self.variant.active)


def keys_of_code(tenant_id: int, code: str) -> tuple[RecordKey, ...]:
    """The records that may bear a SKU code: a variant, or a product sold without variants."""
    return (
        RecordKey(tenant_id, "variant", "code", code),
        RecordKey(tenant_id, "product", "code", code),
    )


def variants_key(tenant_id: int, product_id: int) -> RecordKey:
    """The records that are variants of a product."""
    return RecordKey(tenant_id, "variant", "product", str(product_id))


def is_sold_by_variant(facts: Facts, tenant_id: int, product_id: int) -> bool:
    """Whether a product has active variants, one of which its buyer names. They must have been loaded."""
    variants = facts.records(tenant_id, "variant", "product", product_id)
    return any(each.doc.active for each in variants)


def price_of(sellable: Sellable, field: str = "product") -> Decimal | Rejected:
    """The price of one unit, or the refusal of what has none, or one below 0 that an older hub let in."""
    price = sellable.price
    if price is None or price < 0:
        has = "has no price" if price is None else f"costs {price}"
        return Rejected(Reason.PRICE_NOT_SOLD, field, f"{sellable.subject} {has}: not for sale")
    return price


def variant_needed(facts: Facts, tenant_id: int, product: Product, field: str) -> Rejected | None:
    """The refusal of a product that is bought by variant, when none is named."""
    if not is_sold_by_variant(facts, tenant_id, product.id):
        return None
    return Rejected(
        Reason.VARIANT_UNKNOWN, field, f"{product.subject} is bought by variant: name one"
    )


def keys_of_variant(variant: Variant) -> tuple[tuple[str, str], ...]:
    """The keys that the record of a variant must carry."""
    return (("product", str(variant.product_id)),)


def sellable_by_code(facts: Facts, tenant_id: int, code: str) -> Sellable | None:
    """What a SKU code names. The variant's product must have been loaded by id."""
    variant: Variant | None = facts.doc(tenant_id, "variant", "code", code)
    if variant is not None:
        product = facts.doc(tenant_id, "product", "id", variant.product_id)
        return None if product is None else Sellable(product, variant)
    product = facts.doc(tenant_id, "product", "code", code)
    return None if product is None else Sellable(product)
