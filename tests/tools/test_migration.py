"""`make migration`: an index is its line in tables.py and the file that this writes."""

import re
from pathlib import Path

import pytest
from sqlalchemy import inspect

from orderhub.ledger.database import head_revision, open_engine
from tests.support.checkouts import Checkout

TABLES = "src/orderhub/ledger/tables.py"
VERSIONS = "src/orderhub/ledger/migrations/versions"
AT = '    Index("orders_by_uid", "uid", "tenant_id", unique=True),\n'
NEXT = f"{int(head_revision()) + 1:04d}"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.slow
def test_an_index_becomes_a_numbered_file_that_makes_it(checkout: Checkout) -> None:
    new = '    Index("orders_by_test", "tenant_id", "door", "uid"),\n'
    checkout.rewrite(TABLES, AT, AT + new)
    done = checkout.run("tools.migration", "orders by test")
    assert done.returncode == 0, done.stderr
    name = f"{VERSIONS}/{NEXT}_orders_by_test.py"
    assert done.stdout == f"{name} is written. Read it; then run `make test`.\n"
    assert checkout.git("status", "--porcelain").splitlines() == [f"M {TABLES}", f"?? {name}"]
    text = checkout.text(name)
    assert text.startswith('"""Orders by test."""\n')
    assert re.search(
        rf'^revision = "{NEXT}"\ndown_revision = "{head_revision()}"$', text, re.MULTILINE
    )
    assert "auto generated" not in text
    assert 'create_index("orders_by_test", ["tenant_id", "door", "uid"], unique=False)' in text

    url = f"sqlite:///{checkout.folder / 'new.sqlite'}"
    made = checkout.orderhub("init", "--empty", "--database", url)
    assert made.returncode == 0, made.stderr
    engine = open_engine(url)
    names = {index["name"] for index in inspect(engine).get_indexes("orders")}
    engine.dispose()
    assert "orders_by_test" in names

    again = checkout.run("tools.migration", "orders by test again")
    assert again.returncode == 1
    assert "agree already" in again.stderr


@pytest.mark.slow
def test_where_nothing_differs_nothing_is_written(checkout: Checkout) -> None:
    done = checkout.run("tools.migration", "nothing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tables.py and the migrations agree already: change tables.py")
    assert checkout.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_a_migration_of_data_begins_empty(checkout: Checkout) -> None:
    done = checkout.run("tools.migration", "old codes", "--data")
    assert done.returncode == 0, done.stderr
    text = checkout.text(f"{VERSIONS}/{NEXT}_old_codes.py")
    assert "def upgrade() -> None:\n    pass\n" in text


@pytest.mark.parametrize("words", [[], [""], ["  "]])
def test_a_migration_wants_a_name(checkout: Checkout, words: list[str]) -> None:
    done = checkout.run("tools.migration", *words)
    assert done.returncode == 2
    assert checkout.git("status", "--porcelain") == ""
