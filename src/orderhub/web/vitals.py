"""What the hub is and how it fares, as metrics. It looks by itself every 15 seconds: a scrape asks no database.

A look that gets no answer is not begun a second time; what was seen last is shown meanwhile.
"""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import structlog
from prometheus_client import ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from orderhub import __version__
from orderhub.ledger.urls import file_of, parse_url
from orderhub.web.port import HubPort

_EVERY_S = 15.0
# Timers are looked for twice a second: nothing is late before that.
_LATE_US = 10_000_000


class _Seen(NamedTuple):
    database_bytes: int
    free_bytes: int | None
    overdue: int
    lag_s: float


class Vitals(Collector):
    """One for each app; shows itself in the port's metrics."""

    def __init__(self, port: HubPort, database: str, queue_limit: int) -> None:
        self._port = port
        self._file = file_of(parse_url(database))
        self._queue_limit = queue_limit
        self._can_commit = True
        self._seen: _Seen | None = None
        port.metrics.registry.register(self)
        ProcessCollector(registry=port.metrics.registry)

    async def run(self) -> None:
        looking = asyncio.create_task(self._look())
        try:
            while True:
                await asyncio.sleep(_EVERY_S)
                if looking.done():
                    looking = asyncio.create_task(self._look())
                self._can_commit = await self._port.readiness.can_commit()
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    def look(self) -> None:
        """Blocks: for a thread."""
        ledger, now_us = self._port.ledger, self._port.now_us()
        count, first_us = ledger.overdue_timers(now_us - _LATE_US)
        size = ledger.read(lambda reads: reads.database_size())
        free = None if self._file is None else shutil.disk_usage(self._file.parent).free
        lag_s = 0.0 if first_us is None else (now_us - first_us) / 1e6
        self._seen = _Seen(size, free, count, lag_s)

    async def _look(self) -> None:
        try:
            await self._port.offload.housekeep(self.look)
        except Exception as error:  # noqa: BLE001 - a later look may succeed
            if not self._port.is_outage(error):
                structlog.get_logger("orderhub.vitals").warning("not seen", exc_info=error)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        port = self._port
        database = "postgresql" if port.ledger.is_postgres else "sqlite"
        build = GaugeMetricFamily(
            "orderhub_build_info",
            "1 for each version that serves",
            labels=["version", "python", "database"],
        )
        build.add_metric([__version__, platform.python_version(), database], 1)
        yield build
        is_ready = port.is_ready and port.standing.is_good and self._can_commit
        yield GaugeMetricFamily("orderhub_processes", "Processes that serve", 1)
        yield GaugeMetricFamily("orderhub_ready", "Processes that take orders", int(is_ready))
        yield GaugeMetricFamily(
            "orderhub_queue_limit",
            "Commands that may wait before callers are told busy",
            self._queue_limit,
        )
        if self._seen is None:
            return
        yield GaugeMetricFamily(
            "orderhub_database_bytes", "Size of the database", self._seen.database_bytes
        )
        if self._seen.free_bytes is not None:
            yield GaugeMetricFamily(
                "orderhub_database_free_bytes",
                "What is left of the disk that the database's file is on; SQLite alone",
                self._seen.free_bytes,
            )
        yield GaugeMetricFamily(
            "orderhub_timers_overdue",
            "Timers whose time came more than ten seconds ago",
            self._seen.overdue,
        )
        yield GaugeMetricFamily(
            "orderhub_timer_lag_seconds",
            "How long ago the time of the oldest of them came",
            self._seen.lag_s,
        )
