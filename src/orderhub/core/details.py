"""What each business keeps on its orders, beside what every order has: one Struct for each, told apart by a name.

The name is stored as `terms` and is that of the business (`core/business.py`), whatever its classes are called.
A document with a name or a member that is not here raises when it is read: nothing is skipped in silence.
Instants are microseconds since 1970 UTC of the tenant's time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.money import ZERO
from orderhub.core.rooms import Room


class Details(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="terms",
):
    """The moments of an order's life, which every business keeps. None = it has not come to that.

    accounts   whose the order is besides its own account, which is the one that its business means
    """

    paid_at: int | None = None
    shipped_at: int | None = None
    completed_at: int | None = None
    refund_asked_from: str = ""  # the status then, to which a rejected refund leads back
    refund_asked_at: int | None = None
    refund_asked_seq: int = (
        0  # which of the order's refunds it is, or would have been; 0 = of an older hub
    )
    cancelled_at: int | None = None
    refunded_at: int | None = None
    accounts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the business."""
        name = self.__struct_config__.tag
        assert isinstance(name, str), "every subclass has a tag"
        return name

    @property
    def ended_at(self) -> int | None:
        """When the order was cancelled or refunded as a whole."""
        return self.cancelled_at or self.refunded_at


class RecordedDetails(Details, frozen=True, tag="RecordedSale"):
    """A sale that happened elsewhere.

    stated_at  when the hub learned of it
    """

    stated_at: int


class TicketCount(msgspec.Struct, frozen=True):
    sku_id: int
    count: int


class Traveller(msgspec.Struct, frozen=True, omit_defaults=True):
    """`kind` and `answers` as they were sent. `id`: the tenant's own; 0 = of an order that an older hub took."""

    kind: str
    answers: dict[str, Any]
    id: int = 0


class TakenUpgrade(msgspec.Struct, frozen=True):
    """One option of a group of upgrades, under the names it had."""

    id: int
    name: str
    sub_name: str
    option: int
    option_name: str
    option_code: str


class TourDetails(Details, frozen=True, tag="TourBooking"):
    """All that a reading call shows of a booking, so that it needs no look-up.

    `date` and `end_date` are ISO 8601; amounts are in the product's currency: net = list - discount.
    """

    product_id: int
    product_title: str
    product_line: Any  # as the catalogue has it among the product's free members
    date: str
    end_date: str
    pickup: str
    net: Decimal
    list: Decimal
    discount: Decimal
    rooms: tuple[Room, ...]
    tickets: tuple[TicketCount, ...]
    guests: tuple[Traveller, ...]
    upgrades: tuple[TakenUpgrade, ...]


class ChargeDetails(Details, frozen=True, tag="AccountCharge"):
    """A charge to an account. `segment` and `reservation` are uids."""

    account_kind: str
    segment: str = ""
    reservation: str = ""


class BasketDetails(Details, frozen=True, tag="GoodsBasket"):
    """A basket: who bought, and who earns how much of it once it is completed. Ids of 0 are nobody's.

    membership         the user group that was bought
    coupon_lines       numbers of the lines that the coupon was for; none = all
    origin_amount      at list prices, before the coupon
    payment_number     of the one payment it has
    commissions_owed   user id -> what they were paid for money that was refunded, and no longer have
    """

    user_id: int = 0
    label: str = ""
    membership: int = 0
    address_id: int = 0
    coupon_id: int = 0
    coupon_claim_id: int = 0
    coupon_lines: tuple[int, ...] = ()
    seller_id: int = 0
    seller_amount: Decimal = ZERO
    share_user_id: int = 0
    share_amount: Decimal = ZERO
    share_parent_user_id: int = 0
    share_parent_amount: Decimal = ZERO
    origin_amount: Decimal = ZERO
    form_url: str = ""
    payment_number: str = ""
    commissions_owed: dict[int, Decimal] = {}


class ParcelDetails(Details, frozen=True, tag="Dropship"):
    """A parcel. `plan`: whether the split was `exact`, or `greedy`; `prepaid`: drawn on the balance."""

    warehouse: str
    warehouse_id: int
    warehouse_country: str
    channel: str
    weight_g: int
    plan: str
    prepaid: bool = True


AnyDetails = RecordedDetails | TourDetails | ChargeDetails | BasketDetails | ParcelDetails
