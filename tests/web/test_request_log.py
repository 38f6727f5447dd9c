"""The request log through the hub: which calls are kept, what of them, how they are found, and what it never costs."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from orderhub.app import purge_requests
from orderhub.dialects import pausing
from orderhub.dialects.finding import find_dialects
from orderhub.web import request_log
from tests.support import world
from tests.support.calls import Caller, Reply, calling
from tests.support.golden import goldens, sent

REQUESTS = "/hub/v1/requests"
ORDER = "/openapi/v1/order/order"
PARCEL: dict[str, Any] = {
    "orderAddress": {
        "country": "FR",
        "phone": "0782246793",
        "recipient": "Lollia Olena",
        "province": "Loire",
    },
    "orderItemsList": [{"sku": "TS_RED_M", "quantity": 1}],
}
TOO_MANY = {**PARCEL, "orderItemsList": [{"sku": "MUG_WHT", "quantity": 50}]}
KAKACLO = {"authorization": "Bearer demo-kakaclo"}
DIALECTS = find_dialects()


@pytest.fixture
def either(demo_url: str) -> Iterator[Caller]:
    """A fresh demo on either database."""
    with calling(demo_url) as caller:
        yield caller


def place(hub: Caller, parcel: Any = PARCEL, **headers: str) -> Reply:
    return hub.send("POST", ORDER, None, {**KAKACLO, **headers}, json.dumps(parcel).encode())


def kept(hub: Caller, query: str = "", token: str = "hub-demo-dropship") -> list[dict[str, Any]]:
    answer = hub.ask("GET", f"{REQUESTS}?{query}", token=token)
    assert answer.status == 200, answer.body
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def in_full(hub: Caller, request_id: str, token: str = "hub-demo-operator") -> dict[str, Any]:
    answer = hub.ask("GET", f"{REQUESTS}/{request_id}", token=token)
    assert answer.status == 200, answer.body
    whole: dict[str, Any] = answer.json()
    return whole


def set_up(hub: Caller, tenant: str = "dropship", **settings: Any) -> None:
    hub.operate("PATCH", f"/hub/v1/tenants/{tenant}/settings", settings)


# --- which calls


def test_a_sandbox_keeps_every_call_with_its_request_answer_and_order(either: Caller) -> None:
    placed, refused = place(either), place(either, TOO_MANY)
    last, first = kept(either)
    assert [last["id"], first["id"]] == [
        refused.headers["request-id"],
        placed.headers["request-id"],
    ]
    assert (first["status"], first["reason"], first["channel"]) == (200, None, "kakaclo")
    assert (first["method"], first["path"], first["tenant"]) == ("POST", ORDER, "dropship")
    assert first["orders"] == [each["uid"] for each in either.orders("dropship")]
    assert first["credential"].startswith("kakaclo-")
    assert first["duration_ms"] > 0
    assert (last["status"], last["reason"]) == (200, "out_of_stock")
    assert (last["field"], last["orders"]) == ("orderItemsList[0].quantity", [])
    whole = in_full(either, last["id"], "hub-demo-dropship")
    assert {name: whole[name] for name in last} == last
    assert json.loads(whole["request"]["body"]) == TOO_MANY
    assert whole["request"]["headers"]["authorization"] == "[secret]"
    assert whole["answer"]["body"] == refused.body.decode()
    assert not whole["request"]["is_cut"]
    assert not whole["answer"]["is_cut"]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_every_dialects_example_is_kept_without_what_its_callers_show(hub, dialect):
    case = goldens(dialect.name)[0]
    if case.clock:
        hub.freeze(case.tenant, case.clock)
    reply = sent(case.request, hub.send, {})
    whole = in_full(hub, reply.headers["request-id"])
    assert (whole["channel"], whole["tenant"]) == (dialect.name, case.tenant)
    shown = {**case.request.headers}.get("Authorization", "").partition(" ")[2]
    shown = {shown} | {str(case.request.body.get(name)) for name in dialect.secrets}
    text = json.dumps(whole)
    assert not [each for each in shown - {"", "None"} if each in text]


def test_others_keep_what_was_refused_and_nothing_of_people(either: Caller) -> None:
    set_up(either, sandbox=False)
    placed, refused = place(either), place(either, TOO_MANY)
    assert [each["id"] for each in kept(either)] == [refused.headers["request-id"]]
    whole = in_full(either, refused.headers["request-id"])
    told = json.loads(whole["request"]["body"])
    assert told["orderItemsList"] == [{"sku": "MUG_WHT", "quantity": 50}]
    assert told["orderAddress"]["recipient"] == "[personal]"
    assert "Lollia" not in json.dumps(whole)
    assert "0782246793" not in json.dumps(whole)
    assert placed.status == 200


@pytest.mark.parametrize(
    ("program", "tenant", "is_sandbox", "expected"),
    [
        ("", None, True, "all"),
        ("", None, False, "failed"),
        ("none", None, True, "none"),
        ("FAILED", None, True, "failed"),
        ("all", None, False, "all"),
        ("none", "all", False, "all"),
        ("all", "none", True, "none"),
        ("all", "failed", True, "failed"),
        ("none", "failed", False, "failed"),
    ],
)
def test_the_tenant_says_what_is_kept_else_the_program_else_what_the_tenant_is(
    sqlite_demo: str, program: str, tenant: str | None, is_sandbox: bool, expected: str
) -> None:
    with calling(sqlite_demo, request_log=program) as hub:
        set_up(hub, request_log=tenant, sandbox=is_sandbox)
        place(hub)
        place(hub, TOO_MANY)
        reasons = [each["reason"] for each in kept(hub)]
        wanted = {"all": ["out_of_stock", None], "failed": ["out_of_stock"], "none": []}
        assert reasons == wanted[expected]


def test_a_tenants_setting_is_one_of_three_words(hub: Caller) -> None:
    answer = hub.ask("PATCH", "/hub/v1/tenants/shop/settings", {"request_log": "some"})
    assert (answer.status, answer.json()["errors"][0]["field"]) == (400, "request_log")


def test_whoever_cannot_be_told_has_no_log_and_a_wrong_signature_is_the_tenants(
    hub: Caller,
) -> None:
    hub.send("POST", ORDER, None, {"authorization": "Bearer nobody"}, b"{}")
    hub.send("GET", "/health/ready")
    hub.send("POST", "/v2/order/add?appkey=demo-tours&t=1&sign=0123456789abcdef", None, {}, b"{}")
    (only,) = kept(hub, token="hub-demo-operator")
    assert (only["tenant"], only["credential"]) == ("tours", None)
    assert (only["reason"], only["detail"]) == ("unauthenticated", "t: stale")
    assert "0123456789abcdef" not in json.dumps(in_full(hub, only["id"]))


def test_what_is_refused_before_a_handler_looked_is_kept(hub: Caller) -> None:
    hub.send("PUT", ORDER, None, KAKACLO, b"{}")
    hub.ask("GET", "/hub/v1/nowhere", token="hub-demo-dropship")
    hub.send("POST", ORDER, None, {**KAKACLO, "content-length": "99999999"}, b"{}")
    assert [each["reason"] for each in kept(hub)] == [
        "too_large",
        "not_found",
        "method_not_allowed",
    ]


def test_operators_refused_calls_are_their_own(hub: Caller) -> None:
    hub.ask("GET", "/hub/v1/tenants/none/settings")
    hub.ask("GET", "/hub/v1/tenants/shop/settings")
    (only,) = kept(hub, "tenant=operator", "hub-demo-operator")
    assert (only["tenant"], only["status"], only["reason"]) == ("operator", 404, "record_unknown")
    hidden = hub.ask("GET", f"{REQUESTS}?tenant=operator", token="hub-demo-shop")
    assert hidden.status == 404
    assert hub.ask("GET", f"{REQUESTS}/{only['id']}", token="hub-demo-shop").status == 404


def test_looking_at_the_log_is_not_in_it_unless_it_is_refused(hub: Caller) -> None:
    kept(hub)
    wrong = hub.ask("GET", f"{REQUESTS}?colour=red", token="hub-demo-dropship")
    assert wrong.status == 400
    assert [each["id"] for each in kept(hub)] == [wrong.headers["request-id"]]


def test_a_connection_that_was_closed_on_purpose_is_kept_without_a_status(hub: Caller) -> None:
    (credential,) = hub.operate("GET", "/hub/v1/tenants/dropship/credentials?kind=kakaclo")["items"]
    path = f"/hub/v1/tenants/dropship/credentials/{credential['id']}/faults"
    hub.operate("PUT", path, {"faults": [{"kind": "drop"}]})
    with pytest.raises(ConnectionError):
        place(hub)
    (only,) = kept(hub, "status=0")
    assert (only["status"], only["reason"], len(only["orders"])) == (None, "dropped", 1)


def test_a_streamed_load_is_kept_without_its_body(hub: Caller) -> None:
    path = "/hub/v1/tenants/dropship/catalogue/products:bulk"
    rows = b'{"id": 5002, "code": "BAG", "doc": {"title": "Bag"}}\n'
    shown = {"authorization": "Bearer hub-demo-dropship"}
    assert hub.send("POST", path, None, shown, rows).status == 200
    (only,) = kept(hub, "path=" + path.replace(":", "%3A"))
    assert in_full(hub, only["id"])["request"]["body"] == ""


def test_a_token_that_is_shown_once_is_not_in_the_log(hub: Caller) -> None:
    path = "/hub/v1/tenants/dropship/credentials"
    made = hub.ask("POST", path, {"kind": "hub", "scopes": ["pools"]}, token="hub-demo-dropship")
    whole = in_full(hub, made.headers["request-id"])
    answer = json.loads(whole["answer"]["body"])
    assert (answer["token"], answer["id"]) == ("[secret]", made.json()["id"])
    assert made.json()["token"] not in json.dumps(whole)
    opened = hub.ask("POST", "/hub/v1/sandboxes", {"dialect": "tours4fun"})
    assert opened.status == 201


def test_paths_and_details_are_cut_as_everything_else_is(hub: Caller) -> None:
    token = "hub-demo-dropship"
    missing = hub.ask("GET", f"/hub/v1/orders/{token}", token=token)
    whole = in_full(hub, missing.headers["request-id"])
    assert (whole["path"], whole["detail"]) == ("/hub/v1/orders/[secret]", "no order [secret]")
    assert token not in json.dumps(whole)
    set_up(hub, sandbox=False)
    missing = hub.ask("GET", "/hub/v1/orders/ada@example.org?email=ada@example.org", token=token)
    whole = in_full(hub, missing.headers["request-id"])
    assert "ada@" not in json.dumps(whole)
    assert whole["query"] == "email=[personal]"
    wrong = hub.ask("GET", "/hub/v1/orders?colour=red", token=token)
    whole = in_full(hub, wrong.headers["request-id"])
    assert (whole["reason"], whole["detail"]) == ("invalid", wrong.json()["detail"])


# --- how they are found


def test_every_filter_finds_its_calls_and_pages_go_on(either: Caller) -> None:
    ids = [place(either, each).headers["request-id"] for each in (PARCEL, TOO_MANY, {})]
    either.ask("GET", "/hub/v1/nowhere", token="hub-demo-dropship")
    everything = kept(either)
    newest = everything[0]

    def found(query: str) -> list[str]:
        return [each["id"] for each in kept(either, query)]

    assert found("channel=kakaclo") == ids[::-1]
    assert found(f"path={ORDER}&reason=out_of_stock") == [ids[1]]
    assert found("status=404") == [newest["id"]]
    assert found("reason=invalid") == [ids[2]]
    assert found(f"credential={newest['credential']}") == [newest["id"]]
    assert found(f"request_id={ids[0]}") == [ids[0]]
    assert found(f"request_id={ids[0]}&reason=invalid") == []
    assert found(f"to={everything[2]['at']}") == [ids[0]]
    assert found(f"from={newest['at']}") == [newest["id"]]
    seen, cursor = [], ""
    while True:
        page = either.ask(
            "GET", f"{REQUESTS}?limit=2&tenant=dropship{cursor}", token="hub-demo-operator"
        ).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == everything
    page = either.ask("GET", f"{REQUESTS}?limit=3").json()
    after = either.ask("GET", f"{REQUESTS}?limit=3&cursor={page['next_cursor']}").json()
    assert [*page["items"], *after["items"]] == everything


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=yesterday", "cursor"),
        ("cursor=5.1.0123456789abcdef0123456789abcdef", "cursor"),
        ("status=many", "status"),
        ("request_id=7", "request_id"),
        ("from=yesterday", "from"),
        ("to=2024-01-01", "to"),
        ("colour=red", "colour"),
        ("path=/a&path=/b", "path"),
    ],
)
def test_what_is_wrong_with_a_question_is_named(hub: Caller, query: str, field: str) -> None:
    answer = hub.ask("GET", f"{REQUESTS}?{query}", token="hub-demo-shop")
    assert (answer.status, answer.json()["errors"][0]["field"]) == (400, field)


def test_an_operator_names_a_tenant_to_filter(hub: Caller) -> None:
    place(hub)
    answer = hub.ask("GET", f"{REQUESTS}?channel=kakaclo")
    assert (answer.status, answer.json()["errors"][0]["field"]) == (400, "tenant")
    assert len(kept(hub, "channel=kakaclo&tenant=dropship", "hub-demo-operator")) == 1


def test_nobody_sees_anothers_calls_nor_any_without_the_scope(hub: Caller) -> None:
    request_id = place(hub).headers["request-id"]
    assert kept(hub, token="hub-demo-shop") == []
    assert hub.ask("GET", f"{REQUESTS}/{request_id}", token="hub-demo-shop").status == 404
    assert hub.ask("GET", f"{REQUESTS}?tenant=dropship", token="hub-demo-shop").status == 404
    assert hub.ask("GET", f"{REQUESTS}/none").status == 404
    made = hub.ask(
        "POST",
        "/hub/v1/tenants/dropship/credentials",
        {"kind": "hub", "scopes": ["orders:read"]},
        token="hub-demo-dropship",
    ).json()
    for path in (REQUESTS, f"{REQUESTS}/{request_id}"):
        answer = hub.ask("GET", path, token=made["token"])
        assert (answer.status, answer.json()["detail"]) == (
            403,
            "the token lacks the scope requests",
        )


# --- what it never costs


def counted(hub: Caller, name: str) -> float:
    return float(hub.hub.metrics.registry.get_sample_value(f"orderhub_request_log_{name}_total"))


def without_writer(hub: Caller) -> request_log.RequestLog:
    """The hub's log, which nobody writes down until the test does."""
    log = hub.hub.port.request_log
    log.stop()
    log._thread = threading.Thread()
    log._thread.start()
    return log


def test_what_comes_too_fast_is_dropped_and_counted_the_served_first(hub, monkeypatch):
    monkeypatch.setattr(request_log, "_QUEUE", 4)
    log = without_writer(hub)
    replies = [place(hub) for _ in range(5)]
    refused = [place(hub, TOO_MANY) for _ in range(4)]
    assert [each.json()["code"] for each in replies] == [10000] * 5
    waiting = [entry.request_id for entry in log._queue]
    assert waiting == [each.headers["request-id"] for each in (*replies[:2], *refused[:2])]
    assert counted(hub, "dropped") == 5
    assert log.flush() == 4
    assert (counted(hub, "kept"), log._bytes) == (4, 0)


def test_bodies_that_wait_are_bounded_in_bytes(hub, monkeypatch):
    monkeypatch.setattr(request_log, "_MOST_WAITING_BYTES", 1)
    log = without_writer(hub)
    place(hub), place(hub)
    assert (len(log._queue), counted(hub, "dropped")) == (1, 1)


def test_a_log_that_cannot_be_written_costs_no_order(hub, monkeypatch):
    def fails(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(hub.hub.ledger, "keep_requests", fails)
    assert place(hub).json()["code"] == 10000
    assert kept(hub) == []
    assert (counted(hub, "dropped"), counted(hub, "kept")) == (1, 0)
    monkeypatch.undo()
    place(hub, TOO_MANY)
    assert [each["reason"] for each in kept(hub)] == ["out_of_stock"]


def test_giving_way_to_those_who_serve_is_no_time_of_writing(hub, monkeypatch):
    """Else a hub at its limit would keep a call now and then."""
    monkeypatch.setattr(pausing, "_PAUSE_S", 0.1)
    monkeypatch.setattr(hub.hub.ledger, "keep_requests", lambda *_: None)
    log = without_writer(hub)
    for _ in range(5):
        place(hub)
    began_s = time.monotonic()
    assert log.flush() == 5
    assert time.monotonic() - began_s >= 0.5
    assert 0 < log._spent_s < 0.4


def test_what_could_not_be_written_took_its_time_as_well(hub, monkeypatch):
    """Else a ledger in trouble would be asked again at once."""

    def fails(*_: Any) -> None:
        time.sleep(0.1)
        raise OSError("no space left")

    monkeypatch.setattr(hub.hub.ledger, "keep_requests", fails)
    log = without_writer(hub)
    place(hub)
    assert log.flush() == 1
    assert log._spent_s >= 0.1


def test_writing_the_log_takes_its_turn_with_the_orders(either: Caller) -> None:
    """Orders go on being placed while the log is written again and again, and both come to an end."""
    stop, writes = threading.Event(), []

    def write() -> None:
        while not stop.is_set():
            writes.append(either.hub.port.request_log.flush())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        answers = [place(either).json()["code"] for _ in range(20)]
    finally:
        stop.set()
        writer.join()
    assert answers == [10000] * 20
    assert len(kept(either)) == 20
    assert counted(either, "dropped") == 0


def test_what_waits_is_written_when_the_hub_leaves(sqlite_demo: str) -> None:
    with calling(sqlite_demo) as hub:
        request_id = place(hub).headers["request-id"]
    with calling(sqlite_demo) as hub:
        assert [each["id"] for each in kept(hub)] == [request_id]


def test_what_is_older_than_a_week_goes(hub: Caller) -> None:
    place(hub)
    assert len(kept(hub)) == 1
    clock = hub.hub.port.clock
    ahead = clock.now_us() + 8 * 86_400_000_000
    clock.proven_us = lambda: ahead - 2 * 86_400_000_000
    assert hub.run(purge_requests(hub.hub.port)) == 0
    clock.proven_us = lambda: ahead
    assert hub.run(purge_requests(hub.hub.port)) == 1
    assert kept(hub) == []


def test_a_dry_run_is_kept_and_leaves_nothing_else(hub: Caller) -> None:
    before = world.every_row(hub.hub.ledger)
    place(hub, **{"hub-dry-run": "true"})
    (only,) = kept(hub)
    assert (only["status"], only["orders"]) == (200, [])
    after = world.every_row(hub.hub.ledger)
    assert {name for name in after if after[name] != before[name]} <= {"credential"}
