"""The newest release as its users have it: the wheel of the newest tag, built out of git.

Which releases there are, the changelog says. A clone that lacks their tags cannot try an upgrade: the tests that would
are then not run, and the last lines of the run say so. Its dependencies are those of this environment.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from tools import wheel

ROOT = Path(__file__).resolve().parents[2]
_RELEASE = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - ", re.MULTILINE)


class TagMissing(Exception):
    """A release that the changelog names has no tag here."""


def newest(root: Path = ROOT) -> str:
    """The tag of the newest release; HEAD as long as nothing was released. Raises TagMissing."""
    versions = _RELEASE.findall((root / "CHANGELOG.md").read_text("utf-8"))
    if not versions:
        return "HEAD"
    tag = f"v{versions[0]}"
    if not _has(root, tag):
        raise TagMissing(
            f"This clone has no tag {tag}, so the release that users upgrade from cannot be built: "
            "run `git fetch --tags`."
        )
    return tag


def unpacked(tag: str, folder: Path, root: Path = ROOT) -> Path:
    """The folder with the package of that tag's wheel, for `run`. Raises BuildFailed."""
    sources = folder / "sources"
    with tarfile.open(fileobj=io.BytesIO(_git(root, "archive", "--format=tar", tag))) as archive:
        archive.extractall(sources, filter="data")
    built = wheel.build(sources, folder)
    with zipfile.ZipFile(built) as files:
        files.extractall(folder / "package")
    return folder / "package"


def environment(package: Path) -> dict[str, str]:
    """For a process whose `orderhub` is the unpacked one."""
    kept = {name: each for name, each in os.environ.items() if not name.startswith("ORDERHUB_")}
    return {**kept, "PYTHONPATH": str(package)}


def command(*words: str) -> list[str]:
    """`orderhub …` of the environment that it is run in."""
    return [sys.executable, "-c", "from orderhub.cli import main; main()", *words]


def _has(root: Path, tag: str) -> bool:
    """Whether the tag is there; it is not where there is no repository at all."""
    try:
        return bool(_git(root, "tag", "--list", tag))
    except (OSError, subprocess.CalledProcessError):
        return False


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, check=True).stdout
