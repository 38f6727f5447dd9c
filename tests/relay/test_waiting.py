"""What waits says for what, of its connection's as well."""

from orderhub.core.commands import HandOverStep, RecordChange
from orderhub.core.handing import HandOver
from orderhub.ledger.ledger import Ledger
from orderhub.relay.waiting import with_reasons
from tests.relay.rig import Bench, connect, hand_overs
from tests.support import world


def shown(ledger: Ledger) -> list[HandOver]:
    return list(ledger.read(lambda reads: with_reasons(reads, hand_overs(ledger))))


def test_what_waits_while_its_vendor_is_left_alone_says_so(ledger: Ledger) -> None:
    connect(ledger)
    bench = Bench(ledger)
    bench.vendor.faults = ["out"]
    world.place(ledger, world.basket())
    bench.run()
    world.place(ledger, world.basket())
    for each in shown(ledger):
        assert each.reason.startswith("the connection is left alone for now: not let in")
    bench.settle()
    assert [each.reason for each in shown(ledger)] == ["", ""]
    bench.close()


def test_what_waits_at_a_connection_that_is_off_or_gone_says_so(ledger: Ledger) -> None:
    connect(ledger, is_enabled=False)
    world.place(ledger, world.basket())
    assert [each.reason for each in shown(ledger)] == ["the connection is switched off"]
    gone = (RecordChange(kind="route", id=1), RecordChange(kind="connection", id=1))
    world.run_all(ledger, world.put(*gone))
    assert [each.reason for each in shown(ledger)] == ["its connection is no more"]
    bench = Bench(ledger)
    bench.decide(hand_overs(ledger)[0], HandOverStep.REFUSE, reason="no")
    assert [each.reason for each in shown(ledger)] == ["no"]
    bench.close()
