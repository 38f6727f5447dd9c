"""python -m bench imports: orders recorded by a batch upload beside single calls over one connection."""

from __future__ import annotations

import gzip
import hashlib
import json
import statistics
import time
import urllib.request
import uuid
from typing import Any

from bench.__main__ import _databases, _fresh, _server, cases_with_run
from bench.client import measure

_TOKEN = "hub-demo-cdp"
_ROWS = 20_000
_ROUNDS = 3
_AT_LEAST = 10.0


def _put(url: str, data: bytes, **headers: str) -> bytes:
    request = urllib.request.Request(url, method="PUT", data=data, headers=headers)
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


def _upload(base_url: str, rows: int) -> float:
    """Orders a second of one uploaded file, from its first byte to the answer that all are recorded."""
    start = time.time_ns()
    lines = [
        json.dumps(
            {
                "ref": str(uuid.uuid4()),
                "schema": "order",
                "mode": "insert",
                "value": {
                    "referenceId": f"I{start}-{number}",
                    "orderedAt": "2024-01-01T16:17:16Z",
                    "currencyCode": "EUR",
                    "price": 50,
                    "channel": "WEB",
                    "status": "PURCHASED",
                },
            }
        )
        for number in range(rows)
    ]
    data = gzip.compress("\n".join(lines).encode() + b"\n")
    headers = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"}
    place = json.dumps({"checksum": hashlib.md5(data).hexdigest(), "size": len(data)}).encode()
    batch: dict[str, Any] = json.loads(
        _put(f"{base_url}/v2/batches/{uuid.uuid4()}", place, **headers)
    )
    started = time.perf_counter()
    _put(batch["location"]["href"], data)
    return rows / (time.perf_counter() - started)


def main() -> None:
    """In turn, so that a change of the machine's speed meets both."""
    ratios = []
    with _databases("sqlite") as urls:
        _fresh(urls[0])
        with _server(urls[0], "hub") as (base_url, _):
            for _ in range(_ROUNDS):
                single = measure(cases_with_run("sitecore_cdp"), base_url, 1, 3.0).per_second
                loaded = _upload(base_url, _ROWS)
                ratios.append(loaded / single)
                print(
                    f"single calls {single:7.0f} orders/s, batch {loaded:7.0f} orders/s, "
                    f"{loaded / single:5.1f} x",
                    flush=True,
                )
    ratio = statistics.median(ratios)
    verdict = "holds" if ratio >= _AT_LEAST else "TOO SLOW"
    print(f"median {ratio:.1f} x (at least {_AT_LEAST:g}) {verdict}")


if __name__ == "__main__":
    main()
