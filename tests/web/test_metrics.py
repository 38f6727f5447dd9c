"""What costs a call little to count is told in full, and once."""

from __future__ import annotations

from orderhub.web.metrics import Metrics


def told(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a name, by their labels."""
    return {
        tuple(each.labels.values()): each.value
        for family in metrics.collect()
        for each in family.samples
        if each.name == name
    }


def test_what_was_counted_is_told_in_full_however_often_it_is_asked_for():
    metrics = Metrics()
    for kind in ("busy", "busy", "broken"):
        metrics.faults.inc("mews", kind)
    for _ in range(2):
        assert told(metrics, "orderhub_faults_total") == {
            ("mews", "busy"): 2,
            ("mews", "broken"): 1,
        }
    metrics.faults.inc("mews", "busy", by=2)
    metrics.faults.inc_at_once("mews", "busy")
    assert told(metrics, "orderhub_faults_total")[("mews", "busy")] == 5


def test_what_may_be_counted_is_there_before_it_is():
    metrics = Metrics()
    metrics.expect(["mews"])
    assert told(metrics, "orderhub_orders_total") == {("mews",): 0}


def test_every_batch_is_counted_also_where_nobody_asks_for_long():
    metrics = Metrics()
    for size in range(2_500):
        metrics.batch(size, 0.25)
    assert len(metrics._batches._noted) < 1_000
    for _ in range(2):
        assert told(metrics, "orderhub_batch_commands_count") == {(): 2_500}
        assert told(metrics, "orderhub_batch_commands_sum") == {(): sum(range(2_500))}
        assert told(metrics, "orderhub_commit_seconds_sum") == {(): 625.0}
