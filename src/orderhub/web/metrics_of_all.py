"""The metrics of several processes as those of one: each leaves what it counts in a file of a folder they share.

A process writes its file every second and before it answers with the sum. One that takes the place of a dead one goes
on from its file, so that nothing that was shown ever goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from prometheus_client.metrics_core import Metric

Key = tuple[str, tuple[tuple[str, str], ...]]

# What each process sees whole is not added up: webhooks, timers, the database, its own version. Of their starts it is
# the latest: that one changes when any of them was started again.
_LARGEST = frozenset(
    (
        "orderhub_build_info",
        "orderhub_database_bytes",
        "orderhub_database_free_bytes",
        "orderhub_timer_lag_seconds",
        "orderhub_timers_overdue",
        "orderhub_webhook_lag_seconds",
        "orderhub_webhooks_failing",
        "orderhub_handovers_unsure",
        "orderhub_connections_failing",
        "process_start_time_seconds",
    )
)
_CREATED = "_created"


class _Family(msgspec.Struct, array_like=True):
    name: str
    text: str
    kind: str
    samples: list[tuple[str, dict[str, str], float]]


_decode = msgspec.json.Decoder(list[_Family]).decode


class Shared:
    """One process's place among `folder`'s. Only one thread uses it."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._path = folder, folder / f"{number}.json"
        # What those counted who bore the number before.
        self._before = [each for each in _read(self._path) if each.kind != "gauge"]

    def save(self, own: Iterable[Metric]) -> None:
        """Leave what this process counts for the others."""
        _write(self._path, _merged([*self._before, *map(_plain, own)]))

    def all(self, own: Iterable[Metric]) -> Iterator[Metric]:
        """Every process's, added up."""
        self.save(own)
        found = [each for path in sorted(self._folder.glob("*.json")) for each in _read(path)]
        for family in _merged(found):
            metric = Metric(family.name, family.text, family.kind)
            for name, labels, value in family.samples:
                metric.add_sample(name, labels, value)
            yield metric


def forget_gauges(folder: Path, number: int) -> None:
    """The process is dead: what it had open or waiting is no more."""
    path = folder / f"{number}.json"
    _write(path, [each for each in _read(path) if each.kind != "gauge"])


def _plain(metric: Metric) -> _Family:
    samples = [(each.name, each.labels, float(each.value)) for each in metric.samples]
    return _Family(metric.name, metric.documentation, metric.type, samples)


def _merged(families: Iterable[_Family]) -> list[_Family]:
    found: dict[str, _Family] = {}
    sums: dict[str, dict[Key, float]] = {}
    for family in families:
        found.setdefault(family.name, family)
        values = sums.setdefault(family.name, {})
        for name, labels, value in family.samples:
            key = (name, tuple(sorted(labels.items(), key=lambda each: each[0] == "le")))
            if key not in values:
                values[key] = value
            elif name.endswith(_CREATED):
                values[key] = min(values[key], value)
            elif name in _LARGEST:
                values[key] = max(values[key], value)
            else:
                values[key] += value
    return [
        _Family(
            name, each.text, each.kind, [(key[0], dict(key[1]), n) for key, n in values.items()]
        )
        for name, each in found.items()
        for values in (sums[name],)
    ]


def _read(path: Path) -> list[_Family]:
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return []


def _write(path: Path, families: list[_Family]) -> None:
    """Whole or not at all: others read it meanwhile."""
    beside = path.with_suffix(".new")
    beside.write_bytes(msgspec.json.encode(families))
    beside.replace(path)
