"""/hub/v1/connections, routes, listings, handovers: what is taken, what is refused, and what is never shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orderhub.core.commands import HandOverStep, MoveHandOver, Origin
from orderhub.core.hand_overs import PLACED, UNSURE
from orderhub.core.handing import HandOver
from orderhub.core.queries import OrderQuery, Reads
from orderhub.dialects.codec import encode
from orderhub.web.relayer import submitted
from tests.support.hub import HubUnderTest, running_hub
from tests.support.receivers import Came
from tests.support.receivers import receiver as receiving
from tests.web.hub_client import AS_CDP, AS_OPERATOR, AS_SHOP, new_token, problem_of, sell, token

pytestmark = pytest.mark.anyio

TO: dict[str, Any] = {
    "dialect": "kakaclo",
    "base_url": "https://openapi.dropship.example",
    "credentials": {"token": "what-the-vendor-gave"},
    "options": {"country": "US"},
    "enabled": False,
}
MUG = {"subject": "product:188", "id": "MUG_WHT"}


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def ask(hub: HubUnderTest, method: str, path: str, json: Any = None, **more: Any) -> Any:
    headers = {**AS_SHOP, **more}
    answer = await hub.request(method, f"/hub/v1/{path}", json=json, headers=headers)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


async def refused(hub: HubUnderTest, path: str, json: Any, method: str = "POST") -> Any:
    answer = await hub.request(method, f"/hub/v1/{path}", json=json, headers=AS_SHOP)
    assert answer.status_code in (400, 404, 409, 422), answer.text
    return answer.json()


async def connected(hub: HubUnderTest, **more: Any) -> str:
    made = await ask(hub, "POST", "connections", {**TO, **more})
    return str(made["id"])


async def routed(hub: HubUnderTest, connection: str, **more: Any) -> Any:
    return await ask(hub, "POST", "routes", {"connection": connection, "when": "placed", **more})


async def moved(hub: HubUnderTest, step: HandOverStep, **more: Any) -> Any:
    """What the relay would do with the newest order's: its connection is switched off."""
    port = hub.hub.port

    def look(reads: Reads) -> HandOver:
        tenant = reads.tenant("shop")
        assert tenant is not None
        (newest,) = reads.orders(OrderQuery(tenant_id=tenant.id, limit=1)).items
        return reads.relay.of_order(newest.tenant_id, newest.id)[0]

    found = await port.read(look)
    at = {"tenant_id": found.tenant_id, "recorded_at": port.now_us()}
    command = MoveHandOver(
        origin=Origin(channel="hub", actor="relay", **at),
        order_id=found.order_id,
        connection_id=found.connection_id,
        step=step,
        **more,
    )
    return await submitted(port, command)


async def test_credentials_are_kept_encrypted_and_shown_nowhere(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection = await connected(hub)
        for path in ("connections", f"connections/{connection}"):
            shown = await ask(hub, "GET", path)
            assert "what-the-vendor-gave" not in str(shown)
        assert shown["credentials"] == ["token"]
        changed = {"credentials": {"token": "another-one"}, "title": "new"}
        await ask(hub, "PATCH", f"connections/{connection}", changed)
        logged = await hub.client.get(
            "/hub/v1/requests", params={"tenant": "shop"}, headers=AS_OPERATOR
        )
        for each in logged.json()["items"]:
            one = await hub.client.get(f"/hub/v1/requests/{each['id']}", headers=AS_OPERATOR)
            assert "what-the-vendor-gave" not in one.text
            assert "another-one" not in one.text
    raw = (tmp_path / "hub.sqlite").read_bytes()
    assert b"what-the-vendor-gave" not in raw
    assert b"another-one" not in raw


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"dialect": "nobody"}, "dialect"),
        ({"credentials": {}}, "credentials.token"),
        ({"credentials": {"token": "x", "pin": "1"}}, "credentials.pin"),
        ({"options": {"colour": "red"}}, "options.colour"),
        ({"options": {"country": "USA"}}, "options.country"),
        ({"base_url": "ftp://openapi.dropship.example"}, "base_url"),
        ({"base_url": "https://10.0.0.1"}, "base_url"),
        ({"base_url": "https://169.254.169.254"}, "base_url"),
        ({"base_url": "https://openapi.dropship.example/?a=1"}, "base_url"),
        ({"at_once": 0}, "at_once"),
    ],
)
async def test_what_cannot_be_a_connection_is_refused_by_name(
    tmp_path: Path, members: dict[str, Any], field: str
) -> None:
    async with running_hub(tmp_path) as hub:
        said = await refused(hub, "connections", {**TO, **members})
        assert [each["field"] for each in said["errors"]] == [field]


async def test_a_connection_is_tried_without_anything_being_sent(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection = await connected(hub)
        probed = await ask(hub, "POST", f"connections/{connection}/test")
        assert (probed["ok"], probed["facts"]) == (False, {})
        assert probed["about"]


async def test_a_connection_goes_once_no_route_leads_there(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection = await connected(hub)
        route = await routed(hub, connection)
        await ask(hub, "POST", "listings", {"connection": connection, "items": [MUG]})
        said = await refused(hub, f"connections/{connection}", None, "DELETE")
        assert said["detail"].startswith("routes lead to it")
        await ask(hub, "DELETE", f"routes/{route['id']}")
        await ask(hub, "DELETE", f"connections/{connection}")
        assert (await ask(hub, "GET", "listings"))["items"] == []


async def test_two_routes_that_could_take_one_line_are_refused(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        first, second = await connected(hub), await connected(hub)
        await routed(hub, first, channels=["anqicms"])
        said = await refused(hub, "routes", {"connection": second})
        assert "could take the same line" in said["detail"]
        other = await routed(hub, second, channels=["mews"])
        said = await refused(hub, f"routes/{other['id']}", {"channels": []}, "PATCH")
        assert "could take the same line" in said["detail"]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"id": "X"}, "items[0].code"),
        ({"id": "X", "code": "NOPE"}, "items[0].code"),
        ({"id": "X", "subject": "product:999999"}, "items[0].subject"),
        ({"id": "X", "subject": "user:1000"}, "items[0].subject"),
        ({"id": ""}, "items[0].id"),
    ],
)
async def test_what_cannot_be_a_listing_is_refused_by_name(
    tmp_path: Path, item: dict[str, Any], field: str
) -> None:
    async with running_hub(tmp_path) as hub:
        body = {"connection": await connected(hub), "items": [item]}
        said = await refused(hub, "listings", body)
        assert [each["field"] for each in said["errors"]] == [field]


async def test_a_listing_of_the_same_thing_is_replaced(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection = await connected(hub)
        for item in ("MUG_WHT", "MUG_BLK"):
            body = {"connection": connection, "items": [{**MUG, "id": item}]}
            await ask(hub, "POST", "listings", body)
        (only,) = (await ask(hub, "GET", f"listings?connection={connection}"))["items"]
        assert (only["item"], only["subject"]) == ("MUG_BLK", "product:188")
        listed = await hub.request(
            "GET", "/hub/v1/listings", headers={**AS_SHOP, "Accept": "text/csv"}
        )
        assert (
            listed.text.splitlines()[0]
            .lstrip("\ufeff")
            .startswith("id,connection,subject,code,item")
        )


async def test_what_nobody_can_know_is_listed_first_and_decided_by_a_person(
    tmp_path: Path,
) -> None:
    async with running_hub(tmp_path) as hub:
        connection = await connected(hub)
        await routed(hub, connection)
        order = await sell(hub, 1)
        await moved(hub, HandOverStep.SEND)
        await moved(hub, HandOverStep.DOUBT, reason="who knows", candidates=("N1", "N2"))
        for _ in range(2):
            await sell(hub, 1)
        listed = (await ask(hub, "GET", "handovers"))["items"]
        assert [each["state"] for each in listed] == ["unsure", "planned", "planned"]
        assert listed[0]["order"] == order["uid"]
        assert listed[0]["candidates"] == ["N1", "N2"]
        paged: list[Any] = []
        cursor = ""
        while True:
            page = await ask(hub, "GET", f"handovers?limit=1&cursor={cursor}")
            paged += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                break
        assert paged == listed
        one = f"handovers/{listed[0]['id']}"
        said = await ask(hub, "POST", f"{one}/placed", {"number": "N2"})
        assert (said["state"], said["number"]) == ("placed", "N2")
        again = await hub.post(f"/hub/v1/{one}/send", {}, headers=AS_SHOP)
        assert problem_of(again) == "transition_not_allowed"
        events = await ask(hub, "GET", "events?kinds=handover.unsure,handover.placed")
        assert [each["kind"] for each in events["items"]] == [UNSURE, PLACED]


async def unsure(hub: HubUnderTest) -> tuple[str, str]:
    """A connection, and the path of a hand-over there that is for a person to decide."""
    connection = await connected(hub)
    await routed(hub, connection)
    await sell(hub, 1)
    await moved(hub, HandOverStep.SEND)
    found = await moved(hub, HandOverStep.DOUBT, reason="who knows")
    return connection, f"handovers/{found.uid}"


async def test_a_number_is_what_the_vendor_writes_however_it_was_copied(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        _, one = await unsure(hub)
        said = await ask(hub, "POST", f"{one}/placed", {"number": " 7\u200b77\n"})
        assert said["number"] == "777"
        await sell(hub, 1)
        await moved(hub, HandOverStep.SEND)
        other = await moved(hub, HandOverStep.DOUBT, reason="who knows")
        said = await refused(hub, f"handovers/{other.uid}/placed", {"number": "777"})
        assert "is the hand-over" in said["detail"]
        said = await refused(hub, f"handovers/{other.uid}/placed", {"number": " \u200b "})
        assert [each["field"] for each in said["errors"]] == ["number"]


async def test_what_was_placed_elsewhere_is_looked_at_once_a_connection_leads_elsewhere(
    tmp_path: Path,
) -> None:
    async with running_hub(tmp_path) as hub:
        connection, one = await unsure(hub)
        await ask(hub, "POST", f"{one}/placed", {"number": "777"})
        for change in ({"title": "Shelf"}, {"credentials": {"token": "another"}}):
            await ask(hub, "PATCH", f"connections/{connection}", change)
            assert (await ask(hub, "GET", one))["next_look_at"] is None
        elsewhere = {"base_url": "https://openapi.other.example"}
        await ask(hub, "PATCH", f"connections/{connection}", elsewhere)
        assert (await ask(hub, "GET", one))["next_look_at"] is not None


async def test_the_same_account_under_another_address_is_known_as_before(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection, one = await unsure(hub)
        await ask(hub, "POST", f"{one}/placed", {"number": "777"})
        relayer, path = hub.hub.port.relayer, f"connections/{connection}"

        async def known_by() -> Any:
            def look(reads: Reads) -> Any:
                tenant = reads.tenant("shop")
                assert tenant is not None
                return reads.record(tenant.id, "connection", "uid", connection)

            return relayer.line(await hub.hub.port.read(look)).known_by

        first = await known_by()
        for name in ("moved", "moved-on"):
            change = {"base_url": f"https://{name}.example", "credentials": {"token": name}}
            await ask(hub, "PATCH", path, {**change, "same_account": True})
            await ask(hub, "PATCH", path, {"title": name, "options": {"country": "DE"}})
            assert await known_by() == first
        assert (await ask(hub, "GET", one))["next_look_at"] is None
        await ask(hub, "PATCH", path, {"base_url": "https://another.example"})
        assert (await known_by()).keys() == first.keys()
        assert set((await known_by()).values()).isdisjoint(first.values())
        assert (await ask(hub, "GET", one))["next_look_at"] is not None


async def test_what_waits_for_its_connection_says_so(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection = await connected(hub)
        await routed(hub, connection)
        await sell(hub, 1)
        found = await moved(hub, HandOverStep.WAIT, reason="more lines may come")
        for one in (
            (await ask(hub, "GET", "handovers"))["items"][0],
            await ask(hub, "GET", f"handovers/{found.uid}"),
        ):
            assert one["reason"] == "the connection is switched off; more lines may come"
        await moved(hub, HandOverStep.AGAIN)
        again = await ask(hub, "GET", f"handovers/{found.uid}")
        assert (again["state"], again["reason"]) == ("planned", "the connection is switched off")
        await moved(hub, HandOverStep.REFUSE, reason="no")
        assert (await ask(hub, "GET", f"handovers/{found.uid}"))["reason"] == "no"


async def test_nothing_is_sent_where_no_connection_is_any_more(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection, one = await unsure(hub)
        await ask(hub, "POST", f"{one}/drop")
        (route,) = (await ask(hub, "GET", "routes"))["items"]
        await ask(hub, "DELETE", f"routes/{route['id']}")
        await ask(hub, "DELETE", f"connections/{connection}")
        said = await refused(hub, f"{one}/send", {})
        assert said["detail"] == "its connection is no more"
        assert (await ask(hub, "GET", one))["state"] == "refused"
        said = await ask(hub, "POST", f"{one}/placed", {"number": "777"})
        assert (said["state"], said["number"]) == ("placed", "777")


def selling(*skus: str) -> Callable[[Came], tuple[int, dict[str, str], bytes]]:
    """A dropshipper whose list names these, one after another."""
    products = [{"skuDetails": [{"sku": each, "skuName": each}]} for each in skus]
    said = {"code": 10000, "data": {"list": products, "total": len(products)}}
    return lambda _: (200, {"Content-Type": "application/json"}, encode(said))


async def test_a_list_that_names_a_thing_twice_is_matched_all_the_same(tmp_path: Path) -> None:
    with receiving() as receiver:
        receiver.answer = selling("CHA-TIN", "CHA-TIN", "NOBODY", "NOBODY")
        async with running_hub(tmp_path) as hub:
            doc = {"doc": {"code": "CHA-TIN", "title": "Tea", "price": "10"}}
            await ask(hub, "PUT", "tenants/shop/catalogue/products/901", doc)
            connection = await connected(hub, base_url=receiver.url)
            said = await ask(hub, "POST", f"connections/{connection}/match")
            assert (said["listed"], [each["id"] for each in said["unmatched"]]) == (1, ["NOBODY"])


async def test_a_preview_says_what_is_in_the_way(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection = await connected(hub)
        await routed(hub, connection)
        order = await sell(hub, 1)
        body = {"order": order["uid"]}
        (shown,) = (await ask(hub, "POST", "handovers/preview", body))["items"]
        assert shown["obstacle"].startswith("not listed at this connection")
        assert shown["request"] is None
        await ask(hub, "POST", "listings", {"connection": connection, "items": [MUG]})
        (shown,) = (await ask(hub, "POST", "handovers/preview", body))["items"]
        assert shown["obstacle"] is None
        assert shown["request"]["method"] == "POST"
        assert "what-the-vendor-gave" not in str(shown)


async def test_the_key_of_what_is_kept_moves_on(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await connected(hub)
        answer = await hub.post("/hub/v1/secrets/rotate", {}, headers=AS_OPERATOR)
        assert answer.status_code == 200, answer.text
        assert answer.json()["rotated"] == 0


async def test_another_tenants_things_are_as_unknown_as_any(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        connection = await connected(hub)
        theirs = await hub.request("GET", f"/hub/v1/connections/{connection}", headers=AS_CDP)
        assert theirs.status_code == 404
        theirs = await hub.post("/hub/v1/routes", {"connection": connection}, headers=AS_CDP)
        assert theirs.status_code == 404
        only = token((await new_token(hub, "shop", "orders:read"))["token"])
        denied = await hub.request("GET", "/hub/v1/handovers", headers=only)
        assert denied.json()["detail"] == "the token lacks the scope relay"
