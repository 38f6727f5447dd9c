"""What the edge refuses, and who leaves too early, is in the request log of whom it was, and of nobody else."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support import http
from tests.support.serving import PATIENCE_S, Served

HOST = b"Host: hub.test\r\n"
KAKACLO = b"Authorization: Bearer demo-kakaclo\r\n"
NOBODY = b"Authorization: Bearer nobody-at-all\r\n"
ORDER = b"/openapi/v1/order/order"
POST = b"POST " + ORDER + b"?n=%d HTTP/1.1\r\n" + HOST
TOO_MANY = b"X-A: a\r\n" * 100

REFUSED = {
    # what: (sent, the answer's status, the reason that is kept)
    "a head too large": (POST % 1 + KAKACLO + TOO_MANY + b"\r\n", 431, "head_too_large"),
    "a field too large": (POST % 2 + KAKACLO + b"X: " + b"a" * 40_000, 431, "head_too_large"),
    "no valid HTTP": (POST % 3 + KAKACLO + b"Accept: */*\r\nX A: b\r\n\r\n", 400, "malformed"),
    "a head that stops": (POST % 4 + KAKACLO + b"X-", 408, "timeout"),
    "a body that stops": (POST % 5 + KAKACLO + b"Content-Length: 500\r\n\r\n{", 408, "timeout"),
    "a chunk that is none": (
        POST % 6 + KAKACLO + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
        "malformed",
    ),
}


def kept(server: Served, **query: Any) -> list[dict[str, Any]]:
    answer = http.get(
        f"{server.url}/hub/v1/requests",
        params=query,
        headers={"Authorization": "Bearer hub-demo-operator"},
        timeout=PATIENCE_S,
    )
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def soon_kept(server: Served, **query: Any) -> dict[str, Any]:
    """The one call; whose it was is looked up behind the answer's back."""
    until = time.monotonic() + PATIENCE_S
    while not (found := kept(server, **query)):
        assert time.monotonic() < until, query
        time.sleep(0.02)
    (only,) = found
    return only


@pytest.mark.parametrize("what", REFUSED)
def test_what_the_edge_refuses_is_kept_under_the_id_that_was_told(
    hurried: Served, what: str
) -> None:
    sent, status, reason = REFUSED[what]
    reply = hurried.send(sent)
    assert reply.status == status
    request_id = reply.headers["request-id"]
    found = soon_kept(hurried, request_id=request_id)
    assert (found["status"], found["reason"]) == (status, reason)
    assert (found["tenant"], found["channel"], found["method"]) == ("dropship", "kakaclo", "POST")
    assert found["path"] == ORDER.decode()
    assert found["credential"].startswith("kakaclo-")
    whole = http.get(
        f"{hurried.url}/hub/v1/requests/{request_id}",
        headers={"Authorization": "Bearer hub-demo-dropship"},
    ).json()
    assert whole["query"].startswith("n=")
    assert whole["request"]["headers"]["authorization"] == "[secret]"
    assert whole["answer"]["body"] == reply.body.decode()


def test_nobodys_requests_stay_out(hurried: Served) -> None:
    refused = [
        hurried.send(sent.replace(KAKACLO, instead)).headers["request-id"]
        for sent, status, _ in REFUSED.values()
        for instead in (b"", NOBODY)
        if status != 408
    ]
    hurried.send(POST % 9 + KAKACLO + TOO_MANY + b"\r\n")  # what came before it has been looked up
    soon_kept(hurried, tenant="dropship", reason="head_too_large", limit=1)
    assert [each for each in refused if kept(hurried, request_id=each)] == []


@pytest.mark.parametrize(
    "sent",
    [
        POST % 7 + KAKACLO + b"Content-Length: 500\r\n\r\n{",
        b"POST /hub/v1/tenants/dropship/catalogue/products:bulk HTTP/1.1\r\n"
        + HOST
        + b"Authorization: Bearer hub-demo-dropship\r\nContent-Length: 500\r\n\r\n{",
    ],
    ids=["a call", "a load"],
)
def test_whose_client_left_before_the_request_was_complete_is_kept(
    server: Served, sent: bytes
) -> None:
    path = sent.split(b" ")[1].partition(b"?")[0].decode()
    with server.connect() as wire:
        wire.write(sent)
    found = soon_kept(server, tenant="dropship", path=path, reason="client_left")
    assert (found["status"], found["reason"]) == (None, "client_left")


def test_an_unknown_path_of_a_known_tenant_is_kept(server: Served) -> None:
    reply = server.send(
        b"GET /openapi/v1/nothing HTTP/1.1\r\n" + HOST + KAKACLO + b"Connection: close\r\n\r\n"
    )
    found = soon_kept(server, request_id=reply.headers["request-id"])
    assert (found["tenant"], found["reason"]) == ("dropship", "not_found")
