"""What pyproject.toml asks for is used, and what is imported is asked for by name."""

import ast
import re
import tomllib
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEVELOPING = ("tests", "bench", "prove", "tools")

# Used without an import and without a command of their own: where, and by what words.
USED_BY_WORDS = {
    "hatchling": ("pyproject.toml", 'build-backend = "hatchling.build"'),
    "pytest-xdist": ("Makefile", "pytest -n $(WORKERS)"),
}

# Whoever runs pytest brings it, and nobody else needs it.
PLUGIN = ROOT / "src" / "orderhub" / "pytest_plugin.py"


def required(entries: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=!~; ]", entry)[0]) for entry in entries}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def used_in(*folders: str) -> tuple[set[str], set[str]]:
    """Top-level names that are imported, and words of short texts ("postgresql+psycopg" are two)."""
    found = [_used(path) for folder in folders for path in (ROOT / folder).rglob("*.py")]
    imported, words = ([each[which] for each in found] for which in (0, 1))
    return set().union(*imported), set().union(*words)


@cache
def _used(path: Path) -> tuple[set[str], set[str]]:
    imported, words = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
        elif is_word(node):
            words |= set(re.findall(r"\w+", node.value))
    return imported, words


def is_word(node: ast.AST) -> bool:
    """Prose may name what is not used."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value


def distributions_of(modules: set[str]) -> set[str]:
    known = packages_distributions()
    return {normal(name) for module in modules for name in known.get(module, ())}


def has_command(name: str) -> bool:
    """Whether the Makefile runs one of its programs."""
    makefile = (ROOT / "Makefile").read_text()
    installed = [path.name for path in distribution(name).files or () if path.parent.name == "bin"]
    return any(re.search(rf"\$\(BIN\)/{re.escape(each)}\b", makefile) for each in installed)


RUNTIME = required(PROJECT["dependencies"])
DEV = required(PROJECT["optional-dependencies"]["dev"])


def test_every_runtime_dependency_is_used() -> None:
    imported, words = used_in("src")
    unused = sorted(RUNTIME - distributions_of(imported | words))
    assert not unused, "nothing under src uses them: take them out and run `make lock`"


def test_every_development_dependency_is_used() -> None:
    imported, words = used_in(*DEVELOPING)
    used = distributions_of(imported | words) | set(USED_BY_WORDS)
    unused = sorted(name for name in DEV - used if not has_command(name))
    assert not unused, "no test, tool or command uses them: take them out and run `make lock`"


@pytest.mark.parametrize(
    ("folders", "allowed"), [(("src",), RUNTIME), (DEVELOPING, RUNTIME | DEV)], ids=["src", "dev"]
)
def test_what_is_imported_is_asked_for(folders: tuple[str, ...], allowed: set[str]) -> None:
    imported, _ = used_in(*folders)
    borrowed = sorted(distributions_of(imported) - allowed - {"orderhub", "pytest"})
    assert not borrowed, "they come only with something else: add them and run `make lock`"


def test_pytest_is_imported_by_its_plugin_alone() -> None:
    source = {path for path in (ROOT / "src").rglob("*.py") if "import pytest" in path.read_text()}
    assert source == {PLUGIN}


def test_nothing_is_asked_for_twice() -> None:
    assert not RUNTIME & DEV


@pytest.mark.parametrize("name", sorted(USED_BY_WORDS))
def test_what_is_used_by_words_is_still_used(name: str) -> None:
    file, words = USED_BY_WORDS[name]
    assert name in DEV
    assert words in (ROOT / file).read_text()
