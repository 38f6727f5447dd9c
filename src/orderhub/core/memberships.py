"""Who buys: users and their groups, what a group's membership costs and how long it lasts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.money import ZERO
from orderhub.core.units import Days, Instant, Percent
from orderhub.core.values import MICROSECONDS

_DAY_US = 86_400 * MICROSECONDS
# A membership whose group is gone by the time the order completes still was paid for.
_DAYS_WITHOUT_GROUP = 365


class User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person with an account at a shop. Instants are microseconds since 1970 UTC, tenant's time.

    inviter_id      who brought them: earns from their orders, and whose group gives them a discount
    is_distributor  may earn from orders of those they brought
    status          1 = may log in and order, below 0 = locked out
    sessions        how often all sessions were ended: a token that was issued before is worth nothing
    expires_at      end of their group's membership, 0 = none was bought
    total_reward    all commissions so far
    data            what vendors show: names, e-mail, phone, picture
    """

    id: int
    group_id: int = 0
    inviter_id: int = 0
    is_distributor: bool = False
    status: int = 1
    sessions: int = 0
    expires_at: Instant = 0
    total_reward: Decimal = ZERO
    created_at: Instant = 0
    updated_at: Instant = 0
    data: dict[str, Any] = {}

    @property
    def is_locked_out(self) -> bool:
        return self.status < 0

    @property
    def balance_subject(self) -> str:
        return balance_subject(self.id)


class UserGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A group of users. Percentages are whole.

    price          what one membership period costs
    discount       percent of the list price that those pay whom a member brought, 0 = all of it
    share_reward   percent of an order's amount for the distributor who brought the buyer
    parent_reward  percent for the one who brought that distributor
    expire_days    days of one membership period
    """

    id: int
    title: str = ""
    price: Decimal = ZERO
    currency: str = ""  # empty = the tenant's default
    discount: Percent = 0
    share_reward: Percent = 0
    parent_reward: Percent = 0
    expire_days: Days = 0
    level: int = 0
    active: bool = True
    data: dict[str, Any] = {}


RECORDS: dict[str, type] = {"user": User, "user_group": UserGroup}


def balance_subject(user_id: int) -> str:
    """The name of a user's balance: a pool of kind `balance`, in millionths."""
    return f"user:{user_id}"


def extended(user: User, group_id: int, group: UserGroup | None, now_us: int) -> User:
    """The user with one membership period more, from now or from the end of the present one."""
    days = _DAYS_WITHOUT_GROUP if group is None else group.expire_days
    return msgspec.structs.replace(
        user,
        group_id=group_id,
        expires_at=max(now_us, user.expires_at) + days * _DAY_US,
        updated_at=now_us,
    )
