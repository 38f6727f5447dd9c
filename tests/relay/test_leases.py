"""One hub at a time sees to a connection: who has the lease works, who lost it leaves things alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from orderhub.core.handing import HandOverState, There, Wish, is_asked
from orderhub.core.relaying import RelayState
from orderhub.dialects.client import Answers, Finishing, Job, Link, Placed, Request, Send
from orderhub.ledger.ledger import Ledger
from tests.relay.rig import HOUR, SECOND, Bench, ShopClient, connect
from tests.support import world


@pytest.fixture
def bench(ledger: Ledger) -> Iterator[Bench]:
    connect(ledger)
    made = Bench(ledger)
    yield made
    made.close()


def order(bench: Bench) -> Any:
    return world.place(bench.ledger, world.basket())


def test_what_was_given_back_is_not_used_again_without_asking(bench: Bench) -> None:
    order(bench)
    bench.run()
    now = bench.clock()
    theirs = RelayState(
        tenant_id=world.SHOP,
        connection_id=1,
        owner="they",
        leased_until=now + 60 * SECOND,
        version=1,
    )
    assert bench.ledger.relay.lease(theirs, now, HOUR) is not None
    (agent,) = bench.rig.engine._agents.values()
    order(bench)
    bench._runner.run(agent.run())
    assert len(bench.vendor.orders) == 1


class PartsClient(ShopClient):
    """Of a vendor that is told of an order's parts by a call of its own."""

    def __init__(self) -> None:
        self.takes_long: Callable[[], object] = lambda: None

    def finish(self, link: Link, job: Job, placed: Placed, answers: Answers) -> Finishing:
        if answers:
            return placed
        self.takes_long()
        return Send(Request(path="/parts", body={"note": job.marker}))


def test_who_lost_the_lease_adds_nothing_to_an_order(ledger: Ledger) -> None:
    """Who has it by now may be adding the same."""
    connect(ledger)
    client = PartsClient()
    bench = Bench(ledger, client)

    def somebody_else_takes_it() -> None:
        bench.clock.now_us += HOUR
        now = bench.clock()
        theirs = RelayState(
            tenant_id=world.SHOP,
            connection_id=1,
            owner="they",
            leased_until=now + 60 * SECOND,
            version=1,
        )
        assert bench.ledger.relay.lease(theirs, now, HOUR) is not None

    client.takes_long = somebody_else_takes_it
    order(bench)
    bench.run()
    assert (len(bench.vendor.orders), bench.one.state) == (1, HandOverState.SENDING)
    client.takes_long = lambda: None
    bench.clock.now_us += HOUR
    bench.settle()
    assert (len(bench.vendor.orders), bench.one.state) == (2, HandOverState.PLACED)
    bench.close()


def test_a_hub_that_has_the_lease_keeps_others_out(bench: Bench) -> None:
    now = bench.clock()
    state = bench.ledger.read(lambda reads: reads.relay.state(world.SHOP, 1))
    assert state is None
    mine = RelayState(
        tenant_id=world.SHOP, connection_id=1, owner="me", leased_until=now + 90 * SECOND, version=1
    )
    assert bench.ledger.relay.lease(mine, now, HOUR) is not None
    yours = replace(mine, owner="you")
    assert bench.ledger.relay.lease(yours, now, HOUR) is None
    order(bench)
    bench.run()
    assert (bench.one.state, bench.vendor.calls) == (HandOverState.PLANNED, [])
    bench.run(1, every_us=2 * HOUR)
    assert bench.one.state is HandOverState.PLACED


@pytest.mark.parametrize(("ahead_us", "calls"), [(30 * SECOND, 0), (10 * HOUR, 1)])
def test_a_lease_of_a_clock_that_was_ahead_keeps_nobody_out(
    bench: Bench, ahead_us: int, calls: int
) -> None:
    now = bench.clock()
    theirs = RelayState(
        tenant_id=world.SHOP,
        connection_id=1,
        owner="they",
        leased_until=now + 90 * SECOND + ahead_us,
        version=1,
    )
    assert bench.ledger.relay.lease(theirs, now + ahead_us, 90 * SECOND) is not None
    order(bench)
    bench.run()
    assert len(bench.vendor.orders) == calls


@pytest.mark.parametrize(
    ("until_us", "by", "asked"),
    [
        (60 * SECOND, "", True),
        (HOUR, "me", True),
        (60 * SECOND, "they", False),
        (0, "", False),
        (10 * HOUR, "", False),
    ],
)
def test_a_wish_keeps_others_out_until_it_ends_unless_a_clock_was_ahead(
    bench: Bench, until_us: int, by: str, *, asked: bool
) -> None:
    order(bench)
    now = bench.clock()
    wish = Wish(name="", by="they", off={1: 1}, seq=1, until=now + until_us)
    wished = replace(bench.one, there=There(wish=wish))
    assert is_asked(wished, now, by) is asked
