"""Nobody holds a connection by doing nothing; who is slow and moves, and whom the hub makes wait, is not cut.

The server's patience here: 1 s for a head, 2 s for a body to move, 3 s of idling.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support import http
from tests.support.serving import Served, Wire

HOST = b"Host: hub.test\r\n"
GET = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
OPERATOR = {"Authorization": "Bearer hub-demo-operator"}
SHOP = b"Authorization: Bearer hub-demo-shop\r\n"
ITEMS = b"/hub/v1/tenants/shop/catalogue/"

POST = b"POST /v2/order/add HTTP/1.1\r\n" + HOST
BULK = b"POST " + ITEMS + b"products:bulk HTTP/1.1\r\n" + HOST + SHOP

LATE = {
    # sent, status; 0: nothing was begun, so nothing is said
    "silence": (b"", 0),
    "a head that stops": (b"GET /health HTTP/1.1\r\nHost: hub.test\r\nX-", 408),
    "a target that stops": (b"GET /hea", 408),
    "a body that stops": (POST + b"Content-Length: 500\r\n\r\n{", 408),
    "a chunk that stops": (POST + b"Transfer-Encoding: chunked\r\n\r\n9\r\nab", 408),
    "a stream that stops": (BULK + b"Content-Length: 500\r\n\r\n{", 408),
    "a refused body that stops": (POST + b"Content-Length: 9999999\r\n\r\n{", 200),
}


@pytest.mark.slow
def test_what_never_comes_is_not_waited_for(hurried: Served) -> None:
    """All at once, since each takes its second."""
    with ExitStack() as stack:
        wires = {name: stack.enter_context(hurried.connect()) for name in LATE}
        for name, (sent, _) in LATE.items():
            wires[name].write(sent)
        replies = {name: wire.reply() for name, wire in wires.items()}
        assert {n: reply.status for n, reply in replies.items()} == {
            n: status for n, (_, status) in LATE.items()
        }
        assert all(wire.is_closed() for wire in wires.values())
    late = [each.json() for each in replies.values() if each.status == 408]
    assert {each["type"] for each in late} == {"/docs/problems#timeout"}
    assert all(hurried.line_of(each["request_id"])["kind"] == "timeout" for each in late)


def dripping(wire: Wire, data: bytes, pause_s: float) -> bool:
    """Byte after byte, until the server has had enough."""
    for number in range(len(data)):
        if not wire.is_open() or not wire.write(data[number : number + 1]):
            return False
        time.sleep(pause_s)
    return True


def test_a_head_that_comes_byte_by_byte_is_late_all_the_same(hurried: Served) -> None:
    with hurried.connect() as wire:
        assert not dripping(wire, b"GET /health HTTP/1.1\r\nHost: " + b"a" * 1_000, 0.05)
        assert wire.reply().status == 408
        assert wire.is_closed()


@pytest.mark.slow
def test_an_idle_connection_ends_whatever_blank_lines_it_sends(hurried: Served) -> None:
    with hurried.connect() as idle, hurried.connect() as blank:
        for wire in (idle, blank):
            wire.write(GET)
            assert wire.reply().status == 200
        assert not dripping(blank, b"\r\n" * 500, 0.1)
        assert idle.is_closed()


def test_chunks_of_extensions_do_not_move_a_body(hurried: Served) -> None:
    head = b"POST /v2/order/add HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2;a="
    with hurried.connect() as wire:
        wire.write(head)
        assert not dripping(wire, b"b" * 1_000, 0.1)
        assert wire.reply().status == 408


@pytest.mark.slow
def test_a_slow_body_that_moves_is_taken(hurried: Served) -> None:
    body = b'{"user_name":"demo","password":"no"}'
    head = b"POST /api/login HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body)
    with hurried.connect() as wire:
        wire.write(head)
        assert dripping(wire, body, 0.1)
        assert wire.reply().status == 200


@pytest.mark.slow
def test_a_slow_stream_that_moves_is_taken(hurried: Served) -> None:
    def rows() -> Iterator[bytes]:
        for _ in range(10):
            yield b'{"uid":"no-such","doc":{}}\n'
            time.sleep(0.3)

    answer = http.post(
        f"{hurried.url}{ITEMS.decode()}products:bulk",
        content=rows(),
        headers={"Authorization": "Bearer hub-demo-operator"},
        timeout=20,
    )
    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == 10


@pytest.mark.parametrize("in_line", [False, True])
@pytest.mark.slow
def test_an_answer_that_takes_long_is_not_cut(hurried: Served, in_line: bool) -> None:
    """A fault of the sandbox makes the hub slow: longer than any deadline of a client's."""
    path = f"{hurried.url}/hub/v1/tenants/dropship/credentials"
    (known,) = http.get(f"{path}?kind=kakaclo", headers=OPERATOR).json()["items"][:1]
    plan = {"faults": [{"kind": "delay", "delay_s": 4.0}]}
    put = http.put(f"{path}/{known['id']}/faults", json=plan, headers=OPERATOR)
    assert put.status_code == 200, put.text
    ask = (
        b"GET /openapi/v1/payment/balance HTTP/1.1\r\n"
        + HOST
        + b"Authorization: Bearer demo-kakaclo\r\n"
    )
    with hurried.connect() as wire:
        wire.write(ask + b"\r\n" + (GET if in_line else b""))
        began = time.monotonic()
        assert wire.reply().status == 200
        assert time.monotonic() - began > 3.5, "it was not slow"
        if in_line:
            assert wire.reply().status == 200


@pytest.mark.slow
def test_an_answer_that_nobody_reads_is_given_up(hurried: Served) -> None:
    ask = b"GET /docs/hub.json HTTP/1.1\r\n" + HOST + b"\r\n"
    with hurried.connect() as wire:
        for _ in range(200):
            wire.write(ask)
            if [e for e in hurried.lines() if e.get("kind") == "not_taken"]:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("it waits still")
    with hurried.connect() as wire:
        wire.write(ask)
        assert json.loads(wire.reply().body)["openapi"] == "3.1.0"
