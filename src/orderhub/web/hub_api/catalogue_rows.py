"""One item of the catalogue as it is written and shown: what of it becomes which change of a record."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from orderhub.core.commands import MOST_BY_HAND, RecordChange
from orderhub.core.facts import Record
from orderhub.core.money import STORED_DECIMALS, is_storable, kept
from orderhub.core.ranges import NEEDED, breaches, strangers, type_of
from orderhub.core.units import MOST_CODE, Code
from orderhub.web.hub_api.bodies import Body, converted, instant, refuse
from orderhub.web.hub_api.catalogue_kinds import KINDS, Kind
from orderhub.web.hub_api.instants import with_instants
from orderhub.web.hub_api.shaping import Shape, exact_instant, plain_values
from orderhub.web.hub_api.tables import columns_of

UUID = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
_IS_UUID = re.compile(UUID)
# What no amount can be within.
_PLAIN = frozenset((str, int, bool, type(None)))


class Row(Body, frozen=True, kw_only=True):
    """One item as it is written: `uid` and `code` default to those of `doc`. `version` of a listed one is ignored."""

    id: int = 0
    uid: Annotated[str, msgspec.Meta(pattern=UUID)] | None = None
    code: Code | None = None
    version: int = 0
    doc: dict[str, Any] | None = None
    delete: bool = False


class Item(Shape, frozen=True, kw_only=True):
    """One item as it is shown."""

    id: int
    uid: str | None
    code: str | None
    version: int
    doc: dict[str, Any]


def row_of(value: Any) -> Row:
    """The row that a JSON value is. Raises HTTPFault(INVALID)."""
    row = converted(value, Row)
    if row.doc is None and not row.delete:
        raise refuse("doc", "doc is required", "missing")
    if not 0 <= row.id < 2**53:
        raise refuse("id", "id is a whole number from 1 on")
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
        raise refuse(f"doc.{name}", f"doc.{name} is not the item's {name}")
    return own or said or None


def _uid(text: str) -> str:
    if not _IS_UUID.fullmatch(text):
        raise refuse("doc.uid", "doc.uid is a UUID")
    return text.lower()


def change_of(
    kind: Kind, row: Row, current: Record | None, if_version: int | None
) -> tuple[RecordChange, Any]:
    """The change that writes the row, and its typed document. Raises HTTPFault(INVALID)."""
    record_id = _id_of(kind, row, current)
    given = _known_members(kind, row, record_id)
    if kind.members and current is not None:
        return _changed(kind, row, current, given, if_version)
    if kind.members:
        _refuse_unopened(kind, row, given, record_id)
        if_version = if_version or 0  # it is made: nobody else has made it meanwhile
    names = {"id": record_id, "uid": row.uid or ("" if current is None else current.uid)}
    if row.code:
        names["code"] = row.code
    fields = kind.model.__struct_fields__
    # One of before that limit names its item still; one that the document says, too, is looked at with it.
    is_known = current is not None and row.code == current.code
    if len(row.code or "") > MOST_CODE and "code" not in given and not is_known:
        raise refuse("code", f"code has at most {MOST_CODE} characters")
    doc = _typed(kind, given | {name: each for name, each in names.items() if name in fields})
    keys = dict(() if current is None else current.keys) | dict(kind.keys(doc))
    change = RecordChange(
        kind=kind.record,
        id=record_id,
        if_version=if_version,
        uid=row.uid or "",
        code=row.code or "",
        doc=doc,
        keys=tuple(keys.items()),
    )
    return change, doc


def _id_of(kind: Kind, row: Row, current: Record | None) -> int:
    """The id that the row's item has, or is to have."""
    record_id = row.id or (current.id if current is not None else 0)
    if not record_id:
        raise refuse("id", "a new item needs an id, or a code to be known by", "missing")
    if kind.single and record_id != 1:
        raise refuse("id", f"there is one item of {kind.name}, of id 1")
    if kind.named and not (row.code or (current is not None and current.code)):
        raise refuse("code", f"code is needed: {kind.what}", "missing")
    return record_id


def _changed(
    kind: Kind, row: Row, current: Record, given: dict[str, Any], if_version: int | None
) -> tuple[RecordChange, Any]:
    """The change that writes a view's own members, and the document as it is then."""
    for name, said, stands in (("uid", row.uid, current.uid), ("code", row.code, current.code)):
        if said and said != stands:  # a view finds its item by a name; it gives none
            raise refuse(name, f"{name} is not the item's {name}")
    for name in set(kind.opening) & set(given):
        said, stands = given.pop(name), getattr(current.doc, name)
        if str(said).lower() != str(stands).lower():
            why = f"is said when an item is made; item {current.id} of {kind.name} has another"
            raise refuse(f"doc.{name}", f"doc.{name} {why}")
    doc = _typed(kind, {**msgspec.to_builtins(current.doc), **given}, kind.members)
    members = {name: msgspec.to_builtins(getattr(doc, name)) for name in given}
    change = RecordChange(kind=kind.record, id=current.id, if_version=if_version, members=members)
    return change, doc


def _refuse_unopened(kind: Kind, row: Row, given: dict[str, Any], record_id: int) -> None:
    """A view makes an item of what can be found by a name, under an id that leaves room for others."""
    if not kind.opening:
        owner = next(each.name for each in KINDS.values() if each.record == kind.record)
        raise refuse("id", f"there is no such item of {owner}")
    if row.code:
        raise refuse("code", f"{kind.name} have no code")
    if not any(given.get(name) for name in kind.names):
        named = ", ".join(kind.names)
        raise refuse(f"doc.{kind.names[0]}", f"a new item has one of {named}", "missing")
    if record_id > MOST_BY_HAND:
        raise refuse("id", f"id of a new item is at most {MOST_BY_HAND}")


def _known_members(kind: Kind, row: Row, record_id: int) -> dict[str, Any]:
    """The members of the row's document, all of which are the kind's; times as the ledger keeps them."""
    given = dict(row.doc or {})
    known = (*kind.opening, *kind.members) or kind.model.__struct_fields__
    unknown = sorted(set(given) - set(known) - {"id"})
    unknown += sorted(set(strangers(given, type_of(kind.model))) - {"id", *unknown})
    if unknown:
        raise refuse(f"doc.{unknown[0]}", f"{kind.name} have no member {unknown[0]}")
    if given.pop("id", record_id) != record_id:
        raise refuse("doc.id", "doc.id is not the item's id")
    moved: dict[str, Any] = with_instants(given, type_of(kind.model), "doc", _read)
    return moved


def _typed(kind: Kind, given: dict[str, Any], own: tuple[str, ...] = ()) -> Any:
    """The document. A view answers for its `own` members: what else an older hub let into the item, it leaves."""
    doc = _in_keeping(converted(given, kind.model, "doc"))
    _refuse_amounts(msgspec.to_builtins(doc, builtin_types=(Decimal,)), "doc")
    for path, says in breaches(doc):
        member = path.partition(".")[0].partition("[")[0]
        if not own or member in own:
            problem = "missing" if says == NEEDED else "value"
            raise refuse(f"doc.{path}", f"doc.{path} {says}", problem)
    return doc


def _read(value: Any, path: str, none: Any) -> Any:
    """An instant as the ledger keeps it; null = none."""
    if value is None:
        return none
    if not isinstance(value, str):
        raise refuse(path, f"{path} is ISO 8601", "type")
    return instant(value, path)


def _in_keeping(value: Any, digits: int = STORED_DECIMALS) -> Any:
    """The document with its amounts as the ledger will keep them; free `data` stays as it was sent."""
    if isinstance(value, Decimal):
        return kept(value, digits)
    if isinstance(value, msgspec.Struct):
        digits = getattr(value, "DECIMALS", digits)
        members = {
            name: _in_keeping(each, digits)
            for name in value.__struct_fields__
            if type(each := getattr(value, name)) not in _PLAIN and name != "data"
        }
        return msgspec.structs.replace(value, **members) if members else value
    if isinstance(value, dict):
        return {name: _in_keeping(each, digits) for name, each in value.items()}
    if isinstance(value, tuple):
        return tuple(_in_keeping(each, digits) for each in value)
    return value


def _refuse_amounts(value: Any, path: str) -> None:
    if isinstance(value, Decimal) and not is_storable(kept(value)):
        raise refuse(path, f"{path}: at most 12 digits before the point")
    if isinstance(value, dict):
        for name, each in value.items():
            if type(each) not in _PLAIN:
                _refuse_amounts(each, f"{path}.{name}")
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            _refuse_amounts(each, f"{path}[{index}]")


def item_shape(kind: Kind, record: Record) -> Item:
    """The item as it is shown, and as it may be sent back."""
    doc = plain_values(msgspec.to_builtins(record.doc))
    if kind.members:
        doc = {name: doc[name] for name in kind.members if name in doc}
    return Item.of(record, doc=with_instants(doc, type_of(kind.model), "doc", _written))


def columns_of_items(kind: Kind) -> tuple[str, ...]:
    """What a table of the kind's items has, as `orderhub catalogue import` reads it."""
    names = ("id", "uid", "code")
    members = kind.members or kind.model.__struct_fields__
    within = (
        each
        for each in columns_of(kind.model)
        if each.partition(".")[0] in members and each not in names
    )
    return (*names, *within)


def table_row(item: Item) -> dict[str, Any]:
    """The item as a row of such a table."""
    return {**item.doc, "id": item.id, "uid": item.uid, "code": item.code}


def _written(value: Any, _path: str, _none: Any) -> Any:
    return exact_instant(value) if type(value) is int else value
