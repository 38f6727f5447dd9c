"""What the hub does with one type of command: which facts it needs, what it may use, how it is decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orderhub.core.business import Loads, LockKey
from orderhub.core.commands import RecordChange
from orderhub.core.facts import Accepted, Facts, IdQuota, NewIds, OrderLoad, PoolLoad
from orderhub.core.refusals import Rejected

NO_IDS = IdQuota()


def _nothing(*_: Any) -> tuple[Any, ...]:
    return ()


def _no_ids(*_: Any) -> IdQuota:
    return NO_IDS


def _no_key(_command: Any) -> str:
    return ""


def _never(_command: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """One type of command. All functions are pure; of most types most questions have no answer but the default.

    decide            command, facts, new ids -> Accepted or Rejected
    loads             the records and orders it must know, besides the tenant's settings; asked again after
                      each load until nothing is missing
    pools             the pools it may draw on; asked once, after all records and orders are known
    id_quota          how many new ids it may use
    lock_keys         names of records that nobody else decides about until the commit
    places            whether it places orders: their ids are set aside before anything is decided
    natural_key       the vendor's own uniqueness rule, empty = none
    is_time_numbered  whether its orders are numbered by their time
    numbers           of these: the numbers to look up before the orders with these ids get theirs
    records           the records that it writes
    when_taken        what becomes of it when its natural key is taken; None: it is refused as the second with it
    has_own_times     whether what it writes keeps the times that it brings, and is not recorded as of now
    stands_alone      whether what is loaded for a batch is only good for commands on one side of it
    """

    decide: Callable[[Any, Facts, NewIds], Accepted | Rejected]
    loads: Callable[[Any, Facts], Loads] = _nothing
    pools: Callable[[Any, Facts], Iterable[PoolLoad]] = _nothing
    id_quota: Callable[[Any, Facts], IdQuota] = _no_ids
    lock_keys: Callable[[Any], Iterable[LockKey]] = _nothing
    places: bool = False
    natural_key: Callable[[Any], str] = _no_key
    is_time_numbered: Callable[[Any], bool] = _never
    numbers: Callable[[Any, Facts, Iterable[int]], Iterable[OrderLoad]] = _nothing
    records: Callable[[Any], Sequence[RecordChange]] = _nothing
    when_taken: Callable[[Any, Facts], Accepted | Rejected] | None = None
    has_own_times: bool = False
    stands_alone: bool = False
