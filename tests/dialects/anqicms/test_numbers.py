"""No two orders ever bear the same number, however many one second has to hold."""

import pytest

from orderhub.core.answer import Answer
from orderhub.core.commands import Numbering, OrderName, Origin, PlaceOrder, SetClock
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.queries import OrderQuery
from orderhub.demo import seed
from orderhub.dialects.anqicms import mapping, wire
from orderhub.dialects.finding import find_dialects
from orderhub.intake.batch import CommandBatch
from orderhub.intake.outcome import Waiting
from orderhub.intake.uids import Uids
from orderhub.ledger.ledger import Ledger
from orderhub.web.port import Cipher
from tests.dialects.anqicms.front import NOW_US
from tests.support.hub import SECRET_KEY

ORDERS, BATCH = 25_000, 250
# Free goods that nobody counts: only numbers matter here.
GIVEN = wire.CreateOrder(type="vip", goods_id=2, remark="x")


@pytest.mark.slow
def test_twenty_five_thousand_orders_of_one_second_have_as_many_numbers(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'hub.sqlite'}", RECORD_TYPES)
    seed(ledger, Cipher(SECRET_KEY), find_dialects())
    tenant = ledger.read(lambda reads: reads.tenant("shop"))
    uids = Uids()
    origin = Origin(
        tenant_id=tenant.id, channel="anqicms", actor="test", recorded_at=1, owner="1000"
    )
    order = mapping.place_order(GIVEN, origin, 1000, ())
    assert (order.numbering, isinstance(order, PlaceOrder)) == (Numbering.TIME4, True)

    def run(commands):
        waiting = [
            Waiting(
                command=command,
                render=lambda _: Answer(200, b""),
                render_refusal=lambda _: Answer(400, b""),
                deliver=lambda _: None,
            )
            for command in commands
        ]
        outcomes = CommandBatch(ledger, uids, 0, waiting, 1).run()
        assert {outcome.kind for outcome in outcomes} == {"accepted"}
        return [o.accepted.placed[0] for o in outcomes if o.accepted.placed]

    run([SetClock(origin=origin, action="freeze", at_us=NOW_US)])
    placed = [each for _ in range(ORDERS // BATCH) for each in run([order] * BATCH)]
    numbers = {each.number for each in placed}
    assert len(numbers) == ORDERS
    assert {each.occurred_at for each in placed} == {NOW_US}
    by_second = {number[:14] for number in numbers}
    assert by_second == {"20221123220908", "20221123220909", "20221123220910"}
    last = placed[-1].number
    found = ledger.read(lambda reads: reads.order(tenant.id, OrderName("number", last)))
    assert found.id == placed[-1].id
    total = ledger.read(
        lambda reads: reads.orders(OrderQuery(tenant_id=tenant.id, limit=1, with_total=True))
    )
    assert total.total == ORDERS
    ledger.close()
