"""What KakaClo's answers read of the free `data` of products and their variants."""

from __future__ import annotations

from decimal import Decimal

import msgspec

_Text = str | None
_Number = int | Decimal | None


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """Of a tenant. Countries as ISO 3166-1 alpha-2.

    rate_limit  None = off in a sandbox, else on
    prepaid     whether orders are drawn on the tenant's balance
    """

    rate_limit: bool | None = None
    prepaid: bool = True
    ioss_required: bool = False
    denied_countries: list[str] = []


class SkuData(msgspec.Struct):
    """Members of `variant.data`, and of `product.data` where a product has none or all share them."""

    image: _Text = None
    packageLength: _Number = None
    packageWidth: _Number = None
    packageHeight: _Number = None
    cost: _Number = None
    option1: _Text = None
    option2: _Text = None
    option3: _Text = None
    material: _Text = None
    skuStatus: int | None = None


class ProductData(SkuData):
    """Members of `product.data`; times as the vendor writes them, `2022-01-07T03:29:18Z`."""

    description: _Text = None
    sizeImagePath: _Text = None
    categoryId: int | str | None = None
    fullCategoryName: _Text = None
    salesVolume: _Number = None
    createTime: _Text = None
    updateTime: _Text = None
