"""Several processes on one port: started, watched, started again when one dies, ended together.

They are forked from a process that does nothing else: it has no thread and no connection. Each accepts from a socket of
its own, between which the kernel spreads connections (SO_REUSEPORT). This process holds them all: who called a moment
before a worker died is answered by the one that takes its place.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

# Who dies sooner than this did not come to serve: it is waited longer each time before the next try.
_YOUNG_S = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
# Nobody is kept waiting longer for a worker that does not come: the others get all connections meanwhile.
_KEPT_WAITING_S = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Say(Protocol):
    """A line of the log: what happened, to which worker."""

    def __call__(self, event: str, *, worker: int, **members: object) -> None: ...


@dataclass
class _Worker:
    number: int
    listener: socket.socket | None = None
    pid: int = 0  # 0 = it does not run
    began: float = 0.0
    pause_s: float = 0.0  # before the next try
    due: float = 0.0


class Workers:
    """`work` is what a worker does, given its number from 1 on and its socket; it ends when it gets SIGTERM.

    `listen` makes a socket on the one port, `gone` is told the number of one that died.
    """

    def __init__(
        self,
        count: int,
        listen: Callable[[], socket.socket],
        work: Callable[[int, socket.socket], None],
        gone: Callable[[int], None],
        say: Say,
    ) -> None:
        self._workers = [_Worker(number, listen()) for number in range(1, count + 1)]
        self._listen = listen
        self._work, self._gone, self._say = work, gone, say
        self._asked = 0  # how often it was asked to end
        self._status = 0
        # A worker's end of the lifeline ends when this process does, however that comes.
        self._lifeline, self._held = os.pipe()
        self._woken, self._waking = os.pipe()

    def run(self) -> int:
        """Until SIGTERM or SIGINT; a second one ends the workers at once. Answers the exit status."""
        os.set_blocking(self._waking, False)
        os.set_blocking(self._woken, False)
        signal.set_wakeup_fd(self._waking, warn_on_full_buffer=False)
        for each in _SIGNALS:
            signal.signal(each, self._ask)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        told = 0
        while True:
            self._reap()
            if self._asked > told:
                told = self._asked
                self._end(signal.SIGTERM if told == 1 else signal.SIGKILL)
            if not told:
                self._start_due()
            elif not any(each.pid for each in self._workers):
                return self._status
            self._wait()

    def _ask(self, *_signal: object) -> None:
        self._asked += 1

    def _end(self, how: signal.Signals) -> None:
        for each in self._workers:
            self._close(each)  # nobody new comes
            if each.pid:
                with suppress(ProcessLookupError):
                    os.kill(each.pid, how)

    @staticmethod
    def _close(worker: _Worker) -> None:
        if worker.listener is not None:
            worker.listener.close()
            worker.listener = None

    def _wait(self) -> None:
        due = [each.due for each in self._workers if not each.pid]
        left = None
        if due and not self._asked:
            left = max(0.0, min(due) - time.monotonic())
        select.select([self._woken], [], [], left)
        with suppress(BlockingIOError):
            while os.read(self._woken, 4_096):
                pass

    def _start_due(self) -> None:
        for each in self._workers:
            if not each.pid and time.monotonic() >= each.due:
                each.listener = each.listener or self._listen()
                each.pid, each.began = self._fork(each.number, each.listener), time.monotonic()

    def _reap(self) -> None:
        for each in self._workers:
            if not each.pid:
                continue
            pid, ended = os.waitpid(each.pid, os.WNOHANG)
            if not pid:
                continue
            each.pid = 0
            status = os.waitstatus_to_exitcode(ended)
            self._gone(each.number)
            if self._asked:
                # Who had not begun to serve when it was asked to end dies of that signal: it had nothing in hand.
                is_well = status in (0, -signal.SIGTERM)
                self._status = self._status or (0 if is_well else 1)
                continue
            is_young = time.monotonic() - each.began < _YOUNG_S
            longer_s = min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, 2 * each.pause_s))
            each.pause_s = longer_s if is_young else 0.0
            each.due = time.monotonic() + each.pause_s
            if each.pause_s > _KEPT_WAITING_S:
                self._close(each)
            self._say("worker died", worker=each.number, status=status, again_in_s=each.pause_s)

    def _fork(self, number: int, listener: socket.socket) -> int:
        # What is asked of a worker that does not listen to signals yet waits, or this process's handlers would take it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            return pid
        status = 1
        try:
            self._become_worker(listener)
            self._work(number, listener)
            status = 0
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 1
        except BaseException:  # noqa: BLE001 - whatever it was, the parent's stack is none of its business
            traceback.print_exc()
        finally:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(status)

    def _become_worker(self, listener: socket.socket) -> None:
        os.setpgid(0, 0)  # a Ctrl-C is the parent's: it ends them in order
        signal.set_wakeup_fd(-1)
        for each in (*_SIGNALS, signal.SIGCHLD):
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        for other in self._workers:
            if other.listener is not listener:
                self._close(other)
        for descriptor in (self._held, self._woken, self._waking):
            os.close(descriptor)
        threading.Thread(target=_leave_with, args=(self._lifeline,), daemon=True).start()


def _leave_with(lifeline: int) -> None:
    """A worker whose parent is gone finishes what it has in hand and leaves."""
    while os.read(lifeline, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
