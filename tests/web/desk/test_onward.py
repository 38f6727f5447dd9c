"""Orders onward at the desk: what nobody knows of first, a person's decision, and each in its order's timeline."""

import re
from pathlib import Path
from typing import Any

from orderhub.core.commands import HandOverStep, MoveHandOver, Origin
from orderhub.core.handing import HandOver, HandOverState
from orderhub.core.relaying import HandOverQuery
from orderhub.web.desk.handing_on import BADGES, MOST_COUNTED, at_most
from orderhub.web.relayer import submitted
from tests.support.hub import HubUnderTest, running_hub
from tests.support.receivers import receiver as receiving
from tests.web.desk.browser import Browser, invited
from tests.web.desk.test_steps import previewed
from tests.web.hub_client import AS_SHOP, sell

PATH = "/desk/onward"


async def connected(hub: HubUnderTest) -> str:
    """A connection that nobody sees to, so that hand-overs stand as the test says; every order is routed there."""
    body = {
        "dialect": "kakaclo",
        "title": "Shelf",
        "base_url": "http://127.0.0.1:9",
        "credentials": {"token": "secret-of-shelf"},
        "enabled": False,
    }
    made = await hub.post("/hub/v1/connections", body, headers=AS_SHOP)
    assert made.status_code == 201, made.text
    route = {"connection": made.json()["id"], "when": "placed"}
    answer = await hub.post("/hub/v1/routes", route, headers=AS_SHOP)
    assert answer.status_code == 201, answer.text
    return str(made.json()["id"])


async def moved(hub: HubUnderTest, order: dict[str, Any], *steps: HandOverStep, **more: Any) -> str:
    """The uid of the order's hand-over, once these steps were taken; `more` goes with the last one."""
    port = hub.hub.port
    tenant = await port.read(lambda reads: reads.tenant("shop"))
    assert tenant is not None
    sought = HandOverQuery(tenant_id=tenant.id, order_uid=order["uid"])
    (found,) = await port.read(lambda reads: reads.relay.page(sought))
    for step in steps:
        origin = Origin(
            tenant_id=tenant.id, channel="hub", actor="relay", recorded_at=port.now_us()
        )
        command = MoveHandOver(
            origin=origin,
            order_id=found.order_id,
            connection_id=found.connection_id,
            step=step,
            if_version=found.version,
            **(more if step is steps[-1] else {}),
        )
        after = await submitted(port, command)
        assert isinstance(after, HandOver), after
        found = after
    return found.uid


async def unsure(hub: HubUnderTest, order: dict[str, Any], **more: Any) -> str:
    return await moved(hub, order, HandOverStep.SEND, HandOverStep.DOUBT, **more)


def version(browser: Browser) -> str:
    found = re.search(r'name="version" value="(\d+)"', browser.page)
    assert found, browser.text
    return found[1]


async def shown(hub: HubUnderTest, uid: str) -> dict[str, Any]:
    found: dict[str, Any] = (await hub.get(f"/hub/v1/handovers/{uid}", headers=AS_SHOP)).json()
    return found


def test_every_state_has_a_word() -> None:
    assert set(BADGES) == set(HandOverState)
    assert [at_most(count) for count in (0, 7, MOST_COUNTED)] == ["", "7", "99+"]


async def test_what_nobody_knows_of_stands_first_and_a_person_decides(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        older, refused, newest = [await sell(hub, 1) for _ in range(3)]
        uid = await unsure(hub, older, reason="two look like it", candidates=("V-1", "V-2"))
        await moved(hub, refused, HandOverStep.REFUSE, reason="nothing is sent to this country")
        browser = await invited(hub, "shop", "staff")
        await browser.get(PATH)
        places = [browser.text.index(each["number"]) for each in (older, newest, refused)]
        assert places == sorted(places)
        for said in ("two look like it", "It may be V-1, V-2", "Unsure 1", "Refused 1"):
            assert said in browser.text
        assert "nothing is sent to this country" in browser.text
        seen = version(browser)
        form = {"version": seen, "number": "V-2"}
        assert (await browser.post(f"{PATH}/{uid}/placed", form)).status_code == 303
        stands = await shown(hub, uid)
        assert (stands["state"], stands["number"]) == ("placed", "V-2")
        await browser.get(PATH)
        assert "It is there as V-2. Nothing is sent again." in browser.text
        await browser.get(f"{PATH}?state=unsure")
        assert "No order is handed on here" in browser.text
        # Who looked at it before has not seen what it has become.
        assert (await browser.post(f"{PATH}/{uid}/send", {"version": seen})).status_code == 422
        assert (await shown(hub, uid))["state"] == "placed"


async def test_what_is_not_there_is_sent_again_and_so_is_what_was_refused(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        browser = await invited(hub, "shop", "staff")
        one, other = await sell(hub, 1), await sell(hub, 1)
        for uid in (
            await unsure(hub, one, reason="nobody answered"),
            await moved(hub, other, HandOverStep.REFUSE, reason="no stock"),
        ):
            await browser.get(f"{PATH}/{uid}")
            sent = await browser.post(f"{PATH}/{uid}/send", {"version": version(browser)})
            assert sent.status_code == 303, browser.text
            assert (await shown(hub, uid))["state"] == "planned"


async def test_what_shall_not_go_there_is_dropped(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        browser = await invited(hub, "shop", "staff")
        waiting = await moved(hub, await sell(hub, 1))
        uid = await unsure(hub, await sell(hub, 1), reason="nobody answered")
        for each in (uid, waiting):
            await browser.get(f"{PATH}/{each}")
            form = {"version": version(browser)}
            assert (await browser.post(f"{PATH}/{each}/drop", form)).status_code == 303
            assert (await shown(hub, each))["state"] == "refused"
            await browser.get(f"{PATH}/{each}")
            assert "It shall not go there" not in browser.text


async def test_two_who_decide_at_once_do_not_send_twice(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        order = await sell(hub, 1)
        uid = await unsure(hub, order, reason="nobody answered")
        one = await invited(hub, "shop", "staff", "one@shop.test")
        other = await invited(hub, "shop", "staff", "other@shop.test")
        for browser in (one, other):
            await browser.get(PATH)
        seen = version(one)
        assert (await one.post(f"{PATH}/{uid}/send", {"version": seen})).status_code == 303
        # It was sent, and once more nobody knows.
        await unsure(hub, order, reason="nobody answered")
        late = await other.post(f"{PATH}/{uid}/send", {"version": seen})
        assert late.status_code == 422
        assert "Somebody else changed it meanwhile." in other.text
        assert (await shown(hub, uid))["state"] == "unsure"


async def test_an_orders_page_tells_what_became_of_it_at_vendors(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        placed, lost = await sell(hub, 1), await sell(hub, 1)
        steps = (HandOverStep.SEND, HandOverStep.PLACE, HandOverStep.NEWS)
        await moved(hub, placed, *steps[:2], number="V-9")
        await moved(hub, placed, steps[2], reason="it still stands there: too late")
        uid = await unsure(hub, lost, reason="nobody answered")
        viewer = await invited(hub, "shop", "viewer")
        await viewer.get(f"/desk/orders/{placed['uid']}")
        told = ("To be handed on to Shelf", "Placed with Shelf as V-9", "News of Shelf")
        places = [viewer.text.index(each) for each in told]
        assert places == sorted(places)
        assert "it still stands there: too late" in viewer.text
        await viewer.get(f"/desk/orders/{lost['uid']}")
        assert "Nobody knows whether Shelf has it" in viewer.text
        assert f'href="{PATH}/{uid}"' in viewer.page
        assert f"{PATH}/preview" not in viewer.page
        await viewer.get(PATH)
        assert "It is there" not in viewer.text
        denied = await viewer.post(f"{PATH}/{uid}/send", {"version": "1"})
        assert denied.status_code == 403


async def test_the_overview_says_that_somebody_must_decide(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        browser = await invited(hub, "shop", "viewer")
        await browser.get("/desk/overview")
        assert PATH + "?" not in browser.page
        await unsure(hub, await sell(hub, 1))
        await moved(hub, await sell(hub, 1), HandOverStep.REFUSE, reason="no")
        await browser.get("/desk/overview")
        assert "nobody knows whether the vendor has them: 1" in browser.text
        assert "Orders that vendors did not take: 1" in browser.text
        assert f'href="{PATH}?state=unsure"' in browser.page
        assert f'href="{PATH}?state=refused"' in browser.page


async def test_a_dry_run_shows_the_very_request_and_no_secret(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection = await connected(hub)
        order = await sell(hub, 1)
        browser = await invited(hub, "shop", "manager")
        at = f"{PATH}/preview?order={order['number']}"
        await browser.get(at)
        assert "It would not go:" in browser.text
        listed = {
            "connection": connection,
            "items": [{"subject": "product:188", "id": "MUG", "sku": "MUG"}],
        }
        answer = await hub.post("/hub/v1/listings", listed, headers=AS_SHOP)
        assert answer.status_code == 200, answer.text
        change = {"options": {"country": "US"}}
        await hub.request(
            "PATCH", f"/hub/v1/connections/{connection}", json=change, headers=AS_SHOP
        )
        await browser.get(at)
        marker = (await hub.get("/hub/v1/handovers", headers=AS_SHOP)).json()["items"][0]["marker"]
        assert marker in browser.text
        assert "secret-of-shelf" not in browser.page
        await browser.get(f"{PATH}/preview?order=nothing-like-it")
        assert "There is no such order." in browser.text


async def test_the_list_is_a_file_for_whoever_sees_it(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        order = await sell(hub, 1)
        viewer = await invited(hub, "shop", "viewer")
        answer = await viewer.get(f"{PATH}?as=csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert order["uid"] in answer.text


async def test_many_are_paged_the_unsure_ones_first(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        first = await sell(hub, 1)
        await unsure(hub, first)
        for _ in range(26):
            await sell(hub, 1)
        browser = await invited(hub, "shop", "viewer")
        await browser.get(PATH)
        assert first["number"] in browser.text
        older = re.search(r'rel="next" href="([^"]+)"', browser.page)
        assert older
        await browser.get(older[1])
        assert first["number"] not in browser.text
        assert browser.page.count('class="cut number"') == 2


async def test_anothers_is_unknown(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        uid = await unsure(hub, await sell(hub, 1))
        other = await invited(hub, "omni", "owner")
        for step in ("/placed", "/send", "/drop"):
            await other.get(PATH)
            form = {"version": "1", "number": "X"}
            assert (await other.post(f"{PATH}/{uid}{step}", form)).status_code == 404
        assert (await other.get(f"{PATH}/{uid}")).status_code == 404
        assert (await shown(hub, uid))["state"] == "unsure"


async def test_what_a_vendor_says_against_calling_it_off_is_said_on_the_form(
    tmp_path: Path,
) -> None:
    with receiving() as receiver:
        body = b'{"code": 400, "message": "it left this morning", "data": null}'
        receiver.answer = lambda _: (400, {"Content-Type": "application/json"}, body)
        async with running_hub(tmp_path) as hub:
            connection = await connected(hub)
            order = await sell(hub, 1)
            listed = {
                "connection": connection,
                "items": [{"subject": "product:188", "id": "MUG", "sku": "MUG"}],
            }
            await hub.post("/hub/v1/listings", listed, headers=AS_SHOP)
            await moved(hub, order, HandOverStep.SEND, HandOverStep.PLACE, number="V-7")
            change = {"enabled": True, "base_url": receiver.url.removesuffix("/hook")}
            at = f"/hub/v1/connections/{connection}"
            await hub.request("PATCH", at, json=change, headers=AS_SHOP)
            browser = await invited(hub, "shop", "staff")
            sure = await previewed(browser, f"/desk/orders/{order['uid']}/cancel")
            answer = await browser.post(f"/desk/orders/{order['uid']}/cancel", sure)
            assert answer.status_code == 422, browser.text
            assert "Shelf gives no clear answer: 400: it left this morning" in browser.text
            stands = (await hub.get(f"/hub/v1/orders/{order['uid']}", headers=AS_SHOP)).json()
            assert stands["status"] == "pending"


async def test_on_a_clock_that_was_moved_a_hand_over_and_its_order_say_one_time(
    tmp_path: Path,
) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        await hub.advance("shop", 6 * 3_600)
        order = await sell(hub, 1)
        uid = await moved(hub, order, HandOverStep.SEND)
        browser = await invited(hub, "shop", "staff")
        await browser.get(PATH)
        assert re.search(r"on its way .*?\d sec ", browser.text), browser.text
        handed = re.compile(r'<dt>Handed on</dt><dd><time datetime="([^"]+)"')
        await browser.get(f"{PATH}/{uid}")
        (told,) = handed.findall(browser.page)
        await browser.get(f"/desk/orders/{order['uid']}")
        assert f'datetime="{told}"' in browser.page.partition("What happened")[2]
