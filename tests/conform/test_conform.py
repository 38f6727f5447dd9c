"""The conformance kit: whole against the demo of the hub, and honest about servers that are wrong or strangers."""

import asyncio
import http.server
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import httpx
import pytest
from typer.testing import CliRunner

from orderhub.cli.commands import app
from orderhub.conform import report, running
from orderhub.conform.cases import body_wrong, golden_cases
from orderhub.conform.replies import Reply
from orderhub.conform.runner import FAILED, PASSED, SKIPPED, Runner
from orderhub.dialects.conforming import Login
from orderhub.dialects.finding import conformance_of, dialect_names
from orderhub.dialects.tours4fun.conform import signature
from tests.support.hub import OPERATOR, running_hub
from tests.support.pairs import passes, runner_on

DIALECTS = dialect_names()


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
    login = Login({"appkey": app_["name"], "secret": app_["secret"]})
    results = await running.conform(hub.client, ["tours4fun"], login=login, vendor_only=True)
    assert not report.counts(results)[FAILED]
    assert any(each.why == "promised by the hub alone" for each in results)
    assert len(await hub.orders(tenant)) > 5


def test_each_of_two_tokens_takes_the_place_of_the_demos_alone():
    sample = golden_cases("mews")[0].request
    for name, login in (
        ("ClientToken", Login({"client_token": "mine"})),
        ("AccessToken", Login({"access_token": "mine"})),
    ):
        sent = conformance_of("mews").client.with_login(sample, sample, login)
        assert sent.body == {**sample.body, name: "mine"}


async def test_a_server_that_says_yes_to_everything_fails_and_is_told_where():
    def yes(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"code": 10000, "message": "success", "data": 1})

    results = await against(yes, ["kakaclo"])
    told = "\n".join(report.lines(results))
    assert report.score(results) < 30
    assert "wrong credentials: POST /openapi/v1/order/order" in told
    assert "status: expected 401, got 200" in told
    assert "both answers say 1" in told
    assert 'byte 8: expected {"code":400,' in told


class Spoiled(Runner):
    """Lets the request under test go through and spoils its answer."""

    spoil: Callable[[Reply], Reply]

    async def send(self, case, place, request, saved):
        reply = await super().send(case, place, request, saved)
        return self.spoil(reply) if request is case.request else reply


@pytest.mark.parametrize("spoil", [{"status": 500}, {"body": b'{"code": 0}'}], ids=str)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_no_case_passes_whose_answer_is_wrong(hub, dialect, spoil):
    runner = runner_on(hub, dialect, of=Spoiled)
    runner.spoil = lambda reply: replace(reply, **spoil)
    results = await runner.run([each for each in running.all_cases([dialect]) if each.anywhere])
    passed = {each.case.name for each in results if each.outcome == PASSED}
    # It asks for what must not be there.
    assert passed == {"dry run: nothing to read"}


async def test_a_server_that_takes_a_dry_run_for_a_real_call_is_found_out(hub):
    class Deaf(Runner):
        async def send(self, case, place, request, saved):
            kept = {n: v for n, v in request.headers.items() if n != "Hub-Dry-Run"}
            return await super().send(case, place, replace(request, headers=kept), saved)

    for dialect in DIALECTS:
        results = await runner_on(hub, dialect, of=Deaf).run(running.all_cases([dialect]))
        failed = {each.case.name for each in results if each.outcome == FAILED}
        assert {"dry run: says so", "dry run: nothing to read"} <= failed
        assert all(name.startswith("dry run") for name in failed)


async def against(answer, dialects, **more):
    """What the kit says of a server that answers everything alike."""
    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://stub") as client:
        return await running.conform(client, dialects, **more)


async def test_a_server_that_is_away_fails_with_the_reason_and_is_left_alone():
    asked = []

    def away(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise httpx.ConnectError("refused")

    results = await against(away, ["mews"], operator_token="some")
    assert report.score(results) == 0
    assert {line for each in results for line in each.differences} == {
        "no answer: ConnectError: refused",
        "not tried: 5 cases in a row waited for an answer in vain",
    }
    assert len(asked) == 5
    told = list(report.lines(results))
    assert sum(line.startswith("FAILED mews") for line in told) == 5
    assert f"FAILED {len(results) - 5}: not tried: 5 cases in a row waited" in "\n".join(told)


@pytest.mark.parametrize("answers", ["never", "bit by bit", "without end"])
async def test_a_server_that_keeps_one_waiting_is_not_waited_for(answers):
    async def stream():
        while True:
            yield b" " * (100_000 if answers == "without end" else 1)
            await asyncio.sleep(0)

    async def keep_waiting(request: httpx.Request) -> httpx.Response:
        if answers == "never":
            await asyncio.Event().wait()
        return httpx.Response(200, content=stream())

    said, timeout_s = "within 0.05 s", 0.05
    if answers == "without end":
        said, timeout_s = "more than 10,000,000 bytes", 60
    case = next(each for each in golden_cases("kakaclo") if each.anywhere)
    transport = httpx.MockTransport(keep_waiting)
    async with httpx.AsyncClient(transport=transport, base_url="http://stub") as client:
        result = await Runner(client, timeout_s=timeout_s).run_one(case)
    assert result.outcome == FAILED
    assert said in result.differences[0]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"<html>\x1b[31m</html>", {"content-type": "text/html"}),
        (b"null", {}),
        (b"[" * 100_000 + b"]" * 100_000, {}),
        (b'{"code": 0, "data": {"order_id": NaN}, "OrderId": NaN, "ref": NaN}', {}),
        (b'{"code": 0, "msg": "\\ud800", "data": {"order_id": 1}}', {}),
        (b'{"code": 0, "data": 1e99999999999}', {}),
        (b'{"code": 0, "data": 1e99999999999999999999}', {}),
        (
            b'{"code": 0, "msg": "", "data": {"order_id": 1.5, "id": 1.5}, "OrderId": 1.5, "ref": 1.5}',
            {},
        ),
        (b'{"code": "0", "data": {"order_id": null}, "OrderId": null, "ref": null}', {}),
        (b"no gzip", {"content-encoding": "gzip"}),
    ],
    ids=[
        "empty",
        "HTML",
        "null",
        "deep",
        "NaN",
        "surrogate",
        "huge",
        "no number",
        "with a point",
        "nulls",
        "gzip",
    ],
)
@pytest.mark.parametrize("operator", ["", "a token"])
async def test_what_is_no_answer_of_the_vendors_never_passes_and_never_breaks_the_kit(
    body, headers, operator
):
    def strange(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    results = await against(strange, DIALECTS, operator_token=operator)
    assert report.counts(results)[PASSED] == 0
    assert [each for each in results if "the kit broke" in str(each.differences)] == []
    assert all(c.isprintable() for line in report.lines(results) for c in line)
    assert json.dumps(report.as_json(results, "http://stub"), ensure_ascii=False).encode()
    assert len(ET.fromstring(report.as_junit(results))) == len(DIALECTS)


async def test_a_case_that_breaks_the_kit_fails_alone():
    def break_it(*_):
        raise ZeroDivisionError("a bug")

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(200))
    ) as client:
        client.base_url = "http://stub"
        case = replace(
            next(each for each in golden_cases("kakaclo") if each.anywhere), check=break_it
        )
        result = await Runner(client).run_one(case)
    assert (result.outcome, result.differences) == (
        FAILED,
        ("the kit broke on it: ZeroDivisionError: a bug",),
    )


async def test_the_reports_for_machines_have_every_case():
    def broken(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, text="\x07 broken")

    results = await against(broken, ["sitecore_cdp", "mews"])
    found = report.counts(results)
    suites = ET.fromstring(report.as_junit(results))
    assert [suite.get("name") for suite in suites] == ["sitecore_cdp", "mews"]
    for each in (suites, *suites):
        cases = each.findall(".//testcase")
        assert int(each.get("tests")) == len(cases)
        assert int(each.get("failures")) == len(each.findall(".//failure"))
        assert int(each.get("skipped")) == len(each.findall(".//skipped"))
    assert int(suites.get("tests")) == len(results)
    assert int(suites.get("failures")) == found[FAILED]
    whole = report.as_json(results, "http://stub")
    assert whole["score"] == 0
    assert list(whole["dialects"]) == ["sitecore_cdp", "mews"]
    assert sum(each["failed"] for each in whole["dialects"].values()) == found[FAILED]
    assert len(json.loads(json.dumps(whole))["cases"]) == len(results)


async def test_what_only_developers_are_told_may_be_missing(tmp_path):
    async with running_hub(tmp_path) as hub:
        results = await runner_on(hub, "mews").run(golden_cases("mews"))
    assert [each.case.name for each in results if each.outcome == FAILED] == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--base-url", "127.0.0.1:8080"], "is no address"),
        (["--base-url", "http://127.0.0.1:some"], "is no address"),
        (["--base-url", "http://127.0.0.1:99999"], "is no address"),
        (["--appkey", "some"], "--appkey and --secret go together"),
        (["--api-token", "some"], "--client-key and --api-token go together"),
        (["--json", "no/such/folder/a.json"], "cannot be written"),
        (["--junit", "no/such/folder/a.xml"], "cannot be written"),
        (["--create", "order.json"], "say which with --dialect"),
        (["--create", "list.json", "--dialect", "mews"], "holds no JSON object"),
    ],
)
def test_the_command_refuses_what_it_cannot_begin_with(tmp_path, monkeypatch, given, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order.json").write_text("{}")
    (tmp_path / "list.json").write_text("[]")
    done = CliRunner().invoke(app, ["conform", "--base-url", "http://127.0.0.1:9", *given])
    assert done.exit_code == 2
    assert says in " ".join(done.output.replace("│", " ").split())


class _Nothing(http.server.BaseHTTPRequestHandler):
    """A server that has none of the paths."""

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def somebody():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Nothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_command_writes_what_it_is_asked_for(tmp_path, somebody):
    wanted = ["--json", str(tmp_path / "a.json"), "--junit", str(tmp_path / "a.xml")]
    base = ["conform", "--base-url", somebody]
    done = CliRunner().invoke(app, [*base, "--dialect", "mews", *wanted])
    assert done.exit_code == 1
    assert "mews: 0.0 %" in done.output
    assert json.loads((tmp_path / "a.json").read_text())["failed"] > 50
    assert "FAILED" in done.output
    assert (tmp_path / "a.xml").read_text().startswith("<?xml")
    assert CliRunner().invoke(app, [*base, "--dialect", "magento"]).exit_code == 2


@pytest.mark.parametrize(
    ("expected", "got", "ignored", "exact", "wrong"),
    [
        ({"a": 1, "b": {}}, b'{"a":1}', (), False, []),
        ({"a": 1, "b": {}}, b'{"a":1,"b":{"c":7}}', (), False, []),
        ({"a": 1, "b": {}}, b'{"a":1,"b":7}', (), False, ["$.b: expected {}"]),
        ({"a": 1}, b'{"a":1}', (), True, []),
        ({"a": 1}, b'{"a": 1}', (), False, []),
        ({"a": 1}, b'{"a": 1}', (), True, ["byte 5"]),
        ({"a": 1}, b'{"a":1.0}', (), False, []),
        ({"a": 1}, b'{"a":true}', (), False, ["$.a: expected 1, got true"]),
        ({"a": 1}, b'{"a":7}', ("$.a",), True, []),
        ({"a": 1}, b'{"a":"7"}', ("$.a",), False, ["$.a: expected 1"]),
        ({"a": 1}, b"{}", ("$.a",), False, ["$.a: missing"]),
        ({"a": [1, 2]}, b'{"a":[1]}', (), False, ["$.a: expected 2 items, got 1"]),
        ({"a": 1, "c": 2}, b'{"c":2,"a":1}', (), False, ["$: members in another order: c, a"]),
        ({"a": 1}, b'{"a":1,"c":2}', (), False, ["$.c: not expected, got 2"]),
        ({"a": 1}, b"<html>", (), False, ["body: not JSON"]),
        (None, b"", (), True, []),
        (None, b"x", (), True, ["body: expected none"]),
    ],
)
def test_bodies_are_compared_by_value_or_to_the_byte(expected, got, ignored, exact, wrong):
    found = body_wrong(got, expected, ignored=ignored, optional=("$.b",), exact=exact)
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
        signature({**sign, "scheme": "magic"}, b"", 7)
