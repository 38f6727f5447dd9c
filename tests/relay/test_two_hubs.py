"""Hub A hands its orders on to hub B, both real processes: each is there once, and A knows B's number."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import SHOP_HOME
from tests.support.hub import seed_demo
from tests.support.hub_process import Served, serving, wait_for

SHOP, THERE = "hub-demo-shop", "hub-demo-dropship"
SECRET = "demo-kakaclo"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Served]:
    with serving(demo(tmp_path, "here"), tmp_path / "here.log") as hub:
        yield hub


def demo(folder: Path, name: str) -> str:
    url = f"sqlite:///{folder / name}.sqlite"
    seed_demo(url)
    return url


def asked(hub: Served, method: str, path: str, token: str = SHOP, **more: Any) -> Any:
    answer = hub.ask(method, path, token, **more)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


def connect(here: Served, there: str, **more: Any) -> str:
    body = {
        "dialect": "kakaclo",
        "base_url": there,
        "credentials": {"token": SECRET},
        "options": {"country": "US"},
        "timeout_s": 2,
        "settle_s": 0.5,
        **more,
    }
    connection: str = asked(here, "POST", "/hub/v1/connections", json=body)["id"]
    return connection


def route(here: Served, connection: str) -> None:
    asked(here, "POST", "/hub/v1/routes", json={"connection": connection, "when": "placed"})
    listed = {
        "connection": connection,
        "items": [{"subject": "product:188", "id": "TS_RED_M", "sku": "TS_RED_M"}],
    }
    asked(here, "POST", "/hub/v1/listings", json=listed)


def sell(here: Served) -> None:
    body = {"goods_id": 188, "quantity": 1, "type": "goods", "address": SHOP_HOME}
    answer = here.ask("POST", "/api/order/create", SHOP, json=body)
    assert answer.json()["code"] == 0, answer.text


def hand_overs(here: Served) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked(here, "GET", "/hub/v1/handovers")["items"]
    return found


def settled(here: Served, count: int) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]]:
        found = [each for each in hand_overs(here) if each["state"] not in ("planned", "sending")]
        return found if len(found) >= count else []

    found: list[dict[str, Any]] = wait_for(look, f"{count} hand-overs; {hand_overs(here)}")
    return found


def orders_at(there: Served) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked(there, "GET", "/hub/v1/orders?limit=200", THERE)["items"]
    return found


@pytest.mark.slow
def test_an_order_of_the_shop_is_placed_with_the_dropshipper(here: Served, tmp_path: Path) -> None:
    with serving(demo(tmp_path, "there"), tmp_path / "there.log") as there:
        before = len(orders_at(there))
        connection = connect(here, there.url)
        probed = asked(here, "POST", f"/hub/v1/connections/{connection}/test")
        assert probed["ok"], probed
        route(here, connection)
        for _ in range(3):
            sell(here)
        found = settled(here, 3)
        assert {(each["state"], each["reason"]) for each in found} == {("placed", None)}
        made = orders_at(there)[: len(orders_at(there)) - before]
        assert {each["number"] for each in made} == {each["number"] for each in found}
        preview = {"order": found[0]["order"]}
        shown = asked(here, "POST", "/hub/v1/handovers/preview", json=preview)["items"][0]
        assert shown["obstacle"] is None
        assert found[0]["marker"] in str(shown["request"])
        assert SECRET not in str(shown)
    assert SECRET not in (tmp_path / "here.log").read_text()


def test_a_vendor_that_dies_in_between_has_each_order_once(here: Served, tmp_path: Path) -> None:
    database, log = demo(tmp_path, "there"), tmp_path / "there.log"
    with serving(database, log) as there:
        before = len(orders_at(there))
        connection = connect(here, there.url)
        route(here, connection)
        sell(here)
        settled(here, 1)
        for _ in range(5):
            sell(here)
        there.process.send_signal(signal.SIGKILL)
        there.process.wait()
    for _ in range(3):
        sell(here)
    with serving(database, log) as there:
        moved = {"base_url": there.url, "same_account": True}
        asked(here, "PATCH", f"/hub/v1/connections/{connection}", json=moved)
        found = settled(here, 9)
        assert {(each["state"], each["reason"]) for each in found} == {("placed", None)}
        assert len({each["number"] for each in found}) == 9
        assert len(orders_at(there)) - before == 9


@pytest.mark.slow
def test_a_hub_that_dies_in_between_places_each_order_once(tmp_path: Path) -> None:
    database, log = demo(tmp_path, "here"), tmp_path / "here.log"
    with serving(demo(tmp_path, "there"), tmp_path / "there.log") as there:
        before = len(orders_at(there))
        sold = 0
        for round_no in range(3):
            with serving(database, log) as here:
                if not round_no:
                    route(here, connect(here, there.url))
                for _ in range(4):
                    sell(here)
                    sold += 1
                here.process.send_signal(signal.SIGKILL)
                here.process.wait()
        with serving(database, log) as here:
            found = settled(here, sold)
            assert {(each["state"], each["reason"]) for each in found} == {("placed", None)}
            assert len({each["number"] for each in found}) == sold
            assert len(orders_at(there)) - before == sold


def test_what_is_called_off_here_is_called_off_there_first(here: Served, tmp_path: Path) -> None:
    with serving(demo(tmp_path, "there"), tmp_path / "there.log") as there:
        route(here, connect(here, there.url))
        for _ in range(2):
            sell(here)
        settled(here, 2)
        ours = [each["order"] for each in hand_overs(here)]
        theirs = {each["order"]: each["number"] for each in hand_overs(here)}
        for order in ours:
            asked(here, "POST", f"/hub/v1/orders/{order}/pay", json={})
        at = {each["number"]: each["uid"] for each in orders_at(there)}
        kept, called_off = ours
        sent = at[theirs[kept]]
        asked(there, "POST", f"/hub/v1/orders/{sent}/pay", THERE, json={})
        asked(there, "POST", f"/hub/v1/orders/{sent}/ship", THERE, json={"carrier": "Yanwen"})
        refused = here.ask("POST", f"/hub/v1/orders/{kept}/refund", SHOP, json={})
        assert refused.status_code == 409, refused.text
        assert "kakaclo refuses it: 10005" in refused.text
        assert asked(here, "GET", f"/hub/v1/orders/{kept}")["status"] == "paid"
        done = asked(here, "POST", f"/hub/v1/orders/{called_off}/refund", json={})
        assert done["status"] == "refunded"
        gone = asked(there, "GET", f"/hub/v1/orders/{at[theirs[called_off]]}", THERE)
        assert gone["status"] == "cancelled"  # nobody had paid it there
    # Over there nobody answers any more: then nothing is final here.
    silent = here.ask("POST", f"/hub/v1/orders/{kept}/refund", SHOP, json={})
    assert silent.status_code == 503, silent.text
    assert asked(here, "GET", f"/hub/v1/orders/{kept}")["status"] == "paid"


def test_a_connection_that_leads_back_here_makes_no_order_go_round(here: Served) -> None:
    own = {
        "dialect": "anqicms",
        "base_url": here.url,
        "credentials": {"user_name": "demo", "password": "demo123456", "site": "1"},
    }
    connection = asked(here, "POST", "/hub/v1/connections", json={**own, "settle_s": 0.5})["id"]
    asked(here, "POST", "/hub/v1/routes", json={"connection": connection, "when": "placed"})
    listed = {"connection": connection, "items": [{"subject": "product:188", "id": "188"}]}
    asked(here, "POST", "/hub/v1/listings", json=listed)
    sell(here)
    refused, placed = settled(here, 2)
    assert (placed["state"], refused["state"]) == ("placed", "refused")
    assert f"the order {placed['order']} was handed on by this tenant itself" in refused["reason"]
    shown = asked(here, "POST", "/hub/v1/handovers/preview", json={"order": refused["order"]})
    assert shown["items"][0]["obstacle"] == refused["reason"]


def test_a_chain_of_tenants_goes_on_and_a_ring_of_them_ends(here: Served) -> None:
    """The shop hands on to the dropshipper, and that one to the shop's own door."""
    route(here, connect(here, here.url))
    back = {
        "dialect": "anqicms",
        "base_url": here.url,
        "credentials": {"user_name": "demo", "password": "demo123456", "site": "1"},
        "settle_s": 0.5,
    }
    connection = asked(here, "POST", "/hub/v1/connections", THERE, json=back)["id"]
    way = {"connection": connection, "when": "placed"}
    asked(here, "POST", "/hub/v1/routes", THERE, json=way)
    code = {"code": "TS_RED_M", "id": "188"}
    asked(here, "POST", "/hub/v1/listings", THERE, json={"connection": connection, "items": [code]})
    sell(here)
    refused, placed = settled(here, 2)
    assert (placed["state"], refused["state"]) == ("placed", "refused")
    assert f"the order {placed['order']} was handed on by this tenant itself" in refused["reason"]
    (on,) = asked(here, "GET", "/hub/v1/handovers", THERE)["items"]
    assert on["state"] == "placed", "what another tenant handed on goes further"
