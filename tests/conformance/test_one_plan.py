"""What a dialect consists of stands in the file that the plan of its folder has for it."""

import importlib
from dataclasses import fields

import pytest

from orderhub.cli.conform import Options
from orderhub.dialects.conforming import Kind
from orderhub.dialects.contract import Dialect
from orderhub.dialects.finding import conformance_of, find_dialects
from orderhub.dialects.sandbox import DemoBusiness

DIALECTS = find_dialects()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_each_part_of_a_dialect_is_where_every_other_has_it(dialect: Dialect) -> None:
    folder = f"orderhub.dialects.{dialect.name}"
    homes = {
        f"{folder}.words": (dialect.fault, dialect.refusal),
        f"{folder}.show": (dialect.render,),
        f"{folder}.data": tuple(dialect.data.values()),
        f"{folder}.access": tuple(kind.complete for kind in dialect.kinds),
    }
    for home, parts in homes.items():
        assert {part.__module__ for part in parts} == {home}
    table = importlib.import_module(f"{folder}.routes").ROUTES
    assert [(route.method, route.path) for route in dialect.routes] == [
        (route.method, route.path) for route in table
    ]
    assert dialect.fields is importlib.import_module(f"{folder}.words").FIELDS


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_a_demo_has_businesses_a_part_of_omni_and_the_door_of_a_merchant(dialect: Dialect) -> None:
    demo = importlib.import_module(f"orderhub.dialects.{dialect.name}.demo")
    assert demo.DEMO
    assert all(isinstance(each, DemoBusiness) for each in (*demo.DEMO, demo.OMNI))
    assert callable(demo.door)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_the_kit_knows_every_kind_of_error_and_an_option_for_each_part_of_a_login(
    dialect: Dialect,
) -> None:
    vendor = conformance_of(dialect.name)
    assert set(vendor.errors) == set(Kind)
    names = [option.name for option in vendor.client.options]
    assert len(set(names)) == len(names)
    assert not set(names) & {field.name for field in fields(Options)}
    assert {option.goes_with for option in vendor.client.options} <= {"", *names}
