"""Sandboxes at the desk: their clock and faults by whoever builds against them, opened and removed by operators."""

import re
from pathlib import Path

from tests.support.hub import HubUnderTest, running_hub
from tests.web.desk.browser import as_operator, invited, signed_in
from tests.web.hub_client import AS_OPERATOR, AS_SHOP, token

PATH = "/desk/sandboxes"


async def clock(hub: HubUnderTest) -> dict[str, str]:
    answer = await hub.get("/hub/v1/tenants/shop/clock", headers=AS_OPERATOR)
    found: dict[str, str] = answer.json()
    return found


async def test_the_clock_is_set_by_form(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await invited(hub, "shop", "manager")
        zone = (await hub.get("/hub/v1/tenants/shop/settings", headers=AS_OPERATOR)).json()
        assert zone["time_zone"]
        await browser.get(PATH)
        still = {"action": "freeze", "at": "2026-03-01T12:00"}
        assert (await browser.post(f"{PATH}/clock", still)).status_code == 303
        frozen = await clock(hub)
        assert (frozen["mode"], frozen["now"][:10]) == ("frozen", "2026-03-01")
        await browser.get(PATH)
        assert "standing still" in browser.text
        on = {"action": "advance", "hours": "48"}
        assert (await browser.post(f"{PATH}/clock", on)).status_code == 303
        assert (await clock(hub))["now"][:10] == "2026-03-03"
        await browser.get(PATH)
        wrong = await browser.post(f"{PATH}/clock", {"action": "freeze", "at": "soon"})
        assert wrong.status_code == 422
        odd = await browser.post(f"{PATH}/clock", {"action": "stop"})
        assert odd.status_code == 422
        await browser.post(f"{PATH}/clock", {"action": "real"})
        assert (await clock(hub))["mode"] == "real"


async def test_faults_are_added_one_by_one_met_and_cleared(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await signed_in(hub)
        await browser.get(PATH)
        assert "Every call is served." in browser.text
        choices = re.findall(r'<option value="(hub-[^"]+)">', browser.page)
        assert choices
        fault = {"credential": choices[0], "kind": "error_before", "path": "/api/order"}
        assert (await browser.post(f"{PATH}/faults", {**fault, "times": "2"})).status_code == 303
        await browser.get(PATH)
        more = {**fault, "kind": "rate_limit", "path": "/api/cart"}
        assert (await browser.post(f"{PATH}/faults", more)).status_code == 303
        await browser.get(PATH)
        assert "2 of 2 calls left" in browser.text
        assert "1 of 1 calls left" in browser.text
        wrong = await browser.post(f"{PATH}/faults", {**fault, "kind": "delay"})
        assert wrong.status_code == 422
        assert "a delay has delay_s" in browser.text
        await browser.post(f"{PATH}/faults/clear", {"credential": choices[0]})
        await browser.get(PATH)
        assert "Every call is served." in browser.text
        unknown = await browser.post(f"{PATH}/faults", {**fault, "credential": "hub-nothing"})
        assert unknown.status_code == 422


async def test_what_is_no_sandbox_has_no_clock(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await hub.settings("shop", sandbox=False)
        browser = await signed_in(hub)
        await browser.get(PATH)
        assert "is no sandbox" in browser.text
        assert "Opened for tests" not in browser.text
        await browser.get("/desk/account")
        refused = await browser.post(f"{PATH}/clock", {"action": "freeze"})
        assert refused.status_code in (403, 422)


async def test_an_operator_opens_one_begins_it_anew_and_removes_it(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        browser = await as_operator(hub)
        await browser.get(PATH)
        assert (await browser.post(f"{PATH}/open", {"dialect": "anqicms"})).status_code == 200
        shown = re.findall(r"<pre>([^<]+)</pre>", browser.page)[0]
        assert (await hub.get("/hub/v1/orders", headers=token(shown))).status_code == 200
        await browser.get(PATH)
        (first,) = set(re.findall(r'value="(sandbox-[0-9a-f]+)"', browser.page))
        assert (await browser.post(f"{PATH}/reset", {"tenant": first})).status_code == 200
        fresh = re.findall(r"<pre>([^<]+)</pre>", browser.page)[0]
        assert (await hub.get("/hub/v1/orders", headers=token(shown))).status_code == 401
        assert (await hub.get("/hub/v1/orders", headers=token(fresh))).status_code == 200
        await browser.get(PATH)
        (second,) = set(re.findall(r'value="(sandbox-[0-9a-f]+)"', browser.page))
        assert second != first
        assert (await browser.post(f"{PATH}/remove", {"tenant": second})).status_code == 303
        await browser.get(PATH)
        assert "There is none." in browser.text
        await browser.post(f"{PATH}/remove", {"tenant": "shop"})
        assert (await hub.get("/hub/v1/orders", headers=AS_SHOP)).status_code == 200
