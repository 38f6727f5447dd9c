"""The documents: complete, valid, and true of every golden pair."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from schemathesis.core.result import Ok

from orderhub.dialects.describing import maybe
from orderhub.dialects.finding import find_dialects
from orderhub.web.docs.goldens import by_route, goldens_of
from orderhub.web.hub_api.docs import document_of
from orderhub.web.routing import Router
from tests.support.calls import calling
from tests.support.dialects import HUB

DIALECTS = {each.name: each for each in (*find_dialects(), HUB)}
ROUTER = Router((*DIALECTS.values(),))
METHODS = {"get", "put", "post", "patch", "delete"}
JSON = "application/json"


@pytest.fixture(params=DIALECTS)
def dialect(request):
    return DIALECTS[request.param]


@pytest.fixture
def document(dialect) -> Any:
    return json.loads(document_of(dialect)[1])


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def resolved(document, value):
    while "$ref" in value:
        found = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def refs(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from refs(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs(each)


def validator(document, schema):
    whole = {**schema, "components": {"schemas": document["components"]["schemas"]}}
    return jsonschema_rs.Draft202012Validator(whole)


def why_not(checked, value) -> list[str]:
    """What a `validator` finds wrong. It is built once for all that it is asked about: that is what takes time."""
    return [str(error)[:300] for error in checked.iter_errors(value)]


def content(document, holder):
    """(media type, its schema and examples) of a request body or an answer."""
    return resolved(document, holder).get("content", {}).items()


def test_all_routes_are_in_the_document_and_back(dialect, document):
    served = {(route.method.lower(), route.path) for route in dialect.routes}
    assert served == {(method, path) for method, path, _ in operations(document)}


def test_what_load_balancers_and_prometheus_ask_is_documented_too():
    paths = json.loads(document_of(HUB)[1])["paths"]
    assert {"/health", "/health/ready", "/health/live", "/metrics"} <= set(paths)


def test_every_documented_operation_is_served_by_its_dialect(dialect, document):
    for method, path, _ in operations(document):
        kind = "products" if "{kind}" in path else "x"
        match = ROUTER.find(method.upper(), re.sub(r"\{\w+\}", kind, path))
        assert match.dialect is dialect
        assert match.route is not None


def test_schemathesis_reads_the_whole_document(document):
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    found = list(schema.get_all_operations())
    assert all(isinstance(each, Ok) for each in found)
    assert len(found) == len([*operations(document)])


def test_the_document_is_well_formed(document):
    assert document["openapi"].startswith("3.1")
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        assert method in METHODS
        assert operation["summary"]
        given = [resolved(document, each) for each in operation.get("parameters", ())]
        assert len({(each["in"], each["name"]) for each in given}) == len(given)
        in_path = {each["name"] for each in given if each["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        assert any(int(status) < 400 for status in operation["responses"])


def test_all_references_lead_somewhere(document):
    for ref in refs(document):
        assert resolved(document, {"$ref": ref}) is not None


def test_all_schemas_are_valid(document):
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        assert validator(document, schema), name
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            jsonschema_rs.meta.validate(resolved(document, parameter)["schema"])
        holders = [*operation["responses"].values(), operation.get("requestBody", {})]
        for holder in holders:
            for _, body in content(document, holder):
                jsonschema_rs.meta.validate(body["schema"])


def test_all_examples_are_what_their_schema_says(document):
    wrong = []
    for method, path, operation in operations(document):
        for parameter in (resolved(document, each) for each in operation.get("parameters", ())):
            if not parameter.get("examples"):
                continue
            checked = validator(document, parameter["schema"])
            for name, example in parameter["examples"].items():
                problems = why_not(checked, example["value"])
                wrong += [
                    f"{method} {path} {parameter['name']} {name}: {each}" for each in problems
                ]
        holders = {**operation["responses"], "request": operation.get("requestBody", {})}
        for where, holder in holders.items():
            for _, body in content(document, holder):
                if not body.get("examples"):
                    continue
                checked = validator(document, body["schema"])
                for name, example in body["examples"].items():
                    problems = why_not(checked, example["value"])
                    wrong += [f"{method} {path} {where} {name}: {each}" for each in problems]
    assert not wrong, "\n".join(wrong)


def test_all_golden_pairs_are_what_the_document_says(dialect, document):
    """Answers always; requests where they were taken: a refused one may break any rule."""
    wrong = []
    for (method, path), pairs in by_route(dialect.routes, goldens_of(dialect)).items():
        operation = document["paths"][path][method.lower()]
        for pair in pairs:
            answer = operation["responses"].get(str(pair.status))
            if answer is None:
                wrong.append(f"{pair.name}: {pair.status} is not documented")
                continue
            offered = dict(content(document, answer))
            if not isinstance(pair.answer, str) and JSON in offered:
                offered = {JSON: offered[JSON]}  # what else it may be asked for is no example of it
            for body in offered.values():
                value = json.loads(json.dumps(pair.answer, default=float))
                checked = validator(document, body["schema"])
                wrong += [f"{pair.name}: {e}" for e in why_not(checked, value)]
    assert not wrong, "\n".join(wrong)


def test_every_dialect_with_goldens_shows_them_as_examples(dialect, document):
    text = json.dumps(document)
    shown = [pair for pair in goldens_of(dialect) if json.dumps(pair.name) in text]
    assert dialect is HUB or len(shown) > 5


@pytest.mark.parametrize(
    ("name", "method", "path", "where", "value"),
    [
        ("sitecore_cdp", "get", "/v2.1/orders/{ref}", "ref", None),
        ("kakaclo", "get", "/openapi/v1/order/order", "ids", "1000000371651"),
        ("tours4fun", "post", "/v2/order/detail", "request", {"order_id": 10004000}),
    ],
)
def test_what_a_call_takes_from_an_earlier_one_is_shown_as_the_earlier_one_shows_it(
    name, method, path, where, value
):
    document = json.loads(document_of(DIALECTS[name])[1])
    operation = document["paths"][path][method]
    if where == "request":
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
    else:
        given = [resolved(document, each) for each in operation["parameters"]]
        examples = next(each for each in given if each["name"] == where)["examples"]
    shown = next(iter(examples.values()))["value"]
    assert "{{" not in json.dumps(document)
    if value is None:
        created = document["paths"]["/v2.1/orders"]["post"]["responses"]["201"]["content"]
        value = next(iter(created["application/json"]["examples"].values()))["value"]["ref"]
    assert shown == value


def test_every_route_of_the_hub_says_what_it_answers():
    assert not [f"{each.method} {each.path}" for each in HUB.routes if not each.answers]


@pytest.mark.parametrize("name", ["hub", "kakaclo", "sitecore_cdp"])
def test_other_methods_are_405_and_told_which_there_are(tmp_path, name):
    document = json.loads(document_of(DIALECTS[name])[1])
    with calling(f"sqlite:///{tmp_path / 'hub.sqlite'}") as hub:
        for path, methods in document["paths"].items():
            address = re.sub(r"\{\w+\}", "x", path)
            for method in METHODS - set(methods):
                reply = hub.send(method.upper(), address)
                assert reply.status == 405, f"{method} {address}"
                allowed = {each.lower() for each in reply.headers["allow"].split(", ")}
                assert set(methods) <= allowed
                assert method not in allowed


@pytest.mark.parametrize(
    ("schema", "member"),
    [
        ({"type": "string"}, "a"),
        ({"type": "string", "enum": ["a", "b"]}, "a"),
        ({"enum": ["a", 1]}, 1),
        ({"type": ["integer", "string"], "minimum": 1}, 2),
    ],
)
def test_what_may_be_null_may_be_null_by_its_schema(schema, member):
    """An `enum` with null and a `type` without it would forbid what the vendor takes."""
    checked = jsonschema_rs.Draft202012Validator(maybe(schema))
    assert checked.is_valid(None)
    assert checked.is_valid(member)
    assert not checked.is_valid([])
