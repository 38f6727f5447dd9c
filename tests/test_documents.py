"""Every file that the documents for developers name is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "orderhub"
DOCUMENTS = [
    ROOT / "docs" / "architecture.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs" / "decisions").glob("*.md")),
]
_FENCE = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_FILE = re.compile(r"[\w.*/-]*\.(?:py|md|toml|txt|svg|sha256|ya?ml|csv)|Makefile|[\w.*/-]+/")
# What a list tells to make, and what is made.
PLACES = {"<name>": "*", "NNNN": "[0-9]*"}


def named(text: str) -> Iterator[str]:
    """Paths in code spans, and the rooms and files that a tree of folders lists."""
    for block in _FENCE.findall(text):
        if block.startswith("src/orderhub/\n"):
            yield from re.findall(r"^  ([\w/]+/|\w+\.py) ", block, re.MULTILINE)
    for span in _CODE.findall(_FENCE.sub("", text)):
        for place, pattern in PLACES.items():
            span = span.replace(place, pattern)  # noqa: PLW2901 - the same name, as a pattern
        if _FILE.fullmatch(span) and not span.startswith("/"):
            yield span


def stands(name: str, document: Path) -> bool:
    """A bare name is any file of that name; a path begins at the root, in the package, or beside the document."""
    if "/" not in name.rstrip("/"):
        folders = (
            ROOT / "docs",
            PACKAGE,
            ROOT / "tests",
            ROOT / "tools",
            ROOT / "bench",
            ROOT / "prove",
        )
        return (ROOT / name).exists() or any(
            next(folder.rglob(name.rstrip("/")), None) is not None for folder in folders
        )
    return any(next(base.glob(name), None) is not None for base in (ROOT, PACKAGE, document.parent))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_is_there(document: Path) -> None:
    missing = [name for name in named(document.read_text("utf-8")) if not stands(name, document)]
    assert not missing, f"{document.name} names what is not there (was it renamed?)"


def test_the_rule_sees_what_it_should() -> None:
    text = (
        "`core/decide.py` `core/gone.py` `wire.py` `gone.py` `dialects/<name>/wire.py` `needs(x)` `/hub/v1/`\n"
        "```\nsrc/orderhub/\n  core/   pure\n  gone/   nobody\n```\n"
    )
    here = ROOT / "docs" / "architecture.md"
    missing = [name for name in named(text) if not stands(name, here)]
    assert missing == ["gone/", "core/gone.py", "gone.py"]
    assert len(list(named(text))) == 7
