"""What follows when a basket's order moves: payments, balances, commissions, memberships."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core import changes
from orderhub.core.commands import Action, ChangeOrder
from orderhub.core.commissions import NO_SHOP, Commission, Shop, kept
from orderhub.core.details import BasketDetails
from orderhub.core.facts import (
    Accepted,
    Facts,
    IdQuota,
    NewIds,
    OrderLoad,
    PoolLoad,
    Record,
    RecordKey,
)
from orderhub.core.memberships import User, UserGroup, balance_subject, extended
from orderhub.core.money import ZERO, from_micros, to_micros
from orderhub.core.numbering import time_number
from orderhub.core.pools import shortage
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Move, Order, OrderDoc, Pool, PoolKey, Status

PAID_FROM_BALANCE = "balance"


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment begun or made for one order; an order has one at most, whatever is tried."""

    id: int
    number: str
    order_id: int
    way: str
    at_us: int  # tenant's time


RECORDS: dict[str, type] = {"payment": Payment}


def _basket(order: Order) -> BasketDetails:
    details = order.doc.business
    assert isinstance(details, BasketDetails), f"order {order.number} is no basket"
    return details


def _with_details(order: Order, **members: Any) -> Order:
    details = msgspec.structs.replace(_basket(order), **members)
    doc = msgspec.structs.replace(order.doc, business=details)
    return msgspec.structs.replace(order, doc=doc)


def change_loads(
    command: ChangeOrder, order: Order, _facts: Facts
) -> Iterator[RecordKey | OrderLoad]:
    tenant = order.tenant_id
    if _takes_back(command, order):
        for user_id, _role, _amount in _earnings(order):
            yield RecordKey(tenant, "user", "id", str(user_id))
    basket = _basket(order)
    if command.payment is not None and command.action is Action.AMEND:
        yield RecordKey(tenant, "user", "id", str(basket.user_id))
    if command.action not in (Action.PAY, Action.COMPLETE):
        return
    yield RecordKey(tenant, "shop", "id", "1")
    for user_id, _role, _amount in _earnings(order):
        yield RecordKey(tenant, "user", "id", str(user_id))
    if _way(command) == PAID_FROM_BALANCE:
        yield RecordKey(tenant, "user", "id", str(basket.user_id))
    if basket.membership:
        yield RecordKey(tenant, "user_group", "id", str(basket.membership))
        yield RecordKey(tenant, "user", "id", str(basket.user_id))


def change_pools(command: ChangeOrder, order: Order, facts: Facts) -> Iterator[PoolLoad]:
    tenant = order.tenant_id
    if command.action is Action.PAY and _way(command) == PAID_FROM_BALANCE:
        yield _balance_load(tenant, _basket(order).user_id)
    if _completes(command, order, facts) or _takes_back(command, order):
        for user_id, _role, _amount in _earnings(order):
            yield _balance_load(tenant, user_id)


def change_id_quota(command: ChangeOrder, order: Order, facts: Facts) -> IdQuota:
    kinds: list[tuple[str, int]] = []
    if _needs_payment_number(command, order):
        kinds.append(("payment", 1))
    pays = _completes(command, order, facts) or _takes_back(command, order)
    earnings = len(_earnings(order)) if pays else 0
    if earnings:
        kinds.append(("commission", earnings))
    return IdQuota(records=tuple(kinds), uids=sum(count for _, count in kinds))


def on_change(
    command: ChangeOrder, order: Order, accepted: Accepted, facts: Facts, ids: NewIds
) -> Accepted | Rejected:
    """The further effects of a payment and of completion; every other change stands as it is."""
    is_payment = command.payment is not None
    if is_payment and order.status is not Status.PENDING:
        return Rejected(
            Reason.TRANSITION_NOT_ALLOWED, "status", f"an order that is {order.status} is not paid"
        )
    if order.total < 0 and (is_payment or command.action is Action.PAY):
        # An older hub let negative prices in: such an order is cancelled, nobody is paid for buying.
        return Rejected(
            Reason.TRANSITION_NOT_ALLOWED,
            "total",
            f"an order that comes to {order.total} is not paid",
        )
    uids = iter(ids.uids)
    if is_payment and command.action is Action.AMEND:
        refusal = _locked_out(order, facts)
        if refusal is not None:
            return refusal
        accepted = _begun_once(accepted)
    if _needs_payment_number(command, order):
        accepted = _numbered_payment(command, accepted, facts, ids, next(uids))
    if command.action is Action.PAY and _way(command) == PAID_FROM_BALANCE:
        drawn = _paid_from_balance(order, accepted, facts)
        if isinstance(drawn, Rejected):
            return drawn
        accepted = drawn
    if _takes_back(command, order):
        return _taken_back(order, accepted, facts, ids)
    if not _completes(command, order, facts):
        return accepted
    if command.action is Action.PAY:
        step = msgspec.structs.replace(
            command,
            action=Action.COMPLETE,
            payment=None,
            if_version=None,
            only_from=(),
            reason="paid",
        )
        moved = changes.moved_on(step, accepted.order, facts)
        assert not isinstance(moved, Rejected), "a paid order can always be completed"
        accepted = msgspec.structs.replace(
            accepted, changed=(moved[0],), events=(*accepted.events, moved[1])
        )
    return _settled(order, accepted, facts, ids, list(uids))


def _completes(command: ChangeOrder, order: Order, facts: Facts) -> bool:
    """A paid membership is complete, nothing is shipped; so is any order where the shop says so."""
    if command.action is not Action.PAY:
        return command.action is Action.COMPLETE
    shop: Shop = facts.doc(order.tenant_id, "shop", "id", 1) or NO_SHOP
    return shop.complete_on_payment or bool(_basket(order).membership)


def _takes_back(command: ChangeOrder, order: Order) -> bool:
    """A refund once commissions were paid: what was earned from that money is taken back."""
    is_refund = command.action in (Action.REFUND, Action.REFUND_PART)
    return is_refund and _basket(order).completed_at is not None


# --- payments


def _needs_payment_number(command: ChangeOrder, order: Order) -> bool:
    is_payment = command.action is Action.PAY or command.payment is not None
    return is_payment and not _basket(order).payment_number


def _way(command: ChangeOrder) -> str:
    return "" if command.payment is None else command.payment.way


def _begun_once(accepted: Accepted) -> Accepted:
    """A payment may be begun again and again: of each way only the last time is kept."""
    order = accepted.order
    *earlier, last = order.doc.payments
    kept = (*(each for each in earlier if each.way != last.way), last)
    doc = msgspec.structs.replace(order.doc, payments=kept)
    return msgspec.structs.replace(accepted, changed=(msgspec.structs.replace(order, doc=doc),))


def _numbered_payment(
    command: ChangeOrder, accepted: Accepted, facts: Facts, ids: NewIds, uid: str
) -> Accepted:
    order = accepted.order
    payment_id = ids.records["payment"][0]
    number = time_number(facts.settings(order.tenant_id), order.updated_at, payment_id)
    payment = Payment(
        id=payment_id,
        number=number,
        order_id=order.id,
        way=_way(command),
        at_us=order.updated_at,
    )
    record = Record(
        tenant_id=order.tenant_id, kind="payment", id=payment_id, uid=uid, code=number, doc=payment
    )
    numbered = _with_details(order, payment_number=number)
    return msgspec.structs.replace(
        accepted, changed=(numbered,), records=(*accepted.records, record)
    )


def _paid_from_balance(order: Order, accepted: Accepted, facts: Facts) -> Accepted | Rejected:
    """The order holds what it drew, so that a refund puts it back like stock."""
    units = to_micros(order.total)
    if not units:
        return accepted
    own = facts.settings(order.tenant_id).currency
    if order.currency != own:
        detail = f"balances are in {own}, the order is in {order.currency}"
        return Rejected(Reason.CURRENCY_NOT_ENABLED, "payment", detail)
    refusal = _locked_out(order, facts)
    if refusal is not None:
        return refusal
    subject = balance_subject(_basket(order).user_id)
    draw = Move(PoolKey(order.tenant_id, "balance", subject), "draw", units, order.id)
    refusal = shortage(facts, (draw,), field="payment")
    if refusal is not None:
        return refusal
    return msgspec.structs.replace(accepted, moves=(*accepted.moves, draw))


def is_paid_from_balance(doc: OrderDoc) -> bool:
    """Whether the order's total was drawn from its buyer's balance."""
    return any(each.way == PAID_FROM_BALANCE for each in doc.payments)


def _locked_out(order: Order, facts: Facts) -> Rejected | None:
    """Why its buyer pays nothing now, if so, whoever asks in their name. What a shop was paid it may still note."""
    user_id = _basket(order).user_id
    payer: User | None = facts.doc(order.tenant_id, "user", "id", user_id)
    if payer is None or not payer.is_locked_out:
        return None
    return Rejected(Reason.ACCOUNT_UNKNOWN, "owner", f"user {user_id} is locked out")


def _balance_load(tenant: int, user_id: int) -> PoolLoad:
    return PoolLoad(tenant, "balance", balance_subject(user_id), "")


# --- completion


def _earnings(order: Order) -> list[tuple[int, str, Decimal]]:
    """(user id, role, amount) of everyone who earns from what is left of the order after refunds."""
    basket = _basket(order)
    shares = (
        (basket.seller_id, "seller", basket.seller_amount),
        (basket.share_user_id, "share", basket.share_amount),
        (basket.share_parent_user_id, "share_parent", basket.share_parent_amount),
    )
    standing = [(user_id, role, kept(order, amount)) for user_id, role, amount in shares if user_id]
    return [each for each in standing if each[2]]


def _settled(
    order: Order, accepted: Accepted, facts: Facts, ids: NewIds, uids: list[str]
) -> Accepted:
    """Commissions go to balances, a membership is extended by one period, whatever its quantity.

    An order completes once in its life, so this happens once.
    """
    tenant = order.tenant_id
    now = accepted.order.updated_at
    earnings = _earnings(order)
    records = _commissions(accepted.order, earnings, ids, uids)
    earned = _by_user(earnings)
    opened, moves = _credits(order, earned, facts)
    users = _rewarded(tenant, earned, facts, now)
    group_id = _basket(order).membership
    if group_id:
        buyer_id = _basket(order).user_id
        buyer: User | None = users.get(buyer_id) or facts.doc(tenant, "user", "id", buyer_id)
        group: UserGroup | None = facts.doc(tenant, "user_group", "id", group_id)
        if buyer is not None:
            users[buyer_id] = extended(buyer, group_id, group, now)
    return msgspec.structs.replace(
        accepted,
        records=(*accepted.records, *records, *_user_records(tenant, users, facts)),
        opened=(*accepted.opened, *opened),
        moves=(*accepted.moves, *moves),
    )


def _credits(
    order: Order, earned: dict[int, Decimal], facts: Facts
) -> tuple[list[Pool], list[Move]]:
    opened: list[Pool] = []
    moves: list[Move] = []
    for user_id, amount in earned.items():
        key = PoolKey(order.tenant_id, "balance", balance_subject(user_id))
        units = to_micros(amount)
        if facts.pool(key) is None:
            opened.append(Pool(key=key, opening=0))
        moves.append(Move(key, "adjustment", units, order.id, reason="commission"))
    return opened, moves


def _commissions(
    order: Order, earnings: list[tuple[int, str, Decimal]], ids: NewIds, uids: list[str]
) -> list[Record]:
    """A record of each; there may be fewer than ids were set aside for."""
    return [
        Record(
            tenant_id=order.tenant_id,
            kind="commission",
            id=record_id,
            uid=uid,
            code="",
            doc=Commission(
                order_id=order.id,
                user_id=user_id,
                role=role,
                amount=amount,
                at_us=order.updated_at,
            ),
            keys=(("user", str(user_id)),),
        )
        for record_id, uid, (user_id, role, amount) in zip(
            ids.records.get("commission", ()), uids, earnings, strict=False
        )
    ]


def _by_user(earnings: list[tuple[int, str, Decimal]]) -> dict[int, Decimal]:
    sums: dict[int, Decimal] = {}
    for user_id, _role, amount in earnings:
        sums[user_id] = sums.get(user_id, ZERO) + amount
    return sums


def _rewarded(tenant: int, sums: dict[int, Decimal], facts: Facts, now: int) -> dict[int, User]:
    """The users as they are once these sums are added to what they earned in all."""
    changed: dict[int, User] = {}
    for user_id, amount in sums.items():
        user: User | None = facts.doc(tenant, "user", "id", user_id)
        if user is not None:
            changed[user_id] = msgspec.structs.replace(
                user, total_reward=user.total_reward + amount, updated_at=now
            )
    return changed


def _user_records(tenant: int, users: dict[int, User], facts: Facts) -> list[Record]:
    written = []
    for user_id, after in users.items():
        record = facts.record(tenant, "user", "id", user_id)
        assert record is not None
        written.append(msgspec.structs.replace(record, doc=after, version=record.version + 1))
    return written


# --- refunds after completion


def _taken_back(order: Order, accepted: Accepted, facts: Facts, ids: NewIds) -> Accepted:
    """What was earned from the money that is refunded leaves the balances, as far as it is there.

    The buyer gets their money whatever the earners did with theirs: what they no longer have is noted
    on the order, by user, as `commissions_owed`.
    """
    tenant, after = order.tenant_id, accepted.order
    still = {role: amount for _user_id, role, amount in _earnings(after)}
    taken: list[tuple[int, str, Decimal]] = []
    moves: list[Move] = []
    short: list[tuple[int, str, Decimal]] = []
    for user_id, role, amount in _earnings(order):
        back = to_micros(amount - still.get(role, ZERO))
        key = PoolKey(tenant, "balance", balance_subject(user_id))
        units = min(back, _left(key, facts, (*accepted.moves, *moves)))
        if units:
            moves.append(Move(key, "adjustment", -units, order.id, reason="commission taken back"))
            taken.append((user_id, role, -from_micros(units)))
        if units < back:
            short.append((user_id, role, from_micros(back - units)))
    if short:
        after = _with_debts(after, _by_user(short))
    users = _rewarded(tenant, _by_user(taken), facts, after.updated_at)
    return msgspec.structs.replace(
        accepted,
        changed=(after,),
        records=(
            *accepted.records,
            *_commissions(after, taken, ids, list(ids.uids)),
            *_user_records(tenant, users, facts),
        ),
        moves=(*accepted.moves, *moves),
    )


def _with_debts(order: Order, more: dict[int, Decimal]) -> Order:
    owed = dict(_basket(order).commissions_owed)
    for user_id, amount in more.items():
        owed[user_id] = owed.get(user_id, ZERO) + amount
    return _with_details(order, commissions_owed=owed)


def _left(key: PoolKey, facts: Facts, moves: tuple[Move, ...]) -> int:
    """What a balance holds once these moves are made."""
    pool = facts.pool(key)
    held = 0 if pool is None else pool.available
    return held + sum(
        {"return": move.units, "adjustment": move.units}.get(move.kind, 0)
        for move in moves
        if move.key == key
    )
