"""Changes of orders that stand: who may, from where, and everything that goes with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from orderhub.core import changes
from orderhub.core.commands import (
    Action,
    ChangeOrder,
    LineChange,
    OrderName,
    Origin,
    StatedLine,
)
from orderhub.core.facts import Accepted, Facts, OrderLoad, PoolLoad, Record, RecordKey
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.steps import Payment
from orderhub.core.timers import TIMER_KINDS
from orderhub.core.values import (
    Clock,
    ClockMode,
    Move,
    Order,
    Pool,
    PoolKey,
    Settings,
    Status,
)
from tests.support.documents import doc

KEY = PoolKey(1, "stock", "product:188", "A")
THEN = 5_000_000  # where the tenant's clock stands
AT = Origin(
    tenant_id=1, channel="shop", actor="till", recorded_at=99, request_id="r-1", request='{"a":1}'
)
BY_NUMBER = OrderName("number", "n-46")


def order(number: int = 46, status: Status = Status.PENDING, **more: Any) -> Order:
    given = {
        "version": 3,
        "paid": Decimal(0),
        "owner": "1000",
        "group_number": "",
        "recorded": False,
    }
    return Order(
        tenant_id=1,
        id=number,
        uid=f"u-{number}",
        channel="shop",
        number=f"n-{number}",
        placed_by="test",
        status=status,
        currency="EUR",
        net=Decimal(10),
        tax=Decimal(2),
        total=Decimal(12),
        occurred_at=1,
        updated_at=1,
        recorded_at=1,
        **{"doc": doc(), **given, **more},
    )


def known_with(*orders: Order, name: OrderName = BY_NUMBER, **settings: Any) -> Facts:
    known = Facts()
    told = Settings(name="s", clock=Clock(ClockMode.FROZEN, frozen_at_us=THEN), **settings)
    row = Record(tenant_id=1, kind="settings", id=0, uid="", code="", doc=told)
    known.learn_records(RecordKey(1, "settings", "id", "0"), (row,))
    known.learn_pools(PoolLoad(1, "stock", "product:188"), (Pool(key=KEY, opening=9, drawn=4),))
    known.learn_orders(OrderLoad(1, name), orders)
    for each in orders:
        known.learn_draws(1, each.id, (Move(KEY, "draw", 4, each.id, 1),))
    return known


def ask(action: Action, known: Facts | None = None, **more: Any) -> Accepted | Rejected:
    command = ChangeOrder(origin=more.pop("origin", AT), name=BY_NUMBER, action=action, **more)
    return changes.change(command, known or known_with(order()))


FEW, MANY = Decimal(1), Decimal(10) ** 12
MORE, OTHER = StatedLine(price=FEW), LineChange(line_no=1)
REFUSALS = [
    # the order                 what is asked                                          the first rule it breaks
    ((),                        {"action": Action.PAY},                                Reason.ORDER_UNKNOWN),
    ((order(),),                {"action": Action.PAY, "only_channel": "other"},          Reason.ORDER_UNKNOWN),
    ((order(),),                {"action": Action.SHIP, "if_version": 2, "owner": "7"}, Reason.NOT_OWNER),
    ((order(),),                {"action": Action.SHIP, "if_version": 2},              Reason.VERSION_CONFLICT),
    ((order(),),                {"action": Action.SHIP, "if_version": 3},              Reason.TRANSITION_NOT_ALLOWED),
    ((order(),),                {"action": Action.PAY, "only_from": (Status.PAID,)},   Reason.TRANSITION_NOT_ALLOWED),
    ((order(status=Status.CANCELLED),), {"action": Action.CANCEL},                     Reason.TRANSITION_NOT_ALLOWED),
    ((order(),),                {"action": Action.AMEND, "changes": {"total": FEW}},   Reason.TRANSITION_NOT_ALLOWED),
    ((order(), order(47, owner="7")), {"action": Action.CANCEL, "owner": "1000"},      Reason.NOT_OWNER),
    ((order(),),                {"action": Action.AMEND, "add_lines": (MORE,)},        Reason.TRANSITION_NOT_ALLOWED),
    ((order(),),                {"action": Action.AMEND, "line_changes": (OTHER,)},  Reason.TRANSITION_NOT_ALLOWED),
    ((order(recorded=True),),   {"action": Action.AMEND, "changes": {"total": MANY}},  Reason.AMOUNT_OUT_OF_RANGE),
]  # fmt: skip


@pytest.mark.parametrize(("orders", "asked", "then"), REFUSALS)
def test_a_refusal_names_the_first_broken_rule(
    orders: tuple[Order, ...], asked: dict[str, Any], then: Reason
) -> None:
    asked = dict(asked)
    origin = msgspec.structs.replace(AT, owner=asked.pop("owner", ""))
    decision = ask(asked.pop("action"), known_with(*orders), origin=origin, **asked)
    assert isinstance(decision, Rejected)
    assert decision.reason is then


def test_a_change_is_an_event_that_says_all_that_changed() -> None:
    decision = ask(
        Action.PAY, payment=Payment(method="cash"), vendor_status="PAID!", reason="at the till"
    )
    assert isinstance(decision, Accepted)
    after, event = decision.order, decision.events[0]
    assert (after.status, after.paid, after.version) == (Status.PAID, Decimal(12), 4)
    assert (after.updated_at, after.occurred_at, after.recorded_at) == (THEN, 1, 1)
    assert after.doc.payments == (Payment(method="cash", at=THEN),)
    assert after.doc.business.paid_at == THEN
    assert (event.kind, event.version, event.order_id) == ("paid", 4, 46)
    assert (event.occurred_at, event.recorded_at) == (THEN, 99)
    assert (event.actor, event.request_id, event.request) == ("till", "r-1", '{"a":1}')
    assert event.data == {
        "status": Status.PAID,
        "paid": Decimal(12),
        "vendor_status": "PAID!",
        "reason": "at the till",
    }


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (Status.PENDING, Action.CANCEL),
        (Status.PENDING, Action.CALL_OFF),
        (Status.PAID, Action.CALL_OFF),
        (Status.PAID, Action.REFUND),
        (Status.REFUNDING, Action.REFUND),
    ],
)
def test_an_order_that_ends_gives_back_what_it_lock_keys(status: Status, action: Action) -> None:
    known = known_with(order(status=status, paid=Decimal(12)))
    decision = ask(action, known)
    assert isinstance(decision, Accepted)
    assert [(m.kind, m.units, m.key) for m in decision.moves] == [("return", 4, KEY)]
    known.apply(decision)
    pool = known.pool(KEY)
    assert pool is not None
    assert pool.available == 9
    assert {timer.kind for timer in decision.timers_done} == set(TIMER_KINDS)
    if decision.order.status is Status.REFUNDED:
        assert decision.order.refunded == Decimal(12)


@pytest.mark.parametrize("action", [Action.PAY, Action.AMEND])
def test_an_order_that_goes_on_keeps_what_it_lock_keys(action: Action) -> None:
    decision = ask(action)
    assert isinstance(decision, Accepted)
    assert decision.moves == ()


def test_a_group_moves_as_one_or_not_at_all() -> None:
    paid, unpaid = order(46, Status.PAID), order(47)
    decision = ask(Action.SHIP, known_with(paid, unpaid))
    assert isinstance(decision, Rejected)
    both = ask(Action.CALL_OFF, known_with(paid, unpaid))
    assert isinstance(both, Accepted)
    assert [each.status for each in both.changed] == [Status.REFUNDED, Status.CANCELLED]
    assert [each.kind for each in both.events] == ["refunded", "cancelled"]


@pytest.mark.parametrize("before", [Status.PAID, Status.SHIPPED, Status.COMPLETED])
def test_a_rejected_refund_leads_back_to_where_it_was_asked_for(before: Status) -> None:
    asked = ask(Action.REQUEST_REFUND, known_with(order(status=before)))
    assert isinstance(asked, Accepted)
    assert asked.order.status is Status.REFUNDING
    back = ask(Action.REJECT_REFUND, known_with(asked.order))
    assert isinstance(back, Accepted)
    assert back.order.status is before


def test_a_shipped_order_finishes_by_itself_where_the_tenant_says_so() -> None:
    shipped = ask(Action.SHIP, known_with(order(status=Status.PAID), auto_finish_s=60))
    assert isinstance(shipped, Accepted)
    assert [(t.kind, t.due_at) for t in shipped.timers] == [("auto_finish", THEN + 60_000_000)]
    never = ask(Action.SHIP, known_with(order(status=Status.PAID)))
    assert isinstance(never, Accepted)
    assert never.timers == ()
    note = ask(Action.AMEND, known_with(shipped.order, auto_finish_s=60), changes={"notes": "n"})
    assert isinstance(note, Accepted)
    assert (note.timers, note.timers_done) == ((), ()), "an amendment does not put it off"


def test_an_amendment_merges_the_vendors_data_and_leaves_the_life_alone() -> None:
    stands = order(recorded=True, doc=doc(vendor={"a": 1, "b": 2}))
    decision = ask(
        Action.AMEND,
        known_with(stands),
        vendor={"b": None, "c": 3},
        changes={"total": Decimal("7.5"), "notes": "new"},
    )
    assert isinstance(decision, Accepted)
    after = decision.order
    assert after.doc.vendor == {"a": 1, "c": 3}
    assert after.doc.notes == "new"
    assert (after.total, after.net, after.tax) == (Decimal("7.5"), Decimal("7.5"), Decimal(0))
    assert after.status is Status.PENDING
    assert decision.events[0].data["total"] == Decimal("7.5")
