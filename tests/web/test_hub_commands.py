"""Shipments and refunds in part, versions and repeats, through the hub's own API."""

from pathlib import Path

import pytest

from orderhub.ledger.check import check_ledger
from tests.support.hub import HubUnderTest, running_hub
from tests.web.hub_client import AS_SHOP, SHOP, problem_of, sell


async def step(hub: HubUnderTest, order: dict, action: str, body: dict | None = None, **headers):
    path = f"/hub/v1/orders/{order['uid']}/{action}"
    return await hub.post(path, body or {}, headers={**AS_SHOP, **headers})


def part(quantity: int, line_no: int = 1) -> dict:
    return {"lines": [{"line_no": line_no, "quantity": quantity}]}


def lawful(hub: HubUnderTest) -> None:
    assert check_ledger(hub.hub.ledger.engine).breaches == []


async def left(hub: HubUnderTest) -> int:
    return await hub.pool(SHOP, "stock", "product:188")


async def test_an_order_is_shipped_once_its_last_unit_is(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        order = await sell(hub, 3)
        await hub.pay(order["uid"])
        uid = order["lines"][0]["uid"]
        body = {"lines": [{"uid": uid, "quantity": 2}], "carrier": "SF", "tracking": "SF1"}
        first = await step(hub, order, "ship", body)
        assert (first.status_code, first.json()["status"]) == (200, "paid")
        too_many = await step(hub, order, "ship", part(2))
        assert (too_many.status_code, problem_of(too_many)) == (422, "quantity_invalid")
        last = await step(hub, order, "ship", {**part(1), "carrier": "EMS"})
        assert last.json()["status"] == "shipped"
        whole = await hub.order(order["uid"])
        assert [(s["carrier"], s["lines"]) for s in whole["shipments"]] == [
            ("SF", {"1": 2}),
            ("EMS", {"1": 1}),
        ]
        assert whole["lines"][0]["shipped"] == 3
        assert [e["kind"] for e in whole["events"]][2:] == ["shipped_in_part", "shipped"]
        lawful(hub)


async def test_shipping_without_lines_ships_what_still_waits(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 3)
        await hub.pay(order["uid"])
        await step(hub, order, "ship", part(1))
        rest = await step(hub, order, "ship")
        assert rest.json()["status"] == "shipped"
        assert (await hub.order(order["uid"]))["lines"][0]["shipped"] == 3


async def test_refunded_units_go_back_once_and_the_last_of_them_refund_the_order(
    demo_url: str,
) -> None:
    async with running_hub(demo_url) as hub:
        before = await left(hub)
        order = await sell(hub, 3)
        await hub.pay(order["uid"])
        first = await step(hub, order, "refund", {**part(1), "reason": "torn"})
        assert first.status_code == 200, first.text
        assert (first.json()["status"], first.json()["refunded"]) == ("paid", "99")
        assert await left(hub) == before - 2
        too_many = await step(hub, order, "refund", part(3))
        assert problem_of(too_many) == "quantity_invalid"
        last = await step(hub, order, "refund", part(2))
        assert (last.json()["status"], last.json()["refunded"]) == ("refunded", "297")
        assert await left(hub) == before
        assert problem_of(await step(hub, order, "refund")) == "transition_not_allowed"
        assert await left(hub) == before
        whole = await hub.order(order["uid"])
        assert [entry["amount"] for entry in whole["refunds"]] == ["99", "198"]
        lawful(hub)


async def test_money_may_go_back_without_units_until_none_is_left(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        before = await left(hub)
        order = await sell(hub, 1)
        await hub.pay(order["uid"])
        some = await step(hub, order, "refund", {"amount": "12.50"})
        assert (some.json()["status"], some.json()["refunded"]) == ("paid", "12.5")
        assert await left(hub) == before - 1
        over = await step(hub, order, "refund", {"amount": "86.51"})
        assert (over.status_code, problem_of(over)) == (422, "amount_out_of_range")
        for wrong in ("0", "-1", "0.0000001", "0.004"):
            refused = await step(hub, order, "refund", {"amount": wrong})
            assert problem_of(refused) == "amount_out_of_range"
        assert problem_of(await step(hub, order, "refund", {"amount": "NaN"})) == "invalid"
        rest = await step(hub, order, "refund", {"amount": 86.5})
        assert rest.json()["status"] == "refunded"
        assert await left(hub) == before
        lawful(hub)


async def test_a_stated_amount_wins_over_what_the_units_cost(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 2)
        await hub.pay(order["uid"])
        refund = await step(hub, order, "refund", {**part(1), "amount": "50"})
        assert (refund.json()["refunded"], refund.json()["status"]) == ("50", "paid")
        assert (await hub.order(order["uid"]))["lines"][0]["refunded"] == 1
        lawful(hub)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"lines": []}, "invalid"),
        ({"lines": [{"line_no": 9, "quantity": 1}]}, "reference_unknown"),
        ({"lines": [{"quantity": 1}]}, "invalid"),
        ({"lines": [{"line_no": 1, "quantity": 0}]}, "invalid"),
        ({"lines": [{"uid": "00000000-0000-4000-8000-000000000001", "quantity": 1}]}, "invalid"),
        ({"line": 1}, "invalid"),
    ],
)
async def test_units_that_are_not_there_are_refused(
    tmp_path: Path, body: dict, problem: str
) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        await hub.pay(order["uid"])
        for action in ("ship", "refund"):
            assert problem_of(await step(hub, order, action, body)) == problem
        assert (await hub.order(order["uid"]))["version"] == 2


async def test_an_unpaid_order_ships_and_refunds_nothing_in_part(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 1)
        for action in ("ship", "refund"):
            refused = await step(hub, order, action, part(1))
            assert (refused.status_code, problem_of(refused)) == (409, "transition_not_allowed")


async def test_a_version_that_is_past_is_412(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 2)
        paid = await step(hub, order, "pay", **{"If-Match": '"1"'})
        assert paid.headers["etag"] == '"2"'
        stale = await step(hub, order, "ship", part(9), **{"If-Match": '"1"'})
        assert (stale.status_code, problem_of(stale)) == (412, "version_conflict")
        fresh = await step(hub, order, "ship", part(1), **{"If-Match": '"2"'})
        assert fresh.status_code == 200
        assert problem_of(await step(hub, order, "ship", **{"If-Match": "x"})) == "invalid"


async def test_a_repeat_under_a_key_refunds_once(demo_url: str) -> None:
    async with running_hub(demo_url) as hub:
        order = await sell(hub, 3)
        await hub.pay(order["uid"])
        key = {"Idempotency-Key": "refund-1"}
        first = await step(hub, order, "refund", part(1), **key)
        again = await step(hub, order, "refund", part(1), **key)
        assert again.content == first.content
        assert again.headers["idempotent-replayed"] == "true"
        other = await step(hub, order, "refund", part(2), **key)
        assert (other.status_code, problem_of(other)) == (422, "key_reused")
        assert (await hub.order(order["uid"]))["refunded"] == "99"


async def test_a_dry_run_of_a_part_changes_nothing(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        order = await sell(hub, 2)
        await hub.pay(order["uid"])
        shown = await step(hub, order, "refund", part(2), **{"Hub-Dry-Run": "true"})
        assert shown.json()["status"] == "refunded"
        assert (await hub.order(order["uid"]))["status"] == "paid"


async def test_times_are_instants_and_amounts_are_texts_wherever_they_stand(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await hub.freeze(SHOP, "2024-02-03T04:05:06Z")
        one = f"/hub/v1/orders/{(await sell(hub, quantity=2))['uid']}"
        await hub.post(f"{one}/pay", {"method": "cash"}, headers=AS_SHOP)
        await hub.post(f"{one}/ship", {"carrier": "SF"}, headers=AS_SHOP)
        refund = {"lines": [{"line_no": 1, "quantity": 1}]}
        await hub.post(f"{one}/refund", refund, headers=AS_SHOP)
        order = (await hub.get(one, headers=AS_SHOP)).json()
        for name in ("payments", "shipments", "refunds"):
            assert [each["at"] for each in order[name]] == ["2024-02-03T04:05:06Z"], name
        amounts = [
            value
            for event in order["events"]
            for name, value in event["data"].items()
            if name in ("net", "tax", "total", "paid", "refunded")
        ]
        assert len(amounts) >= 5
        assert all(type(each) is str for each in amounts), amounts
