"""python -m bench check: what `orderhub check` takes on a ledger of a million orders.

One order is placed through its door and multiplied by SQL, as for `bench scale`; then the command runs as anyone
runs it. Printed are seconds, the processor time of its process (and of the PostgreSQL server), and the most memory
it had. The exit status is 1 when a law is broken or a bound is passed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.__main__ import _call, _fresh, _server
from bench.reading import READINGS, create_case, first_body
from bench.scale import multiply
from orderhub.ledger.database import open_engine
from tests.support.postgres import fresh_database, make_home, processes_of, running_server

_ORDERS = 1_000_000
_MOST_S, _MOST_MIB = 300.0, 300.0


@contextmanager
def _database(kind: str) -> Iterator[tuple[str, Callable[[], float]]]:
    """A database, and the processor time that its server took so far, in s."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="orderhub-bench-") as folder:
            yield f"sqlite:///{folder}/check.sqlite", lambda: 0.0
        return
    home = make_home()

    def used() -> float:
        times = [each.cpu_times() for each in processes_of(home)]
        # Those of a backend that has ended count with its parent.
        return sum(
            each.user + each.system + each.children_user + each.children_system for each in times
        )

    with running_server(home) as base, fresh_database(base) as url:
        yield url, used


def _fill(url: str, name: str, orders: int) -> None:
    case = create_case(name)
    _fresh(url)
    with _server(url, "hub") as (base_url, _):
        _call(base_url, "POST", case.path, case.token, json.loads(first_body(case)))
    engine = open_engine(url)
    # A call of KakaClo's makes an order for each warehouse.
    made = 2 if name == "kakaclo" else 1
    multiply(engine, max(1, orders // made - 1))
    engine.dispose()


def check_case(name: str, kind: str, orders: int) -> bool:
    """Whether every law holds, within the bounds."""
    with _database(kind) as (url, server_s):
        _fill(url, name, orders)
        before_s, began = server_s(), time.perf_counter()
        process = subprocess.Popen(
            [Path(sys.executable).with_name("orderhub"), "check", "--database", url],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took_s = time.perf_counter() - began
        cpu_s, mib = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        beside = f" and {server_s() - before_s:.0f} s of the server" if kind != "sqlite" else ""
        print(
            f"{name} on {kind}: {took_s:.0f} s (at most {_MOST_S:.0f}), {cpu_s:.0f} s of CPU{beside}, "
            f"{mib:.0f} MiB (at most {_MOST_MIB:.0f}), load average {os.getloadavg()[0]:.1f}\n  {said.splitlines()[0]}",
            flush=True,
        )
        return process.returncode == 0 and took_s <= _MOST_S and mib <= _MOST_MIB


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.check", description=__doc__)
    parser.add_argument("--case", action="append", choices=list(READINGS))
    parser.add_argument("--database", choices=["sqlite", "postgres", "both"], default="both")
    parser.add_argument("--orders", type=int, default=_ORDERS)
    given = parser.parse_args()
    kinds = ["sqlite", "postgres"] if given.database == "both" else [given.database]
    found = [
        check_case(name, kind, given.orders) for name in given.case or ["kakaclo"] for kind in kinds
    ]
    raise SystemExit(0 if all(found) else 1)


if __name__ == "__main__":
    main()
