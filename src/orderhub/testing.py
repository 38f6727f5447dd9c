"""A hub in the process of somebody's tests: fresh sandboxes with credentials, a clock, faults and what happened.

With pytest, ask for the fixture `orderhub_hub`; with anything else, use `running_hub()`. See docs/testing.md.
"""

from __future__ import annotations

import logging
import resource
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Literal, Self

import httpx
import msgspec
import structlog
import uvicorn

from orderhub.app import Hub as Program
from orderhub.app import build
from orderhub.cli.server import uvicorn_config
from orderhub.core.decide import RECORD_TYPES
from orderhub.dialects.finding import conformance_of, dialect_names
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.urls import url_of_file
from orderhub.seeding import Seeder
from orderhub.settings import ProgramSettings
from orderhub.web.cipher import Cipher
from orderhub.web.edge import limits_of

__all__ = ["Clock", "Faults", "Hub", "HubRefused", "Sandbox", "running_hub"]

FaultKind = Literal["delay", "rate_limit", "error_before", "error_after", "drop", "stale_clock"]

_START_WITHIN_S = 30.0
_DONE_WITHIN_S = 10.0
_LOOK_S = 0.005
_FILE = "hub.sqlite"
_MOST_FILES = 65_536
_NDJSON = {"Accept": "application/x-ndjson"}


class HubRefused(Exception):
    """The hub's own API said no; the message is its sentence.

    status  HTTP status
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Api:
    """The hub's own API, as its operator calls it."""

    def __init__(self, program: Program, base_url: str, operator_token: str) -> None:
        self._program = program
        self.base_url = base_url
        self._client = self.client(operator_token)
        self._clients = [self._client]

    def client(self, token: str) -> httpx.Client:
        """Calls with a token of the hub's, past whatever proxy the environment names."""
        headers = {"Authorization": f"Bearer {token}"}
        # It speaks HTTP alone: to read the certificates of this machine takes as long as to open a sandbox.
        return httpx.Client(
            base_url=self.base_url,
            headers=headers,
            trust_env=False,
            verify=False,  # noqa: S501
            timeout=60,
        )

    def lasting_client(self, token: str) -> httpx.Client:
        """One that is closed when the hub ends."""
        client = self.client(token)
        self._clients.append(client)
        return client

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer. Raises HubRefused."""
        answer = self._ask(method, path, json=body)
        return answer.json() if answer.content else None

    def rows(self, path: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """All rows of a list, whatever their number. Raises HubRefused."""
        answer = self._ask("GET", path, params=query, headers=_NDJSON)
        return [msgspec.json.decode(line) for line in answer.content.splitlines()]

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self._client.request(method, path, **more)
        if not answer.is_success:
            raise HubRefused(answer.status_code, f"{method} {path}: {answer.text}")
        return answer

    def settle(self) -> None:
        """Wait until no timer is due."""
        ledger, port = self._program.ledger, self._program.port
        ends_at = time.monotonic() + _DONE_WITHIN_S
        while ledger.has_due_timers(port.now_us()):
            if time.monotonic() > ends_at:
                raise TimeoutError(f"what came due was not done within {_DONE_WITHIN_S:g} seconds")
            time.sleep(_LOOK_S)

    def close(self) -> None:
        for each in self._clients:
            each.close()


class Clock:
    """A sandbox's time. Each move returns when all that came due by it is done."""

    def __init__(self, api: _Api, tenant: str) -> None:
        self._api = api
        self._path = f"/hub/v1/tenants/{tenant}/clock"

    def now(self) -> datetime:
        """What the sandbox takes for now, in UTC."""
        return _instant(self._api.call("GET", self._path)["now"])

    def freeze(self, at: datetime | str | None = None) -> datetime:
        """Let it stand still, now or at an instant (ISO 8601 with an offset); answers when. Raises HubRefused."""
        return self._move(action="freeze", at=at)

    def run(self, at: datetime | str | None = None) -> datetime:
        """Let it run on, from now or from an instant."""
        return self._move(action="run", at=at)

    def advance(self, by: timedelta | int) -> datetime:
        """Jump, by so much or so many seconds; a frozen clock stays frozen. Raises ValueError for parts of a second."""
        by = by if isinstance(by, timedelta) else timedelta(seconds=by)
        if by % timedelta(seconds=1):
            raise ValueError(
                f"a clock jumps by whole seconds, not by {by}: freeze it at an instant"
            )
        return self._move(action="advance", by_s=by // timedelta(seconds=1))

    def _move(self, at: datetime | str | None = None, **move: Any) -> datetime:
        if at is not None:
            move["at"] = at.isoformat() if isinstance(at, datetime) else at
        now = self._api.call("POST", self._path, move)["now"]
        self._api.settle()
        return _instant(now)


class Faults:
    """What a sandbox's calls shall meet, one fault by each call. Calls of the hub's own API meet none."""

    def __init__(self, api: _Api, tenant: str) -> None:
        self._api = api
        self._path = f"/hub/v1/tenants/{tenant}/credentials"

    def add(self, kind: FaultKind, *, times: int = 1, delay_s: float = 0.0, path: str = "") -> None:
        """The next `times` calls meet it, of paths that begin so, behind the faults that are left. Raises HubRefused.

        Each credential of the sandbox counts for itself. `delay_s`: how long the answer waits besides.
        """
        step = {"kind": kind, "times": times, "delay_s": delay_s, "path": path}
        for credential, left in self._plans():
            plan = [*left, step]
            self._call("PUT", credential, {"faults": plan})

    def clear(self) -> None:
        """From now on every call is served."""
        for credential, left in self._plans():
            if left:
                self._call("DELETE", credential)

    def left(self) -> list[dict[str, Any]]:
        """The faults that are still to be met, of the credential that has most of them."""
        return max((left for _, left in self._plans()), key=len, default=[])

    def _plans(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """What is left for each credential."""
        return [(each["id"], self._left(each["id"])) for each in self._api.rows(self._path, {})]

    def _left(self, credential: str) -> list[dict[str, Any]]:
        return [_again(each) for each in self._call("GET", credential)["faults"] if each["left"]]

    def _call(self, method: str, credential: str, body: Any = None) -> Any:
        return self._api.call(method, f"{self._path}/{credential}/faults", body)


class Sandbox:
    """A tenant of one's own with a vendor's demo business, untouched.

    tenant       its name
    dialect      whose API it speaks
    base_url     where the vendor's API is, in place of the vendor's own address
    credentials  what callers of that API show, by the names of `orderhub conform`'s options (`access_token`, `appkey`)
    token        of the hub's own, with every scope in the tenant: opens the vendor's API too
    client       calls with that token, relative to `base_url`
    """

    def __init__(self, api: _Api, made: Mapping[str, Any]) -> None:
        self._api = api
        self.tenant: str = made["tenant"]
        self.dialect: str = made["dialect"]
        self.base_url = api.base_url
        self.token: str = made["hub_token"]
        kit = conformance_of(self.dialect).client
        given = [kit.of_sandbox(each) for each in made["credentials"]]
        self.credentials: dict[str, str] = {
            name: value for each in given for name, value in each.items() if value
        }
        self.clock = Clock(api, self.tenant)
        self.faults = Faults(api, self.tenant)
        self.client = api.lasting_client(self.token)
        self._path = f"/hub/v1/sandboxes/{self.tenant}"
        self._is_removed = False

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Everything that happened so far in its order, or what is of one kind (`order.placed`). Raises HubRefused."""
        query = {"tenant": self.tenant, **({"kinds": kind} if kind else {})}
        return self._api.rows("/hub/v1/events", query)

    def orders(self) -> list[dict[str, Any]]:
        """The orders, oldest first, each in full. Raises HubRefused."""
        return self._api.rows("/hub/v1/orders:export", {"tenant": self.tenant})[::-1]

    def snapshot(self) -> str:
        """Keep it as it is, for `restore`. Ten are kept. Raises HubRefused."""
        kept: str = self._api.call("POST", f"{self._path}/snapshots")["id"]
        return kept

    def restore(self, snapshot: str) -> None:
        """As it was then; credentials and token stay. Raises HubRefused for a snapshot that there is not."""
        self._api.call("POST", f"{self._path}/snapshots/{snapshot}/restore")

    def reset(self) -> None:
        """As it was opened; credentials and token stay."""
        self._api.call("POST", f"{self._path}/reset")

    def remove(self) -> None:
        """Nothing of it stays; a second time is fine. A hub that ends takes all of its sandboxes along."""
        self.client.close()
        if not self._is_removed:
            self._api.call("DELETE", self._path)
            self._is_removed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What went wrong in the block is what is told.
        with suppress(HubRefused, httpx.HTTPError) if error else nullcontext():
            self.remove()


class Hub:
    """A hub that serves. All of it may be used from any thread.

    base_url        such as http://127.0.0.1:40123
    operator_token  of the hub's own API, for everything in every tenant
    """

    def __init__(self, api: _Api, operator_token: str) -> None:
        self._api = api
        self.base_url = api.base_url
        self.operator_token = operator_token

    def sandbox(self, dialect: str) -> Sandbox:
        """A fresh one that speaks a vendor's API: `mews`, `kakaclo`, ... Raises ValueError for another name."""
        if dialect not in dialect_names():
            raise ValueError(f"{dialect} is none of {', '.join(dialect_names())}")
        made = self._api.call("POST", "/hub/v1/sandboxes", {"dialect": dialect})
        return Sandbox(self._api, made)


@contextmanager
def running_hub(folder: Path | None = None) -> Iterator[Hub]:
    """A hub on a free port of this machine, with nothing in it, until the block ends.

    It runs in a thread of this process with a loop of its own, on a SQLite file in `folder` (a temporary one unless
    given). What it has to say goes to `logging` as `orderhub.*`, unless structlog is configured. Raises
    FileExistsError for a folder that has one.
    """
    with TemporaryDirectory(prefix="orderhub-") as temporary, _logs():
        where = folder or Path(temporary)
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            operator_token = f"hub_{secrets.token_urlsafe(24)}"
            settings = ProgramSettings(
                database=url_of_file(where / _FILE),
                host="127.0.0.1",
                port=listener.getsockname()[1],
                public_url=url,
                rate_limits=False,
                errors_in_detail=True,
                secret_key=secrets.token_urlsafe(32),
            )
            with (where / _FILE).open("xb") as file:  # never over another ledger
                file.write(_empty())
            ledger = Ledger(
                open_engine(settings.database, limit_s=float(settings.answer_timeout_s)),
                RECORD_TYPES,
            )
            try:
                Seeder(ledger, Cipher(settings.secret_key)).hub_token(0, operator_token, {})
                program = build(settings, ledger=ledger)
                with _served(program, settings, listener):
                    api = _Api(program, url, operator_token)
                    try:
                        yield Hub(api, operator_token)
                    finally:
                        api.close()  # who keeps a connection open is waited for
            finally:
                ledger.close()


@cache
def _empty() -> bytes:
    """A ledger with nothing in it, made once: a copy costs nothing."""
    with TemporaryDirectory(prefix="orderhub-") as folder:
        Ledger.open(url_of_file(Path(folder) / _FILE), RECORD_TYPES).close()
        return (Path(folder) / _FILE).read_bytes()


@contextmanager
def _served(program: Program, settings: ProgramSettings, listener: socket.socket) -> Iterator[None]:
    files, _ = resource.getrlimit(
        resource.RLIMIT_NOFILE
    )  # of the tests, who may have their reasons
    limits = limits_of(settings, _MOST_FILES if files == resource.RLIM_INFINITY else files)
    server = uvicorn.Server(uvicorn_config(program, settings, limits))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="orderhub", daemon=True
    )
    thread.start()
    ends_at = time.monotonic() + _START_WITHIN_S
    try:
        while not server.started:
            if not thread.is_alive() or time.monotonic() > ends_at:
                raise RuntimeError("the hub did not start: its log says why")
            time.sleep(_LOOK_S)
        yield
    finally:
        server.should_exit = True
        thread.join(_START_WITHIN_S)


@contextmanager
def _logs() -> Iterator[None]:
    """Lines go where those of the tests go, so that pytest shows them with a test that fails."""
    if structlog.is_configured():
        yield
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    uvicorn_level = logging.getLogger("uvicorn").level
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        yield
    finally:
        logging.getLogger("uvicorn").setLevel(uvicorn_level)
        structlog.reset_defaults()


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _again(step: Mapping[str, Any]) -> dict[str, Any]:
    """A fault that is left, as a plan names it."""
    named = {name: step[name] for name in ("kind", "delay_s", "path")}
    return {**named, "times": step["left"]}
