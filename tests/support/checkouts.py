"""A checkout of its own, with what stands in this one: for tools that write files, commits and tags."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_NAMED = {
    "GIT_AUTHOR_NAME": "tester",
    "GIT_AUTHOR_EMAIL": "tester@example.org",
    "GIT_COMMITTER_NAME": "tester",
    "GIT_COMMITTER_EMAIL": "tester@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "golden", "*.sqlite*")


class Checkout:
    """A folder under git; its own `tools` and `orderhub` are those that run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("src", "tools", "docs"):
            shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore"):
            shutil.copy(ROOT / name, folder / name)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("All of it")

    @property
    def _environment(self) -> dict[str, str]:
        ours = {"PYTHONPATH": f"{self.folder / 'src'}{os.pathsep}{self.folder}"}
        return {**os.environ, **_NAMED, **ours, "PYTHONDONTWRITEBYTECODE": "1"}

    def git(self, *words: str) -> str:
        done = subprocess.run(
            ["git", *words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, subject: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)

    def run(self, module: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self._python("-m", module, *words)

    def orderhub(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._python("-c", "from orderhub.cli import main; main()", *words)

    def _python(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def text(self, name: str) -> str:
        return (self.folder / name).read_text("utf-8")

    def rewrite(self, name: str, old: str, new: str) -> None:
        text = self.text(name)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        (self.folder / name).write_text(text.replace(old, new), "utf-8")
