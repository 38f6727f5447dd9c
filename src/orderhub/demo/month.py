"""The month that the demo's businesses have behind them: real commands from a fixed seed, as if they had come then.

It takes the ids below a document's first number and lies before the tenant's clock begins, so that every example gets
its own. It sells goods of its own: no pool of an example is drawn on.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from random import Random
from typing import Any
from uuid import UUID

from orderhub.core.catalogue import Product
from orderhub.core.commands import (
    Action,
    AdjustPool,
    ChangeOrder,
    Command,
    OrderName,
    Origin,
    PutRecords,
    RecordChange,
)
from orderhub.core.facts import Accepted
from orderhub.core.steps import Payment, Refund, Shipment
from orderhub.core.values import Order, Settings, Status
from orderhub.dialects.sandbox import Buyer, Past
from orderhub.ledger.ledger import Ledger
from orderhub.seeding import Commands

_SEED = 20_240_101
_DAYS = 30
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_OPENS, _CLOSES = 8 * _HOUR_US, 20 * _HOUR_US  # orders come between, all else is done behind
# Code, title, price, and how many there were; of one little is left.
_GOODS = (
    ("MUG-BLUE", "Blue mug", "12.50", 400),
    ("POSTER-A2", "Poster, A2", "18", 300),
    ("TOTE", "Tote bag", "9.90", 500),
    ("NOTEBOOK", "Notebook, dotted", "7.20", 600),
    ("LAMP", "Desk lamp", "49", 200),  # the last count finds few of them
)
_FIRST_GOOD = 950
_FEW_LEFT, _LITTLE = 3, 10
_BUYERS = tuple(
    Buyer(*each)
    for each in (
        ("Maria", "Keller", "DE", "Berlin", "Berlin", "Lindenstr. 12", "10969", "+49 30 5550101"),
        (
            "James",
            "Walker",
            "US",
            "Illinois",
            "Springfield",
            "1 Main St",
            "62701",
            "+1 217 5550102",
        ),
        ("Ana", "Silva", "PT", "Lisboa", "Lisboa", "Rua Augusta 5", "1100-048", "+351 21 5550103"),
        ("小红", "王", "CN", "四川省", "成都市", "人民路 8 号", "610000", "13800000104"),
        ("Yuki", "Tanaka", "JP", "Tokyo", "Shibuya", "Jinnan 1-2-3", "150-0041", "+81 3 5550105"),
        ("Claire", "Martin", "FR", "Rhône", "Lyon", "4 rue Mercière", "69002", "+33 4 5550106"),
        ("Oliver", "Brown", "GB", "London", "London", "7 High Street", "E1 6AN", "+44 20 5550107"),
        ("Lucía", "García", "ES", "Madrid", "Madrid", "Calle Mayor 9", "28013", "+34 91 5550108"),
        ("伟", "李", "CN", "广东省", "深圳市", "深南大道 100 号", "518000", "13800000109"),
        ("Nora", "Hansen", "NO", "Oslo", "Oslo", "Storgata 3", "0155", "+47 22 555110"),
    )
)


@dataclass(frozen=True, slots=True)
class Door:
    """Through which door so many orders of a tenant came."""

    channel: str
    past: Past
    orders: int


def goods(currency: str, *, stocked: bool) -> tuple[Product, ...]:
    """What is sold in the month and in no example."""
    return tuple(
        Product(
            id=number,
            uid=str(UUID(int=0x4000_8000_0000_0000_0000 | int(str(number), 16))),
            code=code,
            title=title,
            price=Decimal(price),
            currency=currency,
            stocked=stocked,
            weight_g=300,
        )
        for number, (code, title, price, _) in enumerate(_GOODS, _FIRST_GOOD)
    )


Told = Generator[list[Command], list[Accepted], None]  # commands of a while, for what came of them


def live(ledger: Ledger, months: Sequence[Month]) -> None:
    """All months at once, so that a day of all of them is one commit."""
    run = Commands(ledger).run
    told = [month.told() for month in months]
    waiting = [(each, next(each)) for each in told]
    while waiting:
        found = iter(run([command for _, commands in waiting for command in commands]))
        further = []
        for each, commands in waiting:
            try:
                further.append((each, each.send(list(islice(found, len(commands))))))
            except StopIteration:
                continue
        waiting = further


class Month:
    """Of one tenant. `is_kept`: its goods stay in the catalogue, and there is stock of them; else nobody counted it."""

    def __init__(
        self, ledger: Ledger, tenant_id: int, doors: Sequence[Door], wall_us: int, *, is_kept: bool
    ) -> None:
        self._ledger = ledger
        self._tenant_id = tenant_id
        self._doors = doors
        self._settings: Settings = ledger.read(lambda reads: reads.settings(tenant_id))
        # Its last evening is over before the tenant's clock begins.
        self._begins_us = wall_us - (_DAYS + 1) * _DAY_US
        self._chance = Random(_SEED + tenant_id)  # noqa: S311 - the same month each time
        self._is_kept = is_kept
        self._goods = goods(self._settings.currency, stocked=is_kept)

    def told(self) -> Told:
        """An evening and the day behind it at a time."""
        yield list(self._opening())
        count = sum(door.orders for door in self._doors)
        following = self._settings.first_order_id
        if following > 1:
            assert count < following, "there are not so many free ids"
            self._ledger.set_counter(self._tenant_id, "order", following - count)
        coming = [door for door in self._doors for _ in range(door.orders)]
        self._chance.shuffle(coming)
        standing: list[Order] = []
        for day in range(_DAYS + 1):
            begin = self._begins_us + day * _DAY_US
            today = coming[count * day // _DAYS : count * (day + 1) // _DAYS]
            steps = list(self._evening(begin - _DAY_US, standing, is_last=day == _DAYS))
            changed = {step.name.value for step in steps}
            found = yield [*steps, *self._sales(begin, today)]
            standing = [each for each in standing if each.uid not in changed]
            standing += [order for each in found for order in (*each.changed, *each.placed)]
        if following > 1:
            self._ledger.set_counter(self._tenant_id, "order", following)
        yield list(self._closing())

    # --- what is sold

    def _opening(self) -> Iterator[Command]:
        records = [
            RecordChange(kind="product", id=each.id, uid=each.uid, code=each.code, doc=each)
            for each in self._goods
        ]
        records += [change for door in self._doors for change in door.past.records]
        origin = self._origin(self._begins_us - _DAY_US)
        yield PutRecords(origin=origin, changes=tuple(records))
        if self._is_kept:
            for each, (_, _, _, units) in zip(self._goods, _GOODS, strict=True):
                yield self._count(each, units, origin)

    def _count(self, product: Product, units: int, origin: Origin) -> AdjustPool:
        return AdjustPool(
            origin=origin,
            kind="stock",
            subject=f"product:{product.id}",
            place=self._settings.default_warehouse,
            count=units,
            low_at=_LITTLE,
            reason="counted",
        )

    def _closing(self) -> Iterator[Command]:
        """Little is left of one; or they are sold no more, and the catalogue is that of the examples."""
        origin = self._origin(self._begins_us + _DAYS * _DAY_US)
        if self._is_kept:
            yield self._count(self._goods[-1], _FEW_LEFT, origin)
            return
        kinds = [("product", each.id) for each in self._goods]
        kinds += [(each.kind, each.id) for door in self._doors for each in door.past.records]
        gone = tuple(RecordChange(kind=kind, id=number) for kind, number in kinds)
        yield PutRecords(origin=origin, changes=gone)

    # --- days

    def _sales(self, begin: int, doors: Sequence[Door]) -> Iterator[Command]:
        times = sorted(self._chance.randrange(_OPENS, _CLOSES) for _ in doors)
        for at, door in zip(times, doors, strict=True):
            origin = self._origin(begin + at, door.channel)
            buyer = self._chance.choice(_BUYERS)
            yield door.past.order(origin, self._chance, buyer, self._goods, self._settings)

    def _evening(
        self, begin: int, orders: Sequence[Order], *, is_last: bool
    ) -> Iterator[ChangeOrder]:
        """Orders that are not at their end take their next step, or wait for another evening."""
        at = begin + _CLOSES
        for order in orders:
            if order.status in (Status.CANCELLED, Status.REFUNDED, Status.COMPLETED):
                continue
            at += 1_000_000
            step = self._next_step(order, self._origin(at), is_last=is_last)
            if step is not None:
                yield step

    def _next_step(self, order: Order, origin: Origin, *, is_last: bool) -> ChangeOrder | None:
        name = OrderName("uid", order.uid)
        dice = self._chance.random()
        waits = bool(order.timers)  # what would end by itself is ended before the clock begins

        def step(action: Action, **more: Any) -> ChangeOrder:
            return ChangeOrder(origin=origin, name=name, action=action, **more)

        match order.status:
            case Status.PENDING if dice < 0.72 or (waits and is_last):
                reference = f"PAY-{self._chance.randrange(10**6):06}"
                return step(Action.PAY, payment=Payment(method="card", reference=reference))
            case Status.PENDING if dice < 0.82:
                return step(Action.CANCEL, reason="not paid in time")
            case Status.PAID if dice < 0.6:
                tracking = f"TRACK{self._chance.randrange(10**8):08}"
                return step(Action.SHIP, shipment=Shipment(carrier="Post", tracking=tracking))
            case Status.PAID if dice < 0.65:
                return step(Action.REFUND, refund=Refund(reason="changed their mind"))
            case Status.SHIPPED if waits and (is_last or dice < 0.4):
                return step(Action.COMPLETE)
            case Status.SHIPPED if dice < 0.05 and order.total > 1:
                amount = (order.total / 2).quantize(Decimal("0.01"))
                return step(Action.REFUND_PART, refund=Refund(amount=amount, reason="damaged"))
            case Status.SHIPPED if dice < 0.3:
                return step(Action.COMPLETE)
        return None

    def _origin(self, at: int, channel: str = "hub") -> Origin:
        return Origin(tenant_id=self._tenant_id, channel=channel, actor="demo", recorded_at=at)
