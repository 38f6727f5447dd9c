"""A fixture: what somebody has who installs the wheel. A plugin of every test run."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `python` and `orderhub`, of the wheel alone; its dependencies are those of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False)
    programs = folder / "venv" / "bin"
    python = str(programs / "python")
    pip = (sys.executable, "-m", "pip", "--python", python, "install")
    _run(*pip, "--no-deps", "--no-index", "--no-compile", str(wheel))
    site = _run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    # A path in a .pth file brings what is installed there, but not the .pth of the checkout.
    Path(site.strip(), "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    where = _run(python, "-c", "import orderhub; print(orderhub.__file__)", cwd=folder)
    assert where.startswith(str(folder))
    return programs


def _run(*words: str, cwd: Path | None = None) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, cwd=cwd).stdout
