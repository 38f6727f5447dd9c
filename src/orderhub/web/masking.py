"""What may be kept of a call: never a secret, and of people nothing outside a sandbox.

Secrets go by their names, wherever these stand: headers, the query, members at any depth, and text that only looks like
one of these. A secret that was found is cut out everywhere else too: a path, a shell command in an answer, a sentence.
Personal data goes the other way round, since no list of its names would be whole: what is not known as harmless goes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from orderhub.core.request_log import Message
from orderhub.dialects.contract import Dialect

MASKED = "[secret]"
PERSONAL = "[personal]"
UNREADABLE = "[not kept: what is secret in it cannot be told]"
MOST_BYTES = 16_384  # of a request, and of an answer; headers and body together
_MOST_HEADERS = 4_096
_MOST_DEPTH = 64

# Of a name without its case, its dashes and its underscores: it holds one of these, or is one of those.
_TELLING = (
    "password",
    "passwd",
    "secret",
    "token",
    "authorization",
    "apikey",
    "accesskey",
    "cookie",
)
_SECRETS = frozenset(
    [
        "appkey",
        "sign",
        "signature",
        "digest",
        "digests",
        "privatekey",
        "credentialkey",
        "sessionid",
        "cardnumber",
        "cvv",
        "cvc",
        "iban",
        "pin",
        "otp",
    ]
)
_HEADERS = (
    "token",
    "secret",
    "key",
    "auth",
    "sign",
    "cookie",
    "password",
    "session",
    "cart",
    "admin",
)
_NO_SECRET = frozenset(("idempotencykey", "wwwauthenticate"))
# The shortest that is looked for elsewhere: what is shorter is in everything.
_LEAST_SECRET, _LEAST_PERSONAL = 6, 3

# The last word of a name that says nothing of a person, if its value is a number or a code.
_HARMLESS = frozenset(
    [
        "id",
        "ids",
        "uid",
        "uids",
        "sku",
        "skus",
        "spu",
        "ref",
        "status",
        "state",
        "states",
        "type",
        "kind",
        "currency",
        "version",
        "amount",
        "price",
        "quantity",
        "qty",
        "count",
        "units",
        "total",
        "net",
        "gross",
        "cost",
        "discount",
        "weight",
        "limit",
        "offset",
        "page",
        "size",
        "utc",
        "at",
        "code",
    ]
)
# Unless one of these comes before it.
_OF_PEOPLE = frozenset(
    [
        "passport",
        "national",
        "identity",
        "tax",
        "fiscal",
        "google",
        "facebook",
        "wechat",
        "card",
        "invite",
        "customer",
        "phone",
        "zip",
        "post",
        "postal",
        "postcode",
        "country",
        "city",
        "region",
        "destination",
        "language",
        "born",
        "birth",
        "mail",
        "contact",
    ]
)
_CODE = re.compile(r"[A-Za-z0-9_.:+/-]{0,64}")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Texts are of any length, and nobody else has the interpreter while one is searched: no pattern looks at a place again
# for each place before it. A word begins behind what is none of it, so that it is gone through once.
_MAIL = re.compile(r"(?<![^\s\"'<>,;:=()])[^\s\"'<>,;:=()]+(?:@|%40)[^\s\"'<>,;:=()&]+")
# Headers that are kept of tenants that are no sandbox.
_PLAIN_HEADERS = frozenset(
    [
        "accept",
        "accept-encoding",
        "accept-language",
        "allow",
        "content-encoding",
        "content-length",
        "content-type",
        "etag",
        "host",
        "hub-dry-run",
        "hub-reason",
        "idempotency-key",
        "idempotent-replayed",
        "if-match",
        "prefer",
        "ratelimit",
        "ratelimit-policy",
        "retry-after",
        "user-agent",
        "www-authenticate",
    ]
)
_PAIR = re.compile(r'("(?P<name>[^"\\]{1,100})"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,{}\[\]"]+)')
# What is within a secret object or list ends where nobody can tell.
_OPENED = re.compile(r'"(?P<name>[^"\\]{1,100})"\s*:\s*[{\[]')
_FIELD = re.compile(r"((?<![\w.%\[\]-])(?P<name>[\w.%\[\]-]++)=)(\"[^\"]*\"?|[^&\s\"',;]+)")
# In whatever form that none of these knows, a name stands before what it names: what is behind it is no secret that was
# cut out, and not nothing.
_CALLED = re.compile(
    r"(?<![\w.%\[\]-])(?P<name>[\w.%\[\]-]++)[\\\"']*+\s*+[:=](?!\s*+\"?\[secret\]|&|\s*+\Z)"
    r"(?=\s*+(?P<number>[\d-]?))"
)
_TAG = re.compile(r"<(?:[\w.-]++:)?(?P<name>[\w.-]++)")
# A part of a form has its name in its head, which an empty line ends; behind that stands the value.
_NAMED = re.compile(r'name=(?:"([^"]{1,100})"|([^\s";]{1,100}))')
_EMPTY_LINE = re.compile(r"(\r?\n\r?\n)")
_LINE = re.compile(r"[^\r\n]+")
# Each with what no match is without: to look for fields takes four times as long as for pairs.
_LOOKED_FOR = ((":", _PAIR), ("=", _FIELD))
# A name may be spelled so that it is not seen as text.
_SPELLED = re.compile(r"\\u00[2-7]", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s?]+\?[^\s]+$", re.IGNORECASE)  # its query may hold a token
_FORM = "application/x-www-form-urlencoded"

_DECODE = msgspec.json.Decoder(float_hook=Decimal).decode
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


def secrets_of(dialect: Dialect) -> frozenset[str]:
    """The names under which a dialect's callers show their secrets, plain."""
    shown = (
        str(scheme.get("name", ""))
        for schemes in dialect.security
        for scheme in schemes.values()
        if scheme.get("type") == "apiKey"
    )
    names = map(_plain, (*dialect.secrets, *shown))
    return frozenset(name for name in names if len(name) > 1)  # `t` is a time beside a signature


class Mask:
    """For one call. First everything is read, then `cut` finds in texts what was a secret elsewhere.

    secrets     the dialect's names: see `secrets_of`
    is_sandbox  whether personal data may stay
    """

    def __init__(self, secrets: frozenset[str], *, is_sandbox: bool) -> None:
        self._secrets = secrets
        self._is_sandbox = is_sandbox
        self._is_answer = False
        self._found: set[str] = set()
        self._people: set[str] = (
            set()
        )  # what the caller said of them, for the hub's sentences about it

    # --- reading

    def headers(self, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
        kept, size = {}, 0
        for name, value in headers:
            shown = self._header(name.lower(), value)
            size += len(name) + len(shown)
            if size > _MOST_HEADERS:
                break
            kept[name.lower()] = shown
        return kept

    def _header(self, name: str, value: str) -> str:
        plain = _plain(name)
        is_secret = plain in self._secrets or any(each in plain for each in _HEADERS)
        if is_secret and plain not in _NO_SECRET:
            for each in _within_header(name, value):
                self._keep(each)
            return MASKED
        return value if self._is_sandbox or name in _PLAIN_HEADERS else PERSONAL

    def query(self, text: str) -> str:
        pairs = parse_qsl(text, keep_blank_values=True, errors="replace")
        shown = ((self._name(name), self._member(name, value)) for name, value in pairs)
        return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in shown)

    def answer(self, raw: bytes, media_type: str, *, is_whole: bool) -> str:
        """The text of an answer. Its words are the hub's own, which other texts may use too."""
        said, self._is_answer = set(self._people), True
        text = self.body(raw, media_type, is_whole=is_whole)
        self._people, self._is_answer = said, False
        return text

    def body(self, raw: bytes, media_type: str, *, is_whole: bool) -> str:
        """The text of a request's body. `is_whole` False: only its beginning is there."""
        if not raw:
            return ""
        text = raw.decode("utf-8", "replace")
        if media_type.lower().startswith(_FORM) and is_whole:
            return self.query(text)
        if is_whole:
            with suppress(msgspec.DecodeError, RecursionError, ValueError, ArithmeticError):
                value = _DECODE(raw)
                shown = self._value("", value, 0)
                # Of a member that is sent twice only the last was looked at: the text may know more.
                is_same = shown == value and self._text(text) == text
                return text if is_same else _ENCODE(shown).decode()
        text = self._text(text)
        return UNREADABLE if self._still_calls(text) else text

    def _text(self, text: str) -> str:
        """What only looks like JSON or a form, or is one line of it for each."""
        if not self._is_sandbox:
            return PERSONAL
        if _SPELLED.search(text):
            return UNREADABLE

        def shown(match: re.Match[str]) -> str:
            if not self._is_called(match["name"], is_text=match[3].startswith('"')):
                return match[0]
            self._keep(match[3].strip('"'))
            return f'{match[1]}"{MASKED}"' if match[3].startswith('"') else f"{match[1]}{MASKED}"

        for opened in _OPENED.finditer(text):
            if self._is_secret(opened["name"], is_text=True):
                text = f"{text[: opened.end() - 1]}{MASKED}"
                break
        for sign, pattern in _LOOKED_FOR:
            if sign in text:
                text = pattern.sub(shown, text)
        return self._parts(text) if "name=" in text else text

    def _still_calls(self, text: str) -> bool:
        """Whether something is called a secret in a form that is not known, so that it stands there still."""
        found = {(each["name"], not each["number"]) for each in _CALLED.finditer(text)}
        found |= {(each["name"], True) for each in _TAG.finditer(text)}
        return any(
            name != MASKED and self._is_called(name, is_text=is_text) for name, is_text in found
        )

    def _is_called(self, name: str, *, is_text: bool) -> bool:
        """As `_is_secret`, of a name in a text: some of its characters may be written as `%6F`."""
        spellings = {name, unquote(name), *name.split("%")} if "%" in name else (name,)
        return any(self._is_secret(each, is_text=is_text) for each in spellings)

    def _parts(self, text: str) -> str:
        """The values of a form's parts, each the line behind a head."""

        def shown(match: re.Match[str]) -> str:
            self._keep(match[0].strip('"'))
            return MASKED

        pieces = _EMPTY_LINE.split(text)
        is_secret = False
        for at in range(0, len(pieces), 2):
            names = [quoted or bare for quoted, bare in _NAMED.findall(pieces[at])]
            if is_secret and _LINE.match(pieces[at]):
                pieces[at] = _LINE.sub(shown, pieces[at], count=1)
            is_secret = any(self._is_secret(name, is_text=True) for name in names)
        return "".join(pieces)

    def _value(self, name: str, value: Any, depth: int) -> Any:
        if depth > _MOST_DEPTH:
            return UNREADABLE
        if name and self._is_secret(name, is_text=not isinstance(value, int | Decimal)):
            self._keep_all(value, depth)
            return value if _says_nothing(value) else MASKED
        if isinstance(value, dict):
            return {
                self._name(each): self._value(str(each), inner, depth + 1)
                for each, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(name, each, depth + 1) for each in value]
        if isinstance(value, str) and '"' in value and self._is_sandbox:
            return self._text(value)  # JSON within a text
        return self._member(name, value)

    def _name(self, name: Any) -> str:
        """Members may be named by what is theirs, such as an e-mail."""
        text = str(name)
        if self._is_sandbox or _CODE.fullmatch(text):
            return text
        self._add_person(text)
        return PERSONAL

    def _member(self, name: str, value: Any) -> Any:
        if _says_nothing(value):
            return value
        if name and self._is_secret(name, is_text=isinstance(value, str)):
            self._keep(str(value))
            return MASKED
        if self._is_sandbox and isinstance(value, str) and _URL.match(value):
            address, _, query = value.partition("?")
            shown = self.query(query)
            return f"{address}?{shown}" if MASKED in shown else value
        if self._is_sandbox or _is_harmless(name, value):
            return value
        self._add_person(str(value))
        return PERSONAL

    def _add_person(self, text: str) -> None:
        if len(text) >= _LEAST_PERSONAL:
            self._people.add(text)

    def _is_secret(self, name: str, *, is_text: bool) -> bool:
        plain = _plain(name.rpartition(".")[2])
        if plain in _SECRETS or any(each in plain for each in _TELLING):
            return True
        # A dialect names what callers show. Its answers may call a status so: `code` of AnQiCMS.
        return plain in self._secrets and (is_text or not self._is_answer)

    def _keep_all(self, value: Any, depth: int) -> None:
        if depth > _MOST_DEPTH:
            return
        if isinstance(value, dict | list):
            for each in value.values() if isinstance(value, dict) else value:
                self._keep_all(each, depth + 1)
        elif not _says_nothing(value):
            self._keep(str(value))

    def _keep(self, secret: str) -> None:
        if len(secret) >= _LEAST_SECRET and secret != MASKED:
            self._found |= {secret, quote(secret, safe=""), _ENCODE(secret).decode()[1:-1]}

    # --- what was read, elsewhere

    def cut(self, text: str) -> str:
        """The text without the secrets that were found, nor what is personal."""
        text = self.without_secrets(text)
        if not self._is_sandbox:
            for each in sorted(self._people, key=len, reverse=True):
                text = text.replace(each, PERSONAL)
            text = _MAIL.sub(PERSONAL, text)
        return text

    def without_secrets(self, text: str) -> str:
        """Of what was read member by member only secrets are still looked for."""
        for each in sorted(self._found, key=len, reverse=True):
            text = text.replace(each, MASKED)
        return _storable(text)

    def message(self, headers: Mapping[str, str], body: str, *, is_cut: bool) -> Message:
        """At most MOST_BYTES of it. `is_cut`: some of it was left away before."""
        shown = {self.cut(name): self.cut(value) for name, value in headers.items()}
        left = MOST_BYTES - sum(len(f"{name}{value}".encode()) for name, value in shown.items())
        raw = self.without_secrets(body).encode()
        kept = raw[: max(0, left)].decode("utf-8", "ignore")
        return Message(headers=shown, body=kept, is_cut=is_cut or len(raw) > left)


def _storable(text: str) -> str:
    """PostgreSQL keeps no U+0000, and UTF-8 has no half of a pair."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _says_nothing(value: Any) -> bool:
    return value is None or value == "" or isinstance(value, bool)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _quoted(value: str) -> str:
    return value if value in (MASKED, PERSONAL) else quote(value, safe="")


def _is_harmless(name: str, value: Any) -> bool:
    """A number or a code under a name that says nothing of a person."""
    words = [each.lower() for each in _WORDS.findall(name)]
    if not words or words[-1] not in _HARMLESS or _OF_PEOPLE & set(words[:-1]):
        return False
    return isinstance(value, int | Decimal) or _CODE.fullmatch(str(value)) is not None


def _within_header(name: str, value: str) -> Iterable[str]:
    """The secrets that a header shows: all of it, its credentials, a Basic login's parts, each cookie."""
    if name.startswith("set-"):
        value = value.partition(";")[0]  # what follows a cookie says where it is sent
    yield value
    scheme, _, shown = value.partition(" ")
    if shown:
        yield shown.strip()
        if scheme.lower() == "basic":
            with suppress(binascii.Error, ValueError):
                login = base64.b64decode(shown.strip(), validate=True).decode()
                yield login
                yield login.partition(":")[2]
    for cookie in value.split(";"):
        yield cookie.partition("=")[2].strip()
