"""No token reaches further than itself: the one rule, as laws over tokens, credentials and verbs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderhub.core.access import Credential
from orderhub.core.reach import OPERATOR, Verb, beyond

TENANTS = (1, 2, 3)
SCOPES = ("orders:read", "credentials", "faults", "dialects")
LIVES = (Verb.CREATE, Verb.CHANGE, Verb.ROTATE)
NEVER = 0


def made(tenant_id=1, *scopes, kind="hub", tenants=(), expires_at=NEVER):
    return Credential(
        id="x",
        kind=kind,
        name="x",
        tenant_id=tenant_id,
        tenants=tenants,
        scopes=scopes,
        expires_at=expires_at,
    )


expiries = st.sampled_from([NEVER, 10, 20, 30])
tokens = st.one_of(
    st.builds(
        lambda tenant, scopes, expires_at: made(tenant, *sorted(scopes), expires_at=expires_at),
        st.sampled_from((0, *TENANTS)),
        st.sets(st.sampled_from(SCOPES), min_size=1),
        expiries,
    ),
    st.builds(lambda expires_at: made(0, OPERATOR, expires_at=expires_at), expiries),
)
vendors = st.builds(
    lambda tenant, tenants, expires_at: made(
        tenant, kind="mews", tenants=tuple(sorted(tenants)), expires_at=expires_at
    ),
    st.sampled_from(TENANTS),
    st.sets(st.sampled_from(TENANTS)),
    expiries,
)
credentials = tokens | vendors


def is_operator(each):
    return OPERATOR in each.scopes and each.tenant_id == 0


def opened(each):
    """What it opens, as pairs of tenant and scope; the tenant 0 is the hub itself."""
    if is_operator(each):
        return {(tenant, scope) for tenant in (0, *TENANTS) for scope in (*SCOPES, OPERATOR)}
    tenants = {each.tenant_id, *each.tenants} if each.tenant_id else {0, *TENANTS}
    scopes = {*each.scopes, *(() if each.kind == "hub" else ("dialects",))}
    return {(tenant, scope) for tenant in tenants for scope in scopes}


def ends(each):
    return each.expires_at or float("inf")


@given(tokens, credentials, credentials, st.sampled_from(Verb))
def test_what_may_be_done_is_within_what_the_token_opens(actor, before, after, verb):
    """Of every state; and what goes on living ends no later than the token."""
    states = (after,) if verb is Verb.CREATE else (before, after)
    if beyond(actor, verb, *states):
        return
    for each in states:
        assert opened(each) <= opened(actor)
        assert verb not in LIVES or ends(each) <= ends(actor)


@given(tokens, credentials, st.sampled_from(Verb))
def test_what_is_within_it_may_be_done(actor, credential, verb):
    """A portfolio is an operator's; nothing else is refused without need."""
    within = opened(credential) <= opened(actor)
    lives = verb not in LIVES or ends(credential) <= ends(actor)
    whose = not credential.tenants or is_operator(actor)
    assert (beyond(actor, verb, credential) == "") == (within and lives and whose)


@given(tokens, tokens, credentials, st.sampled_from(Verb))
def test_what_a_token_makes_reaches_no_further_than_it_does(actor, given_away, credential, verb):
    if beyond(actor, Verb.CREATE, given_away) or beyond(given_away, verb, credential):
        return
    assert beyond(actor, verb, credential) == ""


@given(tokens, expiries)
def test_no_token_prolongs_its_own_life(actor, expires_at):
    longer = msgspec.structs.replace(actor, expires_at=expires_at)
    refused = beyond(actor, Verb.CHANGE, actor, longer) != ""
    assert refused == (ends(longer) > ends(actor))


@given(tokens, credentials)
def test_a_name_that_is_chosen_is_an_operators(actor, credential):
    drawn = beyond(actor, Verb.CREATE, credential)
    chosen = beyond(actor, Verb.CREATE, credential, is_chosen=True)
    assert chosen == drawn if is_operator(actor) or drawn else "operator" in chosen


@pytest.mark.parametrize(
    ("actor", "verb", "credential", "says"),
    [
        (made(1, "credentials"), Verb.CREATE, made(1, "pools"), "the token lacks the scope pools"),
        (made(1, "credentials"), Verb.REVOKE, made(1, kind="mews"), "lacks the scope dialects"),
        (made(0, OPERATOR), Verb.CREATE, made(1, OPERATOR), "lacks the scope operator"),
        (made(1, "dialects"), Verb.ROTATE, made(2, kind="mews"), "another tenant"),
        (made(1, "dialects"), Verb.ROTATE, made(1, kind="mews", tenants=(1, 2)), "several tenants"),
        (made(1, "pools", expires_at=10), Verb.CREATE, made(1, "pools"), "outlive"),
        (made(0, OPERATOR, expires_at=10), Verb.CREATE, made(0, OPERATOR), "outlive"),
        (made(1, "pools", expires_at=10), Verb.REVOKE, made(1, "pools"), ""),
        (made(1, "pools", expires_at=10), Verb.FAULTS, made(1, "pools"), ""),
        (made(0, OPERATOR), Verb.ROTATE, made(1, kind="mews", tenants=(1, 2)), ""),
    ],
)
def test_what_is_out_of_reach_is_said(actor, verb, credential, says):
    found = beyond(actor, verb, credential)
    assert says in found if says else not found
