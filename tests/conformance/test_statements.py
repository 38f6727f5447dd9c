"""A batch costs a handful of statements, however many commands are in it: 18 for creates of one door, 32 for any mix.

Everything that goes to the database counts: BEGIN, COMMIT, and the reservation of ids.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from orderhub.core.commands import AdjustPool, OrderName, RecordChange
from orderhub.dialects.finding import find_dialects
from orderhub.intake.batch import CommandBatch
from orderhub.intake.intake import Intake
from orderhub.intake.outcome import Waiting
from orderhub.ledger.driver import Driver
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.calls import Caller, calling
from tests.support.golden import Golden, Request, by, goldens, raw

DIALECTS = find_dialects()
SIZES = (1, 10, 100)


class Collecting(Intake):
    """Gathers what is put until so many wait, then decides them as one batch and counts."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.wanted = 1
        self.counts: list[int] = []
        self.kinds: list[str] = []
        self._gathered: list[Waiting] = []

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def put(self, waiting: Waiting, *, bulk: bool = False) -> None:
        self._gathered.append(waiting)
        if len(self._gathered) < self.wanted:
            return
        batch, self._gathered = self._gathered, []
        with counting(self._ledger) as counted:
            outcomes = CommandBatch(self._ledger, self._uids, 0, batch, self._now_us()).run()
        self.counts.append(len(counted))
        self.kinds += [outcome.kind for outcome in outcomes]
        for each, outcome in zip(batch, outcomes, strict=True):
            each.deliver(outcome)


@contextmanager
def counting(ledger: Ledger) -> Iterator[list[str]]:
    """All that this thread sends to the database meanwhile; the hub's timers and its request log have their own."""
    seen: list[str] = []
    here = threading.get_ident()

    def executed(_c: Any, _k: Any, statement: str, *_more: Any) -> None:
        if threading.get_ident() == here:
            seen.append(statement)

    def is_told(connection: Any) -> bool:
        is_plain = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
        return threading.get_ident() == here and not is_plain

    def begun(connection: Any) -> None:
        if ledger.is_postgres and is_told(connection):  # SQLite's BEGIN is a statement of our own
            seen.append("BEGIN")

    def committed(connection: Any) -> None:
        if is_told(connection):
            seen.append("COMMIT")

    listeners = (("before_cursor_execute", executed), ("begin", begun), ("commit", committed))
    for name, listener in listeners:
        event.listen(ledger.engine, name, listener)
    run = Driver._run

    def noted(driver: Driver, sql: str, parameters: Any, **how: Any) -> Any:
        if threading.get_ident() == here:
            seen.append(sql)
        return run(driver, sql, parameters, **how)

    Driver._run = noted  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        Driver._run = run  # type: ignore[method-assign]
        for name, listener in listeners:
            event.remove(ledger.engine, name, listener)


@contextmanager
def collecting(url: str) -> Iterator[tuple[Caller, Collecting]]:
    with calling(url) as hub:
        hub.hub.intake.stop()
        intake = Collecting(hub.hub.ledger)
        hub.hub.port.intake = intake
        yield hub, intake


def another_like(request: Request, number: int) -> Request:
    """The same create as an order nobody made before, where the vendor has names of its own for orders."""
    body = request.body
    if isinstance(body, dict) and "referenceId" in body:
        body = {**body, "referenceId": f"{body['referenceId']}-{number}"}
    return replace(request, body=body)


def make(hub: Caller, intake: Collecting, cases: list[Golden]) -> int:
    """One batch with a create of each case, each under a key of its own; answers its statements."""

    async def all_at_once() -> None:
        calls = []
        for number, case in enumerate(cases):
            asked = another_like(case.request, len(intake.counts) * 1_000 + number)
            asked = by(asked, f"hub-demo-{case.tenant}")
            headers = {**asked.headers, "Idempotency-Key": f"{len(intake.counts)}-{number}"}
            calls.append(hub.asend(asked.method, asked.path, asked.query, headers, raw(asked)))
        replies = await asyncio.gather(*calls)
        assert {reply.status for reply in replies} <= {200, 201}

    intake.wanted = len(cases)
    hub.run(all_at_once())
    return intake.counts[-1]


def prepare(url: str) -> None:
    """Clocks stand where the examples live, and nothing runs out."""
    with calling(url) as hub:
        for case in FIRSTS:
            if case.clock:
                hub.freeze(case.tenant, case.clock)
        ledger = hub.hub.ledger
        for tenant in ledger.read(lambda reads: reads.tenants()):
            for kind in ("stock", "seats", "rooms", "coupon", "balance"):
                pools = ledger.read(lambda reads, t=tenant.id, k=kind: reads.pools(t, k))
                more = [
                    AdjustPool(
                        origin=world.origin(tenant.id),
                        kind=kind,
                        subject=pool.key.subject,
                        place=pool.key.place,
                        by=10**12,
                    )
                    for pool in pools
                ]
                if more:
                    world.run_all(ledger, *more)


FIRSTS = [goldens(dialect.name)[0] for dialect in DIALECTS]


@pytest.mark.parametrize("case", FIRSTS, ids=lambda case: case.dialect)
def test_creates_of_one_door_cost_at_most_18_statements(demo_url: str, case: Golden) -> None:
    prepare(demo_url)
    with collecting(demo_url) as (hub, intake):
        counts = {size: make(hub, intake, [case] * size) for size in SIZES}
        assert set(intake.kinds) == {"accepted"}
        again = {size: make(hub, intake, [case] * size) for size in SIZES}
    assert max(counts.values()) <= 18, counts
    assert max(again.values()) <= 18, again
    assert again[100] <= again[1] + GROWTH, f"statements grow with the batch: {again}"


# A block of ids may run out in one batch and not in another.
GROWTH = 1


def test_any_mix_costs_at_most_32_statements(demo_url: str) -> None:
    prepare(demo_url)
    with collecting(demo_url) as (hub, intake):
        make(hub, intake, FIRSTS)
        counts = {}
        for times in (1, 4, 20):
            counts[times] = make(hub, intake, FIRSTS * times)
        assert set(intake.kinds) == {"accepted"}
        ledger = hub.hub.ledger
        mixed = {times: mix_of_everything(ledger, times) for times in (1, 5, 25)}
    assert max(counts.values()) <= 32, counts
    assert max(mixed.values()) <= 32, mixed
    assert mixed[25] <= mixed[5] + GROWTH, f"statements grow with the batch: {mixed}"


def mix_of_everything(ledger: Ledger, times: int) -> int:
    """Creates, changes of what stands, pools, records and claims in one batch; answers its statements."""
    orders = world.all_orders(ledger, 1)[: 2 * times]
    at = {"tenant": 1, "recorded_at": 1_900_000_000_000_000}
    batch: list[Waiting] = []
    ids = [times * 100 + n for n in range(len(orders))]
    products = [RecordChange(kind="product", id=each, doc=world.product(each)) for each in ids]
    world.run_all(ledger, world.put(*products, origin=world.origin(**at)))
    for n, order in enumerate(orders):
        kinds = (
            world.sale(origin=world.origin(**at), natural_key=f"{times}-{n}"),
            world.adjust(3, "product:188", "MAIN", origin=world.origin(**at)),
            world.adjust(3, f"product:{times * 100 + n}", "MAIN", origin=world.origin(**at)),
            world.put(world.note(10_000 + n, {}, keys=(("k", "v"),)), origin=world.origin(**at)),
            world.put(world.note(0, {}, code=f"c{n}"), unique=(("note", "code", f"x{times}-{n}"),)),
            world.change(order, world.Action.AMEND, vendor={"n": times}),
            world.change(order, world.Action.PAY, name=OrderName("id", str(order.id))),
        )
        batch += [world.waiting(each, key=f"{times}-{n}-{i}") for i, each in enumerate(kinds)]
    with counting(ledger) as counted:
        outcomes = CommandBatch(ledger, world._UIDS, 0, batch, world.NOON).run()
    assert len(outcomes) == len(batch)
    assert sum(each.kind == "accepted" for each in outcomes) > len(batch) // 2
    return len(counted)
