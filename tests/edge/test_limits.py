"""How much one connection, and all of them together, may take from the others."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from orderhub.settings import ProgramSettings, SettingRefused
from orderhub.web.edge import limits_of
from tests.support.serving import Served, Wire, serving
from tests.support.waiting import until

GET = b"GET /health HTTP/1.1\r\nHost: hub.test\r\n"
MIB_KB = 1_024

HEADS = [
    # what                                                            status
    (GET + b"X-A: " + b"a" * 31_000 + b"\r\n\r\n",                    200),
    (GET + b"X-A: " + b"a" * 33_000 + b"\r\n\r\n",                    431),
    (GET + b"X-A: " + b"a" * 5_000_000 + b"\r\n\r\n",                 431),
    (GET + b"X-A: " + b"a" * 1_000_000,                               431),
    (GET + b"X" * 1_000_000,                                          431),
    (GET + (b"X-A: " + b"a" * 4_000 + b"\r\n") * 9 + b"\r\n",         431),
    (GET + b"X-A: a\r\n" * 99 + b"\r\n",                              200),
    (GET + b"X-A: a\r\n" * 100 + b"\r\n",                             431),
    (GET + b"X-A: a\r\n" * 50_000 + b"\r\n",                          431),
    (b"GET /" + b"x" * 31_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",      404),
    (b"GET /" + b"x" * 33_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",      431),
    (b"GET /" + b"x" * 1_000_000,                                     431),
]  # fmt: skip


@pytest.mark.parametrize(("head", "status"), HEADS)
@pytest.mark.parametrize("piece", [1_000_000, 5_000])
def test_a_head_has_32_kib_and_100_fields(
    server: Served, head: bytes, status: int, piece: int
) -> None:
    with server.connect() as wire:
        for start in range(0, len(head), piece):
            if not wire.write(head[start : start + piece]):
                break
        reply = wire.reply()
        assert reply.status == status
        if status == 431:
            assert reply.json()["type"] == "/docs/problems#head_too_large"
            assert wire.is_closed()


def test_300_mb_of_headers_cost_less_than_2_mb(server: Served) -> None:
    line = b"X-A: " + b"a" * 1_000_000 + b"\r\n"
    server.send(GET + b"\r\n")
    server.forget_peak()
    before = server.memory_kb()
    with ExitStack() as stack:
        for number in range(300):
            if number % 60 == 0:  # five clients, each of whom goes on for as long as he can
                wire = stack.enter_context(server.connect())
                wire.write(GET)
            wire.write(line)
    assert server.memory_kb("VmHWM") - before < 2 * MIB_KB


def test_requests_in_line_are_answered_in_order(server: Served) -> None:
    with server.connect() as wire:
        wire.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(33)))
        assert [wire.reply().json()["instance"] for _ in range(33)] == [f"/{n}" for n in range(33)]
        wire.write(GET + b"\r\n")
        assert wire.reply().status == 200


def test_more_in_line_are_refused_once_those_before_are_answered(server: Served) -> None:
    with server.connect() as wire:
        wire.write((GET + b"\r\n") * 100)
        statuses = [wire.reply().status for _ in range(34)]
        assert statuses == [200] * 33 + [503]
        assert wire.is_closed()


def test_200_000_requests_whose_answers_nobody_reads_cost_next_to_nothing(server: Served) -> None:
    server.send(GET + b"\r\n")
    server.forget_peak()
    before = server.memory_kb()
    with server.connect() as wire:
        for _ in range(2_000):
            if not wire.write((GET + b"\r\n") * 100):
                break
        assert [wire.reply().status for _ in range(34)][-1] in {503, 0}
        assert wire.is_closed()
    assert server.memory_kb("VmHWM") - before < 4 * MIB_KB


# --- bodies


def order(size: int, sent: int) -> bytes:
    """A request whose body is so large, and as much of it as is sent."""
    head = f"POST /openapi/v1/order/order HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + b" " * sent


async def test_large_bodies_have_so_much_memory_together_and_small_ones_always_pass(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, max_bodies_bytes=1_000_000) as served, ExitStack() as stack:

        async def status(size: int = 300_000) -> int:
            return served.send(order(size, size)).status

        assert await status(1_000_001) == 401, "alone as large as it may be"
        held = [stack.enter_context(served.connect()) for _ in range(3)]
        for wire in held:
            wire.write(order(300_000, 70_000))
        await until(status, lambda seen: seen == 503)
        busy = served.send(order(300_000, 70_000))
        assert (busy.status, busy.headers["retry-after"]) == (503, "2"), "before all of it has come"
        assert await status(64 * 1024) == 401
        assert await status(100_000) == 401, "there is room for it"
        assert all(wire.is_open() for wire in held)
        held[0].write(b" " * 230_000)
        assert held[0].reply().status == 401, "what was begun is read to its end"
        assert await status() == 401
        held[0].write(order(300_000, 70_000))
        await until(status, lambda seen: seen == 503)
        for wire in held:
            wire.close()
        await until(lambda: status(1_000_000), lambda seen: seen == 401)


def test_bodies_that_never_end_cost_no_more_than_that(server: Served) -> None:
    server.send(order(200, 200))
    server.forget_peak()
    before = server.memory_kb()
    with ExitStack() as stack:
        for _ in range(400):
            wire = stack.enter_context(server.connect())
            wire.write(order(1_000_000, 999_000))
        assert server.memory_kb("VmHWM") - before < 200 * MIB_KB


# --- connections


def ready(wire: Wire) -> int:
    wire.write(GET + b"\r\n")
    return wire.reply().status


def test_connections_follow_the_limit_of_files_and_the_rest_are_refused_at_once(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, files=256) as served, ExitStack() as stack:
        # 256 files, to which the 128 at the start were raised, less 128 for the hub's own use.
        held = [stack.enter_context(served.connect()) for _ in range(128)]
        assert [ready(wire) for wire in held] == [200] * 128
        more = [stack.enter_context(served.connect()) for _ in range(300)]
        refused = [wire.reply() for wire in more]
        assert {each.status for each in refused} <= {503, 0}
        told = [each for each in refused if each.status]
        assert len(told) >= 64, "the first hear why; all are closed"
        assert {each.json()["type"] for each in told} == {"/docs/problems#too_many_connections"}
        assert {each.headers["retry-after"] for each in told} == {"1"}
        assert all(wire.is_closed() for wire in more)
        assert [ready(wire) for wire in held] == [200] * 128, "who is in is served on"
        held[0].close()
        held[1].close()
        assert until_served(served) == 200


def until_served(served: Served) -> int:
    """A closed connection's place is free once the server has noticed."""
    status = 0
    for _ in range(50):
        with served.connect() as wire:
            status = ready(wire)
        if status == 200:
            break
    return status


def test_a_set_limit_holds_and_one_beyond_the_files_stops_the_start() -> None:
    assert limits_of(ProgramSettings(), 1_024).connections == 896
    assert limits_of(ProgramSettings(), 100).connections == 50
    assert limits_of(ProgramSettings(), 1_048_576).connections == 16_384
    assert limits_of(ProgramSettings(max_connections=5), 1_024).connections == 5
    with pytest.raises(SettingRefused, match="at most 896 where a process may open 1024 files"):
        limits_of(ProgramSettings(max_connections=897), 1_024)
