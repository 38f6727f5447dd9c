"""A fixture: what a webhook's courier waits in real seconds is short. A plugin of every test run."""

import pytest

from orderhub.delivery import courier


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds 0.2 s apart were most of what tests of webhooks took, though days pass by the clock that a test moves."""
    monkeypatch.setattr(courier, "_ROUND_S", 0.005)
    monkeypatch.setattr(courier, "_FLUSH_EVERY_S", 0.01)
