"""What the hub shows of itself: from a look of its own, so that nobody who scrapes waits for the database."""

from __future__ import annotations

import asyncio
import platform
import threading
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from orderhub import __version__
from orderhub.ledger import tables
from orderhub.web import vitals
from tests.delivery.rig import until
from tests.support.hub import HubUnderTest, operator_headers, running_hub


async def shown(hub: HubUnderTest) -> dict[str, float]:
    """Every sample by its name and labels."""
    answer = await hub.request("GET", "/metrics", headers=operator_headers())
    return {
        ",".join((sample.name, *sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_it_says_what_it_is_and_how_large(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await until(lambda: b"orderhub_database_bytes" in hub.hub.metrics.text())
        found = await shown(hub)
        assert [found[each] for each in ("orderhub_processes", "orderhub_ready")] == [1, 1]
        assert f"orderhub_build_info,sqlite,{platform.python_version()},{__version__}" in found
        assert found["orderhub_database_bytes"] == (tmp_path / "hub.sqlite").stat().st_size
        assert found["orderhub_database_free_bytes"] > 0
        assert found["orderhub_queue_limit"] == 2_000
        assert found["orderhub_timers_overdue"] == found["orderhub_timer_lag_seconds"] == 0
        assert found["process_resident_memory_bytes"] > 1_000_000


async def test_it_is_not_ready_while_no_commit_can_be_made(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        hub.hub.port.standing.failed(OSError("the disk is full"))
        assert (await shown(hub))["orderhub_ready"] == 0
        hub.hub.port.standing.committed()
        assert (await shown(hub))["orderhub_ready"] == 1
        hub.hub.port.is_ready = False
        assert (await shown(hub))["orderhub_ready"] == 0, "it starts or leaves"


async def test_an_idle_hub_finds_out_by_itself_that_no_commit_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vitals, "_EVERY_S", 0.01)
    async with running_hub(tmp_path) as hub:
        whole = hub.hub.port.readiness.can_commit

        async def never() -> bool:
            return False

        monkeypatch.setattr(hub.hub.port.readiness, "can_commit", never)
        await until(lambda: b"\norderhub_ready 0.0" in hub.hub.metrics.text())
        monkeypatch.setattr(hub.hub.port.readiness, "can_commit", whole)
        await until(lambda: b"\norderhub_ready 1.0" in hub.hub.metrics.text())


async def test_late_timers_are_shown_with_the_age_of_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vitals, "_EVERY_S", 0.01)
    async with running_hub(tmp_path) as hub:
        now_us = hub.hub.port.now_us()
        late = {"kind": "auto_close", "due_at": now_us - 60_000_000}
        # Of nobody's tenant, and claimed: it stays undone.
        late |= {"tenant_id": 999, "order_id": 1, "claimed_until": now_us + 20_000_000}
        with hub.hub.ledger.engine.begin() as connection:
            connection.execute(insert(tables.timer), [late])
        await until(lambda: b"\norderhub_timers_overdue 1.0" in hub.hub.metrics.text())
        assert 60 <= (await shown(hub))["orderhub_timer_lag_seconds"] < 90
        with hub.hub.ledger.engine.begin() as connection:
            connection.execute(tables.timer.delete().where(tables.timer.c.tenant_id == 999))


async def test_a_look_that_hangs_holds_up_no_scrape_and_is_not_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vitals, "_EVERY_S", 0.01)
    looks, go_on = [], threading.Event()
    async with running_hub(tmp_path) as hub:

        def hang(before_us: int) -> tuple[int, None]:
            looks.append(before_us)
            go_on.wait(20)
            return 0, None

        monkeypatch.setattr(hub.hub.ledger, "overdue_timers", hang)
        await until(lambda: bool(looks))
        try:
            for _ in range(10):
                assert (await shown(hub))["orderhub_processes"] == 1
                await asyncio.sleep(0.01)
            assert len(looks) == 1
        finally:
            go_on.set()


async def test_answers_are_counted_by_channel_and_status(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        before = await shown(hub)
        assert before["orderhub_answers_total,mews,500"] == 0
        assert before["orderhub_faults_total,mews,broken"] == 0
        await hub.request("GET", "/hub/v1/orders")
        await hub.request("GET", "/health/ready")
        hub.hub.port.is_ready = False
        await hub.request("GET", "/health/ready")
        found = await shown(hub)
        changed = {
            name: value - before.get(name, 0)
            for name, value in found.items()
            if name.startswith("orderhub_answers_total") and value != before.get(name, 0)
        }
        assert changed == {
            "orderhub_answers_total,hub,401": 1,
            "orderhub_answers_total,hub,503": 1,
        }, "a probe counts when it fails"
