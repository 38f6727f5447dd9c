"""What Tours4Fun's answers and rules read of the free `data` of products and apps."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

_Text = str | None
CallsASecond = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]  # 0 = no limit


class ProductData(msgspec.Struct):
    """Members of `product.data`: what the detail and the list show beside the product itself."""

    product_id_old: str | int | None = None
    product_line: str = ""
    image_url: _Text = None
    duration: Decimal | None = None
    duration_type: _Text = None
    region: _Text = None
    sub_region: _Text = None
    region_chinese_name: _Text = None
    sub_region_chinese_name: _Text = None
    departure_city: list[dict[str, Any]] = []
    return_city: list[dict[str, Any]] = []
    visited_city: list[dict[str, Any]] = []


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """Of a tenant: calls a second of an app without a figure of its own, and whether comments are forgiven."""

    rate_limit: CallsASecond = 0
    strip_comments: bool = False


class AppData(msgspec.Struct):
    """Members of an app's `data`. Source of the states: the vendor's codes 10003 and 10006."""

    calls: list[str] | None = None
    sees: Literal["own", "all"] | None = None
    state: Literal["active", "inactive", "blocked"] = "active"
    blocked_clients: list[str] = []
    rate_limit: CallsASecond | None = None
    verbose_errors: bool = False
