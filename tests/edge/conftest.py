"""Real servers: nothing here is true of the app alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.serving import Served, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`orderhub serve` with the settings it has by default; behind no proxy."""
    with serving(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="session")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One whose patience ends within a test's own."""
    settings = {"head_timeout_s": 1, "body_timeout_s": 2, "keep_alive_s": 3}
    with serving(tmp_path_factory.mktemp("hurried"), **settings) as served:
        yield served
