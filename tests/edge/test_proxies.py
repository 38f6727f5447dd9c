"""Forwarded headers are believed from the trusted proxies alone, and from there all of them; in a real server."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from orderhub.dialects.auth import set_cookie
from orderhub.dialects.contract import Call, Called
from orderhub.dialects.finding import find_dialects
from orderhub.web.proxies import TrustedProxies
from tests.support import http
from tests.support.serving import Served, serving

ORDER = {
    "currencyCode": "EUR",
    "orderedAt": "2024-01-01T16:17:16Z",
    "price": 50,
    "referenceId": "B94TXY-1",
}
DIALECTS = find_dialects()
PUBLIC = "http://internal:1"
HOST, PROTO = {"X-Forwarded-Host": "shop.example"}, {"X-Forwarded-Proto": "https"}
FOR = {"X-Forwarded-For": "203.0.113.7"}
LOGIN = {"user_name": "demo", "password": "demo123456"}


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    proxies = "127.0.0.0/8, 10.0.0.9"
    folder = tmp_path_factory.mktemp("trusting")
    with serving(folder, trusted_proxies=proxies, public_url=PUBLIC) as served:
        yield served


CASES = [
    # headers                                             links begin with
    ({},                                                  PUBLIC),
    (HOST | PROTO,                                        "https://shop.example"),
    (HOST | PROTO | FOR,                                  "https://shop.example"),
    (HOST | FOR | {"X-Forwarded-Proto": "http"},          "http://shop.example"),
    (HOST | FOR,                                          "https://shop.example"),
    (PROTO | FOR,                                         PUBLIC),
    (PROTO | {"X-Forwarded-Host": "a.example, b.example:8443"}, "https://b.example:8443"),
    (PROTO | {"X-Forwarded-Host": "evil/..\\"},           PUBLIC),
    (HOST | {"X-Forwarded-Proto": "gopher"},              PUBLIC),
]  # fmt: skip


def href(served: Served, headers: dict[str, str]) -> str:
    known = {"Authorization": "Bearer hub-demo-cdp", "Idempotency-Key": str(headers)}
    order = {**ORDER, "referenceId": str(abs(hash(str(headers))))}
    answer = http.post(f"{served.url}/v2.1/orders", json=order, headers={**known, **headers})
    assert answer.status_code == 201, answer.text
    link: str = answer.json()["href"]
    return link


@pytest.mark.parametrize(("headers", "base"), CASES)
def test_links_are_built_from_the_public_base_url_or_a_trusted_proxys(
    trusting: Served, headers: dict[str, str], base: str
) -> None:
    assert href(trusting, headers).startswith(f"{base}/")


def test_nobody_is_believed_by_default(server: Served) -> None:
    assert href(server, HOST | PROTO | FOR).startswith(f"{server.url}/")


def cookie(served: Served, headers: dict[str, str]) -> list[str]:
    answer = http.post(f"{served.url}/api/login", json=LOGIN, headers=headers)
    assert answer.json()["code"] == 0, answer.text
    first, *attributes = answer.headers["set-cookie"].split("; ")
    assert first.startswith("token=")
    return attributes


ATTRIBUTES = ["Path=/", "Max-Age=86400", "HttpOnly", "SameSite=Lax"]


def test_the_login_cookie_is_for_https_alone_where_the_client_came_by_it(
    trusting: Served, server: Served
) -> None:
    assert cookie(trusting, PROTO | FOR) == [*ATTRIBUTES, "Secure"]
    assert cookie(trusting, {"X-Forwarded-Proto": "http"} | FOR) == ATTRIBUTES
    assert cookie(trusting, {}) == ATTRIBUTES
    assert cookie(server, PROTO | FOR) == ATTRIBUTES, "said by nobody who is trusted"


def test_the_login_cookie_follows_the_public_url_where_no_proxy_says() -> None:
    def secure(public_url: str, called: Called) -> bool:
        hub: Any = SimpleNamespace(public_url=public_url)
        call = Call(hub=hub, dialect=DIALECTS[0], method="GET", path="/", called=called)
        return "; Secure" in set_cookie(call, "token", "x", 1)[1]

    assert secure("https://shop.example", Called())
    assert not secure("http://shop.example", Called())
    assert not secure("https://shop.example", Called(scheme="http"))
    assert secure("http://shop.example", Called(scheme="https"))
    assert secure("http://shop.example", Called(host="shop.example")), "as links say"


def test_registering_sets_the_same_cookie(trusting: Served) -> None:
    fresh = {"user_name": "cookie", "password": "secret-1", "email": "cookie@example.com"}
    answer = http.post(f"{trusting.url}/api/register", json=fresh, headers=PROTO)
    assert answer.headers["set-cookie"].split("; ")[1:] == [*ATTRIBUTES, "Secure"]


def test_the_site_is_found_by_the_host_that_the_client_called(trusting: Served) -> None:
    """`shop.example` is another merchant's site: the shop's users are nobody there."""
    site = {"kind": "anqicms.site", "name": "shop.example", "data": {"site": "7"}}
    operator = {"Authorization": "Bearer hub-demo-operator"}
    path = f"{trusting.url}/hub/v1/tenants/omni/credentials"
    made = http.post(path, json=site, headers=operator)
    assert made.status_code == 201, made.text
    path = f"{trusting.url}/api/login"
    assert http.post(path, json=LOGIN).json()["code"] == 0
    assert http.post(path, json=LOGIN, headers=HOST).json()["code"] == -1
    assert http.post(f"{path}?site_id=1", json=LOGIN, headers=HOST).json()["code"] == 0


def test_guesses_from_many_addresses_count_by_account(trusting: Served) -> None:
    wrong = {"user_name": "other", "password": "wrong-000"}
    said = [
        http.post(
            f"{trusting.url}/api/login", json=wrong, headers={"X-Forwarded-For": f"203.0.113.{n}"}
        )
        for n in range(12)
    ]
    blocked = [each.headers.get("retry-after") is not None for each in said]
    assert blocked == [False] * 10 + [True] * 2


def test_metrics_need_a_token_where_a_proxy_may_be_on_this_machine(trusting: Served) -> None:
    assert http.get(f"{trusting.url}/metrics").status_code == 403
    operator = {"Authorization": "Bearer hub-demo-operator"}
    assert http.get(f"{trusting.url}/metrics", headers=operator).status_code == 200


CLIENTS = [
    # peer                  X-Forwarded-For                    client
    ("203.0.113.1",         "198.51.100.1",                    "203.0.113.1"),
    ("127.0.0.1",           "",                                "127.0.0.1"),
    ("127.0.0.1",           "198.51.100.1",                    "198.51.100.1"),
    ("127.0.0.1",           "1.1.1.1, 198.51.100.1",           "198.51.100.1"),
    ("127.0.0.1",           "198.51.100.1, 10.0.0.9",          "198.51.100.1"),
    ("127.0.0.1",           "198.51.100.1,10.0.0.9, 127.0.0.3", "198.51.100.1"),
    ("127.0.0.1",           "198.51.100.1, 10.0.0.8",          "10.0.0.8"),
    ("127.0.0.1",           "10.0.0.9",                        "10.0.0.9"),
    ("127.0.0.1",           "198.51.100.1:4711",               "198.51.100.1"),
    ("127.0.0.1",           "[2001:db8::1]:4711",              "2001:db8::1"),
    ("127.0.0.1",           "2001:DB8::1",                     "2001:db8::1"),
    ("127.0.0.1",           "198.51.100.1, unknown",           "127.0.0.1"),
    ("127.0.0.1",           "unknown, 198.51.100.1",           "198.51.100.1"),
    ("::ffff:127.0.0.1",    "198.51.100.1",                    "198.51.100.1"),
    ("",                    "198.51.100.1",                    ""),
]  # fmt: skip


@pytest.mark.parametrize(("peer", "hops", "client"), CLIENTS)
def test_the_client_is_the_last_that_is_no_trusted_proxy(peer: str, hops: str, client: str) -> None:
    proxies = TrustedProxies("127.0.0.0/8, 10.0.0.9")
    assert proxies.behind(peer, {"x-forwarded-for": hops})[0] == client
