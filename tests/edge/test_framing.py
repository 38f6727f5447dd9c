"""What is no proper HTTP is told so and closed; what two readers could read in two ways is read in none."""

from __future__ import annotations

import pytest

from tests.support.serving import Served

HOST = b"Host: hub.test\r\n"
CHUNKED = b"POST /v2/order/add HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n"
POST = b"POST /v2/order/add HTTP/1.1\r\n" + HOST
GET = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"

ODD = {
    "a length and chunks": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
    "one length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n12345",
    "a length beyond numbers": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\n12345",
    "a chunk beyond numbers": CHUNKED + b"\r\nFFFFFFFFFFFFFFFFFFFFFF\r\nabc",
    "a chunk of no size": CHUNKED + b"\r\n-3\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"\r\n3\r\nabcdef\r\n0\r\n\r\n",
    "a chunk extension with a bare LF": CHUNKED + b"\r\n3;a\nabc\r\n0\r\n\r\n",
    "a chunk extension with a NUL": CHUNKED + b"\r\n3;a=\x00\r\nabc\r\n0\r\n\r\n",
    "a coding nobody knows": POST + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "chunks that are something else": CHUNKED + b"Transfer-Encoding: identity\r\n\r\nabc",
    "bare LF": b"GET /health HTTP/1.1\nHost: hub.test\n\n",
    "bare CR": b"GET /health HTTP/1.1\rHost: hub.test\r\r",
    "a folded header": b"GET /health HTTP/1.1\r\n" + HOST + b"X-A: a\r\n b\r\n\r\n",
    "a blank before the colon": b"GET /health HTTP/1.1\r\nHost : hub.test\r\n\r\n",
    "a NUL in a header": b"GET /health HTTP/1.1\r\n" + HOST + b"X-A: a\x00b\r\n\r\n",
    "a target with another host": b"GET http://a.test/health HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target with a user": b"GET http://x@hub.test/health HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target beyond ASCII": "GET /ü HTTP/1.1\r\n".encode() + HOST + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": bytes.fromhex("16030100a5010000a10303") + b"\x00" * 32,
    "nothing of the kind": b"hello?\r\n\r\n",
}


@pytest.mark.parametrize("sent", ODD.values(), ids=ODD)
def test_odd_framing_is_refused_and_the_connection_closed(server: Served, sent: bytes) -> None:
    with server.connect() as wire:
        wire.write(sent)
        reply = wire.reply()
        assert reply.status == 400, reply
        assert wire.is_closed()
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["connection"] == "close"
    problem = reply.json()
    assert (problem["status"], problem["type"]) == (400, "/docs/problems#malformed")
    assert problem["request_id"] == reply.headers["request-id"]
    line = server.line_of(problem["request_id"])
    assert (line["event"], line["kind"], line["client"]) == ("refused", "malformed", "127.0.0.1")


def test_a_target_may_name_the_host_that_the_host_field_names(server: Served) -> None:
    with server.connect() as wire:
        wire.write(b"GET http://HUB.test/health?a=http://b/ HTTP/1.1\r\n" + HOST + b"\r\n")
        assert wire.reply().status == 200


def test_what_came_before_a_fault_is_answered_first(server: Served) -> None:
    with server.connect() as wire:
        wire.write(GET + GET + b"rubbish\r\n\r\n" + GET)
        assert [wire.reply().status for _ in range(3)] == [200, 200, 400]
        assert wire.is_closed()


def test_a_body_that_breaks_off_in_the_middle_is_refused_at_once(server: Served) -> None:
    with server.connect() as wire:
        wire.write(CHUNKED + b"\r\n3\r\nabc\r\n")
        wire.write(b"x\r\n")
        assert wire.reply().status == 400
        assert wire.is_closed()


def test_a_broken_request_in_line_is_never_begun(server: Served) -> None:
    with server.connect() as wire:
        wire.write(GET + CHUNKED + b"\r\n3\r\nabc\r\nx\r\n")
        assert [wire.reply().status for _ in range(2)] == [200, 400]
        assert wire.is_closed()


def test_an_extension_of_a_chunk_is_read_over(server: Served) -> None:
    assert server.send(CHUNKED + b"\r\n2;a=b\r\n{}\r\n0\r\n\r\n").status == 200


@pytest.mark.parametrize("trailer", [b"", b"X-More: 1\r\n"])
def test_a_trailer_is_no_header_of_its_request_nor_of_the_next(
    server: Served, trailer: bytes
) -> None:
    token = b"Authorization: Bearer hub-demo-operator\r\n"
    ask = b" /hub/v1/tenants HTTP/1.1\r\n" + HOST
    chunks = b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + token + trailer + b"\r\n"
    with server.connect() as wire:
        wire.write(b"GET" + ask + chunks + b"GET" + ask + b"\r\n")
        assert [wire.reply().status for _ in range(2)] == [401, 401]


def test_trailers_have_an_end(server: Served) -> None:
    with server.connect() as wire:
        wire.write(CHUNKED + b"\r\n2\r\n{}\r\n0\r\n")
        for _ in range(200):
            if not wire.write(b"X-A: " + b"a" * 1_000 + b"\r\n"):
                break
        assert wire.reply().status == 400
        assert wire.is_closed()


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
def test_a_wish_for_another_protocol_is_answered_in_this_one_and_closed(
    server: Served, protocol: bytes
) -> None:
    wish = HOST + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
    with server.connect() as wire:
        wire.write(b"GET /health HTTP/1.1\r\n" + wish + b"\x00\x00\x12\x04")
        reply = wire.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert wire.is_closed()


def test_refusals_are_counted_by_kind(server: Served) -> None:
    def count() -> float:
        with server.connect() as wire:
            wire.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            told = wire.reply().body.decode()
        name = 'orderhub_edge_refusals_total{kind="malformed"} '
        assert float(told.split("\norderhub_connections ")[1].split("\n")[0]) >= 1
        return float(told.split(name)[1].split("\n")[0]) if name in told else 0.0

    before = count()
    server.send(ODD["bare LF"])
    assert count() == before + 1
