"""orderhub init: from an empty database to an order through each door, by the very commands that it prints."""

import os
import pty
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderhub import merchant
from orderhub.cli.commands import app
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import open_engine
from tests.support.hub_process import LIMIT_S, PROGRAM, Served, environment, wait_for

DOORS = ("anqicms", "kakaclo", "mews", "sitecore_cdp", "tours4fun")
# What each vendor answers to an order that was taken; without samples, to a look.
TAKEN = (
    r'{"code":0,.*"order_id":"\d+"',
    r'{"code":10000,"message":"success","data":\d+}',
    r'{"OrderId":"[0-9a-f-]{36}"}',
    r'{"ref":"[0-9a-f-]{36}",.*"referenceId":"FIRST-\d+-\d+"',
    r'{"code":0,"msg":"","data":{"order_id":\d+}}',
)
LOOKED = (
    r'{"code":0,.*"title":"Customer"',
    r'{"code":10000,"message":"success",.*"total":0',
    r'{"Enterprises":\[{"Id":"[0-9a-f-]{36}"',
    r'{"href":.*"items":\[\]}',
    r'{"code":0,"msg":"success",.*"total_num":0',
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def init(url: str, *words: str, **variables: str) -> str:
    """What it prints; as someone without a key."""
    variables = {"ORDERHUB_SECRET_KEY": "", **variables}
    result = CliRunner(env=variables).invoke(app, ["init", "--database", url, *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(url: str, *words: str) -> str:
    result = CliRunner().invoke(app, ["init", "--database", url, *words])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    (said,) = result.stderr.splitlines()
    return said


def commands(printed: str) -> dict[str, str]:
    """The titled commands: title -> the command under it."""
    return dict(re.findall(r"^# (\S[^\n]*: [^\n]*)\n((?:curl|t=)[^\n]*)$", printed, re.MULTILINE))


def key_in(printed: str) -> str:
    return "".join(re.findall(r"^export ORDERHUB_SECRET_KEY=(\S+)$", printed, re.MULTILINE))


@contextmanager
def served(url: str, log: Path, port: int, key: str) -> Iterator[Served]:
    """`orderhub serve` where the printed commands look for it."""
    variables = environment(ORDERHUB_SECRET_KEY=key, ORDERHUB_PORT=str(port))
    words = [*PROGRAM, "serve", "--database", url]
    with log.open("ab") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, env=variables)
    try:
        hub = Served(process, log, f"http://127.0.0.1:{port}")

        def is_ready() -> bool:
            assert process.poll() is None, log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    return False
            return hub.ready == 200

        wait_for(is_ready, "an answer")
        yield hub
    finally:
        process.kill()
        process.wait()


def pasted(command: str) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), TAKEN),
        (("--currency", "JPY", "--time-zone", "Asia/Tokyo", "--warehouses", "A:JP,B"), TAKEN),
        (("--no-samples",), LOOKED),
    ],
    ids=["as usual", "elsewhere", "without samples"],
)
@pytest.mark.slow
def test_what_is_printed_succeeds_when_it_is_pasted(
    database_url: str, tmp_path: Path, words: tuple[str, ...], says: tuple[str, ...]
) -> None:
    port = free_port()
    printed = init(database_url, "--yes", *words, ORDERHUB_PORT=str(port))
    found = commands(printed)
    assert len(found) == len(DOORS)
    with served(database_url, tmp_path / "log", port, key_in(printed)) as hub:
        for (title, command), answer in zip(found.items(), says, strict=True):
            for _ in range(2):  # one that was pasted may be pasted again
                assert re.match(answer, pasted(command)), (title, hub.log.read_text())
        token = re.findall(r"^# The token of shop: (\S+)$", printed, re.MULTILINE)[0]
        operator = re.findall(r"^# The operator's token: (\S+)$", printed, re.MULTILINE)[0]
        orders = hub.ask("GET", "/hub/v1/orders", token).json()["items"]
        assert len(orders) == (2 * len(DOORS) if says is TAKEN else 0)
        assert hub.ask("GET", "/hub/v1/tenants", operator).json()["items"] == [
            {"name": "shop", "title": None}
        ]
        counted = hub.ask("GET", "/hub/v1/tenants/shop/pools", token).json()["items"]
        # Three doors sold two mugs each out of one stock.
        left = [each["available"] for each in counted]
        assert left == ([94, 100, 100] if says is TAKEN else [])
    engine = open_engine(database_url)
    assert check_ledger(engine).breaches == []
    engine.dispose()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.slow
def test_each_door_works_alone(sqlite_url: str, tmp_path: Path, door: str) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    printed = init(sqlite_url, "--yes", "--doors", door, "--public-url", f"{address}/")
    ((_, command),) = commands(printed).items()
    assert f"{address}/" in command
    assert f"{address}//" not in command
    key = key_in(printed)
    assert bool(key) is (door in ("anqicms", "tours4fun"))  # the others keep no secret
    with served(sqlite_url, tmp_path / "log", port, key):
        assert re.match(TAKEN[DOORS.index(door)], pasted(command))


def test_a_key_that_is_there_is_used_and_not_shown(sqlite_url: str, tmp_path: Path) -> None:
    printed = init(sqlite_url, "--yes", ORDERHUB_SECRET_KEY="a key of one's own")
    assert "SECRET_KEY" not in printed
    assert "a key of one's own" not in printed
    refused = CliRunner(env={"ORDERHUB_SECRET_KEY": "another"}).invoke(
        app, ["serve", "--database", sqlite_url, "--port", "0"]
    )
    assert refused.exit_code == 2
    assert "ORDERHUB_SECRET_KEY" in refused.stderr


def test_a_second_init_changes_nothing(database_url: str) -> None:
    init(database_url, "--yes")
    assert "has tenants already (shop)" in refused(database_url, "--yes", "--name", "other")
    listed = CliRunner().invoke(app, ["tenant", "list", "--database", database_url])
    assert listed.stdout.count('"name"') == 1


def test_an_operator_who_is_there_stays_the_only_one(sqlite_url: str) -> None:
    init(sqlite_url, "--empty")
    assert "operator's token" not in init(sqlite_url, "--yes")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--name", "My Shop"), "--name is 1 to 63 of a-z"),
        (("--name", "operator"), "--name is 1 to 63 of a-z"),
        (("--currency", "XXZ"), "--currency is a currency of ISO 4217"),
        (("--currency", "eur"), "--currency is a currency of ISO 4217"),
        (("--time-zone", "Mars/Base"), "--time-zone is an IANA name"),
        (("--time-zone", ""), "--time-zone is empty"),
        (("--time-zone", "Europe"), "--time-zone is an IANA name"),
        (("--doors", "anqicms,fax"), "--doors is all, or some of anqicms,"),
        (("--doors", ""), "--doors is empty"),
        (("--warehouses", ""), "--warehouses is empty"),
        (("--warehouses", ","), "--warehouses is one code or several"),
        (("--warehouses", "A,A"), "--warehouses is one code or several"),
        (("--warehouses", "A:XX"), "--warehouses is codes with a country"),
        (("--public-url", "hub.example"), "--public-url: 'hub.example' is no address"),
        (("--empty", "--name", "x"), "--empty makes no business: leave out --name"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    sqlite_url: str, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    before = sorted(tmp_path.iterdir())
    assert says in refused(sqlite_url, "--yes", *words)
    assert sorted(tmp_path.iterdir()) == before


def test_whatever_goes_wrong_leaves_no_new_file(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(merchant.Seeder, "hub_token", fails)
    before = sorted(tmp_path.iterdir())
    result = CliRunner().invoke(app, ["init", "--yes", "--database", sqlite_url])
    assert isinstance(result.exception, ZeroDivisionError)
    assert sorted(tmp_path.iterdir()) == before


def test_nothing_is_made_while_it_cannot_be_shown(database_url: str, tmp_path: Path) -> None:
    """Its secrets are kept under a key that is shown now and never again."""
    words = [*PROGRAM, "init", "--yes", "--database", database_url]
    before = sorted(tmp_path.iterdir())
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, env=environment(), text=True, check=False
        )
    assert done.returncode == 2
    said = (
        "orderhub: The tokens cannot be shown, so that nothing is made: no space left on device.\n"
    )
    assert done.stderr == said
    assert sorted(tmp_path.iterdir()) == before
    again = CliRunner().invoke(app, ["init", "--yes", "--database", database_url])
    assert again.exit_code == 0, again.output


def test_without_a_terminal_nothing_is_guessed(sqlite_url: str) -> None:
    said = refused(sqlite_url, "--name", "acme")
    assert said.endswith(
        "say --yes for what is usual, or --currency, --time-zone, --doors, --warehouses."
    )


def test_on_a_terminal_it_asks_until_the_answer_is_right(tmp_path: Path) -> None:
    answers = ["Acme!", "acme", "EURO", "EUR", "Europe/Berlin", "kakaclo,mews", ""]
    main, side = pty.openpty()
    words = [*PROGRAM, "init", "--database", f"sqlite:///{tmp_path / 'hub.sqlite'}"]
    process = subprocess.Popen(
        words, stdin=side, stdout=subprocess.PIPE, stderr=side, env=environment(), close_fds=True
    )
    os.close(side)
    for answer in answers:
        _read_until(main, b"]:")
        os.write(main, f"{answer}\n".encode())
    assert process.stdout is not None
    with process.stdout:
        printed = process.stdout.read().decode()
    assert process.wait(LIMIT_S) == 0
    os.close(main)
    assert printed.startswith("# acme is set up in sqlite:///")
    assert "in EUR." in printed
    assert len(commands(printed)) == 2
    assert "MAIN" not in printed


def _read_until(descriptor: int, mark: bytes) -> None:
    seen = b""
    deadline = time.monotonic() + LIMIT_S
    while mark not in seen:
        ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        assert ready, seen
        seen += os.read(descriptor, 1024)


def test_help_stays_quick() -> None:
    """A command imports what it needs when it runs: the hub itself is not among it."""
    code = (
        "import sys; from orderhub.cli.commands import app; "
        "sys.exit(any(each in sys.modules for each in ('sqlalchemy', 'orderhub.app')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
