"""How far a token reaches: the one rule of who may make, change, renew, revoke or disturb a credential.

Whoever acts must be able themselves to have made the credential, both as it is and as it will be. So no
token gives, takes over, outlives or ends what is wider than itself, by whatever call.
"""

from __future__ import annotations

from enum import StrEnum

from orderhub.core.access import Credential

OPERATOR = "operator"  # every scope in every tenant, and what only operators do
DIALECTS = "dialects"  # calling the vendors' channels
CREDENTIALS = "credentials"  # giving access, and taking it
HUB_KIND = "hub"


class Verb(StrEnum):
    """What can be done to a credential. Switching on or off is a change."""

    CREATE = "create"
    CHANGE = "change"
    ROTATE = "rotate"
    REVOKE = "revoke"
    FAULTS = "faults"


# After these it goes on living: the token must not leave behind what lives longer than it does.
_LEAVING = frozenset({Verb.CREATE, Verb.CHANGE, Verb.ROTATE})


def is_operator(credential: Credential) -> bool:
    return OPERATOR in credential.scopes and not credential.tenant_id


def holds(credential: Credential, scope: str) -> bool:
    """Deny by default: a scope that is not named is not there."""
    return scope in credential.scopes or is_operator(credential)


def lacks(scope: str) -> str:
    return f"the token lacks the scope {scope}"


def beyond(actor: Credential, verb: Verb, *states: Credential, is_chosen: bool = False) -> str:
    """What is out of the acting token's reach, in words; empty = it may.

    states     the credential as it is and as it will be, or the one of these that there is
    is_chosen  whether the caller chooses what it is looked up by: such names are the whole hub's
    """
    for credential in states:
        found = _wider(actor, credential)
        if not found and verb in _LEAVING and _outlives(credential, actor):
            found = (
                "the credential would outlive the token, which ends itself: "
                "its expires_at must not be later than the token's own"
            )
        if found:
            return found
    if is_chosen and not is_operator(actor):
        return (
            "a name or token that is chosen is an operator's to give, since it is the whole hub's: "
            "leave it out, and the hub draws one"
        )
    return ""


def _wider(actor: Credential, credential: Credential) -> str:
    """What the credential opens that the actor does not."""
    needed = {*credential.scopes, *(() if credential.kind == HUB_KIND else (DIALECTS,))}
    missing = {each for each in needed if not _may_give(actor, each, credential.tenant_id)}
    if missing:
        return lacks(min(missing))
    if actor.tenant_id and credential.tenant_id != actor.tenant_id:
        return "the credential belongs to another tenant"
    if credential.tenants and not is_operator(actor):
        return "a credential that reaches several tenants is an operator's"
    return ""


def _may_give(actor: Credential, scope: str, tenant_id: int) -> bool:
    if scope == OPERATOR:
        return is_operator(actor) and not tenant_id  # nobody has the whole hub within a tenant
    return holds(actor, scope)


def _outlives(credential: Credential, actor: Credential) -> bool:
    if not actor.expires_at:
        return False
    return not credential.expires_at or credential.expires_at > actor.expires_at
