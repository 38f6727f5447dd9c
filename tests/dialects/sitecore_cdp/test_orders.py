"""Orders through HTTP: create, find, read, update, delete."""

import asyncio
import json

import pytest
from sqlalchemy import event

from orderhub.core.queries import OrderQuery
from tests.dialects.sitecore_cdp.cdp import (
    FULL,
    LOGIN,
    ORDER,
    UNKNOWN,
    Cdp,
    an_order,
    open_cdp,
    row,
)
from tests.support.hub import operator_headers

ORDERS = "/v2.1/orders"


@pytest.fixture(scope="module")
async def cdp(tmp_path_factory):
    async with open_cdp(tmp_path_factory.mktemp("orders")) as opened:
        yield opened


async def test_every_member_of_the_document_comes_back_in_its_order(cdp):
    sent = {**FULL, "referenceId": "FULL-1"}
    answer = await cdp.call("POST", ORDERS, sent)
    assert answer.status_code == 201
    body = answer.json()
    assert list(body) == [
        "ref", "href", "createdAt", "modifiedAt", "orderedAt", "currencyCode", "price",
        "referenceId", "paymentType", "cardType", "pointOfSale", "channel", "status",
        "contacts", "consumers", "orderItems",
    ]  # fmt: skip
    assert body["href"] == f"http://hub.test/v2.1/orders/{body['ref']}"
    server_times = ("createdAt", "modifiedAt")
    assert {name: body[name] for name in sent if name not in server_times} == {
        name: value for name, value in sent.items() if name not in server_times
    }
    assert body["createdAt"] == body["modifiedAt"] != sent["createdAt"]
    assert body["contacts"] == body["consumers"] == body["orderItems"] == {"items": []}
    assert (await cdp.call("GET", f"{ORDERS}/{body['ref'].upper()}")).content == answer.content


async def test_nothing_is_made_up_for_members_that_were_not_sent(cdp):
    body = await cdp.order(status=None, channel=None)
    assert not {"status", "channel", "paymentType", "cardType", "pointOfSale"} & set(body)


@pytest.mark.parametrize("price", ["123456789012.123456", "0", "-3.5", "0.000001", "50"])
async def test_a_price_keeps_every_digit(cdp, price):
    text = (
        f'{{"currencyCode":"EUR","orderedAt":"2024-01-01T16:17:16Z","price":{price},'
        f'"referenceId":"PRICE{price}"}}'
    )
    headers = {"content-type": "application/json; charset=utf-8"}
    answer = await cdp.call("POST", ORDERS, content=text, headers=headers)
    assert f'"price":{price},' in answer.text
    assert f'"price":{price},' in (await cdp.call("GET", answer.json()["href"])).text


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2024-01-01T16:17:16Z", "2024-01-01T16:17:16Z"),
        ("2024-01-01T16:17:16.000Z", "2024-01-01T16:17:16Z"),
        ("2024-01-01T16:17:16.120Z", "2024-01-01T16:17:16.120Z"),
        ("2024-01-01T16:17:16.1234567Z", "2024-01-01T16:17:16.123456Z"),
        ("2024-01-01T18:17:16+02:00", "2024-01-01T16:17:16Z"),
        ("2024-01-01T18:17:16+0200", "2024-01-01T16:17:16Z"),
        ("2024-01-01T16:17Z", "2024-01-01T16:17:00Z"),
        ("2024-01-01T16:17:16", "2024-01-01T16:17:16Z"),
    ],
)
async def test_times_are_taken_in_many_forms_and_sent_in_utc(cdp, sent, shown):
    assert (await cdp.order(orderedAt=sent))["orderedAt"] == shown


async def test_a_twin_is_refused_whatever_its_offset_and_its_price(cdp):
    first = an_order(orderedAt="2004-06-23T17:49:07+02:00")
    await cdp.made("POST", ORDERS, first)
    twin = {**first, "orderedAt": "2004-06-23T15:49:07.000Z", "price": 1}
    answer = await cdp.call("POST", ORDERS, twin)
    assert answer.status_code == 409
    assert answer.json() == {
        "status": 409,
        "code": 409,
        "message": "The resource already exists so it can't be created.",
        "developerMessage": f"Order with ref {first['referenceId']} and orderedAt "
        "Wed Jun 23 15:49:07 UTC 2004 for client key demo-cdp already exist",
        "moreInfoUrl": "https://support.sitecore.com",
    }
    other_time = {**first, "orderedAt": "2004-06-23T15:49:07.001Z"}
    await cdp.made("POST", ORDERS, other_time)


async def test_of_64_parallel_twins_one_is_recorded(cdp):
    twin = an_order()
    answers = await asyncio.gather(*(cdp.call("POST", ORDERS, twin) for _ in range(64)))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 63]


async def test_the_hub_token_acts_under_the_same_client_key(cdp):
    token = Cdp(cdp.hub, auth=None)
    headers = {"authorization": "Bearer hub-demo-cdp"}
    order = an_order()
    await token.made("POST", ORDERS, order, headers=headers)
    assert (await cdp.call("POST", ORDERS, order)).status_code == 409


async def test_a_repeat_under_a_key_gets_the_very_bytes(cdp):
    order, headers = an_order(), {"idempotency-key": "create-1"}
    first = await cdp.call("POST", ORDERS, order, headers=headers)
    again = await cdp.call("POST", ORDERS, order, headers=headers)
    assert again.content == first.content
    assert again.headers["idempotent-replayed"] == "true"
    await cdp.refused(422, "POST", ORDERS, an_order(), headers=headers)


async def test_a_deleted_order_is_gone_here_and_kept_in_the_ledger(cdp):
    order = await cdp.order()
    path = f"{ORDERS}/{order['ref']}"
    headers = {"idempotency-key": "delete-1"}
    first = await cdp.call("DELETE", path, headers=headers)
    assert (first.status_code, first.content) == (204, b"")
    assert (await cdp.call("DELETE", path, headers=headers)).status_code == 204
    await cdp.refused(404, "DELETE", path)
    await cdp.refused(404, "GET", path)
    await cdp.refused(404, "PATCH", path, {"status": "PURCHASED"})
    found = await cdp.made("GET", ORDERS, params={"referenceId": order["referenceId"]})
    assert found["items"] == []
    assert (await cdp.hub.order(order["ref"]))["status"] == "cancelled"


async def test_patch_changes_what_is_sent(cdp):
    order = await cdp.order(**{k: FULL[k] for k in ("paymentType", "channel", "status")})
    path = f"{ORDERS}/{order['ref']}"
    patched = await cdp.made(
        "PATCH", path, {"price": 7.25, "status": "REFUNDED", "paymentType": None, "cardType": "X"}
    )
    assert patched["price"] == 7.25
    assert (patched["status"], patched["cardType"], patched["channel"]) == ("REFUNDED", "X", "WEB")
    assert "paymentType" not in patched
    assert await cdp.made("GET", path) == patched
    canonical = await cdp.hub.order(order["ref"])
    assert canonical["status"] == "pending"  # the client's word never drives the canonical life


async def test_put_takes_away_what_is_not_sent(cdp):
    sent = {**FULL, "referenceId": "PUT-1"}
    order = await cdp.made("POST", ORDERS, sent)
    path = f"{ORDERS}/{order['ref']}"
    put = await cdp.made("PUT", path, {**ORDER, "referenceId": "PUT-1", "price": 1})
    assert put["price"] == 1
    assert not {"status", "channel", "paymentType", "cardType", "pointOfSale"} & set(put)
    message = await cdp.refused(400, "PUT", path, {"price": 1})
    assert message == (
        "currencyCode: may not be null. orderedAt: may not be null. referenceId: may not be null."
    )


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_reference_and_time_are_the_orders_name_and_stay(cdp, method):
    order = await cdp.order()
    body = {**ORDER, "referenceId": "OTHER", "orderedAt": "2025-01-01T00:00:00Z"}
    message = await cdp.refused(400, method, f"{ORDERS}/{order['ref']}", body)
    assert message == "orderedAt: cannot be changed. referenceId: cannot be changed."
    same = {**ORDER, "referenceId": order["referenceId"], "orderedAt": "2024-01-01T17:17:16+01:00"}
    await cdp.made(method, f"{ORDERS}/{order['ref']}", same)


async def test_orders_are_found_by_reference_newest_first_and_paged(cdp):
    days = [f"2024-02-{day:02d}T00:00:00Z" for day in range(1, 6)]
    refs = [(await cdp.order(referenceId="RECYCLED", orderedAt=day))["ref"] for day in days]

    async def found(**params):
        page = await cdp.made("GET", ORDERS, params={"referenceId": "RECYCLED", **params})
        return [item["href"].rpartition("/")[2] for item in page["items"]]

    assert await found() == refs[::-1]
    assert await found(offset=1, limit=2) == [refs[3], refs[2]]
    assert await found(sort="created") == refs
    assert await found(sort="-createdAt") == refs[::-1]
    page = await cdp.made("GET", ORDERS, params={"referenceId": "RECYCLED", "limit": 1})
    assert page["href"] == "http://hub.test/v2.1/orders?offset=0&limit=1&referenceId=RECYCLED"
    assert (page["offset"], page["limit"]) == (0, 1)
    whole = await cdp.made("GET", ORDERS, params={"referenceId": "RECYCLED", "expand": "true"})
    assert [item["ref"] for item in whole["items"]] == refs[::-1]
    assert whole["items"][0]["orderItems"]["items"] == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "referenceId: exactly one of referenceId and guestRef is required."),
        ("?referenceId=a&guestRef=b", "referenceId: exactly one of"),
        ("?referenceId=a&limit=0", "limit: must be between 1 and 100."),
        ("?referenceId=a&limit=101", "limit: must be between 1 and 100."),
        ("?referenceId=a&offset=-1&limit=x", "offset: must be between 0 and 100000. limit:"),
        ("?referenceId=a&sort=orderedAt", "sort: orderedAt can only be used with guestRef."),
        ("?referenceId=a&sort=price", "sort: must be created or orderedAt."),
        ("?referenceId=a&expand=everything", "expand: must be true, false or some of"),
        (
            "?referenceId=a&limit=0&expand=no&sort=price",
            "limit: must be between 1 and 100. expand: must be true, false or some of consumers,",
        ),
    ],
)
async def test_a_search_that_makes_no_sense_is_refused(cdp, query, message):
    assert (await cdp.refused(400, "GET", ORDERS + query)).startswith(message)


async def test_an_order_may_be_linked_to_a_guest_at_once(cdp):
    guest = await cdp.made("POST", "/v2.1/guests", {"guestType": "visitor"})
    order = await cdp.made("POST", ORDERS, an_order(), params={"guestRef": guest["ref"].upper()})
    assert order["contacts"]["items"] == [{"href": guest["href"]}]
    later = await cdp.made(
        "POST",
        ORDERS,
        an_order(orderedAt="2023-01-01T00:00:00Z"),
        params={"guestRef": guest["ref"]},
    )
    found = await cdp.made("GET", ORDERS, params={"guestRef": guest["ref"], "sort": "orderedAt"})
    assert [item["href"] for item in found["items"]] == [later["href"], order["href"]]
    message = await cdp.refused(400, "POST", ORDERS, an_order(), params={"guestRef": UNKNOWN})
    assert message == "guestRef: no such guest."


async def test_a_deleted_order_is_no_guests_any_more(cdp):
    guest = await cdp.made("POST", "/v2.1/guests", {"guestType": "visitor"})
    query = {"guestRef": guest["ref"]}
    mine = [await cdp.made("POST", "/v2.1/orders", an_order(), params=query) for _ in range(3)]
    await cdp.hub.pay(mine[1]["ref"])
    for order in mine[:2]:
        assert (await cdp.call("DELETE", order["href"])).status_code == 204
    for offset, wanted in ((0, [row(mine[2])]), (1, [])):
        page = await cdp.made("GET", "/v2.1/orders", params={**query, "offset": offset})
        assert page["items"] == wanted


@pytest.mark.parametrize("forgotten", ["first", "second"])
async def test_a_deleted_order_is_found_by_who_forgets_one_of_its_guests(cdp, forgotten):
    order = await cdp.order()
    for name in ("first", "second"):
        mail = {"email": f"{name}.{forgotten}@example.com"}
        await cdp.made("POST", f"{order['href']}/contacts", mail)
    assert (await cdp.call("DELETE", order["href"])).status_code == 204
    mail = f"{forgotten}.{forgotten}@example.com"
    assert mail in json.dumps(await cdp.hub.order(order["ref"]))
    forget = "/hub/v1/tenants/cdp/persons/forget"
    answer = await cdp.hub.post(forget, {"email": mail}, headers=operator_headers())
    assert answer.status_code == 200, answer.text
    assert mail not in json.dumps(await cdp.hub.order(order["ref"]))


async def test_an_order_deleted_by_many_at_once_is_gone_for_all(cdp):
    order = await cdp.order()
    answers = await asyncio.gather(*(cdp.call("DELETE", order["href"]) for _ in range(16)))
    assert {answer.status_code for answer in answers} == {204, 404}


@pytest.mark.parametrize("by_occurred", [False, True])
async def test_a_guests_orders_are_walked_along_an_index_and_not_sorted(cdp, by_occurred):
    ledger = cdp.hub.hub.port.ledger
    asked = []

    def note(_connection, _cursor, statement, parameters, *_more):
        asked.append((statement, parameters))

    event.listen(ledger.engine, "before_cursor_execute", note)
    try:
        query = OrderQuery(tenant_id=1, account="any", by_occurred=by_occurred, offset=9)
        ledger.read(lambda reads: reads.orders(query))
    finally:
        event.remove(ledger.engine, "before_cursor_execute", note)
    # The hub itself asks for other things as it starts.
    (statement, parameters) = next(each for each in asked if "FROM orders" in each[0])
    with ledger.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    steps = [row[-1] for row in plan]
    assert len(steps) == 1
    assert "USING INDEX orders_by_account" in steps[0]


async def test_unknown_members_are_kept_in_the_raw_request(cdp):
    order = await cdp.order(myOwn={"deep": [1]})
    assert "myOwn" not in order
    assert (await cdp.hub.order(order["ref"]))["request"]["myOwn"] == {"deep": [1]}


async def test_another_tenant_sees_nothing_of_it(cdp):
    order = await cdp.order()
    other = Cdp(cdp.hub, auth=("omni-cdp", "omni-cdp-secret"))
    for method, body in (("GET", None), ("PATCH", {"price": 1}), ("DELETE", None)):
        await other.refused(404, method, f"{ORDERS}/{order['ref']}", body)
    found = await other.made("GET", ORDERS, params={"referenceId": order["referenceId"]})
    assert found["items"] == []


async def test_the_times_of_the_server_are_the_tenants(cdp):
    await cdp.hub.freeze("cdp", "2024-01-01T16:17:16Z")
    order = await cdp.order()
    await cdp.hub.advance("cdp", 60)
    patched = await cdp.made("PATCH", order["href"], {"price": 1}, auth=LOGIN)
    assert patched["createdAt"] == "2024-01-01T16:17:16Z"
    assert patched["modifiedAt"] == "2024-01-01T16:18:16Z"
    await cdp.hub.clock("cdp", action="real")
