"""A relay on a ledger, with a clock that is given and a vendor that can be as bad as any."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from orderhub.core.commands import ChangeOrder, HandOverStep, MoveHandOver, RecordChange
from orderhub.core.connections import RECORD_KIND, Connection
from orderhub.core.handing import HandOver
from orderhub.core.listings import Listing, key_of
from orderhub.core.refusals import Rejected
from orderhub.core.relaying import HandOverQuery
from orderhub.core.routes import Route
from orderhub.dialects.client import (
    Answer,
    Answers,
    Ask,
    Blocked,
    Client,
    Doubt,
    Finding,
    Found,
    Job,
    Link,
    Placed,
    Placing,
    Refused,
    Request,
    Send,
    Signed,
    Window,
    body_of,
    json_of,
    target_of,
)
from orderhub.ledger.ledger import Ledger
from orderhub.relay.engine import Engine
from tests.support import world
from tests.support.world import NOON, SHOP

SECOND = 1_000_000
HOUR = 3_600 * SECOND
SECRET = "s3cr3t-token"
HERE = "https://vendor.example"
_PAGE = 2


class Clock:
    def __init__(self) -> None:
        self.now_us = NOON + HOUR

    def __call__(self) -> int:
        self.now_us += 10  # no two things happen at once
        return self.now_us


class ShopClient(Client):
    """Of a vendor that keeps a marker, lists page by page, and knows things by ids."""

    marker = "note"
    timeout_s = 10.0

    def signed(self, link: Link, request: Request, at_us: int) -> Signed:
        return Signed(
            method=request.method,
            target=target_of(request),
            headers=(("Authorization", f"Bearer {link.credentials['token']}"),),
            body=body_of(request),
        )

    def place(self, link: Link, job: Job, answers: Answers) -> Placing:
        if not answers:
            listed = [job.listings[line.line_no].id for line in job.lines if line.product_id]
            body = {
                "note": job.marker,
                "items": listed,
                "look": look_of(job),
                "notes": job.order.doc.notes,
            }
            return Send(Request(path="/orders", body=body))
        return self.read(answers[0])

    @staticmethod
    def read(answer: Answer) -> Placing:
        said = json_of(answer)
        match answer.status:
            case 201 if said:
                return Placed(said["number"])
            case 401:
                return Blocked("not let in", is_login=True)
            case 422:
                return Refused("the vendor does not want it")
        return Doubt(f"it answered {answer.status}")

    def find(self, link: Link, job: Job, window: Window, answers: Answers) -> Finding:
        pages = [json_of(each) for each in answers]
        if pages and not pages[-1]["more"]:
            listed = [each for page in pages for each in page["orders"]]
            return Found(tuple(Placed(each["number"]) for each in self.those(job, listed)))
        query = (("since", str(window.since_us)), ("page", str(len(pages))))
        return Ask(Request(method="GET", path="/orders", query=query))

    def those(self, job: Job, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in listed if each["note"] == job.marker]


class PlainClient(ShopClient):
    """Of a vendor that carries no text of ours: what looks the same may be the same."""

    marker = ""

    def those(self, job: Job, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in listed if each["look"] == look_of(job)]


def look_of(job: Job) -> str:
    return ",".join(f"{line.title}x{line.quantity}" for line in job.lines)


class Came(msgspec.Struct):
    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = {}
    retry_after_s: float = 0.0
    error: str = ""
    is_cut: bool = False


class Vendor:
    """Over there. `faults` are what happens to the next calls that change something, `blind` to those that ask.

    drop, 500    before anything is done
    after…       the same once it is done
    late         no answer, and it is done by and by
    refuse, out  a clear no: to the order, to whoever asks
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.orders: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.blind: list[str] = []
        self.late: list[tuple[int, dict[str, Any]]] = []
        self.visible_after_us = 0
        self.calls: list[Signed] = []

    def call(self, signed: Signed) -> Came:
        self.calls.append(signed)
        self.come()
        if signed.method == "GET":
            return self._list(signed) if not self.blind else _bad(self.blind.pop(0))
        fault = self.faults.pop(0) if self.faults else ""
        order = msgspec.json.decode(signed.body)
        match fault:
            case "refuse":
                return Came(422, b"{}")
            case "out":
                return Came(401, b"{}")
            case "late":
                self.late.append((self._clock.now_us + 15 * SECOND, order))
                return Came(error="there was no answer within 10 s")
            case "drop" | "500":
                return _bad(fault)
        number = self._make(order)
        if fault.startswith("after "):
            return _bad(fault.removeprefix("after "))
        return Came(201, msgspec.json.encode({"number": number}))

    def come(self) -> None:
        """What was late is done by now."""
        for each in [each for each in self.late if each[0] <= self._clock.now_us]:
            self.late.remove(each)
            self._make(each[1])

    def _make(self, order: dict[str, Any]) -> str:
        number = f"N{len(self.orders) + 1}"
        self.orders.append({**order, "number": number, "at": self._clock.now_us})
        return number

    def _list(self, signed: Signed) -> Came:
        query = dict(part.split("=") for part in signed.target.partition("?")[2].split("&"))
        seen = self._clock.now_us - self.visible_after_us
        since = int(query["since"])
        found = [each for each in self.orders if since <= each["at"] <= seen]
        first = int(query["page"]) * _PAGE
        page = {"orders": found[first : first + _PAGE], "more": len(found) > first + _PAGE}
        return Came(200, msgspec.json.encode(page))


def _bad(fault: str) -> Came:
    return Came(500, b"oops") if fault == "500" else Came(error="it closed the connection")


class Meter:
    def __init__(self) -> None:
        self.outcomes: dict[str, int] = {}

    def handed(self, outcome: str) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def took(self, seconds: float) -> None:
        assert seconds >= 0


class Rig:
    """One hub's relay. `dies_at`: where its program ends at once, before or after a commit or a call."""

    def __init__(self, ledger: Ledger, clock: Clock, vendor: Vendor, client: Client) -> None:
        self.ledger = ledger
        self.clock = clock
        self.vendor = vendor
        self.elsewhere: dict[str, Vendor] = {}  # by their addresses
        self.dies_at = ""
        self.is_dead = False
        self.is_busy = False
        self.under_way = self.most_under_way = 0  # calls
        self.meter = Meter()
        self.engine = Engine(
            ledger,
            {"shop": client},
            make=self._make,
            submit=self._submit,
            change=self._change,
            decrypt=lambda text: text.removeprefix("kept:"),
            meter=self.meter,
            now_us=clock,
            wall_us=clock,
            is_busy=lambda: self.is_busy,
        )

    async def _die(self, where: str) -> None:
        if self.is_dead or self.dies_at == where:
            self.is_dead = True
            await asyncio.Event().wait()

    async def _make(
        self, tenant_id: int, connection: Connection, signed: Signed, timeout_s: float
    ) -> Came:
        assert (tenant_id, timeout_s) == (SHOP, 10.0)
        vendor = {HERE: self.vendor, **self.elsewhere}[connection.base_url]
        if signed.method == "POST":
            await self._die("before call")
        came = vendor.call(signed)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if signed.method == "POST":
            await self._die("after call")
        return came

    async def _submit(self, command: MoveHandOver) -> HandOver | Rejected:
        await self._die("before commit")
        (outcome,) = world.run(self.ledger, command)
        if outcome.rejected is not None:
            return outcome.rejected
        assert outcome.accepted is not None
        await self._die("after commit")
        found: HandOver = outcome.accepted.result
        return found

    async def _change(self, command: ChangeOrder) -> Rejected | None:
        await self._die("before change")
        (outcome,) = world.run(self.ledger, command)
        await self._die("after change")
        refused: Rejected | None = outcome.rejected
        return refused

    async def pass_once(self) -> None:
        """One look, and all that it leads to for now; or the end of the program."""
        await self.engine.look()
        while self.engine._tasks and not self.is_dead:
            await asyncio.wait(self.engine._tasks.values(), timeout=0.005)
        if self.is_dead:
            await self.kill()

    async def kill(self) -> None:
        for task in [*self.engine._tasks.values()]:
            task.cancel()
        for agent in [*self.engine._agents.values()]:
            await agent.abandon()
        await asyncio.gather(*self.engine._tasks.values(), return_exceptions=True)
        self.engine.close()
        self.ledger.relay.forget_leases()


def connect(
    ledger: Ledger,
    number: int = 1,
    *,
    route: bool = True,
    listed: tuple[int, ...] = (188, 189),
    **more: Any,
) -> None:
    """A connection, a route of all that is placed to it, and listings of products."""
    doc = Connection(
        uid=f"00000000-0000-8000-8000-{number:012}",
        dialect="shop",
        base_url=HERE,
        credentials={"token": f"kept:{SECRET}"},
        settle_s=5.0,
    )
    doc = replace(doc, **{name: each for name, each in more.items() if hasattr(doc, name)})
    changes = [RecordChange(kind=RECORD_KIND, id=number, uid=doc.uid, doc=doc)]
    if route:
        way = Route(uid=f"route-{number}", connection=number, connection_uid=doc.uid, when="placed")
        changes.append(RecordChange(kind="route", id=number, uid=way.uid, doc=way))
    changes += [listing(number, product) for product in listed]
    world.run_all(ledger, world.put(*changes))


def listing(connection: int, product: int) -> RecordChange:
    subject = f"product:{product}"
    doc = Listing(
        uid=f"listing-{product}", connection=connection, subject=subject, id=f"V{product}"
    )
    keys = (("subject", key_of(connection, subject)), ("connection", str(connection)))
    return RecordChange(kind="listing", id=product, uid=doc.uid, doc=doc, keys=keys)


def hand_overs(ledger: Ledger, *states: str) -> list[HandOver]:
    """Oldest first."""
    query = HandOverQuery(tenant_id=SHOP, states=states, limit=1_000)
    return list(ledger.read(lambda reads: reads.relay.page(query)))[::-1]


class Bench:
    """A ledger, a vendor, and a relay that is begun again when it died."""

    def __init__(self, ledger: Ledger, client: Client | None = None) -> None:
        self.ledger = ledger
        self.clock = Clock()
        self.vendor = Vendor(self.clock)
        self._client = client or ShopClient()
        self._runner = asyncio.Runner()
        self.rig = self._new()

    def _new(self) -> Rig:
        return Rig(self.ledger, self.clock, self.vendor, self._client)

    def run(self, times: int = 1, *, every_us: int = 0) -> None:
        for _ in range(times):
            self.clock.now_us += every_us
            self._runner.run(self.rig.pass_once())
            if self.rig.is_dead:
                self.rig = self._new()

    def settle(self) -> None:
        """Time enough for all that can be known to be known."""
        self.run(12, every_us=60 * SECOND)

    def close(self) -> None:
        self._runner.run(self.rig.kill())
        self._runner.close()

    def decide(self, hand_over: HandOver, step: HandOverStep, **more: Any) -> Any:
        command = MoveHandOver(
            origin=world.origin(recorded_at=self.clock()),
            order_id=hand_over.order_id,
            connection_id=hand_over.connection_id,
            step=step,
            **more,
        )
        (outcome,) = world.run(self.ledger, command)
        return outcome.rejected or outcome.accepted.result

    @property
    def one(self) -> HandOver:
        (found,) = hand_overs(self.ledger)
        return found
