"""Serving: uvicorn around the assembled hub."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import functools
import gc
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import uvicorn

from orderhub.app import Hub, build, prepare
from orderhub.cli.banner import tell_demo, tell_served
from orderhub.cli.terminal import asks_json
from orderhub.cli.workers import Workers
from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import first_calls, live_a_month, seed
from orderhub.dialects.finding import find_dialects
from orderhub.ledger.database import DatabaseRefused, ServeLock
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.urls import file_of, parse_url, url_of_file
from orderhub.settings import ProgramSettings, SettingRefused, callable_url, url_of
from orderhub.web import logs
from orderhub.web.cipher import Cipher
from orderhub.web.edge import Edge, Limits, limits_of, raise_file_limit
from orderhub.web.metrics import Metrics
from orderhub.web.metrics_of_all import Shared, forget_gauges

# How the demo is served, whatever the environment says.
DEMO_SETTINGS: dict[str, Any] = {"rate_limits": False, "errors_in_detail": True}
_DEMO_DATABASE = "orderhub-demo.sqlite"
_DEMO_KEY = "orderhub-demo.key"
_DEMO_FILES = (
    _DEMO_DATABASE,
    f"{_DEMO_DATABASE}-wal",
    f"{_DEMO_DATABASE}-shm",
    _DEMO_KEY,
)
_LEAVE_WITHIN_S = 30
_BACKLOG = 4096
_COLLECT_AFTER = 20_000
_ACCEPTED_A_ROUND = 16


def serve(settings: ProgramSettings) -> None:
    """Run until SIGTERM or SIGINT: then stop taking, finish what waits, leave.

    Raises DatabaseRefused, and SettingRefused where it cannot listen.
    """
    limits = limits_of(settings, raise_file_limit())
    if settings.workers > 1 and file_of(parse_url(settings.database)) is not None:
        raise DatabaseRefused(
            f"{settings.workers} workers need PostgreSQL: one process writes to a SQLite file."
        )
    with _claimed(settings) as (claimed, listener):
        if settings.workers == 1:
            _serve(claimed, listener, limits, lambda: tell_served(claimed, _address_of(listener)))
        else:
            _serve_by_many(claimed, listener, limits)


def _serve_by_many(settings: ProgramSettings, listener: socket.socket, limits: Limits) -> None:
    """Whatever would stop a worker at its start stops this process, before there is any."""
    prepare(settings)
    listener.close()  # nobody else was there: see `listen`
    name = secrets.token_hex(8)
    log = logs.Own(settings.log_level)
    with tempfile.TemporaryDirectory(prefix="orderhub-workers-") as folder:

        def work(number: int, listener: socket.socket) -> None:
            logs.configure(settings.log_level, is_json=asks_json() or None, worker=number)
            logs.catch_the_rest()
            logging.getLogger("uvicorn").setLevel(logging.WARNING)  # this process says it once
            try:
                metrics = Metrics(Shared(Path(folder), number))
                hub = build(settings, metrics=metrics, name=f"{name}-{number}", is_apart=True)
                _settle_memory()
                _run(hub, settings, listener, limits, None)
            except Exception:
                logging.getLogger("orderhub").exception("a worker broke")
                sys.exit(1)
            finally:
                logs.flush()

        _settle_memory()
        log.say("serving", url=settings.public_url, workers=settings.workers)
        gone = functools.partial(forget_gauges, Path(folder))
        another = functools.partial(listen, settings.host, settings.port, is_one_of_many=True)
        status = Workers(settings.workers, another, work, gone, log.warn).run()
    log.say("left", status=status)
    if status:
        sys.exit(status)


def _settle_memory() -> None:
    # What is built by now stays for good: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    # Nearly all that a call makes is gone when it ends; what is not need not be looked for every few calls.
    gc.set_threshold(_COLLECT_AFTER)


@contextmanager
def _claimed(settings: ProgramSettings) -> Iterator[tuple[ProgramSettings, socket.socket]]:
    """The database's lock and the socket, before anything else is begun; the settings with the socket's port."""
    lock = ServeLock(settings.database)
    lock.take(callable_url(settings.host, settings.port), create=True)
    try:
        with listen(settings.host, settings.port) as listener:
            port = listener.getsockname()[1]
            here = callable_url(settings.host, port)
            lock.note(here)  # of this machine, which may not reach the public address
            public_url = settings.public_url or here
            yield dataclasses.replace(settings, port=port, public_url=public_url), listener
    finally:
        lock.release()


def _address_of(listener: socket.socket) -> str:
    return url_of(*listener.getsockname()[:2])


def listen(host: str, port: int, *, is_one_of_many: bool = False) -> socket.socket:
    """`is_one_of_many`: others of this kind may listen there too, and each is given a part of all connections."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(
            address[:2], family=family, backlog=_BACKLOG, reuse_port=is_one_of_many
        )
    except UnicodeError:  # of getaddrinfo, which knows a part of a name by its length
        raise SettingRefused(f"{host!r} is no address to listen on.") from None
    except OSError as error:
        why = (error.strerror or str(error)).lower().partition(" (")[0]
        raise SettingRefused(f"Cannot listen on {host} port {port}: {why}.") from error


def ears(listener: socket.socket) -> list[socket.socket]:
    """The socket as often as connections are to be accepted in one round of the event loop.

    libuv accepts one a round for each that it listens on: while many call, 500 new clients would wait for 500 rounds,
    and so would whoever comes behind them.
    """
    return [listener, *(listener.dup() for _ in range(_ACCEPTED_A_ROUND - 1))]


def _serve(
    settings: ProgramSettings,
    listener: socket.socket,
    limits: Limits,
    ready: Callable[[], None],
) -> None:
    logs.configure(settings.log_level, is_json=asks_json() or None)
    logs.catch_the_rest()
    hub = build(settings, is_apart=True)
    _settle_memory()
    _run(hub, settings, listener, limits, ready)


def uvicorn_config(hub: Hub, settings: ProgramSettings, limits: Limits) -> uvicorn.Config:
    """How uvicorn serves the hub: none of its defaults that would undo a setting of ours."""
    edge = Edge(limits, hub.metrics, hub.port.watch.close, hub.app.turned_away)
    return uvicorn.Config(
        hub.app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        # uvicorn only ever calls it to make a protocol.
        http=cast(type[asyncio.Protocol], edge),
        ws="none",
        proxy_headers=False,  # whom to believe is ORDERHUB_TRUSTED_PROXIES: see web/proxies.py
        workers=1,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_LEAVE_WITHIN_S,
        backlog=_BACKLOG,
    )


def _run(
    hub: Hub,
    settings: ProgramSettings,
    listener: socket.socket,
    limits: Limits,
    ready: Callable[[], None] | None,
) -> None:
    server = uvicorn.Server(uvicorn_config(hub, settings, limits))

    # Once uvicorn has finished what waited, it sends itself the signal again: an order that was
    # carried out is no failure, so it does not end the process a second time.
    def stopped(*_signal: object) -> None:
        if not server.should_exit:
            sys.exit(0)

    signal.signal(signal.SIGTERM, stopped)
    if ready is not None:
        # What was asked for on the command line is known in the thread, too.
        known = contextvars.copy_context()
        threading.Thread(target=known.run, args=(_when_started, server, ready), daemon=True).start()
    server.run(sockets=ears(listener))


def _when_started(server: uvicorn.Server, ready: Callable[[], None]) -> None:
    pause = threading.Event()
    while not server.started:
        if server.should_exit:
            return
        pause.wait(0.02)
    ready()


def serve_demo(port: int, data: Path, *, keep: bool) -> None:
    """A sandbox under `data`: its own files are removed first unless they are kept; nothing else is touched.

    Whatever can be refused is refused before anything is removed.
    """
    _make_folder(data)
    url = url_of_file(data / _DEMO_DATABASE)
    asked = ProgramSettings.from_environment(
        database=url,
        host="127.0.0.1",
        port=port,
        public_url="",
        log_level=_quiet(),
        **DEMO_SETTINGS,
    )
    limits = limits_of(asked, raise_file_limit())
    with _claimed(asked) as (settings, listener):
        secret_key = _demo_files(url, data, keep=keep)

        def announce() -> None:
            tell_demo(settings, data, first_calls(find_dialects(), settings.public_url))

        _serve(dataclasses.replace(settings, secret_key=secret_key), listener, limits, announce)


def _quiet() -> str | None:
    """On a terminal the banner stays in sight: calls are in the request log, which it says how to follow."""
    is_seen = sys.stderr.isatty() and not asks_json()
    return "warning" if is_seen and "ORDERHUB_LOG_LEVEL" not in os.environ else None


def _demo_files(url: str, data: Path, *, keep: bool) -> str:
    """The demo's files as they are to be, fresh or kept; answers its secret key."""
    database = data / _DEMO_DATABASE
    if not keep:
        # Emptied rather than removed: the lock is on the file.
        os.truncate(database, 0)
        for name in _DEMO_FILES[1:]:
            (data / name).unlink(missing_ok=True)
    secret_key = _demo_key(data / _DEMO_KEY)
    if not database.stat().st_size:
        make_demo(url, secret_key)
    return secret_key


def make_demo(url: str, secret_key: str) -> None:
    """What `orderhub demo` serves, written into a new database: its businesses, with a month behind them."""
    ledger = Ledger.open(url, RECORD_TYPES)
    seed(ledger, Cipher(secret_key), find_dialects())
    live_a_month(ledger, find_dialects())
    ledger.close()


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise DatabaseRefused(f"The folder {data} cannot be made: {why}.") from None


def _demo_key(path: Path) -> str:
    if path.exists():
        return path.read_text().strip()
    key = secrets.token_urlsafe(32)
    path.touch(mode=0o600)
    path.write_text(key)
    return key
