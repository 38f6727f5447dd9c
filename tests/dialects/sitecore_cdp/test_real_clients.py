"""What public clients and the vendor's own samples send: each was refused, dropped or shown otherwise once."""

import asyncio
import codecs
import gzip
import hashlib
import json
import uuid

import pytest

from orderhub.dialects.sitecore_cdp import wire
from tests.dialects.sitecore_cdp.cdp import an_order, open_cdp, row
from tests.dialects.sitecore_cdp.test_batches import done, found, packed
from tests.dialects.sitecore_cdp.test_batches import row as batch_row

ORDERS = "/v2.1/orders"
NEVER = "0001-01-01T00:00:00"  # how .NET writes a time that nobody set
FLIGHTS = [{"origin": "DUB", "destination": "LAS", "departureDateTime": "2015-09-01T08:00Z"}]
ITEM = {
    "type": "FLIGHT",
    "productId": "DUB-LAS",
    "price": 100,
    "referenceId": "L-1",
    "consumerTypeCode": "ADT",
    "flightSegments": FLIGHTS,
}


def sample(**changes):
    """The order of the vendor's sample of a batch file."""
    return an_order(
        status="PURCHASED",
        paymentType="Card",
        cardType="Visa",
        channel="WEB",
        pointOfSale="home",
        contact={"firstName": "Ida", "lastName": "Vetch", "email": f"{uuid.uuid4()}@example.com"},
        consumers=[
            {"firstName": "Tom", "lastName": "Vetch", "orderItems": [{"referenceId": "L-1"}]},
            {"firstName": "Ann"},
        ],
        orderItems=[{**ITEM, "referenceId": "L-0"}, ITEM],
        **changes,
    )


@pytest.fixture(scope="module")
async def cdp(tmp_path_factory):
    async with open_cdp(tmp_path_factory.mktemp("clients")) as opened:
        yield opened


# --- batches


async def test_every_member_of_a_batchs_sample_comes_back(cdp):
    value = sample()
    assert await done(cdp, [batch_row(value)]) == ("success", [(201, "")])
    (order,) = await found(cdp, value["referenceId"])
    for name in ("status", "paymentType", "cardType", "channel", "pointOfSale"):
        assert order[name] == value[name]
    items = order["orderItems"]["items"]
    for stated, shown in zip(value["orderItems"], items, strict=True):
        assert stated.items() <= shown.items()
    (contact,) = order["contacts"]["items"]
    assert value["contact"].items() <= contact.items()
    tom, ann = order["consumers"]["items"]
    assert (tom["firstName"], tom["lastName"]) == ("Tom", "Vetch")
    assert tom["orderItems"]["items"] == [{"href": items[1]["href"]}]
    assert (ann["firstName"], ann["orderItems"]["items"]) == ("Ann", [])
    # A consumer that came with a batch is changed like any other.
    changed = await cdp.made("PATCH", tom["href"], {"lastName": "Vetch-Hay"})
    assert changed["orderItems"] == tom["orderItems"]


SOMEBODY = {
    "title": "Mr",
    "firstName": "Tom",
    "lastName": "Vetch",
    "gender": "male",
    "dateOfBirth": "1976-10-28T00:00Z",
    "email": "tom@example.com",
    "emails": ["tom.vetch@example.com"],
    "phoneNumbers": ["0851234567"],
    "language": "EN",
    "nationality": "Irish",
    "passportNumber": "PN76789",
    "passportExpiry": "2033-09-23T00:00Z",
    "street": ["Apartment 15", "West Drive Avenue"],
    "city": "Dublin",
    "country": "IE",
    "postCode": "D01",
    "state": "Leinster",
    "identifiers": [{"provider": "AIR", "id": "1", "expiryDate": "2033-09-23T00:00Z"}],
}


@pytest.mark.parametrize("in_batch", [False, True])
async def test_every_member_of_a_consumer_comes_back(cdp, in_batch):
    assert set(SOMEBODY) == set(wire.ContactRequest.__struct_fields__)
    order = an_order(consumers=[SOMEBODY])
    if in_batch:
        assert await done(cdp, [batch_row(order)]) == ("success", [(201, "")])
        ((order,),) = [await found(cdp, order["referenceId"])]
        (kept,) = order["consumers"]["items"]
    else:
        order = await cdp.order()
        kept = await cdp.made("POST", f"{order['href']}/consumers", SOMEBODY)
    assert SOMEBODY.items() <= kept.items()
    assert await cdp.made("GET", kept["href"]) == kept
    patched = await cdp.made("PATCH", kept["href"], {"title": "Dr", "email": None})
    wanted = {**SOMEBODY, "title": "Dr"}
    del wanted["email"]
    assert wanted.items() <= patched.items()
    assert "email" not in patched
    put = await cdp.made("PUT", kept["href"], {"title": "Sir"})
    assert put["title"] == "Sir"
    assert not (SOMEBODY.keys() - {"title"}) & put.keys()
    # It is a guest only by the one that it names.
    query = {"identifiers.provider": "AIR", "identifiers.id": "1"}
    assert (await cdp.made("GET", "/v2.1/guests", params=query))["items"] == []


async def test_a_row_that_replaces_an_order_replaces_its_consumers(cdp):
    value = sample()
    twice = [batch_row(value), batch_row(value)]
    assert await done(cdp, twice) == ("success", [(201, ""), (201, "")])
    (order,) = await found(cdp, value["referenceId"])
    (_, second), (tom, _) = order["orderItems"]["items"], order["consumers"]["items"]
    assert tom["orderItems"]["items"] == [{"href": second["href"]}]
    named = {"referenceId": value["referenceId"], "orderedAt": value["orderedAt"]}
    some = {**named, "consumers": [{"firstName": "Eve", "orderItems": [{"referenceId": "L-1"}]}]}
    assert await done(cdp, [batch_row(some, "upsert")]) == ("success", [(201, "")])
    ((order,),) = [await found(cdp, value["referenceId"])]
    (eve,) = order["consumers"]["items"]
    assert (eve["firstName"], eve["orderItems"]) == ("Eve", tom["orderItems"])
    some["consumers"][0]["orderItems"] = [{"referenceId": "L-9"}]
    assert await done(cdp, [batch_row(some, "upsert")]) == (
        "error",
        [(400, "consumers[].orderItems[].referenceId: is not valid.")],
    )


async def test_a_row_that_replaces_an_order_gives_its_people_new_refs(cdp):
    value = sample()
    assert await done(cdp, [batch_row(value)]) == ("success", [(201, "")])
    (before,) = await found(cdp, value["referenceId"])
    assert await done(cdp, [batch_row({**value, "consumers": [{"firstName": "Eve"}]})]) == (
        "success",
        [(201, "")],
    )
    (after,) = await found(cdp, value["referenceId"])
    for kind in ("contacts", "consumers"):
        gone = [each["href"] for each in before[kind]["items"]]
        assert not {*gone} & {each["href"] for each in after[kind]["items"]}
        for href in gone:
            await cdp.refused(404, "DELETE", href)


@pytest.mark.parametrize(
    ("consumers", "message"),
    [
        ({}, "consumers: must be a list."),
        ([{"orderItems": [{}]}], "consumers[0].orderItems[0].referenceId: may not be null."),
        ([{}] * 65, "consumers: at most 64 entries are allowed."),
        ([{"dateOfBirth": "2999-01-01"}], "consumers[0].dateOfBirth: must be in the past."),
        (
            [{"orderItems": [{"referenceId": "L-9"}]}],
            "consumers[0].orderItems[0].referenceId: is no item of this order.",
        ),
    ],
)
async def test_consumers_that_cannot_be_kept_refuse_the_row(cdp, consumers, message):
    value = {**sample(), "consumers": consumers}
    status, ((code, told),) = await done(cdp, [batch_row(value)])
    assert (status, code, told) == ("error", 400, f"Validation error: {message}")


async def test_a_file_may_begin_with_a_byte_order_mark_and_say_its_size_as_text(cdp):
    first, second = an_order(), an_order()
    lines = [json.dumps(batch_row(each)).encode() for each in (first, second)]
    data = gzip.compress(codecs.BOM_UTF8 + b"\n".join(lines))
    body = {"checksum": hashlib.md5(data).hexdigest(), "size": str(len(data))}
    batch = await cdp.made("PUT", f"/v2/batches/{uuid.uuid4()}", body)
    assert batch["size"] == len(data)
    await cdp.call("PUT", batch["location"]["href"], content=data, auth=None)
    assert (await cdp.made("GET", batch["href"]))["status"] == {"code": "success"}
    assert len(await found(cdp, first["referenceId"])) == 1


@pytest.mark.parametrize(
    ("accepts", "is_packed"),
    [
        (None, True),
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("*", True),
        ("deflate, gzip;q=0.5", True),
        ("identity", False),
        ("gzip;q=0", False),
    ],
)
async def test_the_log_is_packed_unless_the_client_does_not_take_it(cdp, accepts, is_packed):
    data = packed([{"ref": "bad"}])
    body = {"checksum": hashlib.md5(data).hexdigest(), "size": len(data)}
    batch = await cdp.made("PUT", f"/v2/batches/{uuid.uuid4()}", body)
    await cdp.call("PUT", batch["location"]["href"], content=data, auth=None)
    address = (await cdp.made("GET", batch["href"]))["status"]["log"]
    client = cdp.hub.client
    request = client.build_request("GET", address)
    del request.headers["accept-encoding"]
    if accepts is not None:
        request.headers["accept-encoding"] = accepts
    answer = await client.send(request, stream=True)
    raw = b"".join([piece async for piece in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == ("gzip" if is_packed else None)
    (line,) = (gzip.decompress(raw) if is_packed else raw).splitlines()
    assert json.loads(line)["ref"] == "bad"


# --- what a client sends without having set it


@pytest.mark.parametrize("never", [NEVER, "", "2024-01-01", None, 0])
async def test_the_servers_own_times_are_ignored_whatever_they_are(cdp, never):
    order = await cdp.order(createdAt=never, modifiedAt=never)
    sent = {"price": 1, "createdAt": never, "modifiedAt": never}
    item = await cdp.made("POST", f"{order['href']}/orderItems", sent)
    await cdp.made("PATCH", order["href"], sent)
    await cdp.made("PATCH", item["href"], sent)
    assert order["createdAt"] > "2026"


@pytest.mark.parametrize("at", [NEVER, "2024-01-01", "2024-01-01T10:00:00.1234567Z"])
async def test_a_time_that_is_only_echoed_may_be_any(cdp, at):
    order = await cdp.order()
    item = await cdp.made("POST", f"{order['href']}/orderItems", {**ITEM, "orderedAt": at})
    assert item["orderedAt"] == at
    contact = {"email": "never@example.com", "dateOfBirth": at, "passportExpiry": at}
    contact["identifiers"] = [{"provider": "CRM", "id": "7", "expiryDate": at}]
    await cdp.made("POST", f"{order['href']}/contacts", contact)


async def test_an_empty_time_of_an_item_is_none(cdp):
    order = await cdp.order()
    item = await cdp.made("POST", f"{order['href']}/orderItems", {"price": 1, "orderedAt": ""})
    assert "orderedAt" not in item


async def test_numbers_as_text_and_texts_as_numbers_are_read(cdp):
    order = await cdp.order(price="50.10", referenceId=12345)
    assert (order["price"], order["referenceId"]) == (50.1, "12345")
    item = await cdp.made("POST", f"{order['href']}/orderItems", {"price": "7", "quantity": "2"})
    assert (item["price"], item["quantity"]) == (7, 2)


async def test_an_item_keeps_its_segments_through_every_call(cdp):
    order = await cdp.order()
    item = await cdp.made("POST", f"{order['href']}/orderItems", ITEM)
    assert ITEM.items() <= item.items()
    changed = await cdp.made("PATCH", item["href"], {"price": 5})
    assert (changed["flightSegments"], changed["consumerTypeCode"]) == (FLIGHTS, "ADT")
    less = await cdp.made("PATCH", item["href"], {"flightSegments": None})
    assert "flightSegments" not in less


MEASURED = [{"miles": 12.5, "legs": [{"hours": 0.25, "gate": "7.50", "stops": 3}]}]


@pytest.mark.parametrize("in_batch", [False, True])
async def test_numbers_of_segments_stay_numbers(cdp, in_batch):
    item = {**ITEM, "flightSegments": MEASURED}
    order = an_order(orderItems=[item])
    if in_batch:
        assert await done(cdp, [batch_row(order)]) == ("success", [(201, "")])
        ((order,),) = [await found(cdp, order["referenceId"])]
        (kept,) = order["orderItems"]["items"]
    else:
        order = await cdp.order()
        kept = await cdp.made("POST", f"{order['href']}/orderItems", item)
    changed = await cdp.made("PATCH", kept["href"], {"price": 5})
    for shown in (kept, changed, await cdp.made("GET", kept["href"])):
        assert shown["flightSegments"] == MEASURED


async def test_numbers_that_are_not_documented_stay_numbers_of_a_guest(cdp):
    sent = {"guestType": "visitor", "loyalty": {"points": 12.5, "of": [0.25]}, "weight": 1.5}
    guest = await cdp.made("POST", "/v2.1/guests", sent)
    assert sent.items() <= guest.items()
    assert await cdp.made("GET", guest["href"]) == guest


# --- orders


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2024-01-01T16:17:18Z", 200),
        ("2024-01-03T16:17:18.499Z", 200),
        ("2024-01-03T16:17:18.500Z", 400),
        ("2023-12-30T16:17:18.500Z", 400),
    ],
)
async def test_an_update_names_the_orders_time_within_two_days(cdp, at, status):
    order = await cdp.order(orderedAt="2024-01-01T16:17:18.500Z")
    answer = await cdp.call("PATCH", order["href"], {"orderedAt": at, "price": 4})
    assert answer.status_code == status
    shown = await cdp.made("GET", order["href"])
    assert shown["orderedAt"] == "2024-01-01T16:17:18.500Z"


async def test_an_order_is_made_again_after_it_was_deleted(cdp):
    body = an_order()
    refs = []
    for _ in range(3):
        made = await asyncio.gather(*(cdp.call("POST", ORDERS, body) for _ in range(4)))
        assert sorted(each.status_code for each in made) == [201, 409, 409, 409]
        (order,) = [each.json() for each in made if each.status_code == 201]
        refused = next(each.json() for each in made if each.status_code == 409)
        assert refused["developerMessage"].startswith(f"Order with ref {body['referenceId']} and")
        refs.append(order["ref"])
        assert (await cdp.call("DELETE", order["href"])).status_code == 204
    assert len(set(refs)) == 3
    assert await done(cdp, [batch_row(body)]) == ("success", [(201, "")])
    (order,) = await found(cdp, body["referenceId"])
    assert order["ref"] not in refs
    assert await done(cdp, [batch_row(body, "create")]) == (
        "error",
        [(409, "The order already exists.")],
    )


@pytest.mark.parametrize("sort", ["created::DESC", "createdAt::ASC", "-created", "created"])
async def test_lists_are_sorted_as_clients_write_it(cdp, sort):
    reference = f"SORT-{sort}"
    times = [f"2024-01-0{day}T00:00:00Z" for day in (1, 2, 3)]
    orders = [await cdp.order(referenceId=reference, orderedAt=at) for at in times]
    wanted = orders[::-1] if "DESC" in sort or sort.startswith("-") else orders
    page = await cdp.made("GET", ORDERS, params={"referenceId": reference, "sort": sort})
    assert page["items"] == [row(each) for each in wanted]
    address = f"{uuid.uuid4()}@example.com"
    body = {"guestType": "visitor", "email": address}
    guests = [await cdp.made("POST", "/v2.1/guests", body) for _ in range(3)]
    listed = await cdp.made("GET", "/v2.1/guests", params={"email": address, "sort": sort})
    wanted = guests[::-1] if "DESC" in sort or sort.startswith("-") else guests
    assert listed["items"] == [row(each) for each in wanted]


@pytest.mark.parametrize("kind", ["orderItems", "contacts", "consumers"])
async def test_parts_of_an_order_are_sorted_alike(cdp, kind):
    order = await cdp.order()
    path = f"{order['href']}/{kind}"
    made = [row(await cdp.made("POST", path, {"price": n})) for n in range(3)]
    for sort, wanted in (
        ("", made),
        ("created", made),
        ("createdAt::ASC", made),
        ("-created", made[::-1]),
        ("created::DESC", made[::-1]),
    ):
        page = await cdp.made("GET", path, params={"sort": sort})
        assert page["items"] == wanted, sort
    page = await cdp.made("GET", path, params={"sort": "-created", "offset": 1, "limit": 1})
    assert page["items"] == [made[1]]
    page = await cdp.made("GET", path, params={"sort": "-created", "expand": "true"})
    assert [each["ref"] for each in page["items"]] == [each["ref"] for each in made[::-1]]


async def test_a_sort_that_is_none_is_told_at_every_list(cdp):
    order = await cdp.order()
    for path, query, names in (
        (ORDERS, {"referenceId": "N"}, "created or orderedAt"),
        ("/v2.1/guests", {"email": "a@b.c"}, "created"),
        *(
            (f"{order['href']}/{kind}", {}, "created")
            for kind in ("orderItems", "contacts", "consumers")
        ),
    ):
        message = await cdp.refused(400, "GET", path, params={**query, "sort": "price"})
        assert message == f"sort: must be {names}."


# --- guests


async def test_an_order_of_several_guests_is_found_by_each(cdp):
    linked = await cdp.made("POST", "/v2.1/guests", {"guestType": "visitor"})
    params = {"guestRef": linked["ref"]}
    order = await cdp.made("POST", ORDERS, an_order(), params=params)
    mine = await cdp.made("POST", ORDERS, an_order(), params=params)
    contacts = [
        await cdp.made(
            "POST", f"{order['href']}/contacts", {"email": f"{uuid.uuid4()}@example.com"}
        )
        for _ in range(3)
    ]
    refs = [each["guest"]["href"].rpartition("/")[2] for each in contacts]

    async def listed(guest, **more):
        page = await cdp.made("GET", ORDERS, params={"guestRef": guest, **more})
        return [each["ref"] for each in page["items"]]

    for ref in refs:
        assert await listed(ref) == [order["ref"]]
    assert await listed(linked["ref"]) == [mine["ref"], order["ref"]]
    assert await listed(linked["ref"], sort="created") == [order["ref"], mine["ref"]]
    assert await listed(linked["ref"], sort="-orderedAt", limit=1, offset=1) in (
        [order["ref"]],
        [mine["ref"]],
    )
    assert (await cdp.call("DELETE", contacts[0]["href"])).status_code == 204
    assert await listed(refs[0]) == []
    assert await listed(refs[1]) == [order["ref"]]
    assert (await cdp.call("DELETE", order["href"])).status_code == 204
    for ref in refs:
        assert await listed(ref) == []
    assert await listed(linked["ref"]) == [mine["ref"]]


# --- data extensions


@pytest.mark.parametrize("on_item", [False, True])
async def test_fields_of_an_extension_are_deleted_by_name(cdp, on_item):
    place = await cdp.order()
    if on_item:
        place = await cdp.made("POST", f"{place['href']}/orderItems", {"price": 1})
    path = f"{place['href']}/extensions/ext"
    await cdp.refused(404, "DELETE", f"{path}/fields", params={"name": "a"})
    pairs = {"firstTimeOrder": True, "storeLocation": "Dublin", "odds": 1.5}
    made = await cdp.made("POST", path, pairs)
    some = {"name": "firstTimeOrder|storeLocation|unheardOf"}
    headers = {"idempotency-key": f"fields-{on_item}"}
    for _ in range(2):
        left = await cdp.made("DELETE", f"{path}/fields", params=some, headers=headers)
        assert (left["odds"], left["ref"]) == (1.5, made["ref"])
        assert not {"firstTimeOrder", "storeLocation"} & left.keys()
    emptied = await cdp.made("DELETE", f"{path}/fields")
    assert not pairs.keys() & emptied.keys()
    assert (await cdp.made("GET", path))["ref"] == made["ref"]
