"""A small world on a real ledger: two tenants, one shop, and short words for every command."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from orderhub.core.access import Tenant
from orderhub.core.answer import Answer, Outcome
from orderhub.core.basket_prices import BasketItem
from orderhub.core.baskets import GoodsBasket
from orderhub.core.catalogue import Product, Warehouse
from orderhub.core.commands import (
    Action,
    AdjustPool,
    ChangeOrder,
    ChangeSettings,
    Command,
    Numbering,
    OrderName,
    Origin,
    PlaceOrder,
    PutRecords,
    RecordChange,
    SetClock,
    StatedLine,
)
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.facts import Accepted, Facts
from orderhub.core.memberships import User
from orderhub.core.queries import OrderQuery
from orderhub.core.recorded import RecordedSale
from orderhub.core.refusals import Rejected
from orderhub.core.values import Order, Settings
from orderhub.intake.batch import execute
from orderhub.intake.claims import Claim
from orderhub.intake.intake import Intake
from orderhub.intake.outcome import Waiting
from orderhub.intake.uids import Uids
from orderhub.ledger.batch import ClaimName
from orderhub.ledger.database import open_engine, writing
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.tables import BESIDE_THE_BOOKS, metadata

__all__ = [
    "Action",
    "Decimal",
    "Facts",
    "Numbering",
    "RecordChange",
    "Settings",
]  # for the tests that use it

SHOP, OTHER = 1, 2
NOON = 1_700_000_000_000_000
BUYER = 1000
_WAIT_S = 60
_UIDS = Uids()
_MOMENTS = itertools.count(1)


@contextmanager
def open_world(url: str, *, shop: Settings | None = None) -> Iterator[Ledger]:
    """A migrated ledger with tenants `shop` and `other`; only the shop sells anything."""
    ledger = Ledger.open(url, RECORD_TYPES)
    try:
        ledger.add_tenant(Tenant(SHOP, "shop"), shop or Settings(name="shop", sandbox=True))
        ledger.add_tenant(Tenant(OTHER, "other"), Settings(name="other"))
        run_all(
            ledger,
            put(
                RecordChange(kind="user", id=BUYER, doc=User(id=BUYER, group_id=1)),
                RecordChange(kind="product", id=188, doc=product(188)),
                RecordChange(kind="product", id=189, doc=product(189, price="7.25")),
                *warehouses(),
            ),
            adjust(100, "product:188"),
            adjust(5, "product:189"),
        )
        yield ledger
    finally:
        ledger.close()


@contextmanager
def second_process(url: str) -> Iterator[Ledger]:
    """Another hub on the same database, as far as the ledger can tell."""
    ledger = Ledger(open_engine(url), RECORD_TYPES)
    try:
        yield ledger
    finally:
        ledger.close()


# --- commands


def origin(tenant: int = SHOP, **more: Any) -> Origin:
    """Each command arrives a little later than the one before, unless `recorded_at` says when."""
    given = {"channel": "test", "actor": "tester", "recorded_at": NOON + next(_MOMENTS) * 1000}
    return Origin(tenant_id=tenant, **{**given, **more})


def product(number: int, price: str = "9.50", **more: Any) -> Product:
    given = {"title": f"Product {number}", "price": Decimal(price), "stocked": True}
    return Product(id=number, **{**given, **more})


def warehouses() -> list[RecordChange]:
    """The places that stock of the world may lie at."""
    return [
        RecordChange(kind="warehouse", id=n, code=code, doc=Warehouse(id=n, code=code))
        for n, code in enumerate(("A", "B"), 1)
    ]


def sale(total: str = "10.00", *, tenant: int = SHOP, **more: Any) -> PlaceOrder:
    """A recorded sale: an order that draws on nothing."""
    items = more.pop("items", (StatedLine(title="Thing", price=Decimal(total)),))
    at = more.pop("origin", None) or origin(tenant, **more.pop("origin_members", {}))
    given = {"currency": "EUR", "occurred_at": NOON, "items": items, **more.pop("terms", {})}
    terms = RecordedSale(total=Decimal(total), **given)
    return PlaceOrder(origin=at, terms=terms, **more)


def basket(*items: tuple[int, int], **more: Any) -> PlaceOrder:
    """The buyer's basket of (product, quantity) pairs: one piece of product 188 when none is named."""
    lines = tuple(BasketItem(product_id=each, quantity=n) for each, n in items or ((188, 1),))
    at = more.pop("origin", None) or origin(**more.pop("origin_members", {}))
    return PlaceOrder(origin=at, terms=GoodsBasket(user_id=BUYER, items=lines), **more)


def change(order: Order, action: Action, **more: Any) -> ChangeOrder:
    at = more.pop("origin", None) or origin(order.tenant_id)
    name = more.pop("name", OrderName("uid", order.uid))
    return ChangeOrder(origin=at, name=name, action=action, **more)


def adjust(by: int, subject: str = "product:188", place: str = "A", **more: Any) -> AdjustPool:
    at = more.pop("origin", None) or origin()
    return AdjustPool(
        origin=at, kind=more.pop("kind", "stock"), subject=subject, place=place, by=by, **more
    )


def put(*changes: RecordChange, **more: Any) -> PutRecords:
    at = more.pop("origin", None) or origin()
    return PutRecords(origin=at, changes=changes, **more)


def note(number: int, doc: Any, **more: Any) -> RecordChange:
    """A plain JSON document of the kind `note`; doc None removes it."""
    return RecordChange(kind="note", id=number, doc=doc, **more)


def clock(action: str, **more: Any) -> SetClock:
    return SetClock(origin=more.pop("origin", None) or origin(), action=action, **more)


def settings(**members: Any) -> ChangeSettings:
    return ChangeSettings(origin=origin(), members=members)


# --- running them


def waiting(
    command: Command,
    *,
    key: str = "",
    fingerprint: str = "same",
    scope: str = "credential",
    deliver: Callable[[Outcome], None] = lambda _: None,
    answer: Callable[[Accepted], Answer] | None = None,
    **more: Any,
) -> Waiting:
    """A command as the web layer queues it; `key` is its idempotency key."""
    name = ClaimName(command.origin.tenant_id, scope, key)
    return Waiting(
        command=command,
        render=answer or _say,
        render_refusal=_refuse,
        deliver=deliver,
        claim=Claim(name, fingerprint) if key else None,
        **more,
    )


def _say(accepted: Accepted) -> Answer:
    uids = [order.uid for order in (*accepted.placed, *accepted.changed)]
    return Answer(201, f'{{"orders":{uids}}}'.encode(), (("Location", "/here"),), "application/x")


def _refuse(rejected: Rejected) -> Answer:
    return Answer(422, rejected.reason.encode())


def run(ledger: Ledger, *commands: Command | Waiting, slot: int = 0) -> list[Outcome]:
    """All commands as one batch."""
    batch = [each if isinstance(each, Waiting) else waiting(each) for each in commands]
    return execute(ledger, _UIDS, slot, batch, NOON)


@contextmanager
def intake_of(ledger: Ledger) -> Iterator[Intake]:
    intake = Intake(ledger, now_us=lambda: NOON)
    intake.start()
    try:
        yield intake
    finally:
        intake.stop()


def ask(intake: Intake, command: Command) -> Outcome:
    answer: Future[Outcome] = Future()
    intake.put(waiting(command, deliver=answer.set_result))
    return answer.result(_WAIT_S)


def run_all(ledger: Ledger, *commands: Command | Waiting, slot: int = 0) -> list[Accepted]:
    """As `run`, where every command must be accepted."""
    outcomes = run(ledger, *commands, slot=slot)
    assert all(each.kind == "accepted" for each in outcomes), outcomes
    return [each.accepted for each in outcomes if each.accepted is not None]


def place(ledger: Ledger, command: PlaceOrder | Waiting | None = None) -> Order:
    """One order placed, as it stands in the ledger."""
    return run_all(ledger, command or sale())[0].order


def all_orders(ledger: Ledger, tenant: int | None = None) -> tuple[Order, ...]:
    query = OrderQuery(tenant_id=tenant, limit=10_000, oldest_first=True)
    return ledger.read(lambda reads: reads.orders(query)).items


def stock(ledger: Ledger, subject: str = "product:188") -> int:
    pools = ledger.read(lambda reads: reads.pools(SHOP, "stock", (subject,)))
    return sum(pool.available for pool in pools)


def every_row(ledger: Ledger) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that a database holds, to see that something changed nothing."""
    with ledger.engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in metadata.sorted_tables
            if table.name != "counter"  # ids may be set aside and never used
            and table not in BESIDE_THE_BOOKS
        }


Rows = dict[str, list[dict[str, Any]]]


def rows_of_all(engine: Engine) -> Rows:
    """Everything that a database holds, to put it back."""
    with engine.connect() as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(
                    table.select().order_by(*table.primary_key.columns)
                ).mappings()
            ]
            for table in metadata.sorted_tables
        }


def restore(engine: Engine, whole: Rows) -> None:
    """The database holds exactly these rows again."""
    with writing(engine).begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
            if whole[table.name]:
                connection.execute(table.insert(), whole[table.name])
