"""A ledger of the schema before documents were typed opens, upgrades and is sound; the API shows what it showed."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from orderhub.core.commands import OrderName
from orderhub.core.decide import RECORD_TYPES
from orderhub.dialects.codec import encode
from orderhub.ledger import rows
from orderhub.ledger.check import check_ledger
from orderhub.ledger.database import (
    DatabaseRefused,
    migrate,
    migrations_config,
    open_engine,
    writing,
)
from orderhub.ledger.files import make_file
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.urls import file_of, parse_url
from orderhub.web.hub_api.shapes import order_in_full

pytestmark = pytest.mark.one_machine  # there was no ledger of that schema on a cluster

OLD: dict[str, Any] = json.loads(Path(__file__).with_name("old_documents.json").read_text())
SHOWN: dict[str, Any] = OLD.pop("shown")
OLD.pop("about")
DOCS = sa.text("SELECT uid, doc FROM orders ORDER BY tenant_id, id")


@pytest.fixture
def old(database_url: str) -> Iterator[Engine]:
    """The second schema, filled as it was left."""
    if (path := file_of(parse_url(database_url))) is not None:
        make_file(path)
    engine = open_engine(database_url)
    config = migrations_config()
    with writing(engine).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for name, held in OLD.items():
            table = sa.table(name, *map(sa.column, held["columns"]))
            told = [dict(zip(held["columns"], row, strict=True)) for row in held["rows"]]
            if told:
                connection.execute(table.insert(), told)
        connection.commit()
    yield engine
    engine.dispose()


def documents(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return {row.uid: row.doc for row in connection.execute(DOCS)}


def spoilt(engine: Engine, find: str, put: str) -> None:
    change = sa.text("UPDATE orders SET doc = replace(doc, :find, :put)")
    with writing(engine).begin() as connection:
        connection.execute(change, {"find": find, "put": put})


def test_old_documents_have_the_one_form_that_is_read_and_the_ledger_is_sound(old: Engine) -> None:
    before = documents(old)
    migrate(old)
    after = documents(old)
    assert len(after) == len(before) == 24
    assert sum(after[uid] != before[uid] for uid in after) == 9, "refunds, and a booking"
    for text in after.values():
        assert json.loads(rows.json_text(rows.order_doc(text))) == json.loads(text)
    assert [str(breach) for breach in check_ledger(old).breaches] == []
    migrate(old)
    assert documents(old) == after


def test_a_ledger_of_any_size_is_rewritten_slice_by_slice(
    old: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    revision: Any = ScriptDirectory.from_config(migrations_config()).get_revision("0003")
    monkeypatch.setattr(revision.module, "_AT_ONCE", 5)
    with old.connect() as connection:
        slices = list(revision.module._slices(connection))
    assert [len(each) for each in slices] == [5, 5, 5, 5, 4]
    assert [order.uid for each in slices for order in each] == list(documents(old))


def test_the_api_shows_of_them_what_it_showed(old: Engine, database_url: str) -> None:
    with closing(Ledger.open(database_url, RECORD_TYPES)) as ledger:
        for uid, shown in SHOWN.items():
            order = ledger.read(lambda reads, uid=uid: reads.order(None, OrderName("uid", uid)))
            assert order is not None
            now = json.loads(encode(order_in_full(order, "", (), ())))
            assert {name: now[name] for name in shown} == shown, uid


@pytest.mark.parametrize(
    ("find", "put", "says"),
    [
        ('"GoodsBasket"', '"Bazaar"', r"no business that is known here: 'Bazaar'"),
        ('"terms":"Dropship",', "", r"no business that is known here: ''"),
        ('"weight_g"', '"weight_kg"', r"business: members that nothing here reads: weight_kg"),
        ('"seq":1', '"count":1', r"refunds: members that nothing here reads: count"),
        ('"amount":"99"', '"amount":"much"', r"its document cannot be read"),
        ('"discount":"0",', "", r"its document cannot be read"),
    ],
)
def test_a_document_that_nothing_could_read_stops_the_upgrade_and_stays(
    old: Engine, find: str, put: str, says: str
) -> None:
    spoilt(old, find, put)
    before = documents(old)
    with pytest.raises(DatabaseRefused, match=rf"order [0-9a-f-]{{36}} of tenant \d.*{says}"):
        migrate(old)
    assert documents(old) == before
    with old.connect() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "0002"
