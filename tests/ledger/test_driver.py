"""What the writer sends past SQLAlchemy: every row once, every fault told, nothing looked for by walking a table."""

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from orderhub.core.facts import Facts, RecordKey
from orderhub.ledger import batch as batches
from orderhub.ledger import bulk, groups, tables
from orderhub.ledger.driver import Driver
from orderhub.ledger.ledger import Ledger
from tests.support import world
from tests.support.world import SHOP, note, put, run

TIMER = tables.timer
# Around the powers of two that a statement to SQLite is filled up to, and past what one can hold.
COUNTS = (1, 2, 3, 4, 5, 8, 9, 31, 33, 64, 129, 7_000)


def rows_of(count: int, due_at: int = 0) -> list[dict[str, object]]:
    return [
        {
            "tenant_id": SHOP,
            "kind": "test",
            "order_id": number + 1,
            "due_at": due_at and due_at + number,
            "claimed_until": 7,
        }
        for number in range(count)
    ]


def standing(ledger: Ledger) -> list[tuple[int, int, int]]:
    columns = (TIMER.c.order_id, TIMER.c.due_at, TIMER.c.claimed_until)
    asked = select(*columns).where(TIMER.c.kind == "test").order_by(TIMER.c.order_id)
    with ledger.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(asked)]


@pytest.mark.parametrize("count", COUNTS)
def test_every_row_is_written_once_and_changed_once(ledger: Ledger, count: int) -> None:
    with ledger._write.begin() as connection:
        bulk.insert(Driver(connection), TIMER, rows_of(count))
    assert standing(ledger) == [(number + 1, 0, 7) for number in range(count)]
    with ledger._write.begin() as connection:
        bulk.update(Driver(connection), TIMER, rows_of(count, 100))
    assert standing(ledger) == [(number + 1, 100 + number, 7) for number in range(count)]
    with ledger._write.begin() as connection:
        driver = Driver(connection)
        early = " AND timer.due_at < 102"
        assert bulk.update_those(driver, TIMER, rows_of(count), early) == min(count, 2)
        gone = [{"tenant_id": SHOP, "kind": "test", "order_id": n} for n in range(count + 5)]
        assert bulk.deleted(driver, TIMER, gone) == count
    assert standing(ledger) == []


def test_rows_that_stand_come_back_from_an_insert(ledger: Ledger) -> None:
    with ledger._write.begin() as connection:
        bulk.insert(Driver(connection), TIMER, rows_of(3, 100))
    with ledger._write.begin() as connection:
        found = bulk.insert_returning(
            Driver(connection),
            TIMER,
            rows_of(5, 500),
            "DO UPDATE SET kind = timer.kind",
            "order_id, due_at",
        )
    assert sorted(found) == [(1, 100), (2, 101), (3, 102), (4, 503), (5, 504)]


def test_what_is_wrong_with_a_statement_is_told_before_the_commit(ledger: Ledger) -> None:
    def insert(first: int) -> None:
        with ledger.batch("mark") as batch:
            bulk.insert(batch._driver, TIMER, rows_of(9)[first:])

    insert(5)
    with pytest.raises(IntegrityError):
        insert(0)
    assert [number for number, _, _ in standing(ledger)] == [6, 7, 8, 9]
    with ledger.batch("mark") as batch:
        bulk.insert(batch._driver, TIMER, rows_of(5))
    assert len(standing(ledger)) == 9


@pytest.mark.parametrize("count", COUNTS)
def test_a_batch_writes_every_row_once_and_changes_it_once(ledger: Ledger, count: int) -> None:
    """Whichever way its rows travel: a few as they are, many as one parameter."""
    columns = tuple(TIMER.columns.keys())
    with ledger.batch("mark") as batch:
        rows = [tuple(row[name] for name in columns) for row in rows_of(count)]
        bulk.insert_tuples(batch._driver, TIMER, columns, rows[::-1])
    assert standing(ledger) == [(number + 1, 0, 7) for number in range(count)]
    with ledger.batch("mark") as batch:
        bulk.insert(
            batch._driver, TIMER, rows_of(count, 100), "DO UPDATE SET due_at = excluded.due_at"
        )
    assert standing(ledger) == [(number + 1, 100 + number, 7) for number in range(count)]
    with ledger.batch("mark") as batch:
        bulk.update(batch._driver, TIMER, rows_of(count, 200))
        names = [{"tenant_id": SHOP, "kind": "test", "order_id": n + 1} for n in range(count)]
        found = bulk.asked(batch._driver, TIMER, names)
        again = bulk.insert_returning(
            batch._driver, TIMER, rows_of(1), "DO UPDATE SET kind = timer.kind", "order_id, due_at"
        )
        assert again == [(1, 200)]
        assert sorted(row.due_at for row in found()) == [200 + number for number in range(count)]
        bulk.delete(batch._driver, TIMER, names[1:] or [{**names[0], "due_at": 1}])
    assert standing(ledger) == [(1, 200, 7)]


def test_what_is_asked_is_answered_in_whichever_order_it_is_read(ledger: Ledger) -> None:
    with ledger.batch("mark") as batch:
        first, second, _ = (batch._driver.ask(f"SELECT {number}, 'x'") for number in (1, 2, 3))
        bulk.insert(batch._driver, TIMER, rows_of(1))
        assert (second(), first()) == ([(2, "x")], [(1, "x")])
    assert len(standing(ledger)) == 1


def test_rows_of_a_long_answer_come_so_many_at_a_time(ledger: Ledger) -> None:
    with ledger._write.begin() as connection:
        bulk.insert(Driver(connection), TIMER, rows_of(7, 100))
    asked = "SELECT order_id, due_at AS due FROM timer WHERE kind = 'test' ORDER BY order_id"
    with ledger.engine.connect() as connection:
        driver = Driver(connection)
        names, chunks = driver.chunks(asked, 3)
        _, beside = driver.chunks(asked, 5)
        assert names == ("order_id", "due")
        rows = [(number + 1, 100 + number) for number in range(7)]
        assert next(chunks) == rows[:3]
        assert list(beside) == [rows[:5], rows[5:]]
        assert list(chunks) == [rows[3:6], rows[6:]]


@pytest.mark.one_machine
def test_what_goes_wrong_halfway_through_a_long_answer_is_told(ledger: Ledger) -> None:
    with ledger._write.begin() as connection:
        bulk.insert(Driver(connection), TIMER, rows_of(7))
    wrong = {
        "sqlite": "abs(-9223372036854775807 - (order_id - 5))",
        "postgresql": "1 / (6 - order_id)",
    }
    asked = (
        f"SELECT {wrong[ledger.engine.dialect.name]} FROM timer ORDER BY tenant_id, kind, order_id"
    )
    with ledger.engine.connect() as connection:
        _, chunks = Driver(connection).chunks(asked, 2)
        assert len(next(chunks)) == 2
        with pytest.raises(DBAPIError):
            list(chunks)


@pytest.mark.postgres
def test_statements_come_through_however_large_and_however_many(postgres_world: str) -> None:
    """More than a socket takes at once, both ways; and no more are prepared than the server should keep."""
    large = "x" * 3_000_000
    ledger = Ledger.open(postgres_world, {})
    try:
        for _ in range(2):
            with ledger.batch("mark") as batch:
                echoed = [
                    batch._driver.ask("SELECT CAST(%s AS text), 5 %% 3", (large,)) for _ in range(5)
                ]
                assert all(each() == [(large, 2)] for each in echoed)
                for number in range(200):
                    for _ in range(4):
                        assert batch._driver.rows(f"SELECT {number}") == [(number,)]
                ((kept,),) = batch._driver.rows("SELECT count(*) FROM pg_prepared_statements")
                assert 100 < kept <= 128
    finally:
        ledger.close()


@pytest.mark.postgres
def test_a_batch_that_failed_leaves_its_connection_as_good_as_new(postgres_world: str) -> None:
    """Whatever of it was prepared, sent or asked by then."""
    ledger = Ledger.open(postgres_world, {})

    def fail(sql: str, value: object) -> None:
        with ledger.batch("mark") as batch:
            bulk.insert(batch._driver, TIMER, rows_of(3))
            batch._driver.ask("SELECT 7")
            batch._driver.send(sql, (value,))

    try:
        for _ in range(5):
            for sql, value in (
                ("SELECT 1 / CAST(%s AS integer)", 0),
                ("SELECT * FROM nowhere WHERE 1 = %s", 1),
                ("SELECT CAST(%s AS text)", "\0"),
            ):
                with pytest.raises(DBAPIError):
                    fail(sql, value)
            with pytest.raises(KeyError), ledger.batch("mark") as batch:  # noqa: PT012 - one batch
                batch._driver.send("SELECT 1 / CAST(%s AS integer)", (0,))
                batch._driver.ask("SELECT 7")
                raise KeyError
            with ledger.batch("mark") as batch:
                assert batch._driver.rows("SELECT CAST(%s AS bigint)", (5,)) == [(5,)]
        assert ledger.engine.pool.checkedout() == 1  # type: ignore[attr-defined]
        assert standing(ledger) == []
    finally:
        ledger.close()


@pytest.mark.postgres
def test_a_connection_that_others_read_on_still_has_what_was_prepared(postgres_world: str) -> None:
    """A look that asks the same again and again, and is rolled back, once the writer has given its connection back."""
    ledger = Ledger.open(postgres_world, {})

    def ask(process: int) -> set[int]:
        with ledger.batch("mark") as batch:
            asked = batch._driver.ask("SELECT pg_backend_pid(), CAST(%s AS bigint)", (process,))
            return {each for each, _ in asked()}

    try:
        for _ in range(5):
            writers = {process for each in range(3) for process in ask(each)}
            ledger.give_back()
            held = [ledger.engine.connect() for _ in range(3)]
            for connection in held:
                for number in range(12):
                    connection.exec_driver_sql("SELECT CAST(%s AS bigint)", (number,))
            pids = {one.exec_driver_sql("SELECT pg_backend_pid()").scalar() for one in held}
            assert writers <= pids
            for connection in held:
                connection.close()
    finally:
        ledger.close()


@pytest.mark.postgres
def test_what_the_server_has_forgotten_is_prepared_anew(postgres_world: str) -> None:
    """Whoever may have told it to: such as somebody in between who takes connections for all the same."""
    ledger = Ledger.open(postgres_world, {})

    def ask() -> None:
        with ledger.batch("mark") as batch:
            assert batch._driver.rows("SELECT CAST(%s AS bigint)", (5,)) == [(5,)]

    try:
        for _ in range(4):
            ask()
        with pytest.raises(DBAPIError) as told, ledger.batch("mark") as batch:
            batch._driver.send("DEALLOCATE ALL")  # COMMIT is one of them
        assert ledger.is_passing(told.value)
        assert not ledger.is_outage(told.value)
        for _ in range(8):  # whichever connection it is
            ask()
    finally:
        ledger.close()


@pytest.mark.postgres
def test_a_lost_connection_is_told_once_and_replaced(postgres_world: str) -> None:
    ledger = Ledger.open(postgres_world, {})
    try:
        with ledger.batch("mark") as batch:
            ((process,),) = batch._driver.rows("SELECT pg_backend_pid()")
        with ledger.engine.connect() as connection:
            connection.execute(select(func.pg_terminate_backend(process)))
        with pytest.raises(OperationalError) as told, ledger.batch("mark") as batch:
            batch._driver.rows("SELECT 1")
        assert ledger.is_outage(told.value)
        with ledger.batch("mark") as batch:
            bulk.insert(batch._driver, TIMER, rows_of(1))
        assert len(standing(ledger)) == 1
    finally:
        ledger.close()


def test_between_two_batches_others_may_write(ledger: Ledger) -> None:
    run(ledger, world.sale())
    ledger.try_commit()
    run(ledger, world.sale())
    assert ledger.engine.pool.checkedout() == 1  # type: ignore[attr-defined]


def test_a_record_that_anybody_changed_is_read_anew(ledger: Ledger) -> None:
    """Whatever its version says: a record may be removed and come back, and be mended by hand."""
    key = RecordKey(SHOP, "note", "id", "7")

    def loaded() -> object:
        known = Facts()
        with ledger.batch("mark") as batch:
            batch.load_records(known, [key])
        return known.doc(SHOP, "note", "id", 7)

    run(ledger, put(note(7, {"n": 1})))
    assert loaded() == loaded() == {"n": 1}
    record = tables.record
    of_note = (record.c.tenant_id == SHOP, record.c.kind == "note", record.c.id == 7)
    with ledger._write.begin() as connection:
        connection.execute(update(record).where(*of_note).values(doc='{"n":2}'))
    assert loaded() == {"n": 2}
    run(ledger, put(note(7, None)))
    assert loaded() is None
    run(ledger, put(note(7, {"n": 3})))
    assert loaded() == {"n": 3}


# What is looked for -> the statement for so many rows of each kind (0 = any number), and what each step is found by.
LOOKS = {
    "groups": (lambda size: groups._members_sql(size, False, citus=False), ("group_number=?)",)),
    "pools": (
        lambda size: batches._pools_sql(
            (("exact", size), ("whole", size)), False, lock=True, citus=False
        ),
        ("place=?)", "subject=?)"),
    ),
    "orders": (
        lambda size: batches._orders_sql(
            tuple((by, size) for by in ("bill", "group_number", "id", "number", "uid")),
            False,
            citus=False,
        ),
        ("bill=?)", "group_number=?)", "id=?)", "number=?)", "(uid=? AND tenant_id=?)"),
    ),
    "records": (
        lambda size: batches._records_sql(
            tuple((by, size) for by in ("all", "code", "id", "uid")), False, citus=False
        ),
        ("kind=?)", "code=?)", "id=?)", "uid=?)"),
    ),
}


@pytest.mark.parametrize("size", [0, 1, 4])
@pytest.mark.parametrize("what", LOOKS)
def test_what_a_batch_may_touch_is_found_by_its_whole_name(
    sqlite_world: str, what: str, size: int
) -> None:
    """SQLite walked all pools of a tenant for each batch, and all orders for one that named two in different ways."""
    asked, ends = LOOKS[what]
    sql = asked(size)
    ledger = Ledger.open(sqlite_world, {})
    try:
        with ledger.engine.connect() as connection:
            given = (0 if size else "[]",) * sql.count("?")
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given).all()
    finally:
        ledger.close()
    steps = [row[-1] for row in plan if row[-1].startswith(("SEARCH", "SCAN t"))]
    assert [step.endswith(end) for step, end in zip(steps, ends, strict=True)] == [True] * len(ends)
