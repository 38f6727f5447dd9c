"""Long work in a thread gives the others a turn."""

import pytest

from orderhub.dialects import pausing


@pytest.mark.parametrize(
    ("count", "every", "pauses"), [(0, 1, 0), (3, 1, 3), (7, 8, 0), (17, 8, 2)]
)
def test_all_items_come_with_a_moment_for_others_after_every_so_many(
    monkeypatch: pytest.MonkeyPatch, count: int, every: int, pauses: int
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(pausing.time, "sleep", slept.append)
    assert list(pausing.pausing(range(count), every)) == list(range(count))
    assert len(slept) == pauses
    assert all(slept), "of no time at all the others get none"
