"""Lines are written many at a time by a thread, in order, and none is lost when the program ends."""

import io
import json
import subprocess
import sys
import threading

import pytest

from orderhub.web.logs import MOST_WAITING, Lines

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
    lines.flush()
    told = pipe.getvalue().splitlines()
    assert told[: MOST_WAITING + 1] == ["first", *map(str, range(MOST_WAITING))]
    (last,) = map(json.loads, told[MOST_WAITING + 1 :])
    assert (last["event"], last["lines"]) == ("lines_lost", 7)
    lines.add("on")
    lines.flush()
    assert pipe.getvalue().splitlines()[-1] == "on"
