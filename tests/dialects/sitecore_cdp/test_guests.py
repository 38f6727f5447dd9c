"""Guests: created without a look for duplicates, found by e-mail or identifier."""

import asyncio
import uuid

import pytest

from orderhub.core.commands import OrderName
from tests.dialects.sitecore_cdp.cdp import UNKNOWN, Cdp, an_order, open_cdp
from tests.dialects.sitecore_cdp.test_batches import done, row
from tests.dialects.sitecore_cdp.test_doors import placed

GUESTS = "/v2.1/guests"
GUEST = {
    "guestType": "customer",
    "firstName": "Jack",
    "emails": ["jack@example.com"],
    "identifiers": [{"provider": "CRM", "id": "123"}],
    "subscriptions": [{"name": "default", "channel": "EMAIL"}],
}


@pytest.fixture(scope="module")
async def cdp(tmp_path_factory):
    async with open_cdp(tmp_path_factory.mktemp("guests")) as opened:
        yield opened


async def found(cdp, **params):
    return [item["href"] for item in (await cdp.made("GET", GUESTS, params=params))["items"]]


async def test_a_guest_is_created_as_often_as_asked_and_found(cdp):
    first, second = [await cdp.made("POST", GUESTS, GUEST) for _ in range(2)]
    assert first["ref"] != second["ref"]
    assert {name: first[name] for name in GUEST} == GUEST
    both = [first["href"], second["href"]]
    assert await found(cdp, email="JACK@example.com") == both
    assert await found(cdp, **{"identifiers.provider": "CRM", "identifiers.id": "123"}) == both
    assert await found(cdp, email="jack@example.com", offset=1) == both[1:]
    assert await found(cdp, email="nobody@example.com") == []
    whole = await cdp.made("GET", GUESTS, params={"email": "jack@example.com", "expand": "true"})
    assert whole["items"] == [first, second]


@pytest.mark.parametrize(
    "query",
    ["", "?email=", "?identifiers.provider=a", "?email=a&identifiers.id=1", "?email=a&limit=x"],
)
async def test_a_search_needs_a_name_and_whole_ones(cdp, query):
    await cdp.refused(400, "GET", GUESTS + query)


async def test_of_several_names_all_are_true_of_whom_is_found(cdp):
    address = "both@example.com"
    known = {"provider": "email", "id": address}
    guest = {**GUEST, "email": address, "identifiers": [known]}
    hrefs = [(await cdp.made("POST", GUESTS, guest))["href"] for _ in range(3)]
    await cdp.made("POST", GUESTS, {**GUEST, "email": address, "identifiers": []})
    await cdp.made("POST", GUESTS, {**guest, "email": "other@example.com"})
    names = {"email": address, "identifiers.provider": "email", "identifiers.id": address}
    assert await found(cdp, **names) == hrefs
    assert await found(cdp, **names, offset=1, limit=1) == hrefs[1:2]
    assert await found(cdp, **{**names, "email": "nobody@example.com"}) == []


async def test_a_slash_behind_a_path_makes_no_difference(cdp):
    guest = await cdp.made("POST", GUESTS, {**GUEST, "email": "slash@example.com"})
    page = await cdp.made("GET", f"{GUESTS}/?email=slash@example.com")
    assert [each["href"] for each in page["items"]] == [guest["href"]]


async def test_patch_put_and_delete(cdp):
    guest = await cdp.made("POST", GUESTS, {**GUEST, "emails": ["old@example.com"]})
    patched = await cdp.made(
        "PATCH", guest["href"], {"emails": ["new@example.com"], "firstName": None}
    )
    assert patched["emails"] == ["new@example.com"]
    assert patched["guestType"] == "customer"
    assert "firstName" not in patched
    assert await found(cdp, email="old@example.com") == []
    assert await found(cdp, email="new@example.com") == [guest["href"]]
    put = await cdp.made("PUT", guest["href"], {"guestType": "visitor"})
    assert "emails" not in put
    assert put["createdAt"] == guest["createdAt"]
    assert await cdp.refused(400, "PUT", guest["href"], {}) == "guestType: may not be null."
    headers = {"idempotency-key": "guest-gone"}
    for _ in range(2):
        assert (await cdp.call("DELETE", guest["href"], headers=headers)).status_code == 204
    await cdp.refused(404, "DELETE", guest["href"])
    await cdp.refused(404, "GET", guest["href"])


async def test_when_a_guest_was_seen_is_kept_as_it_was_sent(cdp):
    seen = {"firstSeen": "2019-08-23T16:17:16.000Z", "lastSeen": "2020-08-23T16:17:16.000Z"}
    guest = await cdp.made("POST", GUESTS, {"guestType": "visitor", **seen})
    assert seen.items() <= guest.items()
    later = {"lastSeen": "2024-01-01T00:00:00Z", "identifiers": [{"provider": "SEEN", "id": "1"}]}
    patched = await cdp.made("PATCH", guest["href"], later)
    assert patched["lastSeen"] == later["lastSeen"]
    assert await done(cdp, [row({**later, **seen}, "upsert", "guest")]) == ("success", [(201, "")])
    assert seen.items() <= (await cdp.made("GET", guest["href"])).items()


async def test_parallel_patches_of_different_members_are_all_kept(cdp):
    guest = await cdp.made("POST", GUESTS, {"guestType": "visitor"})
    names = ["title", "city", "state", "country", "language", "nationality", "postCode", "lastName"]
    await asyncio.gather(*(cdp.made("PATCH", guest["href"], {name: name}) for name in names))
    after = await cdp.made("GET", guest["href"])
    assert {name: after[name] for name in names} == {name: name for name in names}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "guestType: may not be null."),
        ({"guestType": "CUSTOMER"}, "guestType: must be one of visitor, customer, traveller."),
        ({"guestType": "visitor", "dateOfBirth": "2999-01-01T00:00Z"}, "dateOfBirth: must be in"),
        ({"guestType": 1, "gender": 1}, "guestType: must be a string. gender: must be a string."),
    ],
)
async def test_a_bad_guest_is_refused(cdp, body, message):
    assert (await cdp.refused(400, "POST", GUESTS, body)).startswith(message)


async def test_guests_of_another_tenant_are_unknown(cdp):
    guest = await cdp.made("POST", GUESTS, GUEST)
    other = Cdp(cdp.hub, auth=("omni-cdp", "omni-cdp-secret"))
    await other.refused(404, "GET", guest["href"])
    await other.refused(404, "GET", f"{GUESTS}/{UNKNOWN}")
    assert await found(other, email="jack@example.com") == []


# --- nobody is made on the way to what is refused


@pytest.mark.parametrize(
    ("mode", "changes", "code"),
    [
        ("upsert", {"price": None}, 400),  # of an order that is not there
        ("insert", {"price": 1e15}, 400),
        ("insert", {"orderItems": [{"price": 1, "quantity": 1e12}]}, 400),
        ("create", {"of": "there"}, 409),
        ("upsert", {"of": "there", "orderItems": [{"price": 1}]}, 400),
    ],
)
async def test_a_row_that_is_refused_makes_no_guest(cdp, mode, changes, code):
    mail = f"nobody.{uuid.uuid4()}@example.com"
    order = an_order(contact={"emails": [mail]})
    if "of" in changes:
        there = {name: order[name] for name in ("referenceId", "orderedAt")}
        await cdp.made("POST", "/v2.1/orders", an_order(**there))
    sent = {n: v for n, v in {**order, **changes}.items() if n != "of" and v is not None}
    (_, results) = await done(cdp, [row(sent, mode)])
    assert [each for each, _ in results] == [code]
    assert await found(cdp, email=mail) == []


async def test_a_contact_for_whom_there_is_no_room_makes_no_guest(cdp):
    path = f"{(await cdp.order())['href']}/contacts"
    for _ in range(31):
        await cdp.made("POST", path, {"emails": ["roomy@example.com"]})
    await cdp.refused(400, "POST", path, {"emails": ["no.room@example.com"]})
    assert await found(cdp, email="no.room@example.com") == []


# --- forgotten


def kept_of(cdp, uid):
    """All that the ledger has of an order, its history with it, as text."""

    def told(reads):
        order = reads.order(None, OrderName("uid", uid))
        return f"{order} {reads.histories([order])}"

    return cdp.hub.hub.port.ledger.read(told)


@pytest.mark.parametrize("mode", ["delete", "gdpr_delete"])
async def test_a_guests_orders_are_forgotten_with_it_where_the_mode_says_so(cdp, mode):
    mail = f"{mode}.vetch@example.com"
    contact = {"firstName": "Wolfhard", "emails": [mail]}
    (_, results) = await done(cdp, [row(an_order(contact=contact))])
    assert results == [(201, "")]
    (guest,) = (await cdp.made("GET", GUESTS, params={"email": mail, "expand": "true"}))["items"]
    linked = await cdp.made("POST", "/v2.1/orders", an_order(), params={"guestRef": guest["ref"]})
    shared = await cdp.order()
    for each in (contact, {"emails": [f"other.{mail}"]}):
        await cdp.made("POST", f"{shared['href']}/contacts", each)
    await cdp.hub.pay(linked["ref"])
    query = {"guestRef": guest["ref"], "expand": "true"}
    mine = (await cdp.made("GET", "/v2.1/orders", params=query))["items"]
    assert len(mine) == 3
    assert await done(cdp, [row({"emails": [mail]}, mode, "guest")]) == ("success", [(204, "")])
    await cdp.refused(404, "GET", guest["href"])
    stays = mode == "delete"
    for order in mine:
        answer = await cdp.call("GET", order["href"])
        assert answer.status_code == (200 if stays else 404)
        kept = kept_of(cdp, order["ref"])
        assert (mail in kept) == (stays and order["ref"] != linked["ref"])
        assert stays or "Wolfhard" not in kept
    assert (await cdp.hub.order(linked["ref"]))["status"] == "paid"
    found = (await cdp.made("GET", "/v2.1/orders", params=query))["items"]
    assert len(found) == (3 if stays else 0)


async def test_an_order_of_another_door_loses_the_guest_that_is_forgotten_and_no_more(cdp):
    caller, canonical = await placed(cdp, "kakaclo")
    path = f"/v2.1/orders/{canonical['uid']}"
    buyer = (await cdp.hub.order(canonical["uid"]))["ship_to"]
    mails = ["gone@example.com", "stays@example.com"]
    for mail in mails:
        await caller.made("POST", f"{path}/contacts", {"emails": [mail]})
    guests = [(await found(caller, email=mail))[0] for mail in mails]
    named = {"firstName": "Tom", "guest": {"href": guests[0]}}
    await caller.made("POST", f"{path}/consumers", named)
    gone = row({"emails": mails[:1]}, "gdpr_delete", "guest")
    assert await done(caller, [gone]) == ("success", [(204, "")])
    order = await caller.made("GET", path, params={"expand": "consumers"})
    assert [each["href"] for each in order["contacts"]["items"]] == guests[1:]
    assert order["consumers"]["items"] == []
    assert (await cdp.hub.order(canonical["uid"]))["ship_to"] == buyer
