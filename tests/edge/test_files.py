"""A list as a file from a real server: all of it comes, and half of it has no end."""

from pathlib import Path

import httpx
import pytest

from tests.support import http
from tests.support.many import multiply
from tests.support.serving import PATIENCE_S, Served, serving

CDP = {"Authorization": "Bearer hub-demo-cdp"}
ROWS = 5_000


def record(served: Served) -> None:
    body = {"referenceId": "R", "orderedAt": "2024-01-01T16:17:16Z", "price": 1.5}
    body["currencyCode"] = "EUR"
    answer = http.post(f"{served.url}/v2.1/orders", json=body, headers=CDP)
    assert answer.status_code == 201, answer.text


def read(served: Served, after_first: Path | None = None) -> int:
    """How many lines come. Once the first have, the database is moved away where that is asked."""
    lines = 0
    headers = {**CDP, "Accept": "text/csv"}
    with http.stream(
        "GET", f"{served.url}/hub/v1/orders", headers=headers, timeout=PATIENCE_S
    ) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_bytes():
            if not lines and after_first is not None:
                after_first.rename(after_first.with_name("elsewhere.sqlite"))
            lines += piece.count(b"\n")
    return lines


def test_a_long_file_comes_to_its_end(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        record(served)
        multiply(tmp_path / "hub.sqlite", "cdp", ROWS)
        assert read(served) == ROWS + 1


def test_a_file_that_breaks_off_has_no_end(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        record(served)
        multiply(tmp_path / "hub.sqlite", "cdp", ROWS)
        with pytest.raises(httpx.RemoteProtocolError):
            read(served, tmp_path / "hub.sqlite")
