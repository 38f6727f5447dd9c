"""Writing businesses into a ledger from plain words: tenants, credentials, catalogue and opening stock."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from orderhub.core.access import Credential, Tenant
from orderhub.core.answer import Answer, Outcome
from orderhub.core.commands import AdjustPool, Command, Origin, PutRecords
from orderhub.core.facts import Accepted
from orderhub.core.money import STORED_DECIMALS
from orderhub.core.people import Person, Role
from orderhub.core.pools import MONEY_KINDS
from orderhub.core.values import Settings
from orderhub.dialects.auth import digest
from orderhub.dialects.sandbox import DemoBusiness, DemoCredential
from orderhub.intake.batch import execute
from orderhub.intake.clock import wall_us
from orderhub.intake.outcome import Waiting
from orderhub.intake.uids import Uids
from orderhub.ledger.ledger import Ledger
from orderhub.web.cipher import Cipher
from orderhub.web.hub_api.access import OPERATOR, SCOPES

_MILLION = 10**STORED_DECIMALS
_EMPTY = Answer(200, b"")


class SeedRefused(Exception):
    """A seed that the hub's own rules refuse: a bug in the seed."""


class Commands:
    """Real commands, for a ledger that nobody serves yet: all are accepted, or the seed is wrong."""

    def __init__(self, ledger: Ledger, now_us: int | None = None) -> None:
        self._ledger = ledger
        self._uids = Uids()
        self._wall_us = wall_us() if now_us is None else now_us

    def run(self, commands: Sequence[Command]) -> list[Accepted]:
        """What came of each. Raises SeedRefused."""
        waiting = [
            Waiting(
                command=command,
                render=lambda _: _EMPTY,
                render_refusal=lambda _: _EMPTY,
                deliver=lambda _: None,
            )
            for command in commands
        ]
        found = []
        for outcome in execute(self._ledger, self._uids, 0, waiting, self._wall_us):
            if not isinstance(outcome, Outcome) or outcome.accepted is None:
                raise SeedRefused(
                    str(outcome.rejected if isinstance(outcome, Outcome) else outcome)
                )
            found.append(outcome.accepted)
        return found


class Seeder:
    """Writes through the same rules as everybody; for a ledger that nobody serves yet."""

    def __init__(self, ledger: Ledger, cipher: Cipher, now_us: int | None = None) -> None:
        self._ledger = ledger
        self._cipher = cipher
        self._wall_us = wall_us() if now_us is None else now_us
        self._commands = Commands(ledger, self._wall_us)

    def tenant(self, tenant_id: int, name: str, title: str, settings: Settings) -> None:
        self._ledger.add_tenant(Tenant(tenant_id, name, title), settings)

    def business(self, tenant_id: int, part: DemoBusiness) -> None:
        """The records, pools, credentials and sequences of one demo business."""
        for kind, following in part.sequences.items():
            self._ledger.set_counter(tenant_id, f"record:{kind}", following)
        for credential in part.credentials:
            self.credential(tenant_id, credential)
        origin = Origin(tenant_id=tenant_id, channel="hub", actor="seed", recorded_at=self._wall_us)
        commands: list[Command] = []
        if part.records:
            commands.append(PutRecords(origin=origin, changes=part.records))
        commands += [
            AdjustPool(
                origin=origin,
                kind=pool.kind,
                subject=pool.subject,
                place=pool.place,
                by=pool.units * _MILLION if pool.kind in MONEY_KINDS else pool.units,
                reason="opening",
            )
            for pool in part.pools
        ]
        self._commands.run(commands)

    def credential(self, tenant_id: int, given: DemoCredential) -> None:
        name = digest(given.token) if given.token else given.name
        self._ledger.put_credential(
            Credential(
                id=f"{given.kind}-{secrets.token_hex(6)}",
                kind=given.kind,
                name=name,
                tenant_id=tenant_id,
                tenants=tuple(self._tenant_id(each) for each in given.tenants),
                scopes=given.scopes,
                secret=self._cipher.encrypt(given.secret) if given.secret else "",
                created_at=self._wall_us,
                data=given.data,
            )
        )

    def _tenant_id(self, name: str) -> int:
        tenant = self._ledger.read(lambda reads: reads.tenant(name))
        if tenant is None:
            raise SeedRefused(f"a portfolio reaches {name}, which is not there")
        return tenant.id

    def person(self, tenant_id: int, email: str, role: Role, password: str) -> None:
        """Somebody who works at the desk; `password` as it is stored."""
        new = Person(
            uid=secrets.token_hex(8),
            email=email,
            password=password,
            created_at=self._wall_us,
            roles=((tenant_id, role),),
        )
        with self._ledger.directory("") as (_, directory):
            directory.people.add(new)

    def hub_token(self, tenant_id: int, token: str, acts_as: dict[str, str]) -> None:
        """A token of the hub's own with every scope in its tenant; tenant 0 = the operator."""
        scopes = SCOPES if tenant_id else (OPERATOR,)
        self.credential(
            tenant_id,
            DemoCredential(kind="hub", token=token, scopes=scopes, data={"acts_as": acts_as}),
        )
