"""A wheel out of a folder with the sources, without network: the build backend is installed already."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


class BuildFailed(Exception):
    """The message is what the build backend said."""


def build(sources: Path, into: Path) -> Path:
    """Returns the path of the wheel, in `into`. Raises BuildFailed."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", scratch]
        done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildFailed(f"The wheel cannot be built: {done.stderr.strip()}")
        (built,) = Path(scratch).glob("*.whl")
        into.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(built, into / built.name))


def main() -> int:
    """`make wheel`: into dist/."""
    root = Path(__file__).resolve().parents[1]
    try:
        print(build(root, root / "dist"))
    except BuildFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
