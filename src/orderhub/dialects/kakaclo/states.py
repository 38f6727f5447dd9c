"""The statuses of both versions: which orders each stands for, and which others may be asked for."""

from __future__ import annotations

from orderhub.core.queries import GroupState
from orderhub.core.values import Status

_PENDING, _PAID, _SHIPPED, _DONE = Status.PENDING, Status.PAID, Status.SHIPPED, Status.COMPLETED
_CANCELLED, _REFUNDING, _REFUNDED = Status.CANCELLED, Status.REFUNDING, Status.REFUNDED

# The V1 status of a group: the one whose condition holds. Exactly one does for any set of statuses.
STATES: dict[str, GroupState] = {
    "refunding": GroupState(some=((_REFUNDING,),)),
    "waiting_payment": GroupState(some=((_PENDING,),), none=(_REFUNDING, _SHIPPED, _DONE)),
    "waiting_to_ship": GroupState(some=((_PAID,),), none=(_REFUNDING, _PENDING, _SHIPPED, _DONE)),
    "partial_shipped": GroupState(some=((_SHIPPED, _DONE), (_PENDING, _PAID)), none=(_REFUNDING,)),
    "shipped": GroupState(some=((_SHIPPED,),), none=(_REFUNDING, _PENDING, _PAID)),
    "delivered": GroupState(some=((_DONE,),), none=(_REFUNDING, _PENDING, _PAID, _SHIPPED)),
    "refunded": GroupState(
        some=((_REFUNDED,),), none=(_REFUNDING, _PENDING, _PAID, _SHIPPED, _DONE)
    ),
    "cancel": GroupState(
        some=((_CANCELLED,),), none=(_REFUNDING, _PENDING, _PAID, _SHIPPED, _DONE, _REFUNDED)
    ),
}
# V1 status -> V2 status, financialStatus, fulfillmentStatus.
V2_STATES: dict[str, tuple[str, str, str]] = {
    # How far it is sent is what it was before the refund was asked for: see `show`.
    "refunding": ("processing", "paid", "NULL"),
    "waiting_payment": ("waiting_payment", "waiting", "NULL"),
    "waiting_to_ship": ("processing", "paid", "waiting_to_ship"),
    "partial_shipped": ("processing", "paid", "partially_shipped"),
    "shipped": ("processing", "paid", "fully_shipped"),
    "delivered": ("completed", "paid", "completed"),
    "refunded": ("cancel", "paid", "NULL"),
    "cancel": ("cancel", "NULL", "NULL"),
}
# Names of seed-time pages for the statuses of today.
_OLD_STATES = {"waiting_toship": "waiting_to_ship"}
DRAFT_WORDS = {new: old for old, new in _OLD_STATES.items()}
# Statuses that no order of ours ever has, yet may be asked for.
_EMPTY_STATES = frozenset({"refund_fail"})
_V2_ONLY = frozenset({"abnormal_order", "processing", "completed"})

V1_WORDS = frozenset({*STATES, *_EMPTY_STATES, *_OLD_STATES})
V2_WORDS = frozenset({*(shown[0] for shown in V2_STATES.values()), *V1_WORDS, *_V2_ONLY})


def states_of(word: str, *, v2: bool) -> frozenset[str]:
    """The V1 statuses that a word stands for, in either version. Raises KeyError for one that is no status."""
    name = _OLD_STATES.get(word, word)
    of_v2 = {state for state, shown in V2_STATES.items() if shown[0] == name}
    if v2 and (of_v2 or name in _V2_ONLY):
        return frozenset(of_v2)
    if name in _EMPTY_STATES:
        return frozenset()
    STATES[name]
    return frozenset({name})
