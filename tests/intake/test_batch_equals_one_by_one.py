"""Deciding a batch equals deciding its commands one after another: the same answers, the same ledger."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import example, given

from orderhub.core.commands import Action, ChangeOrder, Command, OrderName, RecordChange
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.steps import Refund, Shipment
from orderhub.intake.batch import execute
from orderhub.intake.outcome import Failure, Settled
from orderhub.intake.uids import Uids
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.examples import examples
from tests.support.mixes import mixes


@contextmanager
def copied(template: Path, where: Path) -> Iterator[Ledger]:
    for old in where.parent.glob(f"{where.name}*"):
        old.unlink()
    opened = Ledger(open_engine(f"sqlite:///{shutil.copy(template, where)}"), RECORD_TYPES)
    try:
        yield opened
    finally:
        opened.close()


def outcomes_of(ledger: Ledger, batches: list[list[Command]]) -> list[Settled]:
    uids = Uids()
    uids._random.seed(1)
    found: list[Settled] = []
    for batch in batches:
        waiting = [world.waiting(command) for command in batch]
        found += execute(ledger, uids, 0, waiting, world.NOON)
    return found


def shown(outcomes: list[Settled]) -> list[tuple[Any, ...]]:
    return [
        (each.kind,) if isinstance(each, Failure) else (each.kind, each.rejected, each.answer)
        for each in outcomes
    ]


def without_marks(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Which batch took a natural key is nobody's business, 9.50 is 9.500000, and a tally of 0 is as good as none.

    An order that is paid and shipped in one batch never was a paid one to its tally. How many batches there were,
    the feed's stamps and the versions of records tell; a notice is named by chance.
    """
    keys = [(row[0], row[1], row[3]) for row in rows["natural_key"]]
    tallies = [row for row in rows["tally"] if any(row[5:])]
    fed = {
        "feed": [(*row[:3], *row[4:]) for row in rows["feed"]],
        "feed_lane": [row[:3] for row in rows["feed_lane"]],
        "notice": [(*row[:3], *row[4:]) for row in rows["notice"]],
    }
    # What comes and goes within one batch is never written: of such a kind there is nothing to be counted.
    there = {row[:2] for row in rows["record"]}
    written = [row[:3] for row in rows["record_version"] if row[:2] in there]
    rows = {**rows, "natural_key": keys, "tally": tallies, "record_version": written, **fed}
    return {name: [tuple(map(read, row)) for row in each] for name, each in rows.items()}


def read(value: Any) -> Any:
    is_document = isinstance(value, str) and value[:1] in {"{", "["}
    return _DOCUMENT(value) if is_document else value


_DOCUMENT = msgspec.json.Decoder(float_hook=Decimal).decode


def of_order(order_id: int, action: Action, **more: Any) -> Command:
    name = OrderName("id", str(order_id))
    return ChangeOrder(origin=world.origin(), name=name, action=action, **more)


# What is claimed below to be tried both ways is tried here, whatever chance adds: first what is taken,
# then what is refused because of it. The first order that a batch makes has the id FIRST.
FIRST = 65
PLACED = [world.basket((188, 100)), world.basket((188, 1)), world.basket((191, 1))]
ADJUSTED = [world.adjust(1), world.adjust(-1_000)]
NOTED = [
    world.put(world.note(1001, 5), exists=(("note", "id", "1002"),)),
    world.put(world.note(1001, 5), world.note(1002, 6)),
    world.put(world.note(1001, 7), exists=(("note", "id", "1002"),)),
]
CHANGED = [
    world.basket((188, 3)),
    of_order(FIRST, Action.PAY),
    of_order(FIRST, Action.PAY),
    of_order(FIRST, Action.SHIP_PART, shipment=Shipment(lines={1: 1})),
    of_order(FIRST, Action.SHIP_PART, shipment=Shipment(lines={1: 3})),
    of_order(FIRST, Action.SHIP_PART),
    of_order(FIRST, Action.REFUND_PART, refund=Refund(lines={1: 1})),
    of_order(FIRST, Action.REFUND_PART),
    of_order(FIRST, Action.SHIP_PART, shipment=Shipment(lines={1: 1})),
]
BOTH_WAYS = ("accepted", "rejected")


def named(command: Command) -> str:
    return command.action.value if isinstance(command, ChangeOrder) else type(command).__name__


def test_a_batch_equals_its_commands_one_after_another(
    world_file: Path, tmp_path: Path, fuzz_examples: int
) -> None:
    seen: set[tuple[str, str]] = set()

    @examples(fuzz_examples, shrink=True)
    @example(PLACED)
    @example(CHANGED)
    @example(ADJUSTED)
    @example(NOTED)
    @example([world.basket((190, 9)), world.adjust(3, "product:190"), world.basket((190, 4))])
    @given(mixes())
    def equals(commands: list[Command]) -> None:
        with copied(template, tmp_path / "one.sqlite") as ledger:
            one_by_one = outcomes_of(ledger, [[each] for each in commands])
            rows_of_one = without_marks(world.every_row(ledger))
        with copied(template, tmp_path / "all.sqlite") as ledger:
            together = outcomes_of(ledger, [commands])
            assert shown(together) == shown(one_by_one)
            rows = without_marks(world.every_row(ledger))
            different = {
                name: [each for each in rows[name] if each not in rows_of_one[name]]
                + [each for each in rows_of_one[name] if each not in rows[name]]
                for name in rows
                if rows[name] != rows_of_one[name]
            }
            assert not different, f"{different} after {commands}"
            assert check_ledger(ledger.engine).breaches == []
        seen.update((named(c), o.kind) for c, o in zip(commands, together, strict=True))

    template = tmp_path / "template.sqlite"
    with copied(world_file, template) as ledger:
        uncounted = world.product(190, stocked=None)
        world.run_all(
            ledger,
            world.put(RecordChange(kind="product", id=190, doc=uncounted)),
            world.adjust(1, place="B"),
        )
        for _ in range(2):
            world.place(ledger, world.basket((189, 1)))
        with ledger.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    equals()
    for name in ("PlaceOrder", "pay", "ship_part", "refund_part", "AdjustPool", "PutRecords"):
        for way in BOTH_WAYS:
            assert (name, way) in seen, f"{name} was never {way}"
    assert not [each for each in seen if each[1] == "broken"]
