"""What Mews' answers and rules read of the free `data` of products, services, categories and tokens."""

from __future__ import annotations

from typing import Annotated

import msgspec

from orderhub.core.units import Instant

_Text = str | None
_Texts = dict[str, str] | None  # by language code
_Flags = dict[str, bool]


class CategoryData(msgspec.Struct):
    created_at: Instant = 0
    updated_at: Instant = 0
    Classification: _Text = None
    ExternalCode: _Text = None
    LedgerAccountCode: _Text = None
    PostingAccountCode: _Text = None
    CostCenterCode: _Text = None


class _OfferData(msgspec.Struct):
    Names: _Texts = None
    ShortNames: _Texts = None
    Descriptions: _Texts = None
    BillAsPackage: bool = False
    ExternalIdentifier: _Text = None


class ServiceData(_OfferData):
    Promotions: _Flags = {}


class ProductData(_OfferData):
    created_at: Instant = 0
    updated_at: Instant = 0
    ExternalNames: _Texts = None
    description: _Text = None
    ChargingMode: str = "Once"
    PostingMode: str = "Once"
    IsDefault: bool = False
    Classifications: _Flags = {}
    ConsumptionMoment: str = ""


class Switches(msgspec.Struct, forbid_unknown_fields=True):
    """Of a tenant.

    disabled             its enterprise is closed
    limitation_optional  lists without `Limitation`, or without its `Count`, have up to 1,000 rows
    """

    disabled: bool = False
    limitation_optional: bool = False


class TokenData(msgspec.Struct):
    """Members of an access token's `data`; `rate_limit` is calls in 30 seconds, 0 = none.

    client  SHA-256 of the client token, in hex
    """

    client: Annotated[str, msgspec.Meta(pattern="^(?:[0-9a-f]{64})?$")] = ""
    rebates: bool = False
    company_billing: bool = True
    rate_limit: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
