"""Clients of vendors against a hub of ours: orders to hand over, and talks played with real calls, all checked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal as D
from functools import cache
from typing import Any

import jsonschema_rs

from orderhub.core.details import TakenUpgrade, TicketCount, TourDetails, Traveller
from orderhub.core.listings import Listing
from orderhub.core.money import ZERO
from orderhub.core.ordering import untaxed_line
from orderhub.core.rooms import Room
from orderhub.core.values import Address, Contact, Line, LineKind, Order, Status
from orderhub.dialects.client import Answer, Ask, Client, Job, Link, Request, Send, Window
from orderhub.dialects.contract import Route
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.mews.demo import ACCOUNT, PRODUCT, SERVICE
from orderhub.web.hub_api.docs import document_of
from tests.support.calls import Caller
from tests.support.documents import doc

DIALECTS = {each.name: each for each in find_dialects()}
MARKER = "oh-0123456789abcdef01234567"
SECOND = 1_000_000
NOW_S = 1_767_225_600  # 2026-01-01T00:00:00Z
ANN = Contact(first_name="Ann", last_name="Lee", email="ann@example.com", phone="555 0100")
HOME = Address(
    recipient="Ann Lee",
    phone="555 0100",
    country="US",
    province="IL",
    city="Springfield",
    street1="1 Main Street",
    postcode="62701",
)
# The same as a buyer types it into the shop's form.
SHOP_HOME = {
    "first_name": "Ann",
    "last_name": "Lee",
    "phone": "555 0100",
    "country": "US",
    "province": "IL",
    "city": "Springfield",
    "address_info": "1 Main Street",
    "postcode": "62701",
}


def tour(**changes: Any) -> TourDetails:
    """A booking as the demo's operator takes it."""
    members: dict[str, Any] = {
        "product_id": 7,
        "product_title": "New York",
        "product_line": "tour",
        "date": "2019-01-20",
        "end_date": "2019-01-23",
        "pickup": "Chinatown",
        "net": D(1000),
        "list": D(1000),
        "discount": ZERO,
        "rooms": (Room(adults=1, kids=1),),
        "tickets": (),
        "guests": (
            Traveller(kind="adult", answers={"firstname_en": "Ann", "mobile": "86-1"}),
            Traveller(kind="child", answers={"firstname_en": "Bo", "mobile": "86-1"}),
        ),
        "upgrades": (
            TakenUpgrade(
                id=30100, name="", sub_name="", option=30578, option_name="First", option_code=""
            ),
        ),
        **changes,
    }
    return TourDetails(**members)


def tickets(sku_id: int = 15021) -> TourDetails:
    return tour(rooms=(), guests=(), upgrades=(), tickets=(TicketCount(sku_id, 2),))


def line(number: int, title: str = "Mug", units: int = 2, **members: Any) -> Line:
    kind = members.pop("kind", LineKind.GOOD)
    price = members.pop("price", D("12.50"))
    return untaxed_line(number, kind, title, units, price, product_id=900 + number, **members)


def order(**changes: Any) -> Order:
    lines = changes.pop("lines", (line(1),))
    total = sum((each.gross for each in lines), ZERO)
    members: dict[str, Any] = {
        "tenant_id": 1,
        "id": 7,
        "uid": "00000000-0000-4000-8000-000000000007",
        "channel": "anqicms",
        "number": "202601010000000007",
        "placed_by": "c",
        "status": Status.PAID,
        "currency": "USD",
        "net": total,
        "tax": ZERO,
        "total": total,
        "paid": total,
        "occurred_at": NOW_S * SECOND,
        "updated_at": NOW_S * SECOND,
        "recorded_at": NOW_S * SECOND,
        "doc": doc(contact=ANN, ship_to=HOME, notes="Leave at the door"),
        "lines": lines,
        **changes,
    }
    return Order(**members)


def job(ids: Mapping[int, str] | str, placed: Order | None = None, **changes: Any) -> Job:
    """An order with the vendor's id of each line."""
    placed = order() if placed is None else placed
    if isinstance(ids, str):
        ids = {each.line_no: ids for each in placed.lines}
    data = changes.pop("data", {})
    members: dict[str, Any] = {
        "order": placed,
        "lines": placed.lines,
        "listings": {
            number: Listing(connection=1, subject=f"product:{number}", id=theirs, data=data)
            for number, theirs in ids.items()
        },
        "marker": MARKER,
        **changes,
    }
    return Job(**members)


# --- a client alone: its link, an order for it, and answers

SECRETS = {
    "anqicms": {"token": "tok-secret", "site": "1"},
    "kakaclo": {"token": "tok-secret"},
    "mews": {"client_token": "cli-secret", "access_token": "acc-secret"},
    "sitecore_cdp": {"client_key": "key-secret", "api_token": "api-secret"},
    "tours4fun": {"appkey": "app-secret", "secret": "sec-secret"},
}
OPTIONS = {"mews": {"service_id": SERVICE, "account_id": ACCOUNT}}
BOOKED = order(channel="tours4fun", doc=doc(tour(), contact=ANN))
JOBS = {
    "anqicms": job("188"),
    "kakaclo": job("TS_RED_M"),
    "mews": job(PRODUCT),
    "sitecore_cdp": job({}),
    "tours4fun": job("102202692", BOOKED),
}
SPAN = Window(NOW_S * SECOND, (NOW_S + 60) * SECOND)


def client_of(name: str) -> Client:
    found = DIALECTS[name].client
    assert found is not None
    return found


def link_of(name: str, **options: str) -> Link:
    return Link(credentials=SECRETS[name], options={**OPTIONS.get(name, {}), **options})


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body=text, headers=named)


# --- playing


@dataclass
class Played:
    """A talk that came to its end: what was asked for on the way, and the end."""

    steps: list[Ask | Send]
    answers: tuple[Answer, ...]
    end: Any

    @property
    def requests(self) -> list[Request]:
        return [each.request for each in self.steps]


@dataclass
class Player:
    """Plays talks of one vendor's client with a hub. Every request is checked before it is made."""

    hub: Caller
    dialect: str
    link: Link
    at_us: Callable[[], int]
    checked: list[Request] = field(default_factory=list)

    @property
    def client(self) -> Client:
        found = DIALECTS[self.dialect].client
        assert found is not None
        return found

    def __call__(self, talk: str, *args: Any) -> Any:
        return self.played(talk, *args).end

    def played(self, talk: str, *args: Any) -> Played:
        answers: tuple[Answer, ...] = ()
        steps: list[Ask | Send] = []
        while True:
            step = getattr(self.client, talk)(self.link, *args, answers)
            if not isinstance(step, Ask | Send):
                return Played(steps, answers, step)
            steps.append(step)
            answers = (*answers, self.made(step))

    def made(self, step: Ask | Send) -> Answer:
        wrong = why_not(self.dialect, step)
        assert not wrong, wrong
        assert_silent(self.link, step.request)
        self.checked.append(step.request)
        signed = self.client.signed(self.link, step.request, self.at_us())
        reply = self.hub.send(signed.method, signed.target, None, dict(signed.headers), signed.body)
        return Answer(
            status=reply.status,
            body=reply.body,
            headers={name.lower(): value for name, value in reply.headers.items()},
        )


def assert_silent(link: Link, shown: Any) -> None:
    """No credential stands in what is shown."""
    text = repr(shown)
    for name, secret in link.credentials.items():
        if name not in ("site", "user_name"):
            assert secret not in text, name
    assert not link.session or link.session not in text


# --- checking requests against what the vendor documents


@cache
def _document(dialect: str) -> Any:
    return json.loads(document_of(DIALECTS[dialect])[1])


def route_of(dialect: str, request: Request) -> Route | None:
    for route in DIALECTS[dialect].routes:
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route.path))
        if route.method == request.method and re.fullmatch(pattern, request.path):
            return route
    return None


# Put in when the call is made, so that they stand in no request.
_PUT_IN = {"mews": ("ClientToken", "AccessToken", "Client"), "anqicms": ("password",)}


def why_not(dialect: str, step: Ask | Send) -> list[str]:
    """What the OpenAPI document of the vendor's API has against a request; what it does not name counts too."""
    request = step.request
    route = route_of(dialect, request)
    if route is None:
        return [f"{request.method} {request.path} is no operation"]
    document = _document(dialect)
    operation = document["paths"][route.path][route.method.lower()]
    wrong = []
    # To log in changes nothing of an order's.
    if isinstance(step, Ask) and route.mutates and not route.path.endswith("/login"):
        wrong.append(f"{route.path} changes something, and is only asked")
    parameters = [_resolved(document, each) for each in operation.get("parameters", ())]
    known = {each["name"]: each for each in parameters if each["in"] == "query"}
    for name, value in request.query:
        if name not in known:
            wrong.append(f"{name} is no parameter of {route.path}")
        else:
            wrong += _faults(document, known[name]["schema"], _read(known[name], value))
    if request.body is None:
        return wrong
    body = json.loads(json.dumps(request.body, default=float))
    schema = _resolved(document, operation["requestBody"])["content"]["application/json"]["schema"]
    given = {**body, **dict.fromkeys(_PUT_IN.get(dialect, ()), "x")}
    wrong += _faults(document, schema, given)
    wrong += [f"{path} is no member" for path in _unknown(document, schema, body, "")]
    return wrong


def _read(parameter: Any, value: str) -> Any:
    return int(value) if "integer" in json.dumps(parameter["schema"]) and value.isdigit() else value


def _resolved(document: Any, value: Any) -> Any:
    while "$ref" in value:
        found = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def _faults(document: Any, schema: Any, value: Any) -> list[str]:
    whole = {**schema, "components": {"schemas": document["components"]["schemas"]}}
    checked = jsonschema_rs.Draft202012Validator(whole)
    return [str(error)[:300] for error in checked.iter_errors(value)]


def _unknown(document: Any, schema: Any, value: Any, path: str) -> list[str]:
    """Members that the schema declares nowhere, through all its alternatives."""
    options = _options(document, schema)
    if isinstance(value, list):
        items = [each["items"] for each in options if isinstance(each.get("items"), dict)]
        return [
            each
            for item in value
            for each in (_unknown(document, {"anyOf": items}, item, f"{path}[]") if items else [])
        ]
    if not isinstance(value, dict):
        return []
    declared: dict[str, list[Any]] = {}
    is_free = not any("properties" in each for each in options)
    for option in options:
        for name, shape in option.get("properties", {}).items():
            declared.setdefault(name, []).append(shape)
    found = []
    for name, each in value.items():
        if name in declared:
            found += _unknown(document, {"anyOf": declared[name]}, each, f"{path}.{name}")
        elif not is_free and not path.endswith((".upgrades", ".guest_info[]")):
            found.append(f"{path}.{name}")
    return found


def _options(document: Any, schema: Any) -> list[Any]:
    schema = _resolved(document, schema)
    found = [schema]
    for word in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(word, ()):
            found += _options(document, each)
    return found
