"""One look finds the timers that are due, each on its own tenant's clock, and none that is not."""

import pytest
from sqlalchemy import insert

from orderhub.core.access import Credential
from orderhub.core.commands import OrderName
from orderhub.core.values import Clock, ClockMode, Settings
from orderhub.ledger import rows, tables
from orderhub.ledger.ledger import Ledger
from tests.support import world

NOW, HOUR = world.NOON, 3_600_000_000
CLOCKS = {
    "wall": Clock(),
    "ahead": Clock(mode=ClockMode.RUNNING, offset_us=HOUR),
    "behind": Clock(mode=ClockMode.RUNNING, offset_us=-HOUR),
    "frozen": Clock(mode=ClockMode.FROZEN, frozen_at_us=NOW - 2 * HOUR),
}
FIRST = 100


def tenants(ledger: Ledger, *clocks: Clock, due_at: int) -> list[int]:
    """Tenants with these clocks, each with one timer; their ids."""
    ids = list(range(FIRST, FIRST + len(clocks)))
    with ledger.engine.begin() as connection:
        connection.execute(insert(tables.tenant), [{"id": n, "name": f"t{n}"} for n in ids])
        docs = [rows.json_text(Settings(name="n", clock=clock)) for clock in clocks]
        connection.execute(
            insert(tables.record),
            [
                {"tenant_id": n, "kind": "settings", "id": 0, "doc": doc}
                for n, doc in zip(ids, docs, strict=True)
            ],
        )
        connection.execute(
            insert(tables.timer),
            [{"tenant_id": n, "kind": "auto_close", "order_id": 1, "due_at": due_at} for n in ids],
        )
    return ids


@pytest.mark.parametrize(
    ("due_at", "due"),
    [
        (NOW + 2 * HOUR, set()),
        (NOW + HOUR, {"ahead"}),
        (NOW, {"wall", "ahead"}),
        (NOW - HOUR, {"wall", "ahead", "behind"}),
        (NOW - 2 * HOUR, {"wall", "ahead", "behind", "frozen"}),
    ],
)
def test_each_timer_is_due_on_its_own_tenants_clock(
    ledger: Ledger, due_at: int, due: set[str]
) -> None:
    ids = dict(zip(tenants(ledger, *CLOCKS.values(), due_at=due_at), CLOCKS, strict=True))
    clocks = {ids[each]: clock for each, clock in ledger.clocks().items() if each in ids}
    assert clocks == {name: clock for name, clock in CLOCKS.items() if name != "wall"}
    assert ledger.has_due_timers(NOW) is bool(due)
    found = ledger.due_timers(NOW, claim_us=1_000_000)
    assert {ids[each.tenant_id] for each in found} == due
    assert ledger.due_timers(NOW, claim_us=1_000_000) == [], "somebody is at them"
    assert ledger.has_due_timers(NOW) is bool(due), "which does not make them done"


def test_clocks_of_a_moment_ago_say_where_to_look_and_those_of_now_what_is_due(
    ledger: Ledger,
) -> None:
    (only,) = tenants(ledger, CLOCKS["frozen"], due_at=NOW)
    assert ledger.due_timers(NOW, 1_000_000, clocks={}) == [], "it is not due on its own clock"
    ahead = {only: CLOCKS["ahead"]}
    assert ledger.due_timers(NOW - HOUR, 1_000_000, clocks=ahead) == []


def test_more_tenants_than_one_look_sees_are_found_by_the_looks_after_it(ledger: Ledger) -> None:
    ids = tenants(ledger, *[Clock()] * 450, due_at=NOW)
    found: list[int] = []
    while due := ledger.due_timers(NOW, claim_us=1_000_000):
        found += [each.tenant_id for each in due]
    assert sorted(found) == ids


def test_the_last_use_of_many_credentials_is_noted_at_once(ledger: Ledger) -> None:
    for number in range(3):
        ledger.put_credential(
            Credential(id=f"c-{number}", kind="hub", name=f"{number}", tenant_id=world.SHOP)
        )
    ledger.mark_used({"c-0": 7, "c-2": 9, "gone": 8})
    found = ledger.read(lambda reads: reads.credentials(world.SHOP))
    used = {each.id: each.last_used_at for each in found if each.id.startswith("c-")}
    assert used == {"c-0": 7, "c-1": 0, "c-2": 9}


def test_an_operator_finds_an_order_by_its_uid_whosever_it_is(ledger: Ledger) -> None:
    order = world.place(ledger)
    name = OrderName("uid", order.uid)
    assert ledger.read(lambda reads: reads.order(None, name)) == order
    assert ledger.read(lambda reads: reads.order(world.OTHER, name)) is None


def test_what_is_late_is_counted_by_the_walls_clock_alone(ledger: Ledger) -> None:
    assert ledger.overdue_timers(NOW) == (0, None)
    tenants(ledger, CLOCKS["wall"], *CLOCKS.values(), due_at=NOW - HOUR)
    assert ledger.overdue_timers(NOW) == (2, NOW - HOUR), "nobody misses what a test clock owes"
    assert ledger.overdue_timers(NOW - HOUR) == (0, None), "it was not due before then"
    ledger.due_timers(NOW, claim_us=1_000_000)
    assert ledger.overdue_timers(NOW) == (2, NOW - HOUR), "claimed is not done"
