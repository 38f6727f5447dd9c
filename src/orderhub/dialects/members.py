"""One declaration for each member of a request: how it is read, what it may hold, what OpenAPI and a README say.

A request is a msgspec Struct whose members are annotated with a Kind, and perhaps with other spellings and a meaning:

    class Item(Struct, frozen=True, kw_only=True):
        sku: Annotated[str, text(64, blank=False), also("skuCode"), Meta(description="code of a variant")]
        quantity: Annotated[int, whole(1, 1_000)]
        remark: Annotated[str, text(2_000)] = ""

A member without a default is required; a Struct with `forbid_unknown_fields` takes no others. A vendor's Style says
what counts as absent, how members may be spelled and in which words faults are told; `Style.read` makes the Struct,
`schema_of` the JSON Schema, `member_tables.py` a README's rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from orderhub.dialects.contract import WireFault, invalid
from orderhub.dialects.describing import (
    INTEGER,
    Schema,
    any_of,
    listed,
    maybe,
    members,
    needed,
)
from orderhub.dialects.describing import text as text_schema
from orderhub.dialects.member_plans import Plan, plan_of
from orderhub.dialects.scalars import as_integer, as_text, fitted

S = TypeVar("S", bound=msgspec.Struct)

_REQUIRED = msgspec.NODEFAULT


class Bad(Exception):
    """A value that cannot be taken.

    problem   `missing`, `type`, `value`, `length` or `unknown`, as in WireFault
    expected  the JSON type that was expected, where that is the problem, or the limit that was passed; of what is
              missing the members of which one has to be there
    message   the vendor's words, where the kind knows them better than the style
    path      where below the member itself
    """

    def __init__(
        self, problem: str, expected: str | int = "", message: str = "", path: str = ""
    ) -> None:
        super().__init__(message or problem)
        self.problem = problem
        self.expected = expected
        self.message = message
        self.path = path


@dataclass(frozen=True, slots=True)
class Kind:
    """How the values of a member are read, and what is true of them.

    check    value -> the typed value; raises Bad
    schema   JSON Schema of what is taken
    within   of what has members or entries, in place of `check`: (value, its path, the reading) -> the typed value;
             raises Bad for the value as a whole, and tells the reading what is wrong in it
    model    of an object, or of a list of objects: its Struct
    plain_below  any text of fewer characters, not all of them blank, is as it is meant; 0: `check` has to look at each
    """

    check: Callable[[Any], Any] | None
    schema: Schema
    within: Callable[[Any, str, Reading], Any] | None = None
    model: type[msgspec.Struct] | None = None
    plain_below: int = 0

    def read(self, value: Any, path: str, reading: Reading) -> Any:
        """The typed value. Raises Bad."""
        if self.check is not None:
            return self.check(value)
        assert self.within is not None
        return self.within(value, path, reading)

    def then(self, check: Callable[[Any], Any], schema: Schema | None = None) -> Kind:
        """The same with one more look at the value: `check` returns it, perhaps changed, or raises Bad."""
        first = self.check
        assert first is not None, "of a scalar"
        return Kind(lambda value: check(first(value)), schema or self.schema)

    def taking(self, prepare: Callable[[Any], Any]) -> Kind:
        """The same of what `prepare` makes of a value; it may raise Bad, and None is None."""

        inner = self.within or self.read

        def read(value: Any, path: str, reading: Reading) -> Any:
            value = prepare(value)
            return None if value is None else inner(value, path, reading)

        return Kind(None, self.schema, read, self.model)


@dataclass(frozen=True, slots=True)
class Spellings:
    """Other names of a member, in the order in which they count; `first`: before its own."""

    names: tuple[str, ...]
    first: bool


def also(*names: str, first: bool = False) -> Spellings:
    """Other spellings of a member. Of several that are sent its own counts; `first`: these count before it."""
    return Spellings(names, first)


@dataclass(frozen=True, slots=True)
class NotEmpty:
    """Of a member that may be left out, but not be sent empty, null or an empty list. `words`: the vendor's."""

    words: str


# --- kinds


def kind(check: Callable[[Any], Any], schema: Schema) -> Kind:
    """A kind of a dialect's own: `check` returns the typed value or raises Bad."""
    return Kind(check, schema)


def text(most: int, *, blank: bool = True, strip: bool = False) -> Kind:
    """A text of at most so many characters. Not `blank`: one of blanks alone counts as missing."""

    def check(value: Any) -> str:
        is_text = value.__class__ is str
        if is_text and not strip and len(value) <= most and (blank or value.strip()):
            return str(value)  # as most texts are
        found = as_text(value)
        if found is None:
            raise Bad("type", "string")
        if strip:
            found = found.strip()
        found = fitted(found, most)
        if len(found) > most:
            raise Bad("length", most)
        if not blank and not found.strip():
            raise Bad("missing")
        return str(found)

    schema = text_schema(most) if blank else needed(most)
    return Kind(check, schema, plain_below=0 if strip else most + 1)


def whole(least: int, most: int, *, digits: int = 19, beyond: str = "") -> Kind:
    """An integer, also as a text of digits or as a number with nothing behind the point.

    beyond   the vendor's words for one that is too small or too large
    """

    def check(value: Any) -> int:
        number = as_integer(value, digits)
        if number is None:
            raise Bad("type", "integer")
        if not least <= number <= most:
            raise Bad("value", f"{least} to {most}", beyond)
        return number

    # A number of fewer digits than the largest is surely not beyond it.
    many = max(1, len(str(most)) - 1)
    pattern = f"^[1-9][0-9]{{0,{many - 1}}}$" if least else f"^[0-9]{{1,{many}}}$"
    schema: Schema = {"type": INTEGER, "minimum": least, "maximum": most, "pattern": pattern}
    return kind(check, schema)


def flag() -> Kind:
    """A JSON boolean."""

    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Bad("type", "boolean")
        return value

    return kind(check, {"type": "boolean"})


def one_of(values: Iterable[str], *, any_case: bool = False) -> Kind:
    """One of a few words, as it is spelled here."""
    known = {value.lower() if any_case else value: value for value in values}

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Bad("type", "string")
        found = known.get(value.lower() if any_case else value)
        if found is None:
            raise Bad("value", ", ".join(known.values()))
        return found

    words = list(known.values())
    schema: Schema = {"type": "string", "enum": words}
    if any_case:
        schema["enum"] = list(dict.fromkeys((*words, *known, *map(str.upper, words))))
    return kind(check, schema)


def anything() -> Kind:
    """Any JSON value, as it is."""
    return kind(lambda value: value, {})


def free_object() -> Kind:
    """A JSON object of whatever members, as it is."""

    def check(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Bad("type", "object")
        return value

    return kind(check, {"type": "object"})


def many(each: Kind, most: int, *, least: int = 0, null: Any = None) -> Kind:
    """A list, as a tuple; with fewer than `least` (1, as a rule) it counts as missing; `null`: what null is in it."""

    check, inner = each.check, each.within or each.read

    def read(value: Any, path: str, reading: Reading) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Bad("type", "array")
        if len(value) < least:
            raise Bad("missing")
        if len(value) > most:
            raise Bad("length", most)
        place = reading.style.place
        found = []
        for index, entry in enumerate(value):
            if entry is None:
                entry = null  # noqa: PLW2901
            try:
                found.append(
                    check(entry) if check is not None else inner(entry, place(path, index), reading)
                )
            except Bad as bad:
                reading.fault(place(path, index), bad, entry)
        return tuple(found)

    return Kind(None, listed(each.schema, least, most), read, each.model)


def shaped(model: type[msgspec.Struct]) -> Kind:
    """An object with declared members, as its Struct."""

    def read(value: Any, path: str, reading: Reading) -> Any:
        if not isinstance(value, dict):
            raise Bad("type", "object")
        found = reading.values(model, value, f"{path}.")
        return None if reading.faults else model(**found)

    return Kind(None, schema_of(model), read, model)


# --- declarations


@dataclass(frozen=True, slots=True)
class Member:
    """A member as it was declared.

    attribute  of the Struct
    name       on the wire
    names      all of them, in the order in which they count
    """

    attribute: str
    name: str
    names: tuple[str, ...]
    kind: Kind
    required: bool
    about: str
    unless_empty: str = ""


@functools.cache
def declared(model: type[msgspec.Struct]) -> tuple[Member, ...]:
    """The members of a request, in order, those in the Struct's `FIRST` before inherited ones.

    Raises TypeError for one that has no kind.
    """
    found = []
    for each in msgspec.structs.fields(model):
        extras = get_args(each.type)[1:] if get_origin(each.type) is Annotated else ()
        kinds = [extra for extra in extras if isinstance(extra, Kind)]
        if len(kinds) != 1:
            raise TypeError(f"{model.__name__}.{each.name} needs one kind")
        others = [extra for extra in extras if isinstance(extra, Spellings)]
        before = [name for other in others if other.first for name in other.names]
        after = [name for other in others if not other.first for name in other.names]
        about = [e.description for e in extras if isinstance(e, msgspec.Meta) and e.description]
        required = each.default is _REQUIRED and each.default_factory is _REQUIRED
        name = each.encode_name
        names = (*before, name, *after)
        words = "".join(extra.words for extra in extras if isinstance(extra, NotEmpty))
        found.append(Member(each.name, name, names, kinds[0], required, " ".join(about), words))
    first = getattr(model, "FIRST", ())
    return tuple(sorted(found, key=lambda member: member.attribute not in first))


def is_declared(model: Any) -> bool:
    """Whether it is a Struct whose members are declared as here, rather than to msgspec alone."""
    if not (isinstance(model, type) and issubclass(model, msgspec.Struct)):
        return False
    fields = msgspec.structs.fields(model)
    return bool(fields) and all(
        any(isinstance(extra, Kind) for extra in get_args(each.type)[1:]) for each in fields
    )


def within(model: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """The Structs of its objects and lists of objects, at any depth."""
    found = [each.kind.model for each in declared(model) if each.kind.model is not None]
    return [*found, *(inner for each in found for inner in within(each))]


def alternatives(model: type[msgspec.Struct]) -> tuple[tuple[str, ...], ...]:
    """Groups of optional members of which one has to be there: the Struct's `ONE_OF`."""
    return getattr(model, "ONE_OF", ())


# --- reading


def _nothing_else(name: str) -> tuple[str, ...]:
    return (name,)


def _index(path: str, index: int) -> str:
    return f"{path}[{index}]"


@dataclass(frozen=True, slots=True)
class Style:
    """A vendor's manner of reading requests.

    say        (what is wrong, the value) -> the vendor's words for it
    is_absent  whether a text counts as not sent, as null does
    spelled    name -> the ways in which it may be written, the first wins
    any_case   whether names are also matched without regard to case, after the exact ones; faults say the declared one
    place      (path of a list, index) -> path of an entry
    gathers    whether all faults are told, rather than the first
    """

    say: Callable[[Bad, Any, str], str]
    is_absent: Callable[[str], bool] | None = None
    spelled: Callable[[str], tuple[str, ...]] = _nothing_else
    any_case: bool = False
    place: Callable[[str, int], str] = _index
    gathers: bool = True
    plans: dict[type[msgspec.Struct], Plan] = field(default_factory=dict, repr=False, compare=False)

    def read(
        self, model: type[S], body: Mapping[str, Any], path: str = "", context: Any = None
    ) -> S:
        """The body as its Struct; `path` goes before those of faults. Raises HTTPFault(INVALID) with all faults."""
        try:
            return model(**Reading(self, context, plainly=True).values(model, body, path))
        except NotPlain:
            reading = Reading(self, context)
            found = reading.values(model, body, path)
            reading.finish()
            return model(**found)

    def changes(
        self, model: type[msgspec.Struct], body: Mapping[str, Any], context: Any = None
    ) -> dict[str, Any]:
        """What was sent of a change, by member: a null one is None, and a required one may be left out, not be null.

        Raises HTTPFault(INVALID).
        """
        reading = Reading(self, context)
        found = reading.values(model, body, "", partial=True)
        reading.finish()
        return found

    def plan(self, model: type[msgspec.Struct]) -> Plan:
        """What reading the model takes, worked out once."""
        found = self.plans[model] = plan_of(
            declared(model),
            self.spelled,
            alternatives(model),
            takes_any_case=self.any_case,
            is_closed=bool(model.__struct_config__.forbid_unknown_fields),
        )
        return found


class NotPlain(Exception):
    """A body is not plainly right: what is wrong with it, or what is meant, takes a careful reading."""


class Reading:
    """One reading of a body: what was wrong so far, and what kinds have to know of the call (its time).

    Most bodies are plainly right: each member is sent once, in a spelling of its own, and holds what it may. That is
    found out by one look at each member that was sent. Anything else is read again, member by member as declared.

    plainly  for that one look: whatever is not plain raises NotPlain
    """

    __slots__ = ("context", "faults", "plainly", "style")

    def __init__(self, style: Style, context: Any = None, *, plainly: bool = False) -> None:
        self.style = style
        self.context = context
        self.plainly = plainly
        self.faults: list[WireFault] = []

    def fault(self, path: str, bad: Bad, value: Any = None) -> None:
        """Note what is wrong. Raises HTTPFault(INVALID) at once where the vendor tells the first fault alone."""
        if self.plainly:
            raise NotPlain
        path += bad.path
        self.faults.append(
            WireFault(path, bad.problem, bad.message or self.style.say(bad, value, path))
        )
        if not self.style.gathers:
            self.finish()

    def finish(self) -> None:
        """Raises HTTPFault(INVALID) when anything was wrong."""
        if self.faults:
            raise invalid(*self.faults)

    def values(
        self,
        model: type[msgspec.Struct],
        holder: Mapping[str, Any],
        path: str,
        *,
        partial: bool = False,
    ) -> dict[str, Any]:
        """The members that were sent, read."""
        plan = self.style.plans.get(model) or self.style.plan(model)
        if self.plainly:
            return self._plain(plan, holder)
        is_absent = self.style.is_absent
        if plan.any_case is not None:
            holder = plan.any_case.named(holder)
        get = holder.get
        found: dict[str, Any] = {}
        for name, may_lack, step in plan.steps:
            value = get(name)
            if value is None and may_lack and not partial:
                continue
            way, (attribute, own, others, check, read, required, words) = name, step
            if words and self.is_sent_empty(holder, (name, *others), path, words):
                continue
            if value is None or (is_absent and value.__class__ is str and is_absent(value)):
                for way in others:
                    value = get(way)
                    if value is not None and not (
                        is_absent and value.__class__ is str and is_absent(value)
                    ):
                        break
                else:
                    if required or partial:
                        sent = next((way for way in (name, *others) if way in holder), "")
                        if required and (sent or not partial):
                            self.fault(f"{path}{sent or own}", Bad("missing"))
                        elif sent:
                            found[attribute] = None
                    continue
            try:
                found[attribute] = (
                    check(value) if check is not None else read(value, f"{path}{way}", self)
                )
            except Bad as bad:
                self.fault(f"{path}{way}", bad, value)
        self._rest(plan, holder, path, None if partial else found)
        return found

    def _rest(
        self, plan: Plan, holder: Mapping[str, Any], path: str, found: dict[str, Any] | None
    ) -> None:
        """What is wrong with the members together: one of several lacks in all that were `found`, or is not known."""
        for group in () if found is None else plan.groups:
            if not any(map(found.get, group)):  # type: ignore[union-attr]
                self.fault(f"{path}{group[0]}", Bad("missing", ", ".join(group)))
        for other in () if plan.names is None else holder.keys() - plan.names:
            self.fault(f"{path}{other[:40]}", Bad("unknown"))

    def _plain(self, plan: Plan, holder: Mapping[str, Any]) -> dict[str, Any]:
        """The members that were sent, where that is plain. Raises NotPlain."""
        is_absent, step_of = self.style.is_absent, plan.plain.get
        is_open = plan.any_case is None and plan.names is None
        found: dict[str, Any] = {}
        count = 0
        try:
            for name, value in holder.items():
                step = step_of(name)
                if step is None:
                    if is_open:
                        continue
                    raise NotPlain
                attribute, plain_below, check, read, is_never_empty = step
                is_text = value.__class__ is str
                # As most members are; blanks may count as absent.
                if not (is_text and 0 < len(value) < plain_below and not value.isspace()):
                    if is_never_empty and not value:
                        raise NotPlain
                    if value is None or (is_text and is_absent and is_absent(value)):
                        continue
                    value = check(value) if check is not None else read(value, "", self)  # noqa: PLW2901
                found[attribute] = value
                count += 1
        except Bad:
            raise NotPlain from None
        if len(found) != count or not plan.required <= found.keys():
            raise NotPlain
        for group in plan.groups:
            if not any(map(found.get, group)):
                raise NotPlain
        return found

    def is_sent_empty(
        self, holder: Mapping[str, Any], ways: tuple[str, ...], path: str, words: str
    ) -> bool:
        """Whether one of these is there and says nothing: then that is told."""
        empty = [way for way in ways if way in holder and not holder[way]]
        if empty:
            self.fault(f"{path}{empty[0]}", Bad("missing", message=words))
        return bool(empty)


# --- what is said of them


@functools.cache
def schema_of(
    model: type[msgspec.Struct], *, partial: bool = False, nullable: bool = True
) -> Schema:
    """JSON Schema of a request: every spelling, every limit, what is required.

    partial   of a change: what is required may be left out, though not be null
    nullable  whether an optional member may be null, as in a body
    """
    properties: dict[str, Schema] = {}
    required = []
    choices = []
    groups = () if partial else alternatives(model)
    grouped = {name for group in groups for name in group}
    told = {each.attribute: _told(each) for each in declared(model)}
    for each in declared(model):
        if each.required and not partial:
            if len(each.names) > 1:
                choices.append(any_of(dict.fromkeys(each.names, told[each.attribute])))
                continue
            required.append(each.name)
        elif each.attribute in grouped:
            continue
        schema = told[each.attribute]
        if nullable and not (each.required or each.unless_empty):
            schema = maybe(schema)
        properties.update(dict.fromkeys(each.names, schema))
    by_attribute = {each.attribute: each for each in declared(model)}
    choices += [
        any_of({way: told[name] for name in group for way in by_attribute[name].names})
        for group in groups
    ]
    more: dict[str, Any] = {}
    if model.__struct_config__.forbid_unknown_fields:
        more["additionalProperties"] = False
        known: dict[str, Schema] = {name: {} for each in declared(model) for name in each.names}
        properties = known | properties
    if len(choices) == 1:
        more["anyOf"] = choices[0]
    elif choices:
        more["allOf"] = [{"anyOf": each} for each in choices]
    if model.__dict__.get("__doc__"):
        more["description"] = " ".join(model.__doc__.split())  # type: ignore[union-attr]
    return members(properties, *required, **more)


def _told(member: Member) -> Schema:
    schema = member.kind.schema
    return {**schema, "description": member.about} if member.about else schema
