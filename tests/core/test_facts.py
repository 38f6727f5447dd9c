"""What is known when a batch is decided, and what each decision makes of it for the commands that follow."""

from decimal import Decimal

import pytest

from orderhub.core.commands import OrderName
from orderhub.core.facts import Accepted, Facts, OrderLoad, PoolLoad, Record, RecordKey
from orderhub.core.values import Move, Order, Pool, PoolKey, Status
from tests.support.documents import doc

KEY = PoolKey(1, "stock", "product:188", "A")


def record(
    number: int, doc: object = None, *, uid: str = "", code: str = "", **keys: str
) -> Record:
    return Record(
        tenant_id=1,
        kind="note",
        id=number,
        uid=uid,
        code=code,
        doc=doc,
        keys=tuple(keys.items()),
    )


def order(number: int, **more: object) -> Order:
    given = {"number": f"n-{number}", "status": Status.PENDING, "group_number": ""}
    return Order(
        tenant_id=1,
        id=number,
        uid=f"u-{number}",
        channel="shop",
        placed_by="test",
        currency="EUR",
        net=Decimal(1),
        tax=Decimal(0),
        total=Decimal(1),
        occurred_at=1,
        updated_at=1,
        recorded_at=1,
        doc=doc(),
        **{**given, **more},
    )


def learned(**found: tuple[Record, ...]) -> Facts:
    """Look-ups by `by_value`, such as `email_a`, with what each found."""
    known = Facts()
    for name, records in found.items():
        by, _, value = name.partition("_")
        known.learn_records(RecordKey(1, "note", by, value), records)
    return known


def test_what_was_not_loaded_is_not_known_and_what_was_not_found_is() -> None:
    known = learned(code_X=())
    assert known.knows(RecordKey(1, "note", "code", "X"))
    assert not known.knows(RecordKey(1, "note", "code", "Y"))
    assert not known.knows(RecordKey(2, "note", "code", "X"))
    assert known.record(1, "note", "code", "X") is None


def test_a_record_found_twice_is_one_record() -> None:
    one = record(7, "first", uid="u", code="C")
    known = learned(id_7=(one,), code_C=(record(7, "another reading", uid="u", code="C"),))
    assert known.doc(1, "note", "code", "C") == "first"


WRITTEN = {
    # what was looked up before: who is found after record 7 was written as code NEW, email new
    "id_7": [7],
    "uid_u-7": [7],
    "code_NEW": [7],
    "code_OLD": [],
    "email_new": [7],
    "email_old": [],
    "email_other": [8],
    "all_": [8, 7],
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_record_written_is_found_by_its_new_names_and_not_by_its_old(name: str) -> None:
    old = record(7, uid="u-7", code="OLD", email="old")
    other = record(8, email="other")
    known = learned(
        **{"id_7": (old,), "uid_u-7": (old,), "code_OLD": (old,), "email_old": (old,)},
        code_NEW=(),
        email_new=(),
        email_other=(other,),
        all_=(old, other),
    )
    known.apply(Accepted(records=(record(7, "new", uid="u-7", code="NEW", email="new"),)))
    by, _, value = name.partition("_")
    assert [each.id for each in known.records(1, "note", by, value)] == WRITTEN[name]


def test_a_record_removed_is_found_by_nothing_and_one_written_again_is() -> None:
    old = record(7, uid="u", code="C", email="e")
    known = learned(id_7=(old,), code_C=(old,), email_e=(old,), all_=(old,))
    known.apply(Accepted(removed=(old,)))
    for by, value in (("id", "7"), ("code", "C"), ("email", "e"), ("all", "")):
        assert known.records(1, "note", by, value) == ()
    known.learn_records(RecordKey(1, "note", "uid", "u"), (old,))
    assert known.records(1, "note", "uid", "u") == (), "the database does not know it yet"
    known.apply(Accepted(records=(record(7, "again", code="C"),)))
    assert known.doc(1, "note", "code", "C") == "again"


def test_what_is_lent_is_seen_and_stays_as_it_is() -> None:
    mine, other = record(7, "mine", code="C"), record(8, "other")
    named, by_id = {("code", "C"): (mine,), ("all", ""): (mine, other)}, {7: mine, 8: other}
    before = dict(named), dict(by_id)
    known = Facts()
    known.lend_records(1, "note", named, by_id)
    assert known.doc(1, "note", "code", "C") == known.known_doc(1, "note", 7) == "mine"
    assert not known.knows(RecordKey(1, "note", "code", "D"))
    named["code", "D"] = ()  # the lender may add what stands
    assert known.knows(RecordKey(1, "note", "code", "D"))
    del named["code", "D"]
    known.learn_records(RecordKey(1, "note", "id", "8"), (other,))
    known.apply(Accepted(records=(record(7, "changed", code="C"),), removed=(other,)))
    assert known.doc(1, "note", "code", "C") == known.known_doc(1, "note", 7) == "changed"
    assert known.known_doc(1, "note", 8) is known.doc(1, "note", "id", 8) is None
    assert (named, by_id) == before


def test_a_record_of_another_kind_or_tenant_changes_nothing_here() -> None:
    mine = record(7, code="C")
    known = learned(code_C=(mine,))
    elsewhere = Record(tenant_id=2, kind="note", id=7, uid="", code="C", doc=0)
    memo = Record(tenant_id=1, kind="memo", id=7, uid="", code="C", doc=0)
    known.apply(Accepted(records=(elsewhere, memo), removed=(elsewhere, memo)))
    assert known.records(1, "note", "code", "C") == (mine,)


def test_an_order_placed_is_found_by_every_name_that_was_asked_for() -> None:
    known = Facts()
    names = {"uid": "u-46", "id": "46", "number": "n-46", "group": "g-1"}
    for by, value in names.items():
        known.learn_orders(OrderLoad(1, OrderName(by, value)), ())
    placed = order(46, group_number="g-1")
    known.apply(Accepted(placed=(placed, order(47, group_number="g-1"))))
    for by, value in names.items():
        assert placed in known.orders(1, OrderName(by, value)), by
    assert [each.id for each in known.orders(1, OrderName("group", "g-1"))] == [46, 47]
    known.learn_orders(OrderLoad(1, OrderName("number", "n-98")), ())
    told = {number: known.is_number_free(1, number) for number in ("n-46", "n-98", "n-99")}
    assert told == {"n-46": False, "n-98": True, "n-99": None}, "the last was never looked up"


def test_a_changed_order_is_seen_changed_and_its_first_status_is_remembered() -> None:
    known = Facts()
    name = OrderName("id", "46")
    known.learn_orders(OrderLoad(1, name), (order(46),))
    known.apply(Accepted(changed=(order(46, status=Status.PAID),)))
    (seen,) = known.orders(1, name)
    assert seen.status is Status.PAID
    assert known.when_loaded(seen).status == "pending"


def test_what_an_order_holds_is_what_it_drew_less_what_came_back() -> None:
    known = Facts()
    known.learn_pools(PoolLoad(1, "stock", "product:188"), (Pool(key=KEY, opening=9),))
    placed = order(46)
    known.apply(
        Accepted(placed=(placed,), moves=(Move(KEY, "draw", 4, 46, 1), Move(KEY, "draw", 2, 46, 2)))
    )
    known.apply(Accepted(moves=(Move(KEY, "return", 3, 46, 1),)))
    assert [(each.units, each.line_no) for each in known.draws(placed)] == [(1, 1), (2, 2)]
    known.apply(Accepted(moves=(Move(KEY, "return", 1, 46, 2),)))
    assert [(each.units, each.line_no) for each in known.draws(placed)] == [(1, 1), (1, 2)]
    known.apply(Accepted(moves=(Move(KEY, "return", 1, 46, 1),)))
    assert [(each.units, each.line_no) for each in known.draws(placed)] == [(1, 2)]
    pool = known.pool(KEY)
    assert pool is not None
    assert pool.available == 8


def test_a_move_on_a_pool_nobody_loaded_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="nobody loaded"):
        Facts().apply(Accepted(moves=(Move(KEY, "draw", 1, 46, 1),)))
