"""Baskets: goods or a membership, bought by a user of a shop, at the shop's prices.

Every amount is worked out in whole minor units (`Shop.price_digits`) and truncated, never rounded
up: the unit price after the inviter's group discount, then the coupon on the sum of the lines. What
a client states as a price never counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from orderhub.core import (
    address_book,
    basket_changes,
    carts,
    commissions,
    coupons,
    memberships,
)
from orderhub.core.address_book import Resolved, resolve
from orderhub.core.allocation import allocate
from orderhub.core.basket_prices import (
    BasketItem,
    Priced,
    Prices,
    Rate,
    amount_of,
    line_of,
    percent_of,
    price_lines,
    sellable_of,
    seller_of,
)
from orderhub.core.business import ONE_ORDER, Business
from orderhub.core.catalogue import Sellable, variants_key
from orderhub.core.commands import PlaceOrder, Terms
from orderhub.core.commissions import NO_SHOP, Shares, Shop, earner_of, shares
from orderhub.core.coupons import Coupon, CouponChoice, Redemption, coupon_loads
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
from orderhub.core.memberships import User, UserGroup
from orderhub.core.money import ZERO
from orderhub.core.ordering import MAX_LINES, Draft, compose, untaxed_line
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.stock import is_counted_now, stock_loads
from orderhub.core.values import LineKind, Move, Pool, PoolKey, Settings

MAX_NOTES = 250
MAX_LABEL = 20
_PRICING = {"scope": "unit", "rounding": "down"}
_WITH_ADDRESS = IdQuota(orders=1, records=(("address", 1),), uids=1)


class GoodsBasket(Terms, frozen=True, kw_only=True):
    """What a user buys.

    user_id       0 = a guest, where the shop takes orders of guests
    items         what is bought; for a membership the first item's product_id names the user group
    cart_ids      rows of the carts of `cart_holders`: bought when there are no items, else the items
                  are taken out of them, with what is written in them
    membership    a user group's membership instead of goods
    address_id    a stored address of the user; with `address` over it, which alone is a new address
    address       members of values.Address by name
    label         what the buyer called this kind of order
    """

    user_id: int
    items: tuple[BasketItem, ...] = ()
    cart_ids: tuple[int, ...] = ()
    cart_holders: tuple[str, ...] = ()
    membership: bool = False
    coupon: CouponChoice | None = None
    address_id: int = 0
    address: dict[str, str] | None = None
    label: str = "goods"

    @property
    def cart_rows(self) -> tuple[int, ...]:
        """The cart rows that are named, each once. A membership is never in a cart."""
        return () if self.membership else tuple(dict.fromkeys(self.cart_ids))


class _People(msgspec.Struct, frozen=True):
    """Who has to do with an order. `earner` and their `group` decide the shares."""

    buyer: User | None = None
    inviter: User | None = None
    inviter_group: UserGroup | None = None
    earner: User | None = None
    earner_group: UserGroup | None = None
    earner_parent: User | None = None


# --- facts


def loads(command: PlaceOrder, facts: Facts) -> Iterator[RecordKey | OrderLoad]:
    """One round for an order whose buyer nobody brought, two more for inviters and their groups."""
    terms = command.terms
    assert isinstance(terms, GoodsBasket)
    tenant = command.origin.tenant_id
    yield RecordKey(tenant, "shop", "id", "1")
    if terms.user_id:
        yield from _people_loads(terms.user_id, tenant, facts)
    if terms.address_id:
        yield RecordKey(tenant, "address", "id", str(terms.address_id))
    for cart_id in terms.cart_rows:
        yield RecordKey(tenant, "cart_item", "id", str(cart_id))
    items = terms.items or carts.all_of(_cart_records(terms, tenant, facts)).items
    if terms.membership:
        for item in items[:1]:
            yield RecordKey(tenant, "user_group", "id", str(item.product_id))
    else:
        for item in items:
            yield RecordKey(tenant, "product", "id", str(item.product_id))
            if item.variant_id:
                yield RecordKey(tenant, "variant", "id", str(item.variant_id))
            else:
                yield variants_key(tenant, item.product_id)
    if terms.coupon is not None:
        yield from coupon_loads(terms.coupon, tenant, terms.user_id, facts)


def _people_loads(user_id: int, tenant: int, facts: Facts) -> Iterator[RecordKey]:
    yield RecordKey(tenant, "user", "id", str(user_id))
    buyer: User | None = facts.doc(tenant, "user", "id", user_id)
    if buyer is None:
        return
    if buyer.inviter_id:
        yield RecordKey(tenant, "user", "id", str(buyer.inviter_id))
        inviter: User | None = facts.doc(tenant, "user", "id", buyer.inviter_id)
        if inviter is not None:
            yield RecordKey(tenant, "user_group", "id", str(inviter.group_id))
            if inviter.inviter_id:
                yield RecordKey(tenant, "user", "id", str(inviter.inviter_id))
    if buyer.is_distributor:
        yield RecordKey(tenant, "user_group", "id", str(buyer.group_id))


def pools(command: PlaceOrder, facts: Facts) -> Iterator[PoolLoad]:
    terms = command.terms
    assert isinstance(terms, GoodsBasket)
    tenant = command.origin.tenant_id
    taken = _taken(terms, tenant, facts)
    if not terms.membership and not isinstance(taken, Rejected):
        for item in taken.items:
            sellable = sellable_of(item, tenant, facts)
            if isinstance(sellable, Sellable):
                yield from stock_loads(tenant, sellable)
    if terms.coupon is not None:
        redemption = coupons.find(terms.coupon, tenant, terms.user_id, facts)
        if isinstance(redemption, Redemption):
            yield from coupons.redemption_pools(redemption, tenant, _person(terms))


def id_quota(command: PlaceOrder, _facts: Facts) -> IdQuota:
    terms = command.terms
    assert isinstance(terms, GoodsBasket)
    return ONE_ORDER if terms.address is None or terms.address_id else _WITH_ADDRESS


# --- the decision


def place(command: PlaceOrder, facts: Facts, ids: NewIds) -> Accepted | Rejected:
    """Refusals in the order that shop fronts expect: who, what, where to, prices, stock."""
    terms = command.terms
    assert isinstance(terms, GoodsBasket)
    tenant = command.origin.tenant_id
    settings = facts.settings(tenant)
    now = command.origin.now(settings.clock)
    shop: Shop = facts.doc(tenant, "shop", "id", 1) or NO_SHOP
    people = _people(terms, tenant, facts, shop, now)
    if isinstance(people, Rejected):
        return people
    taken = _taken(terms, tenant, facts, now)
    if isinstance(taken, Rejected):
        return taken
    resolved = resolve(terms.address_id, terms.address, terms.user_id, tenant, facts, now)
    if isinstance(resolved, Rejected):
        return resolved
    rate = Rate(shop.price_digits, percent_of(people.inviter_group))
    prices = Prices(tenant, facts, settings, rate)
    priced = price_lines(taken.items, prices, membership=terms.membership)
    if isinstance(priced, Rejected):
        return priced
    seller_id = seller_of(priced)
    if isinstance(seller_id, Rejected):
        return seller_id
    refusal = _texts_too_long(command, terms, resolved)
    if refusal is not None:
        return refusal
    return _placed(
        command,
        terms,
        facts,
        ids,
        _Basket(
            settings=settings,
            now=now,
            shop=shop,
            people=people,
            taken=taken,
            resolved=resolved,
            priced=priced,
            seller_id=seller_id,
        ),
    )


class _Basket(msgspec.Struct, frozen=True, kw_only=True):
    """What is settled before coupons and stock are looked at."""

    settings: Settings
    now: int
    shop: Shop
    people: _People
    taken: carts.Taken
    resolved: Resolved
    priced: tuple[Priced, ...]
    seller_id: int

    @property
    def currency(self) -> str:
        return self.priced[0].currency

    @property
    def is_foreign(self) -> bool:
        """Whether it is paid in another currency than the tenant's, which balances and coupons are in."""
        return self.currency != self.settings.currency


def _placed(
    command: PlaceOrder, terms: GoodsBasket, facts: Facts, ids: NewIds, basket: _Basket
) -> Accepted | Rejected:
    tenant = command.origin.tenant_id
    order_id = ids.orders[0][0]
    goods = sum(each.amount for each in basket.priced)
    redeemed = _redeemed(terms, facts, tenant, order_id, basket)
    if isinstance(redeemed, Rejected):
        return redeemed
    off, redemption, opened, coupon_moves = redeemed
    stock = _stock_moves(tenant, order_id, basket, facts)
    if isinstance(stock, Rejected):
        return stock
    resolved = basket.resolved
    if resolved.record is not None and not resolved.record.id:
        resolved = address_book.stored_as(resolved, ids.records["address"][0], ids.uids[0])
    composed = compose(
        msgspec.structs.replace(
            command,
            notes=command.notes or _automatic_notes(basket.priced),
            ship_to=resolved.address,
        ),
        facts,
        ids.orders[0],
        _draft(terms, basket, resolved, redemption, goods, off),
        (*stock, *coupon_moves),
    )
    if isinstance(composed, Rejected):
        return composed
    order, event = composed
    return Accepted(
        placed=(order,),
        events=(event,),
        opened=opened,
        moves=(*stock, *coupon_moves),
        records=(*(() if resolved.record is None else (resolved.record,)), *basket.taken.left),
        removed=basket.taken.emptied,
    )


def _people(
    terms: GoodsBasket, tenant: int, facts: Facts, shop: Shop, now: int
) -> _People | Rejected:
    user_id = terms.user_id
    buyer: User | None = facts.doc(tenant, "user", "id", user_id) if user_id else None
    if buyer is None:
        if not user_id and terms.membership:
            return Rejected(Reason.ACCOUNT_UNKNOWN, "owner", "a membership is a user's")
        if not user_id and shop.guest_ordering:
            return _People()
        return Rejected(Reason.ACCOUNT_UNKNOWN, "owner", f"no user {user_id}")
    if buyer.is_locked_out:
        return Rejected(Reason.ACCOUNT_UNKNOWN, "owner", f"user {user_id} is locked out")
    if not buyer.inviter_id and not shop.allow_self:
        return _People(buyer=buyer)

    def group_of(user: User | None) -> UserGroup | None:
        found: UserGroup | None = (
            None if user is None else facts.doc(tenant, "user_group", "id", user.group_at(now))
        )
        return found

    inviter: User | None = (
        facts.doc(tenant, "user", "id", buyer.inviter_id) if buyer.inviter_id else None
    )
    earner = earner_of(buyer, inviter, shop)
    parent_id = 0 if earner is None else earner.inviter_id
    return _People(
        buyer=buyer,
        inviter=inviter,
        inviter_group=group_of(inviter),
        earner=earner,
        earner_group=group_of(earner),
        earner_parent=facts.doc(tenant, "user", "id", parent_id) if parent_id else None,
    )


def _cart_records(terms: GoodsBasket, tenant: int, facts: Facts) -> tuple[Record, ...]:
    """The rows named that there are, in a cart of the buyer's."""
    found = (facts.record(tenant, "cart_item", "id", row_id) for row_id in terms.cart_rows)
    return tuple(
        record
        for record in found
        if record is not None and carts.is_held_by(record, terms.cart_holders)
    )


def _taken(terms: GoodsBasket, tenant: int, facts: Facts, now: int = 0) -> carts.Taken | Rejected:
    """What is bought: what was named, or else the rows that were; and what that takes out of the carts."""
    rows = _cart_records(terms, tenant, facts)
    if terms.items:
        taken = carts.taken_for(terms.items, rows, now)
    elif len(rows) != len(terms.cart_rows):
        return Rejected(Reason.RECORD_UNKNOWN, "cart", "a cart row that is not there")
    else:
        taken = carts.all_of(rows)
    if not taken.items:
        return Rejected(Reason.NOTHING_ORDERED, "lines", "no product is named")
    if len(taken.items) > MAX_LINES:
        return Rejected(Reason.QUANTITY_INVALID, "lines", f"at most {MAX_LINES} lines")
    return carts.Taken(items=taken.items[:1]) if terms.membership else taken


def _texts_too_long(command: PlaceOrder, terms: GoodsBasket, resolved: Resolved) -> Rejected | None:
    if len(command.notes) > MAX_NOTES:
        return Rejected(Reason.CONTACT_INVALID, "notes", f"at most {MAX_NOTES} characters")
    if len(terms.label) > MAX_LABEL:
        return Rejected(Reason.CONTACT_INVALID, "label", f"at most {MAX_LABEL} characters")
    return None if resolved.address is None else address_book.too_long(resolved.address)


def _person(terms: GoodsBasket) -> str:
    return coupons.person_of(terms.user_id, terms.address)


def _redeemed(
    terms: GoodsBasket, facts: Facts, tenant: int, order_id: int, basket: _Basket
) -> tuple[int, Redemption | None, tuple[Pool, ...], tuple[Move, ...]] | Rejected:
    """What the coupon takes off, and the pools and moves that count its redemption."""
    if terms.coupon is None:
        return 0, None, (), ()
    redemption = coupons.find(terms.coupon, tenant, terms.user_id, facts)
    if isinstance(redemption, Rejected):
        return redemption
    if basket.is_foreign and redemption.coupon.states_amounts:
        own, other = basket.settings.currency, basket.currency
        detail = f"the coupon's amounts are in {own}, the order is in {other}"
        return Rejected(Reason.COUPON_NOT_VALID, "coupon", detail)
    # A membership's id names a user group: no coupon for a product is meant for it.
    amounts = [
        (0 if terms.membership else each.line.product_id, each.amount) for each in basket.priced
    ]
    off = coupons.discount(redemption.coupon, amounts, basket.now, basket.shop.price_digits)
    if isinstance(off, Rejected):
        return off
    if not off:
        return 0, None, (), ()  # nothing was taken off, so that nothing is used up
    counted = coupons.redeem(redemption, tenant, _person(terms), order_id, facts)
    if isinstance(counted, Rejected):
        return counted
    return off, redemption, *counted


def _stock_moves(
    tenant: int, order_id: int, basket: _Basket, facts: Facts
) -> list[Move] | Rejected:
    taken: dict[PoolKey, int] = {}
    moves: list[Move] = []
    for line_no, each in enumerate(basket.priced, 1):
        if each.sellable is None or not is_counted_now(facts, tenant, each.sellable):
            continue
        subject, units = each.sellable.subject, each.line.quantity
        found = allocate(facts, tenant, subject, units, taken, basket.settings.default_warehouse)
        if found is None:
            return Rejected(
                Reason.OUT_OF_STOCK, f"lines[{line_no - 1}].quantity", f"{units} of {subject}"
            )
        moves += [Move(key, "draw", part, order_id, line_no) for key, part in found]
    return moves


# --- putting the order together


def _automatic_notes(priced: tuple[Priced, ...]) -> str:
    title = priced[0].line.title
    notes = title if len(priced) == 1 else f"{title}..."
    return notes[:MAX_NOTES]


def _draft(
    terms: GoodsBasket,
    basket: _Basket,
    resolved: Resolved,
    redemption: Redemption | None,
    goods: int,
    off: int,
) -> Draft:
    digits = basket.shop.price_digits
    sold = zip(basket.taken.items, basket.priced, strict=True)
    lines = [line_of(line_no, item, priced) for line_no, (item, priced) in enumerate(sold, 1)]
    if redemption is not None:
        coupon = redemption.coupon
        lines.append(
            untaxed_line(
                len(lines) + 1,
                LineKind.DISCOUNT,
                coupon.title or coupon.code,
                1,
                amount_of(-off, digits),
                data={"coupon": coupon.id},
            )
        )
    return Draft(
        lines=tuple(lines),
        currency=basket.currency,
        pricing={**_PRICING, "precision": digits},
        business=_details(terms, basket, resolved, redemption, goods, off),
    )


def _details(
    terms: GoodsBasket,
    basket: _Basket,
    resolved: Resolved,
    redemption: Redemption | None,
    goods: int,
    off: int,
) -> BasketDetails:
    """What the order is about beside its lines."""
    people = basket.people
    parts: Shares = shares(
        # Balances are in the tenant's currency: what is paid in another is shared with nobody.
        0 if basket.is_foreign else goods - off,
        basket.seller_id,
        0 if people.buyer is None else people.buyer.inviter_id,
        people.earner,
        people.earner_group,
        people.earner_parent,
        basket.shop,
    )
    digits = basket.shop.price_digits
    return BasketDetails(
        user_id=terms.user_id,
        label=terms.label,
        membership=basket.priced[0].line.product_id if terms.membership else 0,
        address_id=0 if resolved.address is None else resolved.address.id,
        coupon_id=0 if redemption is None else redemption.coupon.id,
        coupon_lines=() if redemption is None else _lines_of(redemption.coupon, basket),
        coupon_claim_id=0
        if redemption is None or redemption.claim is None
        else redemption.claim.id,
        seller_id=parts.seller_id,
        seller_amount=_kept_amount(parts.seller_amount, digits),
        share_user_id=parts.share_user_id,
        share_amount=_kept_amount(parts.share_amount, digits),
        share_parent_user_id=parts.share_parent_user_id,
        share_parent_amount=_kept_amount(parts.share_parent_amount, digits),
        origin_amount=_kept_amount(
            sum(each.list_price * each.line.quantity for each in basket.priced), digits
        ),
        form_url=next((each.form_url for each in basket.priced if each.form_url), ""),
    )


def _lines_of(coupon: Coupon, basket: _Basket) -> tuple[int, ...]:
    """The numbers of the lines that a coupon for some products is for; none where it is for all."""
    if not coupon.products:
        return ()
    lines = enumerate(basket.priced, 1)
    return tuple(line_no for line_no, each in lines if coupon.is_for(each.line.product_id))


def _kept_amount(minor: int, digits: int) -> Decimal:
    """An amount as an order keeps it: no amount is not stored, however many decimals it would have."""
    return amount_of(minor, digits) if minor else ZERO


BUSINESS = Business(
    name="GoodsBasket",
    terms=GoodsBasket,
    details=BasketDetails,
    place=place,
    loads=loads,
    pools=pools,
    id_quota=id_quota,
    records={
        **memberships.RECORDS,
        **commissions.RECORDS,
        **coupons.RECORDS,
        **address_book.RECORDS,
        **carts.RECORDS,
        **basket_changes.RECORDS,
    },
    on_change=basket_changes.on_change,
    from_balance=basket_changes.is_paid_from_balance,
    change_loads=basket_changes.change_loads,
    change_pools=basket_changes.change_pools,
    change_id_quota=basket_changes.change_id_quota,
)
