"""Who may give which role, and govern whom: a role never reaches further than whoever gives it."""

from itertools import pairwise

import pytest

from orderhub.core.access import Credential
from orderhub.core.people import (
    SCOPES_OF,
    Person,
    Role,
    acting,
    actor_of,
    may_give,
    may_govern,
    person_of,
)
from orderhub.core.reach import OPERATOR, holds

HERE, THERE, HUB = 1, 2, 0
VIEWER, STAFF, MANAGER, OWNER, OP = Role


def somebody(*roles: tuple[int, Role], enabled: bool = True) -> Person:
    return Person(uid="p1", email="a@b.test", name="Ana", enabled=enabled, roles=roles)


def acts(role: Role, tenant_id: int = HERE) -> Credential:
    at = HUB if role is OP else tenant_id
    credential = acting(somebody((at, role)), tenant_id)
    assert credential is not None
    return credential


def test_each_role_holds_what_the_ones_before_it_do() -> None:
    for less, more in pairwise((VIEWER, STAFF, MANAGER, OWNER)):
        assert set(SCOPES_OF[less]) < set(SCOPES_OF[more])
    assert SCOPES_OF[OP] == (OPERATOR,)
    assert set(SCOPES_OF) == set(Role)


def test_a_person_acts_as_a_credential_of_the_tenant_they_look_at() -> None:
    owner = acts(OWNER)
    assert (owner.id, owner.label, owner.tenant_id) == ("user:p1", "Ana", HERE)
    assert holds(owner, "people")
    assert not holds(owner, OPERATOR)
    assert acts(OP, THERE).tenant_id == HUB
    assert holds(acts(OP, THERE), "people")
    assert acting(somebody((HERE, OWNER)), THERE) is None
    assert acting(somebody((HERE, OWNER), enabled=False), HERE) is None
    assert acting(somebody(), HERE) is None


GIVING = [
    # who      gives   where  may
    (OWNER,    OWNER,  HERE,  True),
    (OWNER,    VIEWER, HERE,  True),
    (OWNER,    OP,     HUB,   False),
    (OWNER,    OWNER,  THERE, False),
    (MANAGER,  VIEWER, HERE,  False),
    (STAFF,    VIEWER, HERE,  False),
    (OP,       OWNER,  THERE, True),
    (OP,       OP,     HUB,   True),
]  # fmt: skip


@pytest.mark.parametrize(("who", "role", "tenant_id", "may"), GIVING)
def test_nobody_gives_what_they_do_not_hold(
    who: Role, role: Role, tenant_id: int, may: bool
) -> None:
    assert may_give(acts(who), role, tenant_id) is may


def test_a_token_gives_what_its_scopes_hold() -> None:
    token = Credential(
        id="t", kind="hub", name="n", tenant_id=HERE, scopes=("people", "orders:read")
    )
    assert may_give(token, VIEWER, HERE)
    assert not may_give(token, STAFF, HERE)


GOVERNING = [
    # who     whose roles                       may
    (OWNER,   ((HERE, STAFF),),                 True),
    (OWNER,   ((HERE, OWNER),),                 True),
    (OWNER,   ((HERE, STAFF), (THERE, VIEWER)), False),
    (OWNER,   ((HUB, OP),),                     False),
    (OWNER,   ((HUB, OP), (HERE, STAFF)),       False),
    (MANAGER, ((HERE, VIEWER),),                False),
    (OP,      ((HUB, OP), (THERE, OWNER)),      True),
]  # fmt: skip


@pytest.mark.parametrize(("who", "roles", "may"), GOVERNING)
def test_nobody_takes_over_what_somebody_may_do_elsewhere(
    who: Role, roles: tuple[tuple[int, Role], ...], may: bool
) -> None:
    assert may_govern(acts(who), roles) is may


def test_an_actor_names_a_person_or_none() -> None:
    assert person_of(actor_of("p1")) == "p1"
    assert person_of("hub-123456") == ""
    assert person_of("kakaclo-12:1000") == ""
