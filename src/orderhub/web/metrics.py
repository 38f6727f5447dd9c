"""What Prometheus shows. One registry for each app, so that importing registers nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from orderhub.core.webhooks import FAILING, GONE
from orderhub.dialects.contract import FaultKind
from orderhub.web.metrics_of_all import Shared

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_LAGS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3_600)
_AGES = (0.01, 0.1, 1, 10, 60, 600, 3_600, 86_400)
_STATUSES = (200, 500, 503)
_NOTED = 1_000  # batches, until they are counted
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class WebhookMetrics:
    """What the engine of webhooks tells: implements delivery.means.Meter."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deliveries = Counter(
            "orderhub_deliveries",
            "Attempts to send an event to a webhook: sent, failed (tried again later) or dropped",
            ["outcome"],
            registry=registry,
        )
        self._sent_after = Histogram(
            "orderhub_delivery_lag_seconds",
            "Time from an event to the attempt that a webhook took it by",
            buckets=_LAGS,
            registry=registry,
        )
        self.lag = Gauge(
            "orderhub_webhook_lag_seconds",
            "Age of the oldest event that some webhook has not been sent, nor put aside as failed",
            registry=registry,
        )
        self.failing = Gauge(
            "orderhub_webhooks_failing",
            "Webhooks, switched on, of which nothing but failures came of late",
            registry=registry,
        )
        self.switched_off = Counter(
            "orderhub_webhooks_switched_off",
            "Webhooks that the hub switched off",
            ["reason"],
            registry=registry,
        )
        for outcome in ("sent", "failed", "dropped"):
            self.deliveries.labels(outcome)
        for reason in (GONE, FAILING):
            self.switched_off.labels(reason)

    def delivered(self, outcome: str, count: int) -> None:
        self.deliveries.labels(outcome).inc(count)

    def lagged(self, seconds: float) -> None:
        self._sent_after.observe(seconds)


class RelayMetrics:
    """What the engine of orders onward tells: implements relay.means.Meter."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._moved = Counter(
            "orderhub_handovers",
            "Hand-overs that were placed or refused, became unsure, wait for something, or were in doubt",
            ["outcome"],
            registry=registry,
        )
        self._took = Histogram(
            "orderhub_handover_lag_seconds",
            "Time from an order's hand-over being planned to its number being known",
            buckets=_LAGS,
            registry=registry,
        )
        self.unsure = Gauge(
            "orderhub_handovers_unsure",
            "Hand-overs of which nobody knows whether they are there: a person decides",
            registry=registry,
        )
        self.stuck = Gauge(
            "orderhub_connections_failing",
            "Connections, switched on, that could not be used of late, or not asked for news",
            registry=registry,
        )
        for outcome in ("placed", "refused", "unsure", "waiting", "doubted"):
            self._moved.labels(outcome)

    def handed(self, outcome: str) -> None:
        self._moved.labels(outcome).inc()

    def took(self, seconds: float) -> None:
        self._took.observe(seconds)


class Answers(Collector):
    """What is measured with every call: plain numbers, which only the event loop's thread touches."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._statuses: dict[tuple[str, int], int] = {}

    def observe(self, dialect: str, status: int, seconds: float | None) -> None:
        """An answer left; `seconds` None: its time says nothing of the hub."""
        self.expect(dialect, status, by=1)
        if seconds is None:
            return
        counts = self._counts.get(dialect)
        if counts is None:
            counts = self._counts[dialect] = [0] * (len(_SECONDS) + 1)
            self._sums[dialect] = 0.0
        counts[bisect_left(_SECONDS, seconds)] += 1
        self._sums[dialect] += seconds

    def expect(self, dialect: str, status: int, *, by: int = 0) -> None:
        name = (dialect, status)
        self._statuses[name] = self._statuses.get(name, 0) + by

    def collect(self) -> Iterator[Metric]:
        times = HistogramMetricFamily(
            "orderhub_answer_seconds", "Time from request to answer", labels=["dialect"]
        )
        bounds = [*(str(float(each)) for each in _SECONDS), "+Inf"]
        for dialect, counts in self._counts.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            times.add_metric([dialect], buckets, self._sums[dialect])
        yield times
        statuses = CounterMetricFamily(
            "orderhub_answers", "Answers by HTTP status", labels=["dialect", "status"]
        )
        for (dialect, status), count in self._statuses.items():
            statuses.add_metric([dialect, str(status)], count)
        yield statuses


class Labelled(Collector):
    """A counter that costs a call one addition: what was counted is told when it is asked for.

    Only the event loop's thread uses it, but for `inc_at_once`.
    """

    def __init__(self, name: str, about: str, labels: Sequence[str] = ()) -> None:
        self._counter = Counter(name, about, labels, registry=None)
        self._counted: dict[tuple[str, ...], int] = {}

    def inc(self, *labels: str, by: int = 1) -> None:
        self._counted[labels] = self._counted.get(labels, 0) + by

    def inc_at_once(self, *labels: str, by: int = 1) -> None:
        """From any thread."""
        (self._counter.labels(*labels) if labels else self._counter).inc(by)

    def collect(self) -> Iterable[Metric]:
        counted, self._counted = self._counted, {}
        for labels, count in counted.items():
            self.inc_at_once(*labels, by=count)
        return self._counter.collect()


class Batches(Collector):
    """How large batches are and how long they take: noted by the writer's thread in no time, told when asked for."""

    def __init__(self) -> None:
        self._sizes = Histogram(
            "orderhub_batch_commands", "Commands in a batch", buckets=_SIZES, registry=None
        )
        self._seconds = Histogram(
            "orderhub_commit_seconds",
            "Time to load, decide, write and commit a batch",
            buckets=_SECONDS,
            registry=None,
        )
        self._noted: deque[tuple[int, float]] = deque()

    def note(self, size: int, seconds: float) -> None:
        self._noted.append((size, seconds))
        if len(self._noted) >= _NOTED:  # nobody asks
            self._count()

    def _count(self) -> None:
        """By whichever thread: each batch is counted by one."""
        with suppress(IndexError):
            while True:
                size, seconds = self._noted.popleft()
                self._sizes.observe(size)
                self._seconds.observe(seconds)

    def collect(self) -> Iterator[Metric]:
        self._count()
        yield from self._sizes.collect()
        yield from self._seconds.collect()


class Metrics:
    """`shared`: where several processes serve as one, what they all count is what is shown."""

    def __init__(self, shared: Shared | None = None) -> None:
        self._shared = shared
        self.registry = CollectorRegistry()
        self.orders = Labelled("orderhub_orders", "Orders placed", ["dialect"])
        self.refusals = Labelled("orderhub_refusals", "Commands refused", ["dialect", "reason"])
        self.replays = Labelled(
            "orderhub_replays", "Repeats answered with the first answer", ["dialect"]
        )
        self.faults = Labelled(
            "orderhub_faults", "Calls that never became a command", ["dialect", "kind"]
        )
        self.answers = Answers()
        self._batches = Batches()
        for each in (
            self.orders,
            self.refusals,
            self.replays,
            self.faults,
            self.answers,
            self._batches,
        ):
            self.registry.register(each)
        self.retries = Counter(
            "orderhub_batch_retries", "Batches tried again", registry=self.registry
        )
        self.edge_refusals = Counter(
            "orderhub_edge_refusals",
            "Connections ended before a request became a call",
            ["kind"],
            registry=self.registry,
        )
        self.connections = Gauge("orderhub_connections", "Open connections", registry=self.registry)
        self.queue_depth = Gauge(
            "orderhub_queue_depth", "Commands that wait", registry=self.registry
        )
        self.requests_kept = Counter(
            "orderhub_request_log_kept", "Calls kept in the request log", registry=self.registry
        )
        self.requests_dropped = Labelled(
            "orderhub_request_log_dropped",
            "Calls that came too fast for the request log, or while it could not be written",
        )
        self.registry.register(self.requests_dropped)
        self._add_feed()
        self.webhooks = WebhookMetrics(self.registry)
        self.relay = RelayMetrics(self.registry)

    def _add_feed(self) -> None:
        self.feed_events = Counter(
            "orderhub_feed_events", "Events given out by the feed", ["way"], registry=self.registry
        )
        for way in ("page", "stream"):
            self.feed_events.labels(way)
        self.feed_age = Histogram(
            "orderhub_feed_age_seconds",
            "How old the last event of an answer was: how far behind those are who read the feed",
            buckets=_AGES,
            registry=self.registry,
        )
        self.feed_streams = Gauge(
            "orderhub_feed_streams", "Streams of events that are open", registry=self.registry
        )
        self.feed_waiting = Gauge(
            "orderhub_feed_waiting", "Calls that wait for events", registry=self.registry
        )

    def expect(self, dialects: Iterable[str]) -> None:
        """Show what these may count from the start, at zero: a rate sees no first one come out of nothing."""
        for dialect in dialects:
            self.orders.inc(dialect, by=0)
            for kind in (FaultKind.BUSY, FaultKind.UNAVAILABLE, FaultKind.BROKEN):
                self.faults.inc(dialect, kind.value, by=0)
            for status in _STATUSES:
                self.answers.expect(dialect, status)

    # --- what the intake tells

    def batch(self, size: int, seconds: float) -> None:
        self._batches.note(size, seconds)

    def retried(self) -> None:
        self.retries.inc()

    # --- what the web tells

    def fed(self, way: str, count: int, age_us: int) -> None:
        """So many events left, the last of which was recorded so long ago."""
        self.feed_events.labels(way).inc(count)
        self.feed_age.observe(max(0, age_us) / 1_000_000)

    # --- what is shown

    def collect(self) -> Iterable[Metric]:
        own = self.registry.collect()
        return own if self._shared is None else self._shared.all(own)

    def text(self) -> bytes:
        # All that it asks of a registry is what it collects.
        return generate_latest(cast(Any, self))

    @property
    def is_shared(self) -> bool:
        return self._shared is not None

    def save(self) -> None:
        """Leave what is counted here for the processes beside this one."""
        if self._shared is not None:
            self._shared.save(self.registry.collect())
