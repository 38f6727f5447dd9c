"""Metrics of several processes, added up: nothing is counted twice, and nothing goes back."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import Gauge
from prometheus_client.parser import text_string_to_metric_families

from orderhub.web.metrics import Metrics
from orderhub.web.metrics_of_all import Shared, forget_gauges


def values(metrics: Metrics) -> dict[str, float]:
    """Every sample by its name and labels."""
    text = metrics.text().decode()
    return {
        each.name + "".join(f",{value}" for value in each.labels.values()): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def of(folder: Path, number: int) -> Metrics:
    return Metrics(Shared(folder, number))


def test_counters_histograms_and_what_is_open_are_added_up(tmp_path: Path) -> None:
    one, two = of(tmp_path, 1), of(tmp_path, 2)
    one.orders.inc("kakaclo", by=3)
    two.orders.inc("kakaclo", by=4)
    two.orders.inc("mews")
    one.answers.observe("mews", 200, 0.0007)
    two.answers.observe("mews", 200, 3.0)
    one.connections.set(5)
    two.connections.set(6)
    one.webhooks.failing.set(2)
    two.webhooks.failing.set(2)
    two.save()
    found = values(one)
    assert found["orderhub_orders_total,kakaclo"] == 7
    assert found["orderhub_orders_total,mews"] == 1
    assert found["orderhub_answer_seconds_bucket,mews,0.001"] == 1
    assert found["orderhub_answer_seconds_bucket,mews,+Inf"] == 2
    assert found["orderhub_answer_seconds_count,mews"] == 2
    assert found["orderhub_connections"] == 11
    assert found["orderhub_webhooks_failing"] == 2, "both see the same webhooks"
    one.save()
    assert values(two) == found, "whoever is asked"


def test_one_that_takes_a_dead_ones_place_goes_on_from_its_counts(tmp_path: Path) -> None:
    one, two = of(tmp_path, 1), of(tmp_path, 2)
    one.orders.inc("mews", by=3)
    one.connections.set(5)
    two.connections.set(1)
    one.save()
    forget_gauges(tmp_path, 1)
    assert values(two)["orderhub_orders_total,mews"] == 3
    assert values(two)["orderhub_connections"] == 1
    again = of(tmp_path, 1)
    again.orders.inc("mews", by=2)
    assert values(again)["orderhub_orders_total,mews"] == 5
    again.save()
    assert values(two)["orderhub_orders_total,mews"] == 5
    assert values(two)["orderhub_orders_total,mews"] == 5, "asking counts nothing"


def test_a_process_alone_shows_its_own() -> None:
    alone = Metrics()
    alone.orders.inc("mews")
    assert values(alone)["orderhub_orders_total,mews"] == 1
    alone.save()  # for nobody


def test_what_each_process_sees_whole_is_not_added_up(tmp_path: Path) -> None:
    one, two = of(tmp_path, 1), of(tmp_path, 2)
    for metrics, late, began in ((one, 3, 100), (two, 4, 900)):
        for name, value in {
            "orderhub_build_info": 1,
            "orderhub_database_bytes": 5_000,
            "orderhub_timers_overdue": late,
            "process_start_time_seconds": began,
            "orderhub_ready": 1,
        }.items():
            Gauge(name, "as a look found it", registry=metrics.registry).set(value)
    two.save()
    found = values(one)
    assert found["orderhub_build_info"] == 1
    assert found["orderhub_database_bytes"] == 5_000
    assert found["orderhub_timers_overdue"] == 4
    assert found["process_start_time_seconds"] == 900
    assert found["orderhub_ready"] == 2, "each of them takes orders"


def test_answers_by_status_begin_at_zero_and_are_added_up(tmp_path: Path) -> None:
    one, two = of(tmp_path, 1), of(tmp_path, 2)
    one.expect(["mews"])
    one.answers.observe("mews", 200, None)
    two.answers.observe("mews", 200, 0.1)
    two.answers.observe("mews", 503, None)
    two.save()
    found = values(one)
    assert found["orderhub_answers_total,mews,200"] == 2
    assert found["orderhub_answers_total,mews,503"] == 1
    assert found["orderhub_answers_total,mews,500"] == 0, "so that the first one is seen"
    assert found["orderhub_answer_seconds_count,mews"] == 1
