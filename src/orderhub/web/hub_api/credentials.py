"""/hub/v1/tenants/{tenant}/credentials: the hub's own tokens, and what vendors' clients show at their doors.

What is random is kept as a digest and shown once. What a signature is checked with is kept encrypted.
The tenant `operator` stands for the hub itself: an operator's tokens are its.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from sqlalchemy.exc import IntegrityError

from orderhub.core.access import Credential, Tenant
from orderhub.core.reach import DIALECTS, HUB_KIND, Verb, beyond
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.units import CENTURY_S
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    CredentialKind,
    Fault,
    FaultKind,
    HTTPFault,
    Route,
    Shown,
)
from orderhub.ledger.directory import Directory
from orderhub.web.hub_api.access import (
    OPERATOR,
    SCOPES,
    guarded,
    is_operator,
    tenant_of,
    unknown_tenant,
)
from orderhub.web.hub_api.bodies import (
    Body,
    Moment,
    Name,
    Query,
    body_of,
    converted,
    instant,
    query_of,
    refuse,
    refuse_misfit,
    up_to,
)
from orderhub.web.hub_api.credential_kinds import (
    DIGEST,
    HUB_TOKEN,
    command_of,
    completed,
    kept_data,
    kind_for,
    kind_of,
    looked_up_by,
    refuse_portfolio,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.limits import RateLimit
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.orders import tenant_names
from orderhub.web.hub_api.shaping import Data, Instant, Page, Shape, exact_instant, plain_values
from orderhub.web.hub_api.tables import columns_of
from orderhub.web.port import MOST_WINDOW_S

MAX_PAGE = 200
_HIDDEN = "(digest)"

Secret = Annotated[str, msgspec.Meta(min_length=4, max_length=2_000)]
Life = Annotated[int, msgspec.Meta(ge=1, le=CENTURY_S)]


class _TokenData(msgspec.Struct):
    """What the hub reads of the data of its own tokens; `acts_as` is a vendor's identity by dialect."""

    rate_limit: RateLimit | None = None
    acts_as: dict[str, str] = {}


class _AnyData(msgspec.Struct):
    """What it reads of every credential's."""

    repeat_window_s: Annotated[int, msgspec.Meta(ge=1, le=MOST_WINDOW_S)] | None = None


class NewCredential(Body, frozen=True, kw_only=True):
    """A token of the hub's (kind `hub`), or what a vendor's client shows: see the table of kinds.

    name     what a named kind is looked up by in plain (an app key, a site); none = one is drawn
    token    what the client of another kind shows; none = a random one is made
    secret   what signatures are checked with, of a named kind; none = a random one is made
    digests  texts to compare by digest, put into `data` (the client token beside an access token)
    tenants  names of all tenants that it reaches, for a portfolio (operators only)
    A name or token that is chosen is the whole hub's: only operators give one.
    """

    kind: Name
    name: Name = ""
    token: Secret | None = None
    secret: Secret | None = None
    scopes: tuple[str, ...] = ()
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    digests: dict[str, Secret] = msgspec.field(default_factory=dict)
    tenants: tuple[str, ...] = ()
    label: Name = ""
    expires_at: Moment | None = None
    expires_in_s: Life | None = None


class Rotation(Body, frozen=True, kw_only=True):
    """New random token or secret, unless the new one is given.

    The old one ends at once; of several processes another may take it for a second more.
    """

    token: Secret | None = None
    secret: Secret | None = None
    digests: dict[str, Secret] = msgspec.field(default_factory=dict)


class CredentialChange(Body, frozen=True, kw_only=True):
    """The members given replace the stored ones; `data` is merged, a null member is removed.

    `expires_at` null = it never expires.
    """

    scopes: tuple[str, ...] | None = None
    data: dict[str, Any] | None = None
    label: Name | None = None
    expires_at: Moment | msgspec.UnsetType | None = msgspec.UNSET
    enabled: bool | None = None


class ListCredentials(Query, frozen=True, kw_only=True):
    kind: str = ""
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Annotated[str, msgspec.Meta(description="`next_cursor` of the page before")] = ""


class CredentialShown(Shape, frozen=True, kw_only=True):
    """A credential without what it shows."""

    id: str
    kind: str
    name: str | None
    label: str | None
    scopes: tuple[str, ...]
    tenants: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="of a portfolio: those that the asker reaches"),
    ]
    data: Data
    enabled: bool
    created_at: Instant | None
    expires_at: Instant | None
    last_used_at: Instant | None


Once = Annotated[str, msgspec.Meta(description="in this answer and in no other")]
Command = Annotated[
    str, msgspec.Meta(description="a shell command that uses it; in this answer only")
]


class CredentialShownOnce(CredentialShown, frozen=True, kw_only=True):
    """A credential with what it shows, as far as the hub made that."""

    token: Once | msgspec.UnsetType = msgspec.UNSET
    secret: Once | msgspec.UnsetType = msgspec.UNSET
    try_: Command | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="try")


@guarded("credentials")
async def list_credentials(call: Call, who: Caller) -> Answer:
    """Every credential of the tenant with its last use, never with what it shows; by id."""
    tenant = await _tenant(call, who)
    given = query_of(call, ListCredentials)
    names = await _names(call, who, tenant)

    async def ask(cursor: str, limit: int) -> Page[CredentialShown]:
        found = await call.hub.read(
            lambda reads: reads.credentials(tenant.id, given.kind, cursor, limit + 1)
        )
        more = found[limit - 1].id if len(found) > limit else None
        items = tuple(_shape(call, each, names) for each in found[:limit])
        return Page(items=items, next_cursor=more)

    columns = columns_of(CredentialShown)
    return await listed(call, "credentials", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded("credentials")
async def get_credential(call: Call, who: Caller) -> Answer:
    """One credential, never with what it shows."""
    tenant = await _tenant(call, who)
    found = await call.hub.read(lambda reads: reads.credential_by_id(call.params["id"]))
    credential = of_tenant(found, tenant, call.params["id"])
    return Answer(200, encode(_shape(call, credential, await _names(call, who, tenant))))


@guarded("credentials")
async def create_credential(call: Call, who: Caller) -> Answer:
    """A new credential. Its token or secret is in this answer and in no other, with a command that uses it."""
    tenant = await _tenant(call, who)
    given = body_of(call, NewCredential)
    kind = kind_for(call, given.kind, tenant)
    wanted = Credential(
        id=f"{given.kind}-{secrets.token_hex(6)}",
        kind=given.kind,
        name="",
        tenant_id=tenant.id,
        tenants=tuple([(await tenant_of(call, who, name)).id for name in given.tenants]),
        scopes=_checked_scopes(given.kind, given.scopes),
        label=given.label,
        expires_at=_expiry(call, given.expires_at, given.expires_in_s),
        created_at=call.received_at,
    )
    refuse_beyond(who, Verb.CREATE, wanted, is_chosen=bool(given.name or given.token))
    if not wanted.is_usable(call.received_at):
        raise refuse("expires_at", "expires_at is past: the credential would open nothing")
    refuse_portfolio(kind, wanted)
    _refuse_faults(given.data)
    shown = completed(
        kind,
        Shown(
            name=given.name,
            token=given.token or "",
            secret=given.secret or "",
            digests=given.digests,
            data=_without_nulls(given.data),
        ),
    )
    credential = _as_shown(call, kind, wanted, shown)
    _refuse_misfit(call, kind, credential.data)
    names = await _names(call, who, tenant)
    whole = _shape(call, credential, names, **_once(call, kind, shown, credential, tenant))
    location = f"/hub/v1/tenants/{tenant.name}/credentials/{credential.id}"
    answer = Answer(201, encode(whole), (("Location", location),))

    def add(directory: Directory) -> Answer:
        held = directory.credential_named(credential.kind, credential.name)
        if held is not None and (held.enabled or held.tenant_id != credential.tenant_id):
            raise _taken()
        # A revoked one of the tenant's own makes room for its successor.
        with _unless_taken():
            (directory.add_credential if held is None else directory.put_credential)(credential)
        return answer

    return await port(call).write_directory(call, tenant.id, add, secret_answer=True)


@guarded("credentials")
async def rotate_credential(call: Call, who: Caller) -> Answer:
    """A new token or secret under the same id; what was kept for it stays its own."""
    tenant = await _tenant(call, who)
    given = body_of(call, Rotation)

    def turn(before: Credential) -> tuple[Credential, dict[str, str]]:
        kind = kind_of(call, before)
        if kind is None or (kind.is_named and DIGEST.fullmatch(before.name)):
            raise refuse("id", "this credential opens nothing, and has nothing to rotate")
        if not given.token and not all(member in before.data for member in kind.bound):
            known = ", ".join(kind.bound)
            raise refuse("token", f"the hub does not know its {known}: give the whole token")
        if not kind.is_named and given.secret:
            raise refuse("secret", f"{kind.name} is looked up by its token alone")
        shown = completed(
            kind,
            Shown(
                name=before.name if kind.is_named else "",
                token=given.token or "",
                secret=given.secret or "",
                digests=given.digests,
                data=before.data,
            ),
        )
        after = _as_shown(call, kind, before, shown)
        return after, _once(call, kind, shown, after, tenant)

    return await _changed(
        call, who, tenant, Verb.ROTATE, turn, is_chosen=bool(given.token), secret_answer=True
    )


@guarded("credentials")
async def change_credential(call: Call, who: Caller) -> Answer:
    """Another label, expiry, scopes or data."""
    tenant = await _tenant(call, who)
    given = body_of(call, CredentialChange)
    given_data = given.data or {}
    _refuse_faults(given_data)
    expires_at = (
        None if given.expires_at is msgspec.UNSET else _expiry(call, given.expires_at, None)
    )

    def change(before: Credential) -> tuple[Credential, dict[str, str]]:
        kind = kind_of(call, before)
        scopes = before.scopes
        if given.scopes is not None:
            scopes = _checked_scopes(before.kind, given.scopes)
        data = _without_nulls({**before.data, **given_data})
        if kind is not None:
            _refuse_misfit(call, kind, data)
        if kind is not None and given_data:
            _refuse_bound(kind, before, data)
            # Whatever its door needs to be there must still be there.
            completed(kind, Shown(name=before.name if kind.is_named else "", data=data))
        after = msgspec.structs.replace(
            before,
            scopes=scopes,
            data=data,
            label=before.label if given.label is None else given.label,
            enabled=before.enabled if given.enabled is None else given.enabled,
            expires_at=before.expires_at if expires_at is None else expires_at,
        )
        return after, {}

    return await _changed(call, who, tenant, Verb.CHANGE, change)


@guarded("credentials")
async def revoke_credential(call: Call, who: Caller) -> Answer:
    """It opens nothing from now on; of several processes another may take it for a second more.

    It stays in the list, since orders name it.
    """
    tenant = await _tenant(call, who)

    def revoke(before: Credential) -> tuple[Credential, dict[str, str]]:
        return msgspec.structs.replace(before, enabled=False), {}

    return await _changed(call, who, tenant, Verb.REVOKE, revoke)


async def _changed(
    call: Call,
    who: Caller,
    tenant: Tenant,
    verb: Verb,
    change: Callable[[Credential], tuple[Credential, dict[str, str]]],
    *,
    is_chosen: bool = False,
    secret_answer: bool = False,
) -> Answer:
    """Read, changed and written in one transaction, so that no change of another caller's is lost.

    `change` answers the credential as it is to be, and what is shown of it once. The caller must reach
    both that and what is there.
    """
    names = await _names(call, who, tenant)

    def write(directory: Directory) -> Answer:
        sought = call.params["id"]
        before = of_tenant(directory.credential(sought), tenant, sought)
        refuse_beyond(who, verb, before, is_chosen=is_chosen)
        after, shown = change(before)
        refuse_beyond(who, verb, after)
        with _unless_taken():
            directory.change_credential(after)
        return Answer(200, encode(_shape(call, after, names, **shown)))

    return await port(call).write_directory(call, tenant.id, write, secret_answer=secret_answer)


# --- checks


async def _tenant(call: Call, who: Caller) -> Tenant:
    name = call.params["tenant"]
    if name != OPERATOR:
        return await tenant_of(call, who, name)
    if not is_operator(who.credential):
        raise unknown_tenant(name)
    return Tenant(0, OPERATOR)


def of_tenant(found: Credential | None, tenant: Tenant, sought: str) -> Credential:
    """The credential, when it is the tenant's: another's is answered like one that does not exist."""
    if found is None or found.tenant_id != tenant.id:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "id", f"no credential {sought}"))
    return found


def refuse_beyond(
    who: Caller, verb: Verb, credential: Credential, *, is_chosen: bool = False
) -> None:
    """Raises HTTPFault(FORBIDDEN) for what the acting token could not have made."""
    found = beyond(who.credential, verb, credential, is_chosen=is_chosen)
    if found:
        raise HTTPFault(Fault(FaultKind.FORBIDDEN, found))


def _checked_scopes(kind: str, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Each once. What a vendor's client shows opens its door and nothing of the hub's."""
    if any(each not in (*SCOPES, OPERATOR) for each in scopes):
        raise refuse("scopes", f"scopes are {', '.join(SCOPES)}")
    if kind == HUB_KIND and not scopes:
        raise refuse("scopes", "a token without scopes opens nothing", "missing")
    if kind != HUB_KIND and not set(scopes) <= {DIALECTS}:
        raise refuse("scopes", f"{kind} opens its vendor's calls alone: scopes are for kind hub")
    return tuple(dict.fromkeys(scopes))


def _refuse_misfit(call: Call, kind: CredentialKind, data: dict[str, Any]) -> None:
    """Data that the hub, or the dialect whose kind this is, could not read when it is used."""
    dialects = port(call).dialects
    if kind is HUB_TOKEN:
        channels = [each.name for each in dialects]
        for channel in converted(data, _TokenData, "data").acts_as:
            if channel not in channels:
                raise refuse(f"data.acts_as.{channel}", f"the doors are {', '.join(channels)}")
    most_s = port(call).most_window_s
    if (converted(data, _AnyData, "data").repeat_window_s or 0) > most_s:
        raise refuse("data.repeat_window_s", f"repeat_window_s is 1 to {most_s} seconds")
    refuse_misfit(dialects, kind.name, data, "data")


def _refuse_bound(kind: CredentialKind, before: Credential, data: Mapping[str, Any]) -> None:
    for member in kind.bound:
        if before.data.get(member) not in (None, data.get(member)):
            why = f"{member} is a part of the token: it changes with another one, by rotate"
            raise refuse(f"data.{member}", why)


def _refuse_faults(data: Mapping[str, Any]) -> None:
    if "faults" in data:
        raise refuse("data.faults", "faults are set at …/credentials/{id}/faults")


def _without_nulls(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}


def _expiry(call: Call, at: str | None, in_s: int | None) -> int:
    if at is not None and in_s is not None:
        raise refuse("expires_at", "expires_at or expires_in_s, not both")
    if in_s is not None:
        return call.received_at + in_s * 1_000_000
    return 0 if at is None else instant(at, "expires_at")


@contextmanager
def _unless_taken() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise _taken() from None


def _taken() -> CommandRejected:
    return CommandRejected(Rejected(Reason.ALREADY_EXISTS, "name", "this name or token is taken"))


# --- shapes


def _as_shown(call: Call, kind: CredentialKind, credential: Credential, shown: Shown) -> Credential:
    """The credential as it is stored: digests of what is random, encrypted what must be read back."""
    return msgspec.structs.replace(
        credential,
        name=looked_up_by(kind, shown),
        secret=_encrypted(call, shown.secret) if shown.secret else "",
        data=kept_data(shown),
    )


def _encrypted(call: Call, secret: str) -> str:
    try:
        return call.hub.cipher.encrypt(secret)
    except ValueError as error:
        raise refuse("secret", str(error)) from None


def _once(
    call: Call, kind: CredentialKind, shown: Shown, credential: Credential, tenant: Tenant
) -> dict[str, str]:
    """What this answer shows and no other. A dry run makes nothing that would open a door, and shows nothing."""
    if call.is_dry_run:
        return {}
    once = {
        "token": shown.token,
        "secret": shown.secret,
        "try_": command_of(call, kind, shown, credential, tenant),
    }
    return {name: each for name, each in once.items() if each}


async def _names(call: Call, who: Caller, tenant: Tenant) -> Mapping[int, str]:
    """The names of the tenants that the caller may know of."""
    if who.tenant_id:
        return {tenant.id: tenant.name}
    return await call.hub.read(tenant_names)


def _shape(
    call: Call, credential: Credential, names: Mapping[int, str], **once: str
) -> CredentialShownOnce:
    is_plain = not DIGEST.fullmatch(credential.name)
    used = max(credential.last_used_at, port(call).lookups.used.get(credential.id, 0))
    return CredentialShownOnce.of(
        credential,
        name=credential.name if is_plain else None,
        tenants=tuple(names[each] for each in credential.tenants if each in names),
        data={
            name: _HIDDEN if isinstance(value, str) and DIGEST.fullmatch(value) else value
            for name, value in plain_values(credential.data).items()
        },
        last_used_at=exact_instant(used) if used else None,
        **once,
    )


_ALL = "/hub/v1/tenants/{tenant}/credentials"
_ONE = f"{_ALL}/{{id}}"

ROUTES = (
    Route(
        "GET",
        _ALL,
        list_credentials,
        "Credentials and when they were last used",
        query=ListCredentials,
        answers={200: (Page[CredentialShown], *exports(CredentialShown))},
    ),
    Route(
        "POST",
        _ALL,
        create_credential,
        "A new credential",
        request=NewCredential,
        answers={201: CredentialShownOnce},
        mutates=True,
        idempotency_key=False,
    ),
    Route("GET", _ONE, get_credential, "One credential", answers={200: CredentialShown}),
    Route(
        "PATCH",
        _ONE,
        change_credential,
        "Change a credential",
        request=CredentialChange,
        optional_body=True,
        answers={200: CredentialShown},
        mutates=True,
    ),
    Route(
        "DELETE",
        _ONE,
        revoke_credential,
        "Revoke a credential",
        answers={200: CredentialShown},
        mutates=True,
    ),
    Route(
        "POST",
        f"{_ONE}/rotate",
        rotate_credential,
        "A new token or secret",
        request=Rotation,
        optional_body=True,
        answers={200: CredentialShownOnce},
        mutates=True,
        idempotency_key=False,
    ),
)
