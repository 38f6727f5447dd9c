"""The members of an item of the catalogue as a form: each kind's own, out of its Struct, within its ranges.

What a form does not show (free data, lists of objects) stays as it is. The rules are those of the hub's API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec
from msgspec import inspect

from orderhub.core.facts import Record
from orderhub.core.values import MICROSECONDS
from orderhub.core.zones import zone_of
from orderhub.dialects.contract import (
    Answer,
    Call,
    CommandRejected,
    FaultKind,
    HTTPFault,
    WireFault,
)
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.language import ENGLISH, N_
from orderhub.web.desk.page import Visitor, do, origin
from orderhub.web.desk.refusals import wrong
from orderhub.web.hub_api.catalogue import command_for
from orderhub.web.hub_api.catalogue_kinds import KINDS, Kind
from orderhub.web.hub_api.catalogue_rows import item_shape, row_of
from orderhub.web.hub_api.instants import is_instant
from orderhub.web.hub_api.shaping import amount

# For each kind the members that a form shows, in this order, with their labels. A test holds that these and _APART
# are all that there are.
LABELS: Mapping[str, Mapping[str, str]] = {
    "products": {
        "title": N_("Title"),
        "code": N_("SKU"),
        "price": N_("Price"),
        "currency": N_("Currency, empty = that of the business"),
        "kind": N_("Kind"),
        "active": N_("For sale"),
        "stocked": N_("Its stock is counted"),
        "low_at": N_("Little is left from so many on"),
        "weight_g": N_("Weight in grams"),
        "tax_codes": N_("Codes of its tax rates"),
        "service": N_("UUID of its service"),
        "category": N_("UUID of its accounting category"),
        "seller_id": N_("Number of the user who sells it, 0 = the house"),
        "form_url": N_("Address of a form that its buyer fills in"),
        "uid": N_("UUID"),
    },
    "variants": {
        "title": N_("Title"),
        "code": N_("SKU"),
        "price": N_("Price, empty = the product's"),
        "active": N_("For sale"),
        "stocked": N_("Its stock is counted"),
        "low_at": N_("Little is left from so many on"),
        "weight_g": N_("Weight in grams"),
        "uid": N_("UUID"),
    },
    "coupons": {
        "title": N_("Title"),
        "code": N_("What a buyer types"),
        "kind": N_("What it takes off"),
        "money": N_("The amount that it takes off"),
        "percent": N_("Percent that are still paid"),
        "max_money": N_("Takes off at most, 0 = no cap"),
        "min_amount": N_("Goods must come to"),
        "starts_at": N_("Holds from"),
        "ends_at": N_("Holds until"),
        "active": N_("It holds"),
        "limited": N_("Its uses are counted in all"),
        "per_user": N_("Uses per person, 0 = no limit"),
        "claimed": N_("It is claimed before it is used"),
        "products": N_("Numbers of the products that it is for, none = all"),
    },
}
APART = frozenset({"id", "data", "product_id"})
_CHOICES: Mapping[str, str] = {
    "good": N_("Goods"),
    "service": N_("A service"),
    "tour": N_("A tour"),
    "ticket": N_("A ticket"),
    "fixed": N_("An amount"),
    "percent": N_("A share"),
}
YES_NO = (("true", N_("yes")), ("false", N_("no")))
_AS_IT_IS = ("", N_("as it comes"))
_WHOLE, _AMOUNT = re.compile(r"-?[0-9]{1,18}"), re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,40})?")
# What the hub's API says is wrong, in words of the desk; whatever else it says is shown as it stands.
_WORDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"is needed", N_("This is needed.")),
        (r"is at least (?P<least>\S+)", N_("This is at least %(least)s.")),
        (r"has at most (?P<most>\S+) characters", N_("At most %(most)s characters.")),
        (r"is above 0: a fixed coupon.*", N_("A fixed coupon takes something off.")),
        (r"is below 100: a coupon.*", N_("A coupon takes something off: this is below 100.")),
        (r"is from (?P<least>\S+) to (?P<most>\S+)", N_("This is from %(least)s to %(most)s.")),
        (r"is after starts_at", N_("It ends after it begins.")),
        (r"is a currency.*", N_("This is a currency such as EUR.")),
        (r"is a UUID.*", N_("This is no UUID.")),
        (r"has no blanks.*", N_("No blanks around it and no line breaks.")),
        (r".*at most 12 digits.*", N_("At most 12 digits before the point.")),
        (r"Expected `int` >= (?P<least>\S+)", N_("This is at least %(least)s.")),
        (r"Expected `int` <= (?P<most>\S+)", N_("This is at most %(most)s.")),
        (r"Expected `str` of length <= (?P<most>\S+)", N_("At most %(most)s characters.")),
        (r"Expected `int`, got `str`", N_("Write a whole number.")),
        (r"Invalid decimal string", N_("Write an amount such as 12.50.")),
    )
)


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """One member. `label` and titles of choices as `N_` marks them; `choices` as (value, title)."""

    name: str
    label: str
    type: str
    value: str
    choices: tuple[tuple[str, str], ...] = ()
    is_needed: bool = False


def inputs(name: str, doc: Any, zone: tzinfo) -> tuple[Input, ...]:
    """The form of an item of the kind; `doc` None = of a new one."""
    fields = {each.name: each for each in KINDS[name].fields}
    return tuple(
        _input(fields[member], label, _value(fields[member], doc), zone)
        for member, label in LABELS[name].items()
    )


def _value(field: inspect.Field, doc: Any) -> Any:
    return field.default if doc is None else getattr(doc, field.name)


def _input(field: inspect.Field, label: str, value: Any, zone: tzinfo) -> Input:
    kind, limits, is_optional = _plain_type(field.type)
    shown, kind_of_input = _shown(field, value, zone), "text"
    choices: tuple[tuple[str, str], ...] = ()
    if isinstance(kind, inspect.BoolType):
        choices = (_AS_IT_IS, *YES_NO) if is_optional else YES_NO
    elif isinstance(kind, inspect.EnumType):
        choices = tuple((each.value, _CHOICES[each.value]) for each in kind.cls)
    elif "enum" in limits:
        choices = tuple((each, _CHOICES[each]) for each in limits["enum"])
    elif is_instant(field.type):
        kind_of_input = "datetime-local"
    return Input(name=field.name, label=label, type=kind_of_input, value=shown, choices=choices)


def _plain_type(kind: inspect.Type) -> tuple[inspect.Type, dict[str, Any], bool]:
    """A member's type without its words, its limits, and whether it may be nothing."""
    match kind:
        case inspect.Metadata():
            inner, limits, is_optional = _plain_type(kind.type)
            return inner, {**(kind.extra_json_schema or {}), **limits}, is_optional
        case inspect.UnionType():
            some = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
            inner, limits, _ = _plain_type(some[0])
            return inner, limits, len(some) < len(kind.types)
    return kind, {}, False


def _shown(field: inspect.Field, value: Any, zone: tzinfo) -> str:
    if is_instant(field.type):
        return _moment(value, zone)
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return amount(value)
        case Enum():
            return str(value.value)
        case tuple():
            return ", ".join(map(str, value))
    return "" if value is msgspec.NODEFAULT else str(value)


def _moment(us: int | None, zone: tzinfo) -> str:
    """As a browser's field for a moment has it; 0 = none."""
    if not us:
        return ""
    at = datetime.fromtimestamp(us // MICROSECONDS, UTC).astimezone(zone)
    return at.strftime("%Y-%m-%dT%H:%M")


# --- what was sent


def document(name: str, sent: Form, current: Record | None, zone: tzinfo) -> dict[str, Any]:
    """The item's document with what the form says of it. Raises FormRefused.

    An empty field is a member that is not said; one that the form did not have stays as it is.
    """
    kind = KINDS[name]
    doc: dict[str, Any] = {}
    if current is not None:
        doc = item_shape(kind, current).doc
        doc.pop("id", None)
    faults: dict[str, str] = {}
    fields = {each.name: each for each in kind.fields}
    for member in LABELS[name]:
        if member not in sent.members:
            continue
        text, stands = sent.first(member).strip(), doc.pop(member, None)
        if not text:
            continue
        field = fields[member]
        if current is not None and text == _shown(field, getattr(current.doc, member), zone):
            if stands is not None:
                doc[member] = stands  # a moment keeps its seconds
            continue
        try:
            doc[member] = _read(field, text, zone)
        except ValueError as wrong:
            faults[member] = str(wrong)
    if faults:
        raise FormRefused(faults)
    return doc


def _read(field: inspect.Field, text: str, zone: tzinfo) -> Any:
    """A field's text as a JSON value. Raises ValueError with what is wrong, as `N_` marks it."""
    kind, _, _ = _plain_type(field.type)
    if is_instant(field.type):
        return _instant(text, zone)
    match kind:
        case inspect.BoolType():
            if text not in ("true", "false"):
                raise ValueError(N_("This cannot be taken."))
            return text == "true"
        case inspect.IntType():
            return _whole(text)
        case inspect.DecimalType():
            if not _AMOUNT.fullmatch(text):
                raise ValueError(N_("Write an amount such as 12.50."))
            return text
        case inspect.VarTupleType():
            parts = [each for each in re.split(r"[\s,，]+", text) if each]
            item, _, _ = _plain_type(kind.item_type)
            return [_whole(each) if isinstance(item, inspect.IntType) else each for each in parts]
    return text


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(N_("Write a whole number."))
    return int(text)


def _instant(text: str, zone: tzinfo) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(N_("Write a day and a time, such as 2026-12-31T23:59.")) from None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).isoformat()


async def save(
    call: Call,
    visitor: Visitor,
    name: str,
    item_id: int,
    current: Record | None,
    doc: dict[str, Any],
    version: int,
    done: Answer,
) -> Answer:
    """Write the item as the hub's API does, by whoever looks. `version` 0 = it is new. Raises FormRefused."""
    kind: Kind = KINDS[name]
    assert visitor.caller is not None
    try:
        row = msgspec.structs.replace(row_of({"doc": doc}), id=item_id)
        command = command_for(call, visitor.caller, visitor.at, kind, row, current, version)
    except HTTPFault as stop:
        if stop.fault.kind is not FaultKind.INVALID:
            raise
        raise FormRefused(dict(_told(visitor, each) for each in stop.fault.faults)) from None
    command = msgspec.structs.replace(command, origin=origin(call, visitor))
    try:
        return await do(call, command, lambda _: done)
    except CommandRejected as stop:
        if stop.rejected.field not in kind.apart:
            raise
        # What it is found by apart from its names is its code, as people type that.
        refused = msgspec.structs.replace(stop.rejected, field="code")
        raise CommandRejected(refused) from None


def _told(visitor: Visitor, fault: WireFault) -> tuple[str, str]:
    """A fault of the API's as (member, what is wrong with it)."""
    member, why, is_known = in_words(visitor, fault.path, fault.message)
    if not is_known and visitor.language != ENGLISH:
        return member, wrong(visitor.language, fault)
    return member, why if is_known or not member else f"{member}: {why}"


def in_words(visitor: Visitor, path: str, message: str) -> tuple[str, str, bool]:
    """What the hub's API says is wrong with a member as (member, why, whether the desk has words for it)."""
    member = re.split(r"[.\[]", path.removeprefix("doc."))[0]
    why = message.removeprefix(path).removeprefix(":").strip()
    for pattern, text in _WORDS:
        found = pattern.fullmatch(why)
        if found:
            return member, visitor.say(text, **found.groupdict()), True
    return member, why, False


def zone_here(visitor: Visitor) -> tzinfo:
    assert visitor.settings is not None
    return zone_of(visitor.settings.time_zone)
