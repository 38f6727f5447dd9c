"""`make release`: all or nothing, and what it leaves behind is a version, a section, a commit, a tag and a wheel."""

import hashlib
import re
import zipfile
from pathlib import Path

import pytest

import orderhub
from tests.support.checkouts import Checkout
from tools import release

INIT = "src/orderhub/__init__.py"
VERSIONS = "src/orderhub/ledger/migrations/versions"
NEXT = ".".join(map(str, (*release.numbers(orderhub.__version__)[:2], 99)))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n### Fixed\n\n- Two and two are four.\n\n"
        "## [0.0.1] - 2020-01-01\n\n- The first.\n"
    )
    made.commit("A change")
    return made


def state(checkout: Checkout) -> tuple[str, ...]:
    looked = ("rev-parse HEAD", "tag --list", "status --porcelain --ignored")
    return tuple(checkout.git(*words.split()) for words in looked)


@pytest.mark.slow
def test_a_release_is_a_version_a_section_a_commit_a_tag_and_a_wheel(checkout: Checkout) -> None:
    (checkout.folder / VERSIONS / "9999_new.py").write_text("pass\n")
    checkout.commit("A migration")
    done = checkout.run("tools.release", NEXT)
    assert done.returncode == 0, done.stderr
    assert f"tagged v{NEXT}" in done.stdout

    assert f'__version__ = "{NEXT}"\n' in checkout.text(INIT)
    assert re.fullmatch(
        rf"# Changelog\n\n## \[Unreleased\]\n\n## \[{re.escape(NEXT)}\] - \d{{4}}-\d\d-\d\d\n\n"
        r"### Fixed\n\n- Two and two are four\.\n\n## \[0\.0\.1\] - 2020-01-01\n\n- The first\.\n",
        checkout.text("CHANGELOG.md"),
    )
    digest = hashlib.sha256(b"pass\n").hexdigest()
    frozen = checkout.text("src/orderhub/ledger/migrations/released.sha256").splitlines()
    assert frozen[-1] == f"{digest}  versions/9999_new.py"

    assert checkout.git("status", "--porcelain") == ""
    assert checkout.git("log", "-1", "--format=%s") == f"Release {NEXT}"
    assert checkout.git("cat-file", "-t", f"v{NEXT}") == "tag"  # annotated
    assert checkout.git("rev-parse", f"v{NEXT}^{{commit}}") == checkout.git("rev-parse", "HEAD")
    said = checkout.git("tag", "--list", "--format=%(contents)", f"v{NEXT}")
    assert said == f"OrderHub {NEXT}\n\n### Fixed\n\n- Two and two are four."

    with zipfile.ZipFile(checkout.folder / "dist" / f"orderhub-{NEXT}-py3-none-any.whl") as wheel:
        assert f'__version__ = "{NEXT}"\n' in wheel.read("orderhub/__init__.py").decode()
        assert f"Version: {NEXT}\n" in wheel.read(f"orderhub-{NEXT}.dist-info/METADATA").decode()
        assert f"orderhub/{VERSIONS.removeprefix('src/orderhub/')}/9999_new.py" in wheel.namelist()

    again = checkout.run("tools.release", NEXT)
    assert (again.returncode, again.stderr) == (
        1,
        f"{NEXT} is not above the version that stands, {NEXT}.\n",
    )
    empty = checkout.run("tools.release", "99.0.0")
    assert "nothing under Unreleased" in empty.stderr


@pytest.mark.parametrize("version", ["", "v1.0.0", "1.0", "1.0.0rc1", "01.0.0", "--help"])
def test_a_version_is_three_numbers(checkout: Checkout, version: str) -> None:
    before = state(checkout)
    done = checkout.run("tools.release", version)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "is no version: say VERSION=" in done.stderr
    assert state(checkout) == before


def uncommitted(checkout: Checkout) -> None:
    (checkout.folder / "new.txt").touch()


def a_changed_migration(checkout: Checkout) -> None:
    checkout.rewrite(f"{VERSIONS}/0001_the_ledger.py", '"""The ledger."""', '"""A ledger."""')
    checkout.commit("A fault")


def a_tag(checkout: Checkout) -> None:
    checkout.git("tag", f"v{NEXT}")


def nothing_to_tell(checkout: Checkout) -> None:
    checkout.rewrite("CHANGELOG.md", "- Two and two are four.\n", "")
    checkout.commit("A heading alone")


def a_wheel_that_cannot_be_built(checkout: Checkout) -> None:
    checkout.rewrite("pyproject.toml", 'readme = "README.md"', 'readme = "MISSING.md"')
    checkout.commit("A fault")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (uncommitted, "changes that are not committed"),
        (a_changed_migration, "Released migrations were changed: 0001_the_ledger.py."),
        (a_tag, "exists already"),
        (nothing_to_tell, "nothing under Unreleased"),
        (a_wheel_that_cannot_be_built, "The wheel cannot be built"),
    ],
)
def test_a_release_that_cannot_be_leaves_nothing_behind(
    checkout: Checkout, fault: object, said: str
) -> None:
    fault(checkout)
    before = state(checkout)
    done = checkout.run("tools.release", NEXT)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert state(checkout) == before


def test_versions_are_compared_as_numbers(checkout: Checkout) -> None:
    checkout.rewrite(INIT, f'"{orderhub.__version__}"', '"0.10.0"')
    checkout.commit("Ten")
    assert (
        "not above the version that stands, 0.10.0" in checkout.run("tools.release", "0.9.0").stderr
    )


def test_this_changelog_can_be_released() -> None:
    root = Path(__file__).resolve().parents[2]
    text = (root / release.CHANGELOG).read_text()
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    headings = re.findall(r"^## .*$", text, re.MULTILINE)
    assert headings[0] == "## [Unreleased]"
    assert len(headings) == len(released) + 1
    assert released == sorted(released, key=release.numbers, reverse=True)
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= {"Added", "Changed", "Fixed"}
    if released:
        assert released[0] == orderhub.__version__, "the newest section is the program's version"
