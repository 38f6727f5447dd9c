"""Who buys: users and their groups, what a group's membership costs and how long it lasts."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from orderhub.core.money import ZERO
from orderhub.core.ranges import Rule
from orderhub.core.units import (
    AnyCurrency,
    Days,
    Instant,
    ItemId,
    Number,
    Percent,
    Price,
    about,
)
from orderhub.core.values import MICROSECONDS

_DAY_US = 86_400 * MICROSECONDS
# A membership whose group is gone by the time the order completes still was paid for.
_DAYS_WITHOUT_GROUP = 365
MAX_NAME = 100
MOBILE = "1[3-9][0-9]{9}"
EMAIL = r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]{2,}"
# What a user is found by when they log in, without regard to case.
NAMES = ("user_name", "phone", "email")
UserName = Annotated[
    str,
    Meta(
        extra_json_schema={
            "pattern": r"^(\S(.*\S)?)?$",
            "format": "trimmed",
            "maxLength": MAX_NAME,
        }
    ),
]
Email = Annotated[
    str,
    Meta(extra_json_schema={"pattern": f"^({EMAIL})?$", "format": "e-mail", "maxLength": MAX_NAME}),
]
Mobile = Annotated[str, Meta(extra_json_schema={"pattern": f"^({MOBILE})?$", "format": "mobile"})]
UserStatus = Annotated[int, Meta(extra_json_schema={"enum": [-1, 0, 1]})]


class User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person with an account at a shop.

    Instants are microseconds since 1970 UTC of the tenant's time.
    """

    id: ItemId
    user_name: Annotated[UserName, about("what they log in with, in any case", "anqicms")] = ""
    email: Annotated[Email, about("they log in with it too", "anqicms")] = ""
    phone: Annotated[Mobile, about("they log in with it too", "anqicms")] = ""
    group_id: Annotated[Number, about("the membership they have", "anqicms")] = 0
    inviter_id: Annotated[
        Number,
        about(
            "the user who brought them: earns from their orders, and whose group gives them a discount",
            "anqicms",
        ),
    ] = 0
    is_distributor: Annotated[
        bool, about("whether they earn from orders of those they brought", "anqicms")
    ] = False
    status: Annotated[UserStatus, about("1 = may log in and order, -1 = locked out", "anqicms")] = 1
    sessions: Annotated[
        Number,
        about(
            "how often all sessions were ended: a token issued before is worth nothing", "anqicms"
        ),
    ] = 0
    expires_at: Annotated[
        Instant,
        about("end of their membership: its terms hold no longer; none = it has no end", "anqicms"),
    ] = 0
    total_reward: Annotated[Decimal, about("all commissions so far", "anqicms")] = ZERO
    created_at: Annotated[Instant, about("when they registered", "anqicms")] = 0
    updated_at: Annotated[Instant, about("when they last changed", "anqicms")] = 0
    data: Annotated[dict[str, Any], about("their real name, picture and the like", "anqicms")] = {}

    def __post_init__(self) -> None:
        # Older hubs kept the names in `data`.
        found = {name: self.data[name] for name in NAMES if name in self.data}
        if found:
            for name, value in found.items():
                msgspec.structs.force_setattr(self, name, getattr(self, name) or str(value))
            rest = {name: value for name, value in self.data.items() if name not in NAMES}
            msgspec.structs.force_setattr(self, "data", rest)

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What they are found by, as pairs of a name's kind and its text."""
        given = ((by, str(getattr(self, by)).lower()) for by in NAMES)
        return tuple((by, value) for by, value in given if value)

    @property
    def is_locked_out(self) -> bool:
        return self.status < 0

    def group_at(self, now_us: int) -> int:
        """The group whose terms hold for them now; 0 once the membership has ended."""
        return 0 if 0 < self.expires_at <= now_us else self.group_id

    @property
    def balance_subject(self) -> str:
        return balance_subject(self.id)


class UserGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A group of users, and the membership in it that can be bought."""

    id: ItemId
    title: Annotated[str, about("what it is called", "anqicms")] = ""
    price: Annotated[
        Price | None,
        about("of one period; none = the membership cannot be bought, 0 = free", "anqicms"),
    ] = None
    currency: Annotated[AnyCurrency, about("of the price; empty = the tenant's", "anqicms")] = ""
    discount: Annotated[
        Percent,
        about("what those pay of list prices whom a member brought; 0 = all of it", "anqicms"),
    ] = 0
    share_reward: Annotated[
        Percent, about("of an order's amount, to the distributor who brought its buyer", "anqicms")
    ] = 0
    parent_reward: Annotated[
        Percent, about("of it, to the one who brought that distributor", "anqicms")
    ] = 0
    expire_days: Annotated[Days, about("of one period", "anqicms")] = 0
    level: Annotated[int, about("its rank in the list of groups", "anqicms")] = 0
    active: Annotated[bool, about("whether it is shown and sold", "anqicms")] = True
    data: Annotated[dict[str, Any], about("what the vendor shows besides", "anqicms")] = {}

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "expire_days",
            "is at least 1 where there is a price: the period that is bought",
            lambda group: group.price is None or group.expire_days > 0,
        ),
    )


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
