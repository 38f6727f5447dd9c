"""`make browser`: the desk of a real demo, tried in the system's own Chromium.

Where there is none, root installs Debian's; anybody else is told what is needed. Exit 0: all of it holds; 1: not all;
2: it could not be tried, and nothing is said to hold.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.chromium import chromium

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-noto-cjk")  # with letters for both languages
HOLDS, FAILS, NOT_TRIED = 0, 1, 2
_WAIT_S = 900


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make browser", description=__doc__)
    parser.add_argument(
        "--pictures", action="store_true", help="the pictures of the guides are made anew"
    )
    given, more = parser.parse_known_args(words)
    why = "" if chromium() else install()
    if why:
        print(f"browser: not run ({why})")
        return NOT_TRIED
    if given.pictures:
        more.append("--pictures")
    tests = [sys.executable, "-m", "pytest", "-q", "tests/browser", *more]
    return FAILS if subprocess.run(tests, cwd=ROOT, check=False).returncode else HOLDS


def install() -> str:
    """Debian's Chromium, by whoever may. Gives why it could not be; empty = it is there."""
    command = f"apt-get install {' '.join(PACKAGES)}"
    if not shutil.which("apt-get"):
        return "no Chromium is installed: install one, or name it in ORDERHUB_CHROMIUM"
    if os.geteuid() != 0:
        return f"no Chromium is installed: `{command}` as root, or name one in ORDERHUB_CHROMIUM"
    print(f"Installing {', '.join(PACKAGES)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        try:
            done = subprocess.run(
                ["apt-get", "--quiet", *step],
                env=environment,
                stdout=subprocess.DEVNULL,
                timeout=_WAIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"apt-get {step[0]} took longer than {_WAIT_S} s"
        if done.returncode:
            return f"apt-get {step[0]} failed"
    return "" if chromium() else "no Chromium was found once it was installed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
