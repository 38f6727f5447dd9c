"""python -m prove: run the proofs, print a line for each, and exit 1 when one does not hold."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from prove.backup import prove_backup
from prove.client import Connection
from prove.crashes import crashes
from prove.deliver import prove_deliver
from prove.feed import prove_feed
from prove.kill import prove_kill
from prove.race import prove_race
from prove.relay import prove_relay
from prove.servers import described, seed_database
from prove.term import prove_term
from prove.twins import prove_twins
from prove.verdict import ProofStopped, Verdict
from tests.support import cluster
from tests.support.cluster import fresh_database
from tests.support.postgres import running_server

_PROOFS = ("race", "twins", "kill", "term", "feed", "deliver", "relay", "backup")
_ROUNDS = {"race": 50, "twins": 50, "term": 20, "backup": 50}
_KILLS = 100
_KILLING: dict[str, Callable[..., Coroutine[Any, Any, Verdict]]] = {
    "kill": prove_kill,
    "feed": prove_feed,
    "deliver": prove_deliver,
    "relay": prove_relay,
}


def main() -> int:
    given = arguments(sys.argv[1:])
    seed = given.seed if given.seed is not None else time.time_ns() % 1_000_000
    print(f"seed {seed}", flush=True)
    failed = False
    with _databases(given.database) as databases:
        for proof in given.proofs or _PROOFS:
            for database in databases:
                verdict = _run(proof, database, given, seed)
                failed |= bool(verdict.violations)
                print(verdict.report(), flush=True)
    return 1 if failed else 0


def _proof(name: str) -> str:
    if name not in _PROOFS:
        raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(_PROOFS)}")
    return name


def arguments(given: list[str]) -> argparse.Namespace:
    """What the command line asks for; no `proofs` = all of them."""
    parser = argparse.ArgumentParser(prog="python -m prove", description=__doc__)
    # Not `choices`: with them, Python 3.11 refuses to be given none.
    shown = f"{{{','.join(_PROOFS)}}}"
    parser.add_argument(
        "proofs", nargs="*", type=_proof, metavar=shown, help="which (default: all of them)"
    )
    parser.add_argument(
        "--rounds", type=int, help=f"rounds of race, twins, term and backup {_ROUNDS}"
    )
    parser.add_argument(
        "--kills",
        type=int,
        default=_KILLS,
        help=f"kills of kill, feed, deliver and relay ({_KILLS})",
    )
    parser.add_argument(
        "--database",
        choices=("sqlite", "postgres", "both", "cluster"),
        default="both",
        help="cluster: the Citus cluster that ORDERHUB_TEST_DATABASE names, a worker of which crashes now and then",
    )
    parser.add_argument("--seed", type=int, help="of a run to repeat (default: a new one)")
    return parser.parse_args(given)


@contextmanager
def _databases(which: str) -> Iterator[list[str]]:
    """`sqlite`, or the URL of a PostgreSQL server of our own."""
    if which == "sqlite":
        yield ["sqlite"]
        return
    if which == "cluster":
        server = cluster.named()
        if server is None:
            sys.exit(cluster.NEEDS)
        Connection.patience_s = 60.0
        yield [server]
        return
    with running_server() as server:
        yield ["sqlite", server] if which == "both" else [server]


def _run(proof: str, database: str, given: argparse.Namespace, seed: int) -> Verdict:
    with (
        tempfile.TemporaryDirectory(prefix="orderhub-proof-") as name,
        _fresh(database, name) as url,
    ):
        seed_database(url)
        crashing = crashes(database, seed) if database == cluster.named() else nullcontext()
        started = time.monotonic()
        logs = Path(name)
        rounds = given.rounds or _ROUNDS.get(proof, 0)
        if proof == "backup":
            fresh = partial(_another, database)
            work = prove_backup(url, backups=rounds, seed=seed, logs=logs, fresh=fresh)
        elif proof in _KILLING:
            work = _KILLING[proof](url, kills=given.kills, seed=seed, logs=logs)
        else:
            prove = {"race": prove_race, "twins": prove_twins, "term": prove_term}[proof]
            work = prove(url, rounds=rounds, seed=seed, logs=logs)
        try:
            with crashing:
                verdict = asyncio.run(work)
        except ProofStopped as stopped:
            verdict = Verdict(proof, described(url))
            verdict.violate(str(stopped))
        verdict.notes.append(f"{time.monotonic() - started:.0f} s")
        return verdict


@contextmanager
def _fresh(database: str, folder: str) -> Iterator[str]:
    if database == "sqlite":
        yield f"sqlite:///{folder}/hub.sqlite"
    else:
        with fresh_database(database) as url:
            yield url


@contextmanager
def _another(database: str) -> Iterator[str]:
    """One more, in a folder of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="orderhub-proof-") as folder,
        _fresh(database, folder) as url,
    ):
        yield url


if __name__ == "__main__":
    sys.exit(main())
