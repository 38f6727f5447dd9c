"""One request has one reading: at every door, with a proxy before it or none."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from orderhub.dialects.finding import find_dialects
from tests.support import http
from tests.support.golden import goldens
from tests.support.serving import Served

DIALECTS = find_dialects()
OPERATOR = {"Authorization": "Bearer hub-demo-operator"}
TWICE = {
    "Host": ("hub.test", "shop.example"),
    "Authorization": ("Bearer hub-demo-{tenant}", "Bearer hub-demo-operator"),
    "Idempotency-Key": ("one", "two"),
    "Hub-Dry-Run": ("true", "false"),
}


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with http.Client(base_url=server.url, timeout=30) as opened:
        yield opened


def count(client: httpx.Client, tenant: str) -> int:
    answer = client.get("/hub/v1/orders", params={"tenant": tenant}, headers=OPERATOR)
    assert answer.status_code == 200, answer.text
    return len(answer.json()["items"])


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize("dialect", [each.name for each in DIALECTS])
@pytest.mark.parametrize("alike", [False, True])
def test_what_must_come_once_and_comes_twice_is_http_400_at_every_door(
    server: Served, client: httpx.Client, dialect: str, name: str, alike: bool
) -> None:
    case = goldens(dialect)[0]
    given = {"Host": "hub.test", "Authorization": f"Bearer hub-demo-{case.tenant}"}
    given |= {"Content-Type": "application/json"}
    first, second = (each.format(tenant=case.tenant) for each in TWICE[name])
    fields = [(key, value) for key, value in given.items() if key != name]
    fields += [(name, first), (name.upper(), first if alike else second)]
    body = json.dumps(case.request.body).encode()
    fields.append(("Content-Length", str(len(body))))
    head = "".join(f"{key}: {value}\r\n" for key, value in fields)
    before = count(client, case.tenant)
    answer = server.send(f"POST {case.request.path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    assert answer.status == 400, answer
    assert answer.json(), "in the words of the door"
    assert count(client, case.tenant) == before


def test_it_is_http_400_for_the_hub_and_for_nobody_too(client: httpx.Client) -> None:
    twice = [("Authorization", "Bearer hub-demo-operator")] * 2
    for path in ("/hub/v1/tenants", "/nowhere", "/health"):
        answer = client.get(path, headers=twice)
        assert answer.status_code == 400
        assert answer.json()["detail"] == "Authorization is given more than once"


def test_other_fields_that_come_twice_are_one_list(client: httpx.Client) -> None:
    wishes = [
        ("Accept-Language", "de"),
        ("Accept-Language", "en"),
        ("Prefer", "a"),
        ("Prefer", "b"),
    ]
    answer = client.post("/api/login", json={"password": "x"}, headers=wishes)
    assert answer.json()["msg"] == "Please enter your account"
    split = [("Cookie", "lang=en"), ("Cookie", "other=1")]
    answer = client.post("/api/login", json={"password": "x"}, headers=split)
    assert answer.json()["msg"] == "Please enter your account"


ESCAPED = [
    # method, target                                      status
    ("POST", "/v2.1%2forders",                            404),
    ("POST", "/v2.1%2Forders",                            404),
    ("POST", "/v2.1/%6frders",                            404),
    ("POST", "/v2.1/orders%2f",                           404),
    ("GET",  "/hub%2fv1/tenants",                         404),
    ("GET",  "/hub/v1/%74enants",                         404),
    ("GET",  "/%68ealth",                                 404),
    ("GET",  "/hub/v1/tenants/sh%6fp/settings",            200),
    ("GET",  "/hub/v1/tenants/shop%2fsettings",           404),
    ("GET",  "/hub/v1/tenants/shop%2f..%2fhotel",         404),
    ("GET",  "/hub/v1/../v1/tenants",                     404),
]  # fmt: skip


@pytest.mark.parametrize(("method", "target", "status"), ESCAPED)
def test_an_escape_is_what_it_is_and_only_a_parameter_is_unescaped(
    server: Served, method: str, target: str, status: int
) -> None:
    token = b"Authorization: Bearer hub-demo-operator\r\nContent-Length: 0\r\n\r\n"
    line = f"{method} {target} HTTP/1.1\r\nHost: hub.test\r\n".encode()
    assert server.send(line + token).status == status


# --- who asks for himself on the hub's own machine

FORWARDING = [
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port"),
    *("X-Forwarded-Server", "Forwarded", "Via", "X-Real-IP", "X-Client-IP", "True-Client-IP"),
    *("CF-Connecting-IP", "X-Original-Host", "X-Envoy-External-Address"),
]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080"])
def test_metrics_are_open_to_who_asks_here(client: httpx.Client, host: str) -> None:
    assert client.get("/metrics", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [*({name: "127.0.0.1"} for name in FORWARDING), {"Host": "hub.example"}, {"Host": "10.0.0.1"}],
    ids=str,
)
def test_metrics_are_closed_to_whom_a_proxy_speaks_for(
    client: httpx.Client, headers: dict[str, str]
) -> None:
    assert client.get("/metrics", headers=headers).status_code == 403
    assert client.get("/metrics", headers={**headers, **OPERATOR}).status_code == 200


# --- guesses

WRONG = {"user_name": "other", "password": "wrong-000"}
RIGHT = {"user_name": "other", "password": "other123456"}
BLOCKED = "登录失败次数过多，请稍后重试"


def test_who_invents_addresses_guesses_no_more_often(client: httpx.Client) -> None:
    said = [
        client.post("/api/login", json=WRONG, headers={"X-Forwarded-For": f"10.9.8.{n}"}).json()
        for n in range(12)
    ]
    assert [each["msg"] == BLOCKED for each in said] == [False] * 10 + [True] * 2
    right = client.post("/api/login", json=RIGHT, headers={"X-Forwarded-For": "10.9.9.9"})
    assert right.json()["msg"] == BLOCKED


# --- pages


@pytest.mark.parametrize("path", ["/docs", "/docs/hub", "/docs/settings", "/docs/search?q=a"])
def test_a_page_is_in_nobodys_frame(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"].split("; ")
    assert answer.headers["x-frame-options"] == "DENY"
