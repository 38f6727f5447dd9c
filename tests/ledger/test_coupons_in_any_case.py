"""Coupons of a ledger from before are found by their code in any case, as those that are written now."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Engine

from orderhub.core.coupons import Coupon, keys_of_coupon
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.facts import Record
from orderhub.dialects.codec import encode
from orderhub.ledger.check import check_ledger
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.database import migrate, migrations_config, open_engine, writing
from orderhub.ledger.files import make_file
from orderhub.ledger.ledger import Ledger
from orderhub.ledger.urls import file_of, parse_url

CODES = {1: "Spring10", 2: " SPACE ", 3: "ÄÖÜ", 4: "", 5: "spring10"}


@pytest.fixture
def old(database_url: str) -> Iterator[Engine]:
    """The third schema, with coupons of two tenants."""
    if (path := file_of(parse_url(database_url))) is not None:
        make_file(path)
    engine = open_engine(database_url)
    config = migrations_config()
    with writing(engine).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        columns = [each["name"] for each in sa.inspect(connection).get_columns("record")]
        table = sa.table("record", *map(sa.column, columns))
        for tenant in (1, 2):
            for number, code in CODES.items():
                doc = encode(Coupon(id=number, code=code)).decode()
                row = {
                    "tenant_id": tenant,
                    "kind": "coupon",
                    "id": number,
                    "uid": f"{tenant}-{number}",
                }
                row |= {"code": code, "doc": doc, "version": 1, "names": ""}
                connection.execute(table.insert(), {n: v for n, v in row.items() if n in columns})
        connection.commit()
    yield engine
    engine.dispose()


@pytest.mark.one_machine
def test_each_has_its_code_in_small_letters_among_its_names(old: Engine) -> None:
    migrate(old)
    ledger = Ledger(old, RECORD_TYPES)

    def look(tenant: int, by: str, value: str) -> Record:
        found = ledger.read(lambda reads: reads.record(tenant, "coupon", by, value))
        assert found is not None
        return found

    for tenant in (1, 2):
        for typed, number in (("spring10", 1), ("space", 2), ("äöü", 3)):
            found = look(tenant, "typed", typed)
            assert found.id == number
            assert found.keys == keys_of_coupon(Coupon(id=number, code=found.code))
        assert look(tenant, "id", "4").keys == ()
    assert set(check_ledger(old).broken) == {Law.HAS_TENANT}, "coupons alone were made"
