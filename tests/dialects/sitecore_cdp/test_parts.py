"""Items, contacts, consumers and data extensions of an order."""

import asyncio
import json
from decimal import Decimal

import pytest

from tests.dialects.sitecore_cdp.cdp import UNKNOWN, an_order, open_cdp, row

ITEM = {
    "name": "Phone",
    "description": "64 GB",
    "type": "Mobile",
    "productId": "SKU-1",
    "price": -4.25,
    "currencyCode": "EUR",
    "originalPrice": 5,
    "originalCurrencyCode": "USD",
    "referenceId": "LINE-1",
    "vendor": "Company ABC",
    "status": "Accepted",
    "language": "EN",
    "quantity": 2,
    "channel": "MOBILE_APP",
}
CONTACT = {
    "title": "Mr",
    "firstName": "Jack",
    "lastName": "Smith",
    "gender": "male",
    "dateOfBirth": "1976-10-28T00:00Z",
    "phoneNumbers": ["0851234567"],
    "street": ["Apartment 15", "West Drive Avenue"],
    "city": "Dublin",
    "country": "IE",
}


@pytest.fixture(scope="module")
async def cdp(tmp_path_factory):
    async with open_cdp(tmp_path_factory.mktemp("parts")) as opened:
        yield opened


def parts(order, kind):
    return f"/v2.1/orders/{order['ref']}/{kind}"


def shown(body, sent):
    return {name: body.get(name) for name in sent}


# --- items


async def test_an_item_is_added_read_changed_and_removed(cdp):
    order = await cdp.order()
    item = await cdp.made("POST", parts(order, "orderItems"), ITEM)
    assert shown(item, ITEM) == ITEM
    assert item["href"] == f"http://hub.test/v2.1/orderItems/{item['ref']}"
    assert await cdp.made("GET", f"/v2.1/orderItems/{item['ref'].upper()}") == item
    patched = await cdp.made("PATCH", item["href"], {"price": 3, "vendor": None, "quantity": 1.5})
    assert (patched["price"], patched["quantity"]) == (3, 1.5)
    assert "vendor" not in patched
    assert patched["name"] == "Phone"
    put = await cdp.made("PUT", item["href"], {"price": 1})
    assert (put["price"], put["quantity"], put["currencyCode"]) == (1, 1, "EUR")
    assert not {"name", "productId", "type", "status"} & set(put)
    assert (await cdp.call("DELETE", item["href"])).status_code == 204
    await cdp.refused(404, "GET", item["href"])
    await cdp.refused(404, "PATCH", item["href"], {"price": 1})
    assert (await cdp.made("GET", order["href"]))["orderItems"] == {"items": []}


async def test_parallel_items_are_all_kept_and_the_stated_price_stays(cdp):
    order = await cdp.order(price=9)
    bodies = [{"price": number, "name": f"n{number}"} for number in range(30)]
    made = await asyncio.gather(
        *(cdp.made("POST", parts(order, "orderItems"), body) for body in bodies)
    )
    assert len({item["ref"] for item in made}) == 30
    whole = await cdp.made("GET", order["href"], params={"expand": "orderItems"})
    assert whole["price"] == 9
    assert sorted(item["price"] for item in whole["orderItems"]["items"]) == list(range(30))
    page = await cdp.made("GET", parts(order, "orderItems"), params={"offset": 28, "limit": 5})
    assert len(page["items"]) == 2
    full = await cdp.made("GET", parts(order, "orderItems"), params={"expand": "true"})
    assert full["items"][0]["name"].startswith("n")


async def test_an_item_is_added_once_under_a_key(cdp):
    order = await cdp.order()
    headers = {"idempotency-key": "item-1"}
    first = await cdp.call("POST", parts(order, "orderItems"), ITEM, headers=headers)
    again = await cdp.call("POST", parts(order, "orderItems"), ITEM, headers=headers)
    assert (first.status_code, again.content) == (201, first.content)
    assert len((await cdp.made("GET", order["href"]))["orderItems"]["items"]) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "price: may not be null."),
        ({"price": "x"}, "price: must be a number."),
        ({"price": 1, "quantity": 0}, "quantity: must be greater than 0."),
        ({"price": 1, "quantity": 3000000000}, "quantity: must be between"),
        ({"price": 1, "quantity": 1e12}, "quantity: must be between"),
        ({"price": 1e12}, "price: numeric value out of bounds"),
        ({"price": 1, "name": "x" * 129}, "name: length must be between 0 and 128."),
        ({"price": 1, "currencyCode": "eur"}, "currencyCode: must be an upper case ISO 4217"),
    ],
)
async def test_a_bad_item_is_refused(cdp, body, message):
    order = await cdp.order()
    assert (await cdp.refused(400, "POST", parts(order, "orderItems"), body)).startswith(message)
    item = await cdp.made("POST", parts(order, "orderItems"), ITEM)
    assert (await cdp.refused(400, "PUT", item["href"], body)).startswith(message)


# --- contacts


async def test_a_contact_links_the_order_to_a_guest_it_makes(cdp):
    order = await cdp.order()
    sent = {**CONTACT, "emails": ["first@example.com"]}
    contact = await cdp.made("POST", parts(order, "contacts"), sent)
    assert shown(contact, sent) == sent
    guest = await cdp.made("GET", contact["guest"]["href"])
    assert shown(guest, sent) == sent
    after = await cdp.made("GET", order["href"])
    assert after["contacts"]["items"] == [{"href": guest["href"]}]
    found = await cdp.made("GET", "/v2.1/orders", params={"guestRef": guest["ref"]})
    assert found["items"] == [row(order)]
    listed = await cdp.made("GET", parts(order, "contacts"))
    assert listed["items"] == [row(contact)]
    assert await cdp.made("GET", contact["href"]) == contact


async def test_identity_rules_match_by_identifier_then_by_email(cdp):
    crm = {"provider": "CRM", "id": "42"}
    by_id = await cdp.made("POST", "/v2.1/guests", {"guestType": "customer", "identifiers": [crm]})
    by_mail = await cdp.made(
        "POST", "/v2.1/guests", {"guestType": "customer", "emails": ["Same@Example.com"]}
    )

    async def guest_of(contact):
        order = await cdp.order()
        return (await cdp.made("POST", parts(order, "contacts"), contact))["guest"]["href"]

    assert await guest_of({"identifiers": [crm]}) == by_id["href"]
    assert await guest_of({"email": "same@example.COM"}) == by_mail["href"]
    both = {"identifiers": [crm], "emails": ["same@example.com"]}
    assert await guest_of(both) == by_id["href"]
    other = {"identifiers": [{"provider": "CR", "id": "M:42"}]}
    assert await guest_of(other) not in {by_id["href"], by_mail["href"]}
    nobody = await guest_of({"firstName": "Ann"})
    assert await guest_of({"firstName": "Ann"}) != nobody


async def test_parallel_contacts_of_one_person_make_one_guest(cdp):
    orders = [await cdp.order() for _ in range(8)]
    contact = {"emails": ["parallel@example.com"]}
    made = await asyncio.gather(
        *(cdp.made("POST", parts(order, "contacts"), contact) for order in orders)
    )
    assert len({each["guest"]["href"] for each in made}) == 1


async def test_parallel_contacts_of_one_order_are_all_kept(cdp):
    order = await cdp.order()
    await asyncio.gather(
        *(
            cdp.made("POST", parts(order, "contacts"), {"emails": [f"p{n}@example.com"]})
            for n in range(10)
        )
    )
    page = await cdp.made("GET", parts(order, "contacts"), params={"limit": 100})
    assert len({item["href"] for item in page["items"]}) == 10


async def test_a_contact_is_changed_and_removed(cdp):
    order = await cdp.order()
    contact = await cdp.made("POST", parts(order, "contacts"), {"firstName": "A", "city": "B"})
    patched = await cdp.made("PATCH", contact["href"], {"city": None, "lastName": "C"})
    assert (patched["firstName"], patched["lastName"], patched.get("city")) == ("A", "C", None)
    put = await cdp.made("PUT", contact["href"], {"city": "D"})
    assert (put.get("firstName"), put["city"], put["guest"]) == (None, "D", contact["guest"])
    headers = {"idempotency-key": "contact-gone"}
    for _ in range(2):
        assert (await cdp.call("DELETE", contact["href"], headers=headers)).status_code == 204
    await cdp.refused(404, "GET", contact["href"])
    assert (await cdp.made("GET", order["href"]))["contacts"] == {"items": []}


async def test_an_order_goes_on_to_be_shown_as_that_of_the_guest_it_was_created_with(cdp):
    guest = await cdp.made("POST", "/v2.1/guests", {"guestType": "visitor"})
    order = await cdp.made("POST", "/v2.1/orders", an_order(), params={"guestRef": guest["ref"]})
    own = {"href": guest["href"]}
    assert order["contacts"]["items"] == [own]
    contact = await cdp.made("POST", f"{order['href']}/contacts", {"firstName": "Other"})
    assert (await cdp.made("GET", order["href"]))["contacts"]["items"] == [contact["guest"], own]
    # It is no contact for that.
    assert (await cdp.made("GET", f"{order['href']}/contacts"))["items"] == [row(contact)]
    for each in (own, contact["guest"]):
        query = {"guestRef": each["href"].rpartition("/")[2]}
        assert (await cdp.made("GET", "/v2.1/orders", params=query))["items"] == [row(order)]
    assert (await cdp.call("DELETE", contact["href"])).status_code == 204
    assert (await cdp.made("GET", order["href"]))["contacts"]["items"] == [own]


async def test_a_repeat_of_a_contact_under_a_key_adds_nobody(cdp):
    order = await cdp.order()
    headers = {"idempotency-key": "contact-1"}
    bodies = [
        (await cdp.call("POST", parts(order, "contacts"), CONTACT, headers=headers)).content
        for _ in range(2)
    ]
    assert bodies[0] == bodies[1]
    assert json.loads(bodies[0])["firstName"] == "Jack"
    assert len((await cdp.made("GET", parts(order, "contacts")))["items"]) == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"emails": "a@b.c"}, "emails: must be a list."),
        ({"emails": ["a@b.c", "no"]}, "emails[1]: must be an e-mail address."),
        ({"gender": "?"}, "gender: must be one of male, female, unknown."),
        ({"dateOfBirth": "2999-01-01"}, "dateOfBirth: must be in the past."),
        ({"dateOfBirth": "yesterday"}, "dateOfBirth: must be an ISO 8601 date and time."),
        ({"identifiers": [{"id": "1"}]}, "identifiers[0].provider: may not be null."),
        ({"street": [True]}, "street[0]: must be a string."),
        (
            {"street": [True, "", []]},
            "street[0]: must be a string. street[2]: must be a string.",
        ),
        (
            {"identifiers": [{"id": "1"}, 1]},
            "identifiers[0].provider: may not be null. identifiers[1]: must be an object.",
        ),
    ],
)
async def test_a_bad_contact_is_refused(cdp, body, message):
    order = await cdp.order()
    assert await cdp.refused(400, "POST", parts(order, "contacts"), body) == message


@pytest.mark.parametrize("kind", ["contacts", "consumers"])
async def test_a_removal_that_is_sent_again_removes_nobody_else(cdp, kind):
    order = await cdp.order()
    first, wrong = [
        await cdp.made("POST", parts(order, kind), {"firstName": name}) for name in ("A", "Wrong")
    ]
    for gone in (wrong, first):
        assert (await cdp.call("DELETE", gone["href"])).status_code == 204
        right = await cdp.made("POST", parts(order, kind), {"firstName": "Right"})
        await cdp.refused(404, "DELETE", gone["href"])
        assert await cdp.made("GET", right["href"]) == right


@pytest.mark.parametrize(("kind", "room"), [("contacts", 31), ("consumers", 64)])
async def test_the_ref_of_somebody_removed_comes_back_once_the_range_is_used_up(cdp, kind, room):
    order = await cdp.order()
    path = parts(order, kind)
    refs = []
    for _ in range(room + 1):
        made = await cdp.made("POST", path, {"emails": ["again@example.com"]})
        assert (await cdp.call("DELETE", made["href"])).status_code == 204
        refs.append(made["ref"])
    assert len(set(refs)) == room
    assert refs[-1] == refs[0]
    assert (await cdp.made("POST", path, {"emails": ["again@example.com"]}))["ref"] == refs[1]


async def test_the_latest_contact_is_the_one_that_was_added_last_whatever_its_number(cdp):
    order = await cdp.order()
    path = parts(order, "contacts")
    contacts = [
        await cdp.made("POST", path, {"emails": [f"latest{n % 2}@example.com"]}) for n in range(31)
    ]
    assert (await cdp.call("DELETE", contacts[0]["href"])).status_code == 204
    last = await cdp.made("POST", path, {"emails": ["latest@example.com"]})
    assert last["ref"] == contacts[0]["ref"]
    account = (await cdp.hub.order(order["ref"]))["account"]
    assert last["guest"]["href"].endswith(account)


@pytest.mark.parametrize(("kind", "room"), [("contacts", 31), ("consumers", 64)])
async def test_an_order_has_room_for_so_many_people(cdp, kind, room):
    order = await cdp.order()
    for number in range(room):
        await cdp.made("POST", parts(order, kind), {"emails": [f"room{number % 3}@example.com"]})
    message = await cdp.refused(400, "POST", parts(order, kind), {"emails": ["room1@example.com"]})
    assert message == f"{kind}: the order has no room for another one."


# --- consumers


async def test_a_consumer_uses_items_of_the_order(cdp):
    order = await cdp.order()
    item = await cdp.made("POST", parts(order, "orderItems"), {"price": 1})
    guest = await cdp.made("POST", "/v2.1/guests", {"guestType": "traveller"})
    sent = {
        "firstName": "Ann",
        "lastName": "Lee",
        "guest": {"href": guest["href"]},
        "orderItems": {"items": [{"href": item["href"]}]},
    }
    consumer = await cdp.made("POST", parts(order, "consumers"), sent)
    assert shown(consumer, sent) == sent
    assert (await cdp.made("GET", order["href"]))["consumers"]["items"] == [
        {"href": consumer["href"]}
    ]
    patched = await cdp.made("PATCH", consumer["href"], {"lastName": "Ray"})
    assert shown(patched, sent) == {**sent, "lastName": "Ray"}
    assert await cdp.made("GET", consumer["href"]) == patched
    await cdp.call("DELETE", item["href"])
    patched = await cdp.made("PATCH", consumer["href"], {"lastName": "Roy"})
    assert patched["orderItems"] == {"items": []}
    put = await cdp.made("PUT", consumer["href"], {"firstName": "Bo"})
    assert "guest" not in put
    assert put["orderItems"] == {"items": []}
    assert (await cdp.call("DELETE", consumer["href"])).status_code == 204
    await cdp.refused(404, "GET", consumer["href"])


async def test_a_consumer_lets_go_of_an_item_that_was_removed(cdp):
    order = await cdp.order()
    gone, stays = [
        await cdp.made("POST", parts(order, "orderItems"), {"price": price}) for price in (1, 2)
    ]
    links = [{"href": item["href"]} for item in (gone, stays)]
    consumer = await cdp.made("POST", parts(order, "consumers"), {"orderItems": {"items": links}})
    assert (await cdp.call("DELETE", gone["href"])).status_code == 204
    read = await cdp.made("GET", consumer["href"])
    whole = await cdp.made("GET", order["href"], params={"expand": "consumers"})
    for shown in (read, whole["consumers"]["items"][0]):
        assert shown["orderItems"]["items"] == links[1:]
    put = await cdp.made("PUT", consumer["href"], read)  # what was read can be sent back
    assert put["orderItems"] == read["orderItems"]


async def test_a_consumer_cannot_use_what_is_not_there(cdp):
    order, other = await cdp.order(), await cdp.order()
    item = await cdp.made("POST", parts(other, "orderItems"), {"price": 1})
    path = parts(order, "consumers")
    body = {"orderItems": {"items": [{"href": item["href"]}]}}
    message = "orderItems.items[0].href: is not an item of this order."
    assert await cdp.refused(400, "POST", path, body) == message
    body = {"guest": {"href": f"http://x/v2.1/guests/{UNKNOWN}"}}
    assert await cdp.refused(400, "POST", path, body) == "guest.href: no such guest."


# --- data extensions


@pytest.mark.parametrize("on_item", [False, True])
async def test_a_data_extension_lives_on_orders_and_items(cdp, on_item):
    order = await cdp.order()
    item = await cdp.made("POST", parts(order, "orderItems"), {"price": 1})
    href = f"{(item if on_item else order)['href']}/extensions/ext"
    pairs = {"promotion": "freeBet", "allowed": False, "odds": 1.5, "n1": 10}
    await cdp.refused(404, "GET", href)
    await cdp.refused(404, "PATCH", href, pairs)
    made = await cdp.made("POST", href, {"key": "default", "name": "ext", **pairs})
    assert shown(made, pairs) == pairs
    assert (made["name"], made["key"], made["href"]) == ("ext", "default", href)
    await cdp.refused(409, "POST", href, pairs)
    patched = await cdp.made("PATCH", href, {"odds": 2, "allowed": None, "more": "x"})
    assert shown(patched, ["odds", "more", "n1"]) == {"odds": 2, "more": "x", "n1": 10}
    assert "allowed" not in patched
    assert await cdp.made("GET", href) == patched
    headers = {"idempotency-key": f"ext-{on_item}"}
    for _ in range(2):
        assert (await cdp.call("DELETE", href, headers=headers)).status_code == 204
    await cdp.refused(404, "GET", href)
    await cdp.made("POST", href, pairs)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "ext: must contain at least one key-value pair."),
        ({"a": {"b": 1}}, "a: must be a string, a number or a boolean."),
        ({"a": [1]}, "a: must be a string, a number or a boolean."),
        ({"a": None}, "a: may not be null."),
        ({"snake_case": 1}, "snake_case: must be a camelCase alphanumeric key."),
        ({"Upper": 1}, "Upper: must be a camelCase alphanumeric key."),
        ({"key": "other", "a": 1}, "key: must be default."),
        ({f"k{n}": n for n in range(101)}, "ext: at most 100 key-value pairs are allowed."),
    ],
)
async def test_a_bad_extension_is_refused(cdp, body, message):
    order = await cdp.order()
    path = parts(order, "extensions/ext")
    assert await cdp.refused(400, "POST", path, body) == message


LONG = "1234567890123456789012345678901.234567891"


@pytest.mark.parametrize("number", [LONG, "1e40", "1" + "0" * 40, "-1e-40", "0e99", "7", "9" * 40])
async def test_a_number_of_an_extension_or_an_item_keeps_every_digit(cdp, number):
    order = await cdp.order()
    headers = {"content-type": "application/json"}
    for path, member in (("extensions/ext", "x"), ("orderItems", "originalPrice")):
        body = f'{{"price": 1, "{member}": {number}}}'
        answer = await cdp.call("POST", f"{order['href']}/{path}", content=body, headers=headers)
        assert answer.status_code == 201, answer.text
        for shown in (answer, await cdp.call("GET", answer.json()["href"])):
            assert json.loads(shown.content, parse_float=Decimal)[member] == Decimal(number)


@pytest.mark.parametrize(
    "number", ["1e60", "-1e41", "1e-41", "9" * 41, f"{LONG}1", "9" * 100 + ".5"]
)
async def test_a_number_of_more_digits_is_refused(cdp, number):
    order = await cdp.order()
    headers = {"content-type": "application/json"}
    for path, member in (("extensions/ext", "x"), ("orderItems", "originalPrice")):
        body = f'{{"price": 1, "{member}": {number}}}'
        message = await cdp.refused(
            400, "POST", f"{order['href']}/{path}", content=body, headers=headers
        )
        assert message == f"{member}: numeric value out of bounds."


async def test_an_extension_never_grows_beyond_100_pairs(cdp):
    order = await cdp.order()
    path = parts(order, "extensions/ext")
    await cdp.made("POST", path, {f"k{n}": n for n in range(100)})
    await cdp.refused(400, "PATCH", path, {"another": 1})
    await cdp.made("PATCH", path, {"another": 1, "k1": None})
    assert (
        await cdp.refused(400, "POST", parts(order, "extensions/other"), {"a": 1})
        == "name: must be ext."
    )


@pytest.mark.parametrize(
    "path", ["orderItems", "orderContacts", "orderConsumers", "guests", "orders"]
)
@pytest.mark.parametrize("ref", [UNKNOWN, "nonsense", "%00", "x" * 300])
async def test_an_unknown_ref_is_404(cdp, path, ref):
    await cdp.refused(404, "GET", f"/v2.1/{path}/{ref}")


async def test_a_part_of_a_deleted_order_is_gone_with_it(cdp):
    order = await cdp.made("POST", "/v2.1/orders", an_order())
    item = await cdp.made("POST", parts(order, "orderItems"), {"price": 1})
    await cdp.call("DELETE", order["href"])
    await cdp.refused(404, "GET", item["href"])
    await cdp.refused(404, "POST", parts(order, "orderItems"), {"price": 1})
