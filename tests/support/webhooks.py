"""Fixtures of webhooks: a receiver, and what a courier waits in real seconds is short. A plugin of every test run."""

from collections.abc import Iterator

import pytest

from orderhub.delivery import courier
from tests.support.receivers import Receiver, receiver


@pytest.fixture
def sink() -> Iterator[Receiver]:
    with receiver() as opened:
        yield opened


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds 0.2 s apart were most of what tests of webhooks took, though days pass by the clock that a test moves."""
    monkeypatch.setattr(courier, "_ROUND_S", 0.005)
    monkeypatch.setattr(courier, "_FLUSH_EVERY_S", 0.01)
