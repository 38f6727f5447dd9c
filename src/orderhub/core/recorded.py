"""Recorded sales: orders that happened elsewhere and are kept here as they were stated."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from orderhub.core.business import Business
from orderhub.core.commands import ChangeOrder, LineChange, PlaceOrder, StatedLine, Terms
from orderhub.core.daily import UNITS_CHANGED, units_in
from orderhub.core.details import RecordedDetails
from orderhub.core.facts import Accepted, Facts, NewIds, RecordKey
from orderhub.core.money import is_storable, kept, times
from orderhub.core.ordering import MAX_LINES, MAX_QUANTITY, Draft, compose, untaxed_line
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.values import Line, LineKind, Order


class RecordedSale(Terms, frozen=True, kw_only=True):
    """A stated total, currency and time. Lines need not add up to the total."""

    total: Decimal
    currency: str
    occurred_at: int  # microseconds since 1970 UTC
    items: tuple[StatedLine, ...] = ()
    account: str = ""  # uid of the guest it belongs to
    account_kind: str = ""  # non-empty: the kind of record that `account` must name


def loads(command: PlaceOrder, _facts: Facts) -> Iterator[RecordKey]:
    terms = command.terms
    assert isinstance(terms, RecordedSale)
    if terms.account and terms.account_kind:
        yield RecordKey(command.origin.tenant_id, terms.account_kind, "uid", terms.account)


def place(command: PlaceOrder, facts: Facts, ids: NewIds) -> Accepted | Rejected:
    """Refused only for an unknown account, too many lines and amounts that cannot be kept."""
    terms = command.terms
    assert isinstance(terms, RecordedSale)
    tenant = command.origin.tenant_id
    named = terms.account and terms.account_kind
    if named and facts.record(tenant, terms.account_kind, "uid", terms.account) is None:
        return Rejected(Reason.ACCOUNT_UNKNOWN, "account", f"no account {terms.account}")
    lines = stated_lines(terms.items, 1)
    if isinstance(lines, Rejected):
        return lines
    composed = compose(
        command,
        facts,
        ids.orders[0],
        Draft(
            lines=lines,
            currency=terms.currency,
            account=terms.account,
            occurred_at=terms.occurred_at,
            stated_total=kept(terms.total),
            # `occurred_at` is what the caller stated; this is when the hub's tenant learned of it.
            business=RecordedDetails(stated_at=command.origin.now(facts.settings(tenant).clock)),
        ),
    )
    if isinstance(composed, Rejected):
        return composed
    order, event = composed
    return Accepted(placed=(order,), events=(event,))


def amend(
    command: ChangeOrder, before: Order, accepted: Accepted, facts: Facts, _ids: NewIds
) -> Accepted | Rejected:
    """An AMEND may add lines and change the ones there are; the total stays as stated."""
    if not command.add_lines and not command.line_changes:
        return accepted
    now = command.origin.now(facts.settings(before.tenant_id).clock)
    changed = _changed_lines(command.line_changes, before, now)
    if isinstance(changed, Rejected):
        return changed
    added = stated_lines(command.add_lines, len(before.lines) + 1)
    if isinstance(added, Rejected):
        return added
    kept = tuple(changed.get(line.line_no, line) for line in before.lines)
    after = msgspec.structs.replace(accepted.order, lines=(*kept, *added))
    units = units_in(after) - units_in(before)
    event = msgspec.structs.replace(
        accepted.events[0],
        data={
            **accepted.events[0].data,
            "lines": len(after.lines),
            "added_lines": [line.line_no for line in added],
            "changed_lines": sorted(changed),
            **({UNITS_CHANGED: units} if units else {}),
        },
    )
    return msgspec.structs.replace(
        accepted,
        changed=(after,),
        events=(event,),
        added_lines=tuple((after, line) for line in added),
        changed_lines=tuple((after, line) for line in changed.values()),
    )


def stated_lines(items: tuple[StatedLine, ...], first_no: int) -> tuple[Line, ...] | Rejected:
    """The lines of these items, the first of which has this number."""
    if first_no - 1 + len(items) > MAX_LINES:
        return Rejected(Reason.QUANTITY_INVALID, "lines", f"at most {MAX_LINES} lines an order")
    lines = []
    for number, item in enumerate(items, first_no):
        price = kept(item.price)
        refusal = _refusal(item.quantity, price, f"lines[{number - first_no}]")
        if refusal is not None:
            return refusal
        lines.append(
            untaxed_line(
                number,
                LineKind.RECORDED_ITEM,
                item.title,
                item.quantity,
                price,
                sku=item.sku,
                data=item.data,
            )
        )
    return tuple(lines)


def _changed_lines(
    changes: tuple[LineChange, ...], order: Order, now: int
) -> dict[int, Line] | Rejected:
    """Line number -> the line as it will be. A line that was removed cannot be changed any more."""
    result: dict[int, Line] = {}
    lines = {line.line_no: line for line in order.lines}
    for index, change in enumerate(changes):
        line = lines.get(change.line_no)
        if line is None or line.cancelled:
            return Rejected(Reason.RECORD_UNKNOWN, "line", f"no line {change.line_no}")
        line = result.get(change.line_no, line)
        quantity = line.quantity if change.quantity is None else change.quantity
        price = line.unit_net if change.price is None else kept(change.price)
        refusal = _refusal(quantity, price, f"lines[{index}]")
        if refusal is not None:
            return refusal
        data = {**line.data, **(change.data or {})}
        if change.cancelled:
            data["cancelled_at"] = now
        result[change.line_no] = untaxed_line(
            line.line_no,
            line.kind,
            line.title if change.title is None else change.title,
            quantity,
            price,
            sku=line.sku if change.sku is None else change.sku,
            data={name: value for name, value in data.items() if value is not None},
            product_id=line.product_id,
            variant_id=line.variant_id,
            cancelled=line.cancelled if change.cancelled is None else change.cancelled,
            shipped=line.shipped,
            refunded=line.refunded,
            counted=line.counted,
        )
    return result


def _refusal(quantity: int, price: Decimal, field: str) -> Rejected | None:
    if not 1 <= quantity <= MAX_QUANTITY:
        return Rejected(
            Reason.QUANTITY_INVALID, f"{field}.quantity", f"1 to {MAX_QUANTITY} units a line"
        )
    if not is_storable(price) or not is_storable(times(price, quantity)):
        return Rejected(
            Reason.AMOUNT_OUT_OF_RANGE,
            f"{field}.price",
            "at most 12 digits before the point",
        )
    return None


BUSINESS = Business(
    name="RecordedSale",
    terms=RecordedSale,
    details=RecordedDetails,
    place=place,
    loads=loads,
    on_change=amend,
    may_be_negative=True,  # what was sold elsewhere is kept as it was stated
)
