"""What the writer keeps of the records that its batches loaded, for the batches that come after.

Whoever writes records counts it, in the same transaction, in a row of (tenant, kind, slot). What was loaded while the
sum over slots was the same still stands, whichever process wrote. The sum is read before what is kept is loaded and
before it is used, after whatever locks the batch took: what is kept is never older than what would be loaded. Where
it was the same for long its answer is waited for only before anything is decided.
On PostgreSQL a trigger counts for those who do not: an older program in a rolling upgrade, or somebody by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from orderhub.core.derived import MOST_OF_ALL, Derived
from orderhub.core.facts import ById, Named, Record, RecordKey, TenantGone
from orderhub.ledger import bulk, tables
from orderhub.ledger.driver import Driver, Row

# Of all records together, in characters of their documents; an answer weighs something even if it is empty.
_MOST = 4_000_000
_MOST_OF_KIND = 1_000_000
_ANSWER = 400
# Of so many tenants what follows from records is kept.
_MOST_TENANTS = 64
_MOST_KNOWN = 1_000  # tenants whose versions are
# So many looks in a row found a tenant's records as they were before it is presumed of the next. Where another process
# writes records with each of its orders that would be in vain, and the batch decided twice.
_STEADY = 16

Kind = tuple[int, str]  # tenant, kind
# Counted with the settings of any tenant: by one look a process sees that some clock may have been moved.
ANY_SETTINGS = (0, "any settings")
Versions = dict[Kind, int]


class _Kept:
    """The answers about one kind of a tenant's records, all of one version."""

    __slots__ = ("by_id", "named", "version", "weight")

    def __init__(self, version: int) -> None:
        self.version = version
        self.named: Named = {}
        self.by_id: ById = {}
        self.weight = 0


class KeptRecords:
    """Of one connection, for one batch after the other. Not thread-safe."""

    def __init__(self) -> None:
        self._kinds: dict[int, dict[str, _Kept]] = {}  # by tenant
        self._weight = 0
        self._versions: Versions | None = (
            None  # None = nobody looked yet: nothing is known to stand
        )
        self._looked: Versions = {}  # what was seen last, be it before a lock
        self._seen: Versions | None = None  # what this batch saw first
        self._is_mixed = False  # whether it saw other versions later on
        # By tenant: the sum over its kinds, and that of each, as they were seen last.
        self._known: dict[int, tuple[int, Versions]] = {}
        self._stood: dict[int, int] = {}  # by tenant: looks in a row that found the sum as it was
        self._presumed: tuple[Sequence[int], Callable[[], list[Row]]] | None = None
        # By tenant, with the versions of all its kinds.
        self._derived: dict[int, tuple[Versions, Derived]] = {}

    def begin(self) -> None:
        """A new batch."""
        self._versions = self._seen = self._presumed = None
        self._is_mixed = False

    def forget_versions(self) -> None:
        """The batch has waited for locks: what is kept may have been changed meanwhile."""
        self._versions = None

    def see_versions(
        self, driver: Driver, tenants: Sequence[int], *, presume: bool = False
    ) -> None:
        """What stands now of the records of these tenants, unless it was seen since the last lock.

        While a tenant's sum over all kinds is what it was, so is that of each. `presume`: where the sums were the same
        for long they are not waited for, and `presumption_holds` is still to be asked.
        Raises TenantGone: a tenant's settings are counted when it is made, and the count goes when it does.
        """
        if self._versions is not None:
            return
        known = self._known
        if not self._is_known(driver, tenants, presume=presume):
            if len(known) >= _MOST_KNOWN:
                known.clear()
                self._stood.clear()
            known.update((each, (0, {})) for each in tenants)
            sql = _versions_sql(len(tenants), driver.is_postgres)
            for tenant_id, kind, n in driver.rows(sql, tenants):
                total, versions = known[tenant_id]
                versions[(tenant_id, kind)] = n
                known[tenant_id] = (total + n, versions)
        if len(tenants) == 1:
            self._versions = known[tenants[0]][1]
        else:
            self._versions = {}
            for each in tenants:
                self._versions.update(known[each][1])
        for each in tenants:
            if (each, "settings") not in self._versions:
                raise TenantGone(each)
        self._looked = self._versions
        if self._seen is None:
            self._seen = self._versions
        elif self._seen != self._versions:
            self._is_mixed = True

    def _is_known(self, driver: Driver, tenants: Sequence[int], *, presume: bool) -> bool:
        """Whether these tenants' sums are what they were when each kind was looked at."""
        known, stood = self._known, self._stood
        if not all(each in known for each in tenants):
            return False
        totals = driver.ask(_totals_sql(len(tenants), driver.is_postgres), tenants)
        if presume and all(stood.get(each, 0) >= _STEADY for each in tenants):
            self._presumed = tenants, totals
            return True
        return self._sums_stand(tenants, totals)

    def presumption_holds(self) -> bool:
        """Whether what was presumed is so. There is no waiting where anything was waited for since."""
        presumed, self._presumed = self._presumed, None
        return presumed is None or self._sums_stand(*presumed)

    def _sums_stand(self, tenants: Sequence[int], totals: Callable[[], list[Row]]) -> bool:
        found: dict[int, int] = dict(totals())
        moved = [each for each in tenants if self._known[each][0] != found.get(each, 0)]
        for each in tenants:
            self._stood[each] = 0 if each in moved else self._stood.get(each, 0) + 1
        return not moved

    def changed(self, driver: Driver, tenants: Sequence[int]) -> list[Kind]:
        """The kinds that are another version than at the last look, after locks were waited for."""
        before = self._looked
        self.see_versions(driver, tenants)
        now = self._looked
        if now is before:
            return []
        return [each for each in before.keys() | now.keys() if before.get(each) != now.get(each)]

    def wrote(self, tenant_id: int) -> None:
        """The batch writes records of this tenant: its sum will be another."""
        self._known.pop(tenant_id, None)

    def standing(self, tenants: Sequence[int]) -> Iterator[tuple[int, str, Named, ById]]:
        """What stands of these tenants, as the versions were seen last: tenant, kind, records by name and by id."""
        versions = self._versions or {}
        for tenant_id in tenants:
            for kind, kept in self._kinds.get(tenant_id, {}).items():
                if kept.version == versions.get((tenant_id, kind), 0):
                    yield tenant_id, kind, kept.named, kept.by_id

    def keep(self, key: RecordKey, records: tuple[Record, ...], weight: int) -> None:
        """What was loaded after the versions were seen. `weight`: characters of its documents."""
        if self._versions is None:
            return
        weight += _ANSWER
        kinds = self._kinds.setdefault(key.tenant_id, {})
        version = self._versions.get((key.tenant_id, key.kind), 0)
        kept = kinds.get(key.kind)
        if kept is not None and (kept.version != version or kept.weight + weight > _MOST_OF_KIND):
            self._weight -= kept.weight
            del kinds[key.kind]
        if self._weight + weight > _MOST:
            self._kinds.clear()
            self._weight = 0
            kinds = self._kinds.setdefault(key.tenant_id, {})
        kept = kinds.get(key.kind)
        if kept is None:
            kept = kinds[key.kind] = _Kept(version)
        kept.named[key.by, key.value] = records
        kept.by_id.update((record.id, record) for record in records)
        kept.weight += weight
        self._weight += weight

    def derived(self, tenants: Sequence[int]) -> Iterator[tuple[int, Derived]]:
        """By tenant, what batches derived from the very records that stand, to be added to.

        Nothing of a batch that holds records from before a change and from after it.
        """
        if self._seen is None or self._is_mixed:
            return
        if sum([each.weight for _, each in self._derived.values()]) > MOST_OF_ALL:
            self._derived.clear()
        for tenant_id in tenants:
            if len(tenants) == 1:
                versions = self._seen
            else:
                versions = {kind: n for kind, n in self._seen.items() if kind[0] == tenant_id}
            held = self._derived.get(tenant_id)
            if held is None or held[0] != versions:
                if len(self._derived) >= _MOST_TENANTS:
                    self._derived.clear()
                held = self._derived[tenant_id] = (versions, Derived())
            yield tenant_id, held[1]


def count_writes(driver: Driver, kinds: Iterable[Kind], slot: int) -> None:
    """Records of these kinds are written: to be said in the same transaction. A slot keeps processes apart."""
    counted = [
        {"tenant_id": tenant_id, "kind": kind, "slot": slot, "version": 1}
        for tenant_id, kind in _and_any_settings(set(kinds))
    ]
    if counted:
        counting = "DO UPDATE SET version = record_version.version + 1"
        bulk.insert(driver, tables.record_version, counted, counting)


def _and_any_settings(kinds: set[Kind]) -> list[Kind]:
    if any(kind == "settings" for _, kind in kinds):
        kinds.add(ANY_SETTINGS)
    return sorted(kinds)


@lru_cache(maxsize=256)
def _versions_sql(tenants: int, postgres: bool) -> str:
    return _summed_sql("tenant_id, kind", tenants, postgres)


@lru_cache(maxsize=256)
def _totals_sql(tenants: int, postgres: bool) -> str:
    return _summed_sql("tenant_id", tenants, postgres)


def _summed_sql(by: str, tenants: int, postgres: bool) -> str:
    marks = ", ".join(["%s" if postgres else "?"] * tenants)
    return (
        f"SELECT {by}, CAST(sum(version) AS bigint) FROM record_version "
        f"WHERE tenant_id IN ({marks}) GROUP BY {by}"
    )
