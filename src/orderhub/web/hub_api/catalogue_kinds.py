"""The kinds of `/hub/v1/tenants/{tenant}/catalogue/{kind}`: which records they are and how they are found.

Bought things, people and what comes of orders (carts, payments, claims, commissions, accounts, bills) are
no catalogue: they are written by the doors and by the rules. Of a person only what the shop decides is here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from orderhub.core.catalogue import keys_of_variant
from orderhub.core.commands import MOST_BY_HAND, RecordChange
from orderhub.core.decide import RECORD_TYPES
from orderhub.core.freight import keys_of_rate
from orderhub.core.known import Record
from orderhub.core.memberships import NAMES
from orderhub.core.money import is_storable
from orderhub.core.ranges import NEEDED, breaches, strangers, type_of
from orderhub.dialects.contract import Stop, WireFault
from orderhub.web.hub_api.bodies import fault_of, instant
from orderhub.web.hub_api.instants import with_instants
from orderhub.web.hub_api.shapes import exact_instant, plain_values

Keys = tuple[tuple[str, str], ...]
Needs = tuple[tuple[str, str, str], ...]


UUID = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
_IS_UUID = re.compile(UUID)


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
    opening  of a view whose items it may make too: the members that are given then, never shown or changed
    names    those of them that no two items may have in common; one at least is given
    unique   whether no two items may bear one code
    named    whether an item is found by its code alone, so that it needs one
    single   whether there is one item only, of id 1
    keys     the further names an item is found by
    needs    (kind, by, value) of what must exist beside it
    """

    name: str
    record: str
    what: str
    members: tuple[str, ...] = ()
    opening: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    unique: bool = False
    named: bool = False
    single: bool = False
    keys: Callable[[Any], Keys] = lambda _doc: ()
    needs: Callable[[int, Any], Needs] = lambda _id, _doc: ()

    @property
    def model(self) -> type[msgspec.Struct]:
        model: type[msgspec.Struct] = RECORD_TYPES[self.record]
        return model

    @property
    def has_ids(self) -> bool:
        """Whether its items have ids of their own, of which a new one may be given the next."""
        is_other = self.needs is _product_of_same_id
        return not (self.members or self.single or is_other)


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
    Kind("resellers", "reseller", "what a reseller pays; its code is the app key", named=True),
    Kind("exchange-rates", "exchange_rates", "published rates, under id 1", single=True),
    Kind("memberships", "user_group", "membership levels"),
    Kind("shops", "shop", "a shop's terms, under id 1", single=True),
    Kind(
        "users",
        "user",
        "what a shop decides of its users",
        members=("group_id", "inviter_id", "is_distributor", "expires_at", "status"),
        opening=(*NAMES, "created_at"),
        names=NAMES,
        keys=lambda user: user.names,
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item as it is written: `uid` and `code` default to those of `doc`. `version` of a listed one is ignored."""

    id: int = 0
    uid: Annotated[str, msgspec.Meta(pattern=UUID)] | None = None
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
    doc = None if row.doc is None else {**row.doc}
    return msgspec.structs.replace(
        row, uid=_named(row.uid, doc, "uid"), code=_named(row.code, doc, "code"), doc=doc
    )


def _named(own: str | None, doc: dict[str, Any] | None, name: str) -> str | None:
    """The item's uid or code, said beside its document, in it or in both. Uids are read in any case."""
    said = (doc or {}).get(name)
    if said is not None and not isinstance(said, str):
        return own  # the document's type says what is wrong
    if name == "uid":
        own, said = own and own.lower(), said and _uid(said)
        if said and doc is not None:
            doc["uid"] = said
    if own and said and own != said:
        raise RowRefused(WireFault(f"doc.{name}", "value", f"doc.{name} is not the item's {name}"))
    return own or said or None


def _uid(text: str) -> str:
    if not _IS_UUID.fullmatch(text):
        raise RowRefused(WireFault("doc.uid", "value", "doc.uid is a UUID"))
    return text.lower()


def change_of(
    kind: Kind, row: Row, current: Record | None, if_version: int | None
) -> tuple[RecordChange, Any]:
    """The change that writes the row, and its typed document. Raises RowRefused."""
    record_id = row.id or (current.id if current is not None else 0)
    if not record_id:
        raise RowRefused(
            WireFault("id", "missing", "a new item needs an id, or a code to be known by")
        )
    if kind.single and record_id != 1:
        raise RowRefused(WireFault("id", "value", f"there is one item of {kind.name}, of id 1"))
    if kind.named and not (row.code or (current is not None and current.code)):
        raise RowRefused(WireFault("code", "missing", f"code is needed: {kind.what}"))
    given = _known_members(kind, row, record_id)
    if kind.members:
        if current is not None:
            return _changed(kind, row, current, given, if_version)
        if not kind.opening:
            owner = next(k.name for k in _KINDS if k.record == kind.record)
            raise RowRefused(WireFault("id", "value", f"there is no such item of {owner}"))
        _refuse_unopened(kind, row, given, record_id)
        if_version = if_version or 0  # it is made: nobody else has made it meanwhile
    fields = kind.model.__struct_fields__
    if "id" in fields:
        given["id"] = record_id
    if "uid" in fields:
        given["uid"] = row.uid or ("" if current is None else current.uid)
    if "code" in fields and row.code:
        given["code"] = row.code
    doc = _typed(kind, given)
    own = dict(kind.keys(doc))
    kept = {name: v for name, v in (current.keys if current is not None else ()) if name not in own}
    change = RecordChange(
        kind=kind.record,
        id=record_id,
        if_version=if_version,
        uid=row.uid or "",
        code=row.code or "",
        doc=doc,
        keys=tuple({**kept, **own}.items()),
    )
    return change, doc


def _changed(
    kind: Kind, row: Row, current: Record, given: dict[str, Any], if_version: int | None
) -> tuple[RecordChange, Any]:
    """The change that writes a view's own members, and the document as it is then."""
    _refuse_other_names(row, current)
    for name in set(kind.opening) & set(given):
        said, stands = given.pop(name), getattr(current.doc, name)
        if str(said).lower() != str(stands).lower():
            raise RowRefused(
                WireFault(
                    f"doc.{name}",
                    "value",
                    f"doc.{name} is said when an item is made; item {current.id} of {kind.name} has another",
                )
            )
    doc = _typed(kind, {**msgspec.to_builtins(current.doc), **given}, kind.members)
    members = {name: msgspec.to_builtins(getattr(doc, name)) for name in given}
    change = RecordChange(kind=kind.record, id=current.id, if_version=if_version, members=members)
    return change, doc


def _refuse_unopened(kind: Kind, row: Row, given: dict[str, Any], record_id: int) -> None:
    """A view makes an item of what can be found by a name, under an id that leaves room for others."""
    if row.code:
        raise RowRefused(WireFault("code", "value", f"{kind.name} have no code"))
    if not any(given.get(name) for name in kind.names):
        named = ", ".join(kind.names)
        raise RowRefused(
            WireFault(f"doc.{kind.names[0]}", "missing", f"a new item has one of {named}")
        )
    if record_id > MOST_BY_HAND:
        raise RowRefused(WireFault("id", "value", f"id of a new item is at most {MOST_BY_HAND}"))


def _known_members(kind: Kind, row: Row, record_id: int) -> dict[str, Any]:
    """The members of the row's document, all of which are the kind's; times as the ledger keeps them."""
    given = dict(row.doc or {})
    known = (*kind.opening, *kind.members) or kind.model.__struct_fields__
    unknown = sorted(set(given) - set(known) - {"id"})
    unknown += sorted(set(strangers(given, type_of(kind.model))) - {"id", *unknown})
    if unknown:
        raise RowRefused(
            WireFault(f"doc.{unknown[0]}", "value", f"{kind.name} have no member {unknown[0]}")
        )
    if given.pop("id", record_id) != record_id:
        raise RowRefused(WireFault("doc.id", "value", "doc.id is not the item's id"))
    return in_microseconds(kind, given)


def _refuse_other_names(row: Row, current: Record) -> None:
    """A view finds its item by a name; it gives none."""
    for name, said, stands in (("uid", row.uid, current.uid), ("code", row.code, current.code)):
        if said and said != stands:
            raise RowRefused(WireFault(name, "value", f"{name} is not the item's {name}"))


def _typed(kind: Kind, given: dict[str, Any], own: tuple[str, ...] = ()) -> Any:
    """The document; `own` are the members that are answered for, all unless said."""
    try:
        doc = msgspec.convert(given, kind.model)
    except msgspec.ValidationError as error:
        raise RowRefused(fault_of(error, "doc")) from None
    _refuse_amounts(msgspec.to_builtins(doc, builtin_types=(Decimal,)), "doc")
    _refuse_out_of_range(doc, own)
    return doc


def _refuse_out_of_range(doc: msgspec.Struct, own: tuple[str, ...]) -> None:
    """A view answers for its own members: what else an older hub let into the item is not its business."""
    for path, says in breaches(doc):
        member = path.partition(".")[0].partition("[")[0]
        if not own or member in own:
            problem = "missing" if says == NEEDED else "value"
            raise RowRefused(WireFault(f"doc.{path}", problem, f"doc.{path} {says}"))


def in_microseconds(kind: Kind, doc: dict[str, Any]) -> dict[str, Any]:
    """The document with its ISO 8601 instants as the ledger keeps them; null = none. Raises RowRefused."""
    moved: dict[str, Any] = with_instants(doc, type_of(kind.model), "doc", _read)
    return moved


def in_iso_8601(kind: Kind, doc: dict[str, Any]) -> dict[str, Any]:
    """The document as it is shown and as it may be sent back."""
    shown: dict[str, Any] = with_instants(doc, type_of(kind.model), "doc", _written)
    return shown


def _read(value: Any, path: str, none: Any) -> Any:
    if value is None:
        return none
    if not isinstance(value, str):
        raise RowRefused(WireFault(path, "type", f"{path} is ISO 8601"))
    try:
        return instant(value, path)
    except Stop as stop:
        raise RowRefused(stop.fault.faults[0]) from None


def _written(value: Any, _path: str, _none: Any) -> Any:
    return exact_instant(value) if type(value) is int else value


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
    doc = in_iso_8601(kind, doc)
    return {
        "id": record.id,
        "uid": record.uid or None,
        "code": record.code or None,
        "version": record.version,
        "doc": doc,
    }
