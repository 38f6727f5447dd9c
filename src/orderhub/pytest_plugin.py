"""What pytest finds of OrderHub: the fixture `orderhub_hub`. Loaded with every run, so it imports nothing by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from orderhub.testing import Hub


@pytest.fixture(scope="session")
def orderhub_hub() -> Iterator[Hub]:
    """A hub for all tests of this process, with nothing in it: each test opens sandboxes of its own."""
    from orderhub.testing import running_hub  # noqa: PLC0415 - only who uses it pays for it

    with running_hub() as hub:
        yield hub
