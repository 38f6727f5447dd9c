"""What a browser's form sends: texts and files by name, read as the Struct that its page expects.

A form is drawn from what stands and comes back later, perhaps twice. So it carries the version of what it shows, or a
key that counts once where it makes something; and what was sent is drawn again in that form alone.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, TypeVar, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec
from msgspec import inspect
from python_multipart import parse_form
from python_multipart.exceptions import FormParserError

from orderhub.core.refusals import Reason
from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import Call, Fault, FaultKind, HTTPFault, malformed
from orderhub.web.desk.language import N_
from orderhub.web.desk.refusals import REASONS

T = TypeVar("T", bound=msgspec.Struct)

MOST_MEMBERS = 1_000  # of a form that draws no more
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class FormRefused(Exception):
    """What is wrong, by the member it is wrong in; under "" what is wrong as a whole. Texts as `N_` marks them."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(", ".join(faults))
        self.faults = dict(faults)


class FormStale(FormRefused):
    """It was sent before, or what it was drawn from is not what stands: whoever sent it looks at that first."""


class Form(msgspec.Struct, frozen=True):
    """As it was sent to `path`, and once it was judged what is wrong with it. Empty = a page that is only looked at.

    is_stale  its page shows what stands, and what was sent beside it
    """

    members: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    faults: dict[str, str] = {}
    path: str = ""
    is_stale: bool = False

    def first(self, name: str, otherwise: str = "") -> str:
        found = self.members.get(name)
        return found[0] if found else otherwise

    def all(self, name: str) -> list[str]:
        return self.members.get(name, [])

    def of(self, path: str) -> Form:
        """What was sent to this path: a page may have several forms, and what was sent by one is no other's."""
        return self if self.path == path else Form()

    @property
    def is_kept(self) -> bool:
        """Whether its inputs show what was sent."""
        return bool(self.members) and not self.is_stale

    def shown(self, name: str, stands: Any) -> Any:
        """What an input shows: what was sent, else what stands."""
        return self.first(name, stands) if self.is_kept else stands

    def chosen(self, name: str, stands: Collection[str]) -> Collection[str]:
        """Which boxes of a name are ticked: none of them is sent where none is."""
        return self.all(name) if self.is_kept else stands

    def beside(self, name: str, stands: Any) -> str | None:
        """What was sent and is not shown, since something else stands; None = there is no such thing."""
        sent = self.first(name, str(stands))
        return sent if self.is_stale and sent != str(stands) else None

    def refuse_unless_of(self, version: str) -> None:
        """Raises FormStale for a form that was drawn from another version."""
        if self.first("version") != version:
            raise FormStale({"": REASONS[Reason.VERSION_CONFLICT]})

    def read(self, model: type[T]) -> T:
        """The form as its model: blanks around a text are no part of it. Raises FormRefused with all that is wrong.

        A member that was left empty is not given; a tuple takes every value of its name.
        """
        given: dict[str, Any] = {}
        faults: dict[str, str] = {}
        for field, kind in _fields(model):
            texts = [each.strip() for each in self.members.get(field.encode_name, ())]
            value: Any = texts if get_origin(kind) is tuple else (texts[0] if texts else "")
            if value in ("", []):
                if field.required:
                    faults[field.encode_name] = N_("This is needed.")
                continue
            try:
                given[field.encode_name] = msgspec.convert(value, kind, strict=False)
            except msgspec.ValidationError:
                faults[field.encode_name] = N_("This cannot be taken.")
        if faults:
            raise FormRefused(faults)
        return model(**given)


def stamp(*shown: Any) -> str:
    """What a form shows as a version, where what it shows has none of its own."""
    return hashlib.sha256(msgspec.json.encode(shown)).hexdigest()[:16]


@cache
def _fields(model: type[msgspec.Struct]) -> tuple[tuple[inspect.Field, Any], ...]:
    found = inspect.type_info(model)
    assert isinstance(found, inspect.StructType)
    hints = get_type_hints(model, include_extras=True)
    return tuple((field, hints[field.name]) for field in found.fields)


def form_in(call: Call, most: int = MOST_MEMBERS) -> Form:
    """The form of a call, of at most so many members. Raises HTTPFault for a body that is none."""
    kind = call.header("content-type").partition(";")[0].strip().lower()
    if kind == _MULTIPART:
        return _form(call, *_multipart(call, most))
    if kind and kind != _URLENCODED:
        raise HTTPFault(Fault(FaultKind.UNSUPPORTED_MEDIA, f"a form is {_URLENCODED}"))
    try:
        pairs = parse_qsl(
            call.body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=most,
            errors="strict",
        )
    except ValueError:  # too many, no UTF-8, not ASCII: no browser sends it
        raise malformed("the body is no form") from None
    return _form(call, pairs, {})


def _multipart(call: Call, most: int) -> tuple[list[tuple[str, str]], dict[str, bytes]]:
    pairs: list[tuple[str, str]] = []
    files: dict[str, bytes] = {}

    def on_field(field: Any) -> None:
        if len(pairs) >= most:
            raise FormParserError("too many members")
        pairs.append((field.field_name.decode(), (field.value or b"").decode()))

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        files[file.field_name.decode()] = file.file_object.read()

    headers = {
        "Content-Type": call.header("content-type").encode("latin-1"),
        "Content-Length": str(len(call.body)).encode(),
    }
    try:
        parse_form(headers, io.BytesIO(call.body), on_field, on_file)
    except (FormParserError, ValueError, KeyError, AttributeError):
        raise malformed("the body is no form") from None
    return pairs, files


def _form(call: Call, pairs: list[tuple[str, str]], files: dict[str, bytes]) -> Form:
    members: dict[str, list[str]] = {}
    for name, text in pairs:
        if "\x00" in text or "\x00" in name:
            raise malformed("U+0000 is not allowed")
        members.setdefault(name, []).append(text.replace("\r\n", "\n"))
    return Form(members, files, path=call.path.rstrip("/"))


def json_object(member: str, text: str) -> dict[str, Any]:
    """The JSON object that is written in a member, or in a file. Raises FormRefused for what no body may be either."""
    try:
        return decode_object(text.encode())
    except HTTPFault:
        raise FormRefused({member: N_("This is no JSON object.")}) from None
