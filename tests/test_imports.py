"""Importing anything does nothing, loads no vendor that was not asked for, and stands where a reader sees it."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderhub.dialects.finding import dialect_names

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
# A program of Alembic's: it runs when migrations do, and can be imported by nobody else.
PROGRAMS = {"orderhub.ledger.migrations.env"}
# A command loads what it needs when it is run, so that `orderhub --help` is quick; and pytest loads the plugin for
# everybody, whoever asks for the fixture.
LATE = (SRC / "orderhub" / "cli", SRC / "orderhub" / "pytest_plugin.py")
# They load parts of a dialect's folder by the dialect's name.
BY_NAME = {"orderhub.dialects.finding", "orderhub.dialects.member_tables"}
VENDORS = tuple(f"orderhub.dialects.{name}" for name in dialect_names())


def name_of(path: Path) -> str:
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> list[str]:
    return sorted({name_of(path) for path in SRC.rglob("*.py")} - PROGRAMS)


def imported(names: list[str], tmp_path: Path) -> dict[str, list[str]]:
    """What importing these does in an interpreter of their own, in an empty folder."""
    run = subprocess.run(
        [sys.executable, "-B", "-m", "tests.support.importing", *names],
        cwd=ROOT,
        env={"PATH": "", "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert not list(tmp_path.iterdir())
    found: dict[str, list[str]] = json.loads(run.stdout)
    return found


def test_importing_any_module_does_nothing(tmp_path: Path) -> None:
    names = modules()
    assert len(names) > 250
    found = imported(names, tmp_path)
    assert set(names) <= set(found["loaded"])
    assert found["effects"] == []


def test_nobody_but_a_vendors_own_folder_loads_a_vendor(tmp_path: Path) -> None:
    """Dialects are met when they are looked for: importing the app or a command meets none."""
    names = [name for name in modules() if not name.startswith(VENDORS)]
    assert {"orderhub.web.hub_api", "orderhub.app", "orderhub.cli.commands"} <= set(names)
    loaded = imported(names, tmp_path)["loaded"]
    assert [name for name in loaded if name.startswith(VENDORS)] == []


@pytest.mark.parametrize(
    ("source", "effect"),
    [
        ("open('left.txt', 'w').close()", "opens"),
        ("import socket; socket.socket()", "socket.__new__"),
        ("import threading; threading.Thread(target=int).start()", "starts Thread"),
        ("import sqlite3; sqlite3.connect(':memory:')", "sqlite3.connect"),
        ("import logging; logging.basicConfig()", "log handler"),
        ("import os; os.environ['A'] = 'b'", "putenv"),
    ],
)
def test_what_an_import_does_would_be_seen(source: str, effect: str, tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(source)
    run = subprocess.run(
        [sys.executable, "-B", "-m", "tests.support.importing", "busy"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(run.stdout.splitlines()[-1])["effects"]
    assert any(line.startswith("busy") and effect in line for line in told), told


def hidden(source: str) -> Iterator[tuple[int, str]]:
    """(line, what) of each import that stands in a function, and of each that names its module by a text."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    yield inner.lineno, "imports in a function"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__", "resolve_name"):
                yield node.lineno, "imports by a text"


def test_no_import_hides() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} {what}: import it at the top, or have it handed in by the room above"
        for path in sorted(SRC.rglob("*.py"))
        for line, what in sorted(set(hidden(path.read_text())))
        if not (what == "imports in a function" and any(map(path.is_relative_to, LATE)))
        and not (what == "imports by a text" and name_of(path) in BY_NAME)
    ]
    assert not found, "\n" + "\n".join(found)


def test_the_rule_sees_what_it_should() -> None:
    source = """
import os
from importlib import import_module
if os.name == "nt":
    import winreg
def f():
    import json
    class C:
        def g(self):
            from a import b
import_module("x"); __import__("y")
"""
    assert sorted(set(hidden(source))) == [
        (7, "imports in a function"),
        (10, "imports in a function"),
        (11, "imports by a text"),
    ]
