"""The newest release can be had from git, and where it cannot, that is said loudly."""

import subprocess
from pathlib import Path

import pytest

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import check_version, open_engine
from orderhub.ledger.ledger import Ledger
from tests.support import released
from tests.support.checkouts import Checkout
from tools import release

INIT = "src/orderhub/__init__.py"


@pytest.fixture
def newest() -> str:
    """The tag of the newest release. A clone without it cannot try an upgrade, and says so last."""
    try:
        return released.newest()
    except released.TagMissing as missing:
        pytest.skip(f"upgrades: not tried ({missing})")


@pytest.mark.slow
def test_a_ledger_of_the_newest_release_is_opened_by_this_program(
    newest: str, tmp_path: Path
) -> None:
    package = released.unpacked(newest, tmp_path)
    environment = released.environment(package)
    where = [*released.command()[:1], "-c", "import orderhub; print(orderhub.__file__)"]
    found = subprocess.run(where, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(package))
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    init = released.command("init", "--empty", "--database", url)
    subprocess.run(init, env=environment, capture_output=True, check=True)
    Ledger.open(url, RECORD_TYPES).close()
    engine = open_engine(url)
    check_version(engine)
    assert check_ledger(engine).breaches == []
    engine.dispose()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n- A change.\n")
    made.commit("A change")
    return made


def test_as_long_as_nothing_was_released_the_newest_is_what_stands(checkout: Checkout) -> None:
    assert released.newest(checkout.folder) == "HEAD"


@pytest.mark.slow
def test_the_wheel_of_a_tag_is_what_was_tagged(
    checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = checkout.run("tools.release", "98.0.0")
    assert made.returncode == 0, made.stderr
    checkout.rewrite(INIT, "98.0.0", "98.0.1")
    checkout.commit("Later")
    tag = released.newest(checkout.folder)
    assert tag == "v98.0.0"
    package = released.unpacked(tag, tmp_path_factory.mktemp("old"), checkout.folder)
    assert '__version__ = "98.0.0"' in (package / "orderhub" / "__init__.py").read_text()


def test_a_clone_without_tags_is_told_how_to_get_them(checkout: Checkout) -> None:
    made = checkout.run("tools.release", "98.0.0")
    assert made.returncode == 0, made.stderr
    checkout.git("tag", "--delete", "v98.0.0")
    with pytest.raises(released.TagMissing, match=r"no tag v98\.0\.0.*`git fetch --tags`"):
        released.newest(checkout.folder)


def test_the_changelog_and_make_release_agree_what_a_release_is() -> None:
    text = release.dated("## [Unreleased]\n\n- A change.\n", "1.2.3", "2026-11-28")
    assert released._RELEASE.findall(text) == ["1.2.3"]
