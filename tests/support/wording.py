"""Calls as far as a dialect's words look at them: at every path that it has, without a hub behind them."""

from __future__ import annotations

from collections.abc import Iterator

from orderhub.dialects.contract import Call, Dialect


class Port:
    """As much of the hub as wording may look at."""

    public_url = "http://hub.test"
    rate_limits = True

    def now_us(self) -> int:
        return 1_700_000_000_000_000


def calls(dialect: Dialect) -> Iterator[Call]:
    """A call at every path of the dialect, and at one that it does not know."""
    places = [(route.method, route.path, route.path) for route in dialect.routes]
    unknown = ("POST", f"{dialect.prefixes[0]}no/such/path", "")
    for method, path, pattern in (*places, unknown):
        names = [part[1:-1] for part in pattern.split("/") if part.startswith("{")]
        yield Call(
            hub=Port(),  # type: ignore[arg-type]
            dialect=dialect,
            method=method,
            path=path,
            headers={"content-type": "application/json"},
            body=b"{}",
            params=dict.fromkeys(names, "1"),
            request_id="0123",
            received_at=1_700_000_000_000_000,
        )
