"""Settings and clocks through the hub's own API: what could break a door is not let in."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from orderhub.core.values import Settings
from orderhub.ledger.database import writing
from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_OPERATOR, problem_of, token

TENANT = "/hub/v1/tenants/hotel"


@pytest.fixture(scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HubUnderTest]:
    async with running_hub(tmp_path_factory.mktemp("settings")) as opened:
        yield opened


def test_every_setting_stands_in_the_guide() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "hub-api.md").read_text()
    table = text.partition("| setting | default | meaning |\n")[2].partition("\n\n")[0]
    named = {
        word for row in table.splitlines() for word in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    hidden = {"name", "clock", "utc_offset_minutes"}
    assert named == set(Settings.__struct_fields__) - hidden


@pytest.mark.parametrize(
    "members",
    [
        {"currency": "dollar"},
        {"currencies": ["EUR", "eur"]},
        {"tax_precision": 7},
        {"tax_precision": -1},
        {"utc_offset_minutes": 841},
        {"utc_offset_minutes": -721},
        {"utc_offset_minutes": None},
        {"utc_offset_minutes": 480, "time_zone": "Asia/Shanghai"},
        {"time_zone": "Mars/Phobos"},
        {"time_zone": "america/new_york"},
        {"time_zone": "+8"},
        {"time_zone": ""},
        {"time_zone": 480},
        {"time_zone": None},
        {"editable_history_s": -1},
        {"auto_close_s": 10**30},
        {"auto_pay_s": -1},
        {"auto_finish_s": -5},
        {"split_strategy": "cheapest"},
        {"dialects": {"mews": 5}},
        {"dialects": {"mews": None}},
        {"dialects": []},
        {"dialects": {"fax": {}}},
        {"dialects": {"anqicms": {"rate_limit": 5}}},
        {"dialects": {"kakaclo": {"denied_countries": "FR"}}},
        {"dialects": {"mews": {"disabled": "no"}}},
        {"dialects": {"sitecore_cdp": {"requests_per_minute": -1}}},
        {"dialects": {"tours4fun": {"strip_comment": True}}},
        {"first_order_id": 5},
    ],
)
async def test_a_setting_out_of_its_range_is_refused_and_named(
    hub: HubUnderTest, members: dict[str, Any]
) -> None:
    before = (await hub.get(f"{TENANT}/settings", headers=AS_OPERATOR)).json()
    answer = await hub.request("PATCH", f"{TENANT}/settings", json=members, headers=AS_OPERATOR)
    assert (answer.status_code, problem_of(answer)) == (400, "invalid"), answer.text
    assert answer.json()["errors"][0]["field"].startswith(next(iter(members)))
    assert (await hub.get(f"{TENANT}/settings", headers=AS_OPERATOR)).json() == before


async def test_a_time_zone_is_kept_and_shown_and_an_offset_is_read_as_one(
    hub: HubUnderTest,
) -> None:
    async def zone_after(**members: Any) -> Any:
        path = f"{TENANT}/settings"
        answer = await hub.request("PATCH", path, json=members, headers=AS_OPERATOR)
        assert answer.status_code == 200, answer.text
        stored = (await hub.get(path, headers=AS_OPERATOR)).json()
        assert stored == answer.json()
        assert "utc_offset_minutes" not in stored
        return stored["time_zone"]

    assert await zone_after(time_zone="Europe/Lisbon") == "Europe/Lisbon"
    assert await zone_after(default_warehouse="W") == "Europe/Lisbon"
    assert await zone_after(utc_offset_minutes=-210) == "-03:30"
    assert await zone_after(default_warehouse="") == "-03:30"
    assert await zone_after(time_zone="-03:30") == "-03:30"
    assert await zone_after(utc_offset_minutes=0) == "UTC"
    assert await zone_after(time_zone="America/New_York") == "America/New_York"


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, "UTC"),
        ({"time_zone": "America/New_York"}, "America/New_York"),
        ({"utc_offset_minutes": 345}, "+05:45"),
    ],
)
async def test_a_new_tenant_has_the_time_zone_that_it_says(
    hub: HubUnderTest, settings: dict[str, Any], shown: str
) -> None:
    body = {"name": f"zone{len(shown)}", "settings": settings}
    made = await hub.post("/hub/v1/tenants", body, headers=AS_OPERATOR)
    assert (made.status_code, made.json()["settings"]["time_zone"]) == (201, shown)


@pytest.mark.parametrize(
    "settings", [{"time_zone": "Mars/Phobos"}, {"time_zone": "UTC", "utc_offset_minutes": 0}]
)
async def test_no_tenant_is_made_with_a_time_zone_that_is_none(
    hub: HubUnderTest, settings: dict[str, Any]
) -> None:
    body = {"name": "nowhere", "settings": settings}
    answer = await hub.post("/hub/v1/tenants", body, headers=AS_OPERATOR)
    assert (answer.status_code, problem_of(answer)) == (400, "invalid")
    assert answer.json()["errors"][0]["field"] == f"settings.{[*settings][-1]}"


async def test_settings_of_an_earlier_version_are_read(hub: HubUnderTest) -> None:
    """They hold an offset; what is written next holds the zone of that offset."""
    ledger = hub.hub.ledger
    tenant = next(each.id for each in ledger.read(lambda r: r.tenants()) if each.name == "cdp")
    path = "/hub/v1/tenants/cdp/settings"
    with writing(ledger.engine).begin() as connection:
        connection.exec_driver_sql(
            "UPDATE record SET doc = ? WHERE tenant_id = ? AND kind = 'settings'",
            ('{"name":"cdp","currency":"EUR","utc_offset_minutes":480,"sandbox":true}', tenant),
        )
    assert (await hub.get(path, headers=AS_OPERATOR)).json()["time_zone"] == "+08:00"
    body = {"auto_close_s": 0}
    assert (await hub.request("PATCH", path, json=body, headers=AS_OPERATOR)).status_code == 200
    with ledger.engine.connect() as connection:
        (doc,) = connection.exec_driver_sql(
            "SELECT doc FROM record WHERE tenant_id = ? AND kind = 'settings'", (tenant,)
        ).one()
    assert '"time_zone":"+08:00"' in doc
    assert "utc_offset_minutes" not in doc


async def test_a_clock_is_not_moved_out_of_the_calendar(hub: HubUnderTest) -> None:
    clock = f"{TENANT}/clock"
    century = {"action": "advance", "by_s": 100 * 366 * 86_400}
    for start, back in (("1970-01-01T00:00:00Z", -1), ("8999-01-01T00:00:00Z", 1)):
        frozen = {"action": "freeze", "at": start}
        assert (await hub.post(clock, frozen, headers=AS_OPERATOR)).status_code == 200
        beyond = {**century, "by_s": back * century["by_s"]}
        answer = await hub.post(clock, beyond, headers=AS_OPERATOR)
        assert (answer.status_code, problem_of(answer)) == (409, "transition_not_allowed")
        shown = await hub.get(clock, headers=AS_OPERATOR)
        assert shown.json()["now"] == start


@pytest.mark.parametrize(
    ("move", "member"),
    [
        ({"action": "advance"}, "by_s"),
        ({"action": "advance", "by_s": 60, "at": "2024-01-01T00:00:00Z"}, "at"),
        ({"action": "freeze", "by_s": 60}, "by_s"),
        ({"action": "run", "by_s": 60}, "by_s"),
        ({"action": "real", "at": "2024-01-01T00:00:00Z"}, "at"),
    ],
)
async def test_a_clock_is_not_moved_by_what_does_not_go_with_its_action(
    hub: HubUnderTest, move: dict[str, Any], member: str
) -> None:
    clock = f"{TENANT}/clock"
    before = (await hub.get(clock, headers=AS_OPERATOR)).json()["mode"]
    answer = await hub.post(clock, move, headers=AS_OPERATOR)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, member)
    assert (await hub.get(clock, headers=AS_OPERATOR)).json()["mode"] == before


async def test_a_pool_of_a_kind_that_nothing_draws_on_is_not_opened(hub: HubUnderTest) -> None:
    moved = {"kind": "stok", "subject": "product:1", "by": 5, "reason": "counted"}
    answer = await hub.post(f"{TENANT}/pools/adjust", moved, headers=AS_OPERATOR)
    assert (answer.status_code, problem_of(answer)) == (400, "invalid")
    assert "stock, seats, rooms, coupon, balance" in answer.json()["detail"]
    for path in ("pools?kind=stok", "pools/history?kind=stok&subject=product:1"):
        assert problem_of(await hub.get(f"{TENANT}/{path}", headers=AS_OPERATOR)) == "invalid"


async def test_only_operators_say_what_is_a_sandbox_and_its_end_is_the_end_of_its_clock(
    hub: HubUnderTest,
) -> None:
    settings, clock = (f"/hub/v1/tenants/shop/{name}" for name in ("settings", "clock"))
    shop = token("hub-demo-shop")
    whole = (await hub.get(settings, headers=shop)).json()
    kept = {"sandbox": whole["sandbox"], "editable_history_s": 5}
    assert (await hub.request("PATCH", settings, json=kept, headers=shop)).status_code == 200
    ended = {"sandbox": False}
    refused = await hub.request("PATCH", settings, json=ended, headers=shop)
    assert (refused.status_code, problem_of(refused)) == (403, "forbidden")
    assert refused.json()["detail"] == "the token lacks the scope operator"
    assert (await hub.get(clock, headers=shop)).json()["mode"] == "running"
    done = await hub.request("PATCH", settings, json=ended, headers=AS_OPERATOR)
    assert done.json()["sandbox"] is False
    assert (await hub.get(clock, headers=shop)).json()["mode"] == "real"
    begun = await hub.request("PATCH", settings, json={"sandbox": True}, headers=shop)
    assert problem_of(begun) == "forbidden"
