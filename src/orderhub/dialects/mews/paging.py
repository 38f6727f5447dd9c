"""Lists as the vendor pages them: newest first, `Cursor` is the id of the last row, null when there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from orderhub.core.known import Record
from orderhub.core.queries import Reads, RecordQuery
from orderhub.dialects.contract import WireFault, invalid
from orderhub.dialects.mews.errors import TooHeavy
from orderhub.dialects.mews.times import parse_interval
from orderhub.dialects.mews.wire import Interval, Limitation

_CHUNK = 1000
# A filter that no index serves may look at so many records in one call.
_MOST_LOOKED_AT = 50_000

Window = tuple[int, int]
Keep = Callable[[Any], bool]


def window(interval: Interval | None, name: str) -> Window | None:
    if interval is None:
        return None
    return parse_interval(interval.StartUtc, interval.EndUtc, name)


def is_within(at_us: int, within: Window | None) -> bool:
    """Whether an instant lies in the window; without one everything does."""
    return within is None or within[0] <= at_us < within[1]


def lowered(ids: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.lower() for each in ids or ()))


def cursor_of(limitation: Limitation) -> str:
    return (limitation.Cursor or "").lower()


def bad_cursor() -> Exception:
    return invalid(WireFault("Limitation.Cursor", "value", "Cursor is no row of this list"))


class RecordList:
    """A page of records of one kind over one or several tenants.

    by, values   an indexed name that must be one of the values; `all` = any
    keep         what no index can tell
    """

    def __init__(
        self, kind: str, *, by: str = "all", values: tuple[str, ...] = (), keep: Keep | None = None
    ) -> None:
        self._kind = kind
        self._by = by
        self._values = values
        self._keep = keep

    def page(
        self, reads: Reads, tenants: Sequence[int], limit: int, cursor: str = ""
    ) -> list[Record]:
        """Raises Stop(INVALID) for an unknown cursor, TooHeavy when too much was looked at in vain."""
        start, after = self._start(reads, tenants, cursor)
        found: list[Record] = []
        looked_at = 0
        for tenant_id in tenants[start:]:
            while len(found) < limit:
                chunk = reads.records(
                    RecordQuery(
                        tenant_id=tenant_id,
                        kind=self._kind,
                        by=self._by,
                        values=self._values,
                        newest_first=True,
                        limit=_CHUNK,
                        after_id=after,
                    )
                )
                found += [r for r in chunk if self._keep is None or self._keep(r.doc)]
                looked_at += len(chunk)
                if len(chunk) < _CHUNK:
                    break
                after = chunk[-1].id
                if looked_at >= _MOST_LOOKED_AT and len(found) < limit:
                    raise TooHeavy(f"{looked_at} records were looked at: narrow the filters")
            after = 0
        return found[:limit]

    def _start(self, reads: Reads, tenants: Sequence[int], cursor: str) -> tuple[int, int]:
        """The place in `tenants` and the id to go on after."""
        if not cursor:
            return 0, 0
        for index, tenant_id in enumerate(tenants):
            record = reads.record(tenant_id, self._kind, "uid", cursor)
            if record is not None:
                return index, record.id
        raise bad_cursor()
