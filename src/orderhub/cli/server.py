"""Serving: uvicorn around the assembled hub."""

from __future__ import annotations

import gc
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import typer
import uvicorn

from orderhub.app import Hub, build, find_dialects
from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import curl_commands, seed
from orderhub.ledger.database import ServeLock
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from orderhub.web import logs
from orderhub.web.port import Cipher

_DEMO_DATABASE = "orderhub-demo.sqlite"
_DEMO_FILES = (
    _DEMO_DATABASE,
    f"{_DEMO_DATABASE}-wal",
    f"{_DEMO_DATABASE}-shm",
    f"{_DEMO_DATABASE}.lock",
    "secret.key",
)
_LEAVE_WITHIN_S = 30


def serve(settings: ProgramSettings, *, ready: Callable[[], None] | None = None) -> None:
    """Run until SIGTERM or SIGINT: then stop taking, finish what waits, leave. Raises DatabaseRefused."""
    import dataclasses

    if not settings.public_url:
        settings = dataclasses.replace(
            settings, public_url=f"http://{settings.host}:{settings.port}"
        )
    logs.configure(settings.log_level)
    lock = ServeLock(settings.database)
    lock.take(f"{settings.public_url}")
    try:
        hub = build(settings)
        # What is built by now stays for good: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()
        _run(hub, settings, ready)
    finally:
        lock.release()


def _run(hub: Hub, settings: ProgramSettings, ready: Callable[[], None] | None) -> None:
    config = uvicorn.Config(
        hub.app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_LEAVE_WITHIN_S,
        backlog=4096,
    )
    server = uvicorn.Server(config)
    if ready is not None:
        threading.Thread(target=_when_started, args=(server, ready), daemon=True).start()
    server.run()


def _when_started(server: uvicorn.Server, ready: Callable[[], None]) -> None:
    pause = threading.Event()
    while not server.started:
        if server.should_exit:
            return
        pause.wait(0.02)
    ready()


def serve_demo(port: int, data: Path, *, keep: bool) -> None:
    """A sandbox under `data`: its own files are removed first unless they are kept; nothing else is touched."""
    data.mkdir(parents=True, exist_ok=True)
    database = data / _DEMO_DATABASE
    url = f"sqlite:///{database}"
    lock = ServeLock(url)
    lock.take(f"http://127.0.0.1:{port}")
    lock.release()
    if not keep:
        for name in _DEMO_FILES:
            (data / name).unlink(missing_ok=True)
    secret_key = _demo_key(data / "secret.key")
    if not database.exists():
        ledger = Ledger.open(url, RECORD_TYPES)
        seed(ledger, Cipher(secret_key), find_dialects())
        ledger.close()
    base_url = f"http://127.0.0.1:{port}"
    settings = ProgramSettings.from_environment(
        database=url,
        host="127.0.0.1",
        port=port,
        public_url=base_url,
        secret_key=secret_key,
        rate_limits=False,
        errors_in_detail=True,
    )

    def announce() -> None:
        typer.echo(f"\nOrderHub demo on {base_url}, data in {data}. Try:\n")
        for command in curl_commands(find_dialects(), base_url):
            typer.echo(f"{command}\n")

    serve(settings, ready=announce)


def _demo_key(path: Path) -> str:
    if path.exists():
        return path.read_text().strip()
    key = secrets.token_urlsafe(32)
    path.touch(mode=0o600)
    path.write_text(key)
    return key
