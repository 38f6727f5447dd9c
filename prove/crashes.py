"""A worker of the cluster crashes at random moments while a proof runs, and recovers by itself."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import cluster

# So long after it has recovered the next one goes. What is proven needs answers in between.
_LEAST_S, _MOST_S = 2.0, 8.0
# Who looks at a whole ledger has it, which takes longer than from one crash to the next; so has who crashes a worker.
CALM = threading.Lock()


@contextmanager
def crashes(server: str, seed: int) -> Iterator[list[str]]:
    """While the block runs; yields which crashed so far."""
    chance, ended = random.Random(f"{seed} crashes"), threading.Event()
    crashed: list[str] = []

    def crash() -> None:
        while not ended.wait(_LEAST_S + chance.random() * (_MOST_S - _LEAST_S)):
            with CALM:
                crashed.append(cluster.crash_worker(server, chance))
                cluster.wait_for(crashed[-1])

    thread = threading.Thread(target=crash, daemon=True)
    thread.start()
    try:
        yield crashed
    finally:
        ended.set()
        thread.join()
