"""Who earns from an order: its seller, who brought the buyer, and who brought that one."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from orderhub.core.memberships import User, UserGroup
from orderhub.core.money import Rounding, from_micros, rounded, to_micros
from orderhub.core.units import Digits, Percent, about
from orderhub.core.values import Order


class Shop(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rules of a tenant's shop."""

    seller_percent: Annotated[
        Percent, about("of an order's amount, after shares, to the seller of its goods", "anqicms")
    ] = 0
    everyone_distributes: Annotated[
        bool, about("users earn without being distributors", "anqicms")
    ] = False
    allow_self: Annotated[bool, about("a distributor earns from his own orders", "anqicms")] = False
    guest_ordering: Annotated[bool, about("orders need no user", "anqicms")] = False
    complete_on_payment: Annotated[
        bool, about("a paid order is completed at once, nothing is shipped", "anqicms")
    ] = False
    price_digits: Annotated[Digits, about("decimals at which amounts are truncated", "anqicms")] = 2


class Commission(msgspec.Struct, frozen=True, kw_only=True):
    """What one user earned from one completed order. `role`: seller, share or share_parent."""

    order_id: int
    user_id: int
    role: str
    amount: Decimal
    at_us: int  # tenant's time


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in minor units of the order's currency; user id 0 = nobody."""

    seller_id: int = 0
    seller_amount: int = 0
    share_user_id: int = 0
    share_amount: int = 0
    share_parent_user_id: int = 0
    share_parent_amount: int = 0


RECORDS: dict[str, type] = {"shop": Shop, "commission": Commission}
NO_SHOP = Shop()


def earner_of(buyer: User, inviter: User | None, shop: Shop) -> User | None:
    """Whose group decides the shares: the buyer's own where that is allowed, else their inviter's."""
    if shop.allow_self and buyer.is_distributor:
        return buyer
    return inviter


def shares(
    amount: int,
    seller_id: int,
    inviter_id: int,
    earner: User | None,
    group: UserGroup | None,
    parent: User | None,
    shop: Shop,
) -> Shares:
    """What an order of `amount` minor units pays out once completed, every part truncated.

    The inviter is named even when nobody earns. `parent` is who brought the earner. The seller's
    percentage is taken from what the shares leave.
    """
    share = parent_share = parent_id = 0
    if earner is not None and group is not None and _earns(earner, shop):
        share = min(amount, amount * group.share_reward // 100)
        if group.share_reward > 0 and parent is not None and _earns(parent, shop):
            parent_id = parent.id
            parent_share = min(amount - share, amount * group.parent_reward // 100)
    seller_amount = (amount - share - parent_share) * shop.seller_percent // 100 if seller_id else 0
    return Shares(
        seller_id=seller_id,
        seller_amount=seller_amount,
        share_user_id=earner.id if share and earner is not None else inviter_id,
        share_amount=share,
        share_parent_user_id=parent_id,
        share_parent_amount=parent_share,
    )


def kept(order: Order, share: Decimal) -> Decimal:
    """What is left of a share of the order once refunds are taken off it, truncated as it was at first."""
    if not order.refunded:
        return share
    total = to_micros(order.total)
    left = from_micros(to_micros(share) * (total - to_micros(order.refunded)) // total)
    return rounded(left, order.doc.pricing.get("precision", NO_SHOP.price_digits), Rounding.DOWN)


def _earns(user: User, shop: Shop) -> bool:
    return shop.everyone_distributes or user.is_distributor
