"""Every type of command has one row that says all about it."""

from typing import get_args

import pytest

from orderhub.core import decide
from orderhub.core.commands import AdjustPool, Command, Origin, SetClock
from orderhub.core.facts import Facts, NewIds

AT = Origin(tenant_id=1, channel="hub", actor="test", recorded_at=0)


def test_every_type_of_command_has_a_handler() -> None:
    assert set(decide.HANDLERS) == set(get_args(Command))


ASKED = {
    "needs": lambda command: list(decide.loads(command, Facts())),
    "pools": lambda command: decide.pool_loads(command, Facts()),
    "ids": lambda command: decide.id_quota(command, Facts()),
    "locks": decide.lock_keys,
    "decision": lambda command: decide.decide(command, Facts(), NewIds()),
}


@pytest.mark.parametrize("question", ASKED)
def test_a_type_of_command_without_a_handler_is_loud(question: str) -> None:
    class Unheard(SetClock, frozen=True):
        """A new type of command."""

    with pytest.raises(KeyError, match="Unheard"):
        ASKED[question](Unheard(origin=AT, action="run"))


def test_questions_that_a_type_does_not_answer_have_an_empty_answer() -> None:
    command = SetClock(origin=AT, action="run")
    assert [load.kind for load in decide.loads(command, Facts())] == ["settings"]
    assert not list(decide.pool_loads(command, Facts()))
    assert not list(decide.lock_keys(command))
    assert decide.id_quota(AdjustPool(origin=AT, kind="stock", subject="product:1"), Facts()) == (
        decide.NO_IDS
    )
