"""The number that an order shows. No two orders of a tenant ever bear the same one."""

from __future__ import annotations

from functools import lru_cache

from orderhub.core.commands import Numbering
from orderhub.core.facts import Facts
from orderhub.core.values import MICROSECONDS, Settings
from orderhub.core.zones import local_time

_ID13_BASE = 1_000_000_000_000


def number_for(
    scheme: Numbering, settings: Settings, at_us: int, order_id: int, uid: str, lap: int = 0
) -> str:
    """The number by `scheme`; `lap` is how many seconds a crowded time number has been put off."""
    if scheme is Numbering.ID:
        return str(order_id)
    if scheme is Numbering.ID13:
        return str(_ID13_BASE + order_id)
    if scheme is Numbering.TIME4:
        return time_number(settings, at_us + lap * MICROSECONDS, order_id)
    return uid


def time_number(settings: Settings, at_us: int, order_id: int) -> str:
    """Local `YYYYMMDDhhmmss` of the tenant and the last four digits of the id."""
    second = _local_second(at_us // MICROSECONDS, settings.time_zone)
    return f"{second}{order_id % 10_000:04d}"


@lru_cache(maxsize=4_096)
def _local_second(second: int, zone: str) -> str:
    return f"{local_time(zone, second * MICROSECONDS):%Y%m%d%H%M%S}"


def first_free_lap(
    facts: Facts,
    scheme: Numbering,
    tenant_id: int,
    settings: Settings,
    at_us: int,
    order_id: int,
    within: int,
) -> int | None:
    """How far a time number must move to be free, or None when it is not within so many seconds.

    A second holds 10,000 numbers; when an id's place in it is taken, the number takes the next free
    second while the order's own times stay true.
    """
    if scheme is not Numbering.TIME4:
        return 0
    for lap in range(within):
        number = number_for(scheme, settings, at_us, order_id, "", lap)
        if facts.is_number_free(tenant_id, number):
            return lap
    return None
