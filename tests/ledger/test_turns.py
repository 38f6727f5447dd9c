"""Writers of one SQLite file take turns: nobody is starved by a writer that is never idle."""

import threading

import pytest

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.database import open_engine, writing
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.turns import DatabaseLocked, Turns
from tests.support import world

LIMIT_S = 30.0


def test_turns_come_in_the_order_of_arrival() -> None:
    turns, order = Turns(), list[int]()
    turns.take(LIMIT_S)
    threads = []
    for number in range(5):

        def wait(number: int = number) -> None:
            turns.take(LIMIT_S)
            order.append(number)
            turns.leave()

        threads.append(threading.Thread(target=wait))
        threads[-1].start()
        while len(turns._waiting) <= number:
            pass
    turns.leave()
    for each in threads:
        each.join(LIMIT_S)
    assert order == [0, 1, 2, 3, 4]
    turns.take(0)


def test_who_waits_in_vain_leaves_the_queue() -> None:
    turns = Turns()
    turns.take(0)
    with pytest.raises(DatabaseLocked):
        turns.take(0.01)
    turns.leave()
    turns.take(0)


def test_a_writer_that_is_never_idle_starves_nobody(sqlite_world: str) -> None:
    ledger = Ledger(open_engine(sqlite_world, limit_s=LIMIT_S), RECORD_TYPES)
    batches, leave = [0], threading.Event()

    def write() -> None:
        while not leave.is_set():
            world.place(ledger)
            batches[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    between = []
    for _ in range(20):
        before = batches[0]
        ledger.try_commit()
        between.append(batches[0] - before)
    leave.set()
    thread.join(LIMIT_S)
    assert max(between) <= 3, "the one in hand, and the one that is counted late"
    ledger.close()


def test_a_turn_is_given_back_however_a_transaction_ends(sqlite_world: str) -> None:
    ledger = Ledger(open_engine(sqlite_world, limit_s=0.05), RECORD_TYPES)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), writing(ledger.engine).begin():
            raise ZeroDivisionError
    with writing(ledger.engine).begin(), pytest.raises(DatabaseLocked) as locked:
        ledger.try_commit()
    assert ledger.is_outage(locked.value)
    ledger.try_commit()
    ledger.close()
