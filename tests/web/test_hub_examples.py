"""The examples in the hub's own OpenAPI document are what the running hub answers."""

from orderhub.web.docs.goldens import by_route, goldens_of
from orderhub.web.hub_api.docs import document_of
from tests.support.calls import Caller
from tests.support.dialects import HUB
from tests.support.hub_examples import masked, told


def test_the_hub_answers_as_its_examples_say(hub: Caller) -> None:
    wrong = [
        f"{path.name}: {masked(body)}"
        for path, pair, status, body in told(hub)
        if (status, masked(body))
        != (pair["response"]["status"], masked(pair["response"].get("body")))
    ]
    assert not wrong, "; ".join(wrong) + ": see tests/support/hub_examples.py"


def test_every_operation_has_a_tag_and_a_true_example() -> None:
    shown = by_route(HUB.routes, goldens_of(HUB))
    paths = document_of(HUB)[0]["paths"]
    for (method, path), pairs in shown.items():
        operation = paths[path][method.lower()]
        assert operation["tags"], path
        if operation["tags"] == ["operations"]:  # pages and probes
            continue
        # To an address that only a running hub hands out: tests/web/test_vendor_messages.py.
        assert pairs or path.endswith("/messages"), f"{method} {path} has no example"
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content["examples"], f"{method} {path}: no example of the request"
        assert any(
            content.get("examples")
            for status, answer in operation["responses"].items()
            if int(status) < 300
            for content in answer.get("content", {}).values()
        ) or ("204" in operation["responses"])


def test_the_tags_are_declared() -> None:
    document = document_of(HUB)[0]
    assert [tag["name"] for tag in document["tags"]] == [
        *("orders", "events", "webhooks", "relay", "catalogue", "pools", "tenants", "users"),
        *("persons", "credentials", "sandboxes", "plans", "requests", "reports", "operations"),
    ]
