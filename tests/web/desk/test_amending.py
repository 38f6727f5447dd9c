"""An address or notes put right at the desk: previewed, done once, by the person, and never after something left."""

import re
from html import unescape
from pathlib import Path
from typing import Any

from sqlalchemy import text

from orderhub.core.values import Address
from orderhub.web.desk.amending import LABELS
from tests.support.hub import running_hub
from tests.web.desk.browser import Browser, invited, signed_in
from tests.web.hub_client import sell

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
_FIELD = re.compile(r'name="(\w+)" type="text"\s+value="([^"]*)"')


async def drawn(browser: Browser, path: str) -> dict[str, str]:
    """The members of the form as they stand."""
    await browser.get(path)
    text = browser.page.replace("\n", " ")
    members = {name: unescape(value) for name, value in _FIELD.findall(text)}
    version = re.search(r'name="version" value="(\d+)"', text)
    notes = re.search(r"<textarea[^>]*>([^<]*)<", text)
    assert version
    assert notes
    return {**members, "version": version[1], "notes": unescape(notes[1])}


def sure(browser: Browser) -> dict[str, str]:
    part = browser.page.split("What it would be then")[1].split("</form>")[0]
    return {name: unescape(value) for name, value in _HIDDEN.findall(part)}


def test_every_member_of_the_form_is_one_of_an_address() -> None:
    kept_by_vendors = {"id", "ioss", "vat"}
    assert set(LABELS) == set(Address.__struct_fields__) - kept_by_vendors


async def test_an_address_and_notes_are_put_right(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1, name="Ada Berg", phone="555-0100")
        path = f"/desk/orders/{order['uid']}"
        browser = await invited(hub, "shop", "staff")
        await browser.get(path)
        assert f'href="{path}/amend"' in browser.page
        said = {
            **await drawn(browser, f"{path}/amend"),
            "street1": "新路2号",
            "notes": "ring twice",
        }
        answer = await browser.post(f"{path}/amend", {**said, "reason": "moved"})
        assert answer.status_code == 200, browser.text
        assert "某路1号 新路2号" in browser.text
        assert (await hub.order(order["uid"]))["version"] == 1
        answer = await browser.post(f"{path}/amend", sure(browser))
        assert answer.status_code == 303, browser.text
        whole: dict[str, Any] = await hub.order(order["uid"])
        assert whole["ship_to"]["street1"] == "新路2号"
        assert whole["ship_to"]["recipient"] == "Ada Berg"
        await browser.get(path)
        assert "It is changed." in browser.text
        assert "Changed Notes, Address moved by staff@shop.test" in browser.text
        assert whole["events"][-1]["data"] == {"changed": ["notes", "ship_to"], "reason": "moved"}
        assert "ring twice" in browser.text
        await browser.get("/desk/orders?q=ring")
        assert path in browser.page


async def test_what_cannot_be_put_right_is_said(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        path = f"/desk/orders/{order['uid']}/amend"
        browser = await signed_in(hub)
        stands = await drawn(browser, path)
        for said, says in (
            ({}, "Nothing was changed."),
            ({"country": "XX"}, "This is no country"),
            ({"city": "x" * 300}, "This cannot be taken."),
            ({"city": "Y", "version": "9"}, "Somebody else changed it meanwhile."),
            ({"city": "Y", "version": ""}, "This is needed."),
        ):
            answer = await browser.post(path, {**stands, **said})
            assert (answer.status_code, says in browser.text) == (422, True), browser.text
        await hub.pay(order["uid"])
        await hub.move(order["uid"], "ship")
        late = await drawn(browser, path)
        assert "city" not in late
        answer = await browser.post(path, {**late, "city": "Y"})
        assert answer.status_code == 422
        assert "its address stands" in browser.text
        answer = await browser.post(path, {**late, "notes": "late", "sure": "true"})
        assert answer.status_code == 303


async def test_what_a_door_took_longer_is_put_right_too(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1, remark="a", name="N")
        longer = {'"notes":"a"': f'"notes":"{"a" * 4_000}\\r\\nb"', '"N"': f'"{"N" * 250}"'}
        with hub.hub.ledger.engine.begin() as connection:
            for was, now in longer.items():
                changed = text("UPDATE orders SET doc = REPLACE(doc, :was, :now)")
                connection.execute(changed, {"was": was, "now": now})
        path = f"/desk/orders/{order['uid']}/amend"
        browser = await signed_in(hub)
        lines = "a" * 4_000 + "\r\nb"  # as a browser sends them
        stands = {**await drawn(browser, path), "notes": lines}
        assert len(stands["recipient"]) == 250
        answer = await browser.post(path, stands)
        assert (answer.status_code, "Nothing was changed." in browser.text) == (422, True)
        notes = "b" + lines[1:].replace("\r\n", "\n")
        assert (await browser.post(path, {**stands, "notes": notes})).status_code == 200
        assert (await browser.post(path, sure(browser))).status_code == 303, browser.text
        whole = await hub.order(order["uid"])
        assert whole["notes"] == notes
        assert whole["ship_to"]["recipient"] == "N" * 250
        stands = await drawn(browser, path)
        answer = await browser.post(path, {**stands, "notes": "c" * 10_001})
        assert answer.status_code == 422
        assert re.search(r'<textarea id="f-notes"[^>]*aria-invalid="true"', browser.page)
        assert "This cannot be taken." in browser.page.partition("<textarea")[2]
