"""Pools counted anew: what a pool may be called, and what becomes of a correction.

A name that the catalogue does not know is a slip of the pen: it opens no pool that nothing draws on. A
pool that is there can be corrected even when its warehouse or its item is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from orderhub.core.catalogue import Product, Sellable, Variant, keys_of_code
from orderhub.core.commands import AdjustPool
from orderhub.core.coupons import Coupon
from orderhub.core.departures import day_of_place, departure_on
from orderhub.core.facts import Accepted, Facts, NewIds, PoolLoad, RecordKey
from orderhub.core.pools import MONEY_KINDS, POOL_KINDS, stated
from orderhub.core.quotes import Tour
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Move, Pool, PoolKey

# What one pool holds at most. Sums of so many fit into 64 bits.
MOST_UNITS = 10**15
MOST_MICROS = 10**18
_NAMED = re.compile(r"([a-z_]+):([1-9][0-9]{0,14})")
_OF_DEPARTURES = ("seats", "rooms")
_TOURS = ("tour", "ticket")  # kinds of product
_UNKNOWN = {
    "product": Reason.PRODUCT_UNKNOWN,
    "variant": Reason.VARIANT_UNKNOWN,
    "coupon": Reason.COUPON_UNKNOWN,
    "coupon_claim": Reason.COUPON_UNKNOWN,
    "user": Reason.ACCOUNT_UNKNOWN,
}
# Kind of pool -> the kinds of record that its subject may name.
_SUBJECTS = {
    "stock": ("product", "variant"),
    "seats": ("product",),
    "rooms": ("product",),
    "coupon": ("coupon", "coupon_claim"),
    "balance": ("user",),
}


def _parsed(name: str) -> tuple[str, int]:
    """`product:7` as its parts; what has not that form names nothing."""
    found = _NAMED.fullmatch(name)
    return (found[1], int(found[2])) if found else ("", 0)


# --- facts


def loads(command: AdjustPool, facts: Facts) -> Iterator[RecordKey]:
    """The item that is counted, and where or for whom."""
    tenant = command.origin.tenant_id
    if command.code:
        if command.kind == "coupon":
            yield RecordKey(tenant, "coupon", "code", command.code)
        else:
            yield from keys_of_code(tenant, command.code)
    subject = _subject(command, facts)
    if isinstance(subject, str):
        yield from _subject_loads(command.kind, subject, tenant, facts)
    if command.kind == "stock":
        yield (
            RecordKey(tenant, "warehouse", "code", command.place)
            if command.place
            else RecordKey(tenant, "warehouse", "all")
        )
    what, number = _parsed(command.place)
    if command.kind == "coupon" and what == "user":
        yield RecordKey(tenant, "user", "id", str(number))


def _subject_loads(kind: str, subject: str, tenant: int, facts: Facts) -> Iterator[RecordKey]:
    what, number = _parsed(subject)
    if what not in _SUBJECTS.get(kind, ()):
        return
    yield RecordKey(tenant, what, "id", str(number))
    if kind in _OF_DEPARTURES:
        yield RecordKey(tenant, "tour", "id", str(number))
    elif what == "product":
        yield RecordKey(tenant, "variant", "product", str(number))
    elif what == "variant":
        variant: Variant | None = facts.doc(tenant, "variant", "id", number)
        if variant is not None:
            yield RecordKey(tenant, "product", "id", str(variant.product_id))


def pools(command: AdjustPool, facts: Facts) -> tuple[PoolLoad, ...]:
    subject = _subject(command, facts)
    if isinstance(subject, Rejected):
        return ()
    return (PoolLoad(command.origin.tenant_id, command.kind, subject, command.place),)


# --- the decision


def adjust(command: AdjustPool, facts: Facts, _ids: NewIds) -> Accepted | Rejected:
    """The pool counts more or fewer units, or as many as are said; it never goes below zero.

    It is opened when it does not exist, also by a count of 0: then nothing is left. A count that is
    right already changes nothing. `low_at` alone opens nothing: what was never counted has no end.
    """
    if command.kind not in POOL_KINDS:
        return Rejected(Reason.REFERENCE_UNKNOWN, "kind", f"one of {', '.join(POOL_KINDS)}")
    subject = _subject(command, facts)
    if isinstance(subject, Rejected):
        return subject
    key = PoolKey(command.origin.tenant_id, command.kind, subject, command.place)
    pool = facts.pool(key)
    refusal = _uncounted(key, facts)
    if refusal is None and pool is None:
        refusal = _unknown_subject(key, facts, "code" if command.code else "subject")
        refusal = refusal or _unknown_place(key, facts)
    if refusal is not None:
        return refusal
    held = 0 if pool is None else pool.available
    by = command.by if command.count is None else command.count - held
    member = "by" if command.count is None else "count"
    most = MOST_MICROS if command.kind in MONEY_KINDS else MOST_UNITS
    if held + by < 0:
        return Rejected(Reason.OUT_OF_STOCK, member, f"only {stated(command.kind, held)} left")
    if held + by > most:
        detail = f"a pool holds at most {stated(command.kind, most)}"
        return Rejected(Reason.AMOUNT_OUT_OF_RANGE, member, detail)
    low_at = (0 if pool is None else pool.low_at) if command.low_at is None else command.low_at
    if pool is None:
        if command.low_at is not None and not by and command.count is None:
            return Rejected(Reason.REFERENCE_UNKNOWN, "low_at", "there is no such pool: count it")
        opened = Pool(key=key, opening=by, low_at=low_at)
        move = Move(key, "opening", by, reason=command.reason)
        return Accepted(opened=(opened,), moves=(move,), result=opened)
    marks = () if low_at == pool.low_at else ((key, low_at),)
    after = msgspec.structs.replace(pool, adjusted=pool.adjusted + by, low_at=low_at)
    if not by:
        return Accepted(low_marks=marks, result=after)
    move = Move(key, "adjustment", by, reason=command.reason)
    return Accepted(moves=(move,), low_marks=marks, result=after)


def _subject(command: AdjustPool, facts: Facts) -> str | Rejected:
    """What is counted, by its own name or by the code of an item."""
    if not command.code:
        return command.subject
    tenant, code = command.origin.tenant_id, command.code
    if command.kind == "coupon":
        coupon: Coupon | None = facts.doc(tenant, "coupon", "code", code)
        if coupon is None:
            return Rejected(Reason.COUPON_UNKNOWN, "code", f"no coupon has the code {code}")
        return f"coupon:{coupon.id}"
    variant: Variant | None = facts.doc(tenant, "variant", "code", code)
    if variant is not None:
        return variant.subject
    product: Product | None = facts.doc(tenant, "product", "code", code)
    if product is None:
        return Rejected(
            Reason.PRODUCT_UNKNOWN, "code", f"no product or variant has the code {code}"
        )
    return product.subject


# --- names that nothing bears


def _unknown_subject(key: PoolKey, facts: Facts, field: str) -> Rejected | None:
    tenant = key.tenant_id
    if key.kind == "balance" and ":" not in key.subject:
        # What parcels are paid from: in the tenant's own currency, whatever else it takes.
        currency = facts.settings(tenant).currency
        if key.subject == currency:
            return None
        detail = f"the tenant's balance is in {currency}, a user's has a subject such as user:7"
        return Rejected(Reason.CURRENCY_NOT_ENABLED, field, detail)
    what, number = _parsed(key.subject)
    kinds = _SUBJECTS[key.kind]
    if what not in kinds:
        forms = " or ".join(f"{each}:7" for each in kinds)
        return Rejected(
            _UNKNOWN[kinds[0]], field, f"a pool of kind {key.kind} has a subject such as {forms}"
        )
    found = facts.doc(tenant, what, "id", number)
    if found is None or (
        what == "variant" and facts.doc(tenant, "product", "id", found.product_id) is None
    ):
        return Rejected(_UNKNOWN[what], field, f"the catalogue has no {key.subject}")
    return None


def _unknown_place(key: PoolKey, facts: Facts) -> Rejected | None:
    tenant = key.tenant_id
    match key.kind:
        case "stock":
            if key.place and facts.record(tenant, "warehouse", "code", key.place) is None:
                return Rejected(
                    Reason.WAREHOUSE_UNKNOWN, "place", f"no warehouse has the code {key.place}"
                )
            if not key.place and facts.records(tenant, "warehouse"):
                return Rejected(Reason.WAREHOUSE_UNKNOWN, "place", "the code of a warehouse")
            return None
        case "seats" | "rooms":
            return _no_departure(key, facts)
        case "coupon" if key.place and key.subject.startswith("coupon:"):
            what, number = _parsed(key.place)
            if what != "user" or facts.record(tenant, "user", "id", number) is None:
                return Rejected(Reason.ACCOUNT_UNKNOWN, "place", f"there is no {key.place}")
            return None
    if key.place:
        return Rejected(
            Reason.REFERENCE_UNKNOWN, "place", f"a pool of kind {key.kind} lies at no place"
        )
    return None


def _no_departure(key: PoolKey, facts: Facts) -> Rejected | None:
    tour: Tour = facts.doc(key.tenant_id, "tour", "id", _parsed(key.subject)[1])
    day = day_of_place(key.place)
    if day is None:
        return Rejected(Reason.DATE_UNAVAILABLE, "place", "the day of a departure: 2030-12-31")
    if departure_on(tour.departures, day) is None:
        return Rejected(
            Reason.DATE_UNAVAILABLE, "place", f"{key.subject} does not depart on {key.place}"
        )
    return None


# --- pools that no order would draw on


def _uncounted(key: PoolKey, facts: Facts) -> Rejected | None:
    """Why nothing draws on such a pool, if nothing does."""
    tenant = key.tenant_id
    what, number = _parsed(key.subject)
    detail: str | None = None
    if key.kind == "stock":
        detail = _unstocked(key, facts)
    elif key.kind in _OF_DEPARTURES:
        tour: Tour | None = facts.doc(tenant, "tour", "id", number)
        if tour is None:
            if facts.doc(tenant, "product", "id", number) is not None:
                detail = f"{key.subject} is no tour: it has no {key.kind}"
        elif not (tour.seats_counted if key.kind == "seats" else tour.rooms_counted):
            detail = f"the tour does not count {key.kind}: see its member {key.kind}_counted"
    elif key.kind == "coupon" and what == "coupon":
        coupon: Coupon | None = facts.doc(tenant, "coupon", "id", number)
        if coupon is not None and not key.place and not coupon.limited:
            detail = "redemptions of the coupon are not limited: see its member limited"
        if coupon is not None and key.place and not coupon.per_user:
            detail = "redemptions by user are not limited: see the coupon's member per_user"
    if detail is None:
        return None
    return Rejected(Reason.TRANSITION_NOT_ALLOWED, "subject", detail)


def _unstocked(key: PoolKey, facts: Facts) -> str | None:
    tenant = key.tenant_id
    what, number = _parsed(key.subject)
    variant: Variant | None = None
    if what == "variant":
        variant = facts.doc(tenant, "variant", "id", number)
        number = 0 if variant is None else variant.product_id
    product: Product | None = facts.doc(tenant, "product", "id", number)
    if product is None:
        return None
    sellable = Sellable(product, variant)
    if sellable.stocked is False:
        return f"{key.subject} is not counted: its item says stocked false"
    if product.kind in _TOURS:
        return f"{key.subject} is a {product.kind}: its seats are counted, by day"
    if variant is None and any(
        record.doc.active for record in facts.records(tenant, "variant", "product", number)
    ):
        return f"{key.subject} is sold by variant: its variants are counted"
    return None
