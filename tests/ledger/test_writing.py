"""What a batch writes: records and their names, draws and returns, tallies; and what two processes do to each other."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from orderhub.core.commands import Action, OrderName
from orderhub.core.facts import Accepted, Facts, PoolLoad
from orderhub.core.queries import OrderQuery, RecordQuery
from orderhub.core.refusals import Reason
from orderhub.core.values import Move, Order, Pool, PoolKey, Status
from orderhub.ledger.batch import Batch
from orderhub.ledger.changeset import Stale
from orderhub.ledger.check import check_ledger
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import SHOP, RecordChange, note, put, run, run_all, second_process


def found(ledger: Ledger, by: str, *values: str) -> list[int]:
    query = RecordQuery(tenant_id=SHOP, kind="note", by=by, values=values)
    return [each.id for each in ledger.read(lambda reads: reads.records(query))]


NOWHERE = PoolKey(SHOP, "stock", "nothing", "nowhere")


def sold(ledger: Ledger) -> Order:
    """An order that was never written."""
    outcome = run(ledger, world.waiting(world.sale(), dry_run=True))[0]
    assert outcome.accepted is not None
    return outcome.accepted.order


# --- records


def test_a_record_is_found_by_its_id_uid_code_and_every_key(ledger: Ledger) -> None:
    names = (("email", "a@b.c"), ("phone", "1"), ("phone", "2"))
    run_all(ledger, put(note(7, {}, uid="u-7", code="SEVEN", keys=names), note(8, {}, uid="u-8")))
    assert found(ledger, "id", "7") == [7]
    assert found(ledger, "uid", "u-7", "u-8", "u-9") == [7, 8]
    assert found(ledger, "code", "SEVEN") == [7]
    assert found(ledger, "email", "a@b.c") == [7]
    assert found(ledger, "phone", "2") == [7]
    assert found(ledger, "phone", "a@b.c") == []
    assert found(ledger, "all") == [7, 8]


def test_a_renamed_record_is_not_found_under_its_old_names(ledger: Ledger) -> None:
    run_all(ledger, put(note(7, {}, uid="u-7", code="OLD", keys=(("email", "old"),))))
    run_all(ledger, put(note(7, {}, code="NEW", keys=(("email", "new"),))))
    assert found(ledger, "code", "OLD") == found(ledger, "email", "old") == []
    assert found(ledger, "code", "NEW") == found(ledger, "email", "new") == [7]
    assert found(ledger, "uid", "u-7") == [7], "a uid that is not given stays"


def test_a_removed_record_leaves_no_name_behind(ledger: Ledger) -> None:
    run_all(ledger, put(note(7, {}, uid="u-7", code="C", keys=(("email", "e"),))))
    run_all(ledger, put(note(7, None)))
    assert found(ledger, "all") == found(ledger, "email", "e") == found(ledger, "code", "C") == []
    assert check_ledger(ledger.engine).breaches == []
    run_all(ledger, put(note(7, {"again": True}, keys=(("email", "e"),))))
    assert found(ledger, "email", "e") == [7]


BATCHES = {
    "written twice": ([note(7, {"n": 1})], [note(7, {"n": 2})]),
    "written and removed": ([note(7, {"n": 1})], [note(7, None)]),
    "removed and written": ([note(1, None)], [note(1, {"n": 2})]),
    "removed and written by one command": ([note(1, None), note(1, {"n": 2})],),
    "changed and removed": ([note(1, {"n": 3})], [note(1, None)]),
    "changed, removed, written": ([note(1, {"n": 3})], [note(1, None)], [note(1, {"n": 4})]),
    "written, removed, written": ([note(7, {})], [note(7, None)], [note(7, {"n": 4})]),
    "two keys change hands": (
        [note(1, {}, keys=(("email", "b"),))],
        [note(2, {}, keys=(("email", "a"),))],
    ),
}


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_that_changes_a_record_twice_ends_as_its_commands_one_by_one(
    ledger: Ledger, name: str
) -> None:
    def start() -> None:
        run_all(ledger, put(*(note(each, None) for each in (1, 2, 7))))
        run_all(ledger, put(note(1, {"n": 1}, keys=(("email", "a"),)), note(2, {"n": 2})))

    def state() -> list[object]:
        query = RecordQuery(tenant_id=SHOP, kind="note")
        records = ledger.read(lambda reads: reads.records(query))
        return [(each.id, each.doc, each.keys) for each in records]

    start()
    for changes in BATCHES[name]:
        run_all(ledger, put(*changes))
    one_by_one = state(), found(ledger, "email", "a", "b")
    start()
    run_all(ledger, *(put(*changes) for changes in BATCHES[name]))
    assert (state(), found(ledger, "email", "a", "b")) == one_by_one
    assert check_ledger(ledger.engine).breaches == []


# --- two processes


CHANGES = {
    "changes": note(7, {"n": 3}),
    "removes": note(7, None),
    "expects version 1 and changes": note(7, {"n": 3}, if_version=1),
    "expects version 1 and removes": note(7, None, if_version=1),
}


@pytest.mark.parametrize("what", CHANGES)
def test_who_read_a_record_before_another_process_changed_it_is_stale(
    ledger: Ledger, world_url: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_all(ledger, put(note(7, {"n": 1})))
    with second_process(world_url) as other:
        # Between this process's load and its write the other one commits.
        write = Batch.write

        def after_the_other(batch: Batch, *args: object) -> None:
            monkeypatch.setattr(Batch, "write", write)
            if other.is_postgres:
                run_all(other, put(note(7, {"n": 2})))
            else:  # one writer: the same in the same transaction
                batch._driver.send("UPDATE record SET version = 2 WHERE kind = 'note' AND id = 7")
            write(batch, *args)

        monkeypatch.setattr(Batch, "write", after_the_other)
        with pytest.raises(Stale):
            run(ledger, put(CHANGES[what]))
        if other.is_postgres:
            record = other.read(lambda reads: reads.record(SHOP, "note", "id", 7))
            assert record is not None
            assert (record.doc, record.version) == ({"n": 2}, 2)


@pytest.mark.postgres
def test_two_processes_that_write_the_same_unique_name_let_one_through(postgres_world: str) -> None:
    with second_process(postgres_world) as one, second_process(postgres_world) as two:

        def write(ledger: Ledger, number: int) -> str:
            command = put(
                note(number, {}, code=f"C{number % 20}"),
                unique=(("note", "code", f"C{number % 20}"),),
            )
            return run(ledger, command)[0].kind

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(lambda: [write(one, n) for n in range(1, 21)])
            second = pool.submit(lambda: [write(two, n) for n in range(101, 121)])
            kinds = first.result() + second.result()
        assert kinds.count("accepted") == 20
        codes = [
            each.code
            for each in one.read(lambda r: r.records(RecordQuery(tenant_id=SHOP, kind="note")))
        ]
        assert len(codes) == len(set(codes)) == 20


def test_two_processes_hand_out_no_id_twice(ledger: Ledger, world_url: str) -> None:
    with second_process(world_url) as other:
        for _ in range(3):
            run_all(ledger, *(world.sale() for _ in range(30)))
            run_all(other, *(world.sale() for _ in range(30)))
    orders = world.all_orders(ledger)
    assert len({order.id for order in orders}) == len(orders) == 180
    assert len({order.uid for order in orders}) == 180


def test_orders_are_numbered_without_gaps_while_nobody_else_writes(ledger: Ledger) -> None:
    refused = put(note(1, {}), exists=(("note", "id", "404"),))
    run(ledger, world.sale(), world.basket((188, 1_000)), world.sale(), refused, world.sale())
    run(ledger, world.sale())
    assert [order.id for order in world.all_orders(ledger)] == [1, 2, 3, 4]


def test_a_rolled_back_batch_leaves_nothing_and_its_ids_are_given_once(ledger: Ledger) -> None:
    """On SQLite the block that it reserved is rolled back with it: who keeps those ids gives them twice."""
    before = world.every_row(ledger)

    broken = Accepted(placed=(sold(ledger),), moves=(Move(NOWHERE, "draw", 1),))
    with pytest.raises(IntegrityError), ledger.batch("mark") as batch:  # noqa: PT012 - one batch
        ledger.counters.peek(SHOP, "order", 100)
        facts = Facts()
        facts.learn_pools(
            PoolLoad(SHOP, NOWHERE.kind, NOWHERE.subject, NOWHERE.place), [Pool(NOWHERE, 1)]
        )
        batch.write(facts, [(world.origin(), broken)], iter((1,)), slot=0)
    assert world.every_row(ledger) == before
    for _ in range(10):
        run_all(ledger, *(world.sale() for _ in range(40)))
    assert len({order.id for order in world.all_orders(ledger)}) == 400


# --- pools


def test_what_an_order_drew_comes_back_once(ledger: Ledger) -> None:
    order = world.place(ledger, world.basket((188, 3), (189, 2), (188, 4)))
    assert (world.stock(ledger), world.stock(ledger, "product:189")) == (93, 3)
    cancel = world.change(order, Action.CANCEL)
    kinds = [each.kind for each in run(ledger, cancel, cancel, cancel)]
    assert kinds == ["accepted", "rejected", "rejected"]
    assert [each.kind for each in run(ledger, cancel)] == ["rejected"]
    assert (world.stock(ledger), world.stock(ledger, "product:189")) == (100, 5)
    assert check_ledger(ledger.engine).breaches == []


def test_an_order_placed_and_cancelled_in_one_batch_gives_back_what_it_drew(ledger: Ledger) -> None:
    first = world.place(ledger)  # so that the next id is known
    bought = world.basket((189, 5))
    cancelled = world.change(first, Action.CANCEL, name=OrderName("id", str(first.id + 1)))
    kinds = [each.kind for each in run(ledger, bought, cancelled, world.basket((189, 5)))]
    assert kinds == ["accepted", "accepted", "accepted"]
    assert world.stock(ledger, "product:189") == 0
    assert check_ledger(ledger.engine).breaches == []


def test_the_last_units_go_to_one_order_of_the_batch(ledger: Ledger) -> None:
    baskets = [world.basket((189, 2)) for _ in range(4)]
    outcomes = run(ledger, *baskets)
    assert [each.kind for each in outcomes] == ["accepted", "accepted", "rejected", "rejected"]
    assert {each.rejected.reason for each in outcomes[2:]} == {Reason.OUT_OF_STOCK}
    assert world.stock(ledger, "product:189") == 1


@pytest.mark.postgres
def test_two_processes_never_sell_more_than_there_is(postgres_world: str) -> None:
    with second_process(postgres_world) as one, second_process(postgres_world) as two:

        def buy(ledger: Ledger) -> int:
            sold = 0
            for _ in range(15):
                outcomes = run(ledger, *(world.basket((188, 1)) for _ in range(5)))
                sold += sum(each.kind == "accepted" for each in outcomes)
            return sold

        with ThreadPoolExecutor(2) as pool:
            sold = sum(pool.map(buy, (one, two)))
        assert sold == 100
        assert world.stock(one) == 0
        assert check_ledger(one.engine).breaches == []


# --- tallies


def test_every_total_equals_the_count(ledger: Ledger, world_url: str) -> None:
    orders = [world.place(ledger) for _ in range(4)]
    mine = {"origin_members": {"owner": "7", "channel": "other"}}
    run_all(ledger, world.sale(**mine), world.sale(**mine), world.sale(tenant=world.OTHER), slot=3)
    with second_process(world_url) as other:
        run_all(
            other,
            world.change(orders[0], Action.PAY),
            world.change(orders[0], Action.SHIP),
            world.change(orders[1], Action.CANCEL),
            world.change(orders[2], Action.AMEND, vendor={"x": 1}),
            slot=9,
        )
    queries = [
        OrderQuery(tenant_id=tenant, channel=door, owner=owner, statuses=statuses, with_total=True)
        for tenant in (None, SHOP, world.OTHER)
        for door in ("", "test", "other")
        for owner in (None, "7")
        for statuses in ((), (Status.PENDING,), (Status.SHIPPED, Status.CANCELLED))
    ]
    for query in queries:
        page = ledger.read(lambda reads, query=query: reads.orders(query))
        assert page.total == len(page.items), query
    assert {len(ledger.read(lambda r, q=q: r.orders(q)).items) for q in queries} >= {0, 1, 2, 7}


def test_a_command_is_written_whole_or_not_at_all(ledger: Ledger) -> None:
    before = world.every_row(ledger)
    outcomes = run(
        ledger,
        put(note(1, {}), note(2, {}), exists=(("note", "id", "404"),)),
        world.basket((188, 1), (189, 6)),
        world.change(world.place(ledger), Action.SHIP),
    )
    assert [each.kind for each in outcomes] == ["rejected"] * 3
    after = world.every_row(ledger)
    assert after["record"] == before["record"]
    assert after["pool"] == before["pool"]


def test_a_dry_run_answers_like_a_run_and_changes_nothing(ledger: Ledger) -> None:
    before = world.every_row(ledger)
    dry = world.waiting(world.basket((189, 5)), dry_run=True)
    natural = world.waiting(world.sale(natural_key="r-1"), dry_run=True)
    assert [each.kind for each in run(ledger, dry, dry, natural, natural)] == ["accepted"] * 4
    assert world.every_row(ledger) == before


def test_a_change_of_kind_of_a_code_keeps_other_kinds_apart(ledger: Ledger) -> None:
    run_all(ledger, put(note(1, {}, code="X"), RecordChange(kind="memo", id=1, code="X", doc=[])))
    run_all(ledger, put(note(1, None)))
    memo = ledger.read(lambda reads: reads.record(SHOP, "memo", "code", "X"))
    assert memo is not None
    assert memo.doc == []
