"""What nearly every call asks of the ledger is asked once."""

from typing import Any

import pytest

from orderhub.core.access import Credential
from orderhub.web.lookups import Lookups

NOW = 1_700_000_000_000_000


def credential(kind: str, **more: Any) -> Credential:
    return Credential(id=f"{kind}-1", kind=kind, name="digest", tenant_id=1, **more)


class Asked:
    """A ledger that holds these credentials, and counts what it is asked."""

    def __init__(self, *held: Credential) -> None:
        self.held = held
        self.times = 0

    async def read(self, ask: Any) -> Any:
        self.times += 1
        return ask(self)

    def credentials_named(self, kinds: tuple[str, ...], name: str) -> tuple[Credential, ...]:
        found = {each.kind: each for each in self.held if each.name == name}
        return tuple(found[kind] for kind in kinds if kind in found)


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ((), None),
        (("hub",), "hub-1"),
        (("kakaclo",), "kakaclo-1"),
        (("kakaclo", "hub"), "hub-1"),
    ],
)
async def test_one_look_finds_a_token_of_the_hub_or_of_the_vendor(held, expected) -> None:
    ledger = Asked(*map(credential, held))
    lookups = Lookups(ledger.read, lambda: NOW)
    for _ in range(2):
        found = await lookups.credential(("hub", "kakaclo"), "digest")
        assert (found and found.id) == expected
    assert ledger.times == 1
    assert lookups.used == ({expected: NOW} if expected else {})


async def test_a_token_that_is_not_usable_gives_way_to_the_next_kind() -> None:
    ended = credential("hub", expires_at=NOW - 1)
    lookups = Lookups(Asked(ended, credential("kakaclo")).read, lambda: NOW)
    found = await lookups.credential(("hub", "kakaclo"), "digest")
    assert found is not None
    assert found.id == "kakaclo-1"


async def test_a_credential_of_this_process_is_not_looked_for() -> None:
    ledger = Asked()
    lookups = Lookups(ledger.read, lambda: NOW)
    lookups.admit(credential("hub"))
    assert await lookups.credential(("hub",), "digest") is not None
    assert ledger.times == 0
