"""The real hub without sockets and without async in the tests: one call in, one reply out."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from orderhub.app import Hub, build
from orderhub.core.decide import RECORD_TYPES
from orderhub.intake.clock import Clock
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from tests.support.hub import OPERATOR, SECRET_KEY

JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Calls a hub that runs on a loop of its own; between two calls nothing runs but the writer's thread."""

    def __init__(self, hub: Hub, runner: asyncio.Runner) -> None:
        self.hub = hub
        self.run = runner.run

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        client: str = "127.0.0.1",
    ) -> Reply:
        return self.run(self.asend(method, path, query, headers, body, client))

    async def asend(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        client: str = "127.0.0.1",
    ) -> Reply:
        given = {name.lower(): value for name, value in (headers or {}).items()}
        path, _, rest = path.partition("?")
        given.setdefault("content-length", str(len(body)))
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "query_string": (urlencode(query) if query else rest).encode(),
            "headers": [(n.encode(), v.encode("latin-1")) for n, v in given.items()],
            "client": (client, 50_000),
        }
        sent: list[Any] = []
        asked = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if not asked:
                await asyncio.Event().wait()  # this client stays until it is answered
            return asked.pop()

        async def collect(message: Any) -> None:
            sent.append(message)

        await self.hub.app(scope, receive, collect)
        start = sent[0]
        found = {n.decode(): v.decode("latin-1") for n, v in start["headers"]}
        return Reply(start["status"], found, b"".join(each["body"] for each in sent[1:]))

    def ask(
        self, method: str, path: str, json: Any = None, token: str = OPERATOR, **headers: str
    ) -> Reply:
        """A call of the hub's own API."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        shown = {"authorization": f"Bearer {token}"} if token else {}
        return self.send(method, path, None, {**shown, **JSON, **named}, _encoded(json))

    def operate(self, method: str, path: str, json: Any = None) -> Any:
        answer = self.ask(method, path, json)
        assert answer.status == 200, answer
        return answer.json()

    def freeze(self, tenant: str, at: str) -> None:
        self.operate("POST", f"/hub/v1/tenants/{tenant}/clock", {"action": "freeze", "at": at})

    def orders(self, tenant: str) -> list[dict[str, Any]]:
        """The newest orders of a tenant."""
        items: list[dict[str, Any]] = self.operate("GET", f"/hub/v1/orders?tenant={tenant}")[
            "items"
        ]
        return items

    def broken(self) -> dict[str, float]:
        """How often the hub broke, by dialect."""
        return {
            sample.labels["dialect"]: sample.value
            for metric in self.hub.metrics.faults.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["kind"] == "broken" and sample.value
        }


def _encoded(value: Any) -> bytes:
    return b"" if value is None else json.dumps(value).encode()


def copied(template: Path, where: Path) -> str:
    """The URL of a copy of a seeded SQLite file."""
    where.mkdir(parents=True, exist_ok=True)
    for old in where.glob("hub.sqlite*"):
        old.unlink()
    return f"sqlite:///{shutil.copy(template, where / 'hub.sqlite')}"


@contextmanager
def calling(
    url: str, *, intake: Any = None, clock: Clock | None = None, **settings: Any
) -> Iterator[Caller]:
    """A hub on a database that is seeded already; a SQLite file that is not there is made, empty."""
    given = {
        "rate_limits": False,
        "public_url": "http://hub.test",
        "secret_key": SECRET_KEY,
    }
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
        Ledger.open(url, RECORD_TYPES).close()
    ledger = Ledger(open_engine(url), RECORD_TYPES)
    program = ProgramSettings(database=url, **{**given, **settings})
    with asyncio.Runner() as runner:
        hub = build(program, ledger=ledger, intake=intake, clock=clock)
        runner.run(hub.start())
        try:
            yield Caller(hub, runner)
        finally:
            runner.run(hub.stop())
