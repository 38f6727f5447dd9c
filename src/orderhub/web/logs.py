"""Structured logs: one JSON line an event, with the request id that the answer carried; on a terminal a line to read.

A thread writes them, many at a time: nobody else ever waits for the file or the pipe, whoever reads it. What is said of
every call waits for a moment, anything else leaves at once, behind it. Where nobody reads on for long, those that come
meanwhile are let go and counted (`lines_lost`). None is lost when the program ends, but by SIGKILL, and where nobody
reads: the end is held up for a short time only.
"""

from __future__ import annotations

import atexit
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, Protocol, TextIO, cast

import msgspec
import structlog
from structlog.dev import ConsoleRenderer, plain_traceback

_ENCODER = msgspec.json.Encoder(enc_hook=str)
_GATHERED_S = 0.05
# Where what reads the lines stands still, so many wait for it: under full load those of half a minute.
MOST_WAITING = 50_000
# The end of the program waits for the last of them so long at most.
LAST_LINES_S = 3.0
_OWN_LINE_S = 0.5
_CLOCK = "%H:%M:%S"  # of this machine, for who looks on


def _as_json(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> str:
    return _ENCODER.encode(event).decode()


class Stderr:
    """Standard error without a buffer: the lock of one would hold up the end of a program whose reader stands still."""

    def write(self, text: str) -> int:
        left = memoryview(text.encode(errors="backslashreplace"))
        while left:
            left = left[os.write(2, left) :]
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


class File(Protocol):
    """Where lines are written. Raises OSError or ValueError where it is gone."""

    def write(self, text: str, /) -> int: ...
    def flush(self) -> None: ...


class Lines:
    """What is to be written, in order. Any thread may add to it; a stream for the standard library's handlers, too.

    An event is a mapping, with its time (seconds since 1970) under `timestamp`: to word it is the work of the thread.
    `at_once`: characters written in one go, where other processes write to the same pipe; 0 = all there are.
    """

    def __init__(
        self,
        file: File,
        word: Callable[[dict[str, Any]], str] | None = None,
        at_once: int = 0,
    ) -> None:
        self._file = file
        self._word = word or _text
        self._at_once = at_once
        # An event of threading's stands behind the lines that somebody waits for.
        self._waiting: deque[str | dict[str, Any] | threading.Event] = deque()
        self._there = threading.Event()
        self._hurry = threading.Event()
        self._lost = 0
        self._losing = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, line: str | dict[str, Any]) -> None:
        if len(self._waiting) >= MOST_WAITING:
            with self._losing:
                self._lost += 1
            return
        self._waiting.append(line)
        self._wake()

    def _wake(self) -> None:
        if not self._there.is_set():
            self._there.set()
            if (
                self._thread is None or not self._thread.is_alive()
            ):  # none yet, or none since a fork
                self._thread = threading.Thread(target=self._run, name="orderhub-log", daemon=True)
                try:
                    self._thread.start()
                except (
                    RuntimeError
                ):  # of Python 3.12 and later, once the program ends: nobody else writes then
                    self._there.clear()
                    self._write_all()

    def write(self, text: str) -> int:
        """For who takes this for a stream: whole lines, or their ends."""
        if text != "\n":
            self.add(text.removesuffix("\n"))
        return len(text)

    def flush(self) -> None:
        """For who takes this for a stream: what waits is written without delay. Waits for nothing."""
        self._hurry.set()

    def finish(self, within_s: float) -> bool:
        """Whether all that was added is written, waiting for so long at most (seconds)."""
        if self._thread is None and not self._waiting:
            return True
        written = threading.Event()
        self._waiting.append(written)
        self._hurry.set()
        self._wake()
        return written.wait(within_s)

    def _write_all(self) -> None:
        waited_for: list[threading.Event] = []
        lines: list[str] = []
        size = 0
        while self._waiting:
            line = self._waiting.popleft()
            if isinstance(line, threading.Event):
                waited_for.append(line)
                continue
            text = line if isinstance(line, str) else self._word(line)
            if self._at_once and lines and size + len(text) >= self._at_once:
                self._put(lines)
                lines, size = [], 0
            lines.append(text)
            size += len(text) + 1
        if self._lost:
            lines.append(self._word(self._loss()))
        self._put(lines)
        for each in waited_for:
            each.set()

    def _loss(self) -> dict[str, Any]:
        with self._losing:
            lost, self._lost = self._lost, 0
        told = {"lines": lost, "event": "lines_lost", "level": "warning"}
        return {**told, **_always, "timestamp": time.time()}

    def _put(self, lines: list[str]) -> None:
        """Where nobody reads on the pipe is gone: no reason to stop taking orders."""
        with suppress(OSError, ValueError):
            if lines:
                self._file.write("\n".join((*lines, "")))
            self._file.flush()

    def _run(self) -> None:
        while True:
            self._there.wait()
            self._hurry.wait(_GATHERED_S)
            self._hurry.clear()
            self._there.clear()
            self._write_all()


def _text(event: dict[str, Any]) -> str:
    at = event["timestamp"]
    micros = int(at % 1 * 1_000_000)
    event["timestamp"] = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{micros:06d}Z"
    return _ENCODER.encode(event).decode()


_to: Lines | None = None  # where lines go once they are configured
_tells_info = False
_always: dict[str, Any] = {}  # what every line says
_configured: dict[str, Any] = {}  # what `configure` was told last
# Of a pipe, so many bytes are written by one process without another's between them (PIPE_BUF).
_WHOLE = 4_096


class Logger:
    """For what is said with every call: as structlog's own loggers, but little is done before `info` returns."""

    def __init__(self, name: str) -> None:
        self._log = structlog.get_logger(name)
        self.warning = self._log.warning
        self.error = self._log.error

    def info(self, event: str, **members: Any) -> None:
        if _to is None:
            self._log.info(event, **members)
        elif _tells_info:
            members |= _always
            members["event"] = event
            members["level"] = "info"
            members["timestamp"] = time.time()
            _to.add(members)


def flush() -> None:
    """Write what waits: before the program ends. Where nobody reads, only so long as LAST_LINES_S."""
    if _to is not None:
        _to.finish(LAST_LINES_S)


def _tell_always(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> Any:
    return {**event, **_always}


def configure(level: str = "info", *, is_json: bool | None = None, **always: Any) -> None:
    """Send structlog's and the standard library's lines to stderr: as JSON, unless that is a terminal.

    `always`: what every line says, to tell this process from those that write beside it.
    """
    global _to, _tells_info
    number = getattr(logging, level.upper(), logging.INFO)
    if _to is None:
        atexit.register(flush)
    flush()
    if is_json is None:
        is_json = not sys.stderr.isatty()
    _configured.clear()
    _configured.update({"level": level, "is_json": is_json, **always})
    stamper: Any = structlog.processors.TimeStamper(fmt="iso", utc=True)
    worded: Any = _as_json
    word: Callable[[dict[str, Any]], str] = _text
    if not is_json:
        stamper = structlog.processors.TimeStamper(fmt=_CLOCK, utc=False)
        worded = _for_people()
        word = _read_by(worded)
    # Whoever put something else in its place, as tests do, reads that.
    file = Stderr() if sys.stderr is sys.__stderr__ else sys.stderr
    _to, _tells_info = Lines(file, word, _WHOLE if always else 0), number <= logging.INFO
    _always.clear()
    _always.update(always)
    named = (_tell_always,) if always else ()
    shared: list[Any] = [*named, structlog.stdlib.add_log_level, stamper]
    traced = [structlog.processors.format_exc_info] if is_json else []
    structlog.configure(
        processors=[*shared, *traced, worded],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _to)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(cast(TextIO, _to))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *traced,
                worded,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    # Which kind of database it found is no news: what is refused at the start stays one sentence.
    logging.getLogger("alembic").setLevel(max(number, logging.WARNING))
    # The server's own steps are told by what the hub says itself; a program that reads lines has them all.
    quiet = number if is_json else max(number, logging.WARNING)
    logging.getLogger("uvicorn").setLevel(quiet)


def as_configured() -> dict[str, Any]:
    """What `configure` was told last: for a process that is to write as this one does."""
    return dict(_configured)


def _for_people() -> Any:
    """structlog's lines for a terminal, plain where NO_COLOR or TERM=dumb asks for it."""
    is_plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return ConsoleRenderer(
        colors=not is_plain, pad_event_to=12, pad_level=False, exception_formatter=plain_traceback
    )


def _read_by(renderer: Any) -> Callable[[dict[str, Any]], str]:
    """What is said of every call, worded by the thread that writes."""

    def word(event: dict[str, Any]) -> str:
        event["timestamp"] = time.strftime(_CLOCK, time.localtime(event["timestamp"]))
        return str(renderer(None, event["level"], event))

    return word


def catch_the_rest() -> None:
    """What Python itself would write to stderr becomes lines, too: written there by whoever it happens to, it waits."""
    logging.captureWarnings(capture=True)
    log = logging.getLogger("orderhub.python")

    def of_thread(broken: threading.ExceptHookArgs) -> None:
        if isinstance(broken.exc_value, SystemExit):
            return  # as Python's own hook has it: a thread that ends by it is not broken
        name = broken.thread.name if broken.thread else "?"
        log.error("a thread broke: %s", name, exc_info=broken.exc_value)

    def of_nobody(broken: sys.UnraisableHookArgs) -> None:
        log.error("%s: %r", broken.err_msg or "ignored", broken.object, exc_info=broken.exc_value)

    threading.excepthook = of_thread
    sys.unraisablehook = of_nobody


class Own:
    """Lines of a process without a thread, since it forks others: written at once and whole, or let go."""

    def __init__(self, level: str) -> None:
        self._least = getattr(logging, level.upper(), logging.INFO)

    def say(self, event: str, **members: Any) -> None:
        self._write("info", event, members)

    def warn(self, event: str, **members: Any) -> None:
        self._write("warning", event, members)

    def _write(self, level: str, event: str, members: dict[str, Any]) -> None:
        if getattr(logging, level.upper()) < self._least:
            return
        line = _text({**members, "event": event, "level": level, "timestamp": time.time()})
        # What may be written to has room for a line of less than _WHOLE.
        with suppress(OSError):
            if select.select((), (2,), (), _OWN_LINE_S)[1]:
                os.write(2, f"{line}\n".encode())
