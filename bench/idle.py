"""python -m bench idle: what many tenants cost a hub that has nothing to do, and what an operator waits for.

Each tenant has an order and a far timer. `clocked`: of so many tenants the clock is a test clock. Last each tenant
orders once: what does the hub keep of all of them?
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from sqlalchemy import insert

from bench.__main__ import _rss_mib, _server
from bench.cases import cases
from bench.edge import cpu_s
from orderhub.core.access import Credential
from orderhub.core.commands import OrderName
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.values import Clock, ClockMode, Settings
from orderhub.dialects.auth import digest
from orderhub.intake.clock import wall_us
from orderhub.ledger import rows, tables
from orderhub.ledger.ledger import Ledger
from tests.support.postgres import fresh_database, running_server

_DAY_US = 86_400_000_000


def _fill(ledger: Ledger, tenants: int, clocked: int) -> None:
    now = wall_us()
    plain = rows.json_text(Settings(name="plain"))
    clock = Clock(mode=ClockMode.RUNNING, offset_us=-3 * _DAY_US)
    moved = rows.json_text(Settings(name="moved", clock=clock))
    ids = range(1, tenants + 1)
    with ledger.engine.begin() as connection:
        connection.execute(insert(tables.tenant), [{"id": n, "name": f"t{n}"} for n in ids])
        settings = [
            {"tenant_id": n, "kind": "settings", "id": 0, "doc": moved if n <= clocked else plain}
            for n in ids
        ]
        connection.execute(insert(tables.record), settings)
        far = [
            {"tenant_id": n, "kind": "auto_close", "order_id": 1, "due_at": now + 30 * _DAY_US}
            for n in ids
        ]
        connection.execute(insert(tables.timer), far)
        known = [
            rows.credential_row(
                Credential(
                    id=f"c-{n}",
                    kind="hub",
                    name=digest(_token(n)),
                    tenant_id=n,
                    scopes=("dialects",),
                )
            )
            for n in ids
        ]
        connection.execute(insert(tables.credential), known)


def _token(tenant: int) -> str:
    return f"hub_of_tenant_{tenant}"


def _order_once(base_url: str, tenants: int) -> None:
    connection = http.client.HTTPConnection(base_url.removeprefix("http://"))
    head, _, body = cases()["sitecore_cdp"].request(base_url).partition(b"\r\n\r\n")
    path = head.split()[1].decode()
    for n in range(1, tenants + 1):
        headers = {"Authorization": f"Bearer {_token(n)}", "Content-Type": "application/json"}
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        response.read()
        assert response.status == 201, response.status
    connection.close()


def _took_ms(work: Callable[[], Any], times: int = 20) -> float:
    """The least of several: what else the machine does is not counted."""
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best * 1000


def bench(url: str, tenants: int, clocked: int, seconds: float) -> None:
    ledger = Ledger.open(url, RECORD_TYPES)
    _fill(ledger, tenants, clocked)
    clocks = ledger.clocks()
    found = {f"c-{n}": 1 for n in range(1, tenants + 1)}
    uid = OrderName("uid", "00000000-0000-7000-8000-000000000000")
    told = {
        "a look for due timers": lambda: ledger.due_timers(wall_us(), 1, clocks=clocks),
        "all clocks": ledger.clocks,
        "an order by its uid": lambda: ledger.read(lambda reads: reads.order(None, uid)),
        "use of all credentials": lambda: ledger.mark_used(found),
    }
    for name, work in told.items():
        print(f"  {name:<24} {_took_ms(work):>8.2f} ms")
    ledger.close()
    with _server(url, "hub") as (base_url, pid):
        time.sleep(2.0)
        before = cpu_s(pid)
        time.sleep(seconds)
        share = (cpu_s(pid) - before) / seconds
        print(f"  {'an idle hub':<24} {100 * share:>8.2f} % of a core", flush=True)
        if not clocked:
            idle = _rss_mib(pid)
            _order_once(base_url, tenants)
            after = f"{_rss_mib(pid):.0f} after an order of each"
            print(f"  {'memory':<24} {idle:>8.0f} MiB, {after}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.idle", description=__doc__)
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    given = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="orderhub-bench-"))
        postgres = None if given.database == "sqlite" else stack.enter_context(running_server())
        for clocked in (0, given.tenants):
            kinds = ["sqlite", "postgres"] if given.database == "both" else [given.database]
            for kind in kinds:
                print(f"{given.tenants} tenants, {clocked} with a test clock, on {kind}")
                with ExitStack() as one:
                    url = f"sqlite:///{folder}/{clocked}.sqlite"
                    if kind == "postgres" and postgres is not None:
                        url = one.enter_context(fresh_database(postgres))
                    bench(url, given.tenants, clocked, given.seconds)


if __name__ == "__main__":
    main()
