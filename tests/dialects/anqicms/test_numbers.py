"""No two orders ever bear the same number, however many one second has to hold."""

from contextlib import closing

from orderhub.core.answer import Answer
from orderhub.core.commands import Numbering, OrderName, Origin, PlaceOrder, SetClock
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.queries import OrderQuery
from orderhub.dialects.anqicms import mapping, wire
from orderhub.intake.batch import CommandBatch
from orderhub.intake.outcome import Waiting
from orderhub.intake.uids import Uids
from orderhub.ledger.database import open_engine, writing
from orderhub.ledger.ledger import Ledger
from tests.dialects.anqicms.front import NOW_US
from tests.support.hub import seed_demo

# A second has 10,000 numbers, by the last digits of the order's id: so many orders, and as many with ids 10,000 further
# on, twice. tests/core/test_numbering.py numbers all 25,000 of them.
ORDERS, A_SECOND = 250, 10_000
SECONDS = ("20221123220908", "20221123220909", "20221123220910")
# Free goods that nobody counts: only numbers matter here.
GIVEN = wire.CreateOrder(type="vip", goods_id=2, remark="x")
UIDS = Uids()


def run(ledger, commands):
    waiting = [
        Waiting(
            command=command,
            render=lambda _: Answer(200, b""),
            render_refusal=lambda _: Answer(400, b""),
            deliver=lambda _: None,
        )
        for command in commands
    ]
    outcomes = CommandBatch(ledger, UIDS, 0, waiting, 1).run()
    assert {outcome.kind for outcome in outcomes} == {"accepted"}
    return [o.accepted.placed[0] for o in outcomes if o.accepted.placed]


def test_orders_of_one_second_whose_places_are_taken_have_numbers_of_the_next(tmp_path):
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    seed_demo(url)
    with closing(Ledger(open_engine(url), RECORD_TYPES)) as ledger:
        tenant = ledger.read(lambda reads: reads.tenant("shop"))
        origin = Origin(
            tenant_id=tenant.id, channel="anqicms", actor="test", recorded_at=1, owner="1000"
        )
        run(ledger, [SetClock(origin=origin, action="freeze", at_us=NOW_US)])
    order = mapping.place_order(GIVEN, origin, 1000, ())
    assert (order.numbering, isinstance(order, PlaceOrder)) == (Numbering.TIME4, True)
    placed = []
    for second in SECONDS:
        with closing(Ledger(open_engine(url), RECORD_TYPES)) as ledger:
            more = run(ledger, [order] * ORDERS)
            assert {each.number[:-4] for each in more} == {second}
            placed += more
            following = more[0].id + A_SECOND
            with writing(ledger.engine).begin() as connection:
                connection.exec_driver_sql(
                    f"UPDATE counter SET next = {following} WHERE name = 'order'"
                )
    numbers = {each.number for each in placed}
    assert len(numbers) == 3 * ORDERS
    assert len({number[-4:] for number in numbers}) == ORDERS
    assert {each.occurred_at for each in placed} == {NOW_US}
    last = placed[-1].number
    with closing(Ledger(open_engine(url), RECORD_TYPES)) as ledger:
        found = ledger.read(lambda reads: reads.order(tenant.id, OrderName("number", last)))
        assert found.id == placed[-1].id
        query = OrderQuery(tenant_id=tenant.id, limit=1, with_total=True)
        assert ledger.read(lambda reads: reads.orders(query)).total == 3 * ORDERS
