"""The kinds of `/hub/v1/tenants/{tenant}/catalogue/{kind}`: which records they are and how they are found.

Bought things, people and what comes of orders (carts, payments, claims, commissions, accounts, bills) are
no catalogue: they are written by the doors and by the rules. Of a person only what the shop decides is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from orderhub.core.catalogue import keys_of_variant
from orderhub.core.commands import RecordChange
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.freight import keys_of_rate
from orderhub.core.known import Record
from orderhub.core.money import is_storable
from orderhub.dialects.contract import WireFault
from orderhub.web.hub_api.bodies import fault_of
from orderhub.web.hub_api.shapes import plain_values

Keys = tuple[tuple[str, str], ...]
Needs = tuple[tuple[str, str, str], ...]


class RowRefused(Exception):
    """One item that is not what its kind says; its neighbours in a bulk load go on."""

    def __init__(self, fault: WireFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Kind:
    """One name in the path.

    record   the record kind in the ledger
    members  of a view (a product's price): the only members it shows and writes; empty = all
    unique   whether no two items may bear one code
    keys     the further names an item is found by
    needs    (kind, by, value) of what must exist beside it
    """

    name: str
    record: str
    what: str
    members: tuple[str, ...] = ()
    unique: bool = False
    keys: Callable[[Any], Keys] = lambda _doc: ()
    needs: Callable[[int, Any], Needs] = lambda _id, _doc: ()

    @property
    def model(self) -> type[msgspec.Struct]:
        model: type[msgspec.Struct] = RECORD_TYPES[self.record]
        return model


def _of_product(_id: int, doc: Any) -> Needs:
    return (("product", "id", str(doc.product_id)),)


def _product_of_same_id(item_id: int, _doc: Any) -> Needs:
    return (("product", "id", str(item_id)),)


def _filename(doc: Any) -> Keys:
    name = doc.data.get("filename")
    return (("filename", name),) if isinstance(name, str) and name else ()


_KINDS = (
    Kind("products", "product", "what is sold", unique=True, keys=_filename),
    Kind(
        "variants",
        "variant",
        "stock-keeping units of products",
        unique=True,
        keys=keys_of_variant,
        needs=_of_product,
    ),
    Kind("prices", "product", "a product's price", members=("price", "currency")),
    Kind("warehouses", "warehouse", "places that ship", unique=True),
    Kind("freight", "freight_rate", "freight rates", keys=keys_of_rate),
    Kind("coupons", "coupon", "coupons; their redemptions are pools", unique=True),
    Kind("tours", "tour", "how a product is toured", needs=_product_of_same_id),
    Kind("departures", "tour", "a tour's departure days", members=("departures",)),
    Kind("forms", "tour", "a tour's passenger form", members=("form",)),
    Kind("taxes", "tax_rate", "tax rates"),
    Kind("taxations", "taxation", "families of tax rates"),
    Kind("tax-environments", "tax_environment", "which taxations hold where and when"),
    Kind("services", "service", "services that are charged"),
    Kind("categories", "accounting_category", "accounting categories"),
    Kind("segments", "business_segment", "business segments"),
    Kind("resellers", "reseller", "what a reseller pays; its code is the app key"),
    Kind("exchange-rates", "exchange_rates", "published rates, under id 1"),
    Kind("memberships", "user_group", "membership levels"),
    Kind("shops", "shop", "a shop's terms, under id 1"),
    Kind(
        "users",
        "user",
        "what a shop decides of its users",
        members=("group_id", "inviter_id", "is_distributor", "expires_at", "status"),
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item as it is written: `uid` and `code` default to those of `doc`. `version` of a listed one is ignored."""

    id: int = 0
    uid: str | None = None
    code: str | None = None
    version: int = 0
    doc: dict[str, Any] | None = None
    delete: bool = False


def row_of(value: Any) -> Row:
    try:
        row = msgspec.convert(value, Row)
    except msgspec.ValidationError as error:
        raise RowRefused(fault_of(error)) from None
    if row.doc is None and not row.delete:
        raise RowRefused(WireFault("doc", "missing", "doc is required"))
    if not 0 <= row.id < 2**53:
        raise RowRefused(WireFault("id", "value", "id is a whole number from 1 on"))
    return row


def change_of(
    kind: Kind, row: Row, current: Record | None, if_version: int | None
) -> tuple[RecordChange, Any]:
    """The change that writes the row, and its typed document. Raises RowRefused."""
    record_id = row.id or (current.id if current is not None else 0)
    if not record_id:
        raise RowRefused(WireFault("id", "missing", "a new item needs an id"))
    doc = _typed(kind, dict(row.doc or {}), record_id, current)
    if kind.members:
        assert current is not None
        # The rest of the record must be what was read.
        if_version = current.version if if_version is None else if_version
    own = dict(kind.keys(doc))
    kept = {name: v for name, v in (current.keys if current is not None else ()) if name not in own}
    keys = tuple({**kept, **own}.items()) if not kind.members else _keys_of(current)
    change = RecordChange(
        kind=kind.record,
        id=record_id,
        if_version=if_version,
        uid=row.uid or str(getattr(doc, "uid", "") or ""),
        code=row.code or str(getattr(doc, "code", "") or ""),
        doc=doc,
        keys=keys,
    )
    return change, doc


def _keys_of(record: Record | None) -> Keys:
    return () if record is None else record.keys


def _typed(kind: Kind, given: dict[str, Any], record_id: int, current: Record | None) -> Any:
    model = kind.model
    known = kind.members or model.__struct_fields__
    unknown = sorted(set(given) - set(known) - {"id"})
    if unknown:
        raise RowRefused(
            WireFault(f"doc.{unknown[0]}", "value", f"{kind.name} have no member {unknown[0]}")
        )
    if given.get("id", record_id) != record_id:
        raise RowRefused(WireFault("doc.id", "value", "doc.id is not the item's id"))
    if kind.members:
        if current is None:
            owner = next(k.name for k in _KINDS if k.record == kind.record)
            raise RowRefused(WireFault("id", "value", f"there is no such item of {owner}"))
        given.pop("id", None)
        given = {**msgspec.to_builtins(current.doc), **given}
    elif "id" in model.__struct_fields__:
        given["id"] = record_id
    try:
        doc = msgspec.convert(given, model)
    except msgspec.ValidationError as error:
        raise RowRefused(fault_of(error, "doc")) from None
    _refuse_amounts(msgspec.to_builtins(doc, builtin_types=(Decimal,)), "doc")
    return doc


def _refuse_amounts(value: Any, path: str) -> None:
    if isinstance(value, Decimal) and not is_storable(value):
        raise RowRefused(
            WireFault(path, "value", f"{path}: at most 12 digits before the point and 6 behind it")
        )
    if isinstance(value, dict):
        for name, each in value.items():
            _refuse_amounts(each, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            _refuse_amounts(each, f"{path}[{index}]")


def item_shape(kind: Kind, record: Record) -> dict[str, Any]:
    doc = plain_values(msgspec.to_builtins(record.doc))
    if kind.members:
        doc = {name: doc[name] for name in kind.members if name in doc}
    return {
        "id": record.id,
        "uid": record.uid or None,
        "code": record.code or None,
        "version": record.version,
        "doc": doc,
    }
