"""What cannot be served is refused in one sentence with exit status 2, and nothing is left behind."""

import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, inspect, make_url, text
from sqlalchemy.pool import Pool
from typer.testing import CliRunner

from orderhub.cli import server
from orderhub.cli.commands import app
from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.database import ServeLock, migrate, open_engine, writing
from orderhub.ledger.ledger import Ledger
from orderhub.web import logs
from tests.support import world


@pytest.fixture(autouse=True)
def nothing_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step before the socket is left out, and so are the log's global settings."""
    monkeypatch.setattr(server, "_run", lambda *_: None)
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    for name in ("ORDERHUB_DATABASE", "ORDERHUB_PORT"):
        monkeypatch.delenv(name, raising=False)


def newer(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    with writing(engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()


def no_database(url: str) -> None:
    Path(url.removeprefix("sqlite:///")).write_text("this is a letter, not a database\n" * 100)


def a_folder(url: str) -> None:
    Path(url.removeprefix("sqlite:///")).mkdir()


def refused(*words: str, **variables: str) -> str:
    result = CliRunner(env=variables).invoke(app, words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    said = result.stderr.strip()
    assert said.startswith("orderhub: ")
    assert "\n" not in said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "not a database URL"),
        ("mysql://localhost/x", "not supported"),
        ("sqlite://", "keeps nothing"),
        ("sqlite:///x.sqlite?synchronous=off", "acknowledged orders"),
        ("postgresql://nobody@127.0.0.1:1/none", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused(command: str, url: str, says: str) -> None:
    assert says in refused(command, "--database", url)


@pytest.mark.postgres
@pytest.mark.parametrize("words", [("list",), ("export",), ("show", "A-1")])
def test_a_database_that_goes_away_under_a_command_is_one_sentence(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    Ledger.open(postgres_url, RECORD_TYPES).close()
    read = Ledger.read
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    )

    def goes_away(self: Ledger, ask: Callable[..., object]) -> object:
        with self.engine.connect(), psycopg.connect(postgres_url) as other:
            other.execute(f"{cut} AND pid <> pg_backend_pid()")
        return read(self, ask)

    monkeypatch.setattr(Ledger, "read", goes_away)
    key = {"ORDERHUB_SECRET_KEY": "k" * 32}
    said = refused("order", *words, "--database", postgres_url, **key)
    assert "The database cannot be used any more: " in said


@pytest.mark.postgres
@pytest.mark.parametrize(
    "words",
    [
        ("order", "list", "--token", "xx"),
        ("init", "--yes"),
        ("init", "--empty"),
        ("migrate", "--plan"),
        ("token", "list", "nobody"),
    ],
)
def test_no_message_shows_the_password_of_the_database(
    postgres_url: str, words: tuple[str, ...]
) -> None:
    at = make_url(postgres_url).set(password="S3cret", drivername="postgresql")
    if words[0] == "init":
        assert CliRunner().invoke(app, [*words, "--database", postgres_url]).exit_code == 0
    for secret in (at, at.set(port=1), at.set(host="no.invalid", query={"password": "S3cret"})):
        url = secret.render_as_string(hide_password=False)
        result = CliRunner().invoke(app, [*words, "--database", url])
        assert "S3cret" not in result.output
        assert result.exit_code == (0 if secret is at and "--plan" in words else 2), result.output


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize(
    ("made", "says"),
    [(newer, "newer OrderHub"), (no_database, "cannot be opened"), (a_folder, "cannot be opened")],
)
def test_a_file_that_is_no_database_of_ours_is_refused(
    sqlite_url: str, command: str, made: Callable[[str], None], says: str
) -> None:
    made(sqlite_url)
    assert says in refused(command, "--database", sqlite_url)


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example"])
def test_a_host_that_is_no_name_is_refused(sqlite_url: str, host: str) -> None:
    said = refused("serve", "--database", sqlite_url, "--host", host)
    assert said.endswith(f"'{host}' is no address to listen on.")


@pytest.mark.parametrize("command", ["serve", "check"])
def test_an_unknown_setting_is_refused(sqlite_url: str, command: str) -> None:
    said = refused(command, "--database", sqlite_url, ORDERHUB_PROT="1")
    assert "ORDERHUB_PROT is not a setting" in said


def test_a_file_that_cannot_be_written_is_refused() -> None:
    said = refused("serve", "--database", "sqlite:////dev/null/hub.sqlite")
    assert "cannot be made: not a directory" in said


@pytest.mark.parametrize("words", [("serve",), ("init", "--yes"), ("init", "--empty")])
def test_no_folder_is_made_out_of_a_mistyped_path(tmp_path: Path, words: tuple[str, ...]) -> None:
    said = refused(*words, "--database", f"sqlite:///{tmp_path}/no-such-folder/x.sqlite")
    assert said.endswith(f"cannot be made: there is no folder {tmp_path}/no-such-folder.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("check",),
        ("token", "list", "operator"),
        ("token", "create", "operator", "--scope", "operator"),
        ("tenant", "create", "acme"),
        ("clock", "show", "acme"),
        ("secrets", "rotate"),
    ],
    ids=" ".join,
)
def test_only_serve_demo_and_init_make_a_database(tmp_path: Path, words: tuple[str, ...]) -> None:
    said = refused(*words, "--database", f"sqlite:///{tmp_path / 'none.sqlite'}")
    assert said.startswith(f"orderhub: There is no database {tmp_path / 'none.sqlite'}: ")
    assert "orderhub init" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_a_command_makes_no_ledger_in_an_empty_postgresql(postgres_url: str) -> None:
    assert "There is no ledger in" in refused("tenant", "list", "--database", postgres_url)
    engine = open_engine(postgres_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


def test_a_port_that_is_taken_is_refused(sqlite_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused("serve", "--database", sqlite_url, "--port", port)
    assert said == f"orderhub: Cannot listen on 127.0.0.1 port {port}: address already in use."
    assert not Path(sqlite_url.removeprefix("sqlite:///")).exists(), "nothing is left behind"
    again = CliRunner().invoke(app, ["serve", "--database", sqlite_url, "--port", "0"])
    assert again.exit_code == 0


def test_a_second_server_on_one_file_is_refused_and_told_where_the_first_is(
    sqlite_url: str,
) -> None:
    lock = ServeLock(sqlite_url)
    lock.take("http://127.0.0.1:7777", create=True)
    assert "http://127.0.0.1:7777" in refused("serve", "--database", sqlite_url)
    lock.release()
    assert (
        CliRunner().invoke(app, ["serve", "--database", sqlite_url, "--port", "0"]).exit_code == 0
    )


def test_serving_makes_the_database_and_no_credential(sqlite_url: str) -> None:
    assert (
        CliRunner().invoke(app, ["serve", "--database", sqlite_url, "--port", "0"]).exit_code == 0
    )
    ledger = Ledger.open(sqlite_url, RECORD_TYPES)
    assert ledger.read(lambda reads: reads.tenants()) == ()
    assert ledger.read(lambda reads: reads.credentials(None)) == ()
    ledger.close()


# --- orderhub check


def test_check_says_that_every_law_holds(sqlite_url: str) -> None:
    with world.open_world(sqlite_url) as ledger:
        world.place(ledger, world.basket())
    result = CliRunner().invoke(app, ["check", "--database", sqlite_url])
    assert result.exit_code == 0
    assert result.stdout.startswith("every law holds (1 orders, 1 lines, 1 events")


def test_check_names_each_breach_and_exits_with_1(sqlite_url: str) -> None:
    with world.open_world(sqlite_url) as ledger:
        world.place(ledger, world.basket())
        with writing(ledger.engine).begin() as connection:
            connection.execute(text("UPDATE pool SET available = 3 WHERE subject = 'product:188'"))
            connection.execute(text("UPDATE orders SET total = total + 1"))
    result = CliRunner().invoke(app, ["check", "--database", sqlite_url])
    assert result.exit_code == 1
    assert "stock product:188 A: available 3" in result.stdout
    assert "net + tax = total on every order" in result.stdout
    assert result.stdout.strip().splitlines()[-1].endswith("moves)")


def test_check_changes_nothing(sqlite_url: str) -> None:
    with world.open_world(sqlite_url) as ledger:
        world.place(ledger, world.basket())
    path = sqlite_url.removeprefix("sqlite:///")
    before = dump(path)
    CliRunner().invoke(app, ["check", "--database", sqlite_url])
    assert dump(path) == before


def test_check_leaves_no_connection_open(sqlite_url: str) -> None:
    with world.open_world(sqlite_url):
        pass
    opened: list[object] = []
    note, forget = (lambda each, _: opened.append(each)), (lambda each, _: opened.remove(each))
    event.listen(Pool, "connect", note)
    event.listen(Pool, "close", forget)
    try:
        for url in (sqlite_url, f"{sqlite_url}.none"):
            CliRunner().invoke(app, ["check", "--database", url])
    finally:
        event.remove(Pool, "connect", note)
        event.remove(Pool, "close", forget)
    assert opened == []


def dump(path: str) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


# --- orderhub conform


@pytest.mark.parametrize("text", [None, "{"], ids=["no file", "no JSON"])
def test_conform_needs_an_order_it_can_read(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "order.json"
    if text is not None:
        file.write_text(text)
    words = [
        "conform",
        "--base-url",
        "http://127.0.0.1:1",
        "--dialect",
        "mews",
        "--create",
        str(file),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "holds no JSON" in " ".join(result.stderr.split())
