"""Dropshipping: goods from several warehouses to one address, paid from a balance, all or nothing.

One request becomes one order for each warehouse that ships. Several share a group, whose number is
that of the first id set aside: N parcels use N + 1 ids then, one parcel uses one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from orderhub.core.business import ONE_ORDER, Business
from orderhub.core.cancellation import number_refunds
from orderhub.core.catalogue import (
    Sellable,
    Warehouse,
    keys_of_code,
    price_of,
    sellable_by_code,
    variant_needed,
    variants_key,
)
from orderhub.core.commands import PlaceOrder, Terms
from orderhub.core.countries import EU_COUNTRIES
from orderhub.core.details import ParcelDetails
from orderhub.core.facts import (
    Accepted,
    Facts,
    IdQuota,
    NewIds,
    OrderLoad,
    PoolLoad,
    RecordKey,
)
from orderhub.core.freight import (
    RECORDS,
    FreightRate,
    channels,
    chosen,
    rate_loads,
    rates_known,
)
from orderhub.core.money import from_micros, plain, to_micros
from orderhub.core.numbering import number_for
from orderhub.core.ordering import Draft, Reckoned, composed, drawn, reckon, untaxed_line
from orderhub.core.pools import shortage
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.splitting import Parcel, Place, Plan, Ranking, Want, split
from orderhub.core.stock import is_counted_now, stock_loads
from orderhub.core.values import (
    Address,
    Event,
    Line,
    LineKind,
    Move,
    Order,
    OrderDoc,
    PoolKey,
    Settings,
)

_IOSS = re.compile(r"IM[0-9]{10}")
# What a line keeps of its product, so that an order can be shown without looking anything up.
_SHOWN = ("image", "option1", "option2", "option3")


class Item(msgspec.Struct, frozen=True):
    """So many units of a SKU, from a warehouse of the buyer's choice if it has one."""

    sku: str
    quantity: int
    warehouse: str = ""


class Dropship(Terms, frozen=True, kw_only=True):
    """Goods to be sent to `PlaceOrder.ship_to`.

    channel         code or kind of the freight channel; one that does not serve = the standard one
    denied          countries that are not served
    ioss_required   whether an order to the European Union needs an IOSS number
    prepaid         whether the total is drawn on the balance in the order's currency
    """

    items: tuple[Item, ...]
    channel: str = ""
    denied: tuple[str, ...] = ()
    ioss_required: bool = False
    prepaid: bool = True


class Good(msgspec.Struct, frozen=True):
    """One line before it is split: `index` is its first place in the request."""

    index: int
    sellable: Sellable
    quantity: int
    warehouse: str = ""
    counted: bool = False


def loads(command: PlaceOrder, facts: Facts) -> Iterator[RecordKey | OrderLoad]:
    terms = command.terms
    assert isinstance(terms, Dropship)
    tenant = command.origin.tenant_id
    yield RecordKey(tenant, "warehouse", "all")
    yield from rate_loads(tenant, _country(command))
    for item in terms.items:
        yield from keys_of_code(tenant, item.sku)
        variant = facts.doc(tenant, "variant", "code", item.sku)
        product = facts.doc(tenant, "product", "code", item.sku)
        if variant is not None:
            yield RecordKey(tenant, "product", "id", str(variant.product_id))
        elif product is not None:
            yield variants_key(tenant, product.id)


def pools(command: PlaceOrder, facts: Facts) -> Iterator[PoolLoad]:
    terms = command.terms
    assert isinstance(terms, Dropship)
    tenant = command.origin.tenant_id
    if terms.prepaid:
        yield PoolLoad(tenant, "balance", facts.settings(tenant).currency, "")
    for item in terms.items:
        sellable = sellable_by_code(facts, tenant, item.sku)
        if sellable is not None:
            yield from stock_loads(tenant, sellable)


def id_quota(command: PlaceOrder, facts: Facts) -> IdQuota:
    """One id, or one for each parcel there may be and one for the group."""
    terms = command.terms
    assert isinstance(terms, Dropship)
    most = min(
        sum([item.quantity for item in terms.items]),
        len(facts.records(command.origin.tenant_id, "warehouse")),
    )
    return IdQuota(orders=most + 1) if most > 1 else ONE_ORDER


def place(command: PlaceOrder, facts: Facts, ids: NewIds) -> Accepted | Rejected:
    terms = command.terms
    assert isinstance(terms, Dropship)
    tenant = command.origin.tenant_id
    settings = facts.settings(tenant)
    goods = goods_of(facts, tenant, terms.items)
    if isinstance(goods, Rejected):
        return goods
    refusal = _destination(command, terms)
    if refusal is not None:
        return refusal
    for good in goods:
        if good.sellable.product.currency not in ("", settings.currency):
            return Rejected(
                Reason.CURRENCY_NOT_ENABLED,
                f"lines[{good.index}].product",
                f"priced in {good.sellable.product.currency}, charged in {settings.currency}",
            )
    served = serving(facts, tenant, _country(command), terms.channel)
    if not served.rates:
        return Rejected(
            Reason.COUNTRY_NOT_SERVED, "ship_to.country", f"no freight to {_country(command)}"
        )
    plan = plan_of(facts, tenant, goods, served)
    if isinstance(plan, Rejected):
        return plan
    return _parcelled(command, facts, ids, goods, plan, served)


def goods_of(facts: Facts, tenant_id: int, items: tuple[Item, ...]) -> tuple[Good, ...] | Rejected:
    """The lines, repeats of a SKU for one warehouse merged; or the first that cannot be sold."""
    if not items:
        return Rejected(Reason.NOTHING_ORDERED, "lines", "no line")
    merged: dict[tuple[str, str], Good] = {}
    for index, item in enumerate(items):
        # A warehouse that does not exist is no wish: the plan chooses, as if none had been named.
        pin = item.warehouse and known_as(item.warehouse, _codes(facts, tenant_id))
        found = merged.get((item.sku, pin))
        if found is not None:
            more = found.quantity + item.quantity
            merged[item.sku, pin] = msgspec.structs.replace(found, quantity=more)
            continue
        sellable = sold_as(facts, tenant_id, item.sku)
        if isinstance(sellable, Rejected):
            return msgspec.structs.replace(sellable, field=f"lines[{index}].product")
        counted = is_counted_now(facts, tenant_id, sellable)
        merged[item.sku, pin] = Good(index, sellable, item.quantity, pin, counted)
    return tuple(merged.values())


def _codes(facts: Facts, tenant_id: int) -> frozenset[str]:
    """The codes of all warehouses."""
    return facts.derived(
        tenant_id,
        "warehouse codes",
        lambda: frozenset(each.doc.code for each in facts.records(tenant_id, "warehouse")),
    )


def sold_as(facts: Facts, tenant_id: int, sku: str) -> Sellable | Rejected:
    """What is sold under a code, or the refusal of what is not."""
    return facts.derived(tenant_id, ("sold as", sku), lambda: _sold_as(facts, tenant_id, sku))


def _sold_as(facts: Facts, tenant_id: int, sku: str) -> Sellable | Rejected:
    sellable = sellable_by_code(facts, tenant_id, sku)
    if sellable is None or sellable.product.kind != "good":
        return Rejected(Reason.PRODUCT_UNKNOWN, "product", f"no product {sku}")
    if not sellable.is_active:
        return Rejected(Reason.PRODUCT_INACTIVE, "product", f"{sku} is not sold now")
    return _unsold(facts, tenant_id, sellable, "product") or sellable


def known_as(asked: str, codes: Collection[str]) -> str:
    """The code that is asked for, else one that differs by case or blanks around it alone; empty = none."""
    if asked in codes:
        return asked
    lower = asked.strip().lower()
    return min((code for code in codes if code.lower() == lower), default="")


def _unsold(facts: Facts, tenant_id: int, sellable: Sellable, field: str) -> Rejected | None:
    """The refusal of a code that names no one unit with a price."""
    if sellable.variant is None:
        refusal = variant_needed(facts, tenant_id, sellable.product, field)
        if refusal is not None:
            return refusal
    price = price_of(sellable, field)
    return price if isinstance(price, Rejected) else None


# What a parcel comes to, and its draws: of which pool, how many units, for which line.
_Packed = tuple[Draft, Reckoned, tuple[tuple[PoolKey, int, int], ...]]


class Served(msgspec.Struct, frozen=True):
    """The open warehouses that ship to a country, by code, each with its rate on a channel."""

    rates: dict[str, tuple[Warehouse, FreightRate]]
    ranking: Ranking


def serving(facts: Facts, tenant_id: int, country: str, channel: str) -> Served:
    return facts.derived(
        tenant_id,
        ("serving", country, channel),
        lambda: _serving(facts, tenant_id, country, channel),
    )


def _serving(facts: Facts, tenant_id: int, country: str, channel: str) -> Served:
    known = rates_known(facts, tenant_id, country)
    rates: dict[str, tuple[Warehouse, FreightRate]] = {}
    for record in facts.records(tenant_id, "warehouse"):
        warehouse: Warehouse = record.doc
        if warehouse.active:
            rate = chosen(channels(known, warehouse.code, country), channel)
            if rate is not None:
                rates[warehouse.code] = (warehouse, rate)
    places = [Place(each.code, each.country) for each, _ in rates.values()]
    return Served(rates, Ranking(places, country, facts.settings(tenant_id).default_warehouse))


def plan_of(
    facts: Facts, tenant_id: int, goods: tuple[Good, ...], served: Served
) -> Plan | Rejected:
    """Which warehouse ships how much of which line, or the first line there is too little of."""
    strategy = facts.settings(tenant_id).split_strategy
    wants, stock = [], {}
    for good in goods:
        subject = good.sellable.subject
        wants.append(Want(subject, good.quantity, good.warehouse))
        if good.counted:
            held = facts.pools(tenant_id, "stock", subject)
            stock[subject] = {place: pool.available for place, pool in held.items()}
        else:
            plenty = sum(each.quantity for each in goods)
            stock[subject] = dict.fromkeys(served.rates, plenty)
    plan = split(served.ranking, wants, stock, strategy=strategy)
    if isinstance(plan, Plan):
        return plan
    short = goods[plan.index]
    return Rejected(
        Reason.OUT_OF_STOCK,
        f"lines[{short.index}].quantity",
        f"{short.sellable.sku}: {short.quantity} wanted, {plan.available} left",
    )


def parcel_weight_g(goods: tuple[Good, ...], parcel: Parcel) -> int:
    return sum([goods[index].sellable.weight_g * units for index, units in parcel.units])


def _parcelled(
    command: PlaceOrder,
    facts: Facts,
    ids: NewIds,
    goods: tuple[Good, ...],
    plan: Plan,
    served: Served,
) -> Accepted | Rejected:
    """One order for each parcel, what each draws, and when each is paid."""
    terms, tenant = command.terms, command.origin.tenant_id
    assert isinstance(terms, Dropship)
    settings = facts.settings(tenant)
    now = command.origin.now(settings.clock)
    group, own_ids = "", ids.orders
    if len(plan.parcels) > 1:
        group_id, group_uid = ids.orders[0]
        group = number_for(command.numbering, settings, now, group_id, group_uid)
        own_ids = ids.orders[1:]
    placed: list[Order] = []
    events: list[Event] = []
    moves: list[Move] = []
    for parcel, new_id in zip(plan.parcels, own_ids, strict=False):
        packed = _packed(command, facts, goods, parcel, served, exact=plan.exact)
        if isinstance(packed, Rejected):
            return packed
        draft, reckoned, draws = packed
        natural_key = "" if placed else None  # it stands for the first of them
        order, event = composed(command, facts, new_id, draft, reckoned, natural_key, group)
        placed.append(order)
        events.append(event)
        moves += [Move(key, "draw", units, order.id, line_no) for key, units, line_no in draws]
    assert len(placed) == len(plan.parcels), "fewer ids than parcels were set aside"
    unpaid = _unpaid(facts, [move for move in moves if move.key.kind == "balance"])
    if unpaid is not None:
        return unpaid
    return Accepted(
        placed=tuple(placed),
        events=tuple(events),
        moves=tuple(moves),
        group_number=group,
        orders_used=len(placed) + (group != ""),  # the group's number is nobody else's
    )


def _packed(
    command: PlaceOrder,
    facts: Facts,
    goods: tuple[Good, ...],
    parcel: Parcel,
    served: Served,
    *,
    exact: bool,
) -> _Packed | Rejected:
    """What an order with such a parcel is, whoever orders it."""
    terms, tenant = command.terms, command.origin.tenant_id
    assert isinstance(terms, Dropship)
    wares = tuple(
        [
            (goods[index].sellable.subject, units, goods[index].counted)
            for index, units in parcel.units
        ]
    )
    destination = (_country(command), terms.channel)
    return facts.derived(
        tenant,
        ("packed", parcel.place, destination, terms.prepaid, exact, wares),
        lambda: _pack(facts, tenant, goods, parcel, served, prepaid=terms.prepaid, exact=exact),
        weight=1 + len(wares),
    )


def _pack(
    facts: Facts,
    tenant: int,
    goods: tuple[Good, ...],
    parcel: Parcel,
    served: Served,
    *,
    prepaid: bool,
    exact: bool,
) -> _Packed | Rejected:
    settings = facts.settings(tenant)
    warehouse, rate = served.rates[parcel.place]
    details = ParcelDetails(
        warehouse=warehouse.code,
        warehouse_id=warehouse.id,
        warehouse_country=warehouse.country,
        channel=rate.code or rate.channel,
        weight_g=parcel_weight_g(goods, parcel),
        plan="exact" if exact else "greedy",
        prepaid=prepaid,
    )
    stock = _stock_moves(tenant, goods, parcel)
    draft = _draft(settings, goods, parcel, details, rate)
    reckoned = reckon(draft.lines)
    if isinstance(reckoned, Rejected):
        return reckoned
    draws = [(move.key, move.units, move.line_no) for move in stock]
    if prepaid and reckoned.gross:
        balance = PoolKey(tenant, "balance", settings.currency)
        draws.append((balance, to_micros(reckoned.gross), 0))
    return draft, drawn(reckoned, stock), tuple(draws)


def _draft(
    settings: Settings,
    goods: tuple[Good, ...],
    parcel: Parcel,
    details: ParcelDetails,
    rate: FreightRate,
) -> Draft:
    lines = [
        _line(number, goods[index].sellable, units)
        for number, (index, units) in enumerate(parcel.units, 1)
    ]
    lines.append(
        untaxed_line(
            len(lines) + 1,
            LineKind.FREIGHT,
            rate.title or "Freight",
            1,
            rate.amount(details.weight_g),
        )
    )
    return Draft(
        lines=tuple(lines),
        currency=settings.currency,
        pricing={"freight": rate.id, "split": settings.split_strategy},
        business=details,
    )


def _line(number: int, sellable: Sellable, units: int) -> Line:
    variant, price = sellable.variant, sellable.price
    assert price is not None, "goods without a price were let through"
    return untaxed_line(
        number,
        LineKind.GOOD,
        (variant.title if variant is not None else "") or sellable.product.title,
        units,
        price,
        product_id=sellable.product.id,
        variant_id=0 if variant is None else variant.id,
        sku=sellable.sku,
        data=shown_of(sellable),
    )


def shown_of(sellable: Sellable) -> dict[str, Any]:
    """What a line keeps of descriptive members: a variant's own before the product's."""
    data = sellable.product.data
    if sellable.variant is not None and sellable.variant.data:
        data = {**data, **sellable.variant.data}
    return {name: data[name] for name in _SHOWN if name in data} if data else {}


def _unpaid(facts: Facts, draws: list[Move]) -> Rejected | None:
    """The refusal when the prepaid balance does not cover all parcels: it says how a balance is filled."""
    short = shortage(facts, draws, field="balance")
    if short is None:
        return None
    key = draws[0].key
    pool = facts.pool(key)
    wanted = plain(from_micros(sum(move.units for move in draws)))
    left = plain(from_micros(pool.available if pool is not None else 0))
    detail = (
        f"{wanted} {key.subject} wanted, {left} left of the prepaid balance: adjust the pool of kind balance "
        f"and subject {key.subject} to fill it, or switch the tenant's setting prepaid off"
    )
    return msgspec.structs.replace(short, detail=detail)


def _stock_moves(tenant: int, goods: tuple[Good, ...], parcel: Parcel) -> list[Move]:
    return [
        Move(
            PoolKey(tenant, "stock", goods[index].sellable.subject, parcel.place),
            "draw",
            units,
            line_no=number,
        )
        for number, (index, units) in enumerate(parcel.units, 1)
        if goods[index].counted
    ]


def is_prepaid(doc: OrderDoc) -> bool:
    """Whether the order's total was drawn on the balance."""
    return isinstance(doc.business, ParcelDetails) and doc.business.prepaid


def _destination(command: PlaceOrder, terms: Dropship) -> Rejected | None:
    address = command.ship_to or Address()
    if address.country in terms.denied:
        return Rejected(
            Reason.COUNTRY_NOT_SERVED, "ship_to.country", f"{address.country} is not served"
        )
    if (
        terms.ioss_required
        and address.country in EU_COUNTRIES
        and not _IOSS.fullmatch(address.ioss)
    ):
        return Rejected(
            Reason.TAX_NUMBER_REQUIRED,
            "ship_to.ioss",
            "an order to the European Union needs an IOSS number: IM and ten digits",
        )
    return None


def _country(command: PlaceOrder) -> str:
    return command.ship_to.country if command.ship_to is not None else ""


BUSINESS = Business(
    name="Dropship",
    terms=Dropship,
    details=ParcelDetails,
    place=place,
    loads=loads,
    pools=pools,
    id_quota=id_quota,
    records=RECORDS,
    on_change=number_refunds,
    from_balance=is_prepaid,
)
