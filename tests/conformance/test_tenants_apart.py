"""What belongs to one tenant is to another as if it had never been, whatever it is asked for by."""

import json
import re
from typing import Any

import pytest

from orderhub.dialects.finding import find_dialects
from orderhub.dialects.mews import demo as mews
from tests.support.calls import Caller, Reply
from tests.support.golden import Golden, Request, by, goldens, raw, sent, with_names

STRANGER = "hub-demo-omni"
_DIGIT = re.compile(r"[0-9]")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TELLING = 6  # a shorter name may stand in an answer by chance


def uses_names(case: Golden) -> bool:
    """Whether the call under test names something that an earlier call of the case made."""
    shown = f"{case.request.path} {dict(case.request.query)} {raw(case.request)!r}"
    return "{{" in shown and any(request.save for request in case.before)


CASES = [c for d in find_dialects() for c in goldens(d.name) if uses_names(c)]


def another(name: Any) -> str:
    """A name of the same form that nothing bears."""
    return _DIGIT.sub(lambda digit: str((int(digit[0]) + 7) % 10), str(name))


def blind(reply: Reply, names: list[str]) -> tuple[int, Any]:
    """The answer without the names that were asked for, and without ids of the answer itself."""
    text = _UID.sub("UID", reply.body.decode())
    for name in names:
        if len(name) >= _TELLING:
            text = text.replace(name, "NAME")
    try:
        body = json.loads(text)
    except ValueError:
        return reply.status, text
    if isinstance(body, dict):
        for own in ("RequestId", "requestId", "request_id"):
            body.pop(own, None)
    return reply.status, body


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_stranger_is_answered_as_if_it_were_not_there(hub: Caller, case: Golden) -> None:
    saved: dict[str, Any] = {}
    if case.clock:
        hub.freeze(case.tenant, case.clock)
        hub.freeze("omni", case.clock)
    for request in case.before:
        sent(request, hub.send, saved)
    unknown = {name: another(value) for name, value in saved.items()}
    assert unknown != {name: str(value) for name, value in saved.items()}
    before = hub.orders(case.tenant)
    asked = by(case.request, STRANGER)
    found = blind(sent(asked, hub.send, dict(saved)), [str(value) for value in saved.values()])
    missing = blind(sent(asked, hub.send, dict(unknown)), list(unknown.values()))
    assert found == missing
    assert hub.orders(case.tenant) == before, "a stranger moved it"
    assert hub.broken() == {}


@pytest.mark.parametrize("dialect", find_dialects(), ids=lambda each: each.name)
def test_every_dialect_is_tried(dialect: Any) -> None:
    tried = [case for case in CASES if case.dialect == dialect.name]
    assert tried, f"{dialect.name} has no golden pair that names what an earlier call made"


@pytest.mark.parametrize("dialect", find_dialects(), ids=lambda each: each.name)
def test_an_order_of_one_tenant_is_on_no_list_of_another(hub: Caller, dialect: Any) -> None:
    first: Golden = goldens(dialect.name)[0]
    if first.clock:
        hub.freeze(first.tenant, first.clock)
    sent(first.request, hub.send, {})
    assert len(hub.orders(first.tenant)) == 1
    assert hub.orders("omni") == []
    answer = hub.ask("GET", "/hub/v1/orders", token=STRANGER)
    assert answer.json()["items"] == []
    uid = hub.orders(first.tenant)[0]["uid"]
    for path in (f"/hub/v1/orders/{uid}", f"/hub/v1/orders/{uid}/events"):
        assert hub.ask("GET", path, token=STRANGER).status == 404
    assert hub.ask("POST", f"/hub/v1/orders/{uid}/cancel", {}, token=STRANGER).status == 404
    assert hub.ask("GET", f"/hub/v1/orders?tenant={first.tenant}", token=STRANGER).status == 404


def test_the_names_that_are_tried_change(hub: Caller) -> None:
    assert another("018bcfe5-6805-7000") == "785bcfe2-3572-4777"
    request = Request("GET", "/a/{{x}}")
    assert with_names(request, {"x": 1}).path == "/a/1"


# --- one credential that reaches several tenants

PORTFOLIO = {"ClientToken": "PORTFOLIO-CLIENT", "AccessToken": "PORTFOLIO-ACCESS", "Client": "x"}
REACHED = ("hotel", "omni")
PAGE = {"Limitation": {"Count": 100}}


def by_portfolio(hub: Caller, operation: str, body: dict[str, Any]) -> Reply:
    shown = json.dumps({**PORTFOLIO, **body}).encode()
    headers = {"content-type": "application/json"}
    return hub.send("POST", f"/api/connector/v1/{operation}", None, headers, shown)


def test_a_portfolio_reaches_its_tenants_and_no_other(hub: Caller) -> None:
    answer = by_portfolio(hub, "enterprises/getAll", PAGE)
    assert answer.status == 200, answer.body
    found = {each["Id"] for each in answer.json()["Enterprises"]}
    assert found == {mews.ENTERPRISE, mews.OMNI_ENTERPRISE}
    tenants = hub.operate("GET", "/hub/v1/tenants")["items"]
    others = [each["name"] for each in tenants if each["name"] not in REACHED]
    assert len(others) >= 4
    before = {name: hub.orders(name) for name in others}
    order = {
        "AccountId": mews.OMNI_ACCOUNT,
        "ServiceId": mews.OMNI_SERVICE,
        "EnterpriseId": mews.OMNI_ENTERPRISE,
        "Items": [
            {
                "Name": "x",
                "UnitCount": 1,
                "UnitAmount": {"Currency": "USD", "NetValue": 1, "TaxCodes": []},
            }
        ],
    }
    placed = by_portfolio(hub, "orders/add", order)
    assert placed.status == 200, placed.body
    assert [len(hub.orders(name)) for name in REACHED] == [0, 1]
    stray = by_portfolio(hub, "orders/add", {**order, "EnterpriseId": mews.SERVICE})
    assert stray.status == 400
    assert {name: hub.orders(name) for name in others} == before


@pytest.mark.parametrize("tenant", ["hotel", "omni", "shop", "cdp", "tours", "dropship"])
def test_no_tenants_own_token_touches_the_portfolio(hub: Caller, tenant: str) -> None:
    """Neither that of the tenant that it belongs to, nor that of one which it reaches, nor a stranger's."""
    path = "/hub/v1/tenants/omni/credentials"
    kept = [each for each in hub.operate("GET", path)["items"] if each["tenants"]]
    (portfolio,) = kept
    assert sorted(portfolio["tenants"]) == sorted(REACHED)
    one, token = f"{path}/{portfolio['id']}", f"hub-demo-{tenant}"
    for method, where, body in (
        ("POST", f"{one}/rotate", {}),
        ("POST", f"{one}/rotate", {"token": "STOLEN-ACCESS", "digests": {"client": "MINE"}}),
        ("PATCH", one, {"label": "mine"}),
        ("PATCH", one, {"enabled": False}),
        ("PUT", f"{one}/faults", {"faults": [{"kind": "drop"}]}),
        ("DELETE", f"{one}/faults", None),
        ("DELETE", one, None),
    ):
        refused = hub.ask(method, where, body, token=token)
        assert refused.status == (403 if tenant == "omni" else 404), (method, where)
    answer = hub.ask("GET", path, token=token)
    assert "hotel" not in answer.body.decode() or tenant == "hotel"
    after = [each for each in hub.operate("GET", path)["items"] if each["tenants"]]
    assert [{**each, "last_used_at": None} for each in after] == [
        {**portfolio, "last_used_at": None}
    ]
    assert by_portfolio(hub, "enterprises/getAll", PAGE).status == 200
