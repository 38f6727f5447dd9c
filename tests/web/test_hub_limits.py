"""A limit in the hub's OpenAPI is the limit that refuses: what is beyond is refused by name, what is at it is not.

The document is walked whole. Everything is sent as a dry run, so that no call finds what another one left.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest

from orderhub.web.hub_api.bodies import MOST_FAULTS
from orderhub.web.hub_api.catalogue_kinds import KINDS
from orderhub.web.hub_api.catalogue_shapes import component_of
from orderhub.web.hub_api.docs import document_of
from tests.support.calls import Caller, Reply, calling, copied
from tests.support.dialects import HUB
from tests.support.golden import goldens, sent

DOCUMENT: Any = json.loads(document_of(HUB)[1], parse_float=Decimal)
NULL = {"type": "null"}
CREDENTIALS = "/hub/v1/tenants/{tenant}/credentials"
CATALOGUE = "/hub/v1/tenants/{tenant}/catalogue"
WEBHOOKS = "/hub/v1/webhooks"
RELAY = tuple(f"/hub/v1/{each}" for each in ("connections", "routes", "listings", "handovers"))
ITEM = f"{CATALOGUE}/{{kind}}/{{id}}"
# Texts of all sorts: those that fit a pattern are taken, all others are refused.
TEXTS = (
    *(
        "",
        " ",
        "-",
        "§",
        "no such word",
        "x y",
        "0",
        "1",
        "-1",
        "007",
        "1" * 16,
        "1" * 40,
        "1.5",
        "1.1",
    ),
    *(
        "abc",
        "operator",
        "US",
        "A",
        "a" * 64,
        "EUR",
        "eur",
        "*",
        '"1"',
        'W/"2"',
        "paid",
        "paid,shipped",
        "+49 1",
    ),
    *(
        "2024-02-29T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2024-01-01",
        "3.abc",
    ),
    *(
        "uid",
        "uid,status",
        " uid , lines.sku",
        "uid,",
        "12:00",
        "12:00:00",
        "a@b.example",
        "13800000000",
    ),
    "00000000-0000-4000-8000-000000000001",
)
# What the type alone does not decide: what another member, the order or the tenant says of this one too.
BESIDES = {
    *((f"get /hub/v1/{name}", "cursor") for name in ("orders", "orders:export")),
    ("get /hub/v1/orders/{uid}", "as"),
    ("post /hub/v1/plans", "dialect"),
    ("post /hub/v1/tenants/{tenant}/clock", "at"),
    ("post /hub/v1/tenants/{tenant}/pools/adjust", "code"),
    ("delete /hub/v1/tenants/{tenant}/catalogue/{kind}/{id}", "kind"),
    *((f"post {WEBHOOKS}", name) for name in ("format", "after", "options.EUR")),
    (f"patch {WEBHOOKS}/{{id}}", "options.EUR"),
    *(
        (f"{each} {RELAY[0]}{path}", f"{where}.EUR")
        for each, path in (("post", ""), ("patch", "/{id}"))
        for where in ("options", "credentials")
    ),
    *((f"post {WEBHOOKS}/{{id}}/replay", name) for name in ("events", "from", "to")),
    *(("post /hub/v1/tenants/{tenant}/users", name) for name in ("email", "role")),
    *((f"post {CREDENTIALS}", name) for name in ("kind", "token", "expires_at", "digests.EUR")),
    *((f"post {CREDENTIALS}/{{id}}/rotate", name) for name in ("token", "secret", "digests.EUR")),
    (f"put {CATALOGUE}/coupons/{{id}}", "doc.percent"),
    *((f"put {CATALOGUE}/{kind}/{{id}}", "doc.code") for kind in ("products", "variants")),
    (f"put {CATALOGUE}/tours/{{id}}", "doc.pickups[0].end_time"),
    (f"put {CATALOGUE}/services/{{id}}", "doc.uid"),
    (f"put {CATALOGUE}/reservations/{{id}}", "doc.uid"),
    (f"put {CATALOGUE}/memberships/{{id}}", "doc.expire_days"),
}
# An item that a view finds, and one that it makes.
FOUND = {"prices": "188", "users": "4242"}
# What an operation cannot do without.
NEEDED = {
    "get /hub/v1/orders": {"tenant": "shop"},
    "get /hub/v1/orders:export": {"tenant": "shop"},
    "get /hub/v1/tenants/{tenant}/pools/history": {"kind": "stock", "subject": "product:188"},
}


class Limit(NamedTuple):
    """One limit of one member: `within` is taken and `beyond` is not."""

    where: str  # `query`, `header`, `path` or `body`
    path: tuple[str | int, ...]
    word: str
    within: list[Any]
    beyond: list[Any]

    @property
    def field(self) -> str:
        return "".join(f"[{e}]" if isinstance(e, int) else f".{e}" for e in self.path).lstrip(".")

    def can_be_sent(self, value: Any) -> bool:
        """Blanks around a header are no part of it, and a slash divides a path."""
        if self.where == "header":
            return bool(value == value.strip())
        return self.where != "path" or (value != "" and "/" not in value)


def resolved(schema: Any) -> Any:
    """The schema itself, with what it refers to, and without the null that it may be besides."""
    if "$ref" in schema:
        found = DOCUMENT
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return {**resolved(found), **{n: v for n, v in schema.items() if n != "$ref"}}
    choices = [each for each in schema.get("anyOf", ()) if each != NULL]
    if len(choices) == 1 or (len(choices) == 2 and choices[1] == {"const": ""}):
        rest = {name: value for name, value in schema.items() if name != "anyOf"}
        return {**rest, **resolved(choices[0])}
    return schema


def is_a(schema: Any, kind: str) -> bool:
    kinds = schema.get("type", ())
    return kind == kinds or kind in (kinds if isinstance(kinds, list) else ())


def number(schema: Any, value: Any) -> Any:
    is_text = is_a(schema, "string")  # amounts
    return str(value) if is_text else int(value) if is_a(schema, "integer") else float(value)


def of_numbers(schema: Any) -> Iterator[tuple[str, list[Any], list[Any]]]:
    step = 1 if is_a(schema, "integer") else Decimal("0.000001")
    if "minimum" in schema:
        least = schema["minimum"]
        yield "minimum", [number(schema, least)], [number(schema, least - step)]
    if "exclusiveMinimum" in schema:
        above = schema["exclusiveMinimum"]
        yield "exclusiveMinimum", [number(schema, above + step)], [number(schema, above)]
    if "maximum" in schema:
        most = schema["maximum"]
        yield "maximum", [number(schema, most)], [number(schema, most + step)]


def of_texts(schema: Any) -> Iterator[tuple[str, list[Any], list[Any]]]:
    is_free = not {"pattern", "enum", "format"} & set(schema)
    if "maxLength" in schema:
        most = schema["maxLength"]
        yield "maxLength", ["x" * most] if is_free else [], ["x" * (most + 1)]
    if schema.get("minLength"):
        least = schema["minLength"]
        yield "minLength", ["x" * least] if is_free else [], ["x" * (least - 1)]
    if "enum" in schema and set(schema["enum"]) != {None}:
        yield "enum", schema["enum"], [each for each in TEXTS[1:5] if each not in schema["enum"]]
    if "pattern" in schema:
        fits = [re.search(schema["pattern"].replace("$", r"\Z"), each) for each in TEXTS]
        sides: dict[bool, list[str]] = {True: [], False: []}
        for text, found in zip(TEXTS, fits, strict=True):
            sides[found is not None].append(text)
        yield "pattern", sides[True], sides[False]


def limits(schema: Any, where: str, path: tuple[str | int, ...] = ()) -> Iterator[Limit]:
    """Every limit of a value and of what is in it."""
    schema = resolved(schema)
    for word, within, beyond in (*of_numbers(schema), *of_texts(schema)):
        near = [each for each in within if each != "" or not schema.get("minLength")]
        yield Limit(where, path, word, near, beyond)
    item = schema.get("items")
    if item is not None:
        one = sample(item)
        for word, near, far in (("minItems", 0, -1), ("maxItems", 0, 1)):
            if schema.get(word):
                count = schema[word]
                yield Limit(where, path, word, [[one] * (count + near)], [[one] * (count + far)])
        yield from limits(item, where, (*path, 0))
    for name, each in schema.get("properties", {}).items():
        yield from limits(each, where, (*path, name))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from limits(schema["additionalProperties"], where, (*path, "EUR"))
    for name in schema.get("required", ()):
        yield Limit(where, (*path, name), "required", [], [...])
    if schema.get("additionalProperties") is False:
        yield Limit(where, (*path, "no_such_member"), "additionalProperties", [], [{}])


def sample(schema: Any) -> Any:
    """A value of this schema, with nothing in it that need not be."""
    schema = resolved(schema)
    if "enum" in schema:
        return schema["enum"][0]
    if is_a(schema, "object"):
        return {n: sample(schema["properties"][n]) for n in schema.get("required", ())}
    if is_a(schema, "array"):
        return [sample(schema["items"])] * schema.get("minItems", 0)
    if is_a(schema, "integer"):
        return max(1, schema.get("minimum", 1))
    if schema.get("format") == "date":
        return "2030-01-01"
    if is_a(schema, "number"):
        return "1"
    if "pattern" in schema:
        return next(each for each in TEXTS if each and re.search(schema["pattern"], each))
    return "x" * max(1, schema.get("minLength", 1))


class Operation(NamedTuple):
    name: str
    method: str
    path: str
    base: Any
    schema: Any
    limits: list[Limit]


def operations() -> Iterator[Any]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            name = f"{method} {path}"
            found = [
                limit
                for each in operation.get("parameters", ())
                if "$ref" not in each and path.startswith("/hub/")
                for limit in limits(each["schema"], each["in"], (each["name"],))
            ]
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is None:
                yield from [Operation(name, method, path, None, {}, found)] if found else []
                continue
            base, schema = next(iter(body["examples"].values()))["value"], body["schema"]
            if path != ITEM:
                found += limits(schema, "body")
                yield Operation(name, method, path, base, schema, found)
                continue
            found += limits({**schema, "properties": rest_of(schema)}, "body")
            yield Operation(name, method, path, base, schema, found)
            for kind in KINDS.values():
                doc = {"$ref": f"#/components/schemas/{component_of(kind)}"}
                one = {name: each for name, each in kind.example.items() if name != "id"}
                if kind.opening:
                    one["doc"] = {**one["doc"], "user_name": "ada", "email": "ada@example.org"}
                at = path.replace("{kind}", kind.name)
                of_doc = [*limits(doc, "body", ("doc",))]
                whole = {"properties": {"doc": doc}}
                yield Operation(f"{method} {at}", method, at, one, whole, of_doc)


def rest_of(row: Any) -> Any:
    return {name: each for name, each in row["properties"].items() if name != "doc"}


OPERATIONS = [*operations()]


def placed(base: Any, schema: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The body with the value in its place; what it stands in is made where it is not there."""
    step, *rest = path
    schema = resolved(schema)
    if isinstance(step, int):
        item = schema["items"]
        items = [*base] if isinstance(base, list) and base else [sample(item)]
        items[step] = placed(items[step], item, tuple(rest), value) if rest else value
        return items
    members = {**base} if isinstance(base, dict) else sample(schema)
    if rest:
        inner = schema.get("properties", {}).get(step) or schema["additionalProperties"]
        members[step] = placed(members.get(step), inner, tuple(rest), value)
    elif value is ...:
        members.pop(step, None)
    else:
        members[step] = value
    return members


def made_for_relay(hub: Caller) -> dict[str, str]:
    """The id of one thing of each kind that orders are handed on by: kind -> id."""

    def made(kind: str, body: Any) -> Any:
        return hub.ask("POST", f"/hub/v1/{kind}?tenant=shop", body).json()

    body: Any = {"dialect": "kakaclo", "base_url": "https://openapi.dropship.example"}
    body |= {"credentials": {"token": "given"}, "enabled": False}
    connection = made("connections", body)["id"]
    items = [{"subject": "product:188", "id": "MUG_WHT"}]
    listing = made("listings", {"connection": connection, "items": items})["items"][0]["id"]
    route = made("routes", {"connection": connection, "when": "placed"})["id"]
    return {"connections": connection, "listings": listing, "routes": route}


class Sender:
    """Sends an operation with one value in its place."""

    def __init__(self, hub: Caller) -> None:
        self.hub = hub
        path = "/hub/v1/tenants/shop/credentials"
        self._credential = hub.operate("GET", path)["items"][0]["id"]
        case = goldens("anqicms")[0]
        hub.freeze("shop", case.clock)
        sent(case.request, hub.send, {})
        self._order = hub.orders("shop")[0]["uid"]
        made = {"url": "https://hooks.shop.example/", "enabled": False}
        self._webhook = hub.ask("POST", f"{WEBHOOKS}?tenant=shop", made).json()["id"]
        self._relayed = made_for_relay(hub)
        self._tour = hub.operate("GET", "/hub/v1/tenants/tours/catalogue/tours")["items"][0]["id"]

    def send(self, operation: Operation, limit: Limit, value: Any) -> Reply:
        given = {"tenant": "shop", "uid": self._order, "kind": "products", "id": "1"}
        if "/credentials/" in operation.path:
            given["id"] = self._credential
        if operation.path.startswith(WEBHOOKS):
            given["id"] = self._webhook
        given["id"] = self._relayed.get(operation.path.split("/")[3], given["id"])
        for kind in KINDS.values():
            if f"/{kind.name}/" in operation.path:
                given["id"] = str(kind.example["id"])
                given["id"] = FOUND.get(kind.name, given["id"])
                if kind.record == "tour" and kind.members:
                    given |= {"tenant": "tours", "id": str(self._tour)}
        headers, body = {"hub_dry_run": "true"}, operation.base
        query = dict(NEEDED.get(operation.name, {}))
        # What a vendor calls is of one tenant by its address.
        is_tenants = operation.path.startswith((WEBHOOKS, *RELAY))
        if is_tenants and not operation.path.endswith("/messages"):
            query["tenant"] = "shop"
        match limit.where:
            case "path":
                given[str(limit.path[0])] = str(value)
            case "query":
                query[str(limit.path[0])] = str(value)
            case "header":
                headers[str(limit.path[0])] = value.encode("utf-8").decode("latin-1")
            case "body":
                body = placed(operation.base, operation.schema, limit.path, value)
        path = re.sub(r"\{(\w+)\}", lambda name: quote(given[name[1]], safe=""), operation.path)
        return self.hub.ask(operation.method.upper(), f"{path}?{urlencode(query)}", body, **headers)


@pytest.fixture(scope="module")
def sender(demo_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    with calling(copied(demo_file, tmp_path_factory.mktemp("limits"))) as hub:
        yield Sender(hub)


def named(reply: Reply) -> list[str]:
    """The members that a refusal is about."""
    if reply.status != 400:
        return []
    return [each["field"] for each in reply.json().get("errors", ())]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_what_is_beyond_a_limit_is_refused_and_what_is_at_it_is_not(
    sender: Sender, operation: Operation
) -> None:
    wrong = []
    for limit in operation.limits:
        for value in filter(limit.can_be_sent, limit.beyond):
            reply = sender.send(operation, limit, value)
            # Of a table's value msgspec says `digests[...]`.
            is_about = any(limit.field.startswith(e.partition("[...]")[0]) for e in named(reply))
            if not (reply.status == 404 if limit.where == "path" else is_about):
                wrong.append(
                    f"taken: {limit.field} {limit.word} {value!r:.60}: {reply.body!r:.300}"
                )
        for value in filter(limit.can_be_sent, limit.within):
            reply = sender.send(operation, limit, value)
            if (operation.name, limit.field) not in BESIDES and limit.field in named(reply):
                wrong.append(
                    f"refused: {limit.field} {limit.word} {value!r:.60}: {reply.body!r:.300}"
                )
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("method", "path", "body", "wrong"),
    [
        (
            "POST",
            "/hub/v1/orders/none/ship",
            {
                "reason": 5,
                "lines": [{"quantity": 0}, {"line_no": 1, "quantity": 1}, {"colour": "red"}],
                "carier": "DHL",
            },
            ["reason", "lines[0].quantity", "lines[2].colour", "lines[2].quantity", "carier"],
        ),
        (
            "POST",
            "/hub/v1/tenants",
            {"name": "Not So", "title": "x" * 201, "settings": {}},
            ["title"],  # what a member says of itself is asked once all of them can be read
        ),
        (
            "GET",
            "/hub/v1/orders?limit=0&cursor=x&status=new&nope=1&sku=a&sku=b",
            None,
            ["nope", "sku", "status", "limit", "cursor"],
        ),
        (
            "GET",
            "/hub/v1/tenants/shop/pools/history?limit=201",
            None,
            ["kind", "subject", "limit"],
        ),
    ],
)
def test_everything_that_is_wrong_is_said_at_once(
    sender: Sender, method: str, path: str, body: Any, wrong: list[str]
) -> None:
    reply = sender.hub.ask(method, path, body)
    assert named(reply) == wrong
    assert reply.json()["detail"] == reply.json()["errors"][0]["message"]


@pytest.mark.parametrize("many", [MOST_FAULTS, 20_000])
def test_of_very_much_that_is_wrong_a_part_is_told(sender: Sender, many: int) -> None:
    """The first as ever; what is asked for is never many times what was sent."""
    unknown = {f"m{number}": 1 for number in range(many)}
    reply = sender.hub.ask("POST", "/hub/v1/orders/none/ship", unknown)
    assert named(reply) == [f"m{number}" for number in range(MOST_FAULTS)]
    lines = [{"quantity": 1}] * many + [{"quantity": "x", "colour": "red"}]
    reply = sender.hub.ask("POST", "/hub/v1/orders/none/ship", {"lines": lines})
    assert named(reply) == (["lines"] if many > 4_095 else [f"lines[{many}].quantity"])


def test_there_are_limits_of_every_sort() -> None:
    words = {limit.word for operation in OPERATIONS for limit in operation.limits}
    assert words >= {
        *("minimum", "exclusiveMinimum", "maximum", "minLength", "maxLength", "pattern", "enum"),
        *("minItems", "maxItems", "required", "additionalProperties"),
    }
