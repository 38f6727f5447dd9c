"""The sender against receivers of every kind, over real sockets: it says what came of it and reaches nothing closed."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderhub.delivery.sender import Reply, Sender
from orderhub.delivery.targets import Targets
from tests.support.rough_receivers import Received, Receiver, always, answer, receiving

LOOPBACK = Targets.of("127.0.0.0/8", "127.0.0.1")
PUBLIC = Targets()
SANDBOXES = Targets(is_local=True)
OK = answer(200, b"fine")


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"loop_factory": uvloop.new_event_loop}), id="uvloop"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


@asynccontextmanager
async def sending(targets: Targets = LOOPBACK, **more: Any) -> AsyncIterator[Sender]:
    sender = Sender(targets, **more)
    try:
        yield sender
    finally:
        await sender.close()


async def post(sender: Sender, where: Receiver | str, path: str = "/hook", **more: Any) -> Reply:
    url = where if isinstance(where, str) else f"http://127.0.0.1:{where.port}{path}"
    more = {"timeout_s": 5.0, **more}
    return await sender.post(url, b'{"a":1}', {"webhook-id": "evt_1"}, **more)


def names(**hosts: str) -> Any:
    """A resolver of these hosts (dots are underscores): each with what it answers, one call after the other."""
    asked: dict[str, int] = {}

    async def look_up(host: str) -> Sequence[str]:
        answers = hosts[host.replace(".", "_")].split(" then ")
        at = asked[host] = asked.get(host, -1) + 1
        return answers[min(at, len(answers) - 1)].split(",")

    return look_up


# --- what arrives


async def test_the_body_and_the_headers_arrive_as_they_are() -> None:
    async with sending() as sender, receiving(always(OK)) as receiver:
        reply = await post(sender, receiver, "/a%2Fb?token=a%20b%2B%26c")
    assert (reply.status, reply.body, reply.error) == (200, b"fine", "")
    assert reply.is_success
    assert reply.duration_us > 0
    (one,) = receiver.received
    assert one.line == "POST /a%2Fb?token=a%20b%2B%26c HTTP/1.1"
    assert one.body == b'{"a":1}'
    assert one.headers["webhook-id"] == "evt_1"
    assert one.headers["content-type"] == "application/json"
    assert one.headers["user-agent"].startswith("OrderHub/")
    assert "accept-encoding" not in one.headers


async def test_a_connection_is_used_again() -> None:
    async with sending() as sender, receiving(always(OK)) as receiver:
        for _ in range(5):
            assert (await post(sender, receiver)).status == 200
    assert receiver.connections == 1


async def test_cookies_and_proxies_are_not_for_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with (
        sending(look_up=names(hooks_example="127.0.0.1")) as sender,
        receiving(always(answer(200, set_cookie="a=b; path=/"))) as receiver,
    ):
        for _ in range(2):
            assert (await post(sender, f"http://hooks.example:{receiver.port}/")).status == 200
    assert "cookie" not in receiver.received[1].headers


@pytest.mark.parametrize("status", [200, 204, 301, 400, 410, 429, 500, 503, 599])
async def test_any_status_is_told(status: int) -> None:
    text = answer(status, b"" if status == 204 else b"why")
    async with sending() as sender, receiving(always(text)) as receiver:
        reply = await post(sender, receiver)
    assert (reply.status, reply.error) == (status, "")
    assert reply.is_success is (status < 300)


@pytest.mark.parametrize(
    ("said", "pause_s"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("99999999999999999999999", 86_400),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("-5", 0),
        ("soon", 0),
        ("1.5", 0),
        ("", 0),
    ],
)
async def test_how_long_to_wait_is_read_as_seconds_or_as_a_date(said: str, pause_s: int) -> None:
    text = answer(503, b"", Retry_After=said)
    async with sending(now_s=lambda: 1_000.0) as sender, receiving(always(text)) as receiver:
        reply = await post(sender, receiver)
    assert (reply.status, reply.retry_after_s) == (503, pause_s)


# --- receivers that are no good


async def test_an_answer_without_end_is_read_to_64_kib_and_the_connection_closed() -> None:
    async def forever(one: Received) -> None:
        await one.say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await one.say(b"1000\r\n" + b"x" * 4096 + b"\r\n")

    async with sending() as sender, receiving(forever) as receiver:
        for _ in range(2):
            reply = await post(sender, receiver)
            assert (reply.status, len(reply.body)) == (200, 65_536)
    assert receiver.connections == 2


async def test_what_is_compressed_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    text = answer(200, bomb, Content_Encoding="gzip")
    async with sending() as sender, receiving(always(text)) as receiver:
        reply = await post(sender, receiver)
    assert reply.body == bomb[:65_536]


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfine"])
async def test_an_answer_that_does_not_end_in_time_is_none(said: bytes) -> None:
    async with sending() as sender, receiving(always(said)) as receiver:
        reply = await post(sender, receiver, timeout_s=0.2)
    missing = "end of its answer 200" if said else "answer"
    assert (reply.status, reply.error) == (0, f"there was no {missing} within 0.2 s")


async def test_an_answer_that_drips_is_none() -> None:
    async def drip(one: Received) -> None:
        await one.say(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            await one.say(b"x")
            await asyncio.sleep(0.01)

    async with sending() as sender, receiving(drip) as receiver:
        reply = await post(sender, receiver, timeout_s=0.2)
    assert (reply.status, reply.error) == (0, "there was no end of its answer 200 within 0.2 s")


async def test_a_receiver_that_hangs_up_is_told_and_the_next_attempt_is_a_new_one() -> None:
    async def hang_up(one: Received) -> None:
        if one.connection > 1:
            await one.say(OK)
        one.writer.close()

    async with sending() as sender, receiving(hang_up) as receiver:
        reply = await post(sender, receiver)
        assert (reply.status, reply.error) == (0, "it closed the connection without an answer")
        assert (await post(sender, receiver)).status == 200


async def test_an_answer_that_breaks_off_is_none() -> None:
    async def half(one: Received) -> None:
        await one.say(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfine")
        one.writer.close()

    async with sending() as sender, receiving(half) as receiver:
        reply = await post(sender, receiver)
    assert (reply.status, reply.error) == (0, "its answer broke off")


async def test_nobody_there_is_told() -> None:
    async with sending() as sender, receiving(always(OK)) as receiver:
        pass
    async with sending() as sender:
        reply = await post(sender, receiver)
    assert reply.status == 0
    assert reply.error.startswith("no connection: ")


GARBAGE = [
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"\x00\x01\x02\xff\xfe" * 20,
    b"HTTP/9.9 999999 \r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nx\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 10_000 + b"\r\n",
    b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 " + b"O" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000,
    b"HTTP/1.1 2\r\n\r\n",
    b"<html>",
]


@pytest.mark.parametrize("text", GARBAGE)
async def test_garbage_is_no_success(text: bytes) -> None:
    async def say(one: Received) -> None:
        await one.say(text)
        one.writer.close()

    async with sending() as sender, receiving(say) as receiver:
        reply = await post(sender, receiver)
    assert not reply.is_success
    assert reply.error or reply.status == 101


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=60).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail),
        st.tuples(st.integers(0, len(OK)), st.binary(max_size=9)).map(
            lambda each: OK[: each[0]] + each[1] + OK[each[0] :]
        ),
    )
)
def test_no_bytes_of_a_receiver_break_the_sender(text: bytes) -> None:
    async def say(one: Received) -> None:
        await one.say(text)
        one.writer.close()

    async def run() -> Reply:
        async with sending() as sender, receiving(say) as receiver:
            return await post(sender, receiver)

    reply = uvloop.run(run())
    assert bool(reply.status) is not bool(reply.error)


# --- where it does not go


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"]
)
async def test_an_address_that_is_closed_is_not_connected_to(host: str) -> None:
    for targets in (PUBLIC, Targets(is_local=False)):
        async with sending(targets) as sender, receiving(always(OK)) as receiver:
            reply = await post(sender, f"https://{host}:{receiver.port}/", may_loopback=True)
        assert (reply.status, receiver.connections) == (0, 0)
        assert "loopback" in reply.error


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::ffff:127.0.0.1", "::1", "127.0.0.1,::1", "::ffff:127.0.0.1,127.0.0.2"],
)
async def test_a_name_that_leads_to_a_closed_address_is_not_connected_to(address: str) -> None:
    look_up = names(hooks_example=address)
    async with sending(PUBLIC, look_up=look_up) as sender, receiving(always(OK)) as receiver:
        url = f"https://hooks.example:{receiver.port}/"
        assert "which is loopback" in await sender.refusal_of(url)
        reply = await post(sender, url)
    assert (reply.status, receiver.connections) == (0, 0)
    assert "which is loopback" in reply.error


async def test_a_name_that_leads_elsewhere_after_it_was_judged_is_judged_again() -> None:
    look_up = names(hooks_example="8.8.8.8 then 127.0.0.1")
    async with sending(PUBLIC, look_up=look_up) as sender, receiving(always(OK)) as receiver:
        url = f"https://hooks.example:{receiver.port}/"
        assert await sender.refusal_of(url) == ""
        reply = await post(sender, url)
    assert (reply.status, receiver.connections) == (0, 0)
    assert reply.error == "it leads to 127.0.0.1, which is loopback"


async def test_of_several_addresses_only_open_ones_are_tried() -> None:
    targets = Targets.of("127.0.0.2/32", "0.0.0.0")
    look_up = names(hooks_example="127.0.0.1,127.0.0.2")
    async with (
        sending(targets, look_up=look_up) as sender,
        receiving(always(OK), host="0.0.0.0") as receiver,
    ):
        reply = await post(sender, f"http://hooks.example:{receiver.port}/")
        assert reply.status == 200
    (one,) = receiver.received
    assert one.writer.get_extra_info("sockname")[0] == "127.0.0.2"


async def test_plain_http_goes_only_where_an_operator_opened_it() -> None:
    targets = Targets.of("10.0.0.0/8", "0.0.0.0")
    async with sending(targets, look_up=names(hooks_example="93.184.215.14")) as sender:
        url = "http://hooks.example/"
        why = "not opened by ORDERHUB_WEBHOOK_ALLOW, as plain http needs"
        assert await sender.refusal_of(url) == f"leads to 93.184.215.14, which is {why}"
        assert (await post(sender, url)).error == f"it leads to 93.184.215.14, which is {why}"


async def test_a_connection_of_a_sandbox_serves_nobody_else() -> None:
    look_up = names(hooks_example="127.0.0.1")
    pki = _Certificates("hooks.example")
    async with (
        sending(SANDBOXES, look_up=look_up, trust=pki.trusting()) as sender,
        receiving(always(OK), pki.server) as receiver,
    ):
        url = f"https://hooks.example:{receiver.port}/"
        assert (await post(sender, url, may_loopback=True)).status == 200
        assert (await post(sender, url, may_loopback=False)).status == 0
        assert (await post(sender, url, may_loopback=True)).status == 200
    assert (receiver.connections, len(receiver.received)) == (1, 2)


async def test_a_name_that_leads_nowhere_yet_may_be_written() -> None:
    async def nowhere(_host: str) -> Sequence[str]:
        raise OSError("no such host")

    async with sending(PUBLIC, look_up=nowhere) as sender:
        assert await sender.refusal_of("https://hooks.example/") == ""
        assert (await post(sender, "https://hooks.example/")).error == "its host does not resolve"
        assert "loopback" in await sender.refusal_of("https://127.1/")


async def test_the_machines_own_resolver_is_asked() -> None:
    async with sending(SANDBOXES) as sender, receiving(always(OK)) as receiver:
        url = f"http://localhost:{receiver.port}/"
        assert await sender.refusal_of(url, may_loopback=True) == ""
        assert (await post(sender, url, may_loopback=True)).status == 200


# --- redirects


async def test_redirects_are_not_followed() -> None:
    async with sending() as sender, receiving(always(OK)) as end:
        text = answer(307, b"", Location=f"http://127.0.0.1:{end.port}/")
        async with receiving(always(text)) as receiver:
            reply = await post(sender, receiver)
    assert (reply.status, end.connections) == (307, 0)


@pytest.mark.parametrize("status", [307, 308])
async def test_a_form_may_follow_some_with_the_same_body(status: int) -> None:
    follows = frozenset((307, 308))

    async def hop(one: Received) -> None:
        there = one.line.startswith("POST /end?x=1 ")
        await one.say(OK if there else answer(status, b"", Location="/end?x=1"))

    async with sending() as sender, receiving(hop) as receiver:
        reply = await post(sender, receiver, follows=follows)
    assert (reply.status, reply.body) == (200, b"fine")
    assert [each.body for each in receiver.received] == [b'{"a":1}'] * 2


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("http://10.0.0.1/", "its URL leads to 10.0.0.1, which is private"),
        ("https://0x7f.1/", ""),
        ("http://169.254.169.254/latest", "its URL leads to 169.254.169.254, which is link-local"),
        ("http://inside.example/", "it leads to 10.0.0.1, which is private"),
        ("https://me:secret@hooks.example/", "its URL must not hold a user"),
        ("file:///etc/passwd", "its URL must begin with https://"),
        ("//[::1]/", "its URL leads to ::1, which is loopback"),
        ("http://[", "its answer is no HTTP"),
    ],
)
async def test_where_a_redirect_leads_is_judged_as_well(place: str, why: str) -> None:
    text = answer(307, b"", Location=place)
    targets = Targets.of("127.0.0.1/32", "0.0.0.0")
    look_up = names(inside_example="10.0.0.1")
    async with (
        sending(targets, look_up=look_up) as sender,
        receiving(always(text)) as receiver,
    ):
        reply = await post(sender, receiver, follows=frozenset((307,)))
    assert reply.status == 0
    assert why in reply.error


async def test_redirects_in_a_ring_end() -> None:
    async with (
        sending() as sender,
        receiving(always(answer(308, b"", Location="/again"))) as receiver,
    ):
        reply = await post(sender, receiver, follows=frozenset((308,)))
    assert "redirects more than 3 times" in reply.error
    assert len(receiver.received) == 4


# --- TLS


class _Certificates:
    def __init__(self, *hosts: str, **more: Any) -> None:
        self._authority = trustme.CA()
        self.server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(*hosts, **more).configure_cert(self.server)

    def trusting(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context


async def _tls(pki: _Certificates, host: str, trust: ssl.SSLContext | None) -> Reply:
    look_up = names(hooks_example="127.0.0.1")
    async with (
        sending(look_up=look_up, trust=trust) as sender,
        receiving(always(OK), pki.server) as receiver,
    ):
        reply = await post(sender, f"https://{host}:{receiver.port}/")
        assert len(receiver.received) == (1 if reply.is_success else 0)
        return reply


async def test_a_certificate_that_is_trusted_and_for_that_host_is_taken() -> None:
    pki = _Certificates("hooks.example", "127.0.0.1")
    for host in ("hooks.example", "127.0.0.1"):
        assert (await _tls(pki, host, pki.trusting())).status == 200


async def test_a_certificate_of_another_host_is_refused() -> None:
    pki = _Certificates("other.example")
    reply = await _tls(pki, "hooks.example", pki.trusting())
    assert reply.error.startswith("its certificate is not valid: ")


async def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    reply = await _tls(_Certificates("hooks.example"), "hooks.example", None)
    assert reply.error.startswith("its certificate is not valid: ")


async def test_a_receiver_without_tls_is_refused() -> None:
    async with sending() as sender, receiving(always(OK)) as receiver:
        started = time.monotonic()
        reply = await post(sender, f"https://127.0.0.1:{receiver.port}/", timeout_s=1.0)
        assert time.monotonic() - started < 30
    assert (reply.status, receiver.received) == (0, [])
    assert reply.error


# --- how it ends


async def test_an_attempt_that_is_called_off_is_called_off_at_once() -> None:
    reached = asyncio.Event()

    async def stall(_one: Received) -> None:
        reached.set()
        await asyncio.sleep(60)

    async with sending() as sender, receiving(stall) as receiver:
        attempt = asyncio.create_task(post(sender, receiver, timeout_s=60))
        await reached.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt


async def test_receivers_that_hang_hold_up_no_other() -> None:
    async def stall(_one: Received) -> None:
        await asyncio.sleep(60)

    async with sending() as sender, receiving(stall) as dead, receiving(always(OK)) as good:
        hanging = [asyncio.create_task(post(sender, dead, timeout_s=60)) for _ in range(50)]
        await asyncio.sleep(0)
        for _ in range(20):
            assert (await post(sender, good)).status == 200
        assert not any(each.done() for each in hanging)
        for each in hanging:
            each.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
