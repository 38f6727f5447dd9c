"""/hub/v1/tenants/{tenant}/credentials: the hub's own tokens, and what vendors' clients show at their doors.

What is random is kept as a digest and shown once. What a signature is checked with is kept encrypted.
The tenant `operator` stands for the hub itself: an operator's tokens are its.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
from sqlalchemy.exc import IntegrityError

from orderhub.core.access import Credential, Tenant
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.units import CENTURY_S
from orderhub.dialects.contract import Answer, Call, Caller, Refused, Route
from orderhub.dialects.wiring import digest, encode
from orderhub.ledger.directory import Directory
from orderhub.web.hub_api.access import (
    OPERATOR,
    SCOPES,
    guarded,
    holds,
    is_operator,
    lacking,
    tenant_of,
    unknown_tenant,
)
from orderhub.web.hub_api.bodies import (
    Body,
    Name,
    body_of,
    converted,
    instant,
    limit_of,
    refuse,
    refuse_misfit,
    refuse_unknown_query,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.limits import RateLimit
from orderhub.web.hub_api.shapes import exact_instant, plain_values
from orderhub.web.port import MOST_WINDOW_S

MAX_PAGE = 200
_HUB = "hub"
_DIGEST = re.compile(r"[0-9a-f]{64}")
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
    """A token of the hub's (kind `hub`), or what a vendor's client shows (a dialect's name as kind).

    name     what it is looked up by in plain (an app key, a site); none = looked up by its token
    token    what the client shows; none = a random one is made
    secret   what signatures are checked with; only with `name`; none = a random one is made
    digests  texts to compare by digest, put into `data` (the client token beside an access token)
    tenants  names of all tenants that it reaches, for a portfolio (operators only)
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
    expires_at: str | None = None
    expires_in_s: Life | None = None


class Rotation(Body, frozen=True, kw_only=True):
    """New random token or secret, unless the new one is given. The old one ends at once."""

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
    expires_at: str | msgspec.UnsetType | None = msgspec.UNSET
    enabled: bool | None = None


@guarded("credentials")
async def list_credentials(call: Call, who: Caller) -> Answer:
    """Every credential of the tenant with its last use, never with what it shows; by id."""
    tenant = await _tenant(call, who)
    refuse_unknown_query(call, frozenset({"kind", "limit", "cursor"}))
    kind, cursor = call.query.get("kind", ""), call.query.get("cursor", "")
    limit = limit_of(call, MAX_PAGE)
    found = await call.hub.read(lambda reads: reads.credentials(tenant.id, kind, cursor, limit + 1))
    more = found[limit - 1].id if len(found) > limit else None
    items = [_shape(call, each) for each in found[:limit]]
    return Answer(200, encode({"items": items, "next_cursor": more}))


@guarded("credentials")
async def get_credential(call: Call, who: Caller) -> Answer:
    """One credential, never with what it shows."""
    tenant = await _tenant(call, who)
    found = await call.hub.read(lambda reads: reads.credential_by_id(call.params["id"]))
    return Answer(200, encode(_shape(call, of_tenant(found, tenant, call.params["id"]))))


@guarded("credentials")
async def create_credential(call: Call, who: Caller) -> Answer:
    """A new credential. Its token or secret is in this answer and in no other."""
    tenant = await _tenant(call, who)
    given = body_of(call, NewCredential)
    _check_kind(call, given, tenant)
    scopes = _checked_scopes(given.kind, given.scopes)
    _check_reach(who, given.kind, scopes, tenant)
    reached = await _portfolio(call, who, given.tenants)
    _refuse_faults(given.data)
    data = {**_without_nulls(given.data), **_digested(given.digests)}
    _refuse_misfit(call, given.kind, data)
    name, token, secret = _looked_up_by(given)
    credential = Credential(
        id=f"{given.kind}-{secrets.token_hex(6)}",
        kind=given.kind,
        name=name,
        tenant_id=tenant.id,
        tenants=reached,
        scopes=scopes,
        secret=_encrypted(call, secret) if secret else "",
        label=given.label,
        expires_at=_expiry(call, given.expires_at, given.expires_in_s),
        created_at=call.received_at,
        data=data,
    )
    shown = {**_shape(call, credential), **_shown_once(call, token=token, secret=secret)}
    location = f"/hub/v1/tenants/{tenant.name}/credentials/{credential.id}"
    answer = Answer(201, encode(shown), (("Location", location),))

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
        _check_reach(who, before.kind, before.scopes, tenant)
        if before.kind == _HUB and given.token is not None:
            raise refuse("token", "the hub makes its own tokens")
        data = {**before.data, **_digested(given.digests)}
        if before.secret:
            secret = given.secret or secrets.token_urlsafe(32)
            after = msgspec.structs.replace(before, secret=_encrypted(call, secret), data=data)
            return after, _shown_once(call, secret=secret)
        if _DIGEST.fullmatch(before.name):
            token = given.token or _new_token(before.kind)
            after = msgspec.structs.replace(before, name=digest(token), data=data)
            return after, _shown_once(call, token=token)
        raise refuse("id", "this credential has nothing to rotate")

    return await _changed(call, tenant, turn, secret_answer=True)


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
        scopes = before.scopes
        if given.scopes is not None:
            scopes = _checked_scopes(before.kind, given.scopes)
        _check_reach(who, before.kind, (*before.scopes, *scopes), tenant)
        data = _without_nulls({**before.data, **given_data})
        _refuse_misfit(call, before.kind, data)
        after = msgspec.structs.replace(
            before,
            scopes=scopes,
            data=data,
            label=before.label if given.label is None else given.label,
            enabled=before.enabled if given.enabled is None else given.enabled,
            expires_at=before.expires_at if expires_at is None else expires_at,
        )
        return after, {}

    return await _changed(call, tenant, change)


@guarded("credentials")
async def revoke_credential(call: Call, who: Caller) -> Answer:
    """It opens nothing from now on; it stays in the list, since orders name it."""
    tenant = await _tenant(call, who)
    return await _changed(
        call, tenant, lambda before: (msgspec.structs.replace(before, enabled=False), {})
    )


async def _changed(
    call: Call,
    tenant: Tenant,
    change: Callable[[Credential], tuple[Credential, dict[str, str]]],
    *,
    secret_answer: bool = False,
) -> Answer:
    """Read, changed and written in one transaction, so that no change of another caller's is lost.

    `change` answers the credential as it is to be, and what is shown of it once.
    """

    def write(directory: Directory) -> Answer:
        sought = call.params["id"]
        after, shown = change(of_tenant(directory.credential(sought), tenant, sought))
        with _unless_taken():
            directory.change_credential(after)
        return Answer(200, encode({**_shape(call, after), **shown}))

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
        raise Refused(Rejected(Reason.RECORD_UNKNOWN, "id", f"no credential {sought}"))
    return found


def _check_kind(call: Call, given: NewCredential, tenant: Tenant) -> None:
    doors = [each.name for each in port(call).dialects]
    if given.kind == _HUB:
        if given.name or given.token or given.secret:
            raise refuse("kind", "the hub makes its own tokens: leave out name, token and secret")
    elif given.kind.partition(".")[0] not in doors or not tenant.id:
        raise refuse("kind", f"kind is hub, {', '.join(doors)}")
    if given.secret is not None and not given.name:
        raise refuse("secret", "a secret goes with a name", "value")
    if given.token is not None and given.name:
        raise refuse("token", "a credential is looked up by its name or by its token")


def _checked_scopes(kind: str, scopes: tuple[str, ...]) -> tuple[str, ...]:
    """Each once. What a vendor's client shows needs none, and has none that does not exist."""
    if any(each not in (*SCOPES, OPERATOR) for each in scopes):
        raise refuse("scopes", f"scopes are {', '.join(SCOPES)}")
    if kind == _HUB and not scopes:
        raise refuse("scopes", "a token without scopes opens nothing", "missing")
    return tuple(dict.fromkeys(scopes))


def _check_reach(who: Caller, kind: str, scopes: tuple[str, ...], tenant: Tenant) -> None:
    """Nobody hands out, changes or renews what he does not hold himself."""
    needed = {*scopes, *(() if kind == _HUB else ("dialects",))}
    missing = sorted(each for each in needed if not _may_give(who.credential, each, tenant))
    if missing:
        raise lacking(missing[0])


def _may_give(credential: Credential, scope: str, tenant: Tenant) -> bool:
    if scope == OPERATOR:
        return is_operator(credential) and not tenant.id
    return holds(credential, scope)


async def _portfolio(call: Call, who: Caller, names: tuple[str, ...]) -> tuple[int, ...]:
    if not names:
        return ()
    if not is_operator(who.credential):
        raise lacking(OPERATOR)
    return tuple([(await tenant_of(call, who, name)).id for name in names])


def _refuse_misfit(call: Call, kind: str, data: dict[str, Any]) -> None:
    """Data that the hub, or the dialect whose kind this is, could not read when it is used."""
    if kind == _HUB:
        converted(data, _TokenData, "data")
    most_s = port(call).most_window_s
    if (converted(data, _AnyData, "data").repeat_window_s or 0) > most_s:
        raise refuse("data.repeat_window_s", f"repeat_window_s is 1 to {most_s} seconds")
    refuse_misfit(port(call).dialects, kind, data, "data")


def _refuse_faults(data: Mapping[str, Any]) -> None:
    if "faults" in data:
        raise refuse("data.faults", "faults are set at …/credentials/{id}/faults")


def _without_nulls(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}


def _digested(texts: dict[str, str]) -> dict[str, str]:
    return {name: digest(text) for name, text in texts.items()}


def _looked_up_by(given: NewCredential) -> tuple[str, str, str]:
    """(name, token, secret) of a new credential; the last two as they are shown once."""
    if given.name:
        return given.name, "", given.secret or secrets.token_urlsafe(32)
    token = given.token or _new_token(given.kind)
    return digest(token), token, ""


def _shown_once(call: Call, **secrets_made: str) -> dict[str, str]:
    """What this answer shows and no other. A dry run makes nothing that would open a door, and shows nothing."""
    return {} if call.is_dry_run else {name: each for name, each in secrets_made.items() if each}


def _new_token(kind: str) -> str:
    return f"{kind}_{secrets.token_urlsafe(32)}"


def _encrypted(call: Call, secret: str) -> str:
    try:
        return call.hub.encrypt(secret)
    except ValueError as error:
        raise refuse("secret", str(error)) from None


def _expiry(call: Call, at: str | None, in_s: int | None) -> int:
    if at is not None and in_s is not None:
        raise refuse("expires_at", "expires_at or expires_in_s, not both")
    if in_s is not None:
        return call.received_at + in_s * 1_000_000
    return instant(at, "expires_at") if at else 0


@contextmanager
def _unless_taken() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise _taken() from None


def _taken() -> Refused:
    return Refused(Rejected(Reason.ALREADY_EXISTS, "name", "this name or token is taken"))


def _shape(call: Call, credential: Credential) -> dict[str, Any]:
    is_plain = not _DIGEST.fullmatch(credential.name)
    used = max(credential.last_used_at, port(call).used.get(credential.id, 0))
    return {
        "id": credential.id,
        "kind": credential.kind,
        "name": credential.name if is_plain else None,
        "label": credential.label or None,
        "scopes": list(credential.scopes),
        "data": {
            name: _HIDDEN if isinstance(value, str) and _DIGEST.fullmatch(value) else value
            for name, value in plain_values(credential.data).items()
        },
        "enabled": credential.enabled,
        "created_at": exact_instant(credential.created_at) if credential.created_at else None,
        "expires_at": exact_instant(credential.expires_at) if credential.expires_at else None,
        "last_used_at": exact_instant(used) if used else None,
    }


_ALL = "/hub/v1/tenants/{tenant}/credentials"
_ONE = f"{_ALL}/{{id}}"

ROUTES = (
    Route("GET", _ALL, list_credentials, "Credentials and when they were last used"),
    Route("POST", _ALL, create_credential, "A new credential", request=NewCredential, mutates=True),
    Route("GET", _ONE, get_credential, "One credential"),
    Route(
        "PATCH",
        _ONE,
        change_credential,
        "Change a credential",
        request=CredentialChange,
        mutates=True,
    ),
    Route("DELETE", _ONE, revoke_credential, "Revoke a credential", mutates=True),
    Route(
        "POST",
        f"{_ONE}/rotate",
        rotate_credential,
        "A new token or secret",
        request=Rotation,
        mutates=True,
    ),
)
