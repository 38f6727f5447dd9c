"""The real hub in the test's own process: real ledger, real intake, the demo businesses, no socket."""

from __future__ import annotations

import atexit
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import mkdtemp
from typing import Any

import httpx

from orderhub.app import Hub, build
from orderhub.core.decide import RECORD_TYPES
from orderhub.demo import seed
from orderhub.dialects.finding import find_dialects
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from orderhub.settings import ProgramSettings
from orderhub.web.cipher import Cipher
from orderhub.web.windows import Windows

OPERATOR = "hub-demo-operator"
SECRET_KEY = "a key for tests"


def operator_headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {OPERATOR}"}


class HubUnderTest:
    """What a test does to the hub: calls as a client, and moves of the world as an operator."""

    def __init__(self, hub: Hub, client: httpx.AsyncClient) -> None:
        self.hub = hub
        self.client = client

    def has_due_timers(self) -> bool:
        """Whether there is anything that the hub's timers would do now, or are about to do."""
        return self.hub.ledger.has_due_timers(self.hub.port.now_us())

    def stop_watch(self) -> list[float]:
        """Rate limits go by the seconds in here from now on, and none pass until the test says so."""
        seconds = [0.0]
        self.hub.port.windows = Windows(lambda: seconds[0])
        return seconds

    async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return await self.client.request(method, path, **more)

    async def post(self, path: str, json: Any = None, **more: Any) -> httpx.Response:
        return await self.client.post(path, json=json, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.client.get(path, **more)

    async def _operate(self, method: str, path: str, json: Any = None) -> Any:
        answer = await self.client.request(method, path, json=json, headers=operator_headers())
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def freeze(self, tenant: str, at: str) -> Any:
        return await self.clock(tenant, action="freeze", at=at)

    async def advance(self, tenant: str, by_s: int) -> Any:
        return await self.clock(tenant, action="advance", by_s=by_s)

    async def clock(self, tenant: str, **members: Any) -> Any:
        return await self._operate("POST", f"/hub/v1/tenants/{tenant}/clock", members)

    async def settings(self, tenant: str, **members: Any) -> Any:
        return await self._operate("PATCH", f"/hub/v1/tenants/{tenant}/settings", members)

    async def move(self, uid: str, action: str, **members: Any) -> Any:
        return await self._operate("POST", f"/hub/v1/orders/{uid}/{action}", members)

    async def pay(self, uid: str, **members: Any) -> Any:
        return await self.move(uid, "pay", **members)

    async def ship(self, uid: str, **members: Any) -> Any:
        return await self.move(uid, "ship", **members)

    async def complete(self, uid: str, **members: Any) -> Any:
        return await self.move(uid, "complete", **members)

    async def cancel(self, uid: str, **members: Any) -> Any:
        return await self.move(uid, "cancel", **members)

    async def refund(self, uid: str, **members: Any) -> Any:
        return await self.move(uid, "refund", **members)

    async def orders(self, tenant: str, **query: Any) -> list[dict[str, Any]]:
        """The tenant's orders, newest first, each in full."""
        answer = await self.client.get(
            "/hub/v1/orders", params={"tenant": tenant, **query}, headers=operator_headers()
        )
        assert answer.status_code == 200, answer.text
        return [await self.order(each["uid"]) for each in answer.json()["items"]]

    async def order(self, uid: str) -> dict[str, Any]:
        whole: dict[str, Any] = await self._operate("GET", f"/hub/v1/orders/{uid}")
        return whole

    async def pool(self, tenant: str, kind: str, subject: str, place: str | None = None) -> Decimal:
        """What is left of a pool, over all places or at one: units, or an amount of money."""
        answer = await self.client.get(
            f"/hub/v1/tenants/{tenant}/pools",
            params={"kind": kind, "subject": subject},
            headers=operator_headers(),
        )
        assert answer.status_code == 200, answer.text
        items = answer.json()["items"]
        found = [each["available"] for each in items if place in (None, each["place"])]
        return sum(map(Decimal, found), Decimal(0))

    async def adjust(
        self, tenant: str, kind: str, subject: str, place: str, by: Any, reason: str = "test"
    ) -> Any:
        units = str(by) if isinstance(by, Decimal) else by
        body = {"kind": kind, "subject": subject, "place": place, "by": units, "reason": reason}
        return await self._operate("POST", f"/hub/v1/tenants/{tenant}/pools/adjust", body)


def demo_file() -> Path:
    """A SQLite file with the demo in it, to be copied: made once for all tests of this process."""
    return _demo_file(tuple(each.name for each in find_dialects()))


@cache
def _demo_file(_dialects: tuple[str, ...]) -> Path:
    folder = Path(mkdtemp(prefix="orderhub-demo-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    file = folder / "demo.sqlite"
    _seed(f"sqlite:///{file}")
    return file


def seed_demo(url: str) -> None:
    """The demo into a new database."""
    file = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite") and not file.exists():
        copyfile(demo_file(), file)
    else:
        _seed(url)


def _seed(url: str) -> None:
    ledger = Ledger.open(url, RECORD_TYPES)
    try:
        if not ledger.read(lambda reads: reads.tenants()):
            seed(ledger, Cipher(SECRET_KEY), find_dialects())
        if not ledger.is_postgres:
            with ledger.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        ledger.close()


def _with_demo(where: Path | str) -> str:
    """The URL of a database, the demo in it unless it has tenants of its own."""
    if isinstance(where, str):
        _seed(where)
        return where
    file = where / "hub.sqlite"
    if not file.exists():
        copyfile(demo_file(), file)
    return f"sqlite:///{file}"


@asynccontextmanager
async def running_hub(
    where: Path | str, *, base_url: str = "http://hub.test", **settings: Any
) -> AsyncIterator[HubUnderTest]:
    """The hub on a fresh database: a directory for SQLite, or a database URL."""
    url = _with_demo(where)
    ledger = Ledger(open_engine(url), RECORD_TYPES)
    given: dict[str, Any] = {
        "rate_limits": False,
        "public_url": base_url,
        "secret_key": SECRET_KEY,
        **settings,
    }
    hub = build(ProgramSettings(database=url, **given), ledger=ledger)
    await hub.start()
    transport = httpx.ASGITransport(app=hub.app, client=("127.0.0.1", 50_000))  # type: ignore[arg-type]
    try:
        async with httpx.AsyncClient(transport=transport, base_url=base_url) as client:
            yield HubUnderTest(hub, client)
        # Whatever a test did through the doors: every law of the ledger holds of what it left.
        assert [str(breach) for breach in check_ledger(hub.ledger.engine).breaches] == []
    finally:
        await hub.stop()
