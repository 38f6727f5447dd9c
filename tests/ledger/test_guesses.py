"""Guesses at passwords: counted in the ledger, by whatever name, and never more than a window allows."""

from concurrent.futures import ThreadPoolExecutor

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.ledger import Ledger

_LIMITS = {"address:a": 6, "account:x": 4}


def guess(ledger: Ledger, now_us: int, limits: dict[str, int] = _LIMITS) -> int:
    with ledger.directory("") as (_, directory):
        return directory.people.guess(limits, 100, now_us)


def test_a_window_allows_so_many_and_then_says_how_long(database_url: str) -> None:
    ledger = Ledger.open(database_url, RECORD_TYPES)
    assert [guess(ledger, 10 + each) for each in range(5)] == [0, 0, 0, 0, 96]
    # What came from there is counted whatever account it was; the account was not tried any more.
    assert [guess(ledger, 20, {"address:a": 6, "account:y": 4}) for _ in range(3)] == [0, 90, 90]
    with ledger.directory("") as (_, directory):
        directory.people.forgive(("address:a", "account:x"))
    assert guess(ledger, 30, {"account:x": 4}) == 0
    # The window began with its first try, and ends as a whole.
    assert guess(ledger, 109, {"account:x": 4}) == 1
    assert guess(ledger, 110, {"account:x": 4}) == 0
    # A clock that was put back keeps nobody out.
    assert guess(ledger, 5, {"account:x": 4}) == 0
    ledger.close()


def test_many_at_once_are_no_more(database_url: str) -> None:
    ledger = Ledger.open(database_url, RECORD_TYPES)
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: guess(ledger, 10), range(20)))
    assert waits.count(0) == 4
    ledger.close()
