"""Lists as the vendor pages them: newest first, `Cursor` is the id of the last row, null when there is none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from orderhub.core.facts import Record
from orderhub.core.queries import Reads, RecordQuery, RecordSort
from orderhub.dialects.contract import WireFault, invalid
from orderhub.dialects.mews.times import parse_interval
from orderhub.dialects.mews.wire import Interval, Limitation
from orderhub.dialects.mews.words import TooHeavy

_CHUNK = 1000
_FROM_THE_START = (0, "")
# A filter that no index serves may look at so many records in one call.
_MOST_LOOKED_AT = 50_000

Window = tuple[int, int]
Keep = Callable[[Any], bool]
Sift = Callable[[Reads, Sequence[Record]], list[Record]]


def window(interval: Interval | None, name: str) -> Window | None:
    if interval is None:
        return None
    return parse_interval(interval.StartUtc, interval.EndUtc, name)


def is_within(at_us: int | None, within: Window | None) -> bool:
    """Whether an instant lies in the window, which one that has not come does not; without a window everything does."""
    return within is None or (at_us is not None and within[0] <= at_us < within[1])


def choices(given: Sequence[str] | None, name: str, known: Collection[str]) -> frozenset[str]:
    """The values of an enumeration. Raises HTTPFault(INVALID) for one that is none of it."""
    chosen = frozenset(given or ())
    if not chosen <= set(known):
        raise invalid(WireFault(name, "value", f"{name} are among {', '.join(known)}"))
    return chosen


def choice(given: str | None, name: str, known: Collection[str]) -> str | None:
    """One value of an enumeration, or none. Raises HTTPFault(INVALID)."""
    choices(None if given is None else [given], name, known)
    return given


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
    sift         what the record alone cannot tell: those of one tenant's records that belong to the list
    """

    def __init__(
        self,
        kind: str,
        *,
        by: str = "all",
        values: tuple[str, ...] = (),
        keep: Keep | None = None,
        sift: Sift | None = None,
    ) -> None:
        self._kind = kind
        self._by = by
        self._values = values
        self._keep = keep
        self._sift = sift

    @classmethod
    def named(
        cls,
        kind: str,
        uids: tuple[str, ...],
        *,
        keep: Keep | None = None,
        sift: Sift | None = None,
    ) -> RecordList:
        """Those of these uids; none given = all."""
        return cls(kind, by="uid" if uids else "all", values=uids, keep=keep, sift=sift)

    def page(
        self, reads: Reads, tenants: Sequence[int], limit: int, cursor: str = ""
    ) -> list[Record]:
        """Raises HTTPFault(INVALID) for an unknown cursor, TooHeavy when too much was looked at in vain."""
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
                        sort=RecordSort.NEWEST,
                        limit=_CHUNK,
                        after_id=after[0],
                        after_uid=after[1],
                    )
                )
                kept = [r for r in chunk if self._keep is None or self._keep(r.doc)]
                found += kept if self._sift is None else self._sift(reads, kept)
                looked_at += len(chunk)
                if len(chunk) < _CHUNK:
                    break
                after = chunk[-1].id, chunk[-1].uid
                if looked_at >= _MOST_LOOKED_AT and len(found) < limit:
                    raise TooHeavy(f"{looked_at} records were looked at: narrow the filters")
            after = _FROM_THE_START
        return found[:limit]

    def _start(
        self, reads: Reads, tenants: Sequence[int], cursor: str
    ) -> tuple[int, tuple[int, str]]:
        """The place in `tenants`, and the id and uid to go on after."""
        if not cursor:
            return 0, _FROM_THE_START
        for index, tenant_id in enumerate(tenants):
            record = reads.record(tenant_id, self._kind, "uid", cursor)
            if record is not None:
                return index, (record.id, record.uid)
        raise bad_cursor()
