"""The rules of this repository that no linter knows, each with what to do instead."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "src" / "orderhub" / "core"

OURS = ("src", "tests", "bench", "prove", "tools")
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70

# Put together here, so that this file does not name them itself.
HOSTS = [
    ".".join(words)
    for words in (
        ("pypi", "org"),
        ("pypi", "python", "org"),
        ("files", "pythonhosted", "org"),
        ("deb", "debian", "org"),
        ("registry", "npmjs", "org"),
    )
]
MACHINE_PATH = re.compile(r"(?<![\w.\-/])/" + "work" + "/")

# What a dialect's folder holds; beside it stand files named for the vendor's own things.
FOLDER_PLAN = (
    *("__init__.py", "routes.py", "wire.py", "mapping.py", "words.py", "show.py", "access.py"),
    *("data.py", "demo.py", "conform.py", "README.md", "golden", "every_member.json"),
)
ONE_WORD_FOR_IT = {
    "auth.py": "access.py",
    "credentials.py": "access.py",
    "session.py": "access.py",
    "codes.py": "words.py",
    "errors.py": "words.py",
    "faults.py": "words.py",
    "render.py": "show.py",
    "samples.py": "demo.py",
    "models.py": "wire.py",
    "schemas.py": "wire.py",
    "shapes.py": "wire.py",
    "mappers.py": "mapping.py",
    "settings.py": "data.py",
    "paths.py": "routes.py",
    "urls.py": "routes.py",
}

NOT_OURS = {".venv", ".demo", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}

VALUE_INSTEAD = "pass it in as a value: in the command, or in what is known"
CORE_BANNED_MODULES = {
    "asyncio": "async lives at the HTTP edge; decide with plain functions",
    "logging": "return a value or an event; the edge logs",
    "psycopg": "the ledger loads and stores; take what is known as an argument",
    "random": f"no chance in core; {VALUE_INSTEAD}",
    "secrets": f"no chance in core; {VALUE_INSTEAD}",
    "sqlalchemy": "the ledger loads and stores; take what is known as an argument",
    "sqlite3": "the ledger loads and stores; take what is known as an argument",
    "structlog": "return a value or an event; the edge logs",
    "threading": "one writer calls core; nothing in it is shared",
    "time": f"no clock in core; {VALUE_INSTEAD}",
}
CORE_BANNED_NAMES = {
    "datetime.date.today": f"no clock in core; {VALUE_INSTEAD}",
    "datetime.datetime.now": f"no clock in core; {VALUE_INSTEAD}",
    "datetime.datetime.today": f"no clock in core; {VALUE_INSTEAD}",
    "datetime.datetime.utcnow": f"no clock in core; {VALUE_INSTEAD}",
    "input": f"core asks nobody; {VALUE_INSTEAD}",
    "open": f"no files in core; {VALUE_INSTEAD}",
    "os.urandom": f"no chance in core; {VALUE_INSTEAD}",
    "print": "return a value or an event; the edge prints",
    "uuid.uuid1": f"no new ids in core; {VALUE_INSTEAD}",
    "uuid.uuid4": f"no new ids in core; {VALUE_INSTEAD}",
    "uuid.uuid7": f"no new ids in core; {VALUE_INSTEAD}",
}


def test_no_file_is_longer_than_600_lines() -> None:
    long = [
        f"{shown(path)} has {count} lines: split it by noun, one noun per file"
        for folder in OURS
        for path in python_files(folder)
        if (count := len(path.read_text().splitlines())) > FILE_LINES_MAX
    ]
    assert not long, report(long)


def test_no_function_is_longer_than_70_lines() -> None:
    long = [
        f"{shown(path)}:{node.lineno} {node.name} has {count} lines: keep the guards and branches "
        "here and move the pure leaves into functions of their own"
        for folder in OURS
        for path in python_files(folder)
        if "migrations" not in path.parts  # written by Alembic, a list of tables
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (count := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long, report(long)


def test_no_text_names_a_machine_or_a_registry() -> None:
    found = []
    for path in repository_files():
        text = text_of(path)
        found += [
            f"{shown(path)} names {host}: leave it to pip's own settings"
            for host in HOSTS
            if host in text
        ]
        if MACHINE_PATH.search(text):
            found.append(f"{shown(path)} names a path of one machine: make it relative")
    assert not found, report(found)


def test_no_path_is_put_into_a_url_of_sqlite_as_it_is() -> None:
    """`%41` in a folder's name would be read as A, and what stands behind a `?` as no part of the path."""
    found = [
        f"{shown(path)} puts a path into a URL as it is: `url_of_file` of ledger/urls.py makes one"
        for path in python_files("src")
        if re.search(r"sqlite://(?:/?\{|/?%s|/*[\"'] *(?:\+|\.join|\.format))", path.read_text())
    ]
    assert not found, report(found)


def test_requirements_are_pinned_and_hashed_and_name_no_address() -> None:
    wrong = []
    for name in ("runtime", "dev"):
        path = ROOT / "requirements" / f"{name}.txt"
        text = path.read_text()
        wrong += [
            f"{shown(path)}: {line!r} is an option or an address: run `make lock`"
            for line in text.splitlines()
            if "://" in line or re.match(r"-|.* @ ", line)
        ]
        for entry in re.split(r"\n(?=[a-zA-Z])", re.sub(r"(?m)^ *#.*\n?", "", text)):
            if entry.strip() and not re.match(
                r"[\w.\-\[\],]+==\S+[^\n]*\\\n +--hash=sha256:", entry
            ):
                wrong.append(
                    f"{shown(path)}: {entry.split()[0]} has no pin or hash: run `make lock`"
                )
    assert not wrong, report(wrong)


def test_cookies_are_set_in_one_place() -> None:
    apart = [
        f"{shown(path)} sets a cookie: call set_cookie, which knows what every cookie must be"
        for path in python_files("src")
        if "set-cookie" in path.read_text().lower() and path.name != "auth.py"
    ]
    assert not apart, report(apart)


def test_every_dialects_folder_has_one_plan() -> None:
    wrong = []
    folders = dialect_folders()
    assert len(folders) >= 6
    held = {folder: {path.name for path in folder.iterdir()} - NOT_OURS for folder in folders}
    for folder, names in held.items():
        wrong += [
            f"{shown(folder)} has no {name}: see the plan of a dialect in docs/architecture.md"
            for name in FOLDER_PLAN
            if name not in names
        ]
        wrong += [
            f"{shown(folder)}/{name}: what it is for is called {ONE_WORD_FOR_IT[name]} in every dialect"
            for name in sorted(names & set(ONE_WORD_FOR_IT))
        ]
    common = set.intersection(*held.values()) - set(FOLDER_PLAN)
    wrong += [f"every dialect has {name}: make it a part of the plan" for name in sorted(common)]
    assert not wrong, report(wrong)


def dialect_folders() -> list[Path]:
    """Those of the vendors, and the toy that shows how one is written."""
    holders = (ROOT / "src" / "orderhub" / "dialects", ROOT / "tests" / "support" / "toys")
    return sorted(
        path.parent for holder in holders for path in holder.glob("*/__init__.py") if path.is_file()
    )


def test_core_is_pure() -> None:
    impure = [
        f"{shown(path)}:{line} {what}"
        for path in python_files("src")
        if path.is_relative_to(CORE)
        for line, what in impurities(ast.parse(path.read_text()))
    ]
    assert not impure, report(impure)


def test_the_purity_rule_sees_what_it_should() -> None:
    source = """
import datetime as dt, logging
from datetime import datetime as moment, UTC
from uuid import uuid4, UUID
import sqlalchemy.exc
moment.now(UTC); dt.datetime.utcnow(); uuid4(); open("x"); print("x")
async def f(): await g()
moment(2026, 1, 1); dt.timedelta(1); UUID(int=0); self.open(); now(UTC)
"""
    lines = [line for line, _ in impurities(ast.parse(source))]
    assert sorted(lines) == [2, 4, 5, *[6] * 5, 7]


def impurities(tree: ast.Module) -> Iterator[tuple[int, str]]:
    known = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, why) for why in banned_imports(node))
        elif isinstance(node, ast.Call):
            name = qualified(node.func, known)
            if name in CORE_BANNED_NAMES:
                yield node.lineno, f"calls {name}: {CORE_BANNED_NAMES[name]}"
        elif isinstance(node, ast.AsyncFunctionDef):
            yield node.lineno, f"`async def {node.name}`: {CORE_BANNED_MODULES['asyncio']}"


def banned_imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
    for alias in node.names:
        name = f"{module}.{alias.name}" if module else alias.name
        top = name.partition(".")[0]
        if top in CORE_BANNED_MODULES:
            yield f"imports {name}: {CORE_BANNED_MODULES[top]}"
        elif name in CORE_BANNED_NAMES:
            yield f"imports {name}: {CORE_BANNED_NAMES[name]}"


def imported_names(tree: ast.Module) -> dict[str, str]:
    """Local name to full name: `from datetime import datetime as dt` is dt: datetime.datetime."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def qualified(node: ast.expr, known: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{qualified(node.value, known)}.{node.attr}"
    return "?"


def python_files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def repository_files() -> list[Path]:
    """What is or could be committed; in a source archive, which has no git, every file."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        paths = [ROOT / name for name in answer.stdout.split("\0") if name]
    else:
        paths = [p for p in ROOT.rglob("*") if not NOT_OURS & set(p.relative_to(ROOT).parts)]
    return [path for path in paths if path.is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def report(lines: list[str]) -> str:
    return "\n" + "\n".join(lines)
