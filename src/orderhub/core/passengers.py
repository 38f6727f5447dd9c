"""The form each traveller fills in, as the product asks for it, and whether the answers fit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec

from orderhub.core.ranges import Rule
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.units import Text, about

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MAX_NUMBER_LENGTH = 40
# The vendor's name of the field that tells when a traveller was born.
BIRTHDAY = "dob"


class FieldKind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    SELECT = "select"
    RADIO = "radio"
    DATE = "date"
    PHONE = "phone"


class FormField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One question. Every listed field must be answered; a choice by one of `options`."""

    name: Annotated[Text, about("what the answer is sent as", "tours4fun")]
    kind: Annotated[FieldKind, about("what kind of answer it takes", "tours4fun")] = FieldKind.TEXT
    label: Annotated[str, about("the words of the question", "tours4fun")] = ""
    minimum: Annotated[Decimal | None, about("of a number", "tours4fun")] = None
    maximum: Annotated[Decimal | None, about("of a number", "tours4fun")] = None
    options: Annotated[
        tuple[str, ...] | dict[str, str],
        about("of a choice: the words, or key -> words; none = anything", "tours4fun"),
    ] = ()
    placeholder: Annotated[str, about("what the empty field shows", "tours4fun")] = ""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "maximum",
            "is not below minimum",
            lambda field: (
                field.minimum is None or field.maximum is None or field.minimum <= field.maximum
            ),
        ),
    )


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """One traveller: `kind` as it was sent, and the answers."""

    kind: str
    is_child: bool = False
    answers: dict[str, Any] = {}


def parse_date(text: str) -> date | None:
    """A day written `YYYY-MM-DD`, or None."""
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def problem_of(field: FormField, answer: Any) -> str:
    """What is wrong with an answer, or empty."""
    if answer is None or isinstance(answer, bool | dict | list):
        return "is missing" if answer is None else "is not text"
    text = str(answer).strip()
    if not text:
        return "is missing"
    match field.kind:
        case FieldKind.NUMBER:
            return _number_problem(field, text)
        case FieldKind.SELECT | FieldKind.RADIO:
            # A keyed choice is answered by its key or by the words shown for it.
            options = field.options
            allowed = {*options, *options.values()} if isinstance(options, dict) else options
            return "" if not allowed or text in allowed else "is not one of the choices"
        case FieldKind.DATE:
            return "" if parse_date(text) else "is not a date YYYY-MM-DD"
        # A phone number is for people to dial: no form of it is asked for, as of the contact's.
        case FieldKind.PHONE | FieldKind.TEXT:
            return ""


def _number_problem(field: FormField, text: str) -> str:
    try:
        number = Decimal(text) if len(text) <= _MAX_NUMBER_LENGTH else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        return "is not a number"
    if field.minimum is not None and number < field.minimum:
        return f"is less than {field.minimum}"
    if field.maximum is not None and number > field.maximum:
        return f"is more than {field.maximum}"
    return ""


def form_refusal(form: Iterable[FormField], guests: tuple[Guest, ...]) -> Rejected | None:
    """The first answer that does not fit."""
    for field in form:
        for index, guest in enumerate(guests):
            problem = problem_of(field, guest.answers.get(field.name))
            if problem:
                return Rejected(
                    Reason.GUEST_FORM_INVALID,
                    f"guests[{index}].{field.name}",
                    f"{field.name} {problem}",
                )
    return None


def age_on(born: date, day: date) -> int:
    """Completed years on a day."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def birthday_refusal(
    form: Iterable[FormField], guests: tuple[Guest, ...], day: date
) -> Rejected | None:
    """A traveller who is not born by the day of departure; asked only where the form has a birthday."""
    if not any(field.name == BIRTHDAY for field in form):
        return None
    for index, guest in enumerate(guests):
        born = parse_date(str(guest.answers.get(BIRTHDAY, "")).strip())
        if born is not None and born > day:
            return Rejected(
                Reason.GUEST_FORM_INVALID,
                f"guests[{index}].{BIRTHDAY}",
                f"{BIRTHDAY} is after the departure on {day}",
            )
    return None


def child_refusal(
    form: Iterable[FormField], guests: tuple[Guest, ...], day: date, max_age: int
) -> Rejected | None:
    """A child too old on the day of departure; asked only where the form has a birthday."""
    if not max_age or not any(field.name == BIRTHDAY for field in form):
        return None
    for index, guest in enumerate(guests):
        born = parse_date(str(guest.answers.get(BIRTHDAY, "")).strip()) if guest.is_child else None
        if born is not None and age_on(born, day) > max_age:
            return Rejected(
                Reason.CHILD_TOO_OLD,
                f"guests[{index}].{BIRTHDAY}",
                f"older than {max_age} on {day}",
            )
    return None
