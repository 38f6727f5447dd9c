"""Every refusal of every dialect says why in two headers, where whoever calls tries things out."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from orderhub.conform.cases import golden_cases
from orderhub.conform.doors import DOORS
from orderhub.conform.replies import is_success
from orderhub.conform.rules import rule_cases
from orderhub.core.refusals import Reason
from orderhub.dialects.contract import FaultKind
from tests.support.hub import HubUnderTest, operator_headers, running_hub
from tests.support.pairs import runner_on

pytestmark = pytest.mark.anyio
REASONS = {each.value for each in (*Reason, *FaultKind)}
SKU = "orderItemsList[0].sku"
ADDRESS = {"country": "US", "phone": "555 0100", "recipient": "Jane Doe", "province": "IL"}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def hub(tmp_path) -> AsyncIterator[HubUnderTest]:
    async with running_hub(tmp_path) as opened:
        yield opened


def told(answer: httpx.Response) -> tuple[str | None, str | None]:
    return answer.headers.get("hub-reason"), answer.headers.get("hub-detail")


@pytest.mark.parametrize("dialect", DOORS)
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


async def test_the_body_stays_the_vendors(hub):
    """Mews' `Details` is for the vendor's own developers: a client that reads it as text would break on an object."""
    body = {"ClientToken": "x", "AccessToken": "x", "Client": "x"}
    answer = await hub.request("POST", "/api/connector/v1/orders/add", json=body)
    assert set(answer.json()) == {"Message", "RequestId"}
