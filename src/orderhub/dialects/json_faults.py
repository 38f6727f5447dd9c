"""What is wrong with a text that is no JSON, and where: looked for only after a decoder has refused it.

The sentences are those that Go's decoder says, since they name the character and the place in the grammar.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SPACE = re.compile(rb"[ \t\r\n]*")
_TEXT = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_HEX = re.compile(rb"[0-9a-fA-F]{0,4}")
_WORDS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_DIGITS = b"-0123456789"
# A pair stays as it is, and so does any other escape: `\\\\ud83d` is a backslash and a word.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
BREAKS_OFF = "unexpected end"


class JsonFault(NamedTuple):
    """Where a text stops being JSON, in bytes, and what is wrong there."""

    at: int
    says: str

    @property
    def breaks_off(self) -> bool:
        return self.says == BREAKS_OFF


class _Bad(Exception):
    def __init__(self, at: int, says: str) -> None:
        super().__init__(says)
        self.fault = JsonFault(at, says)


def fault_in(text: bytes) -> JsonFault | None:
    """The first thing that makes it no JSON; None where its grammar is right."""
    at, state, open_ = 0, "value", bytearray()
    try:
        while True:
            at = _end(_SPACE, text, at)
            if state == "after" and not open_:
                if at < len(text):
                    raise _bad(text, at, "after top-level value")
                return None
            at, state = _step(text, at, state, open_)
    except _Bad as bad:
        return bad.fault


def _step(text: bytes, at: int, state: str, open_: bytearray) -> tuple[int, str]:
    """One token on: where it ends, and what may follow. `open_` holds the brackets around it."""
    found = text[at : at + 1]
    if state == "colon":
        if found != b":":
            raise _bad(text, at, "after object key")
        return at + 1, "value"
    if state == "after":
        return _between(text, at, open_)
    if (state, found) in (("key or close", b"}"), ("value or close", b"]")):
        open_.pop()
        return at + 1, "after"
    if state.startswith("key"):
        if found != b'"':
            raise _bad(text, at, "looking for beginning of object key string")
        return _text(text, at), "colon"
    if found in (b"{", b"["):
        open_ += found
        return at + 1, "key or close" if found == b"{" else "value or close"
    return _scalar(text, at), "after"


def _between(text: bytes, at: int, open_: bytearray) -> tuple[int, str]:
    found, is_object = text[at : at + 1], open_[-1:] == b"{"
    if found == b",":
        return at + 1, "key" if is_object else "value"
    if found == (b"}" if is_object else b"]"):
        open_.pop()
        return at + 1, "after"
    raise _bad(text, at, "after object key:value pair" if is_object else "after array element")


def _scalar(text: bytes, at: int) -> int:
    if at == len(text):
        raise _bad(text, at, "")
    first = text[at]
    if first == ord('"'):
        return _text(text, at)
    if first in _DIGITS:
        return _number(text, at)
    word = _WORDS.get(first, b"")
    for offset, letter in enumerate(word):
        if text[at + offset : at + offset + 1] != bytes((letter,)):
            raise _bad(text, at + offset, f"in literal {word.decode()} (expecting '{chr(letter)}')")
    if not word:
        raise _bad(text, at, "looking for beginning of value")
    return at + len(word)


def _number(text: bytes, at: int) -> int:
    match = _NUMBER.match(text, at)
    if match is None:
        raise _bad(text, at + 1, "in numeric literal")
    end = match.end()
    following = text[end : end + 1]
    if following == b"." and b"." not in match[0] and not re.search(rb"[eE]", match[0]):
        raise _bad(text, end + 1, "after decimal point in numeric literal")
    if following in (b"e", b"E") and not re.search(rb"[eE]", match[0]):
        signed = text[end + 1 : end + 2] in (b"+", b"-")
        raise _bad(text, end + 1 + signed, "in exponent of numeric literal")
    return end


def _text(text: bytes, at: int) -> int:
    end = _end(_TEXT, text, at)
    found = text[end : end + 1]
    if found == b'"':
        return end + 1
    if found != b"\\":
        raise _bad(text, end, "in string literal")
    if text[end + 1 : end + 2] != b"u":
        raise _bad(text, end + 1, "in string escape code")
    raise _bad(text, _end(_HEX, text, end + 2), "in \\u hexadecimal character escape")


def _end(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    match = pattern.match(text, at)
    return at if match is None else match.end()


def _bad(text: bytes, at: int, where: str) -> _Bad:
    if at >= len(text):
        return _Bad(len(text), BREAKS_OFF)
    return _Bad(at, f"invalid character {_quoted(text[at])} {where}")


def _quoted(byte: int) -> str:
    """A byte as Go quotes it."""
    if byte == ord("'"):
        return r"'\''"
    shown = chr(byte)
    named = {"\t": r"\t", "\n": r"\n", "\r": r"\r", "\\": r"\\"}.get(shown)
    if named is None:
        named = shown if shown.isprintable() else f"\\x{byte:02x}"
    return f"'{named}'"


# --- Unicode


def unicode_fault(text: bytes) -> str:
    """What is wrong with the letters of a text whose grammar is right; empty = nothing."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8"
    for match in _ESCAPE.finditer(text):
        if match[1]:
            return f"{match[1].decode()} at byte {match.start()} is half of a character"
    return ""


def mended(text: bytes) -> bytes:
    """The same with U+FFFD for what is not UTF-8 and for an escape that is half of a character."""
    whole = text.decode("utf-8", "replace").encode()
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], whole)
