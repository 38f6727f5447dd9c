"""Every refusal of every dialect says why in two headers, where whoever calls tries things out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from orderhub.conform.cases import golden_cases
from orderhub.conform.replies import is_success
from orderhub.conform.rules import rule_cases
from orderhub.core.refusals import Reason
from orderhub.dialects.contract import FaultKind
from orderhub.dialects.finding import dialect_names
from tests.support.hub import HubUnderTest, operator_headers, running_hub
from tests.support.pairs import runner_on

REASONS = {each.value for each in (*Reason, *FaultKind)}
SKU = "orderItemsList[0].sku"
PASSWORD = "pw123456"
ADDRESS = {"country": "US", "phone": "555 0100", "recipient": "Jane Doe", "province": "IL"}


@pytest.fixture
async def hub(tmp_path) -> AsyncIterator[HubUnderTest]:
    async with running_hub(tmp_path) as opened:
        yield opened


def told(answer: httpx.Response) -> tuple[str | None, str | None]:
    return answer.headers.get("hub-reason"), answer.headers.get("hub-detail")


@pytest.mark.parametrize("dialect", dialect_names())
async def test_every_refusal_says_why_and_nothing_else_does(tmp_path, dialect):
    """Over every golden pair and every rule of the kit, which also call without a credential."""
    answers: list[httpx.Response] = []

    async def keep(answer: httpx.Response) -> None:
        await answer.aread()
        if not answer.request.url.path.startswith("/hub/"):
            answers.append(answer)

    cases = golden_cases(dialect)
    async with running_hub(tmp_path, errors_in_detail=True) as hub:
        hub.client.event_hooks = {"response": [keep]}
        await runner_on(hub, dialect).run([*cases, *rule_cases(dialect, cases)])
    refused = 0
    for answer in answers:
        what = f"{answer.request.method} {answer.request.url.path}: {answer.text[:300]}"
        reason, detail = told(answer)
        try:
            value = answer.json()
        except ValueError:
            value = None
        if is_success(answer.status_code, value) or not answer.content:
            assert (reason, detail) == (None, None), what
            continue
        refused += 1
        assert reason in REASONS, what
        assert detail, what
        assert detail.isascii(), what
        assert detail.isprintable(), what
    assert refused > 10


async def kakaclo(hub: HubUnderTest, sku: str, tenant: str = "dropship") -> httpx.Response:
    body = {"orderAddress": ADDRESS, "orderItemsList": [{"sku": sku, "quantity": 1}]}
    headers = {"Authorization": f"Bearer hub-demo-{tenant}"}
    return await hub.request("POST", "/openapi/v1/order/order", json=body, headers=headers)


async def test_the_field_is_spelled_as_the_vendor_spells_it(hub):
    reason, detail = told(await kakaclo(hub, "NO_SUCH"))
    assert reason == "product_unknown"
    assert detail is not None
    assert detail.startswith(f"{SKU}: ")


async def test_what_is_no_ascii_is_escaped(hub):
    reason, detail = told(await kakaclo(hub, "帽子\u0085"))
    assert reason == "product_unknown"
    assert detail is not None
    assert "\\u5e3d\\u5b50" in detail


async def test_a_merchants_clients_are_told_nothing_until_the_operator_wants_it(tmp_path):
    async with running_hub(tmp_path) as hub:
        settings = "/hub/v1/tenants/dropship/settings"
        done = await hub.request(
            "PATCH", settings, json={"sandbox": False}, headers=operator_headers()
        )
        assert done.status_code == 200, done.text
        assert told(await kakaclo(hub, "NO_SUCH")) == (None, None)
    async with running_hub(tmp_path, errors_in_detail=True) as hub:
        assert told(await kakaclo(hub, "NO_SUCH"))[0] == "product_unknown"


async def test_a_caller_that_is_nobody_is_told_of_the_sandbox_it_named_only(hub):
    """A signature that does not fit names a sandbox's app; a token that is unknown names nobody."""
    query = {"appkey": "demo-tours", "t": "1", "sign": "0" * 32}
    named = await hub.request("POST", "/v2/order/add", params=query, json={})
    assert told(named) == ("unauthenticated", "t: stale")
    nobody = await hub.request(
        "POST", "/openapi/v1/order/order", json={}, headers={"Authorization": "Bearer nobody"}
    )
    assert nobody.status_code == 401
    assert told(nobody) == (None, None)


BEFORE_ANY_HANDLER = [
    ("DELETE", {}),
    ("POST", {"content": b" " * (2 << 20)}),
    ("POST", {"content": b"{", "headers": {"Hub-Dry-Run": "maybe"}}),
]
OWN = {
    "anqicms": {},  # a shop's visitor need not say who he is
    "kakaclo": {"headers": {"Authorization": "Bearer demo-kakaclo"}},
    "sitecore_cdp": {"auth": ("demo-cdp", "demo-cdp-secret")},
    "tours4fun": {"params": {"appkey": "demo-tours", "t": "1", "sign": "0" * 32}},
}


# A vendor's own credential that stands in the body names nobody: nobody has read it by then.
SHOWN = [*((name, False) for name in dialect_names()), *((name, True) for name in OWN)]


@pytest.mark.parametrize(("dialect", "own"), SHOWN)
async def test_a_sandbox_is_told_too_of_what_is_refused_before_any_handler(hub, dialect, own):
    """A method, a size, a header, a path: what no handler saw is said to be of the tenant whose credential it shows."""
    create = golden_cases(dialect)[0]
    tenant, path = create.tenant, create.request.path
    typo = f"{path.rpartition('/')[0]}/ordr"
    shown = OWN[dialect] if own else {"headers": {"Authorization": f"Bearer hub-demo-{tenant}"}}
    calls = [(*each, path) for each in BEFORE_ANY_HANDLER] + [("GET", {}, typo)]
    for method, more, where in calls:
        both = {**shown, **more, "headers": {**shown.get("headers", {}), **more.get("headers", {})}}
        answer = await hub.request(method, where, **both)
        reason, detail = told(answer)
        assert reason in REASONS, (method, where, answer.text)
        assert detail
    # Nobody's calls tell nothing.
    nobody = await hub.request("GET", typo, headers={"Authorization": "Bearer nobody"})
    assert dialect == "anqicms" or told(nobody) == (None, None)


async def test_a_token_of_a_sandbox_that_may_not_call_doors_is_told_so(hub):
    credentials = "/hub/v1/tenants/dropship/credentials"
    body = {"kind": "hub", "scopes": ["pools"]}
    made = await hub.request("POST", credentials, json=body, headers=operator_headers())
    weak = {"Authorization": f"Bearer {made.json()['token']}"}
    answer = await hub.request("POST", "/openapi/v1/order/order", json={}, headers=weak)
    assert told(answer) == ("forbidden", "the token lacks the scope dialects")


async def test_no_header_outgrows_what_proxies_take(hub):
    """Escapes make a character up to ten: the text is cut behind them."""
    answer = await hub.request(
        "GET", f"/openapi/v1/{'😀' * 500}", headers={"Authorization": "Bearer hub-demo-dropship"}
    )
    detail = told(answer)[1]
    assert detail is not None
    assert len(detail) <= 1_000


async def test_a_refusal_is_answered_though_nobody_can_tell_whom_it_is_told(hub, monkeypatch):
    """What is told beside an answer never costs the answer."""
    port = hub.hub.port

    async def out(_tenant_id: int) -> bool:
        raise OSError("the database is out")

    monkeypatch.setattr(port, "is_sandbox", out)
    answer = await kakaclo(hub, "NO_SUCH")
    assert answer.json()["code"] == 10001
    assert told(answer) == (None, None)


SHOP_FORM = [
    ("/api/login", {"password": PASSWORD}, "user_name"),
    ("/api/login", {"user_name": "demo", "password": "x"}, "password"),
    ("/api/register", {"password": PASSWORD}, "user_name"),
    ("/api/register", {"user_name": "new"}, "password"),
    ("/api/register", {"user_name": "new", "password": "x"}, "password"),
    ("/api/register", {"user_name": "new", "password": PASSWORD}, "email"),
    ("/api/register", {"user_name": "demo", "password": PASSWORD}, "user_name"),
    ("/api/register", {"user_name": "new", "password": PASSWORD, "email": "x"}, "email"),
    ("/api/register", {"user_name": "new", "password": PASSWORD, "phone": "1"}, "phone"),
]


@pytest.mark.parametrize(("path", "body", "field"), SHOP_FORM)
async def test_a_form_that_is_turned_down_names_its_field(hub, path, body, field):
    reason, detail = told(await hub.request("POST", path, json=body))
    assert reason == "invalid"
    assert detail is not None
    assert detail.startswith(f"{field}: ")


async def test_the_body_stays_the_vendors(hub):
    """Mews' `Details` is for the vendor's own developers: a client that reads it as text would break on an object."""
    body = {"ClientToken": "x", "AccessToken": "x", "Client": "x"}
    answer = await hub.request("POST", "/api/connector/v1/orders/add", json=body)
    assert set(answer.json()) == {"Message", "RequestId"}
