"""Each member of each kind keeps its range where it is written, and is read whatever an older hub let in."""

import json

import msgspec
import pytest
from msgspec import inspect

from orderhub.core.commands import RecordChange
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.ranges import breaches, fields_of, is_needed
from orderhub.demo import _shared_products
from orderhub.dialects.finding import find_dialects, part_of
from orderhub.ledger.rows import RecordCodec
from orderhub.web.hub_api.catalogue_kinds import KINDS
from orderhub.web.hub_api.catalogue_shapes import structs_of

MODELS = {kind.model: kind.record for kind in KINDS.values()}
WITHIN = {each for kind in KINDS.values() for each in structs_of(kind.fields)}
# A question may ask for any number; nobody writes a user's reward.
ANY_SIGN = {"FormField.minimum", "FormField.maximum", "User.total_reward"}

# record kind, document, the first member out of its range (empty = there is none)
CASES = [
    ("product", {}, ""),
    ("product", {"price": "0"}, ""),
    ("product", {"price": "-0.01"}, "price"),
    ("product", {"kind": "car"}, "kind"),
    ("product", {"currency": "eur"}, "currency"),
    ("product", {"currency": "XXZ"}, "currency"),
    ("product", {"seller_id": -1}, "seller_id"),
    ("product", {"service": "ABCDEF00-0000-4000-8000-000000000001"}, "service"),
    ("product", {"tax_codes": ["A", ""]}, "tax_codes[1]"),
    ("variant", {"product_id": 0}, "product_id"),
    ("variant", {"product_id": 1, "price": "-1"}, "price"),
    ("warehouse", {"code": ""}, "code"),
    ("warehouse", {"code": "A", "country": "XX"}, "country"),
    ("freight_rate", {}, "code"),
    ("freight_rate", {"code": "A"}, "currency"),
    ("freight_rate", {"code": "A", "currency": "EUR"}, ""),
    ("freight_rate", {"code": "A", "currency": "EUR", "base": "-1"}, "base"),
    ("freight_rate", {"code": "A", "currency": "EUR", "per_step": "-1"}, "per_step"),
    ("freight_rate", {"code": "A", "currency": "EUR", "step_g": 0}, "step_g"),
    ("coupon", {}, "money"),
    ("coupon", {"money": "-5"}, "money"),
    ("coupon", {"money": "5"}, ""),
    ("coupon", {"kind": "percent"}, "percent"),
    ("coupon", {"kind": "percent", "percent": 50, "max_money": "-3"}, "max_money"),
    ("coupon", {"money": "5", "min_amount": "-1"}, "min_amount"),
    ("coupon", {"money": "5", "starts_at": 2, "ends_at": 2}, "ends_at"),
    ("coupon", {"money": "5", "starts_at": 2}, ""),
    ("coupon", {"money": "5", "products": [0]}, "products[0]"),
    ("tour", {}, ""),
    ("tour", {"adult_price": "-1"}, "adult_price"),
    ("tour", {"prices": {"kid": "-1"}}, "prices.kid"),
    ("tour", {"tickets": [{"sku_id": 1, "price": "-1"}]}, "tickets[0].price"),
    ("tour", {"discount_ratio": "1.1"}, "discount_ratio"),
    ("tour", {"upgrade_ratio": "-0.1"}, "upgrade_ratio"),
    ("tour", {"departures": [{"first": "2024-02-02", "last": "2024-02-01"}]}, "departures[0].last"),
    ("tour", {"departures": [{"first": "2024-02-02", "last": "2024-02-02"}]}, ""),
    ("tour", {"form": [{"name": ""}]}, "form[0].name"),
    ("tour", {"form": [{"name": "a", "minimum": 2, "maximum": 1}]}, "form[0].maximum"),
    ("tour", {"upgrades": [{"id": 1}]}, "upgrades[0].options"),
    ("tour", {"upgrades": [{"id": 1, "options": [{"id": 1, "price": "-1"}]}]},
     "upgrades[0].options[0].price"),
    ("tour", {"upgrades": [{"id": 1, "options": [{"id": 1, "by_room": {"quad": "-1"}}]}]},
     "upgrades[0].options[0].by_room.quad"),
    ("tour", {"pickups": [{"id": 1, "start_time": "9:00"}]}, "pickups[0].start_time"),
    ("tour", {"pickups": [{"id": 1, "end_time": "09:00:00"}]}, "pickups[0].end_time"),
    ("tour", {"pickups": [{"id": 1, "start_time": "09:00:00", "end_time": "08:00:00"}]},
     "pickups[0].end_time"),
    ("tax_rate", {"code": "A", "taxation": "", "value": "0.1"}, "taxation"),
    ("tax_rate", {"code": "A", "taxation": "B", "value": "6"}, "value"),
    ("tax_rate", {"code": "A", "taxation": "B", "strategy": "flat", "value": "6"}, "currency"),
    ("tax_rate", {"code": "A", "taxation": "B", "strategy": "dependent"}, "base_taxations"),
    ("tax_rate", {"code": "A", "taxation": "B", "valid": [{"start": 5, "end": 4}]}, "valid[0].end"),
    ("taxation", {"code": ""}, "code"),
    ("tax_environment", {"code": "A", "country": "DE"}, "country"),
    ("tax_environment", {"code": "A", "valid": {"start": 5, "end": 5}}, "valid.end"),
    ("service", {"uid": ""}, "name"),
    ("service", {"uid": "", "name": "Spa", "kind": "free"}, "kind"),
    ("accounting_category", {"uid": ""}, "name"),
    ("business_segment", {"uid": ""}, "name"),
    ("reservation", {"uid": "", "starts_at": 2}, "ends_at"),
    ("reservation", {"uid": "", "account": "Smith"}, "account"),
    ("reseller", {"discount_ratio": "90"}, "discount_ratio"),
    ("reseller", {"product_ratios": {"1": "-1"}}, "product_ratios.1"),
    ("reseller", {"settlement": "EURO"}, "settlement"),
    ("exchange_rates", {"sheets": [{"since": "2024-01-01", "rates": {"EUR": "0"}}]},
     "sheets[0].rates.EUR"),
    ("exchange_rates", {"sheets": [{"since": "2024-01-01", "rates": {"eur": "1"}}]},
     "sheets[0].rates.eur"),
    ("user_group", {"price": "-1", "expire_days": 1}, "price"),
    ("user_group", {"price": "1"}, "expire_days"),
    ("user_group", {"price": "0", "expire_days": 30}, ""),
    ("user_group", {"discount": 50}, ""),
    ("shop", {}, ""),
    ("user", {"group_id": -1}, "group_id"),
    ("user", {"status": 7}, "status"),
]  # fmt: skip


def document(record, members):
    model = RECORD_TYPES[record]
    named = {"id": 1} if "id" in model.__struct_fields__ else {}
    return msgspec.convert({**named, **members}, model)


@pytest.mark.parametrize(("record", "members", "path"), CASES)
def test_a_member_out_of_its_range_is_named(record, members, path):
    assert next((each.path for each in breaches(document(record, members))), "") == path


@pytest.mark.parametrize(("record", "members", "path"), [each for each in CASES if each[2]])
def test_what_an_older_hub_let_in_is_still_read(record, members, path):
    text = json.dumps(msgspec.to_builtins(document(record, members)))
    row = (1, record, 1, "", "", 1, text, "[]")
    assert RecordCodec(RECORD_TYPES).to_record(row).doc == document(record, members)


def test_every_kind_has_a_case():
    assert {record for record, _, _ in CASES} == set(MODELS.values())


def of_type(kind, wanted):
    """The limits of every value of a type within a member's type."""
    match kind:
        case inspect.Metadata():
            for limits in of_type(kind.type, wanted):
                yield {**(kind.extra_json_schema or {}), **limits}
        case inspect.UnionType():
            for each in kind.types:
                yield from of_type(each, wanted)
        case inspect.VarTupleType():
            yield from of_type(kind.item_type, wanted)
        case inspect.DictType():
            yield from of_type(kind.value_type, wanted)
        case _ if isinstance(kind, wanted):
            yield {}


def test_no_money_of_the_catalogue_may_be_below_0():
    signed = {
        f"{model.__name__}.{field.name}"
        for model in {*MODELS, *WITHIN}
        for field in fields_of(model)
        for limits in of_type(field.type, inspect.DecimalType)
        if "minimum" not in limits and "exclusiveMinimum" not in limits
    }
    assert signed == ANY_SIGN


def test_every_member_says_what_it_means_and_which_doors_read_it():
    doors = {each.name for each in find_dialects()}
    for model in {*MODELS, *WITHIN}:
        for field in fields_of(model):
            name = f"{model.__name__}.{field.name}"
            assert isinstance(field.type, inspect.Metadata), name
            assert field.type.extra_json_schema.get("description"), name
            assert set(field.type.extra["by"].split()) <= doors, name


def test_all_that_the_demo_sells_keeps_within_its_ranges():
    demos = [part_of(dialect.name, "demo") for dialect in find_dialects()]
    changes: list[RecordChange] = [
        *_shared_products(),
        *(
            each
            for demo in demos
            for business in (*demo.DEMO, demo.OMNI)
            for each in business.records
        ),
    ]
    docs = [each.doc for each in changes if type(each.doc) in MODELS]
    assert len(docs) > 30
    assert [(doc, each) for doc in docs for each in breaches(doc)] == []


def test_a_member_whose_default_breaks_its_range_is_needed():
    needed = {
        (record, field.name)
        for model, record in MODELS.items()
        for field in fields_of(model)
        if is_needed(field) and field.name not in ("id", "uid")
    }
    assert needed == {
        ("variant", "product_id"),
        ("warehouse", "code"),
        ("freight_rate", "code"),
        ("freight_rate", "currency"),
        ("tax_rate", "code"),
        ("tax_rate", "taxation"),
        ("taxation", "code"),
        ("tax_environment", "code"),
        ("service", "name"),
        ("accounting_category", "name"),
        ("business_segment", "name"),
    }
    (breach, *_) = breaches(document("freight_rate", {}))
    assert breach.says == "is needed"
