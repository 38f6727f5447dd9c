"""The conformance kit: whole against the demo of the hub, and honest about servers that are wrong or strangers."""

import json
from xml.etree import ElementTree as ET

import httpx
import pytest
from typer.testing import CliRunner

from orderhub.cli.commands import app
from orderhub.conform import report, running
from orderhub.conform.cases import body_wrong, golden_cases
from orderhub.conform.logins import Login, signature
from orderhub.conform.runner import FAILED, PASSED, SKIPPED
from tests.support.hub import OPERATOR, running_hub
from tests.support.pairs import passes, runner_on

pytestmark = pytest.mark.anyio
DIALECTS = running.DIALECTS


@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="module")
async def hub(tmp_path_factory):
    async with running_hub(tmp_path_factory.mktemp("conform")) as opened:
        yield opened


def test_there_are_more_than_200_cases_and_no_two_of_a_name():
    cases = running.all_cases(DIALECTS)
    assert len(cases) >= 200
    assert sum(case.kind == "golden" for case in cases) >= 200
    assert len({(case.dialect, case.name) for case in cases}) == len(cases)


# The golden pairs are run in tests/conformance.
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_the_demo_keeps_every_rule(hub, dialect):
    runner = runner_on(hub, dialect)
    for case in running.all_cases([dialect]):
        if case.kind == "rule":
            await passes(runner, case)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_without_an_operator_what_cannot_be_tried_is_skipped_and_the_rest_passes(
    hub, dialect
):
    runner = runner_on(hub, dialect, operator="")
    results = await runner.run(golden_cases(dialect))
    found = report.counts(results)
    assert not found[FAILED], [each.differences for each in results if each.outcome == FAILED]
    assert found[PASSED] >= 5
    assert found[SKIPPED] >= 1
    assert all(each.why for each in results if each.outcome == SKIPPED)


async def test_a_run_leaves_no_sandbox_behind(hub):
    before = await tenants(hub)
    cases = [case for case in golden_cases("tours4fun") if case.accepts][:6]
    assert {case.anywhere for case in cases} == {True, False}
    results = await runner_on(hub, "tours4fun").run(cases)
    assert report.counts(results)[PASSED] == len(cases)
    assert await tenants(hub) == before


async def tenants(hub):
    answer = await hub.get("/hub/v1/tenants", headers={"Authorization": f"Bearer {OPERATOR}"})
    return answer.json()


async def test_credentials_given_take_the_place_of_the_demos(hub):
    made = await hub.post(
        "/hub/v1/sandboxes",
        {"dialect": "tours4fun"},
        headers={"Authorization": f"Bearer {OPERATOR}"},
    )
    tenant = made.json()["tenant"]
    app_ = made.json()["credentials"][0]
    login = Login(appkey=app_["name"], secret=app_["secret"])
    results = await running.conform(hub.client, ["tours4fun"], login=login, vendor_only=True)
    assert not report.counts(results)[FAILED]
    assert any(each.why == "promised by the hub alone" for each in results)
    assert len(await hub.orders(tenant)) > 5


async def test_a_server_that_says_yes_to_everything_fails_and_is_told_where():
    def yes(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"code": 10000, "message": "success", "data": 1})

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(yes), base_url="http://stub"
    ) as client:
        results = await running.conform(client, ["kakaclo"])
    told = "\n".join(report.lines(results))
    assert report.score(results) < 30
    assert "wrong credentials: POST /openapi/v1/order/order" in told
    assert "status: expected 401, got 200" in told
    assert "both answers say 1" in told
    assert 'byte 8: expected {"code":400,' in told


async def test_a_server_that_is_away_fails_with_the_reason():
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(away), base_url="http://stub"
    ) as client:
        results = await running.conform(client, ["mews"], operator_token="some")
    assert report.score(results) == 0
    assert {line for each in results for line in each.differences} == {
        "no answer: ConnectError: refused"
    }


async def test_the_report_for_machines_has_every_case():
    def broken(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, text="\x07 broken")

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(broken), base_url="http://stub"
    ) as client:
        results = await running.conform(client, ["sitecore_cdp"])
    suite = ET.fromstring(report.as_junit(results))[0]
    found = report.counts(results)
    assert int(suite.get("tests")) == len(results) == len(suite)
    assert int(suite.get("failures")) == found[FAILED] == len(suite.findall(".//failure"))
    assert int(suite.get("skipped")) == found[SKIPPED] == len(suite.findall(".//skipped"))
    whole = report.as_json(results, "http://stub")
    assert whole["score"] == 0
    assert len(json.loads(json.dumps(whole))["cases"]) == len(results)


def test_the_command_writes_what_it_is_asked_for(tmp_path):
    wanted = ["--json", str(tmp_path / "a.json"), "--junit", str(tmp_path / "a.xml")]
    base = ["conform", "--base-url", "http://127.0.0.1:9"]
    done = CliRunner().invoke(app, [*base, "--dialect", "mews", *wanted])
    assert done.exit_code == 1
    assert "mews: 0.0 %" in done.output
    assert json.loads((tmp_path / "a.json").read_text())["failed"] > 50
    assert (tmp_path / "a.xml").read_text().startswith("<?xml")
    assert CliRunner().invoke(app, [*base, "--dialect", "magento"]).exit_code == 2


@pytest.mark.parametrize(
    ("expected", "got", "ignored", "exact", "wrong"),
    [
        ({"a": 1}, b'{"a":1}', (), True, []),
        ({"a": 1}, b'{"a": 1}', (), False, []),
        ({"a": 1}, b'{"a": 1}', (), True, ["byte 5"]),
        ({"a": 1}, b'{"a":1.0}', (), False, []),
        ({"a": 1}, b'{"a":true}', (), False, ["$.a: expected 1, got true"]),
        ({"a": 1}, b'{"a":7}', ("$.a",), True, []),
        ({"a": 1}, b'{"a":"7"}', ("$.a",), False, ["$.a: expected 1"]),
        ({"a": 1}, b"{}", ("$.a",), False, ["$.a: missing"]),
        ({"a": [1, 2]}, b'{"a":[1]}', (), False, ["$.a: expected 2 items, got 1"]),
        ({"a": 1, "b": 2}, b'{"b":2,"a":1}', (), False, ["$: members in another order: b, a"]),
        ({"a": 1}, b'{"a":1,"b":2}', (), False, ["$.b: not expected, got 2"]),
        ({"a": 1}, b"<html>", (), False, ["body: not JSON"]),
        (None, b"", (), True, []),
        (None, b"x", (), True, ["body: expected none"]),
    ],
)
def test_bodies_are_compared_by_value_or_to_the_byte(expected, got, ignored, exact, wrong):
    found = body_wrong(got, expected, ignored=ignored, exact=exact)
    assert [each.startswith(part) for each, part in zip(found, wrong, strict=False)] == [
        True
    ] * len(wrong)
    assert bool(found) is bool(wrong)


def test_a_signature_is_what_the_document_says():
    sign = {"scheme": "tours4fun", "appkey": "key", "secret": "secret"}
    assert signature(sign, b"{}", 7) == {
        "appkey": "key",
        "t": "7",
        "sign": "73f51ea8dab85a8435b6b4ea844ea1f2",
    }
    with pytest.raises(ValueError, match="no such way"):
        signature({**sign, "scheme": "magic"}, b"")
