"""A SQLite file is one hub's and stays there: real `orderhub serve` processes, and what happens to their files."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderhub.demo import OPERATOR_TOKEN
from tests.support.calls import copied
from tests.support.hub_process import (
    Served,
    bound_by_modes,
    orderhub,
    placed,
    serving,
    wait_for,
)

GONE = "was removed, moved or replaced"


@pytest.fixture
def file(demo_file: Path, tmp_path: Path) -> Path:
    return Path(copied(demo_file, tmp_path / "data").removeprefix("sqlite:///"))


@pytest.fixture
def hub(file: Path, tmp_path: Path) -> Iterator[Served]:
    with serving(f"sqlite:///{file}", tmp_path / "log") as served:
        yield served


def orders(file: Path) -> int:
    connection = sqlite3.connect(file)
    try:
        return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])
    finally:
        connection.close()


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_command_on_the_same_machine_does_not_go_by_the_public_address(
    file: Path, tmp_path: Path
) -> None:
    """Which may not be reached from here, and would be sent the token."""
    url = f"sqlite:///{file}"
    with serving(url, tmp_path / "log", ORDERHUB_PUBLIC_URL="https://hub.invalid") as served:
        assert file.with_name(f"{file.name}.lock").read_text() == served.url
        found = orderhub("tenant", "list", "--database", url, "--token", OPERATOR_TOKEN)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("is_folder_read_only", [False, True])
def test_who_may_only_read_a_ledger_saves_checks_and_copies_it(
    file: Path, tmp_path: Path, is_folder_read_only: bool
) -> None:
    before = names(file.parent)
    file.chmod(0o444)
    if is_folder_read_only:
        file.parent.chmod(0o555)
    url, other = f"sqlite:///{file}", f"sqlite:///{tmp_path / 'copy.sqlite'}"
    try:
        for words in (
            ("backup", str(tmp_path / "hub.backup"), "--database", url),
            ("check", "--database", url),
            ("migrate", "--plan", "--database", url),
            ("copy", "--from", url, "--to", other),
        ):
            done = orderhub(*words, before=bound_by_modes)
            assert done.returncode == 0, (words, done.stderr)
        assert names(file.parent) == before
    finally:
        file.parent.chmod(0o755)
    assert "every law holds" in orderhub("check", "--database", other).stdout


# --- one hub's


def symbolic(file: Path) -> Path:
    other = file.with_name("link.sqlite")
    other.symlink_to(file)
    return other


def hard(file: Path) -> Path:
    other = file.with_name("hard.sqlite")
    other.hardlink_to(file)
    return other


def unlocked(file: Path) -> Path:
    Path(f"{file}.lock").unlink()
    return file


def test_a_second_hub_is_refused_by_whatever_name_it_comes(hub: Served, file: Path) -> None:
    before = placed(hub.create())
    for way in (Path, symbolic, hard, unlocked):
        other = way(file)
        second = orderhub("serve", "--database", f"sqlite:///{other}", "--port", "0")
        assert second.returncode == 2, way
        assert "Another OrderHub serves this SQLite file" in second.stderr, way
        assert second.stderr.count("\n") == 1
        assert (hub.url in second.stderr) is (way is not unlocked), way
        assert placed(hub.create()) != before
        assert hub.ready == 200
        if other != file:
            other.unlink()
    assert hub.stop() == 0
    checked = orderhub("check", "--database", f"sqlite:///{file}")
    assert checked.stdout.startswith("every law holds")
    assert checked.returncode == 0


def test_a_command_finds_the_hub_by_whatever_name_the_file_has(hub: Served, file: Path) -> None:
    for way in (Path, symbolic, hard):
        other = way(file)
        url = f"sqlite:///{other}"
        asked = orderhub("tenant", "list", "--database", url)
        assert asked.returncode == 2, way
        assert hub.url in asked.stderr, way
        assert "a hub serves this database: give its --token" in asked.stderr
        found = orderhub("tenant", "list", "--database", url, "--token", "hub-demo-operator")
        assert '"shop"' in found.stdout, way
        if other != file:
            other.unlink()
    assert hub.stop() == 0


def test_the_lock_goes_with_the_process(hub: Served, file: Path, tmp_path: Path) -> None:
    placed(hub.create(key="k"))
    hub.process.kill()
    hub.process.wait()
    assert Path(f"{file}.lock").exists(), "a note of one who is no more"
    with serving(f"sqlite:///{file}", tmp_path / "log2") as again:
        assert again.create(key="k").headers["idempotent-replayed"] == "true"
        assert again.stop() == 0
    assert names(file.parent) == [file.name]


def test_a_name_that_does_not_lead_to_the_log_of_the_last_run_is_refused(
    hub: Served, file: Path, tmp_path: Path
) -> None:
    placed(hub.create())
    hub.process.kill()
    hub.process.wait()
    other = hard(file)
    said = orderhub("serve", "--database", f"sqlite:///{other}", "--port", "0")
    assert said.returncode == 2
    assert f"was last written as {file}" in said.stderr
    elsewhere = tmp_path / "elsewhere.sqlite"
    elsewhere.hardlink_to(file)
    said = orderhub("serve", "--database", f"sqlite:///{elsewhere}", "--port", "0")
    assert said.returncode == 2
    assert "has 3 names (hard links)" in said.stderr
    elsewhere.unlink()
    with serving(f"sqlite:///{file}", tmp_path / "log2") as again:
        assert again.stop() == 0
    assert orders(file) == 1
    with serving(f"sqlite:///{other}", tmp_path / "log3") as again:
        placed(again.create())
        assert again.stop() == 0
    assert orders(file) == 2


# --- and stays there


def removed(file: Path) -> None:
    for each in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        each.unlink()


def moved(file: Path) -> None:
    for name in ("", "-wal", "-shm"):
        Path(f"{file}{name}").rename(f"{file}.moved{name}")


def replaced(file: Path) -> None:
    shutil.copy(file, f"{file}.new")
    Path(f"{file}.new").replace(file)


@pytest.mark.parametrize("way", [removed, moved, replaced])
def test_nothing_is_acknowledged_into_a_file_that_nobody_can_reach(
    hub: Served, file: Path, way
) -> None:
    placed(hub.create())
    assert hub.ready == 200
    was = file.stat().st_ino
    way(file)
    answers = [hub.create() for _ in range(10)]
    assert {each.status_code for each in answers} == {503}
    assert all(each.headers["retry-after"] for each in answers)
    assert hub.ready == 503
    reads = [hub.ask("GET", "/hub/v1/orders") for _ in range(12)]
    assert {each.status_code for each in reads} == {503}
    assert not file.exists() or (way is replaced and file.stat().st_ino != was)
    assert len(hub.lines(GONE)) == 1, hub.log.read_text()
    assert hub.lines("Traceback") == []
    assert hub.stop() == 0
    assert not file.exists() or way is replaced
    if way is moved:
        assert orders(Path(f"{file}.moved")) == 1


def test_a_file_that_is_moved_back_is_taken_up_again(hub: Served, file: Path) -> None:
    placed(hub.create())
    moved(file)
    assert hub.create(key="k").status_code == 503
    for name in ("-shm", "-wal", ""):
        Path(f"{file}.moved{name}").rename(f"{file}{name}")
    wait_for(lambda: hub.ready == 200, "a hub that is ready again")
    placed(hub.create(key="k"))
    assert len(hub.lines("commits can be made again")) == 1
    assert hub.stop() == 0
    assert orders(file) == 2


def test_a_log_that_is_removed_is_noticed_and_what_it_held_is_kept(hub: Served, file: Path) -> None:
    placed(hub.create())
    Path(f"{file}-wal").unlink()
    assert hub.create().status_code == 503
    assert hub.ready == 503
    assert len(hub.lines("-wal was removed or replaced")) == 1
    assert hub.stop() == 0
    assert orders(file) == 1


def test_a_clean_stop_leaves_one_complete_file(hub: Served, file: Path, tmp_path: Path) -> None:
    numbers = {placed(hub.create()) for _ in range(20)}
    [hub.ask("GET", "/hub/v1/orders") for _ in range(8)]
    assert hub.stop() == 0
    assert names(file.parent) == [file.name]
    alone = Path(shutil.copy(file, tmp_path / "copy.sqlite"))
    assert len(numbers) == orders(alone) == 20


def test_serve_makes_its_file_and_a_start_that_is_refused_leaves_none(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite"
    with serving(f"sqlite:///{file}", tmp_path / "log") as hub:
        assert hub.ready == 200
        assert hub.stop() == 0
    assert names(tmp_path) == ["log", "new.sqlite"]
    said = orderhub(
        "serve",
        "--database",
        f"sqlite:///{tmp_path}/b.sqlite",
        "--host",
        "192.0.2.1",
        "--port",
        "0",
    )
    assert said.returncode == 2
    assert names(tmp_path) == ["log", "new.sqlite"]


# --- ready means ready


def test_a_locked_file_is_not_ready_and_nobody_waits_long(file: Path, tmp_path: Path) -> None:
    with serving(f"sqlite:///{file}", tmp_path / "log", ORDERHUB_ANSWER_TIMEOUT_S="1") as hub:
        assert hub.ready == 200
        outsider = sqlite3.connect(file, isolation_level=None)
        outsider.execute("BEGIN IMMEDIATE")
        answer = hub.create(key="k")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        wait_for(lambda: hub.ready == 503, "a hub that is not ready")
        assert hub.ask("GET", "/hub/v1/orders").status_code == 200, "reading needs no lock"
        outsider.execute("ROLLBACK")
        outsider.close()
        wait_for(lambda: hub.ready == 200, "a hub that is ready again")
        number = placed(hub.create(key="k"))
        assert placed(hub.create(key="k")) == number
        assert hub.stop() == 0
    assert orders(file) == 1


def test_a_disk_that_is_full_is_not_ready_until_there_is_room(file: Path, tmp_path: Path) -> None:
    """A file size limit of the process stands for the disk: it is met and lifted in the same way."""
    import resource  # noqa: PLC0415

    with serving(f"sqlite:///{file}", tmp_path / "log") as hub:
        placed(hub.create())
        log_size = Path(f"{file}-wal").stat().st_size
        limits = (log_size + 4_096, resource.RLIM_INFINITY)
        resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, limits)
        acknowledged = 1
        while (answer := hub.create()).status_code == 200:
            acknowledged += 1
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        wait_for(lambda: hub.ready == 503, "a hub that is not ready")
        assert len(hub.lines("no commit can be made:")) == 1
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, unlimited)
        wait_for(lambda: hub.ready == 200, "a hub that is ready again")
        placed(hub.create())
        assert hub.stop() == 0
    assert orders(file) == acknowledged + 1


def test_a_file_that_is_read_only_is_refused(file: Path) -> None:
    file.chmod(0o400)
    said = orderhub(
        "serve", "--database", f"sqlite:///{file}", "--port", "0", before=bound_by_modes
    )
    assert said.returncode == 2
    assert "cannot be written: permission denied" in said.stderr
