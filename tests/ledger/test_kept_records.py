"""What the writer keeps of records from one batch to the next: nothing that anybody wrote since."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest

from orderhub.core import derived as derived_of
from orderhub.core.access import Tenant
from orderhub.core.commands import OrderName, PlaceOrder, RecordChange
from orderhub.core.facts import Accepted, Facts, OrderLoad, Record, RecordKey, TenantGone
from orderhub.core.refusals import Reason
from orderhub.core.values import Settings
from orderhub.intake.batch import CommandBatch
from orderhub.intake.uids import Uids
from orderhub.ledger import kept_records
from orderhub.ledger.batch import Batch
from orderhub.ledger.changeset import Stale
from orderhub.ledger.kept_records import KeptRecords
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.pipeline import Answer, Pipeline
from tests.support import world
from tests.support.world import (
    SHOP,
    ask,
    basket,
    intake_of,
    note,
    product,
    put,
    run,
    second_process,
)


def decided(ledger: Ledger, command: Any) -> Any:
    return run(ledger, command)[0].decision


NOTE = RecordKey(SHOP, "note", "id", "7")


@contextmanager
def loads_counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[RecordKey]]:
    """What is loaded, and not recalled."""
    loaded: list[RecordKey] = []
    load = Batch.load_records

    def counted(self: Batch, facts: Facts, keys: Any) -> None:
        loaded.extend(keys)
        load(self, facts, keys)

    with monkeypatch.context() as patched:
        patched.setattr(Batch, "load_records", counted)
        yield loaded


def test_what_nobody_wrote_is_loaded_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    run(ledger, basket())
    with loads_counted(monkeypatch) as loaded:
        run(ledger, basket())
        run(ledger, basket())
    assert loaded == []


def test_only_the_kind_that_was_written_is_loaded_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(ledger, basket())
    run(ledger, put(RecordChange(kind="product", id=188, doc=product(188, price="11.00"))))
    with loads_counted(monkeypatch) as loaded:
        order = decided(ledger, basket()).order
    assert order.total == Decimal("11.00")
    assert {key.kind for key in loaded} == {"product"}


def test_what_another_process_wrote_is_seen_by_the_next_batch(
    ledger: Ledger, world_url: str
) -> None:
    """A price, a product taken off sale, one removed, one that comes back."""
    with second_process(world_url) as other:
        for price in ("11.00", "12.00"):
            assert decided(ledger, basket()).order.total > 0
            run(other, put(RecordChange(kind="product", id=188, doc=product(188, price=price))))
            assert decided(ledger, basket()).order.total == Decimal(price)
        run(other, put(RecordChange(kind="product", id=188, doc=product(188, active=False))))
        assert decided(ledger, basket()).reason is Reason.PRODUCT_INACTIVE
        run(other, put(RecordChange(kind="product", id=188, doc=product(188))))
        assert decided(ledger, basket()).order.total == Decimal("9.50")


def test_a_record_that_is_not_there_is_seen_once_it_is(ledger: Ledger, world_url: str) -> None:
    with second_process(world_url) as other:
        assert decided(ledger, basket((500, 1))).reason is Reason.PRODUCT_UNKNOWN
        new = product(500, price="3.00", stocked=False)
        run(other, put(RecordChange(kind="product", id=500, doc=new)))
        assert decided(ledger, basket((500, 1))).order.total == Decimal("3.00")


@pytest.mark.postgres
def test_what_was_waited_for_is_seen(postgres_world: str) -> None:
    """A batch that was let in by a lock decides upon what stands then, not upon what stood when it began to wait."""
    with second_process(postgres_world) as ledger, second_process(postgres_world) as other:
        run(ledger, put(note(7, {"n": 1})))
        with ledger.batch("warm") as batch:
            load(batch, Facts())
        for wait in (
            lambda batch: batch.lock_keys([(SHOP, "note", "id", "7")]),
            lambda batch: batch.load_orders(Facts(), [OrderLoad(SHOP, OrderName("id", "1"))]),
        ):
            with ledger.batch("mark") as batch:
                assert recalls(batch, NOTE)
                version = decided(other, put(note(7, {"n": 2}))).records[0].version
                wait(batch)
                assert not recalls(batch, NOTE)
                assert load(batch, Facts()).version == version


@pytest.mark.postgres
def test_what_was_lent_is_taken_back_once_a_lock_was_waited_for(postgres_world: str) -> None:
    """A bill that another process closed while its orders were locked looked open still."""
    with second_process(postgres_world) as ledger, second_process(postgres_world) as other:
        run(ledger, put(note(7, {"n": 1})))
        with ledger.batch("warm") as batch:
            load(batch, Facts())
        with ledger.batch("mark") as batch:
            facts = Facts()
            assert recalls(batch, NOTE, facts)
            version = decided(other, put(note(7, {"n": 2}))).records[0].version
            batch.load_orders(facts, [OrderLoad(SHOP, OrderName("id", "1"))])
            assert batch.recall_again(facts)
            assert not facts.knows(NOTE)
            batch.load_records(facts, [NOTE])
            assert facts.record(SHOP, "note", "id", 7).version == version
            batch.load_orders(facts, [OrderLoad(SHOP, OrderName("id", "1"))])
            assert not batch.recall_again(facts), "nothing was written meanwhile"
            assert facts.knows(NOTE)


def derived(batch: Batch, found: object) -> object:
    """What a batch that has loaded the note finds derived, or `found` if it must work it out."""
    facts = Facts()
    load(batch, facts)
    batch.recall_derived(facts, [SHOP])
    return facts.derived(SHOP, "what the note says", lambda: found)


def test_what_was_derived_is_kept_until_anybody_writes_a_record(
    ledger: Ledger, world_url: str
) -> None:
    for found, expected in ((1, 1), (2, 1)):
        with ledger.batch("mark") as batch:
            assert derived(batch, found) == expected
    with second_process(world_url) as other:
        run(other, put(RecordChange(kind="product", id=188, doc=product(188, price="11.00"))))
    with ledger.batch("mark") as batch:
        assert derived(batch, 3) == 3
    run(ledger, put(note(7, {"n": 2})))
    with ledger.batch("mark") as batch:
        assert derived(batch, 4) == 4


def test_what_a_batch_derived_after_it_wrote_is_not_kept(ledger: Ledger) -> None:
    with ledger.batch("mark") as batch:
        assert derived(batch, 1) == 1
        facts = Facts()
        load(batch, facts)
        batch.recall_derived(facts, [SHOP])
        facts.apply(
            Accepted(removed=(Record(tenant_id=SHOP, kind="note", id=7, uid="", code="", doc={}),))
        )
        assert facts.derived(SHOP, "what the note says", lambda: 2) == 2
    with ledger.batch("mark") as batch:
        assert derived(batch, 3) == 1


def derives(ledger: Ledger, tenant_id: int, found: str) -> set[str]:
    """What a batch of the tenant finds derived where that is all that one may have, or `found`."""
    size = derived_of.LARGEST
    facts = Facts()
    with ledger.batch("mark") as batch:
        batch.recall(facts, [tenant_id])
        batch.recall_derived(facts, [tenant_id])
        count = derived_of.MOST // size
        return {facts.derived(tenant_id, n, lambda: found, size) for n in range(count)}


def test_what_is_derived_for_all_tenants_together_has_a_bound(ledger: Ledger) -> None:
    """Each of twenty has all that one may have: the first of them make room."""
    most = derived_of.MOST_OF_ALL // derived_of.MOST
    for tenant_id in range(101, 121):
        ledger.add_tenant(Tenant(tenant_id, f"of {tenant_id}"), Settings(name="x"))
        assert derives(ledger, tenant_id, "first") == {"first"}
        if tenant_id - 100 <= most:
            assert derives(ledger, tenant_id, "second") == {"first"}, "there is room for it"
    still = [each for each in range(101, 121) if derives(ledger, each, "third") == {"first"}]
    assert len(still) <= most + 1


@pytest.mark.postgres
def test_nothing_derived_is_met_by_a_batch_that_saw_a_change(postgres_world: str) -> None:
    """It holds records from before its wait for a lock and from after it."""
    with second_process(postgres_world) as ledger, second_process(postgres_world) as other:
        with ledger.batch("warm") as batch:
            assert derived(batch, 1) == 1
        with ledger.batch("mark") as batch:
            load(batch, Facts())
            run(other, put(note(7, {"n": 2})))
            batch.load_orders(Facts(), [OrderLoad(SHOP, OrderName("id", "1"))])
            assert derived(batch, 2) == 2
        with ledger.batch("mark") as batch:
            assert derived(batch, 3) == 3


def stands_for_long(ledger: Ledger) -> None:
    """Nobody writes records while so many batches look that the next one presumes it of them."""
    for _ in range(kept_records._STEADY + 2):
        run(ledger, basket())


def decide(ledger: Ledger, command: Any) -> Any:
    """As the intake does at first: with what mostly is so taken for granted."""
    asked = [world.waiting(command)]
    return CommandBatch(ledger, Uids(), 0, asked, world.NOON, optimistic=True).run()[0].decision


@pytest.mark.postgres
def test_what_was_presumed_is_proven_before_anything_is_decided(postgres_world: str) -> None:
    with second_process(postgres_world) as ledger, second_process(postgres_world) as other:
        stands_for_long(ledger)
        assert decide(ledger, basket()).order.total == Decimal("9.50")
        dear = RecordChange(kind="product", id=188, doc=product(188, price="11.00"))
        run(other, put(dear))
        with pytest.raises(Stale) as failed:
            decide(ledger, basket())
        assert ledger.is_passing(failed.value)
        assert decide(ledger, basket()).order.total == Decimal("11.00"), "it was looked at again"


@pytest.mark.postgres
def test_an_order_behind_a_change_of_another_process_is_decided_upon_it(
    postgres_world: str,
) -> None:
    with second_process(postgres_world) as ledger, second_process(postgres_world) as other:
        for price in ("11.00", "12.00", "13.00"):
            stands_for_long(ledger)
            dear = RecordChange(kind="product", id=188, doc=product(188, price=price))
            run(other, put(dear))
            with intake_of(ledger) as intake:
                assert ask(intake, basket()).decision.order.total == Decimal(price)


@pytest.mark.postgres
def test_nothing_is_presumed_of_who_writes_records_again_and_again(postgres_world: str) -> None:
    with second_process(postgres_world) as ledger, second_process(postgres_world) as other:
        stands_for_long(ledger)
        in_vain = 0
        for number in range(2 * kept_records._STEADY):
            run(other, put(note(7, {"n": number})))
            try:
                decide(ledger, basket())
            except Stale:
                in_vain += 1
        assert in_vain == 1


@pytest.mark.postgres
@pytest.mark.one_machine  # a cluster is asked for places of the feed, too
@pytest.mark.parametrize("command", [basket, world.sale])
def test_a_lone_order_waits_for_the_server_twice(
    command: Callable[[], PlaceOrder], postgres_world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For what it asked, all at once, and for its commit."""
    waits = 0
    wait_for = Pipeline.wait_for

    def counted(self: Pipeline, answer: Answer) -> None:
        nonlocal waits
        waits += answer.result is None
        wait_for(self, answer)

    with second_process(postgres_world) as ledger:
        run(ledger, command())
        stands_for_long(ledger)
        monkeypatch.setattr(Pipeline, "wait_for", counted)
        assert decide(ledger, command()).order.total > 0
    assert waits == 2


def recalls(batch: Batch, key: RecordKey, facts: Facts | None = None) -> bool:
    """Whether earlier batches know what the name means now."""
    facts = facts or Facts()
    batch.recall(facts, [SHOP])
    return facts.knows(key)


def load(batch: Batch, facts: Facts) -> Any:
    if not recalls(batch, NOTE, facts):
        batch.load_records(facts, [NOTE])
    return facts.record(SHOP, "note", "id", 7)


def test_a_batch_that_failed_leaves_nothing_behind(ledger: Ledger) -> None:
    def fail() -> None:
        with ledger.batch("mark") as batch:
            load(batch, Facts())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with ledger.batch("mark") as batch:
        assert not recalls(batch, NOTE)


def test_a_tenant_that_is_gone_is_not_remembered(ledger: Ledger) -> None:
    run(ledger, world.sale())
    with ledger.directory("mark") as (_, directory):
        directory.remove_tenant(SHOP)
    with ledger.batch("mark") as batch, pytest.raises(TenantGone):
        recalls(batch, RecordKey(SHOP, "settings", "id", "0"))


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_records, "_MOST_OF_KIND", 10 * kept_records._ANSWER)
    monkeypatch.setattr(kept_records, "_MOST", 25 * kept_records._ANSWER)
    kept = KeptRecords()
    kept._versions = {}
    for kind in ("a", "b", "c"):
        for number in range(1_000):
            kept.keep(RecordKey(SHOP, kind, "id", str(number)), (), 0)
            held = sum(len(each.named) for each in kept._kinds.get(SHOP, {}).values())
            assert held <= 25
            assert kept._weight == held * kept_records._ANSWER
    standing = {kind: named for _, kind, named, _ in kept.standing([SHOP])}
    assert standing["c"]["id", "999"] == ()
