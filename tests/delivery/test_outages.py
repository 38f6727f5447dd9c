"""Webhooks while the ledger cannot be written: what stands is where they go on from."""

from typing import Any

import pytest

from orderhub.core.deliveries import SENT
from orderhub.delivery import journal
from orderhub.ledger.files import DatabaseGone
from orderhub.ledger.ledger import Ledger
from tests.delivery.rig import (
    HOUR,
    Rig,
    amend,
    assert_sound,
    deliveries,
    events_of,
    ids,
    put_webhook,
    rigged,
    state,
)
from tests.support import world
from tests.support.receivers import Receiver

pytestmark = pytest.mark.usefixtures("brisk")


def test_what_failed_while_nothing_could_be_written_is_sent_again(
    ledger: Ledger, sink: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away for longer than it is tried: the cursor in hand is ahead of what stands."""
    first, second = world.place(ledger), world.place(ledger)
    amend(ledger, first)
    put_webhook(ledger, sink.url)
    sink.answer = lambda came: 500 if came.json["data"]["order"]["uid"] == first.uid else 204

    def away(*_: Any) -> Any:
        raise DatabaseGone("it is away")

    async def work(rig: Rig) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(journal, "_TRIES", 1)
            patch.setattr(ledger.deliveries, "settle", away)
            await rig.pass_once()
        assert len(sink.calls) == 2, "one was taken, one was not"
        assert state(ledger).cursor == "", "nothing of it is written"
        sink.answer = lambda _: 204
        third = world.place(ledger)
        await rig.pass_once()
        await rig.later(HOUR)
        wanted = events_of((first, 2), (second, 1), (third, 1))
        assert {each.event_id for each in deliveries(ledger) if each.state == SENT} == set(wanted)
        assert ids(sink.calls[2:]).count(wanted[0]) == 1
        assert set(ids(sink.calls[2:])) >= {*wanted} - {*events_of((second, 1))}

    rigged(ledger, work)
    assert_sound(ledger)
