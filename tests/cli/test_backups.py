"""orderhub backup, restore and copy: a ledger saved while it is served, brought back, and moved elsewhere."""

import errno
import fcntl
import gzip
import io
import json
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from typer.testing import CliRunner

from orderhub.cli.commands import app
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine, writing
from orderhub.ledger.moving import archive, backup, copying
from orderhub.ledger.tables import metadata
from orderhub.ledger.urls import url_of_file
from tests.support import world
from tests.support.hub_process import serving
from tests.support.postgres import client_programs, fresh_database

HELD = "every law holds"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORDERHUB_DATABASE", raising=False)


@pytest.fixture
def programs(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the server's own version."""
    monkeypatch.setenv("PATH", str(client_programs()), prepend=os.pathsep)


def run(*words: str, status: int = 0) -> Any:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == status, (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return json.loads(result.stdout) if result.stdout else result.stderr


def sold(url: str, count: int = 30) -> str:
    with world.open_world(url) as ledger:
        for _ in range(count):
            world.place(ledger, world.basket())
    return url


def dump(url: str) -> dict[str, list[Any]]:
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return {
                table.name: sorted(map(tuple, connection.execute(table.select())))
                for table in metadata.sorted_tables
            }
    finally:
        engine.dispose()


def must_hold(url: str) -> None:
    engine = open_engine(url)
    try:
        report = check_ledger(engine)
    finally:
        engine.dispose()
    assert not report.total, [str(each) for each in report.breaches[:5]]


def noting(folders: set[Path]) -> Callable[..., Any]:
    """`beside`, which tells the folders it is asked for."""
    real = archive.beside

    def beside(file: Path, what: str) -> Any:
        folders.add(file.parent)
        return real(file, what)

    return beside


def tamper(url: str, statement: str) -> None:
    engine = open_engine(url)
    with writing(engine).begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_a_backup_comes_back_as_it_was(sqlite_url: str, tmp_path: Path) -> None:
    sold(sqlite_url)
    file, there = tmp_path / "hub.backup", f"sqlite:///{tmp_path / 'again.sqlite'}"
    told = run("backup", str(file), "--database", sqlite_url)
    assert told["check"].startswith(f"{HELD} (30 orders")
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["hub.backup", "hub.sqlite"]
    assert run("restore", str(file), "--database", there)["check"].startswith(HELD)
    assert dump(there) == dump(sqlite_url)
    with tarfile.open(file) as archive:
        assert archive.getnames() == ["manifest.json", "ledger.sqlite"]


@pytest.mark.postgres
def test_postgresql_is_dumped_and_brought_back_by_its_own_programs(
    postgres_url: str, programs: None, tmp_path: Path, another: Callable[[], str]
) -> None:
    sold(postgres_url)
    file, there = tmp_path / "hub.backup", another()
    assert run("backup", str(file), "--database", postgres_url)["check"].startswith(HELD)
    assert run("restore", str(file), "--database", there)["check"].startswith(HELD)
    assert dump(there) == dump(postgres_url)
    assert "is not empty" in run("restore", str(file), "--database", there, status=2)
    words = ("restore", str(file), "--database", f"sqlite:///{tmp_path / 'x'}")
    assert "is a backup of postgresql" in run(*words, status=2)


@pytest.fixture
def another(postgres_server: str) -> Iterator[Callable[[], str]]:
    """Further empty databases of PostgreSQL."""
    with ExitStack() as held:
        yield lambda: held.enter_context(fresh_database(postgres_server))


@pytest.mark.postgres
def test_without_pg_dump_it_says_so(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(postgres_url, 1)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = run("backup", str(tmp_path / "b"), "--database", postgres_url, status=2)
    assert said.startswith("orderhub: pg_dump is not here")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_served_file_is_saved_checked_and_exported_beside_its_server(
    sqlite_url: str, tmp_path: Path
) -> None:
    sold(sqlite_url, 3)
    with serving(sqlite_url, tmp_path / "log"):
        file = tmp_path / "hub.backup"
        assert run("backup", str(file), "--database", sqlite_url)["check"].startswith(HELD)
        checked = CliRunner().invoke(app, ["check", "--database", sqlite_url])
        assert checked.output.startswith(HELD)
        words = ["order", "export", "--database", sqlite_url]
        lines = CliRunner().invoke(app, words)
        assert lines.exit_code == 0, lines.output
        assert lines.stdout.count("\n") == 3
        # Whoever writes needs a token still, and a copy a source that stands still.
        busy = run("copy", "--from", sqlite_url, "--to", f"sqlite:///{tmp_path / 'c'}", status=2)
        assert "serves this SQLite file already" in busy
    assert not (tmp_path / "c").exists()


def test_a_backup_is_restored_only_where_nothing_is(sqlite_url: str, tmp_path: Path) -> None:
    sold(sqlite_url, 2)
    file = tmp_path / "hub.backup"
    run("backup", str(file), "--database", sqlite_url)
    before = dump(sqlite_url)
    assert "is there" in run("restore", str(file), "--database", sqlite_url, status=2)
    assert "is there already" in run("backup", str(file), "--database", sqlite_url, status=2)
    log = tmp_path / "new.sqlite-wal"
    log.write_bytes(b"left behind")
    words = ("restore", str(file), "--database", f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert "new.sqlite-wal is there" in run(*words, status=2)
    assert dump(sqlite_url) == before


@pytest.mark.parametrize("name", ["p%2Fq", "p%41q", "q?x=1", "ha#sh"])
def test_a_path_may_be_of_any_characters(sqlite_url: str, tmp_path: Path, name: str) -> None:
    sold(sqlite_url, 2)
    folder = tmp_path / name
    folder.mkdir()
    file = folder / f"{name.replace('/', '')}.backup"
    run("backup", str(file), "--database", sqlite_url)
    there = url_of_file(folder / "again.sqlite")
    assert HELD in run("restore", str(file), "--database", there)["check"]
    assert dump(there) == dump(sqlite_url)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([name, "hub.sqlite"])


@pytest.mark.postgres
@pytest.mark.parametrize("where", ["user", "query"])
def test_a_password_is_no_word_of_a_program_and_in_no_message(
    postgres_url: str, programs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The server of the tests asks for none, so that any is taken."""
    told: list[tuple[list[str], str]] = []
    real = subprocess.run

    def noted(words: list[str], **more: Any) -> Any:
        told.append((words, more["env"].get("PGPASSWORD", "")))
        return real(words, **more)

    monkeypatch.setattr(subprocess, "run", noted)
    sold(postgres_url, 2)
    at = make_url(postgres_url).set(drivername="postgresql")
    at = at.set(password="S3cret") if where == "user" else at
    at = at if where == "user" else at.update_query_dict({"password": "S3cret"})
    url, file = at.render_as_string(hide_password=False), tmp_path / "hub.backup"
    run("backup", str(file), "--database", url)
    assert "S3cret" not in run("restore", str(file), "--database", url, status=2)
    engine = open_engine(url)
    with writing(engine).begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    engine.dispose()
    assert HELD in run("restore", str(file), "--database", url)["check"]
    assert [Path(words[0]).name for words, _ in told] == ["pg_dump", "pg_restore"]
    assert all(password == "S3cret" for _, password in told)
    assert not [each for words, _ in told for each in words if "S3cret" in each]


DAMAGES = {
    "cut": lambda data: data[: len(data) // 2],
    "changed": lambda data: gzip.compress(
        gzip.decompress(data).replace(b"Product 188", b"Product 189", 1)
    ),
    "no backup": lambda _data: b"something else",
    "empty": lambda _data: b"",
    "of a newer form": lambda data: gzip.compress(
        gzip.decompress(data).replace(b'"form": 1', b'"form": 9', 1)
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_is_refused_and_leaves_nothing(
    damage: str, sqlite_url: str, tmp_path: Path
) -> None:
    sold(sqlite_url, 2)
    file = tmp_path / "hub.backup"
    run("backup", str(file), "--database", sqlite_url)
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    words = ("restore", str(file), "--database", f"sqlite:///{tmp_path / 'new.sqlite'}")
    said = run(*words, status=2)
    assert said.count("\n") == 1
    assert "Traceback" not in said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["hub.backup", "hub.sqlite"]


def test_what_a_killed_backup_or_restore_left_goes_with_the_next_one(
    sqlite_url: str, tmp_path: Path
) -> None:
    """As large as the ledger, and of a name that nobody looks for."""
    sold(sqlite_url, 2)
    folder = tmp_path / "backups"
    folder.mkdir()
    kinds = ("ledger", "ledger-wal", "ledger-shm", "part")
    left = [f".monday.backup.orderhub-0123abcd.{each}" for each in kinds]
    kept = [
        ".tuesday.backup.orderhub-1123abcd.ledger",
        ".wednesday.orderhub-2123abcd.restored",
        ".of-another-program.29926.part",
        "x.ledger",
    ]
    for name in (*left, *kept):
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    os.utime(folder / kept[1])  # somebody has only just made it
    with (folder / kept[0]).open() as held:  # somebody is at work on it
        fcntl.flock(held, fcntl.LOCK_EX)
        run("backup", str(folder / "today.backup"), "--database", sqlite_url)
    assert sorted(each.name for each in folder.iterdir()) == sorted([*kept, "today.backup"])


def test_where_a_backup_cannot_be_unpacked_is_said(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(sqlite_url, 2)
    file = tmp_path / "hub.backup"
    run("backup", str(file), "--database", sqlite_url)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    there = url_of_file(tmp_path / "new.sqlite")
    said = run("restore", str(file), "--database", there, status=2)
    assert said == f"orderhub: The folder {tmp_path} cannot be written: no space left on device.\n"


@pytest.mark.postgres
def test_a_backup_in_a_folder_that_is_only_read_is_restored(
    postgres_url: str, programs: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold(postgres_url, 2)
    (tmp_path / "read").mkdir()
    file = tmp_path / "read" / "hub.backup"
    run("backup", str(file), "--database", postgres_url)
    tamper(postgres_url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    may, only_read = os.access, file.parent
    monkeypatch.setattr(
        os, "access", lambda path, *more, **named: path != only_read and may(path, *more, **named)
    )
    made: set[Path] = set()
    monkeypatch.setattr(backup, "beside", noting(made))
    assert HELD in run("restore", str(file), "--database", postgres_url)["check"]
    assert made == {Path(tempfile.gettempdir())}


@pytest.mark.postgres
def test_a_backup_of_a_newer_version_leaves_no_trace(
    postgres_url: str, programs: None, tmp_path: Path
) -> None:
    file, older = tmp_path / "hub.backup", tmp_path / "older.backup"
    sold(postgres_url, 2)
    run("backup", str(older), "--database", postgres_url)
    tamper(postgres_url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with tarfile.open(older) as archive, tarfile.open(file, "w:gz") as newer:
        for member in archive:
            source = archive.extractfile(member)
            assert source is not None
            content = source.read()
            if member.name == "manifest.json":
                manifest = json.loads(content)
                content = json.dumps({**manifest, "schema": "9999"}).encode()
            member.size = len(content)
            newer.addfile(member, io.BytesIO(content))
    said = run("restore", str(file), "--database", postgres_url, status=2)
    assert "hub.backup is at schema 9999" in said
    assert "newer OrderHub" in said
    told = run("restore", str(older), "--database", postgres_url)  # nothing was written
    assert HELD in told["check"]


def test_a_ledger_that_breaks_a_law_is_saved_and_said_to(sqlite_url: str, tmp_path: Path) -> None:
    sold(sqlite_url, 2)
    tamper(sqlite_url, "UPDATE pool SET available = available + 1 WHERE subject = 'product:188'")
    file = tmp_path / "hub.backup"
    told = run("backup", str(file), "--database", sqlite_url, status=1)
    assert told["check"].startswith("1 breaches")
    words = ("restore", str(file), "--database", f"sqlite:///{tmp_path / 'new.sqlite'}")
    assert run(*words, status=1)["check"].startswith("1 breaches")


# --- copy


@pytest.mark.postgres
def test_a_ledger_outgrows_sqlite_by_one_command_and_comes_back(
    sqlite_url: str, postgres_url: str, tmp_path: Path
) -> None:
    sold(sqlite_url)
    told = run("copy", "--from", sqlite_url, "--to", postgres_url)
    assert told["rows"]["orders"] == 30
    assert dump(postgres_url) == dump(sqlite_url)
    with world.second_process(postgres_url) as ledger:  # it lives on there, in another lane
        for _ in range(5):
            world.run_all(ledger, world.basket(), slot=3)
    must_hold(postgres_url)
    back = f"sqlite:///{tmp_path / 'back.sqlite'}"
    run("copy", "--from", postgres_url, "--to", back)
    assert {**dump(back), "feed_lane": []} == {**dump(postgres_url), "feed_lane": []}
    with world.second_process(back) as ledger:
        for _ in range(5):
            world.place(ledger, world.basket())
        for order in world.all_orders(ledger, world.SHOP):  # whose first events are in other lanes
            world.run_all(ledger, world.change(order, world.Action.PAY))
    must_hold(back)
    full = run("copy", "--from", sqlite_url, "--to", postgres_url, status=2)
    assert "is not empty" in full


class Interrupted(Exception):
    """As by Ctrl-C."""


@pytest.mark.parametrize("step", ["migrate", "_is_ours"])
def test_a_copy_cut_short_at_its_beginning_is_repeated_and_never_served(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As by kill -9 once the step was done."""
    source = sold(url_of_file(tmp_path / "source.sqlite"), 3)
    real = getattr(copying, step)

    def dies(*words: Any) -> None:
        real(*words)
        raise Interrupted

    words = ("copy", "--from", source, "--to", database_url)
    with monkeypatch.context() as patched:
        patched.setattr(copying, step, dies)
        assert isinstance(CliRunner().invoke(app, list(words)).exception, Interrupted)
    if step == "migrate":
        served = CliRunner().invoke(app, ["tenant", "list", "--database", database_url])
        assert "not finished" in served.stderr
    assert run(*words)["rows"]["orders"] == 3
    assert dump(database_url) == dump(source)


def test_a_copy_that_was_interrupted_goes_on_where_it_was(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sold(f"sqlite:///{tmp_path / 'source.sqlite'}")
    monkeypatch.setattr(copying, "_AT_ONCE", 7)
    monkeypatch.setattr(copying, "_ROWS_A_COMMIT", 14)
    written = copying._write
    left = 9

    def breaks(*given: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Interrupted
        written(*given)

    monkeypatch.setattr(copying, "_write", breaks)
    words = ("copy", "--from", source, "--to", database_url)
    lives = 0
    while True:
        result = CliRunner().invoke(app, list(words))
        lives += 1
        if not isinstance(result.exception, Interrupted):
            break
        served = CliRunner().invoke(app, ["tenant", "list", "--database", database_url])
        assert "not finished" in served.stderr
        left = 9
    assert lives > 3
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["copied"] < sum(json.loads(result.stdout)["rows"].values())
    assert dump(database_url) == dump(source)
    must_hold(database_url)


def test_a_copy_that_differs_is_said_to(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sold(f"sqlite:///{tmp_path / 'source.sqlite'}", 3)
    written = copying._write

    def other(connection: Any, table: Any, some: list[Any]) -> None:
        if table.name == "pool":
            some = [(*each[:-1], each[-1] + 1) for each in some]
        written(connection, table, some)

    monkeypatch.setattr(copying, "_write", other)
    said = run("copy", "--from", source, "--to", database_url, status=2)
    assert "The copy is not the source: pool" in said
    one = run("copy", "--from", source, "--to", source, status=2)
    assert "are the same database" in one
