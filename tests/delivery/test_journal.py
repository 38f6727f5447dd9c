"""What couriers write at once is one transaction, in which none of them is to blame for another."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from orderhub.core.deliveries import SENT, Delivery, WebhookState
from orderhub.delivery.journal import LeaseLost, LedgerJournal
from orderhub.ledger.deliveries import Settling
from orderhub.ledger.ledger import Ledger
from tests.delivery.rig import deliveries, put_webhook, state
from tests.support.world import NOON, SHOP

OWNER = "somebody"


async def in_thread(work: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(work)


def leased(ledger: Ledger, number: int) -> WebhookState:
    put_webhook(ledger, f"http://127.0.0.1:9/{number}", number)
    asked = WebhookState(tenant_id=SHOP, webhook_id=number, owner=OWNER, leased_until=NOON)
    taken = ledger.deliveries.lease(asked, 0, 2 * NOON, 1)
    assert taken is not None
    return taken


def round_of(taken: WebhookState, event_id: str, **members: Any) -> Settling:
    row = Delivery(
        tenant_id=SHOP,
        webhook_id=taken.webhook_id,
        event_id=event_id,
        kind="order.placed",
        about="an order",
        state=SENT,
        **members,
    )
    return Settling(state=msgspec.structs.replace(taken, passed=1), added=[row])


def settled(ledger: Ledger, rounds: list[Settling]) -> tuple[list[Any], int]:
    """What each came to, and how many transactions it took."""
    settle, count = ledger.deliveries.settle, 0

    def counted(*given: Any) -> Any:
        nonlocal count
        count += 1
        return settle(*given)

    async def work() -> list[Any]:
        journal = LedgerJournal(ledger, in_thread)
        return await asyncio.gather(
            *(journal.settle(each, NOON) for each in rounds), return_exceptions=True
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger.deliveries, "settle", counted)
        return asyncio.run(work()), count


def test_rounds_that_come_at_once_are_one_transaction(ledger: Ledger) -> None:
    states = [leased(ledger, number) for number in range(1, 6)]
    found, count = settled(ledger, [round_of(each, f"evt_{each.webhook_id}") for each in states])
    assert count == 1
    for number, (ids, stands) in enumerate(found, 1):
        (row,) = deliveries(ledger, SENT, number)
        assert (ids, row.event_id) == ([row.id], f"evt_{number}")
        assert (stands.webhook_id, stands.passed, state(ledger, number).passed) == (number, 1, 1)


def test_who_lost_the_lease_writes_nothing_and_costs_nobody_anything(ledger: Ledger) -> None:
    mine, lost = leased(ledger, 1), leased(ledger, 2)
    ledger.deliveries.release(lost)
    found, count = settled(ledger, [round_of(lost, "evt_lost"), round_of(mine, "evt_mine")])
    assert count == 1
    assert isinstance(found[0], LeaseLost)
    assert [each.event_id for each in deliveries(ledger, SENT, 1)] == ["evt_mine"]
    assert (deliveries(ledger, "", 2), state(ledger, 2).passed) == ([], 0)


def test_a_round_that_cannot_be_written_fails_alone(ledger: Ledger) -> None:
    states = [leased(ledger, number) for number in range(1, 4)]
    rounds = [round_of(each, f"evt_{each.webhook_id}") for each in states]
    rounds[1] = round_of(states[1], "evt_2", attempts=object())
    found, _ = settled(ledger, rounds)
    assert isinstance(found[1], Exception)
    assert not isinstance(found[1], LeaseLost)
    for number, wanted in ((1, ["evt_1"]), (2, []), (3, ["evt_3"])):
        assert [each.event_id for each in deliveries(ledger, SENT, number)] == wanted
