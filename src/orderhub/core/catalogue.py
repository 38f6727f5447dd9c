"""What is sold: products and variants, named by an integer id, a UUID and a code, whichever a vendor uses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.known import Known, RecordKey
from orderhub.core.money import ZERO
from orderhub.core.units import Grams


class Product(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something sold. `price` is per unit in `currency`, net or gross as the tenant prices.

    kind: `good`, `membership`, `tour`, `ticket`, `service`.
    stocked: whether its units are drawn from pools of kind `stock`; None = once there is one.
    """

    id: int
    uid: str = ""
    code: str = ""
    title: str = ""
    kind: str = "good"
    price: Decimal = ZERO
    currency: str = ""  # empty = the tenant's default
    active: bool = True
    stocked: bool | None = None
    seller_id: int = 0
    weight_g: Grams = 0
    service: str = ""  # uid of the service it belongs to
    category: str = ""  # uid of its accounting category
    tax_codes: tuple[str, ...] = ()
    form_url: str = ""
    data: dict[str, Any] = {}  # descriptive members that vendors show: image, options, status

    @property
    def subject(self) -> str:
        """The name its stock pools go by."""
        return f"product:{self.id}"


class Variant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One stock-keeping unit of a product, with its own price and stock."""

    id: int
    product_id: int
    uid: str = ""
    code: str = ""
    title: str = ""
    price: Decimal | None = None  # None = the product's
    active: bool = True
    stocked: bool | None = None  # None = as the product
    weight_g: Grams | None = None
    data: dict[str, Any] = {}

    @property
    def subject(self) -> str:
        return f"variant:{self.id}"


class Warehouse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place that ships. Its `code` is the `place` of stock pools."""

    id: int
    code: str
    name: str = ""
    country: str = ""  # ISO 3166-1 alpha-2
    active: bool = True


RECORDS: dict[str, type] = {"product": Product, "variant": Variant, "warehouse": Warehouse}


class Sellable(msgspec.Struct, frozen=True):
    """A product, or one variant of it: what a line may name."""

    product: Product
    variant: Variant | None = None

    @property
    def price(self) -> Decimal:
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


def keys_of_variant(variant: Variant) -> tuple[tuple[str, str], ...]:
    """The keys that the record of a variant must carry."""
    return (("product", str(variant.product_id)),)


def sellable_by_code(known: Known, tenant_id: int, code: str) -> Sellable | None:
    """What a SKU code names. The variant's product must have been loaded by id."""
    variant: Variant | None = known.doc(tenant_id, "variant", "code", code)
    if variant is not None:
        product = known.doc(tenant_id, "product", "id", variant.product_id)
        return None if product is None else Sellable(product, variant)
    product = known.doc(tenant_id, "product", "code", code)
    return None if product is None else Sellable(product)
