"""Faults on purpose: each as its vendor would word it, and what they teach about keys."""

from __future__ import annotations

import asyncio
import time

import pytest

from orderhub.conform.cases import golden_cases
from orderhub.conform.replies import succeeded
from orderhub.dialects.conforming import Kind
from orderhub.dialects.finding import conformance_of, dialect_names
from orderhub.web.faults import Dropped, Step
from orderhub.web.faults import Kind as FaultKind
from tests.support.hub import operator_headers, running_hub
from tests.support.pairs import runner_on

DIALECTS = dialect_names()
# A vendor's natural key keeps a second order away without any header.
WITHOUT_A_KEY = {dialect: 1 if dialect == "sitecore_cdp" else 2 for dialect in DIALECTS}


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with running_hub(tmp_path_factory.mktemp("faults")) as opened:
        yield opened


class Integrator:
    """A vendor's client with a sandbox of its own, and the plan of what its calls shall meet."""

    def __init__(self, hub, runner, case, place, credential):
        self.hub, self.runner, self.case, self.place = hub, runner, case, place
        self.path = f"/hub/v1/tenants/{place.tenant}/credentials/{credential}/faults"
        self.order = conformance_of(case.dialect).create(case.request, "FAULTY-1")

    async def meets(self, *faults):
        answer = await self.hub.request(
            "PUT", self.path, json={"faults": list(faults)}, headers=operator_headers()
        )
        assert answer.status_code == 200, answer.text

    async def create(self, key=""):
        request = self.order.with_headers(Idempotency_Key=key) if key else self.order
        return await self.runner.send(self.case, self.place, request, {})

    async def orders(self):
        return len(await self.hub.orders(self.place.tenant))

    async def left(self):
        shown = await self.hub.get(self.path, headers=operator_headers())
        return [each["left"] for each in shown.json()["faults"]]


async def integrator(hub, dialect):
    runner = runner_on(hub, dialect)
    case = golden_cases(dialect)[0]
    place, _, _ = await runner.prepare(case)
    listed = await hub.get(
        f"/hub/v1/tenants/{place.tenant}/credentials", headers=operator_headers()
    )
    # AnQiCMS orders come with the sandbox's hub token, the others with the vendor's credential.
    kind = "hub" if dialect == "anqicms" else dialect
    (credential,) = (each["id"] for each in listed.json()["items"] if each["kind"] == kind)
    return Integrator(hub, runner, case, place, credential)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_with_a_key_a_breakdown_after_the_commit_never_doubles(hub, dialect):
    client = await integrator(hub, dialect)
    await client.meets({"kind": "error_after", "times": 2})
    first, second = await client.create("same"), await client.create("same")
    assert not succeeded(first)
    assert not succeeded(second)
    assert await client.orders() == 1
    third = await client.create("same")
    assert succeeded(third)
    assert third.headers["idempotent-replayed"] == "true"
    assert await client.orders() == 1


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_without_a_key_the_retry_is_a_second_order(hub, dialect):
    client = await integrator(hub, dialect)
    await client.meets({"kind": "error_after"})
    assert not succeeded(await client.create())
    await client.create()
    assert await client.orders() == WITHOUT_A_KEY[dialect]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_dropped_connection_is_no_refusal(hub, dialect):
    client = await integrator(hub, dialect)
    await client.meets({"kind": "drop"})
    with pytest.raises(Dropped):
        await client.create("same")
    assert await client.orders() == 1
    assert succeeded(await client.create("same"))
    assert await client.orders() == 1


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_breaks_before_the_commit_leaves_nothing(hub, dialect):
    client = await integrator(hub, dialect)
    kinds = ("error_before", "rate_limit", "stale_clock")
    await client.meets(*({"kind": kind} for kind in kinds))
    broken, limited, stale = [await client.create("same") for _ in kinds]
    assert await client.orders() == 0
    errors = conformance_of(dialect).errors
    assert errors[Kind.WRONG_LOGIN].wrong(stale.status, stale.value()) == []
    assert b"stale" not in stale.body, "not every vendor's calls have a time to be stale"
    assert limited.headers["retry-after"] == "1"
    shape = errors[Kind.MALFORMED]
    for reply in (broken, limited):
        assert {*reply.value()} - shape.optional == {*shape.members}
    if dialect != "tours4fun":  # whose every answer is a 200
        assert (broken.status, limited.status) == (500, 429)
    assert await client.left() == [0, 0, 0]
    assert succeeded(await client.create("same"))
    assert await client.orders() == 1


async def test_a_delay_keeps_the_answer_not_the_order(hub):
    client = await integrator(hub, "kakaclo")
    await client.meets({"kind": "delay", "delay_s": 0.3})
    started = time.perf_counter()
    waiting = asyncio.create_task(client.create("same"))
    while not await client.orders():
        assert time.perf_counter() - started < 5
    assert not waiting.done()
    assert succeeded(await waiting)
    assert time.perf_counter() - started >= 0.3


async def test_only_calls_under_the_path_meet_a_fault_and_reads_do_too(hub):
    client = await integrator(hub, "kakaclo")
    await client.meets({"kind": "error_before", "times": 2, "path": "/openapi/v1/product/"})
    assert succeeded(await client.create())
    headers = client.runner.samples["kakaclo"].headers
    token = {"Authorization": f"Bearer {client.place.login['token']}"}
    asked = await hub.get("/openapi/v1/product/countryAndWarehouse", headers={**headers, **token})
    assert asked.status_code == 500
    assert await client.left() == [1]


async def test_a_plan_set_again_counts_anew_and_one_cleared_is_gone(hub):
    client = await integrator(hub, "mews")
    await client.meets({"kind": "error_before"})
    assert not succeeded(await client.create())
    assert succeeded(await client.create())
    await client.meets({"kind": "error_before"})
    assert not succeeded(await client.create())
    await client.meets({"kind": "error_before", "times": 9})
    gone = await hub.request("DELETE", client.path, headers=operator_headers())
    assert gone.json() == {"faults": []}
    assert succeeded(await client.create())


async def test_a_fault_is_met_once_whichever_process_meets_it(demo_url):
    """Two hubs on one ledger are two processes, or one before and after a restart."""
    sandbox = {"dialect": "kakaclo"}
    body = golden_cases("kakaclo")[0].request.body
    path = "/openapi/v1/order/order"
    async with running_hub(demo_url) as first:
        opened = (await first.post("/hub/v1/sandboxes", sandbox, headers=operator_headers())).json()
        token = {"Authorization": f"Bearer {opened['credentials'][0]['token']}"}
        listed = f"/hub/v1/tenants/{opened['tenant']}/credentials"
        (shown,) = [
            each["id"]
            for each in (await first.get(listed, headers=operator_headers())).json()["items"]
            if each["kind"] == "kakaclo"
        ]
        plan = f"{listed}/{shown}/faults"
        twice = {"faults": [{"kind": "rate_limit", "times": 2}]}
        await first.request("PUT", plan, json=twice, headers=operator_headers())
        assert (await first.post(path, body, headers=token)).status_code == 429
    async with running_hub(demo_url) as second:
        assert (await second.get(plan, headers=operator_headers())).json()["faults"][0]["left"] == 1
        answers = await asyncio.gather(*(second.post(path, body, headers=token) for _ in range(4)))
        assert sorted(each.status_code for each in answers) == [200, 200, 200, 429]


async def test_a_refusal_may_wait_too(hub):
    client = await integrator(hub, "kakaclo")
    await client.meets({"kind": "error_before", "delay_s": 0.3})
    started = time.perf_counter()
    assert not succeeded(await client.create())
    assert time.perf_counter() - started >= 0.3


async def test_a_call_asks_once_what_it_meets(hub, monkeypatch):
    """Else a plan set meanwhile would say of what was committed that it broke before."""
    client = await integrator(hub, "kakaclo")
    await client.meets({"kind": "error_before"})
    asked = []

    async def met_by_another_process(credential_id, path):
        asked.append(path)
        return None if len(asked) == 1 else Step(FaultKind.ERROR_BEFORE)

    monkeypatch.setattr(hub.hub.port.faults, "_take", met_by_another_process)
    assert succeeded(await client.create())
    assert len(asked) == 1


async def test_trying_it_out_leaves_the_fault_for_the_real_call(hub):
    client = await integrator(hub, "kakaclo")
    await client.meets({"kind": "rate_limit"})
    order = client.order
    client.order = order.with_headers(Hub_Dry_Run="true")
    assert (await client.create()).status == 429
    client.order = order
    assert await client.left() == [1]
    assert (await client.create()).status == 429
    assert await client.left() == [0]


async def test_trying_it_out_sets_nothing_and_meets_faults_like_the_real_call(hub):
    client = await integrator(hub, "mews")
    plan = {"faults": [{"kind": "error_before"}]}
    tried = await hub.request(
        "PUT", client.path, json=plan, headers={**operator_headers(), "Hub-Dry-Run": "true"}
    )
    assert [each["kind"] for each in tried.json()["faults"]] == ["error_before"]
    assert await client.left() == []


async def test_who_may_set_faults_and_for_whom(hub):
    client = await integrator(hub, "kakaclo")
    plan = {"faults": [{"kind": "drop"}]}
    await hub.settings(client.place.tenant, sandbox=False)
    refused = await hub.request("PUT", client.path, json=plan, headers=operator_headers())
    assert refused.status_code == 409
    assert refused.json()["detail"] == "only a sandbox has faults"
    await hub.settings(client.place.tenant, sandbox=True)
    narrow = await hub.post(
        f"/hub/v1/tenants/{client.place.tenant}/credentials",
        {"kind": "hub", "scopes": ["orders:read"]},
        headers=operator_headers(),
    )
    token = {"Authorization": f"Bearer {narrow.json()['token']}"}
    refused = await hub.request("PUT", client.path, json=plan, headers=token)
    assert refused.status_code == 403
    assert "scope faults" in refused.json()["detail"]
    another = {"Authorization": "Bearer hub-demo-shop"}
    assert (await hub.request("PUT", client.path, json=plan, headers=another)).status_code == 404


async def test_a_tenant_that_is_no_sandbox_any_more_is_served(hub):
    client = await integrator(hub, "kakaclo")
    await client.meets({"kind": "error_before", "times": 100})
    await hub.settings(client.place.tenant, sandbox=False)
    assert succeeded(await client.create())


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [{"kind": "boom"}],
        [{"kind": "drop", "times": 0}],
        [{"kind": "delay"}],
        [{"kind": "delay", "delay_s": 61}],
        [{"kind": "drop"}] * 21,
    ],
)
async def test_a_plan_out_of_bounds_is_refused(hub, faults):
    client = await integrator(hub, "kakaclo")
    answer = await hub.request(
        "PUT", client.path, json={"faults": faults}, headers=operator_headers()
    )
    assert answer.status_code == 400
    assert await client.left() == []
