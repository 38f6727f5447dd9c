"""What follows when a basket's order moves: payments, balances, commissions, memberships."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core import changes
from orderhub.core.commands import Action, ChangeOrder
from orderhub.core.commissions import NO_SHOP, Commission, Shop
from orderhub.core.known import (
    Accepted,
    Known,
    NewIds,
    OrderNeed,
    PoolNeed,
    Record,
    RecordKey,
    Wanted,
)
from orderhub.core.memberships import User, UserGroup, balance_subject, extended
from orderhub.core.money import ZERO, to_micros
from orderhub.core.numbering import time_number
from orderhub.core.pools import shortage
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Move, Order, Pool, PoolKey, Status

PAID_FROM_BALANCE = "balance"
# Who earns, as named in `Order.doc.business`: role -> (user id, amount).
_EARNINGS = {
    "seller": ("seller_id", "seller_amount"),
    "share": ("share_user_id", "share_amount"),
    "share_parent": ("share_parent_user_id", "share_parent_amount"),
}


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment begun or made for one order; an order has one at most, whatever is tried."""

    id: int
    number: str
    order_id: int
    way: str
    at_us: int  # tenant's time


RECORDS: dict[str, type] = {"payment": Payment}


def change_needs(
    command: ChangeOrder, order: Order, _known: Known
) -> Iterator[RecordKey | OrderNeed]:
    if command.action not in (Action.PAY, Action.COMPLETE):
        return
    tenant = order.tenant_id
    business = order.doc.business
    yield RecordKey(tenant, "shop", "id", "1")
    for user_id, _role, _amount in _earnings(order):
        yield RecordKey(tenant, "user", "id", str(user_id))
    if command.payment.get("way") == PAID_FROM_BALANCE:
        yield RecordKey(tenant, "user", "id", str(business.get("user_id", 0)))
    if business.get("membership"):
        yield RecordKey(tenant, "user_group", "id", str(business["membership"]))
        yield RecordKey(tenant, "user", "id", str(business.get("user_id", 0)))


def change_pools(command: ChangeOrder, order: Order, known: Known) -> Iterator[PoolNeed]:
    tenant = order.tenant_id
    if command.action is Action.PAY and command.payment.get("way") == PAID_FROM_BALANCE:
        yield _balance_need(tenant, order.doc.business.get("user_id", 0))
    if _completes(command, order, known):
        for user_id, _role, _amount in _earnings(order):
            yield _balance_need(tenant, user_id)


def change_wanted(command: ChangeOrder, order: Order, known: Known) -> Wanted:
    kinds: list[tuple[str, int]] = []
    if _needs_payment_number(command, order):
        kinds.append(("payment", 1))
    earnings = len(_earnings(order)) if _completes(command, order, known) else 0
    if earnings:
        kinds.append(("commission", earnings))
    return Wanted(records=tuple(kinds), uids=sum(count for _, count in kinds))


def on_change(
    command: ChangeOrder, order: Order, accepted: Accepted, known: Known, ids: NewIds
) -> Accepted | Rejected:
    """The further effects of a payment and of completion; every other change stands as it is."""
    if command.payment and order.status is not Status.PENDING:
        return Rejected(
            Reason.TRANSITION_NOT_ALLOWED, "status", f"an order that is {order.status} is not paid"
        )
    uids = iter(ids.uids)
    if command.payment and command.action is Action.AMEND:
        accepted = _begun_once(accepted)
    if _needs_payment_number(command, order):
        accepted = _numbered_payment(command, accepted, known, ids, next(uids))
    if command.action is Action.PAY and command.payment.get("way") == PAID_FROM_BALANCE:
        drawn = _paid_from_balance(order, accepted, known)
        if isinstance(drawn, Rejected):
            return drawn
        accepted = drawn
    if not _completes(command, order, known):
        return accepted
    if command.action is Action.PAY:
        step = msgspec.structs.replace(
            command,
            action=Action.COMPLETE,
            payment={},
            if_version=None,
            only_from=(),
            reason="paid",
        )
        moved = changes.moved_on(step, accepted.order, known)
        assert not isinstance(moved, Rejected), "a paid order can always be completed"
        accepted = msgspec.structs.replace(
            accepted, changed=(moved[0],), events=(*accepted.events, moved[1])
        )
    return _settled(order, accepted, known, ids, list(uids))


def _completes(command: ChangeOrder, order: Order, known: Known) -> bool:
    """A paid membership is complete, nothing is shipped; so is any order where the shop says so."""
    if command.action is not Action.PAY:
        return command.action is Action.COMPLETE
    shop: Shop = known.doc(order.tenant_id, "shop", "id", 1) or NO_SHOP
    return shop.complete_on_payment or bool(order.doc.business.get("membership"))


# --- payments


def _needs_payment_number(command: ChangeOrder, order: Order) -> bool:
    return bool(command.action is Action.PAY or command.payment) and not order.doc.business.get(
        "payment_number"
    )


def _begun_once(accepted: Accepted) -> Accepted:
    """A payment may be begun again and again: of each way only the last time is kept."""
    order = accepted.order
    *earlier, last = order.doc.payments
    kept = (*(each for each in earlier if each.get("way") != last.get("way")), last)
    doc = msgspec.structs.replace(order.doc, payments=kept)
    return msgspec.structs.replace(accepted, changed=(msgspec.structs.replace(order, doc=doc),))


def _numbered_payment(
    command: ChangeOrder, accepted: Accepted, known: Known, ids: NewIds, uid: str
) -> Accepted:
    order = accepted.order
    payment_id = ids.records["payment"][0]
    number = time_number(known.settings(order.tenant_id), order.updated_at, payment_id)
    payment = Payment(
        id=payment_id,
        number=number,
        order_id=order.id,
        way=str(command.payment.get("way", "")),
        at_us=order.updated_at,
    )
    record = Record(
        tenant_id=order.tenant_id, kind="payment", id=payment_id, uid=uid, code=number, doc=payment
    )
    business = {**order.doc.business, "payment_number": number}
    numbered = msgspec.structs.replace(
        order, doc=msgspec.structs.replace(order.doc, business=business)
    )
    return msgspec.structs.replace(
        accepted, changed=(numbered,), records=(*accepted.records, record)
    )


def _paid_from_balance(order: Order, accepted: Accepted, known: Known) -> Accepted | Rejected:
    """The order holds what it drew, so that a refund puts it back like stock."""
    units = to_micros(order.total)
    if not units:
        return accepted
    user_id = order.doc.business.get("user_id", 0)
    payer: User | None = known.doc(order.tenant_id, "user", "id", user_id)
    if payer is not None and payer.is_locked_out:
        return Rejected(Reason.ACCOUNT_UNKNOWN, "owner", f"user {user_id} is locked out")
    subject = balance_subject(user_id)
    draw = Move(PoolKey(order.tenant_id, "balance", subject), "draw", units, order.id)
    refusal = shortage(known, (draw,), field="payment")
    if refusal is not None:
        return refusal
    return msgspec.structs.replace(accepted, moves=(*accepted.moves, draw))


def _balance_need(tenant: int, user_id: int) -> PoolNeed:
    return PoolNeed(tenant, "balance", balance_subject(user_id), "")


# --- completion


def _earnings(order: Order) -> list[tuple[int, str, Decimal]]:
    """(user id, role, amount) of everyone who earns from the order."""
    business = order.doc.business
    return [
        (business[user], role, Decimal(business[amount]))
        for role, (user, amount) in _EARNINGS.items()
        if business.get(user) and business.get(amount)
    ]


def _settled(
    order: Order, accepted: Accepted, known: Known, ids: NewIds, uids: list[str]
) -> Accepted:
    """Commissions go to balances, a membership is extended by one period, whatever its quantity.

    An order completes once in its life, so this happens once.
    """
    tenant = order.tenant_id
    now = accepted.order.updated_at
    earnings = _earnings(order)
    records = [
        Record(
            tenant_id=tenant,
            kind="commission",
            id=record_id,
            uid=uid,
            code="",
            doc=Commission(order_id=order.id, user_id=user_id, role=role, amount=amount, at_us=now),
            keys=(("user", str(user_id)),),
        )
        for record_id, uid, (user_id, role, amount) in zip(
            ids.records.get("commission", ()), uids, earnings, strict=True
        )
    ]
    earned: dict[int, Decimal] = {}
    for user_id, _role, amount in earnings:
        earned[user_id] = earned.get(user_id, ZERO) + amount
    opened, moves = _credits(order, earned, known)
    users = _changed_users(order, earned, known, now)
    return msgspec.structs.replace(
        accepted,
        records=(*accepted.records, *records, *users),
        opened=(*accepted.opened, *opened),
        moves=(*accepted.moves, *moves),
    )


def _credits(
    order: Order, earned: dict[int, Decimal], known: Known
) -> tuple[list[Pool], list[Move]]:
    opened: list[Pool] = []
    moves: list[Move] = []
    for user_id, amount in earned.items():
        key = PoolKey(order.tenant_id, "balance", balance_subject(user_id))
        units = to_micros(amount)
        if known.pool(key) is None:
            opened.append(Pool(key=key, opening=0))
        moves.append(Move(key, "adjustment", units, order.id, reason="commission"))
    return opened, moves


def _changed_users(
    order: Order, earned: dict[int, Decimal], known: Known, now: int
) -> list[Record]:
    tenant = order.tenant_id
    business: dict[str, Any] = order.doc.business
    changed: dict[int, User] = {}
    for user_id, amount in earned.items():
        user: User | None = known.doc(tenant, "user", "id", user_id)
        if user is not None:
            changed[user_id] = msgspec.structs.replace(
                user, total_reward=user.total_reward + amount, updated_at=now
            )
    group_id = business.get("membership", 0)
    if group_id:
        buyer_id = business.get("user_id", 0)
        buyer: User | None = changed.get(buyer_id) or known.doc(tenant, "user", "id", buyer_id)
        group: UserGroup | None = known.doc(tenant, "user_group", "id", group_id)
        if buyer is not None:
            changed[buyer_id] = extended(buyer, group_id, group, now)
    written = []
    for user_id, after in changed.items():
        record = known.record(tenant, "user", "id", user_id)
        assert record is not None
        written.append(msgspec.structs.replace(record, doc=after, version=record.version + 1))
    return written
