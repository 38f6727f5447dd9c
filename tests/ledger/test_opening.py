"""A database is durable and of this program's version, or it is refused in one sentence."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.database import (
    DatabaseRefused,
    ServeLock,
    check_version,
    head_revision,
    losable,
    migrate,
    open_engine,
    parse_url,
    writing,
)
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.tables import DIRECTORY, metadata, slot
from orderhub.ledger.urls import url_of_file, without_password


@pytest.mark.one_machine
def test_migrating_from_nothing_equals_the_metadata(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate(engine)
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
    found = inspect(engine)
    for table in metadata.sorted_tables:
        built = {index["name"]: index for index in found.get_indexes(table.name)}
        for index in table.indexes:
            assert index.name in built, f"{table.name} lacks the index {index.name}"
            assert built[index.name]["column_names"] == [each.name for each in index.columns]
            assert bool(built[index.name]["unique"]) is bool(index.unique), index.name
            partial = f"{engine.dialect.name}_where"
            wanted = index.dialect_options[engine.dialect.name]["where"] is not None
            stands = built[index.name].get("dialect_options", {}).get(partial) is not None
            assert stands is wanted, f"{index.name} is partial in one of the two only"
    engine.dispose()


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate(engine)
    migrate(engine)
    check_version(engine)
    engine.dispose()


def test_processes_that_start_together_on_an_empty_database_all_come_up(database_url: str) -> None:
    program = "import sys; from orderhub.ledger.ledger import Ledger; Ledger.open(sys.argv[1], {}).close()"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, database_url], stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [each.communicate()[1] for each in started] == ["", ""]
    assert [each.returncode for each in started] == [0, 0]


def test_every_key_begins_with_the_tenant_but_for_the_directory() -> None:
    wrong = [
        table.name
        for table in metadata.sorted_tables
        if table not in (*DIRECTORY, slot)
        and next(iter(table.primary_key.columns)).name != "tenant_id"
    ]
    assert not wrong, f"the primary key of {wrong} must begin with tenant_id"


DURABILITY = {
    "sqlite": ("PRAGMA synchronous", 2, 1),
    "postgresql": ("SHOW synchronous_commit", "on", "off"),
}


def test_a_commit_is_durable(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate(engine)
    ask, durable, _ = DURABILITY[engine.dialect.name]
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text(ask)).scalar() == durable
    engine.dispose()


@pytest.mark.parametrize("breaks", [False, True])
def test_what_may_be_lost_waits_for_no_disk_and_its_connection_is_durable_again(
    database_url: str, breaks: bool
) -> None:
    engine = open_engine(database_url, readers=-1)  # one connection, which all take
    migrate(engine)
    ask, durable, losable_level = DURABILITY[engine.dialect.name]
    insert = text("INSERT INTO tenant (id, name, title) VALUES (7, 'a', '')")
    with suppress(ZeroDivisionError), losable(writing(engine)) as connection:
        used = connection.connection.driver_connection
        assert connection.execute(text(ask)).scalar() == losable_level
        connection.execute(insert)
        if breaks:
            raise ZeroDivisionError
    with writing(engine).begin() as connection:
        assert connection.connection.driver_connection is used
        assert connection.execute(text(ask)).scalar() == durable
        found = connection.execute(text("SELECT count(*) FROM tenant")).scalar()
        assert found == (0 if breaks else 1)
    engine.dispose()


def test_a_connection_that_does_not_become_durable_again_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite'}", readers=-1)
    migrate(engine)
    with engine.connect():  # the last one to close would take the file's log along
        with losable(writing(engine)) as connection:
            used = connection.connection.driver_connection
            monkeypatch.setattr("orderhub.ledger.database._FULL", 3)
        monkeypatch.undo()
        with engine.connect() as connection:
            assert connection.connection.driver_connection is not used
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
    engine.dispose()


def test_a_database_of_a_newer_program_is_refused(database_url: str) -> None:
    engine = open_engine(database_url)
    migrate(engine)
    with writing(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseRefused, match=r"9999.*newer OrderHub"):
        Ledger.open(database_url, RECORD_TYPES)
    with pytest.raises(DatabaseRefused, match="9999"):
        check_version(engine)
    engine.dispose()


@pytest.mark.one_machine
def test_reading_an_empty_database_says_what_to_do(database_url: str) -> None:
    engine = open_engine(database_url)
    with pytest.raises(DatabaseRefused, match=f"none.*{head_revision()}.*orderhub serve"):
        check_version(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("not a url", "not a database URL"),
        ("postgresql://u:pw@h:54x2/db", "not a database URL"),
        ("mysql://localhost/x", "mysql is not supported"),
        ("sqlite://", "keeps nothing"),
        ("sqlite:///:memory:", "keeps nothing"),
        ("sqlite:///x.sqlite?mode=memory", "sets mode"),
        ("sqlite:///x.sqlite?synchronous=OFF", "sets synchronous"),
        ("sqlite:///x.sqlite?journal_mode=DELETE", "sets journal_mode"),
        ("sqlite:///x.sqlite?nolock=1&immutable=1", "sets immutable, nolock"),
        ("sqlite:///file:x.sqlite?cache=shared&uri=true", "sets cache, uri"),
    ],
)
def test_a_url_that_may_lose_orders_is_refused(url: str, says: str) -> None:
    with pytest.raises(DatabaseRefused, match=says) as refused:
        open_engine(url)
    assert str(refused.value).count("\n") == 0


@pytest.mark.parametrize(
    "url",
    [
        "postgresql//u:S3cret@h/db",
        "postgresql://u:S3cret@h:port/db",
        "postgresql://u:p@S3cret@h/db",
        "postgresql://u:p?w@S3cret@h/db",
        "postgresql://a/b:S3cret@h/db",
        "mysql://u:S3cret@h/db",
    ],
)
def test_what_is_refused_as_a_url_is_not_repeated(url: str) -> None:
    with pytest.raises(DatabaseRefused) as refused:
        without_password(url)
    assert "S3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:S3cret@h:5433/db", "postgresql://u:***@h:5433/db"),
        ("postgresql://u:S3%40cret@/a%40b", "postgresql://u:***@/a%40b"),
        ("postgres://u@/db?password=S3cret&host=there", "postgresql://u@/db?host=there"),
        ("postgresql://u@h/db?pasword=S3cret&sslpassword=S3cret", "postgresql://u@h/db"),
        ("sqlite:////data/hub.sqlite", "sqlite:////data/hub.sqlite"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert without_password(url) == shown
    assert without_password(parse_url(url)) == shown


@pytest.mark.parametrize(
    "path", ["/a%2Fb/c%41.sqlite", "/a?x=1/b.sqlite", "/ä b+c#d/x", "x.sqlite"]
)
def test_a_path_of_any_characters_is_made_a_url_and_read_from_it(path: str) -> None:
    assert parse_url(url_of_file(path)).database == path


@pytest.mark.parametrize("name", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_may_be_spelled_as_people_spell_it(name: str) -> None:
    assert parse_url(f"{name}://localhost/x").drivername == "postgresql+psycopg"


def test_a_second_server_on_one_sqlite_file_is_refused_and_told_who_serves(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    first, second = ServeLock(url), ServeLock(url)
    first.take("http://127.0.0.1:8080", create=True)
    Ledger.open(url, RECORD_TYPES).close()
    assert second.holder() == "http://127.0.0.1:8080"
    with pytest.raises(DatabaseRefused, match=r"http://127\.0\.0\.1:8080.*PostgreSQL"):
        second.take("http://127.0.0.1:8081")
    first.release()
    first.release()
    assert second.holder() == ""
    second.take("http://127.0.0.1:8081")
    assert first.holder() == "http://127.0.0.1:8081"
    second.release()


def test_postgresql_takes_as_many_servers_as_come() -> None:
    url = "postgresql://localhost/x"
    for _ in range(2):
        ServeLock(url).take("http://127.0.0.1:8080")
