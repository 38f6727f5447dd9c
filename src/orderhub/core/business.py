"""What a business must bring: the facts it needs, the pools it draws on, and the rule that places an order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orderhub.core.commands import ChangeOrder, PlaceOrder, Terms
from orderhub.core.details import Details
from orderhub.core.facts import (
    Accepted,
    Facts,
    HandOverLoad,
    IdQuota,
    NewIds,
    OrderLoad,
    PoolLoad,
    RecordKey,
)
from orderhub.core.refusals import Rejected
from orderhub.core.values import Order, OrderDoc

Loads = Iterable[RecordKey | OrderLoad | HandOverLoad]
# A record's name: kind, by, value.
LockKey = tuple[str, str, str]


def _no_loads(_command: Any, _facts: Facts) -> Loads:
    return ()


def _no_pools(_command: Any, _facts: Facts) -> Iterable[PoolLoad]:
    return ()


def _locks_nothing(_command: PlaceOrder) -> Iterable[LockKey]:
    return ()


ONE_ORDER = IdQuota(orders=1)


def _one_order(_command: PlaceOrder, _facts: Facts) -> IdQuota:
    return ONE_ORDER


def _never(_doc: OrderDoc) -> bool:
    return False


def _no_change_loads(_command: ChangeOrder, _order: Order, _facts: Facts) -> Loads:
    return ()


def _no_change_pools(_command: ChangeOrder, _order: Order, _facts: Facts) -> Iterable[PoolLoad]:
    return ()


def _no_change_id_quota(_command: ChangeOrder, _order: Order, _facts: Facts) -> IdQuota:
    return IdQuota()


@dataclass(frozen=True, slots=True)
class Business:
    """One way of doing business. All functions are pure.

    name         stored with each of its orders, so that later changes find the same rules; it never changes
    terms        what is ordered under it
    details      what it keeps on an order; None: it places none
    place        PlaceOrder, facts, new ids -> Accepted or Rejected
    loads        the records and orders it must know; asked again after each load until nothing is missing
    pools        the pools it may draw on; asked once, after all records are known
    id_quota     how many new ids it may use
    lock_keys    names of records that nobody else who holds them decides about until the commit: for rules
                 that bind what others add to a record without writing it
    records      record kinds it defines: kind -> Struct
    may_be_negative   whether what it places may come to less than 0: a rebate, a correction, what others state
    on_change    the further effects of a change of one of its orders (commissions, memberships): gets the
                 command, the order before and after, facts and ids; returns the Accepted with them added,
                 or a Rejected
    from_balance whether the total of one of its orders is drawn from a balance, by the order's document
    change_*     as above, for the records, pools and ids that `on_change` uses
    """

    name: str
    terms: type[Terms]
    place: Callable[[PlaceOrder, Facts, NewIds], Accepted | Rejected]
    details: type[Details] | None = None
    loads: Callable[[PlaceOrder, Facts], Loads] = _no_loads
    pools: Callable[[PlaceOrder, Facts], Iterable[PoolLoad]] = _no_pools
    id_quota: Callable[[PlaceOrder, Facts], IdQuota] = _one_order
    lock_keys: Callable[[PlaceOrder], Iterable[LockKey]] = _locks_nothing
    records: Mapping[str, type] = field(default_factory=dict)
    may_be_negative: bool = False
    on_change: (
        Callable[[ChangeOrder, Order, Accepted, Facts, NewIds], Accepted | Rejected] | None
    ) = None
    from_balance: Callable[[OrderDoc], bool] = _never
    change_loads: Callable[[ChangeOrder, Order, Facts], Loads] = _no_change_loads
    change_pools: Callable[[ChangeOrder, Order, Facts], Iterable[PoolLoad]] = _no_change_pools
    change_id_quota: Callable[[ChangeOrder, Order, Facts], IdQuota] = _no_change_id_quota
