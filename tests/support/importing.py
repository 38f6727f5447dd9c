"""python -B -m tests.support.importing module...: imports each in turn and says what came to be besides modules.

Writes a JSON object: `effects` (lines, each naming the module that was being imported) and `loaded` (all that is
in sys.modules afterwards). Files, sockets, processes and threads are seen by an audit hook, which sees them
whoever makes them.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import signal
import sys
import threading
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_EVENTS = (
    *("socket.", "subprocess.", "sqlite3.connect", "tempfile."),
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.chmod", "os.link"),
    *("os.symlink", "os.fork", "os.exec", "os.posix_spawn", "os.system", "os.putenv", "os.chdir"),
    *("urllib.", "http.client.", "signal."),
)
# Constants are asked of the socket module when it is imported, which opens nothing.
_HARMLESS = ("socket.gethostname",)


def effects_of(modules: list[str]) -> list[str]:
    """What importing them does, a line for each."""
    found: list[str] = []
    now = [""]

    def hear(event: str, args: tuple[Any, ...]) -> None:
        if not now[0] or event in _HARMLESS:
            return
        if event == "open":
            path, mode, flags = (*args, None, 0)[:3]
            if isinstance(flags, int) and flags & _WRITES:
                found.append(f"{now[0]} opens {path} to write ({mode or flags})")
        elif event.startswith(_EVENTS):
            found.append(f"{now[0]}: {event}")

    # No event tells of a thread that is over by the time that its module is imported.
    start = threading.Thread.start

    def start_seen(thread: threading.Thread) -> None:
        found.append(f"{now[0]} starts {thread.name}")
        start(thread)

    threading.Thread.start = start_seen  # type: ignore[method-assign]
    sys.addaudithook(hear)
    before = _standing()
    for module in modules:
        now[0] = module
        importlib.import_module(module)
        after = _standing()
        found += [f"{module}: {each}" for each in sorted(after - before)]
        before = after
    now[0] = ""
    return found


def _standing() -> set[str]:
    """What an import may leave behind that opens nothing: log handlers, signal handlers, threads, variables."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    handlers = {
        f"log handler {handler!r}"
        for logger in loggers
        for handler in getattr(logger, "handlers", ())
        if not isinstance(handler, logging.NullHandler)
    }
    signals = {f"signal {each.name}: {signal.getsignal(each)}" for each in signal.Signals}
    threads = {f"thread {each.name}" for each in threading.enumerate()}
    variables = {f"variable {name}={value}" for name, value in os.environ.items()}
    return handlers | signals | threads | variables


if __name__ == "__main__":
    told = effects_of(sys.argv[1:])
    sys.stdout.write(json.dumps({"effects": told, "loaded": sorted(sys.modules)}))
