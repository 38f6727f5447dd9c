"""Backups taken under load: each restores to a ledger with every order that was acknowledged before, and every law."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from prove import servers
from prove.audit import audit
from prove.doors import ALL, Door
from prove.kill import compare, finish
from prove.load import Load
from prove.servers import described, processes, running
from prove.verdict import Verdict
from tests.support.postgres import client_programs

CLIENTS = 12
# A backup begins after so many answers at most, and then within so many seconds.
_ANSWERS = 120
_WITHIN_S = 0.3
_COMMAND_S = 120
_COUNTS = ("backups", "orders acknowledged before one", "orders stored meanwhile", "orders stored")


class FreshDatabase(Protocol):
    """The URL of a database that is not there, or empty, for a while."""

    def __call__(self) -> AbstractContextManager[str]: ...


async def prove_backup(
    url: str,
    *,
    backups: int,
    seed: int,
    logs: Path,
    fresh: FreshDatabase,
    doors: Sequence[Door] = ALL,
    answers: int = _ANSWERS,
) -> Verdict:
    """Ends at the first backup with which something is wrong."""
    verdict = Verdict("backup", described(url))
    verdict.counts.update(dict.fromkeys(_COUNTS, 0))
    chance = random.Random(seed)
    longest = 0.0
    async with running(url, processes(url), logs) as hubs:
        load = Load(verdict, hubs, doors, seed=seed, clients=CLIENTS)
        async with load.running():
            while verdict.counts["backups"] < backups and not verdict.violations:
                await load.answered(chance.randrange(1, answers))
                await asyncio.sleep(chance.random() * _WITHIN_S)
                before = [attempt.marker for attempt in load.acknowledged()]
                load.interrupted()  # what goes on beside it has an end
                started = time.monotonic()
                file = logs / f"{verdict.counts['backups']}.backup"
                await asyncio.to_thread(_run, verdict, "backup", str(file), "--database", url)
                longest = max(longest, time.monotonic() - started)
                if not verdict.violations:
                    await asyncio.to_thread(_restored, verdict, file, fresh, before)
                file.unlink(missing_ok=True)
        found = await asyncio.to_thread(audit, url)
        for server in hubs:
            verdict.demand(not server.log(), f"the server complained: {server.log()}")
    finish(verdict, load, found)
    verdict.notes.append(f"the longest backup took {longest:.1f} s")
    return verdict


def _restored(verdict: Verdict, file: Path, fresh: FreshDatabase, before: Sequence[str]) -> None:
    with fresh() as there:
        told = _run(verdict, "restore", str(file), "--database", there)
        if verdict.violations:
            return
        verdict.demand(told["check"].startswith("every law holds"), f"restored: {told['check']}")
        found = audit(there)
    compare(verdict, found, before)
    verdict.counts["backups"] += 1
    verdict.counts["orders acknowledged before one"] += len(before)
    verdict.counts["orders stored meanwhile"] += found.orders.total() - len(before)


def _run(verdict: Verdict, *words: str) -> dict[str, str]:
    """What the command answers; that it failed is a violation."""
    environment = {
        name: each for name, each in os.environ.items() if not name.startswith("ORDERHUB")
    }
    programs = client_programs()
    environment["PATH"] = f"{programs}{os.pathsep}{environment.get('PATH', '')}"
    done = servers.command([*words], environment, _COMMAND_S)
    if done.returncode:
        verdict.violate(f"{words[0]} left with {done.returncode}: {done.stderr[-500:]}")
        return {}
    told: dict[str, str] = json.loads(done.stdout)
    return told
