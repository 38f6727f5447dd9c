"""Batch uploads: allocated, uploaded, done row by row, and told about."""

import asyncio
import base64
import gzip
import hashlib
import itertools
import json
import uuid
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orderhub.dialects.sitecore_cdp import batch_load, batches
from orderhub.dialects.sitecore_cdp.batch_load import Load
from orderhub.dialects.sitecore_cdp.batch_rows import Row, parse
from tests.dialects.sitecore_cdp.cdp import ORDER, Cdp, an_order, open_cdp
from tests.support.hub import operator_headers


@pytest.fixture(scope="module")
async def cdp(tmp_path_factory):
    async with open_cdp(tmp_path_factory.mktemp("batches")) as opened:
        yield opened


def row(value, mode="insert", schema="order", ref=None):
    return {"ref": ref or str(uuid.uuid4()), "schema": schema, "mode": mode, "value": value}


def packed(rows, end=b"\n"):
    lines = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in rows]
    return gzip.compress(end.join(lines) + end)


async def allocated(cdp, data, ref=None, **more):
    body = {"checksum": hashlib.md5(data).hexdigest(), "size": len(data), **more}
    return await cdp.made("PUT", f"/v2/batches/{ref or uuid.uuid4()}", body)


async def put(cdp, batch, data, **more):
    return await cdp.call("PUT", batch["location"]["href"], content=data, auth=None, **more)


async def done(cdp, rows):
    """(status code, [(code, message)]) of a file of these rows."""
    data = packed(rows)
    batch = await allocated(cdp, data)
    answer = await put(cdp, batch, data)
    assert (answer.status_code, answer.content) == (200, b"")
    after = await cdp.made("GET", f"/v2/batches/{batch['ref']}")
    page = await cdp.made("GET", f"/v2/batches/{batch['ref']}/rows", params={"limit": 100})
    return after["status"]["code"], [(r["code"], r.get("message", "")) for r in page["items"]]


async def found(cdp, reference):
    query = {"referenceId": reference, "expand": "true"}
    return (await cdp.made("GET", "/v2.1/orders", params=query))["items"]


async def test_a_guest_whom_a_row_before_brought_is_deleted(cdp):
    emails = ["brought.by.a.row@example.com"]
    rows = [
        row(an_order(contact={"firstName": "Ann", "emails": emails})),
        row({"emails": emails}, mode="delete", schema="guest"),
    ]
    assert [code for code, _ in (await done(cdp, rows))[1]] == [201, 204]


async def test_of_one_name_each_hub_token_changes_its_own_order(cdp):
    order = an_order(price=1)
    tokens = []
    for _ in range(2):
        body = {"kind": "hub", "label": "a till", "scopes": ["dialects"]}
        path = "/hub/v1/tenants/cdp/credentials"
        made = await cdp.made("POST", path, body, auth=None, headers=operator_headers())
        headers = {"authorization": f"Bearer {made['token']}"}
        tokens.append((Cdp(cdp.hub, auth=None), headers))
        await cdp.made("POST", "/v2.1/orders", order, auth=None, headers=headers)
    for price, (_, headers) in enumerate(tokens, 111):
        data = packed([row({**order, "price": price})])
        allocation = {"checksum": hashlib.md5(data).hexdigest(), "size": len(data)}
        path = f"/v2/batches/{uuid.uuid4()}"
        batch = await cdp.made("PUT", path, allocation, auth=None, headers=headers)
        await put(cdp, batch, data)
    assert sorted(each["price"] for each in await found(cdp, order["referenceId"])) == [111, 112]


async def test_a_file_of_orders_becomes_orders(cdp):
    rows = [row(an_order(referenceId=f"B-{number}", status="PURCHASED")) for number in range(600)]
    data = packed(rows, end=b"\r\n")
    ref = str(uuid.uuid4()).upper()
    batch = await allocated(cdp, data, ref)
    assert batch["ref"] == ref.lower()
    assert batch["status"] == {"code": "uploading"}
    md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
    answer = await put(cdp, batch, data, headers={"content-md5": md5})
    assert (answer.status_code, answer.content) == (200, b"")
    after = await cdp.made("GET", batch["href"])
    assert after["status"] == {"code": "success"}
    assert (after["rows"]["total"], after["rows"]["succeeded"]) == (600, 600)
    page = await cdp.made("GET", after["rows"]["href"], params={"offset": 250, "limit": 10})
    assert [each["ref"] for each in page["items"]] == [each["ref"] for each in rows[250:260]]
    order = await cdp.made("GET", f"/v2.1/orders/{page['items'][0]['resource']['ref']}")
    assert (order["referenceId"], order["status"]) == ("B-250", "PURCHASED")


async def test_an_order_row_brings_its_contact_items_and_extensions(cdp):
    value = an_order(
        contact={"firstName": "Ann", "emails": ["ann.batch@example.com"]},
        orderItems=[
            {"type": "FLIGHT", "productId": "DUB-LAS", "price": 30.5, "currencyCode": "EUR",
             "extensions": [{"name": "ext", "key": "default", "seat": "1A"}]},
        ],
        extensions=[{"name": "ext", "key": "default", "promotion": "freeBet"}],
    )  # fmt: skip
    twice = [row(value), row({**value, "orderedAt": "2024-01-02T00:00:00Z"})]
    assert await done(cdp, twice) == ("success", [(201, ""), (201, "")])
    first, second = await found(cdp, value["referenceId"])
    assert first["contacts"]["items"][0]["guest"] == second["contacts"]["items"][0]["guest"]
    guest = await cdp.made("GET", first["contacts"]["items"][0]["guest"]["href"])
    assert guest["firstName"] == "Ann"
    item = first["orderItems"]["items"][0]
    assert (item["productId"], item["price"]) == ("DUB-LAS", 30.5)
    assert (await cdp.made("GET", f"{item['href']}/extensions/ext"))["seat"] == "1A"
    assert (await cdp.made("GET", f"{first['href']}/extensions/ext"))["promotion"] == "freeBet"
    by_guest = await cdp.made("GET", "/v2.1/orders", params={"guestRef": guest["ref"]})
    assert len(by_guest["items"]) == 2


async def test_rows_about_one_order_are_done_in_their_order(cdp):
    order = an_order(orderItems=[{"price": 1}, {"price": 2}])
    name = {key: order[key] for key in ("referenceId", "orderedAt")}
    rows = [
        row(order),
        row({**name, "status": "CANCELLED"}, "upsert"),
        row(order, "create"),
        row({**order, "price": 7, "orderItems": [{"price": 3}]}),
        row({**name, "orderItems": [{"price": 4}]}, "upsert"),
    ]
    code, results = await done(cdp, rows)
    assert code == "error"
    assert [result[0] for result in results] == [201, 201, 409, 201, 400]
    (after,) = await found(cdp, order["referenceId"])
    assert after["price"] == 7
    assert "status" not in after
    assert [item["price"] for item in after["orderItems"]["items"]] == [3]


async def test_an_order_that_is_sent_again_and_again_has_room_for_its_items(cdp):
    order = an_order(orderItems=[{"price": 1}] * 2_001)
    assert await done(cdp, [row(order)] * 3) == ("success", [(201, "")] * 3)
    (whole,) = await found(cdp, order["referenceId"])
    assert len(whole["orderItems"]["items"]) == 2_001


async def test_an_order_that_has_no_room_for_its_items_says_so(cdp):
    full = row(an_order(orderItems=[{"price": 1}] * 4_001))
    words = "orderItems: the order has no room for so many. Items that were removed count too."
    assert await done(cdp, [full]) == ("error", [(400, words)])


async def test_items_take_the_places_of_those_that_they_replace(cdp):
    full = {"price": 1, "name": "a", "quantity": 1.5, "vendor": "v", "referenceId": "L-1",
            "extensions": [{"seat": "1A"}]}  # fmt: skip
    others = [{"price": 2, "extensions": [{"seat": "2B"}]}, {"price": 3}]
    order = an_order(orderItems=[full, *others])
    assert await done(cdp, [row(order)]) == ("success", [(201, "")])
    (before,) = await found(cdp, order["referenceId"])
    first, second, third = before["orderItems"]["items"]
    assert (await cdp.call("DELETE", first["href"])).status_code == 204
    less = {**order, "orderItems": [{"price": 7, "referenceId": "L-7"}],
            "consumers": [{"orderItems": [{"referenceId": "L-7"}]}]}  # fmt: skip
    assert await done(cdp, [row(less)]) == ("success", [(201, "")])
    (after,) = await found(cdp, order["referenceId"])
    (left,) = after["orderItems"]["items"]
    assert (left["href"], left["price"], left["referenceId"]) == (second["href"], 7, "L-7")
    assert after["consumers"]["items"][0]["orderItems"]["items"] == [{"href": left["href"]}]
    for href in (first["href"], third["href"], f"{left['href']}/extensions/ext"):
        await cdp.refused(404, "GET", href)
    assert await done(cdp, [row(order)]) == ("success", [(201, "")])
    (again,) = await found(cdp, order["referenceId"])
    items = again["orderItems"]["items"]
    assert [item["price"] for item in items] == [1, 2, 3]
    assert (items[0]["name"], items[0]["quantity"]) == ("a", 1.5)
    for item, seat in ((items[0], "1A"), (items[1], "2B")):
        assert (await cdp.made("GET", f"{item['href']}/extensions/ext"))["seat"] == seat
    await cdp.refused(404, "GET", first["href"])  # what was removed comes back as nothing else


async def test_delete_finds_an_order_within_a_day(cdp):
    reference = an_order()["referenceId"]
    near = {**ORDER, "referenceId": reference, "orderedAt": "2024-03-01T10:00:00Z"}
    far = {**near, "orderedAt": "2024-03-01T20:00:00Z"}
    gone = {"referenceId": reference, "orderedAt": "2024-03-01T12:00:00Z"}
    assert await done(cdp, [row(near), row(gone, "delete"), row(gone, "delete")]) == (
        "error",
        [(201, ""), (204, ""), (404, "The order does not exist.")],
    )
    again = {**near, "orderedAt": "2024-03-01T11:00:00Z"}
    _, results = await done(cdp, [row(again), row(far), row(gone, "delete")])
    assert [code for code, _ in results] == [201, 201, 400]
    ref = (await found(cdp, reference))[0]["ref"]
    _, results = await done(cdp, [row({**gone, "orderRef": ref.upper()}, "delete")])
    assert results == [(204, "")]
    assert len(await found(cdp, reference)) == 1


async def test_delete_needs_a_time_only_where_several_orders_match(cdp):
    order = an_order()
    gone = {"referenceId": order["referenceId"]}
    later = {**order, "orderedAt": "2024-06-01T00:00:00Z"}
    rows = [row(order), row(later), row(gone, "delete")]
    (_, results) = await done(cdp, rows)
    assert [code for code, _ in results] == [201, 201, 400]
    one = {**gone, "orderedAt": later["orderedAt"]}
    nulled = {**gone, "orderedAt": None}
    rows = [row(one, "delete"), row(nulled, "delete"), row(gone, "delete")]
    (_, results) = await done(cdp, rows)
    assert [code for code, _ in results] == [204, 204, 404]
    assert await found(cdp, order["referenceId"]) == []


async def test_guest_rows(cdp):
    mail = {"emails": ["row@example.com"]}
    rows = [
        row({"guestType": "customer", **mail, "city": "A"}, "insert", "guest"),
        row({**mail, "state": "B"}, "upsert", "guest"),
        row({"guestType": "customer", **mail}, "create", "guest"),
        row({"guestType": "customer"}, "insert", "guest"),
    ]
    code, results = await done(cdp, rows)
    assert code == "error"
    assert [result[0] for result in results] == [201, 201, 409, 400]
    query = {"email": "row@example.com", "expand": "true"}
    (guest,) = (await cdp.made("GET", "/v2.1/guests", params=query))["items"]
    assert (guest["city"], guest["state"]) == ("A", "B")
    _, results = await done(cdp, [row(mail, "gdpr_delete", "guest")] * 2)
    assert [result[0] for result in results] == [204, 404]


@pytest.mark.parametrize(
    ("bad", "code", "message"),
    [
        (b"{", 400, "Validation error"),
        (b"[1]", 400, "Validation error: a JSON object is expected."),
        (row({}, schema="order", ref="r") | {"ref": None}, 400, "Validation error: ref: may not"),
        (row({}, schema="tracking"), 400, "Validation error: schema: must be order or guest."),
        (row({}, mode="replace"), 402, "Unsupported mode"),
        (row([]), 400, "Validation error: value: must be an object."),
        (row({}), 400, "Validation error: referenceId: may not be null. orderedAt: may not"),
        (row({**ORDER, "orderItems": [{}]}), 400, "Validation error: orderItems[0].price: may"),
        (row({**ORDER, "price": "x"}), 400, "Validation error: price: must be a number."),
        (row({**ORDER, "price": 1e15}), 400, "price: numeric value out of bounds"),
        (row({**ORDER, "contact": {"firstName": "x"}}), 400, "Identity information missing"),
        (row({**ORDER, "extensions": [{"a": []}]}), 400, "Validation error: a: must be"),
        (b'"' + b"x" * 1_100_000 + b'"', 400, "The record is too long."),
    ],
)
async def test_a_bad_row_fails_alone_and_is_in_the_log(cdp, bad, code, message):
    data = packed([row(an_order()), bad, row(an_order())])
    batch = await allocated(cdp, data)
    await put(cdp, batch, data)
    after = await cdp.made("GET", batch["href"])
    assert after["status"]["code"] == "error"
    assert (after["rows"]["total"], after["rows"]["failed"]) == (3, 1)
    log = await cdp.call("GET", after["status"]["log"], auth=None)
    (line,) = [json.loads(each) for each in log.text.splitlines()]
    assert line["code"] == str(code)
    assert line["message"].startswith(message)


async def test_a_file_that_is_not_the_announced_one_is_corrupted_and_may_be_sent_again(cdp):
    data = packed([row(an_order())])
    batch = await allocated(cdp, data)
    assert (await put(cdp, batch, data + b"x")).status_code == 200
    assert (await cdp.made("GET", batch["href"]))["status"]["code"] == "corrupted"
    headers = {"content-md5": base64.b64encode(b"0" * 16).decode()}
    assert (await put(cdp, batch, data, headers=headers)).status_code == 400
    assert (await put(cdp, batch, data)).status_code == 200
    assert (await cdp.made("GET", batch["href"]))["status"]["code"] == "success"
    assert (await put(cdp, batch, data)).status_code == 200  # and does nothing
    assert (await put(cdp, batch, data + b"x")).status_code == 409
    assert (await cdp.made("GET", batch["href"]))["rows"]["total"] == 1


async def test_a_file_that_is_no_gzip_is_an_error(cdp):
    for data in (b"PK\3\4 no gzip", packed([row(an_order())])[:-9]):
        batch = await allocated(cdp, data)
        await put(cdp, batch, data)
        status = (await cdp.made("GET", batch["href"]))["status"]
        assert status["code"] == "error"
        assert "gzip" in status["message"]
        assert "gzip" in (await cdp.call("GET", status["log"], auth=None)).text


async def test_the_rows_before_what_is_no_gzip_are_done(cdp):
    rows = [row(an_order()) for _ in range(batches.CHUNK + 10)]
    data = packed(rows) + b"no gzip"
    batch = await allocated(cdp, data)
    assert (await put(cdp, batch, data)).status_code == 200
    after = await cdp.made("GET", batch["href"])
    assert after["status"]["code"] == "error"
    assert after["rows"]["succeeded"] == len(rows)


def mixed_rows(mail):
    """Rows of every kind, several about the same things, with the codes they come to."""
    orders = [an_order() for _ in range(4)]
    names = [{key: each[key] for key in ("referenceId", "orderedAt")} for each in orders]
    guest = {"guestType": "visitor", "emails": [mail]}
    some = [
        (row(orders[0], "create"), 201),
        (row({**names[0], "price": 7}, "upsert"), 201),
        (row(orders[0], "create"), 409),
        (row(guest, "create", "guest"), 201),
        (row(guest, "create", "guest"), 409),
        (row({**orders[1], "contact": {"emails": [mail]}}), 201),
        (row(names[1], "delete"), 204),
        (row({**orders[0], "orderItems": [{"price": 1}]}), 201),
        (row(guest, "delete", "guest"), 204),
        (row(an_order(contact={"emails": [f"forgotten.{mail}"]})), 201),
        (row({"emails": [f"forgotten.{mail}"]}, "gdpr_delete", "guest"), 204),
        (row(names[2], "delete"), 404),
        (row({**orders[3], "status": "nonsense"}), 400),
    ]
    many = [(row(an_order()), 201) for _ in range(batches.CHUNK)]
    return [*some, *many, (row(names[0], "delete"), 204), (row(orders[2], "create"), 201)]


def in_small_parts(monkeypatch):
    monkeypatch.setattr(batches, "CHUNK", 16)
    for each in (batches, batch_load):
        monkeypatch.setattr(each, "PART", 8)


@contextmanager
def dying_after(count):
    """A load dies instead of submitting any more than so many commands."""
    real, submitted = Load._submit, itertools.count()

    async def dying(*given):
        if next(submitted) >= count:
            raise RuntimeError("died")
        return await real(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Load, "_submit", dying)
        yield


@pytest.mark.parametrize("lived", range(27))
async def test_a_load_that_broke_off_goes_on_as_if_nothing_had_been(cdp, monkeypatch, lived):
    in_small_parts(monkeypatch)
    rows, codes = zip(*mixed_rows(f"broke.{lived}@example.com"), strict=True)
    data = packed(rows)
    batch = await allocated(cdp, data)
    with dying_after(lived):
        assert (await put(cdp, batch, data)).status_code == 500
    again = await allocated(cdp, data, batch["ref"])  # a fresh address takes the file as well
    assert (await put(cdp, again, data)).status_code == 200
    assert (await put(cdp, again, data)).status_code == 200
    after = await cdp.made("GET", batch["href"])
    assert (after["status"]["code"], after["rows"]["total"]) == ("error", len(rows))
    shown = []
    for offset in range(0, len(rows), 100):
        page = {"offset": offset, "limit": 100}
        shown += (await cdp.made("GET", after["rows"]["href"], params=page))["items"]
    assert [each["code"] for each in shown] == list(codes)
    assert [each["ref"] for each in shown] == [each["ref"] for each in rows]


@pytest.mark.parametrize("lived", range(4))
async def test_guests_that_were_written_together_before_a_load_broke_off_are_not_made_twice(
    cdp, monkeypatch, lived
):
    in_small_parts(monkeypatch)
    mails = [f"together.{lived}.{number}@example.com" for number in range(30)]
    guests = [{"guestType": "visitor", "emails": [mail]} for mail in mails]
    data = packed([row(each, "create", "guest") for each in guests])
    batch = await allocated(cdp, data)
    with dying_after(lived):
        assert (await put(cdp, batch, data)).status_code == 500
    assert (await put(cdp, batch, data)).status_code == 200
    after = await cdp.made("GET", batch["href"])
    assert after["rows"]["succeeded"] == len(mails)
    shown = (await cdp.made("GET", after["rows"]["href"], params={"limit": 100}))["items"]
    for mail, each in zip(mails, shown, strict=True):
        found = (await cdp.made("GET", "/v2.1/guests", params={"email": mail}))["items"]
        assert [guest["ref"] for guest in found] == [each["resource"]["ref"]], mail


async def test_of_guests_whom_one_command_cannot_write_each_is_written_by_itself(cdp, monkeypatch):
    guests = [{"guestType": "visitor", "emails": [f"one.of.many.{n}@example.com"]} for n in (1, 2)]
    real = Load._known_guests

    async def too_early(load, rows):
        """As if somebody had made the second of two guests since they were looked for."""
        known = await real(load, rows)
        return known if len(rows) < 2 else {}

    monkeypatch.setattr(Load, "_known_guests", too_early)
    assert await done(cdp, [row(guests[1], schema="guest")]) == ("success", [(201, "")])
    rows = [row({**each, "firstName": "Ann"}, schema="guest") for each in guests]
    assert await done(cdp, rows) == ("success", [(201, ""), (201, "")])
    for each in guests:
        query = {"email": each["emails"][0], "expand": "true"}
        (found,) = (await cdp.made("GET", "/v2.1/guests", params=query))["items"]
        assert found["firstName"] == "Ann"


async def test_a_guest_that_breaks_takes_none_of_its_neighbours_along(cdp, monkeypatch):
    real = Load._putting

    def poisoned(load, row, stored, keys):
        command = real(load, row, stored, keys)
        (change,) = command.changes
        if "poison" in keys[0][1]:
            change = replace(change, doc={**change.doc, "members": object()})
        return replace(command, changes=(change,))

    monkeypatch.setattr(Load, "_putting", poisoned)
    mails = ["before@example.net", "poison@example.net", "behind@example.net"]
    rows = [row({"guestType": "visitor", "emails": [mail]}, schema="guest") for mail in mails]
    broken = (500, "Internal error")
    assert await done(cdp, rows) == ("error", [(201, ""), broken, (201, "")])


async def test_what_was_refused_before_a_load_broke_off_is_not_tried_behind_its_followers(
    cdp, monkeypatch
):
    order = an_order(price=5)
    early = {"referenceId": order["referenceId"], "orderedAt": order["orderedAt"], "price": 1}
    data = packed([row(early, "upsert"), row(order, "create"), row(an_order())])
    batch = await allocated(cdp, data)
    real = batches._keep

    async def dying(*_given):
        raise RuntimeError("died")

    monkeypatch.setattr(batches, "_keep", dying)
    assert (await put(cdp, batch, data)).status_code == 500
    monkeypatch.setattr(batches, "_keep", real)
    assert (await put(cdp, batch, data)).status_code == 200
    page = await cdp.made("GET", batch["rows"]["href"])
    assert [each["code"] for each in page["items"]] == [409, 201, 201]
    (after,) = await found(cdp, order["referenceId"])
    assert after["price"] == 5


async def test_of_two_uploads_at_once_one_does_the_rows_and_both_are_answered(cdp):
    data = packed([row(an_order(), "create") for _ in range(300)])
    batch = await allocated(cdp, data)
    answers = await asyncio.gather(*(put(cdp, batch, data) for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200] * 3
    after = await cdp.made("GET", batch["href"])
    assert (after["status"]["code"], after["rows"]["total"]) == ("success", 300)


async def test_a_load_that_moves_is_waited_for_until_it_counts_as_dead(cdp, monkeypatch):
    data = packed([row(an_order())])
    batch = await allocated(cdp, data)
    monkeypatch.setattr(batches, "_load", nothing_done)
    assert (await put(cdp, batch, data)).status_code == 200  # as a process that was killed then
    body = {"checksum": batch["checksum"], "size": batch["size"]}
    await cdp.refused(409, "PUT", batch["href"], body)
    monkeypatch.undo()
    looks, looked = [], asyncio.Event()

    async def look(call, record):
        looks.append(record.doc["status"])
        if len(looks) == 3:
            looked.set()
        return await reread(call, record)

    reread = batches._reread
    monkeypatch.setattr(batches, "_reread", look)
    monkeypatch.setattr(batches, "_LOOK_EVERY_S", 0.001)
    waiting = asyncio.create_task(put(cdp, batch, data))
    await asyncio.wait_for(looked.wait(), 30)
    assert not waiting.done()
    assert set(looks) == {"processing"}
    monkeypatch.setattr(batches, "STALE_US", 0)
    assert (await waiting).status_code == 200
    assert (await cdp.made("GET", batch["href"]))["rows"]["succeeded"] == 1


async def nothing_done(*_given, **_more):
    return None


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"size": 0}, "size: must be between 1 and 52428800."),
        ({"size": 52428801}, "size: must be between 1 and 52428800."),
        ({"size": 1.5}, "size: must be between 1 and 52428800."),
        ({"checksum": "xyz"}, "checksum: must be a hex-encoded MD5."),
        ({"checksum": None, "size": "x"}, "checksum: may not be null. size: must be a number."),
    ],
)
async def test_a_bad_announcement_is_refused(cdp, members, message):
    body = {"checksum": "b1d600dbf7463924e24647e626cd7c1e", "size": 227, **members}
    assert await cdp.refused(400, "PUT", f"/v2/batches/{uuid.uuid4()}", body) == message


async def test_a_batch_ref_is_a_uuid_and_used_once(cdp):
    body = {"checksum": "b1d600dbf7463924e24647e626cd7c1e", "size": 227}
    await cdp.refused(400, "PUT", "/v2/batches/nonsense", body)
    path = f"/v2/batches/{uuid.uuid4()}"
    await cdp.made("PUT", path, body)
    await cdp.made("PUT", path, body)
    await cdp.refused(409, "PUT", path, {**body, "size": 228})
    await cdp.refused(404, "GET", f"/v2/batches/{uuid.uuid4()}")
    other = Cdp(cdp.hub, auth=("omni-cdp", "omni-cdp-secret"))
    await other.refused(404, "GET", path)


async def test_only_the_allocated_address_takes_the_file_and_only_for_an_hour(cdp, monkeypatch):
    data = packed([row(an_order())])
    batch = await allocated(cdp, data)
    path = f"/v2/batches/{batch['ref']}/upload"
    for query in ({}, {"tenant": "1", "token": "é"}, {"tenant": "99999", "token": "x"}):
        await cdp.refused(403, "PUT", f"{path}?{urlencode(query)}", content=data)
    monkeypatch.setattr(batches, "VALID_US", -1)
    late = await allocated(cdp, data)
    assert (await put(cdp, late, data)).status_code == 403
    assert (
        await put(cdp, batch, data, headers={"hub-dry-run": "true"})
    ).status_code == 200  # and leaves nothing


async def test_an_upload_beyond_50_mb_is_refused(cdp):
    batch = await allocated(cdp, b"x")

    async def endless():
        for _ in range(51):
            yield bytes(1024 * 1024)

    assert (await put(cdp, batch, endless())).status_code == 413


# --- a row

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS | st.sampled_from([ORDER, "a@b.c", "2024-01-01T16:17:16Z"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["provider", "id", "items", "price", "extensions", "emails", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
MEMBERS = st.dictionaries(
    st.sampled_from(["contact", "orderItems", "extensions", "orderRef", "emails", "identifiers"]),
    VALUES,
)
ROWS = st.fixed_dictionaries(
    {
        "ref": st.just("r") | VALUES,
        "schema": st.sampled_from(["order", "guest"]) | VALUES,
        "mode": st.sampled_from(["insert", "upsert", "delete"]) | VALUES,
        "value": MEMBERS.map(lambda members: {**ORDER, "guestType": "visitor", **members}) | VALUES,
    }
)


@given(ROWS)
def test_whatever_a_row_holds_it_is_a_row_or_a_result(garbage):
    found = parse(json.dumps(garbage).encode(), 1_800_000_000_000_000)
    assert isinstance(found, Row) or (found.code in {400, 402} and found.message)
