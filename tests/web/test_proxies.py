"""Links follow what a trusted proxy says the client called; nobody else is believed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.hub import running_hub

ORDER = {
    "currencyCode": "EUR",
    "orderedAt": "2024-01-01T16:17:16Z",
    "price": 50,
    "referenceId": "B94TXY-1",
}
FORWARDED = {"X-Forwarded-Host": "shop.example", "X-Forwarded-Proto": "https"}

CASES = [
    # trusted proxies      headers                                         links begin with
    ("127.0.0.1",          FORWARDED,                                      "https://shop.example/"),
    ("",                   FORWARDED,                                      "http://hub.test/"),
    ("10.0.0.9",           FORWARDED,                                      "http://hub.test/"),
    ("127.0.0.1",          {},                                             "http://hub.test/"),
    ("127.0.0.1",          {**FORWARDED, "X-Forwarded-Host": "evil/..\\"}, "http://hub.test/"),
    ("127.0.0.1",          {**FORWARDED, "X-Forwarded-Proto": "gopher"},   "http://hub.test/"),
]  # fmt: skip


@pytest.mark.parametrize(("proxies", "headers", "base"), CASES)
def test_links_are_built_from_the_public_base_url_or_a_trusted_proxys(
    tmp_path: Path, proxies: str, headers: dict[str, str], base: str
) -> None:
    async def scenario() -> str:
        async with running_hub(tmp_path, trusted_proxies=proxies) as hub:
            answer = await hub.post(
                "/v2.1/orders",
                json=ORDER,
                headers={"Authorization": "Bearer hub-demo-cdp", **headers},
            )
            href: str = answer.json()["href"]
            return href

    assert asyncio.run(scenario()).startswith(base)
