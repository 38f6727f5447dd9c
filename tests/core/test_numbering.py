"""No two orders of a tenant ever bear the same number, however many come in one second of its clock."""

from datetime import UTC, datetime

import pytest

from orderhub.core import decide, numbering
from orderhub.core.commands import Numbering, OrderName, Origin, PlaceOrder, StatedLine
from orderhub.core.facts import Accepted, Facts, NewIds, OrderLoad, Record, RecordKey
from orderhub.core.money import ZERO
from orderhub.core.recorded import RecordedSale
from orderhub.core.values import Clock, ClockMode, Order, Settings

NOON = 1_700_000_000_000_000
FROZEN = Clock(ClockMode.FROZEN, frozen_at_us=NOON)


def known_with(settings: Settings) -> Facts:
    known = Facts()
    key = RecordKey(1, "settings", "id", "0")
    known.learn_records(
        key, [Record(tenant_id=1, kind="settings", id=0, uid="", code="", doc=settings)]
    )
    return known


def sale(number: int, scheme: Numbering) -> PlaceOrder:
    at = Origin(tenant_id=1, channel="shop", actor="test", recorded_at=NOON + number)
    item = StatedLine(title="thing", price=ZERO)
    terms = RecordedSale(total=ZERO, currency="EUR", occurred_at=NOON, items=(item,))
    return PlaceOrder(origin=at, terms=terms, numbering=scheme)


def placed(known: Facts, command: PlaceOrder, order_id: int) -> Order:
    """One order decided as the intake does it: numbers are looked up first, and none is found taken."""
    while missing := list(decide.number_loads(command, known, (order_id,))):
        for load in missing:
            known.learn_orders(load, ())
    ids = NewIds(orders=((order_id, f"uid-{order_id}"),))
    decision = decide.decide(command, known, ids)
    assert isinstance(decision, Accepted), decision
    known.apply(decision)
    return decision.order


def test_25_000_orders_of_one_frozen_second_bear_25_000_numbers_and_true_times() -> None:
    known = known_with(Settings(name="shop", clock=FROZEN))
    orders = [placed(known, sale(n, Numbering.TIME4), 46 + n) for n in range(25_000)]
    assert len({order.number for order in orders}) == 25_000
    assert {order.updated_at for order in orders} == {NOON}
    assert {order.recorded_at for order in orders} == {NOON + n for n in range(25_000)}
    second = datetime.fromtimestamp(NOON // 10**6, UTC).strftime("%Y%m%d%H%M%S")
    first, later, last = orders[0].number, orders[10_000].number, orders[20_000].number
    assert first == f"{second}0046"
    assert int(later) - int(first) == 10_000, "the same four digits, one second on"
    assert int(last) - int(first) == 20_000


def test_a_number_that_was_given_before_the_clock_was_set_back_is_not_given_again() -> None:
    known = known_with(Settings(name="shop", clock=FROZEN))
    earlier = placed(known, sale(1, Numbering.TIME4), 46)
    again = known_with(Settings(name="shop", clock=FROZEN))
    name = OrderName("number", earlier.number)
    again.learn_orders(OrderLoad(1, name), [earlier])
    later = placed(again, sale(2, Numbering.TIME4), 10_046)
    assert later.number != earlier.number


def test_a_number_that_nobody_looked_up_is_not_taken_for_a_free_one() -> None:
    settings = Settings(name="shop", clock=FROZEN)
    known = known_with(settings)

    def free_lap() -> int | None:
        return numbering.first_free_lap(known, Numbering.TIME4, 1, settings, NOON, 46, 3)

    assert free_lap() is None
    later = numbering.number_for(Numbering.TIME4, settings, NOON, 46, "", 2)
    known.learn_orders(OrderLoad(1, OrderName("number", later)), ())
    assert free_lap() == 2


@pytest.mark.parametrize(
    ("scheme", "number"),
    [
        (Numbering.ID, "46"),
        (Numbering.ID13, "1000000000046"),
        (Numbering.UID, "uid-46"),
        (Numbering.TIME4, "202311142213200046"),
    ],
)
def test_each_scheme_spells_a_number_its_own_way(scheme: Numbering, number: str) -> None:
    known = known_with(Settings(name="shop", clock=FROZEN))
    assert placed(known, sale(1, scheme), 46).number == number


def test_a_time_number_shows_the_tenants_local_time_and_four_digits_of_the_id() -> None:
    shop = Settings(name="shop", utc_offset_minutes=480)
    at = 1_669_212_548_000_000  # 2022-11-23T22:09:08+08:00
    assert numbering.time_number(shop, at, 46) == "202211232209080046"
    assert numbering.time_number(shop, at, 1_230_046) == "202211232209080046"
    assert numbering.time_number(Settings(name="x"), at, 7) == "202211231409080007"
    york = Settings(name="x", time_zone="America/New_York")
    assert numbering.time_number(york, at, 7) == "202211230909080007"
    half_a_year = 182 * 86_400_000_000
    assert numbering.time_number(york, at + half_a_year, 7) == "202305241009080007"


def test_orders_of_two_tenants_do_not_take_each_others_numbers() -> None:
    known = known_with(Settings(name="shop", clock=FROZEN))
    order = placed(known, sale(1, Numbering.TIME4), 46)
    known.learn_orders(OrderLoad(2, OrderName("number", order.number)), ())
    assert known.is_number_free(1, order.number) is False
    assert known.is_number_free(2, order.number) is True
