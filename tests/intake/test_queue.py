"""The queue and its writer: no neighbour is touched, nobody waits in vain, busy is said at once."""

import random
import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from orderhub.core import decide as core
from orderhub.core.answer import Answer, Outcome
from orderhub.core.baskets import GoodsBasket
from orderhub.core.commands import Command, PlaceOrder, SetClock
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.facts import Accepted
from orderhub.core.values import Order
from orderhub.intake import batch
from orderhub.intake.intake import Busy, Intake
from orderhub.intake.outcome import Waiting
from orderhub.intake.standing import Standing
from orderhub.ledger.batch import Batch
from orderhub.ledger.changeset import Stale
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine, writing
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import all_orders, basket, sale, second_process

LIMIT_S = 30


class Desk:
    """Puts commands into an intake and collects what becomes of them, in the order of the answers."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.answers: list[tuple[str, Outcome]] = []
        self._changed = threading.Condition()
        self._asked = 0

    def put(self, name: str, command: Command, *, bulk: bool = False, **more: Any) -> None:
        def deliver(outcome: Outcome) -> None:
            with self._changed:
                self.answers.append((name, outcome))
                self._changed.notify_all()

        self.intake.put(world.waiting(command, deliver=deliver, **more), bulk=bulk)
        self._asked += 1

    def kinds(self) -> dict[str, str]:
        """What became of each, once everything asked is answered."""
        with self._changed:
            everything = self._changed.wait_for(
                lambda: len(self.answers) == self._asked, timeout=LIMIT_S
            )
        assert everything, f"{self._asked} asked, {len(self.answers)} answered"
        return {name: outcome.kind for name, outcome in self.answers}


@contextmanager
def running(ledger: Ledger, **more: Any) -> Iterator[Desk]:
    intake = Intake(ledger, now_us=lambda: world.NOON, **more)
    intake.start()
    try:
        yield Desk(intake)
    finally:
        intake.stop()


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The writer stands still after its first batch was taken; yields the sizes of all batches."""
    sizes: list[int] = []
    taken, go = threading.Event(), threading.Event()
    run = batch.CommandBatch.run

    def waits(command_batch: batch.CommandBatch) -> list[Outcome]:
        sizes.append(len(command_batch._waiting))
        taken.set()
        assert go.wait(LIMIT_S)
        return run(command_batch)

    monkeypatch.setattr(batch.CommandBatch, "run", waits)
    sizes_and_taken = _Sizes(sizes, taken)
    try:
        yield sizes_and_taken
    finally:
        go.set()
        monkeypatch.setattr(batch.CommandBatch, "run", waits)


class Unheard(SetClock, frozen=True):
    """A type of command without a row in HANDLERS."""


class _Sizes(list[int]):
    def __init__(self, sizes: list[int], taken: threading.Event) -> None:
        super().__init__()
        self.sizes = sizes
        self.taken = taken

    def wait(self) -> None:
        assert self.taken.wait(LIMIT_S)


# --- one batch


def test_a_lone_command_is_committed_at_once_and_answered_after_the_commit(ledger: Ledger) -> None:
    seen: list[int] = []
    done = threading.Event()

    def deliver(_: Outcome) -> None:
        seen.append(len(all_orders(ledger)))
        done.set()

    with running(ledger) as desk:
        desk.intake.put(world.waiting(sale(), deliver=deliver))
        assert done.wait(LIMIT_S)
    assert seen == [1], "the order was there when the answer came"


def test_what_waits_together_is_committed_together(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(ledger, batch_limit=4) as desk:
        with held(monkeypatch) as batches:
            desk.put("first", sale())
            batches.wait()
            for number in range(9):
                desk.put(f"{number}", sale())
        assert set(desk.kinds().values()) == {"accepted"}
    assert batches.sizes == [1, 4, 4, 1]


def test_a_command_that_nothing_handles_is_not_let_in(ledger: Ledger) -> None:
    with running(ledger) as desk:
        with pytest.raises(AssertionError, match="no handler of Unheard"):
            desk.put("unheard", Unheard(origin=world.origin(), action="run"))
        desk.put("sale", sale())
        assert desk.kinds() == {"sale": "accepted"}


def test_answers_come_in_the_order_of_the_commands(ledger: Ledger) -> None:
    with running(ledger) as desk:
        for number in range(30):
            desk.put(str(number), sale() if number % 3 else basket((189, 1)))
        desk.kinds()
    assert [name for name, _ in desk.answers] == [str(number) for number in range(30)]


# --- poison


def in_the_decision(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    place = batch.core.decide

    def decide(command: Any, *facts: Any) -> Any:
        if getattr(command, "reference", "") == "poison":
            raise ZeroDivisionError
        return place(command, *facts)

    monkeypatch.setattr(batch.core, "decide", decide)
    return {}


def while_loading(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    loads = batch.core.loads

    def broken(command: Any, known: Any) -> Any:
        if getattr(command, "reference", "") == "poison":
            raise ZeroDivisionError
        return loads(command, known)

    monkeypatch.setattr(batch.core, "loads", broken)
    return {}


def in_the_wording(_: pytest.MonkeyPatch) -> dict[str, Any]:
    def answer(_: Accepted) -> Answer:
        raise ZeroDivisionError

    return {"answer": answer}


def in_bytes_that_are_no_text(_: pytest.MonkeyPatch) -> dict[str, Any]:
    return {"answer": lambda _: Answer(200, b"\xff\xfe"), "key": "k-poison"}


def in_the_database(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The order breaks a unique index: its uid is that of an order that stands."""
    write = Batch.write

    def same_uid(each: Accepted, uid: str) -> Accepted:
        placed = tuple(_with_uid(order, uid) for order in each.placed)
        return msgspec.structs.replace(each, placed=placed)

    def poisoned(batch: Batch, known: Any, accepted: Any, *more: Any) -> None:
        ((found,),) = batch._driver.rows("SELECT min(uid) FROM orders")
        accepted = [(at, same_uid(each, str(found))) for at, each in accepted]
        write(batch, known, accepted, *more)

    monkeypatch.setattr(Batch, "write", poisoned)
    return {}


def _with_uid(order: Order, uid: str) -> Order:
    return msgspec.structs.replace(order, uid=uid) if order.reference == "poison" else order


def in_a_statement(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    write = Batch.write

    def poisoned(batch: Batch, known: Any, accepted: Any, *more: Any) -> None:
        if any(order.reference == "poison" for _, each in accepted for order in each.placed):
            batch._driver.rows("SELECT no_such_column FROM orders")
        write(batch, known, accepted, *more)

    monkeypatch.setattr(Batch, "write", poisoned)
    return {}


POISONS = [
    in_the_decision,
    while_loading,
    in_the_wording,
    in_bytes_that_are_no_text,
    in_the_database,
    in_a_statement,
]


@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_command_fails_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, poison: Any
) -> None:
    world.place(ledger, sale(reference="stands"))
    more = poison(monkeypatch)
    with running(ledger) as desk:
        with held(monkeypatch) as batches:
            desk.put("before", sale())
            batches.wait()
            for number in range(3):
                desk.put(f"a{number}", basket((188, 1)))
            desk.put("poison", sale(reference="poison", natural_key="p"), **more)
            for number in range(3):
                desk.put(f"b{number}", basket((188, 1)), key=f"b{number}")
            desk.put("refused", basket((189, 6)))
        kinds = desk.kinds()
    assert kinds.pop("poison") == "broken"
    assert kinds.pop("refused") == "rejected"
    assert set(kinds.values()) == {"accepted"}
    assert world.stock(ledger) == 94
    monkeypatch.undo()
    assert check_ledger(ledger.engine).breaches == []
    assert world.run(ledger, sale(natural_key="p"))[0].kind == "accepted", "it bound nothing"


def below_zero(accepted: Accepted) -> Accepted:
    order = msgspec.structs.replace(accepted.order, total=Decimal("-0.01"))
    return msgspec.structs.replace(accepted, placed=(order,))


def that_fills_a_pool(accepted: Accepted) -> Accepted:
    (draw,) = accepted.moves
    return msgspec.structs.replace(
        accepted, moves=(msgspec.structs.replace(draw, units=-draw.units),)
    )


def of_nothing(accepted: Accepted) -> Accepted:
    (draw,) = accepted.moves
    return msgspec.structs.replace(accepted, moves=(msgspec.structs.replace(draw, units=0),))


@pytest.mark.parametrize("bug", [below_zero, that_fills_a_pool, of_nothing])
def test_an_order_or_a_draw_below_zero_is_a_bug_that_breaks_its_command_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, bug: Any
) -> None:
    business = core.BUSINESSES[GoodsBasket]

    def place(command: PlaceOrder, *facts: Any) -> Any:
        decision = business.place(command, *facts)
        return bug(decision) if command.reference == "buggy" else decision

    monkeypatch.setitem(core.BUSINESSES, GoodsBasket, replace(business, place=place))
    before = world.stock(ledger)
    outcomes = world.run(
        ledger,
        basket((188, 1)),
        basket((188, 2), reference="buggy"),
        sale("-5.00"),  # what is recorded may be below zero: that is a correction
        basket((188, 3)),
    )
    assert [each.kind for each in outcomes] == ["accepted", "broken", "accepted", "accepted"]
    assert before - world.stock(ledger) == 4
    assert check_ledger(ledger.engine).breaches == []


@pytest.mark.postgres
def test_a_text_too_long_for_an_index_fails_alone(
    postgres_world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    incompressible = "".join(random.Random(1).choices(string.printable, k=20_000))
    with second_process(postgres_world) as ledger, running(ledger) as desk:
        with held(monkeypatch) as batches:
            desk.put("before", sale())
            batches.wait()
            desk.put("long", sale(reference=incompressible))
            desk.put("neighbour", sale())
        kinds = desk.kinds()
    assert kinds == {"before": "accepted", "long": "broken", "neighbour": "accepted"}


def test_a_batch_that_another_process_disturbed_is_tried_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failures = Batch.write, iter(range(3))

    def disturbed(batch: Batch, *given: Any) -> None:
        if next(failures, None) is not None:
            raise Stale
        write(batch, *given)

    monkeypatch.setattr(Batch, "write", disturbed)
    with running(ledger) as desk:
        desk.put("a", basket((188, 2)), key="k")
        assert desk.kinds() == {"a": "accepted"}
    assert world.stock(ledger) == 98


def test_a_database_in_trouble_is_said_to_be_and_not_taken_for_poison(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def full(*_: Any) -> None:
        tried.append(1)
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    with running(ledger) as desk:
        with monkeypatch.context() as patched:
            patched.setattr(Batch, "write", full)
            with held(monkeypatch) as batches:
                desk.put("a", sale())
                batches.wait()
                for name in "bcd":
                    desk.put(name, sale())
            assert set(desk.kinds().values()) == {"unavailable"}
        desk.put("later", sale())
        assert desk.kinds()["later"] == "accepted"
    assert len(tried) == 2, "one try a batch: a full disk is not asked over and over"


def test_a_database_that_someone_else_keeps_locked_is_not_waited_for_for_ever(
    sqlite_world: str,
) -> None:
    standing = Standing()
    ledger = Ledger(open_engine(sqlite_world, limit_s=0.05), RECORD_TYPES)
    with running(ledger, batch_limit=1, patience_s=0.05, standing=standing) as desk:
        with writing(ledger.engine).begin():
            for name in "ab":
                desk.put(name, basket((188, 1)), key=name)
            assert set(desk.kinds().values()) == {"unavailable"}
            assert not standing.is_good
        desk.put("a again", basket((188, 1)), key="a")
        assert desk.kinds()["a again"] == "accepted", "it bound nothing"
        assert standing.is_good
        assert world.stock(ledger) == 99
    ledger.close()


@pytest.mark.postgres
def test_a_row_that_an_outsider_locks_costs_only_those_who_need_it(
    postgres_world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing = Standing()
    ledger = Ledger(open_engine(postgres_world, limit_s=0.4), RECORD_TYPES)
    outsider = psycopg.connect(postgres_world)
    outsider.execute("SELECT * FROM pool WHERE subject = 'product:188' FOR UPDATE")
    try:
        with running(ledger, patience_s=0.4, standing=standing) as desk:
            with held(monkeypatch) as batches:
                desk.put("first", sale())
                batches.wait()
                for number in range(5):
                    desk.put(f"free{number}", basket((189, 1)))
                desk.put("locked", basket((188, 1)), key="k")
            kinds = desk.kinds()
            assert kinds.pop("locked") == "unavailable"
            assert set(kinds.values()) == {"accepted"}
            assert [name for name, _ in desk.answers][-1] == "locked", "nobody waited for it"
            assert standing.is_good, "commits can be made"
            outsider.rollback()
            desk.put("locked again", basket((188, 1)), key="k")
            assert desk.kinds()["locked again"] == "accepted", "it bound nothing"
    finally:
        outsider.close()
        ledger.close()


def test_what_nobody_waits_for_any_more_is_not_begun(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(ledger) as desk:
        given_up = world.waiting(basket((188, 1)))
        with held(monkeypatch) as batches:
            desk.put("first", sale())
            batches.wait()
            desk.intake.put(given_up)
            given_up.is_given_up = True
        desk.put("after", sale())
        assert set(desk.kinds().values()) == {"accepted"}
    assert world.stock(ledger) == 100


# --- the queue


def test_a_full_queue_says_busy_at_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(ledger, queue_limit=3) as desk:
        with held(monkeypatch) as batches:
            desk.put("taken", sale())
            batches.wait()
            for number in range(3):
                desk.put(str(number), sale())
            with pytest.raises(Busy) as busy:
                desk.put("too many", sale())
            assert busy.value.retry_after_s >= 1
            assert desk.intake.depth == 3
        assert set(desk.kinds().values()) == {"accepted"}
        desk.put("after", sale())
        assert desk.kinds()["after"] == "accepted"


def test_large_commands_fill_the_queue_by_their_size(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = sale(origin_members={"request": b"x" * 1_000_000})
    with running(ledger, queue_limit=100) as desk:
        with held(monkeypatch) as batches:
            desk.put("taken", sale())
            batches.wait()
            for number in range(7):
                desk.put(f"large{number}", large)
            with pytest.raises(Busy):
                desk.put("large too many", large)
            assert desk.intake.depth == 7
        assert set(desk.kinds().values()) == {"accepted"}
        desk.put("after", large)
        assert desk.kinds()["after"] == "accepted"


def test_a_bulk_load_enters_behind_the_creates_that_wait_and_never_fills_their_queue(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(ledger, queue_limit=200, batch_limit=100) as desk:
        with held(monkeypatch) as batches:
            desk.put("taken", sale())
            batches.wait()
            for number in range(200):
                desk.put(f"bulk{number}", sale(), bulk=True)
            with pytest.raises(Busy):
                desk.put("bulk too many", sale(), bulk=True)
            for number in range(70):
                desk.put(f"create{number}", sale())
        desk.kinds()
    names = [name for name, _ in desk.answers]
    assert names[1:71] == [f"create{number}" for number in range(70)]
    assert batches.sizes[:3] == [1, 100, 34], "64 of the bulk load behind 70 creates"
    assert max(batches.sizes) <= 100


def test_a_bulk_load_alone_does_not_wait_for_creates(ledger: Ledger) -> None:
    with running(ledger) as desk:
        for number in range(300):
            desk.put(str(number), sale(), bulk=True)
        assert len(desk.kinds()) == 300


def test_stopping_finishes_what_waits_and_takes_nothing_new(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(ledger) as desk:
        with held(monkeypatch) as batches:
            desk.put("taken", sale())
            batches.wait()
            for number in range(5):
                desk.put(f"create{number}", sale())
                desk.put(f"bulk{number}", sale(), bulk=True)
            stopping = threading.Thread(target=desk.intake.stop)
            stopping.start()
            while True:
                try:
                    desk.put("probe", sale())
                except Busy:
                    break
        stopping.join(LIMIT_S)
        assert set(desk.kinds().values()) == {"accepted"}
        with pytest.raises(Busy):
            desk.put("too late", sale())
    assert len(all_orders(ledger)) == len(desk.answers)


def test_stopping_before_the_start_and_twice_is_fine_and_it_starts_again(ledger: Ledger) -> None:
    intake = Intake(ledger)
    intake.stop()
    with pytest.raises(Busy):
        intake.put(Waiting(sale(), world._say, world._refuse, lambda _: None))
    intake.start()
    intake.start()
    desk = Desk(intake)
    desk.put("a", sale())
    desk.kinds()
    intake.stop()
    intake.stop()
    intake.start()
    desk.put("b", sale())
    assert desk.kinds() == {"a": "accepted", "b": "accepted"}
    intake.stop()
