"""The kinds of credential there are: the hub's own token, and what each dialect says that its callers show.

A credential that could open nothing is never made: what is missing is drawn, or it is refused with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from orderhub.core.access import Credential, Tenant
from orderhub.core.people import PEOPLE
from orderhub.core.reach import DIALECTS, HUB_KIND, OPERATOR
from orderhub.dialects.auth import curl, digest, drawn
from orderhub.dialects.contract import Call, CredentialKind, Dialect, Shown
from orderhub.web.hub_api.bodies import refuse
from orderhub.web.hub_api.inner import port

DIGEST = re.compile(r"[0-9a-f]{64}")

# A call for each scope that a token alone can make; the first that it holds shows how it is used.
_CALLS: dict[str, str] = {
    OPERATOR: "/tenants",
    "orders:read": "/orders",
    "settings": "/tenants",
    "pools": "/tenants/{tenant}/pools",
    "catalogue": "/tenants/{tenant}/catalogue/products",
    "clock": "/tenants/{tenant}/clock",
    "credentials": "/tenants/{tenant}/credentials",
    "requests": "/requests",
    "webhooks": "/webhooks",
    "relay": "/connections",
    PEOPLE: "/tenants/{tenant}/users",
}


def _complete(shown: Shown) -> Shown:
    return msgspec.structs.replace(shown, token=drawn(HUB_KIND))


HUB_TOKEN = CredentialKind(
    name=HUB_KIND,
    needs="`scopes`; `data.acts_as` to be a vendor's user, `data.rate_limit`",
    drawn="the token",
    example={"kind": HUB_KIND, "scopes": ["orders:read"]},
    complete=_complete,
    command=lambda _shown, _base_url: "",  # by its scopes and tenant: see `command_of`
    is_portfolio=True,
)


def kinds_of(dialects: Iterable[Dialect]) -> dict[str, CredentialKind]:
    """Every kind by its name; the hub's own first, then those of the doors."""
    return {each.name: each for each in (HUB_TOKEN, *(k for d in dialects for k in d.kinds))}


def kind_of(call: Call, credential: Credential) -> CredentialKind | None:
    """The kind of a stored credential; None when nothing reads that kind any more."""
    return kinds_of(port(call).dialects).get(credential.kind)


def kind_for(call: Call, name: str, tenant: Tenant) -> CredentialKind:
    """The kind that a new credential of the tenant is to have. Raises HTTPFault(INVALID) with those of use."""
    kinds = kinds_of(port(call).dialects)
    if not tenant.id and name != HUB_KIND:
        raise refuse("kind", "the hub's operators have tokens of its own alone: kind is hub")
    if name not in kinds:
        raise refuse("kind", f"kind is {', '.join(kinds)}")
    return kinds[name]


def completed(kind: CredentialKind, shown: Shown) -> Shown:
    """With what was missing drawn. Raises HTTPFault(INVALID) for what its door would never look at."""
    if kind is HUB_TOKEN and (shown.name or shown.token or shown.secret):
        raise refuse("kind", "the hub makes its own tokens: leave out name, token and secret")
    if kind.is_named:
        if shown.token:
            raise refuse("token", f"{kind.name} is looked up by its name, and has a secret")
        if DIGEST.fullmatch(shown.name):
            raise refuse("name", "64 hexadecimal digits are a digest, and no name")
    else:
        for member in ("name", "secret"):
            if getattr(shown, member):
                raise refuse(member, f"{kind.name} is looked up by its token alone")
    for member in shown.digests:
        if member not in kind.digests:
            known = ", ".join(kind.digests) or "no digests"
            raise refuse(f"digests.{member}", f"{kind.name} has {known}")
    return kind.complete(shown)


def refuse_portfolio(kind: CredentialKind, credential: Credential) -> None:
    """Tenants that nothing would look at."""
    if not credential.tenants:
        return
    if not kind.is_portfolio:
        raise refuse("tenants", f"{kind.name} reaches its own tenant alone")
    if kind is HUB_TOKEN and DIALECTS not in credential.scopes:
        why = "tenants are for a vendor's door, and the hub's own calls reach one: add the scope dialects"
        raise refuse("tenants", why)


def looked_up_by(kind: CredentialKind, shown: Shown) -> str:
    """The name that a credential is stored under."""
    return shown.name if kind.is_named else digest(shown.token)


def kept_data(shown: Shown) -> dict[str, Any]:
    """The data that a credential is stored with: the digests among it."""
    return {**shown.data, **{name: digest(text) for name, text in shown.digests.items()}}


def command_of(
    call: Call, kind: CredentialKind, shown: Shown, credential: Credential, tenant: Tenant
) -> str:
    """A command that uses the credential, for a shell; empty when no call can be made with it alone."""
    if kind is not HUB_TOKEN:
        return kind.command(shown, call.base_url)
    url = _first_call(call, credential, tenant)
    header = ("-H", f"Authorization: Bearer {shown.token}")
    return curl(f"{call.base_url}{url}", *header) if url else ""


def _first_call(call: Call, credential: Credential, tenant: Tenant) -> str:
    for scope, path in _CALLS.items():
        if scope in credential.scopes and (tenant.id or "{tenant}" not in path):
            return "/hub/v1" + path.replace("{tenant}", tenant.name)
    if DIALECTS in credential.scopes and tenant.id:
        channels = (route for dialect in port(call).dialects for route in dialect.routes)
        reads = (
            r.path for r in channels if r.method == "GET" and "{" not in r.path and not r.public
        )
        return next(reads, "")
    return ""


def guide(dialects: Iterable[Dialect]) -> str:
    """The kinds as the guide's table has them."""
    head = ("| kind | smallest body | what is said | what is drawn |", "|---|---|---|---|")
    rows = (
        f"| `{kind.name}` | `{_json(kind.example)}` | {kind.needs} | {kind.drawn} |"
        for kind in kinds_of(dialects).values()
    )
    return "\n".join((*head, *rows))


def _json(value: Mapping[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
