"""Reads: names, filters, pages that stay whole while orders come in, and other tenants' things out of sight."""

from contextlib import closing
from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from orderhub.core.catalogue import Variant
from orderhub.core.commands import Action, OrderName, RecordChange
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.facts import OrderLoad
from orderhub.core.queries import Bearers, LeftBehind, OrderQuery, RecordQuery, RecordSort
from orderhub.core.values import Order, Settings, Status
from orderhub.ledger import record_reads
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import OTHER, SHOP, all_orders, run_all


def page_through(ledger: Ledger, query: OrderQuery, *, while_orders_come: bool) -> list[str]:
    """The uids of all pages, with new orders placed between any two of them."""
    uids: list[str] = []
    after = ""
    for _ in range(50):
        from_here = OrderQuery(**{**as_members(query), "after": after})
        page = ledger.read(lambda reads, asked=from_here: reads.orders(asked))
        uids += [order.uid for order in page.items]
        assert len(page.items) <= query.limit
        if page.cursor is None:
            return uids
        after = page.cursor
        if while_orders_come:
            world.place(ledger)
    raise AssertionError("the pages never end")


def as_members(query: OrderQuery) -> dict[str, object]:
    return {name: getattr(query, name) for name in query.__struct_fields__}


def test_pages_hold_every_order_once_newest_first(ledger: Ledger) -> None:
    at = world.origin().recorded_at
    same_instant = [world.sale(origin=world.origin(recorded_at=at)) for _ in range(5)]
    run_all(ledger, *same_instant, *(world.sale() for _ in range(6)))
    everything = [order.uid for order in all_orders(ledger, SHOP)]
    for limit in (1, 2, 3, 11, 12):
        query = OrderQuery(tenant_id=SHOP, limit=limit)
        assert page_through(ledger, query, while_orders_come=False) == everything[::-1]


def test_pages_neither_repeat_nor_miss_an_order_while_others_come_in(ledger: Ledger) -> None:
    run_all(ledger, *(world.sale() for _ in range(7)))
    before = [order.uid for order in all_orders(ledger, SHOP)]
    newest_first = OrderQuery(tenant_id=SHOP, limit=2)
    assert page_through(ledger, newest_first, while_orders_come=True) == before[::-1]
    oldest_first = OrderQuery(tenant_id=SHOP, limit=3, oldest_first=True)
    seen = page_through(ledger, oldest_first, while_orders_come=True)
    assert seen[: len(before)] == before
    assert len(set(seen)) == len(seen)


@pytest.fixture
def three(ledger: Ledger) -> dict[str, Order]:
    """Three orders that differ in everything a query can tell apart."""
    placed = {}
    for name, day in (("a", 1), ("b", 2), ("c", 3)):
        at = world.origin(recorded_at=day * 1_000, owner=name, channel=f"door-{name}")
        command = world.sale(
            origin=at,
            reference=f"ref-{name}",
            terms={"occurred_at": 100 * day, "account": f"account-{name}"},
        )
        placed[name] = world.place(ledger, command)
    run_all(
        ledger,
        world.change(placed["b"], Action.PAY, origin=world.origin(recorded_at=9_000)),
        world.sale(tenant=OTHER, origin=world.origin(OTHER, recorded_at=4_000, channel="door-a")),
    )
    return placed


FILTERS = [
    ({}, "cba"),
    ({"oldest_first": True}, "abc"),
    ({"channel": "door-b"}, "b"),
    ({"channels": ("door-a", "door-c")}, "ca"),
    ({"channel": "nowhere"}, ""),
    ({"owner": "c"}, "c"),
    ({"owner": ""}, ""),
    ({"account": "account-a"}, "a"),
    ({"accounts": ("account-a", "account-b", "account-z")}, "ba"),
    ({"reference": "ref-b"}, "b"),
    ({"statuses": (Status.PENDING,)}, "ca"),
    ({"statuses": (Status.PAID, Status.SHIPPED)}, "b"),
    ({"occurred_from": 200}, "cb"),
    ({"occurred_to": 200}, "a"),
    ({"occurred_from": 200, "occurred_to": 300}, "b"),
    ({"updated_from": 9_000}, "b"),
    ({"updated_to": 9_000}, "ca"),
    ({"recorded_from": 2_000}, "cb"),
    ({"recorded_to": 2_000}, "a"),
    ({"by_occurred": True}, "cba"),
    ({"by_occurred": True, "oldest_first": True, "offset": 1}, "bc"),
    ({"offset": 1, "limit": 1}, "b"),
    ({"channel": "door-a", "statuses": (Status.PAID,)}, ""),
]


def test_a_filter_lets_through_what_it_says(ledger: Ledger, three: dict[str, Order]) -> None:
    by_uid = {order.uid: name for name, order in three.items()}
    for members, expected in FILTERS:
        query = OrderQuery(tenant_id=SHOP, with_total=True, **members)
        page = ledger.read(lambda reads, asked=query: reads.orders(asked))
        assert "".join(by_uid[order.uid] for order in page.items) == expected, members
        if not (members.get("offset") or members.get("limit")):
            assert page.total == len(expected), members


def test_every_name_of_an_order_finds_it_for_reads_and_for_the_writer(ledger: Ledger) -> None:
    placed = world.place(ledger, world.sale(numbering=world.Numbering.ID13))
    names = {
        "uid": placed.uid,
        "id": str(placed.id),
        "number": str(1_000_000_000_000 + placed.id),
    }
    for by, value in names.items():
        name = OrderName(by, value)
        assert ledger.read(lambda reads, n=name: reads.order(SHOP, n)) == placed, by
        assert ledger.read(lambda reads, n=name: reads.orders_named(SHOP, n)) == (placed,), by
        assert ledger.read(lambda reads, n=name: reads.order(None, n)) == placed, by
        assert ledger.read(lambda reads, n=name: reads.order(OTHER, n)) is None, by
        assert written(ledger, SHOP, name) == (placed,), by
        assert written(ledger, OTHER, name) == (), by


def test_an_order_numbered_by_its_uid_is_found_by_that_number_too(ledger: Ledger) -> None:
    placed = world.place(ledger)
    name = OrderName("number", placed.uid)
    assert placed.number == placed.uid
    assert ledger.read(lambda reads: reads.order(SHOP, name)) == placed


UNUSABLE = ["", " ", "x", "-1", "1.0", "9" * 18, "9" * 30, "\u0661", "\u00b2", "' OR 1=1 --"]


def test_a_name_that_nothing_bears_finds_nothing(ledger: Ledger) -> None:
    world.place(ledger)
    for by in ("uid", "id", "number", "group"):
        for value in UNUSABLE:
            name = OrderName(by, value)
            assert ledger.read(lambda reads, n=name: reads.order(SHOP, n)) is None, name
            assert written(ledger, SHOP, name) == (), name


def written(ledger: Ledger, tenant: int, name: OrderName) -> tuple[Order, ...]:
    known = world.Facts()
    with ledger.batch("mark") as batch:
        batch.load_orders(known, [OrderLoad(tenant, name)])
    return known.orders(tenant, name)


def test_records_are_paged_in_the_order_of_their_ids(ledger: Ledger) -> None:
    run_all(
        ledger, world.put(*(world.note(n, n, keys=(("even", str(n % 2)),)) for n in range(1, 8)))
    )

    def ids(**members: object) -> list[int]:
        query = RecordQuery(tenant_id=SHOP, kind="note", **members)
        return [each.id for each in ledger.read(lambda reads: reads.records(query))]

    assert ids() == [1, 2, 3, 4, 5, 6, 7]
    assert ids(sort=RecordSort.LAST_ID, limit=2) == [7, 6]
    assert ids(sort=RecordSort.LAST_ID, after_id=6, limit=2) == [5, 4]
    assert ids(after_id=6) == [7]
    assert ids(offset=5) == [6, 7]
    assert ids(by="even", values=("0",)) == [2, 4, 6]
    counted = RecordQuery(tenant_id=SHOP, kind="note", by="even", values=("1",))
    assert ledger.read(lambda reads: reads.count_records(counted)) == 4


def timed(ms: int) -> str:
    """A uid as the hub makes it at this time."""
    text = f"{ms:012x}"
    return f"{text[:8]}-{text[8:]}-7abc-8abc-0123456789ab"


# (id, uid) from the newest on: ids of two processes, then what was given uids elsewhere.
AGES = [
    (2, timed(1_700_000_000_009)),
    (70, timed(1_700_000_000_008)),
    (1, timed(1_700_000_000_007)),
    (3, timed(1_600_000_000_000)),
    (69, "ffffffff-0000-4000-8000-000000000000"),
    (67, "00000000-0000-4000-8000-000000000000"),
    (66, "f0000000-0000-7000-8000-000000000000"),  # of no time that has come
]


@pytest.mark.parametrize(
    ("by", "values"),
    [
        ("all", ()),
        ("of", ("user",)),
        ("of", ("user", "token")),
        ("uid", tuple(uid for _, uid in AGES)),
        ("id", tuple(str(number) for number, _ in AGES)),
    ],
)
@pytest.mark.parametrize("few", [2, 1_000])
def test_records_are_paged_by_their_age_whichever_process_numbered_them(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, by: str, values: tuple[str, ...], few: int
) -> None:
    monkeypatch.setattr(record_reads, "_FEW", few)
    keys = (("of", "user"), ("of", "token"))
    run_all(ledger, world.put(*(world.note(n, {}, uid=uid, keys=keys) for n, uid in sorted(AGES))))
    for sort, wanted in ((RecordSort.NEWEST, AGES), (RecordSort.OLDEST, AGES[::-1])):
        bare = RecordQuery(tenant_id=SHOP, kind="note", by=by, values=values, sort=sort)
        for limit in range(1, len(AGES) + 2):
            found: list[tuple[int, str]] = []
            after = (0, "")
            while True:
                query = msgspec.structs.replace(
                    bare, limit=limit, after_id=after[0], after_uid=after[1]
                )
                page = ledger.read(lambda reads, q=query: reads.records(q))
                found += [(each.id, each.uid) for each in page]
                if len(page) < limit:
                    break
                after = found[-1]
            assert found == wanted
        if by != "all":
            query = msgspec.structs.replace(bare, offset=2, limit=3)
            page = ledger.read(lambda reads, q=query: reads.records(q))
            assert [(each.id, each.uid) for each in page] == wanted[2:5]


def test_a_tenant_sees_nothing_of_another(ledger: Ledger) -> None:
    run_all(ledger, world.put(world.note(1, {}, uid="u", code="c", keys=(("k", "v"),))))
    world.place(ledger)
    for by, value in (("id", "1"), ("uid", "u"), ("code", "c"), ("k", "v")):
        assert ledger.read(lambda r, b=by, v=value: r.record(OTHER, "note", b, v)) is None
    assert ledger.read(lambda reads: reads.pools(OTHER, "stock")) == ()
    assert ledger.read(lambda reads: reads.orders(OrderQuery(tenant_id=OTHER))).items == ()
    assert ledger.read(lambda reads: reads.settings(OTHER)) == Settings(name="other")


def test_what_stands_by_a_number_without_its_record_is_known(ledger: Ledger) -> None:
    (pool,) = ledger.read(lambda reads: reads.pools(SHOP, "stock"))[:1]
    subject, _, number = pool.key.subject.partition(":")
    pooled = int(number)
    run_all(ledger, world.put(*(world.note(n, {}, keys=(("of", str(n + 20)),)) for n in (11, 14))))

    def found(tenant_id: int, ids: range, **sorts: object) -> set[int]:
        asked = LeftBehind(**sorts)  # type: ignore[arg-type]
        return set(ledger.read(lambda reads: reads.left_behind(tenant_id, asked, ids)))

    pools = {"subject": f"{subject}:", "pools": ("seats", "stock")}
    assert found(SHOP, range(pooled, pooled + 1), **pools) == {pooled}
    assert found(SHOP, range(10, 15), records=("note",)) == {11, 14}
    assert found(SHOP, range(12, 14), records=("note",)) == set()
    assert found(SHOP, range(25, 60), keys=(("note", "of"),)) == {31, 34}
    every = {**pools, "records": ("note",), "keys": (("note", "of"),)}
    assert found(SHOP, range(1, pooled + 1), **every) == {pooled, 11, 14, 31, 34}
    assert found(OTHER, range(1, pooled + 1), **every) == set()
    assert found(SHOP, range(1, pooled + 1), pools=("seats",), subject=f"{subject}:") == set()
    assert found(SHOP, range(1, 60)) == found(SHOP, range(5, 5), **every) == set()


def test_stock_is_added_up_by_what_records_bear(ledger: Ledger) -> None:
    run_all(
        ledger,
        world.put(
            *(RecordChange(kind="product", id=n, doc=world.product(n)) for n in (1, 2)),
            *(
                RecordChange(
                    kind="variant",
                    id=n,
                    doc=Variant(id=n, product_id=of),
                    keys=(("product", str(of)), ("other", str(of))),
                )
                for n, of in ((31, 1), (32, 1), (33, 2))
            ),
        ),
        world.adjust(5, "variant:31", "A"),
        world.adjust(2, "variant:31", "B"),
        world.adjust(3, "variant:32", "A"),
    )

    def found(tenant_id: int, *values: str) -> dict[str, Bearers]:
        return ledger.read(
            lambda reads: reads.stock_by_key(tenant_id, "variant", "product", values)
        )

    assert found(SHOP, "1", "2", "3") == {"1": Bearers(2, 10), "2": Bearers(1, None)}
    assert found(OTHER, "1", "2") == found(SHOP) == {}


def test_one_look_sees_one_moment(ledger: Ledger) -> None:
    """What another process commits meanwhile does not appear halfway through a read."""

    def look(reads: object) -> tuple[int, int]:
        first = len(reads.orders(OrderQuery(tenant_id=SHOP)).items)  # type: ignore[attr-defined]
        world.place(ledger)
        return first, len(reads.orders(OrderQuery(tenant_id=SHOP)).items)  # type: ignore[attr-defined]

    first, second = ledger.read(look)
    assert first == second
    assert len(all_orders(ledger, SHOP)) == first + 1


def test_the_size_of_the_database_is_known(ledger: Ledger) -> None:
    assert ledger.read(lambda reads: reads.database_size()) > 50_000


@pytest.mark.parametrize("sort", RecordSort)
@pytest.mark.parametrize("by", ["id", "uid", "code", "email"])
def test_what_is_named_is_found_on_sqlite_without_walking_all_of_its_kind(
    sqlite_world: str, by: str, sort: RecordSort
) -> None:
    asked: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
        asked.append((sql, values))

    query = RecordQuery(tenant_id=SHOP, kind="product", by=by, values=("1", "2"), sort=sort)
    with closing(Ledger.open(sqlite_world, RECORD_TYPES)) as ledger:
        event.listen(ledger.engine, "before_cursor_execute", hear)
        ledger.read(lambda reads: reads.records(query))
        with ledger.engine.connect() as connection:
            plans = [
                connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
                for sql, values in [*asked]
            ]
    found_by = "name=? AND value" if by == "email" else by
    (lookup,) = (row[-1] for plan in plans for row in plan if row[-1].startswith("SEARCH "))
    assert f"kind=? AND {found_by}=?" in lookup, plans
