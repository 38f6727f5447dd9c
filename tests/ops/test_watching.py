"""What Prometheus and Grafana are given in ops/: metrics there are, in a form they take, and a way to what to do."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from orderhub.web.docs.guides import headings, rendered
from tests.support.hub import seed_demo
from tests.support.hub_process import serving

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "ops" / "alerts.yml"
ALERTS_TEST = ROOT / "tests" / "ops" / "alerts_test.yml"
DASHBOARD = ROOT / "ops" / "grafana-dashboard.json"
LISTED = (ROOT / "docs" / "metrics.md").read_text("utf-8")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
_METRIC = re.compile(r"\b(?:orderhub|process)_\w+")
_LABELS = re.compile(r"\bby \(([\w, ]+)\)|(\w+)(?:=~|!~|!=|=)\"")
# What Prometheus adds itself, and buckets of histograms.
_ADDED = {"job", "instance", "le"}

Labels = dict[str, set[str]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Labels:
    """Every sample of a real hub that has met a bit of everything, with the labels it has."""
    where = tmp_path_factory.mktemp("watched")
    url = f"sqlite:///{where / 'hub.sqlite'}"
    seed_demo(url)
    with serving(url, where / "log") as hub:
        assert [hub.create("twice").status_code for _ in range(2)] == [200, 200]
        hub.create(goods=999_999)
        hub.ask("GET", "/hub/v1/events?limit=1", "hub-demo-shop")
        with socket.create_connection(("127.0.0.1", int(hub.url.rpartition(":")[2]))) as rude:
            rude.sendall(b"no request\r\n\r\n")
            rude.recv(1000)
        until = time.monotonic() + 20
        while "orderhub_timer_lag_seconds" not in (text := hub.ask("GET", "/metrics").text):
            assert time.monotonic() < until, "it looks as soon as it serves"
            time.sleep(0.02)
    found: Labels = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@cache
def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@cache
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return found


def panels() -> list[dict[str, Any]]:
    return [each for each in dashboard()["panels"] if each["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard()["templating"]["list"][1:]:
        yield variable["name"], variable["definition"]


def test_every_metric_and_label_that_is_asked_for_is_one_of_a_hub(shown: Labels) -> None:
    for where, asked in expressions():
        names = set(_METRIC.findall(asked))
        assert names <= shown.keys(), where
        assert names or asked.startswith("up{"), f"{where} asks for nothing of a hub"
        known = _ADDED.union(*(shown[name] for name in names))
        named = {
            label.strip()
            for one, other in _LABELS.findall(asked)
            for label in (one or other).split(",")
        }
        assert named <= known, where


def test_the_document_lists_every_metric_and_no_other(shown: Labels) -> None:
    listed = {}
    for name, labels in re.findall(r"^\| `(\w+)(?:\{([\w,]+)\})?`", LISTED, re.MULTILINE):
        listed[name] = set(labels.split(",")) - {""}
    told = {
        re.sub(r"_(?:bucket|sum|count)$", "", name): labels - {"le"}
        for name, labels in shown.items()
        if not name.endswith("_created")
    }
    assert listed == told


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_is_and_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "runbook_url"}
    assert "{{ $labels.instance }}" in rule["annotations"]["summary"]
    page, _, section = rule["annotations"]["runbook_url"].partition("#")
    assert page == "http://{{ $labels.instance }}/docs/runbook"
    assert section in [anchor for anchor, _ in headings(rendered(RUNBOOK, "runbook"))]
    text = RUNBOOK.partition(f"## {rule['alert']}\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\*\*(.*?)\*\*", text, re.MULTILINE) == ["It means", "Look", "Do"]


def test_the_runbook_knows_no_other_alert() -> None:
    told = re.findall(r"^## (OrderHub\w+)$", RUNBOOK, re.MULTILINE)
    assert told == [rule["alert"] for rule in rules()]


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    board = dashboard()
    assert board["schemaVersion"] >= 36
    assert all(board[name] for name in ("title", "uid"))
    source, *_ = board["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels():
        asked = [panel, *panel["targets"], *board["templating"]["list"][1:]]
        assert {each["datasource"]["uid"] for each in asked} == {"${datasource}"}, panel["title"]
        assert '$job"' in panel["targets"][0]["expr"], panel["title"]
    rows = [each["title"] for each in board["panels"] if each["type"] == "row"]
    assert rows[1:] == [
        "Orders",
        "Latency",
        "Refusals",
        "Queue and connections",
        "Commits",
        "Feed and timers",
        "Deliveries",
        "Orders onward",
        "Database",
        "Process",
    ]


def test_no_two_panels_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24, panel["title"]
        taken |= cells


def test_each_alert_is_tried_in_both_ways() -> None:
    cases = yaml.safe_load(ALERTS_TEST.read_text("utf-8"))["tests"]
    quiet = {each["alertname"] for each in cases[0]["alert_rule_test"]}
    loud = {each["alertname"] for case in cases[1:] for each in case["alert_rule_test"]}
    assert quiet == loud == {rule["alert"] for rule in rules()}


def promtool(*words: str) -> None:
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="NOT TRIED: promtool is not installed")
@pytest.mark.slow
def test_promtool_takes_the_alerts_and_sees_each_go_off(tmp_path: Path) -> None:
    promtool("check", "rules", str(ALERTS))
    promtool("test", "rules", str(ALERTS_TEST))
    # Grafana's own words stand for a stretch of time and for names.
    asked = [
        expr.replace("$__rate_interval", "5m")
        for where, expr in expressions()
        if not expr.startswith("label_values")
    ]
    recorded = [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(asked)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    promtool("check", "rules", str(file))
