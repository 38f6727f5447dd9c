"""The OpenAPI documents under Schemathesis: the hub in this process, and what each vendor's habits ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import schemathesis
from schemathesis import Case, SerializationContext
from schemathesis.checks import CheckContext, load_all_checks
from schemathesis.core.transport import Response
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python import asgi
from schemathesis.specs.openapi import checks

from orderhub.app import Hub, build
from orderhub.core.decide import RECORD_TYPES
from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import find_dialects
from orderhub.dialects.tours4fun.words import MESSAGES
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from orderhub.web.hub_api.docs import document_of
from tests.support.calls import calling
from tests.support.dialects import HUB
from tests.support.golden import goldens, sent
from tests.support.hub import OPERATOR, SECRET_KEY

load_all_checks()
DIALECTS: dict[str, Dialect] = {each.name: each for each in (*find_dialects(), HUB)}

# The tenant whose demo a dialect's documents are tried on.
_TENANTS = {
    "anqicms": "shop",
    "kakaclo": "dropship",
    "mews": "hotel",
    "sitecore_cdp": "cdp",
    "tours4fun": "tours",
}
# Their answers are 200 whatever happened: the code in the envelope is looked at instead.
ENVELOPES = {"anqicms": {0, -1, 1001, 1002}, "tours4fun": {0, *MESSAGES}}
_STATUS_CHECKS = [
    checks.positive_data_acceptance,
    checks.negative_data_rejection,
    checks.missing_required_header,
    checks.unsupported_method,
    checks.ignored_auth,
]
_EXCLUDED = {
    # 404 for another method; 400 where an id names nothing.
    "mews": [checks.unsupported_method, checks.positive_data_acceptance],
    **dict.fromkeys(ENVELOPES, _STATUS_CHECKS),
}
# 412, 413 and 422 are answers to requests of the right shape: another version, more than is taken
# in one call, a rule that says no.
_ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "412", "413", "422", "429"]
# Schemathesis' own, and 413: some of what it makes up is larger than any call takes.
_REJECTED = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429"]
# Here a request of the right shape may still be a 400: which parameters go together, or which
# other things must exist, is more than a schema can say.
_MAY_BE_400 = {
    "hub": [
        "GET /hub/v1/orders",
        "GET /hub/v1/orders:export",
        "GET /hub/v1/orders/{uid}",
        "GET /hub/v1/events",  # an operator says whose; a cursor is of one tenant
        "GET /hub/v1/requests",  # filters go with a tenant
        "GET /hub/v1/reports/daily",  # an operator says whose
        "GET /hub/v1/reports/refusals",
        "POST /hub/v1/tenants/{tenant}/users",  # an address of e-mail is more than so many letters
        "POST /hub/v1/orders/{uid}/ship",
        "POST /hub/v1/orders/{uid}/refund",
        # An operator says which tenant's; where to send and what a format reads is for more than a schema.
        "GET /hub/v1/webhooks",
        "POST /hub/v1/webhooks",
        "GET /hub/v1/webhooks/{id}",
        "PATCH /hub/v1/webhooks/{id}",
        "DELETE /hub/v1/webhooks/{id}",
        *(f"POST /hub/v1/webhooks/{{id}}/{name}" for name in ("rotate", "test", "replay")),
        "GET /hub/v1/webhooks/{id}/deliveries",
        # The same of what orders are handed on by; which vendors there are, and what each is told, is not for a schema.
        *(
            f"{method} /hub/v1/{path}"
            for path, methods in (
                ("connections", ("GET", "POST")),
                ("connections/{id}", ("GET", "PATCH", "DELETE")),
                ("connections/{id}/test", ("POST",)),
                ("connections/{id}/messages", ("POST",)),
                ("connections/{id}/match", ("POST",)),
                ("routes", ("GET", "POST")),
                ("routes/{id}", ("GET", "PATCH", "DELETE")),
                ("listings", ("GET", "POST")),
                ("listings/{id}", ("DELETE",)),
                ("handovers", ("GET",)),
                ("handovers/preview", ("POST",)),
                ("handovers/{id}", ("GET",)),
                ("handovers/{id}/placed", ("POST",)),
                ("handovers/{id}/send", ("POST",)),
                ("handovers/{id}/drop", ("POST",)),
            )
            for method in methods
        ),
        "POST /hub/v1/plans",
        "POST /hub/v1/tenants",
        "PATCH /hub/v1/tenants/{tenant}/settings",
        "POST /hub/v1/tenants/{tenant}/clock",
        "PUT /hub/v1/tenants/{tenant}/credentials/{id}/faults",
        "POST /hub/v1/tenants/{tenant}/credentials",
        "PATCH /hub/v1/tenants/{tenant}/credentials/{id}",
        "POST /hub/v1/tenants/{tenant}/credentials/{id}/rotate",
        "PUT /hub/v1/tenants/{tenant}/catalogue/{kind}/{id}",
        "DELETE /hub/v1/tenants/{tenant}/catalogue/{kind}/{id}",
    ],
    "kakaclo": [
        call.replace(" ", f" {prefix}")
        for prefix in ("/openapi", "/openapi/openapi")
        for call in (
            "GET /v1/product/stocks",
            "GET /v1/product/products",
            "GET /order/refund",
            # Which of several spellings of an item's member counts: the others may hold anything.
            "POST /v2/order/orders/{id}/refund",
        )
    ],
    "sitecore_cdp": [
        "POST /v2.1/orders",
        "GET /v2.1/orders",
        "GET /v2.1/guests",
        "POST /v2.1/orders/{ref}/consumers",
        "PATCH /v2.1/orderConsumers/{ref}",
        "PUT /v2.1/orderConsumers/{ref}",
        # What an order is known by cannot be changed, and it holds only so much.
        "PATCH /v2.1/orders/{ref}",
        "PUT /v2.1/orders/{ref}",
        "POST /v2.1/orders/{ref}/orderItems",
        "POST /v2.1/orders/{ref}/contacts",
    ],
}
# Answers line by line what is wrong with each of them.
_BY_LINE = [
    "POST /hub/v1/tenants/{tenant}/catalogue/{kind}:bulk",
    "POST /hub/v1/tenants/{tenant}/pools:bulk",
    "POST /hub/v1/orders:import",
]


@schemathesis.serializer("application/x-ndjson")
def _ndjson(_context: SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@contextmanager
def served(url: str) -> Iterator[Hub]:
    """The hub on a database that holds the demo; its app starts with the first request."""
    given = {"rate_limits": False, "public_url": "http://hub.test"}
    hub = build(
        ProgramSettings(database=url, secret_key=SECRET_KEY, **given),
        ledger=Ledger.open(url, RECORD_TYPES),
    )
    hub.app = StaysUp(hub)
    try:
        yield hub
    finally:
        if hub.app.is_up:
            asgi._get_portal().call(hub.stop)


class StaysUp:
    """The hub's app, started once: Schemathesis ends an app with every test, and this is for all of them."""

    def __init__(self, hub: Hub) -> None:
        self.is_up = False
        self._hub = hub
        self._app = hub.app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        while (await receive())["type"] == "lifespan.startup":
            if not self.is_up:
                await self._hub.start()
                self.is_up = True
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})


def headers_of(dialect: str) -> dict[str, str]:
    tenant = _TENANTS.get(dialect)
    return {"Authorization": f"Bearer {f'hub-demo-{tenant}' if tenant else OPERATOR}"}


Names = dict[str, dict[str, list[str]]]


def made_names(url: str) -> Names:
    """Dialect -> path parameter -> names of what is there: a made-up one seldom gets past a 404.

    Makes an order through each door, at the time that its example is of.
    """
    known: Names = {"hub": {"tenant": list(_TENANTS.values()), "id": ["1", "188"], "uid": []}}
    with calling(url) as hub:
        for name, tenant in _TENANTS.items():
            case = goldens(name)[0]
            if case.clock:
                hub.freeze(tenant, case.clock)
            sent(case.request, hub.send, {})
            order = hub.orders(tenant)[0]
            known["hub"]["uid"].append(order["uid"])
            webhook = {"url": "https://hooks.shop.example/", "enabled": False}
            made = hub.ask("POST", f"/hub/v1/webhooks?tenant={tenant}", webhook).json()
            known["hub"]["id"].append(made["id"])
            credentials = hub.operate("GET", f"/hub/v1/tenants/{tenant}/credentials")["items"]
            known["hub"]["id"] += [each["id"] for each in credentials if each["kind"] != "hub"]
            known[name] = {"ref": [order["uid"]], "id": [order["number"]]}
    assert known["hub"]["uid"]
    return known


def with_known_names(told: dict[str, Any], known: dict[str, list[str]]) -> dict[str, Any]:
    """`told`, the names that are there now among those its path parameters, and a tenant in the query, may be."""
    for operations in told["paths"].values():
        for operation in operations.values():
            for each in operation.get("parameters", ()):
                is_name = each.get("in") == "path" or each.get("name") == "tenant"
                if is_name and known.get(each["name"]):
                    each["schema"] = {"anyOf": [{"enum": known[each["name"]]}, each["schema"]]}
    return told


def schema_of(hub: Hub, dialect: str, examples: int, known: Names, *, thorough: bool) -> Any:
    """The dialect's document as Schemathesis reads it. `thorough`: its coverage phase too."""
    phases = {"examples": True, "fuzzing": True, "coverage": thorough, "stateful": False}
    allowed = {
        "positive_data_acceptance": {"expected-statuses": _ACCEPTED},
        "negative_data_rejection": {"expected-statuses": _REJECTED},
    }
    may_be_400 = {"positive_data_acceptance": {"expected-statuses": [*_ACCEPTED, "400"]}}
    config = schemathesis.Config.from_dict(
        {
            "generation": {
                "max-examples": examples,
                "allow-x00": False,  # refused everywhere, as each document says in its first words
                "with-security-parameters": False,
                "database": "none",
                "deterministic": not thorough,
            },
            "checks": allowed,
            "phases": {name: {"enabled": enabled} for name, enabled in phases.items()},
            "suppress-health-check": ["all"],
            "operations": [
                {"include-name": name, "checks": may_be_400}
                for name in _MAY_BE_400.get(dialect, ())
            ]
            + [
                {"include-name": name, "checks": {"negative_data_rejection": {"enabled": False}}}
                for name in _BY_LINE
            ],
        }
    )
    served_text = document_of(DIALECTS[dialect])[1]
    told = with_known_names(json.loads(served_text), known.get(dialect, {}))
    schema = schemathesis.openapi.from_dict(told, config=config)
    schema.app, schema.location = hub.app, f"/docs/{dialect}.json"
    schema.hook(map_case)
    schema.hook(filter_case)
    return schema


def map_case(context: Any, case: Case) -> Case:
    """Numbers as the hub keeps them: JSON cannot tell 5.0 from 5, nor 1e-300 from what is beyond use.

    Who would wait for something to happen does not: nothing will.
    """
    if str((case.query or {}).get("wait", "")).isdecimal() and 0 < int(case.query["wait"]) <= 60:
        case.query["wait"] = 0
    if isinstance(case.body, dict | list):
        tamed = _tamed(case.body)
        if tamed != case.body or repr(tamed) != repr(case.body):
            case.body = tamed
    return case


def filter_case(context: Any, case: Case) -> bool:
    """Of a query parameter that is given twice the last counts: none of the schemas' business.

    A list or an object in the path is written as it stands, "?" and "#" and all: another path is called then.
    """
    in_path = (case.path_parameters or {}).values()
    return not any(isinstance(each, list) for each in (case.query or {}).values()) and not any(
        isinstance(each, list | dict) and set("?#") & set(str(each)) for each in in_path
    )


def _tamed(value: Any) -> Any:
    match value:
        case bool():
            return value
        case float():
            near = round(max(-1e11, min(1e11, value)), 6)
            return int(near) if near.is_integer() else near
        case int():
            return max(-(10**38), min(10**38, value))
        case list():
            return [_tamed(each) for each in value]
        case dict():
            return {name: _tamed(each) for name, each in value.items()}
    return value


def fuzz(schema: Any, dialect: str, name: str) -> None:
    """Every phase of Schemathesis over one operation (`METHOD /path`)."""
    headers = headers_of(dialect)
    more = [envelope] if dialect in ENVELOPES else []

    def one(case: Case) -> None:
        """One call, and every check that the vendor's habits leave meaningful."""
        case.call_and_validate(
            headers=headers,
            excluded_checks=_EXCLUDED.get(dialect, []),
            additional_checks=more,
        )

    method, path = name.split(" ", 1)
    # What Schemathesis' own plugin does for each operation; the plugin itself wants an older pytest.
    build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=one,
        given_kwargs={},
        feedback=FeedbackSources(),
    )()


def envelope(_context: CheckContext, response: Response, case: Case) -> None:
    """HTTP says 200, and the envelope a code that the vendor knows."""
    if response.request.method != case.operation.method.upper():
        return  # another method, on purpose: there is nothing at that address
    name = str(case.operation.schema.location).removeprefix("/docs/").removesuffix(".json")
    assert response.status_code == 200, f"HTTP {response.status_code} where it is always 200"
    code = response.json()["code"]
    assert code in ENVELOPES[name], f"{code} is no code of this vendor"
