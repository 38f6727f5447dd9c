"""Migrations that were released never change: a database that ran one would not run it again.

`released.sha256` has a line for each, as `sha256sum` writes them; `make release` adds those that are new.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

MIGRATIONS = Path("src/orderhub/ledger/migrations")
RELEASED = MIGRATIONS / "released.sha256"


def released(root: Path) -> dict[str, str]:
    """File name -> SHA-256 of every migration that was released."""
    lines = (root / RELEASED).read_text("utf-8").splitlines()
    return {name.removeprefix("versions/"): digest for digest, name in map(str.split, lines)}


def present(root: Path) -> dict[str, str]:
    """File name -> SHA-256 of every migration there is."""
    files = sorted((root / MIGRATIONS / "versions").glob("[0-9]*.py"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def changed(root: Path) -> list[str]:
    """Released migrations that are gone or no longer what they were."""
    stand = present(root)
    return [name for name, digest in released(root).items() if stand.get(name) != digest]


def freeze(root: Path) -> None:
    """Note all migrations as released."""
    lines = [f"{digest}  versions/{name}\n" for name, digest in present(root).items()]
    (root / RELEASED).write_text("".join(lines), "utf-8")
