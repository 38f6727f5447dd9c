"""What AnQiCMS' answers and rules read of the free `data` of goods, levels and sites."""

from __future__ import annotations

from typing import Any

import msgspec

_Text = str | None


class ProductData(msgspec.Struct):
    """Members of `product.data`: what an archive shows beside the product itself."""

    filename: _Text = None
    logo: _Text = None
    thumb: _Text = None
    link: _Text = None
    images: list[str] | None = None
    options: list[Any] | None = None


class VariantData(msgspec.Struct):
    symbol: _Text = None
    values: list[Any] | None = None
    logo: _Text = None


class LevelData(msgspec.Struct):
    description: _Text = None


class SiteData(msgspec.Struct):
    """Members of a site's credential: the number that its tokens carry."""

    site: str | int
