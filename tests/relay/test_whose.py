"""What was sent is known by whose account it went to: a connection may lead elsewhere by the next look."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orderhub.core.commands import Action, OrderName
from orderhub.core.handing import HandOverState
from orderhub.core.values import Order, Status
from orderhub.dialects.client import Link, Member
from orderhub.ledger.ledger import Ledger
from orderhub.relay import calling_off
from orderhub.relay.talking import ELSEWHERE
from tests.relay.rig import HERE, HOUR, SECOND, Bench, PlainClient, ShopClient, connect
from tests.relay.test_news import InWindows, Newsroom, OneByOne, tell
from tests.support import world
from tests.support.clients import DIALECTS
from tests.support.world import SHOP

THERE = "https://another.example"


@pytest.fixture(params=[ShopClient, PlainClient])
def bench(ledger: Ledger, request: pytest.FixtureRequest) -> Iterator[Bench]:
    connect(ledger)
    made = Bench(ledger, request.param())
    yield made
    made.close()


def in_doubt(bench: Bench) -> None:
    """It was taken over there, and nobody here knows."""
    bench.vendor.faults, bench.vendor.blind = ["after 500"], ["500"] * 2
    world.place(bench.ledger, world.basket())
    bench.run()
    assert bench.one.state is HandOverState.SENDING
    bench.vendor.blind = []


def leads_to(bench: Bench, url: str = HERE, **more: Any) -> Newsroom:
    """The connection leads to another vendor from now on, or to the same one under another name."""
    connect(bench.ledger, route=False, base_url=url, **more)
    other = Newsroom(bench.clock)
    bench.rig.elsewhere = {THERE: other}
    return other


def test_what_is_in_doubt_is_not_sent_to_another_vendor(bench: Bench) -> None:
    in_doubt(bench)
    other = leads_to(bench, THERE)
    bench.settle()
    assert bench.one.state is HandOverState.UNSURE
    assert "in other words" in bench.one.reason
    assert (len(bench.vendor.orders), len(other.orders)) == (1, 0)


def test_with_another_token_a_marker_still_says_that_it_is_there(bench: Bench) -> None:
    in_doubt(bench)
    leads_to(bench, credentials={"token": "kept:another"})
    bench.settle()
    is_marked = isinstance(bench._client, ShopClient) and bool(bench._client.marker)
    assert bench.one.state is (HandOverState.PLACED if is_marked else HandOverState.UNSURE)
    assert len(bench.vendor.orders) == 1


def test_with_another_token_that_it_is_not_found_proves_nothing(ledger: Ledger) -> None:
    connect(ledger)
    bench = Bench(ledger)
    bench.vendor.faults, bench.vendor.blind = ["500"], ["500"] * 2
    world.place(ledger, world.basket())
    bench.run()
    leads_to(bench, credentials={"token": "kept:another"})
    bench.settle()
    assert (bench.one.state, bench.vendor.orders) == (HandOverState.UNSURE, [])
    bench.close()


@pytest.fixture(params=[OneByOne, InWindows])
def newsy(ledger: Ledger, request: pytest.FixtureRequest) -> Iterator[Bench]:
    connect(ledger)
    made = Bench(ledger, request.param())
    made.rig.vendor = made.vendor = Newsroom(made.clock)
    yield made
    made.close()


def paid_and_placed(bench: Bench) -> Callable[[], Order]:
    placed = world.place(bench.ledger, world.basket())
    world.run_all(bench.ledger, world.change(placed, Action.PAY))
    bench.run()
    assert bench.one.state is HandOverState.PLACED

    def now() -> Order:
        name = OrderName("id", str(placed.id))
        found = bench.ledger.read(lambda reads: reads.order(SHOP, name))
        assert found is not None
        return found

    return now


def ask_anew(bench: Bench) -> None:
    bench.ledger.relay.ask_anew(SHOP, 1, 0, bench.clock())


def test_another_vendors_news_of_the_same_number_is_anothers(newsy: Bench) -> None:
    now = paid_and_placed(newsy)
    other = leads_to(newsy, THERE)
    other.news = [{"number": "N1", "kind": "refunded", "id": "refunded"}]
    ask_anew(newsy)
    newsy.run(12, every_us=600 * SECOND)
    assert now().status is Status.PAID
    assert newsy.one.reason == ELSEWHERE
    tell(newsy, "shipped", tracking="T1", at_us=newsy.clock())
    leads_to(newsy)
    ask_anew(newsy)
    newsy.run(12, every_us=600 * SECOND)
    assert (now().status, newsy.one.reason) == (Status.SHIPPED, "")


def test_another_vendors_order_of_the_same_number_is_not_called_off(newsy: Bench) -> None:
    now = paid_and_placed(newsy)
    other = leads_to(newsy, THERE)
    newsy.run(1, every_us=HOUR)
    engine = newsy.rig.engine
    world.run_all(newsy.ledger, world.change(now(), Action.REFUND))
    calls = len(other.calls)
    _, trouble = newsy._runner.run(
        calling_off.told(engine, engine.line(engine._records[SHOP, 1]), newsy.one, now())
    )
    assert trouble is not None
    assert ELSEWHERE in trouble.reason
    assert len(other.calls) == calls


def test_accounts_are_known_by_what_names_them() -> None:
    named = {
        name: {each.name for each in (*client.credentials, *client.options) if each.is_account}
        for name, each in DIALECTS.items()
        if (client := each.client) is not None
    }
    assert named == {
        "anqicms": {"site", "user_name"},
        "kakaclo": set(),
        "mews": {"enterprise_id"},
        "sitecore_cdp": {"client_key"},
        "tours4fun": {"appkey"},
    }
    client = DIALECTS["anqicms"].client
    assert client is not None
    ann = Link(credentials={"user_name": "ann", "password": "p"})
    assert client.account_of(ann) != client.account_of(Link(credentials={"user_name": "bo"}))
    assert client.account_of(ann) == client.account_of(Link(credentials={"user_name": "ann"}))
    assert client.account_of(Link(credentials={"token": "t"})) == ""
    assert Member("token", "a token").is_account is False
