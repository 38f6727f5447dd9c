"""What the hub does with one type of command: which facts it needs, what it may use, how it is decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from orderhub.core.business import HeldName, Needs
from orderhub.core.commands import RecordChange
from orderhub.core.facts import Accepted, Facts, NewIds, OrderNeed, PoolNeed, Wanted
from orderhub.core.refusals import Rejected

NO_IDS = Wanted()


def _nothing(*_: Any) -> tuple[Any, ...]:
    return ()


def _no_ids(*_: Any) -> Wanted:
    return NO_IDS


def _no_key(_command: Any) -> str:
    return ""


def _never(_command: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """One type of command. All functions are pure; of most types most questions have no answer but the default.

    decide            command, facts, new ids -> Accepted or Rejected
    needs             the records and orders it must know, besides the tenant's settings; asked again after
                      each load until nothing is missing
    pools             the pools it may draw on; asked once, after all records and orders are known
    wanted            how many new ids it may use
    lock_keys         names of records that nobody else decides about until the commit
    places            whether it places orders: their ids are set aside before anything is decided
    natural_key       the vendor's own uniqueness rule, empty = none
    is_time_numbered  whether its orders are numbered by their time
    numbers           of these: the numbers to look up before the orders with these ids get theirs
    records           the records that it writes
    stands_alone      whether what is loaded for a batch is only good for commands on one side of it
    """

    decide: Callable[[Any, Facts, NewIds], Accepted | Rejected]
    needs: Callable[[Any, Facts], Needs] = _nothing
    pools: Callable[[Any, Facts], Iterable[PoolNeed]] = _nothing
    wanted: Callable[[Any, Facts], Wanted] = _no_ids
    lock_keys: Callable[[Any], Iterable[HeldName]] = _nothing
    places: bool = False
    natural_key: Callable[[Any], str] = _no_key
    is_time_numbered: Callable[[Any], bool] = _never
    numbers: Callable[[Any, Facts, Iterable[int]], Iterable[OrderNeed]] = _nothing
    records: Callable[[Any], Iterable[RecordChange]] = _nothing
    stands_alone: bool = False
