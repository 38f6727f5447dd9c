"""Whoever bought can be told all that is kept of them, and be forgotten: nothing tells of them, and all adds up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, text

from orderhub.core.reach import OPERATOR as OPERATORS
from orderhub.ledger.check import check_ledger
from orderhub.ledger.tables import metadata
from tests.support.calls import Caller, calling
from tests.support.golden import goldens, sent

EMAIL = "lollia.olena@people.example"
# What tells who it was, as the doors below are told it.
TELLING = (EMAIL, "lollia", "olena", "0782246793", "rue du bois", "mind the dog")
TENANTS = {
    "tours4fun": "tours",
    "anqicms": "shop",
    "mews": "hotel",
    "kakaclo": "dropship",
    "sitecore_cdp": "cdp",
}


@pytest.fixture
def either(demo_url: str) -> Iterator[Caller]:
    """A fresh demo on either database."""
    with calling(demo_url) as caller:
        yield caller


def persons(hub: Caller, what: str, tenant: str, email: str = EMAIL, **headers: str) -> Any:
    """Parcels say no e-mail: those of `dropship` are named."""
    path = f"/hub/v1/tenants/{tenant}/persons/{what}"
    mine = [each["uid"] for each in hub.orders(tenant)] if tenant == "dropship" else []
    answer = hub.ask("POST", path, {"email": email, "orders": mine}, **headers)
    assert answer.status == 200, answer
    return answer.json()


def kept(hub: Caller) -> list[str]:
    """Every row of every table, as text."""
    hub.hub.port.request_log.flush()
    with hub.hub.port.ledger.engine.connect() as connection:
        return [
            f"{table.name}: {json.dumps([*map(str, row)], ensure_ascii=False).lower()}"
            for table in metadata.sorted_tables
            for row in connection.execute(select(table))
        ]


def telling(hub: Caller) -> list[str]:
    return [row for row in kept(hub) if any(each in row for each in TELLING)]


def lawful(hub: Caller) -> None:
    assert check_ledger(hub.hub.port.ledger.engine).breaches == []


ORDER = "/openapi/v1/order/order"
KAKACLO = {"authorization": "Bearer demo-kakaclo", "content-type": "application/json"}
PARCEL: dict[str, Any] = {
    "orderAddress": {
        "country": "FR",
        "phone": "0782246793",
        "recipient": "Lollia Olena",
        "province": "Loire",
        "address1": "3 Rue du Bois",
        "email": EMAIL,
    },
    "remark": "mind the dog",
    "orderItemsList": [{"sku": "TS_RED_M", "quantity": 1}],
}


def parcel(hub: Caller, key: str = "") -> Any:
    more = {"idempotency-key": key} if key else {}
    return hub.send("POST", ORDER, None, {**KAKACLO, **more}, json.dumps(PARCEL).encode())


def test_what_a_parcel_tells_of_a_person_is_gone_and_the_rest_adds_up(either: Caller) -> None:
    first = parcel(either, "one")
    assert first.status == 200, first.body
    order = either.orders("dropship")[0]
    assert telling(either)
    said = persons(either, "forget", "dropship", hub_dry_run="true")
    assert said["orders"] == [order["uid"]]
    assert telling(either), "a dry run changes nothing"
    done = persons(either, "forget", "dropship")
    assert done == said
    assert done["claims"] == 1
    assert telling(either) == []
    lawful(either)


def test_the_repeat_of_a_call_whose_answer_is_gone_is_refused(either: Caller) -> None:
    assert parcel(either, "one").status == 200
    persons(either, "forget", "dropship")
    again = parcel(either, "one")
    assert again.status == 422
    assert "its answer was deleted" in again.json()["message"]
    assert len(either.orders("dropship")) == 1
    lawful(either)


def test_once_more_changes_nothing(either: Caller) -> None:
    parcel(either, "one")
    persons(either, "forget", "dropship")
    before = [row for row in kept(either) if not row.startswith("request_log")]
    nothing = {"orders": [], "records": [], "claims": 0, "requests": 0, "deliveries": 0}
    assert persons(either, "forget", "dropship") == nothing
    assert [row for row in kept(either) if not row.startswith("request_log")] == before


def test_readers_of_the_feed_see_the_redacted_events_and_one_that_says_so(either: Caller) -> None:
    parcel(either)
    uid = either.orders("dropship")[0]["uid"]
    persons(either, "forget", "dropship")
    events = either.operate("GET", "/hub/v1/events?tenant=dropship")["items"]
    mine = [each for each in events if each["order"] == uid]
    assert [each["kind"] for each in mine] == ["order.placed", "order.redacted"]
    assert mine[-1]["data"] == {}
    shown = either.operate("GET", f"/hub/v1/orders/{uid}")
    assert not any(each in json.dumps(shown).lower() for each in TELLING)
    found = either.operate("GET", f"/hub/v1/orders?tenant=dropship&email={EMAIL}")
    assert found["items"] == []


def test_all_that_is_kept_is_one_document(either: Caller) -> None:
    parcel(either, "one")
    uid = either.orders("dropship")[0]["uid"]
    kept(either)
    found = persons(either, "export", "dropship", EMAIL.upper())
    assert (found["email"], found["tenant"]) == (EMAIL, "dropship")
    (order,) = found["orders"]
    assert order["uid"] == uid
    assert order["ship_to"]["recipient"] == "Lollia Olena"
    assert "mind the dog" in order["events"][0]["request"]
    assert [each["key"] for each in found["answers"]] == ["one"]
    assert [each["path"] for each in found["requests"]] == [ORDER]
    persons(either, "forget", "dropship")
    gone = persons(either, "export", "dropship")
    assert not any(gone[name] for name in ("orders", "records", "requests", "answers"))


@pytest.mark.parametrize("dialect", TENANTS)
def test_every_doors_documented_orders_can_be_forgotten(hub: Caller, dialect: str) -> None:
    """By each e-mail that the orders know: their texts are found nowhere, and every read call still answers."""
    tenant = TENANTS[dialect]
    reads = []
    for case in goldens(dialect)[:12]:
        if case.clock:
            hub.freeze(tenant, case.clock)
        sent(case.request, hub.send, {})
        reads.append(case.request)
    emails = set()
    for each in hub.orders(tenant):
        full = hub.operate("GET", f"/hub/v1/orders/{each['uid']}")
        for party in (full.get("contact") or {}, full.get("ship_to") or {}):
            emails.add(party.get("email") or "")
    for email in emails - {""}:
        assert persons(hub, "forget", tenant, email)["orders"]
        assert not [row for row in kept(hub) if email.lower() in row and '"settings"' not in row]
    lawful(hub)
    for request in reads:
        assert sent(request, hub.send, {}).status < 500
    assert hub.broken() == {} or not any(hub.broken().values())


def test_a_guest_is_forgotten_with_what_the_guest_book_says(either: Caller) -> None:
    guest = {
        "guestType": "customer",
        "firstName": "Lollia",
        "lastName": "Olena",
        "email": EMAIL,
        "phoneNumbers": ["0782246793"],
        "street": ["3 Rue du Bois"],
        "identifiers": [{"provider": "CRM", "id": "lollia-7"}],
        "notesOfOurs": "mind the dog",
    }
    case = next(each for each in goldens("sitecore_cdp") if each.request.path == "/v2.1/guests")
    headers = {**case.request.headers, "idempotency-key": "guest"}
    body = json.dumps(guest).encode()
    made = either.send("POST", "/v2.1/guests", None, headers, body)
    assert made.status == 201, made.body
    done = persons(either, "forget", "cdp")
    assert [each["kind"] for each in done["records"]] == ["sitecore_cdp.guest"]
    assert done["claims"] == 1
    assert telling(either) == []
    again = either.send("POST", "/v2.1/guests", None, headers, body)
    assert again.status == 422
    shown = either.send("GET", f"/v2.1/guests/{made.json()['ref']}", None, dict(headers))
    assert shown.status == 200
    lawful(either)


@pytest.mark.parametrize("is_escaped", [False, True], ids=["plain", "escaped"])
def test_the_case_of_a_letter_beyond_ascii_does_not_count(either: Caller, is_escaped: bool) -> None:
    """A database may know the case of ASCII alone, and what is escaped tells it (`\\u00d6`, `%C3%96`)."""
    guest = {"guestType": "customer", "lastName": "Xyz", "email": "JÖRGEN@Example.com"}
    case = next(each for each in goldens("sitecore_cdp") if each.request.path == "/v2.1/guests")
    headers = {**case.request.headers, "idempotency-key": "guest"}
    body = json.dumps(guest, ensure_ascii=is_escaped).encode()
    assert either.send("POST", "/v2.1/guests", None, headers, body).status == 201
    asked = "/v2.1/guests?email=J%C3%96RGEN%40Example.com"
    assert either.send("GET", asked, None, dict(case.request.headers)).status == 200
    assert any("rgen@" in row for row in kept(either))
    done = persons(either, "forget", "cdp", "jörgen@example.com")
    assert (done["claims"], len(done["records"])) == (1, 1)
    assert done["requests"] >= 2
    kept_of_it = [row for row in kept(either) if "rgen@" in row or "rgen%40" in row]
    assert [row for row in kept_of_it if "persons/forget" not in row] == []
    lawful(either)


def logged_in(hub: Caller, login: dict[str, str]) -> bool:
    case = next(each for each in goldens("anqicms") if each.request.path == "/api/login")
    headers = {**case.request.headers, "content-type": "application/json"}
    answer = hub.send("POST", "/api/login", None, headers, json.dumps(login).encode())
    return bool(answer.json()["code"] == 0)


def test_a_user_of_a_shop_cannot_log_in_any_more(either: Caller) -> None:
    query = text("SELECT doc FROM record WHERE kind = 'user' AND doc LIKE '%\"demo\"%'")
    with either.hub.port.ledger.engine.connect() as connection:
        email = json.loads(connection.execute(query).scalar_one())["email"]
    login = {"user_name": "demo", "password": "demo123456"}
    assert logged_in(either, login)
    done = persons(either, "forget", "shop", email)
    assert "anqicms.login" in {each["kind"] for each in done["records"]}
    assert not [row for row in kept(either) if email in row]
    assert not logged_in(either, login)
    lawful(either)


def test_whose_address_ends_alike_is_neither_told_nor_forgotten(either: Caller) -> None:
    parcel(either, "one")
    found = either.hub.port.ledger.read(
        lambda reads: reads.persons.traces(reads.tenant("dropship").id, "olena@people.example", ())
    )
    assert (found.claims, found.requests) == ((), ())


def test_a_traveller_is_forgotten_with_where_they_are_met(either: Caller) -> None:
    case = next(each for each in goldens("tours4fun") if each.request.path == "/v2/order/add")
    either.freeze("tours", case.clock)
    booking = {
        **case.request.body,
        "departure_address": "c/o Olena, 3 Rue du Bois, 0782246793",
        "contact": {"first_name": "Lollia", "last_name": "Olena", "mobile": "1", "email": EMAIL},
    }
    headers = {"authorization": "Bearer hub-demo-tours", "content-type": "application/json"}
    made = either.send("POST", "/v2/order/add", None, headers, json.dumps(booking).encode())
    assert made.json()["code"] == 0, made.body
    assert persons(either, "forget", "tours")["orders"]
    assert telling(either) == []
    body = json.dumps(made.json()["data"]).encode()
    shown = either.send("POST", "/v2/order/detail", None, headers, body).json()["data"]
    assert shown["product_list"][0]["departure_address"] == ""
    lawful(either)


def test_only_who_may_give_access_forgets(hub: Caller) -> None:
    made = hub.ask(
        "POST",
        "/hub/v1/tenants/dropship/credentials",
        {"kind": "hub", "scopes": ["orders:read", "orders:write"]},
    ).json()
    path = "/hub/v1/tenants/dropship/persons/forget"
    answer = hub.ask("POST", path, {"email": EMAIL}, token=made["token"])
    assert answer.status == 403
    assert OPERATORS not in answer.body.decode()


def test_the_request_log_keeps_no_word_of_it(hub: Caller) -> None:
    persons(hub, "forget", "dropship")
    persons(hub, "export", "dropship")
    assert telling(hub) == []
