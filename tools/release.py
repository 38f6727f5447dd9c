"""`make release VERSION=0.2.0`: the version, the changelog's section, frozen migrations, a wheel, a commit, a tag.

Everything is looked at before anything is written, and a wheel that cannot be built leaves nothing behind.
Nothing is pushed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tools import frozen, wheel

CHANGELOG = Path("CHANGELOG.md")
VERSION = Path("src/orderhub/__init__.py")  # the one place that says it
_VERSION_LINE = re.compile(r'^__version__ = "(.*)"$', re.MULTILINE)
_UNRELEASED = "## [Unreleased]\n"
_NUMBERS = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class ReleaseRefused(Exception):
    """Why there is no release; the message is one sentence that says what to do."""


def git(root: Path, *words: str) -> str:
    """What git prints. Raises ReleaseRefused with what it complains of."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseRefused(f"git {words[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def numbers(version: str) -> tuple[int, ...]:
    """0.10.0 -> (0, 10, 0). Raises ReleaseRefused."""
    if not _NUMBERS.fullmatch(version):
        raise ReleaseRefused(f"{version!r} is no version: say VERSION=0.2.0, three numbers.")
    return tuple(map(int, version.split(".")))


def version_of(root: Path) -> str:
    found = _VERSION_LINE.search((root / VERSION).read_text("utf-8"))
    if found is None:
        raise ReleaseRefused(f"{VERSION} has no line that sets __version__.")
    return found[1]


def unreleased(changelog: str) -> str:
    """What stands under Unreleased. Raises ReleaseRefused when nothing does."""
    before, found, after = changelog.partition(_UNRELEASED)
    if not found or _UNRELEASED in before + after:
        raise ReleaseRefused(f"{CHANGELOG} must have one section {_UNRELEASED.strip()}.")
    section = re.split(r"^## \[", after, maxsplit=1, flags=re.MULTILINE)[0].strip()
    if not re.search(r"^- ", section, re.MULTILINE):
        raise ReleaseRefused(
            f"{CHANGELOG} has nothing under Unreleased: there is nothing to release."
        )
    return section


def dated(changelog: str, version: str, day: str) -> str:
    """The changelog with its Unreleased section under this version, and an empty one above."""
    return changelog.replace(_UNRELEASED, f"{_UNRELEASED}\n## [{version}] - {day}\n", 1)


def look(root: Path, version: str) -> str:
    """The section to be released. Raises ReleaseRefused when this cannot become a release."""
    wanted = numbers(version)
    if git(root, "status", "--porcelain"):
        raise ReleaseRefused(
            "There are changes that are not committed: commit or stash them first."
        )
    last = version_of(root)
    if wanted <= numbers(last):
        raise ReleaseRefused(f"{version} is not above the version that stands, {last}.")
    if git(root, "tag", "--list", f"v{version}"):
        raise ReleaseRefused(f"The tag v{version} exists already.")
    if broken := frozen.changed(root):
        raise ReleaseRefused(f"Released migrations were changed: {', '.join(broken)}.")
    return unreleased((root / CHANGELOG).read_text("utf-8"))


def release(root: Path, version: str, day: str) -> Path:
    """Make the release; returns the wheel's path. Raises ReleaseRefused and BuildFailed, and nothing is changed."""
    section = look(root, version)
    try:
        _write(root, version, day)
        built = wheel.build(root, root / "dist")
    except BaseException:
        git(root, "checkout", "--", ".")
        raise
    git(root, "commit", "--all", "--message", f"Release {version}")
    message = f"OrderHub {version}\n\n{section}"
    git(root, "tag", "--annotate", f"v{version}", "--cleanup=verbatim", "--message", message)
    return built


def _write(root: Path, version: str, day: str) -> None:
    source = (root / VERSION).read_text("utf-8")
    (root / VERSION).write_text(_VERSION_LINE.sub(f'__version__ = "{version}"', source), "utf-8")
    changelog = (root / CHANGELOG).read_text("utf-8")
    (root / CHANGELOG).write_text(dated(changelog, version, day), "utf-8")
    frozen.freeze(root)


def main(words: list[str]) -> int:
    version = words[0] if words else ""
    try:
        built = release(Path.cwd(), version, datetime.now(UTC).date().isoformat())
    except (ReleaseRefused, wheel.BuildFailed) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"OrderHub {version} is committed, tagged v{version} and built: dist/{built.name}")
    print("Publish it with `git push --follow-tags`.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
