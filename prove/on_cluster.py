"""python -m prove.on_cluster: the hub on a Citus cluster for real. Exit status 2 where there is none to try.

The conformance kit against a hub that serves it, the tests of the ledger, and the proofs, with a worker that crashes
now and then. Which cluster, says ORDERHUB_TEST_DATABASE: see docs/scale.md.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from orderhub.demo import OPERATOR_TOKEN
from prove.servers import PROGRAM, running, seed_database
from tests.support import cluster

_PROOFS = ("race", "twins", "kill", "deliver")
# Each takes ten seconds there and more. For more: make prove ARGS="kill deliver --database cluster --kills 100".
_KILLS = 10


def main() -> int:
    server = cluster.named()
    if server is None:
        print(cluster.NEEDS, file=sys.stderr)
        return 2
    try:
        workers = len(cluster.nodes(server)) - 1
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"A cluster of {workers} workers", flush=True)
    failed = [name for name, work in _STEPS.items() if not _runs(name, work, server)]
    print(f"These failed: {', '.join(failed)}" if failed else "All of it holds", flush=True)
    return 1 if failed else 0


def _runs(name: str, work: Callable[[str], int], server: str) -> bool:
    print(f"\n{name}", flush=True)
    return work(server) == 0


def conform(server: str) -> int:
    """Every case of every dialect, on a hub with the demo."""
    with (
        cluster.fresh_database(server) as url,
        tempfile.TemporaryDirectory(prefix="orderhub-cluster-") as folder,
    ):
        seed_database(url)
        return asyncio.run(_conformed(url, Path(folder)))


async def _conformed(url: str, folder: Path) -> int:
    async with running(url, 1, folder) as (server,):
        words = [
            "conform",
            "--base-url",
            f"http://127.0.0.1:{server.port}",
            "--operator-token",
            OPERATOR_TOKEN,
        ]
        program = [sys.executable, "-c", PROGRAM, *words]
        kit = await asyncio.create_subprocess_exec(*program)
        return await kit.wait()


def _run(server: str, words: list[str]) -> int:
    environment = {**os.environ, cluster.SETTING: server}
    return subprocess.run([sys.executable, *words], check=False, env=environment).returncode


def tests_of_the_ledger(server: str) -> int:
    words = [
        "-m",
        "pytest",
        "-q",
        "tests/ledger",
        "tests/cluster",
        "-m",
        "postgres and not one_machine",
    ]
    return _run(server, words)


def proofs(server: str) -> int:
    words = ["-m", "prove", *_PROOFS, "--database", "cluster", "--kills", str(_KILLS)]
    return _run(server, words)


_STEPS = {"conformance": conform, "ledger": tests_of_the_ledger, "proofs": proofs}


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.exit(main())
