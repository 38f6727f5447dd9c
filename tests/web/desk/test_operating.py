"""What operators see: every business, how the hub stands, and a check of the books while orders go on."""

import re
from html import unescape
from pathlib import Path

import pytest

from orderhub.web.checking import Checking
from tests.support.hub import running_hub
from tests.support.waiting import until
from tests.web.desk.browser import Browser, as_operator, signed_in
from tests.web.hub_client import AS_OPERATOR, sell


async def test_a_business_is_made_listed_and_looked_at(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await as_operator(hub)
        await browser.get("/desk/tenants")
        assert "omni" in browser.text
        new = {
            "name": "atelier",
            "title": "Atelier",
            "currency": "EUR",
            "time_zone": "Europe/Paris",
        }
        assert (await browser.post("/desk/tenants", new)).status_code == 303
        answer = await hub.get("/hub/v1/tenants/atelier/settings", headers=AS_OPERATOR)
        found = answer.json()
        assert (found["currency"], found["time_zone"], found["sandbox"]) == (
            "EUR",
            "Europe/Paris",
            False,
        )
        await browser.get("/desk/tenants")
        assert (await browser.post("/desk/tenant", {"tenant": "atelier"})).status_code == 303
        await browser.get("/desk/overview")
        assert "atelier · " in browser.text
        await browser.get("/desk/tenants")
        for wrong in (new, {**new, "name": "No"}, {**new, "name": "b", "currency": "XXQ"}, {}):
            assert (await browser.post("/desk/tenants", wrong)).status_code == 422, wrong


async def test_health_tells_of_queue_commits_lag_and_size(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sell(hub, 1)
        browser = await as_operator(hub)
        answer = await browser.get("/desk/health")
        assert answer.status_code == 200
        for told in ("orders are taken", "Waiting commands 0", "SQLite", "Commits", "Orders 1"):
            assert told in browser.text, told
        assert " MB" in browser.text or " kB" in browser.text


async def test_a_check_runs_in_the_background_and_reports(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await sell(hub, 1)
        browser = await as_operator(hub)
        await browser.get("/desk/health")
        assert "No check was made" in browser.text
        assert (await browser.post("/desk/health/check")).status_code == 303

        async def health() -> tuple[str, str | None]:
            answer = await browser.get("/desk/health")
            return browser.text, answer.headers.get("refresh")

        # It is shown anew while it runs.
        text, refresh = await until(health, lambda seen: seen[1] != "2")
        assert refresh is None
        assert "every law holds" in text
        # What is broken is told by its law.
        with hub.hub.ledger.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE pool SET drawn = drawn + 1 WHERE kind = 'stock'")
        await browser.post("/desk/health/check")
        text, _ = await until(health, lambda seen: seen[1] != "2")
        assert "breaches" in text
        with hub.hub.ledger.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE pool SET drawn = drawn - 1 WHERE kind = 'stock'")


def test_one_check_at_a_time_and_trouble_is_told(tmp_path: Path) -> None:
    checking = Checking(f"sqlite:///{tmp_path / 'nothing.db'}", lambda: 7)
    checking.running_since = 5
    assert not checking.begin()
    checking.running_since = 5
    checking._run()
    assert checking.running_since == 0
    assert checking.last is not None
    assert checking.last.trouble
    assert (checking.last.began_at, checking.last.ended_at) == (5, 7)


async def test_it_is_for_operators_alone(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        owner = await signed_in(hub)
        for path in ("/desk/tenants", "/desk/health"):
            assert (await owner.get(path)).status_code == 403
        await owner.get("/desk/orders")
        assert "/desk/health" not in owner.page
        assert (await owner.post("/desk/health/check")).status_code == 403


async def test_on_a_hub_without_a_business_an_operator_makes_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await as_operator(hub)
        monkeypatch.setattr("orderhub.web.desk.page._tenants", lambda *_: ())
        for path in ("/desk/orders", "/desk/overview", "/desk/people", "/desk/sandboxes"):
            assert (await browser.get(path)).status_code == 403, path
            assert "/desk/tenants" in browser.page
        for path in ("/desk/tenants", "/desk/health", "/desk/account"):
            assert (await browser.get(path)).status_code == 200, path
        await browser.get("/desk/tenants")
        assert (await browser.post("/desk/tenants", {"name": "first"})).status_code == 303
        await browser.get("/desk/tenants")
        opened = await browser.post("/desk/sandboxes/open", {"dialect": "nothing"})
        assert opened.status_code == 422


async def test_an_operator_looks_at_whichever_business_of_more_than_the_menu_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderhub.web.desk.page.MOST_TENANTS", 1)
    async with running_hub(tmp_path) as hub:
        browser = await as_operator(hub)
        await browser.get("/desk/tenants")
        assert 'value="omni"' in browser.page
        assert (await browser.post("/desk/tenant", {"tenant": "omni"})).status_code == 303
        await browser.get("/desk/overview")
        assert "omni · " in browser.text
        assert (await browser.post("/desk/tenant", {"tenant": "nowhere"})).status_code == 404
        owner = await signed_in(hub)
        await owner.get("/desk/orders")
        answer = await owner.post("/desk/tenant", {"tenant": "omni"})
        assert answer.status_code == 404, "it is as unknown as none"


async def test_people_and_sandboxes_go_on_where_a_page_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderhub.web.desk.people._PAGE", 2)
    monkeypatch.setattr("orderhub.web.desk.sandboxes._PAGE", 1)
    async with running_hub(tmp_path) as hub:
        for number in range(4):
            body = {"email": f"p{number}@x.test", "role": "staff"}
            made = await hub.post("/hub/v1/tenants/shop/users", body, headers=AS_OPERATOR)
            assert made.status_code == 201, made.text
            made = await hub.post("/hub/v1/sandboxes", {"dialect": "mews"}, headers=AS_OPERATOR)
            assert made.status_code == 201, made.text
        found = await hub.get("/hub/v1/tenants/shop/users", headers=AS_OPERATOR)
        browser = await as_operator(hub)
        await browser.get("/desk/tenants")
        assert (await browser.post("/desk/tenant", {"tenant": "shop"})).status_code == 303
        seen = await every(browser, "/desk/people", r'name="person" value="(\w+)"')
        assert seen == [each["uid"] for each in found.json()["items"]]
        opened = await every(browser, "/desk/sandboxes", r'name="tenant" value="([\w-]+)"')
        assert len(opened) == 4


async def every(browser: Browser, path: str, what: str) -> list[str]:
    """What is on all pages of a list, each once."""
    seen: dict[str, None] = {}
    await browser.get(path)
    while True:
        seen |= dict.fromkeys(re.findall(what, browser.page.partition("<main")[2]))
        older = re.search(r'rel="next" href="([^"]*)"', browser.page)
        if older is None:
            return [*seen]
        await browser.get(unescape(older[1]))
