"""Charges to accounts: products and custom items of a service, consumed at one point in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core import accounts, tax
from orderhub.core.accounts import Account, Enterprise, Service
from orderhub.core.allocation import allocate
from orderhub.core.billing import bill_name, refused_account, refused_bill, refused_on_closed_bill
from orderhub.core.business import Business, LockKey
from orderhub.core.catalogue import Product, Sellable, price_of, variant_needed, variants_key
from orderhub.core.commands import ChangeOrder, PlaceOrder, Terms
from orderhub.core.details import ChargeDetails
from orderhub.core.facts import Accepted, Facts, NewIds, PoolLoad, RecordKey
from orderhub.core.money import EXACT, is_storable, kept
from orderhub.core.ordering import (
    MAX_LINES,
    MAX_QUANTITY,
    Draft,
    Reckoned,
    composed,
    drawn,
    reckon,
)
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.stock import is_counted_now, stock_loads
from orderhub.core.tax import TaxEnvironment, TaxRate, TaxRules, UnusableCode
from orderhub.core.values import (
    MICROSECONDS,
    Line,
    LineKind,
    Move,
    Order,
    PoolKey,
    Pricing,
    Settings,
    Status,
)

_RANK = {reason: rank for rank, reason in enumerate(Reason)}
_FIELD = "lines[{}].{}"
_ENCODED = msgspec.json.Encoder(decimal_format="number").encode  # as they are kept


class StatedPrice(msgspec.Struct, frozen=True, kw_only=True):
    """A unit amount as the caller states it. No tax codes = not taxed."""

    currency: str
    net: Decimal | None = None
    gross: Decimal | None = None
    tax_codes: tuple[str, ...] = ()


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One line: a product by uid, or (product empty) a custom item with a title and a price."""

    product: str = ""
    title: str = ""
    quantity: int = 1
    price: StatedPrice | None = None  # None = the product's own
    category: str = ""  # uid of the accounting category of a custom item
    data: dict[str, Any] = {}


class AccountCharge(Terms, frozen=True, kw_only=True):
    """What is charged to whom. Uids are lower case; `consumed_at` is in microseconds, UTC."""

    service: str
    account: str
    bill: str = ""
    consumed_at: int | None = None  # None = now
    charges: tuple[Charge, ...] = ()
    segment: str = ""
    reservation: str = ""
    may_rebate: bool = False  # negative amounts
    may_charge_companies: bool = True


def loads(command: PlaceOrder, facts: Facts) -> Iterator[RecordKey]:
    """Everything but the variants of its products is named by the command."""
    terms = command.terms
    assert isinstance(terms, AccountCharge)
    tenant = command.origin.tenant_id
    for kind in ("enterprise", "tax_environment", "tax_rate"):
        yield RecordKey(tenant, kind, "all")
    yield RecordKey(tenant, "service", "uid", terms.service)
    yield RecordKey(tenant, "account", "uid", terms.account)
    for kind, uid in (
        ("bill", terms.bill),
        ("business_segment", terms.segment),
        ("reservation", terms.reservation),
    ):
        if uid:
            yield RecordKey(tenant, kind, "uid", uid)
    for charge in terms.charges:
        if charge.product:
            yield RecordKey(tenant, "product", "uid", charge.product)
            product = facts.doc(tenant, "product", "uid", charge.product)
            if product is not None:
                yield variants_key(tenant, product.id)
        if charge.category:
            yield RecordKey(tenant, "accounting_category", "uid", charge.category)


def pools(command: PlaceOrder, facts: Facts) -> Iterator[PoolLoad]:
    """The stock of the products, wherever it lies."""
    terms = command.terms
    assert isinstance(terms, AccountCharge)
    tenant = command.origin.tenant_id
    for uid in {charge.product for charge in terms.charges if charge.product}:
        product = facts.doc(tenant, "product", "uid", uid)
        if product is not None:
            yield from stock_loads(tenant, Sellable(product))


def lock_keys(command: PlaceOrder) -> Iterator[LockKey]:
    """The bill: it must not be closed while something is put on it."""
    terms = command.terms
    assert isinstance(terms, AccountCharge)
    if terms.bill:
        yield bill_name(terms.bill)


def change_loads(_command: ChangeOrder, order: Order, _facts: Facts) -> Iterator[RecordKey]:
    if order.bill:
        yield RecordKey(order.tenant_id, "bill", "uid", order.bill)


def on_change(
    _command: ChangeOrder, _before: Order, accepted: Accepted, facts: Facts, _ids: NewIds
) -> Accepted | Rejected:
    """Nothing leaves a closed bill: what was sold on it is given back on another one."""
    for order in accepted.changed:
        if order.status in (Status.CANCELLED, Status.REFUNDED):
            refusal = refused_on_closed_bill(order, facts, "bill")
            if refusal is not None:
                return refusal
    return accepted


class _Context(msgspec.Struct, frozen=True):
    """What every line of one command is priced with."""

    settings: Settings
    rates: Mapping[str, TaxRate]
    environment: TaxEnvironment | None
    consumed_at: int
    currency: str
    rules: TaxRules


def place(command: PlaceOrder, facts: Facts, ids: NewIds) -> Accepted | Rejected:
    """Refusals come in the order of `Reason`; amounts are worked out when nothing else is wrong."""
    terms = command.terms
    assert isinstance(terms, AccountCharge)
    tenant = command.origin.tenant_id
    settings = facts.settings(tenant)
    now = command.origin.now(settings.clock)
    refusal = (
        _refused_parties(terms, facts, tenant)
        or _refused_lines(terms, facts, tenant)
        or _refused_references(terms, facts, tenant)
        or _refused_quantities(terms)
        or _refused_consumption(terms, settings, now)
    )
    if refusal is not None:
        return refusal
    currencies = _currencies(terms, facts, tenant, settings)
    if isinstance(currencies, Rejected):
        return currencies
    context = _context(terms, facts, tenant, settings, currencies, now)
    charged = _charged(terms, facts, tenant, context)
    if isinstance(charged, Rejected):
        return charged
    moves = _draws(command, charged.lines, facts, ids.orders[0][0], settings)
    if isinstance(moves, Rejected):
        return moves
    account: Account = facts.doc(tenant, "account", "uid", terms.account)
    order, event = composed(
        command,
        facts,
        ids.orders[0],
        Draft(
            lines=charged.lines,
            currency=context.currency,
            pricing={
                "mode": settings.pricing,
                "rounding": context.rules.rounding,
                "scope": "line",
                "precision": context.rules.digits,
            },
            business=ChargeDetails(
                account_kind=account.kind.value,
                segment=terms.segment,
                reservation=terms.reservation,
            ),
            account=terms.account,
            service=terms.service,
            bill=terms.bill,
            service_at=context.consumed_at,
        ),
        drawn(charged, moves),
    )
    return Accepted(placed=(order,), events=(event,), moves=moves)


class _Taxes(msgspec.Struct, frozen=True):
    """The tenant's tax rates by code, and the environment that says which of them it may charge; None = all.

    dated  those that do not hold always
    """

    rates: Mapping[str, TaxRate]
    environment: TaxEnvironment | None
    dated: tuple[TaxRate, ...]


def _taxes(facts: Facts, tenant: int) -> _Taxes:
    enterprise: Enterprise | None = next(
        (record.doc for record in facts.records(tenant, "enterprise")), None
    )
    environment = None
    if enterprise is not None and enterprise.tax_environment:
        environment = next(
            (
                record.doc
                for record in facts.records(tenant, "tax_environment")
                if record.doc.code == enterprise.tax_environment
            ),
            # An environment that nobody described has no taxes.
            TaxEnvironment(code=enterprise.tax_environment),
        )
    rates = {record.doc.code: record.doc for record in facts.records(tenant, "tax_rate")}
    return _Taxes(rates, environment, tuple(each for each in rates.values() if each.valid))


def _taxes_of(facts: Facts, tenant: int) -> _Taxes:
    return facts.derived(tenant, "taxes", lambda: _taxes(facts, tenant))


def _context(
    terms: AccountCharge, facts: Facts, tenant: int, settings: Settings, currency: str, now: int
) -> _Context:
    taxes = _taxes_of(facts, tenant)
    return _Context(
        settings=settings,
        rates=taxes.rates,
        environment=taxes.environment,
        consumed_at=now if terms.consumed_at is None else terms.consumed_at,
        currency=currency,
        rules=TaxRules.of(settings, currency),
    )


# --- what is ordered, and by whom


def _refused_parties(terms: AccountCharge, facts: Facts, tenant: int) -> Rejected | None:
    if not terms.charges:
        return Rejected(Reason.NOTHING_ORDERED, "lines", "neither products nor items")
    service: Service | None = facts.doc(tenant, "service", "uid", terms.service)
    if service is None:
        return Rejected(Reason.SERVICE_UNKNOWN, "service", f"no service {terms.service}")
    if service.kind != "additional":
        return Rejected(Reason.SERVICE_INACTIVE, "service", f"a {service.kind} service is reserved")
    if not service.active:
        return Rejected(Reason.SERVICE_INACTIVE, "service", "the service is not active")
    account: Account | None = facts.doc(tenant, "account", "uid", terms.account)
    refusal = refused_account(account, terms.account, companies=terms.may_charge_companies)
    if refusal is None and terms.bill:
        bill = facts.doc(tenant, "bill", "uid", terms.bill)
        refusal = refused_bill(bill, terms.bill, terms.account)
    return refusal


def _refused_lines(terms: AccountCharge, facts: Facts, tenant: int) -> Rejected | None:
    """The gravest of the refusals of all lines, the first of its kind."""
    gravest: Rejected | None = None
    for index, charge in enumerate(terms.charges):
        refusal = (
            _refused_product(index, charge, terms, facts, tenant)
            if charge.product
            else _refused_category(index, charge, facts, tenant)
        )
        if refusal is not None and (
            gravest is None or _RANK[refusal.reason] < _RANK[gravest.reason]
        ):
            gravest = refusal
    return gravest


def _refused_product(
    index: int, charge: Charge, terms: AccountCharge, facts: Facts, tenant: int
) -> Rejected | None:
    product: Product | None = facts.doc(tenant, "product", "uid", charge.product)
    field = _FIELD.format(index, "product")
    if product is None or product.service != terms.service:
        return Rejected(
            Reason.PRODUCT_UNKNOWN, field, f"no product {charge.product} of the service"
        )
    if not product.active:
        return Rejected(Reason.PRODUCT_INACTIVE, field, "the product is not active")
    refusal = variant_needed(facts, tenant, product, field)
    if refusal is not None or charge.price is not None:
        return refusal
    price = price_of(Sellable(product), field)
    return price if isinstance(price, Rejected) else None


def _refused_category(index: int, charge: Charge, facts: Facts, tenant: int) -> Rejected | None:
    if not charge.category:
        return None
    category = facts.doc(tenant, "accounting_category", "uid", charge.category)
    if category is None or not category.active:
        field = _FIELD.format(index, "category")
        return Rejected(Reason.CATEGORY_UNKNOWN, field, f"no category {charge.category}")
    return None


def _refused_references(terms: AccountCharge, facts: Facts, tenant: int) -> Rejected | None:
    for kind, field, uid in (
        ("business_segment", "segment", terms.segment),
        ("reservation", "reservation", terms.reservation),
    ):
        found = facts.doc(tenant, kind, "uid", uid) if uid else None
        if uid and (found is None or not found.active):
            return Rejected(Reason.REFERENCE_UNKNOWN, field, f"no {field} {uid}")
    return None


# --- how it is ordered


def _refused_quantities(terms: AccountCharge) -> Rejected | None:
    if len(terms.charges) > MAX_LINES:
        return Rejected(Reason.QUANTITY_INVALID, "lines", f"at most {MAX_LINES} lines an order")
    for index, charge in enumerate(terms.charges):
        if not 1 <= charge.quantity <= MAX_QUANTITY:
            field = _FIELD.format(index, "quantity")
            return Rejected(Reason.QUANTITY_INVALID, field, f"1 to {MAX_QUANTITY} units a line")
    return None


def _refused_consumption(terms: AccountCharge, settings: Settings, now: int) -> Rejected | None:
    """In the future, or at most the editable history back."""
    if terms.consumed_at is None:
        return None
    if terms.consumed_at < now - settings.editable_history_s * MICROSECONDS:
        return Rejected(
            Reason.CONSUMPTION_TOO_OLD,
            "consumed_at",
            f"consumed before the last {settings.editable_history_s} seconds",
        )
    return None


# --- what it costs


def _currencies(
    terms: AccountCharge, facts: Facts, tenant: int, settings: Settings
) -> str | Rejected:
    """The one currency of the order."""
    chosen = ""
    for index, charge in enumerate(terms.charges):
        if charge.price is not None:
            currency = charge.price.currency
        else:
            product: Product = facts.doc(tenant, "product", "uid", charge.product)
            currency = product.currency or settings.currency
        field = _FIELD.format(index, "currency")
        if not settings.accepts(currency):
            return Rejected(Reason.CURRENCY_NOT_ENABLED, field, f"{currency} is not enabled")
        if chosen and currency != chosen:
            return Rejected(
                Reason.CURRENCY_NOT_ENABLED,
                field,
                f"one order is charged in one currency, {chosen}",
            )
        chosen = currency
    return chosen


def _charged(
    terms: AccountCharge, facts: Facts, tenant: int, context: _Context
) -> Reckoned | Rejected:
    """What the charges come to, whoever they are charged to: worked out once for all who charge the same."""
    dated = _taxes_of(facts, tenant).dated
    holding = tuple([rate.is_valid(context.consumed_at) for rate in dated])
    charges = _ENCODED(terms.charges)

    def work_out() -> Reckoned | Rejected:
        lines = _lines(terms, facts, tenant, context)
        return lines if isinstance(lines, Rejected) else reckon(lines)

    named = ("charged", charges, context.currency, terms.may_rebate, holding)
    return facts.derived(tenant, named, work_out, weight=len(terms.charges))


def _lines(
    terms: AccountCharge, facts: Facts, tenant: int, context: _Context
) -> tuple[Line, ...] | Rejected:
    """Every line priced and taxed, or the gravest refusal."""
    lines: list[Line] = []
    gravest: Rejected | None = None
    for index, charge in enumerate(terms.charges):
        product = facts.doc(tenant, "product", "uid", charge.product) if charge.product else None
        line = _line(index, charge, product, terms.may_rebate, context)
        if isinstance(line, Line):
            lines.append(line)
        elif gravest is None or _RANK[line.reason] < _RANK[gravest.reason]:
            gravest = line
    return tuple(lines) if gravest is None else gravest


def _line(
    index: int, charge: Charge, product: Product | None, may_rebate: bool, context: _Context
) -> Line | Rejected:
    price = charge.price or _own_price(product, context)
    amount = _unit(index, price, context)
    if isinstance(amount, Rejected):
        return amount
    unit, pricing = amount
    rates: tuple[TaxRate, ...] | UnusableCode = ()
    if price.tax_codes:
        rates = tax.rates_of(
            price.tax_codes,
            context.rates,
            context.environment,
            price.currency,
            context.consumed_at,
        )
    field = _FIELD.format(index, "tax_codes")
    if isinstance(rates, UnusableCode):
        reason = Reason.TAX_CODES_CONFLICT if rates.conflict else Reason.TAX_CODE_UNKNOWN
        return Rejected(reason, field, rates.detail)
    if charge.price is not None and pricing is Pricing.GROSS and len(rates) > 1:
        return Rejected(Reason.TAX_CODES_CONFLICT, field, "one tax at most with a gross amount")
    if unit < 0 and not may_rebate:
        return Rejected(
            Reason.REBATE_NOT_PERMITTED,
            _FIELD.format(index, "price"),
            "the caller may not post negative amounts",
        )
    if not is_storable(unit):
        return Rejected(
            Reason.AMOUNT_OUT_OF_RANGE,
            _FIELD.format(index, f"price.{pricing.value}"),
            "at most 12 digits before the point",
        )
    return _taxed_line(index, charge, product, (unit, pricing), rates, context)


def _taxed_line(
    index: int,
    charge: Charge,
    product: Product | None,
    amount: tuple[Decimal, Pricing],
    rates: tuple[TaxRate, ...],
    context: _Context,
) -> Line | Rejected:
    unit, pricing = amount
    whole = tax.taxed(unit, charge.quantity, pricing, rates, context.rules)
    if whole.net and whole.gross and (whole.net < 0) != (whole.gross < 0):
        return Rejected(
            Reason.AMOUNT_OUT_OF_RANGE,
            _FIELD.format(index, "price"),
            "the taxes are higher than the gross amount",
        )
    one = whole if charge.quantity == 1 else tax.taxed(unit, 1, pricing, rates, context.rules)
    unit_net, unit_gross = (
        (unit, EXACT.add(unit, one.tax))
        if pricing is Pricing.NET
        else (EXACT.subtract(unit, one.tax), unit)
    )
    data = dict(charge.data)
    if product is not None:
        data["product"] = product.uid
    category = charge.category if product is None else product.category
    if category:
        data["category"] = category
    if len(rates) > 1 and charge.quantity != 1:
        # With one tax it is the difference of the unit amounts; with more it must be kept.
        data["unit_taxes"] = [[part.code, part.amount] for part in one.parts]
    return Line(
        line_no=index + 1,
        kind=LineKind.CUSTOM_ITEM if product is None else LineKind.SERVICE_PRODUCT,
        title=charge.title if product is None else product.title,
        quantity=charge.quantity,
        unit_net=unit_net,
        unit_gross=unit_gross,
        net=whole.net,
        tax=whole.tax,
        gross=whole.gross,
        product_id=0 if product is None else product.id,
        sku="" if product is None else product.code,
        taxes=whole.parts,
        data=data,
    )


def _own_price(product: Product | None, context: _Context) -> StatedPrice:
    """A product's own price stands on the tenant's side of the tax."""
    assert product is not None, "a custom item without a price"
    is_net = context.settings.pricing is Pricing.NET
    return StatedPrice(
        currency=context.currency,
        net=product.price if is_net else None,
        gross=None if is_net else product.price,
        tax_codes=product.tax_codes,
    )


def _unit(index: int, price: StatedPrice, context: _Context) -> tuple[Decimal, Pricing] | Rejected:
    """The unit amount that counts, and its side of the tax.

    The tenant's side counts, and what is stated beside it is not looked at: nobody said that both must agree. The
    other one counts where nothing is taxed, and where a net amount bears several taxes, which no gross one may. A
    nought beside an amount is how some programs leave a member out.
    """
    own = context.settings.pricing
    other = Pricing.GROSS if own is Pricing.NET else Pricing.NET
    stated = {Pricing.NET: price.net, Pricing.GROSS: price.gross}
    if stated[own] is None or (not stated[own] and stated[other]):
        is_free = not price.tax_codes or (other is Pricing.NET and len(price.tax_codes) > 1)
        own = other if is_free and stated[other] is not None else own
    amount = stated[own]
    if amount is None or (not amount and stated[other]):
        member = own.value
        field = _FIELD.format(index, f"price.{member}")
        return Rejected(Reason.PRICE_MISSING, field, f"the {member} amount is needed")
    return kept(amount), own


# --- what it uses up


def _draws(
    command: PlaceOrder,
    lines: tuple[Line, ...],
    facts: Facts,
    order_id: int,
    settings: Settings,
) -> tuple[Move, ...] | Rejected:
    terms = command.terms
    assert isinstance(terms, AccountCharge)
    tenant = command.origin.tenant_id
    moves: list[Move] = []
    taken: dict[PoolKey, int] = {}
    for index, charge in enumerate(terms.charges):
        product: Product | None = (
            facts.doc(tenant, "product", "uid", charge.product) if charge.product else None
        )
        # A rebate gives money back, not goods.
        if product is None or (charge.price is not None and lines[index].gross < 0):
            continue
        if not is_counted_now(facts, tenant, Sellable(product)):
            continue
        found = allocate(
            facts, tenant, product.subject, charge.quantity, taken, settings.default_warehouse
        )
        if found is None:
            return Rejected(
                Reason.OUT_OF_STOCK,
                _FIELD.format(index, "product"),
                f"fewer than {charge.quantity} of {product.subject} left",
            )
        moves.extend(Move(key, "draw", units, order_id, index + 1) for key, units in found)
    return tuple(moves)


BUSINESS = Business(
    name="AccountCharge",
    terms=AccountCharge,
    details=ChargeDetails,
    place=place,
    loads=loads,
    pools=pools,
    lock_keys=lock_keys,
    on_change=on_change,
    change_loads=change_loads,
    records={**accounts.RECORDS, **tax.RECORDS},
    may_be_negative=True,  # a rebate
)

__all__ = ["BUSINESS", "AccountCharge", "Charge", "StatedPrice"]
