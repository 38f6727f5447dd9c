"""What nearly every call asks of the ledger: credentials, settings and single records, read a moment ago at most."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from orderhub.core.access import Credential
from orderhub.core.facts import Record
from orderhub.core.queries import Reads
from orderhub.core.values import Settings
from orderhub.web.recent import Recent

T = TypeVar("T")
Read = Callable[[Callable[[Reads], Any]], Awaitable[Any]]


class Lookups:
    """One for each port. `read` asks the ledger, `now_us` says what expires."""

    def __init__(self, read: Read, now_us: Callable[[], int]) -> None:
        self._read = read
        self._now_us = now_us
        self._credentials = Recent(self._read_credentials)
        self._own: dict[tuple[str, str], Credential] = {}
        self._settings = Recent(self._read_settings)
        self._records = Recent(self._read_record)
        self.used: dict[
            str, int
        ] = {}  # credential id -> when it was last used, until that is written

    def admit(self, credential: Credential) -> None:
        """Take a credential that lives in this process only: the command line's own."""
        self._own[(credential.kind, credential.name)] = credential

    async def credential(self, kinds: tuple[str, ...], name: str) -> Credential | None:
        """A usable credential of the first of these kinds that has one."""
        if self._own:
            for kind in kinds:
                if (kind, name) in self._own:
                    return self._own[(kind, name)]
        now = self._now_us()
        for credential in await self._credentials.get((kinds, name)):
            if credential.is_usable(now):
                self.used[credential.id] = now
                return credential
        return None

    def settings(self, tenant_id: int) -> Coroutine[Any, Any, Settings]:
        return self._settings.get(tenant_id)

    def known_settings(self, tenant_id: int) -> Settings | None:
        """As `settings`, where that asks nobody."""
        return self._settings.known(tenant_id)

    def record(
        self, tenant_id: int, kind: str, record_id: int
    ) -> Coroutine[Any, Any, Record | None]:
        return self._records.get((tenant_id, kind, record_id))

    def forget_credentials(self) -> None:
        self._credentials.forget()

    def forget_settings(self) -> None:
        self._settings.forget()

    def drop_records(self, records: Iterable[Record]) -> None:
        """These were written here."""
        for record in records:
            self._records.drop((record.tenant_id, record.kind, record.id))

    async def _read_credentials(
        self, sought: tuple[tuple[str, ...], str]
    ) -> tuple[Credential, ...]:
        kinds, name = sought
        found: tuple[Credential, ...] = await self._read(
            lambda reads: reads.credentials_named(kinds, name)
        )
        return found

    async def _read_settings(self, tenant_id: int) -> Settings:
        settings: Settings = await self._read(lambda reads: reads.settings(tenant_id))
        return settings

    async def _read_record(self, name: tuple[int, str, int]) -> Record | None:
        tenant_id, kind, record_id = name
        record: Record | None = await self._read(
            lambda reads: reads.record(tenant_id, kind, "id", record_id)
        )
        return record
