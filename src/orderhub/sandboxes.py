"""A sandbox of one's own: a new tenant with a dialect's demo business, untouched, and credentials nobody else has."""

from __future__ import annotations

import secrets

import msgspec

from orderhub.core.decide import RECORD_TYPES
from orderhub.core.snapshots import OPENED
from orderhub.core.values import Settings
from orderhub.demo import with_clock
from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import part_of
from orderhub.dialects.sandbox import SANDBOX, DemoBusiness, DemoCredential
from orderhub.ledger.ledger import Ledger
from orderhub.seeding import Seeder
from orderhub.web.cipher import Cipher
from orderhub.web.hub_api.sandboxes import Sandbox


def open_sandbox(ledger: Ledger, cipher: Cipher, dialect: Dialect, now_us: int) -> Sandbox:
    """Write it into a ledger that is being served: nobody knows the tenant yet, so nobody is disturbed."""
    mark = secrets.token_hex(6)
    business, given = _renamed(part_of(dialect.name, "demo").DEMO[0], mark)
    settings = business.settings or Settings(name=business.name)
    # Counters of its own: those of the ledger belong to the writer's thread.
    apart = Ledger(ledger.engine, RECORD_TYPES)
    try:
        seeder = Seeder(apart, cipher, now_us)
        begun = with_clock(settings, business, now_us)
        tenant_id = apart.new_tenant(business.name, business.title, begun).id
        seeder.business(tenant_id, business)
        hub_token = f"hub_{secrets.token_urlsafe(24)}"
        acts_as = {dialect.name: business.acts_as} if business.acts_as else {}
        seeder.hub_token(tenant_id, hub_token, acts_as)
        begun_with = apart.look_at(tenant_id)
        with apart.directory("") as (_, directory):
            directory.keep_snapshot(tenant_id, OPENED, begun_with, now_us)
    finally:
        apart.give_back()
    return Sandbox(
        tenant=business.name, dialect=dialect.name, hub_token=hub_token, credentials=given
    )


def _renamed(business: DemoBusiness, mark: str) -> tuple[DemoBusiness, tuple[dict[str, str], ...]]:
    """The business under another name, what its callers show replaced wherever it is named."""
    credentials: list[DemoCredential] = []
    names: dict[str, str] = {}
    for each in business.credentials[:1]:
        after = _fresh(each, mark)
        credentials.append(after)
        names[_public(each)] = _public(after)
    records = tuple(
        msgspec.structs.replace(record, code=names[record.code]) if record.code in names else record
        for record in business.records
    )
    shown = tuple(
        {
            name: value
            for name, value in (
                ("kind", each.kind),
                ("name", each.name),
                ("token", each.token),
                ("secret", each.secret),
            )
            if value
        }
        for each in credentials
    )
    renamed = DemoBusiness(
        name=f"{SANDBOX}{mark}",
        title=f"Sandbox: {business.title}",
        settings=business.settings,
        clock_from=business.clock_from,
        acts_as=names.get(business.acts_as, business.acts_as),
        credentials=tuple(credentials),
        records=records,
        pools=business.pools,
        sequences=business.sequences,
    )
    return renamed, shown


def _public(credential: DemoCredential) -> str:
    """The part of a credential that others may know: its name, or a compound token up to the colon."""
    key, colon, _ = credential.token.partition(":")
    return credential.name or (key if colon else "")


def _fresh(credential: DemoCredential, mark: str) -> DemoCredential:
    """The same kind of credential with another name, token and secret."""
    prefix, colon, _ = credential.name.partition(":")
    name = f"{prefix}:{mark}" if colon else mark
    public = _public(credential)
    data = {name: mark if each == public else each for name, each in credential.data.items()}
    if colon and prefix in data:
        data[prefix] = mark  # a site's number, which its users' tokens carry
    token = ""
    if credential.token:
        token = secrets.token_hex(20)
        name = ""
        if ":" in credential.token:
            token = f"{mark}:{token}"
    return DemoCredential(
        kind=credential.kind,
        name=name,
        token=token,
        secret=secrets.token_urlsafe(24) if credential.secret else "",
        scopes=credential.scopes,
        data=data,
    )
