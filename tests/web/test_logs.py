"""Lines are written many at a time by a thread, in order, and none is lost when the program ends."""

import io
import json
import subprocess
import sys
import threading

import pytest

from orderhub.web.logs import LAST_LINES_S, MOST_WAITING, Lines

SAYS = """
import logging, sys
from orderhub.web import logs
logs.configure("info")
log = logs.Logger("test")
for number in range(2_000):
    log.info("answered", number=number)
    if number == 1_000:
        logging.getLogger("other").warning("in between")
log.error("last")
{end}
"""


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise ValueError"])
def test_every_line_is_there_in_order_once_the_program_has_ended(end: str) -> None:
    program = SAYS.format(end=end)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    told = [json.loads(line) for line in done.stderr.splitlines() if line.startswith(b"{")]
    assert [each["number"] for each in told if each["event"] == "answered"] == list(range(2_000))
    assert [each["event"] for each in (told[1_001], told[-1])] == ["in between", "last"]
    assert told[0].keys() == {"number", "event", "level", "timestamp"}
    assert [each["timestamp"] for each in told] == sorted(each["timestamp"] for each in told)


class Pipe(io.StringIO):
    """A file that says when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.wrote = threading.Event()

    def flush(self) -> None:
        self.wrote.set()


def test_a_line_is_written_soon_without_anybody_asking() -> None:
    pipe = Pipe()
    lines = Lines(pipe)
    lines.add({"event": "a", "timestamp": 1_700_000_000.25})
    lines.add("b")
    assert pipe.wrote.wait(20)
    assert pipe.getvalue() == '{"event":"a","timestamp":"2023-11-14T22:13:20.250000Z"}\nb\n'


class Broken(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise BrokenPipeError


def test_where_nobody_reads_lines_are_let_go() -> None:
    lines = Lines(Broken())
    for number in range(100):
        lines.add(str(number))
    thread = lines._thread
    assert thread is not None
    lines.add("more")
    assert thread.is_alive()


class Stuck(Pipe):
    """A file that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.let = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.let.wait(20)
        return super().write(text)


def test_where_who_reads_stands_still_what_waits_has_a_bound_and_the_rest_is_counted() -> None:
    pipe = Stuck()
    lines = Lines(pipe)
    lines.add("first")
    assert pipe.reached.wait(20)
    for number in range(MOST_WAITING + 7):
        lines.add(str(number))
    pipe.let.set()
    assert lines.finish(20)
    told = pipe.getvalue().splitlines()
    assert told[: MOST_WAITING + 1] == ["first", *map(str, range(MOST_WAITING))]
    (last,) = map(json.loads, told[MOST_WAITING + 1 :])
    assert (last["event"], last["lines"]) == ("lines_lost", 7)
    lines.add("on")
    assert lines.finish(20)
    assert pipe.getvalue().splitlines()[-1] == "on"


def test_nobody_waits_for_who_reads() -> None:
    pipe = Stuck()
    lines = Lines(pipe)
    lines.write("first\n")
    lines.flush()
    assert pipe.reached.wait(20)
    lines.write("second\n")
    lines.flush()  # as handlers of the standard library do behind each line
    assert not lines.finish(0.01)
    pipe.let.set()
    assert lines.finish(20)
    assert pipe.getvalue() == "first\nsecond\n"


UNREAD = """
import logging, sys, threading, warnings
import structlog
from orderhub.web import logs
logs.configure("info")
logs.catch_the_rest()

class Broken:
    def __del__(self):
        raise ValueError("let go")

def breaks():
    raise ValueError("in a thread")

for number in range(2_000):
    logs.Logger("test").info("answered", number=number)
    logs.Logger("test").warning("refused", number=number)
    structlog.get_logger("other").error("broken", number=number)
    logging.getLogger("uvicorn.error").info("on its way")
    warnings.warn(f"old {number}")
    Broken()
thread = threading.Thread(target=breaks)
thread.start()
thread.join()
print("went on", flush=True)
sys.exit(3)
"""
BY_ITSELF = UNREAD[: UNREAD.index("for number")]
FULL = """
import os
from orderhub.web import logs
os.set_blocking(2, False)
try:
    while os.write(2, b"x" * 1_024):
        pass
except BlockingIOError:
    os.set_blocking(2, True)
logs.Own("info").say("worker died")
print("went on", flush=True)
"""


def unread(program: str) -> tuple[bytes, int]:
    """What a program says to its standard output, and how it ends, while nobody reads what it says of errors."""
    words = [sys.executable, "-W", "always", "-c", program]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            status = process.wait(LAST_LINES_S + 20)
        finally:
            process.kill()
        assert process.stdout is not None
        return process.stdout.read(), status


def test_where_nobody_reads_the_program_goes_on_and_ends_all_the_same() -> None:
    assert unread(UNREAD) == (b"went on\n", 3)


def test_a_process_without_a_thread_lets_its_lines_go_where_nobody_reads() -> None:
    assert unread(FULL) == (b"went on\n", 0)


@pytest.mark.parametrize(
    ("does", "level"),
    [
        ("warnings.warn('old')", "warning"),
        ("Broken()", "error"),
        ("threading.Thread(target=breaks).start()", "error"),
    ],
)
def test_what_python_says_by_itself_is_a_line_too(does: str, level: str) -> None:
    words = [sys.executable, "-W", "always", "-c", f"{BY_ITSELF}\n{does}"]
    done = subprocess.run(words, capture_output=True, check=False)
    (told,) = map(json.loads, done.stderr.splitlines())
    assert told["level"] == level


def test_what_is_said_while_a_program_ends_is_written_though_no_thread_may_begin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Python has it from 3.12 on."""

    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refused)
    pipe = Pipe()
    lines = Lines(pipe)
    assert lines.finish(LAST_LINES_S)
    assert pipe.getvalue() == "", "who has said nothing needs no thread"
    lines.add("the last word")
    assert lines.finish(LAST_LINES_S)
    lines.add("and another")
    assert pipe.getvalue() == "the last word\nand another\n"
