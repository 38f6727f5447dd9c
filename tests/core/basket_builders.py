"""A shop in memory: what a basket may need to know, and commands for it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core import decide
from orderhub.core.address_book import SavedAddress, user_key
from orderhub.core.basket_prices import BasketItem
from orderhub.core.baskets import GoodsBasket
from orderhub.core.carts import CartItem, keys_of
from orderhub.core.catalogue import Product, Variant
from orderhub.core.commands import Action, ChangeOrder, OrderName, Origin, PlaceOrder
from orderhub.core.commissions import Shop
from orderhub.core.coupons import Coupon, CouponClaim, keys_of_claim
from orderhub.core.facts import Accepted, Facts, NewIds, OrderLoad, Record, RecordKey
from orderhub.core.memberships import User, UserGroup
from orderhub.core.refusals import Rejected
from orderhub.core.values import Order, Pool, PoolKey, Settings

TENANT = 1
NOON = 1_700_000_000_000_000
ORIGIN = Origin(tenant_id=TENANT, channel="shop", actor="test", recorded_at=NOON, owner="1000")
BUYER = User(id=1000, group_id=1)
SHIRT = Product(id=188, title="Shirt", price=Decimal(99), seller_id=15, stocked=True)

KINDS: dict[type, str] = {
    Settings: "settings",
    User: "user",
    UserGroup: "user_group",
    Shop: "shop",
    Product: "product",
    Variant: "variant",
    Coupon: "coupon",
    CouponClaim: "coupon_claim",
    CartItem: "cart_item",
    SavedAddress: "address",
}


def record(doc: Any) -> Record:
    kind = KINDS[type(doc)]
    keys: tuple[tuple[str, str], ...] = ()
    if isinstance(doc, CartItem):
        keys = keys_of(doc)
    if isinstance(doc, CouponClaim):
        keys = keys_of_claim(doc)
    if isinstance(doc, SavedAddress):
        keys = (user_key(doc.user_id),)
    return Record(
        tenant_id=TENANT,
        kind=kind,
        id={"settings": 0, "shop": 1}.get(kind) or getattr(doc, "id", 0),
        uid="",
        code=getattr(doc, "code", ""),
        doc=doc,
        keys=keys,
    )


class World:
    """Facts by their names; `decide` loads what a command asks for, as the ledger would."""

    def __init__(self, *docs: Any, stock: dict[tuple[str, str], int] | None = None) -> None:
        given = [Settings(name="shop", currency="CNY"), BUYER, SHIRT, *docs]
        self.records = {(r.kind, r.id): r for r in map(record, given)}
        self.pools: dict[PoolKey, Pool] = {}
        for (subject, place), units in (stock or {("product:188", "A"): 100}).items():
            self.pool("stock", subject, units, place)
        self.orders: dict[int, Order] = {}
        self.known = Facts()
        self.next_id = 46

    def pool(self, kind: str, subject: str, units: int, place: str = "") -> PoolKey:
        key = PoolKey(TENANT, kind, subject, place)
        self.pools[key] = Pool(key=key, opening=units)
        return key

    def available(self, kind: str, subject: str, place: str = "") -> int:
        key = PoolKey(TENANT, kind, subject, place)
        found = self.known.pool(key) or self.pools.get(key)
        return 0 if found is None else found.available

    def doc(self, kind: str, record_id: int) -> Any:
        found = self.known.record(TENANT, kind, "id", record_id)
        return None if found is None else found.doc

    def decide(self, command: PlaceOrder | ChangeOrder) -> Accepted | Rejected:
        known = self.known
        for _ in range(6):
            missing = [load for load in decide.loads(command, known) if not _has(known, load)]
            if not missing:
                break
            for load in missing:
                self._learn(load)
        else:
            raise AssertionError("needs never end")
        for load in decide.pool_loads(command, known):
            known.learn_pools(
                load,
                [
                    pool
                    for key, pool in self.pools.items()
                    if (key.kind, key.subject) == (load.kind, load.subject)
                    and load.place in (None, key.place)
                ],
            )
        wanted = decide.id_quota(command, known)
        ids = NewIds(
            orders=tuple(
                (self.next_id + n, f"uid-{self.next_id + n}") for n in range(wanted.orders)
            ),
            records={kind: tuple(range(501, 501 + count)) for kind, count in wanted.records},
            uids=tuple(f"spare-{n}" for n in range(wanted.uids)),
        )
        decision = decide.decide(command, known, ids)
        if isinstance(decision, Accepted):
            known.apply(decision)
            self.next_id += len(decision.placed)
            for order in (*decision.placed, *decision.changed):
                self.orders[order.id] = order
        return decision

    def _learn(self, load: RecordKey | OrderLoad) -> None:
        if isinstance(load, OrderLoad):
            found = [o for o in self.orders.values() if str(o.id) == load.name.value]
            self.known.learn_orders(load, found)
            return
        self.known.learn_records(
            load,
            [
                each
                for each in self.records.values()
                if each.kind == load.kind
                and load.value
                == {"id": str(each.id), "code": each.code, **dict(each.keys)}.get(load.by)
            ],
        )


def _has(known: Facts, load: RecordKey | OrderLoad) -> bool:
    return known.knows(load) if isinstance(load, RecordKey) else load in known.loaded_orders


def basket(*items: tuple[int, int] | BasketItem, notes: str = "", **terms: Any) -> PlaceOrder:
    """A basket of (product id, quantity) pairs for user 1000."""
    lines = tuple(
        each if isinstance(each, BasketItem) else BasketItem(product_id=each[0], quantity=each[1])
        for each in items
    )
    return PlaceOrder(
        origin=ORIGIN, terms=GoodsBasket(**{"user_id": 1000, "items": lines, **terms}), notes=notes
    )


def change(order: Order, action: Action, **more: Any) -> ChangeOrder:
    origin = msgspec.structs.replace(ORIGIN, owner="")
    return ChangeOrder(origin=origin, name=OrderName("id", str(order.id)), action=action, **more)


def placed(decision: Accepted | Rejected) -> Order:
    assert isinstance(decision, Accepted), decision
    return decision.order


def lines_add_up(order: Order) -> bool:
    return sum((line.gross for line in order.lines), Decimal(0)) == order.total


def amounts(order: Order) -> tuple[Decimal, Decimal]:
    """(origin amount, amount)."""
    return order.doc.business.origin_amount, order.total


def units(moves: Iterable[Any], kind: str) -> int:
    return sum(move.units for move in moves if move.kind == kind)
