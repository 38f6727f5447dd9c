"""What passwords cost outside tests, which make it little: see tests/support/compiled.py."""

from argon2.profiles import RFC_9106_LOW_MEMORY

from orderhub.dialects import passwords
from tests.support.compiled import REAL_HASHER


def test_a_guess_costs_what_owasp_recommends_at_least():
    assert (REAL_HASHER.time_cost, REAL_HASHER.memory_cost) == (2, 19_456)
    assert REAL_HASHER.type is RFC_9106_LOW_MEMORY.type


def test_a_guess_at_nobodys_password_costs_the_same():
    assert not REAL_HASHER.check_needs_rehash(passwords.NOBODYS_HASH)
