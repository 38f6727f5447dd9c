"""A migration that was released is never changed: whoever ran it would not run it again."""

from pathlib import Path

from tools import frozen

ROOT = Path(__file__).resolve().parents[2]


def test_released_migrations_stand_as_they_were_released() -> None:
    assert not frozen.changed(ROOT), "put them back, and write a new one: `make migration`"


def test_the_released_ones_are_the_first_of_all() -> None:
    released, present = list(frozen.released(ROOT)), list(frozen.present(ROOT))
    assert released[:2] == ["0001_the_ledger.py", "0002_marks_of_orders.py"]
    assert present[: len(released)] == released


def test_a_change_of_one_byte_a_new_name_and_a_missing_file_are_noticed(tmp_path: Path) -> None:
    versions = tmp_path / frozen.MIGRATIONS / "versions"
    versions.mkdir(parents=True)
    for number in ("0001", "0002", "0003"):
        (versions / f"{number}_x.py").write_text("pass\n")
    frozen.freeze(tmp_path)
    assert frozen.changed(tmp_path) == []
    (versions / "0004_x.py").write_text("pass\n")
    assert frozen.changed(tmp_path) == []
    (versions / "0001_x.py").write_text("pass \n")
    (versions / "0002_x.py").rename(versions / "0002_y.py")
    (versions / "0003_x.py").unlink()
    assert frozen.changed(tmp_path) == ["0001_x.py", "0002_x.py", "0003_x.py"]
