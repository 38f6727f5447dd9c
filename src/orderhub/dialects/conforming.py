"""What the conformance kit asks of a vendor's folder: each dialect's `conform.py` has its `CONFORMANCE`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from orderhub.dialects.json_paths import filled

HUB_PATH = "/hub/"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `text` is the very body; else `body` is sent as JSON; neither = no body.

    headers  as written, with `{{name}}` where something saved belongs
    save     name -> JSON path in the answer, for the requests that follow
    sign     how the vendor wants it signed; None = as it is
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    text: str | None = None
    save: Mapping[str, str] = field(default_factory=dict)
    sign: Mapping[str, str] | None = None

    @property
    def is_operators(self) -> bool:
        """Whether it is a move of the hub's operator, not a call of the vendor's API."""
        return self.path.startswith(HUB_PATH)

    def with_headers(self, **headers: str) -> Request:
        """The same with more headers; a header's dashes are underscores here."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})


# --- errors and answers


class Kind(StrEnum):
    """What is wrong with a call before anything is decided."""

    NO_LOGIN = "no_login"
    WRONG_LOGIN = "wrong_login"
    MALFORMED = "malformed"
    NOT_FOUND = "not_found"
    METHOD = "method"
    TOO_LARGE = "too_large"
    KEY_INVALID = "key_invalid"
    KEY_REUSED = "key_reused"


# The statuses of those vendors that tell errors by them.
STATUSES: Mapping[Kind, int] = {
    Kind.NO_LOGIN: 401,
    Kind.WRONG_LOGIN: 401,
    Kind.MALFORMED: 400,
    Kind.NOT_FOUND: 404,
    Kind.METHOD: 405,
    Kind.TOO_LARGE: 413,
    Kind.KEY_INVALID: 400,
    Kind.KEY_REUSED: 422,
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """The shape of an answer: a status, the members of the body, and those of them whose value is known.

    optional   members that may be there besides; None = any
    """

    status: int
    members: Mapping[str, type]
    values: Mapping[str, Any] = field(default_factory=dict)
    optional: frozenset[str] | None = frozenset()

    def wrong(self, status: int, body: Any) -> list[str]:
        """What of an answer does not fit, a line for each; empty when all does."""
        wrong = []
        if status != self.status:
            wrong.append(f"status: expected {self.status}, got {status}")
        if not isinstance(body, dict):
            return [*wrong, f"body: expected an object with {', '.join(self.members)}"]
        for name, kind in self.members.items():
            if name not in body:
                wrong.append(f"$.{name}: missing")
            elif not isinstance(body[name], kind) or (
                isinstance(body[name], bool) and kind is not bool
            ):
                wrong.append(f"$.{name}: expected {kind.__name__}, got {body[name]!r}")
        for name, value in self.values.items():
            if name in body and body[name] != value:
                wrong.append(f"$.{name}: expected {value!r}, got {body[name]!r}")
        if self.optional is None:
            return wrong
        more = [name for name in body if name not in self.members and name not in self.optional]
        return wrong + [f"$.{name}: not expected" for name in more]


# --- who calls


@dataclass(frozen=True, slots=True)
class Login:
    """What the server under test knows its caller by; empty = as the golden pairs have it (the hub's demo).

    values     by the names of the dialects' login options
    hub_token  one of the hub's own, which every dialect of a hub takes in place of the vendor's
    """

    values: Mapping[str, str] = field(default_factory=dict)
    hub_token: str = ""

    def __getitem__(self, name: str) -> str:
        """The value of an option; empty where it was not given."""
        return self.values.get(name, "")


@dataclass(frozen=True, slots=True)
class LoginOption:
    """One part of a login, which `orderhub conform` takes as an option.

    name       with underscores: `api_token` is `--api-token`. Dialects may share one
    about      what it is, for people
    goes_with  another option that is given if and only if this one is
    """

    name: str
    about: str
    goes_with: str = ""


class Client:
    """How a vendor's client says who it is: here by a bearer token. A vendor overrides what it does otherwise."""

    options: tuple[LoginOption, ...] = (LoginOption("token", "the bearer token"),)
    # Whether a sandbox's callers show the hub's token, even where it has a credential of the vendor's.
    needs_hub_token = False

    def identity(self, request: Request) -> Any:
        """What a request shows of who calls; equal for two requests of one caller."""
        return request.headers.get("Authorization")

    def with_login(self, request: Request, sample: Request, login: Login) -> Request:
        """The request with the caller's own credentials wherever it has those of `sample`, the demo's."""
        if login.hub_token and self.identity(request) == self.identity(sample):
            bare = self.without_login(request)
            return bare.with_headers(Authorization=f"Bearer {login.hub_token}")
        return self.with_own(request, sample, login)

    def with_own(self, request: Request, sample: Request, login: Login) -> Request:
        """The same for the vendor's own credentials."""
        given = self.headers(login)
        if not given or self.identity(request) != self.identity(sample):
            return request
        return self.without_login(request).with_headers(**given)

    def headers(self, login: Login) -> Mapping[str, str]:
        """The headers that show a login; empty where none was given."""
        return {"Authorization": f"Bearer {login['token']}"} if login["token"] else {}

    def without_login(self, request: Request) -> Request:
        """The request as nobody would send it: no header, no token, no signature."""
        return replace(request, headers=without_credentials(request.headers), sign=None)

    def with_wrong_login(self, request: Request) -> Request:
        """The request with credentials that were never given out."""
        return self.without_login(request).with_headers(Authorization="Bearer nobody")

    def of_sandbox(self, credential: Mapping[str, str]) -> dict[str, str]:
        """The values of the options for a credential (`token`, `name`, `secret`) that a hub gave out with a sandbox."""
        return {"token": credential.get("token", "")}

    def renamed(self, sample: Request, login: Login) -> Mapping[bytes, bytes]:  # noqa: ARG002 - none
        """Public names of the caller that answers may repeat -> those that the golden pairs have."""
        return {}

    def signature(self, sign: Mapping[str, str], body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        """The query members that sign a body. Raises ValueError for a way that the vendor does not know."""
        raise ValueError(f"no such way to sign: {sign['scheme']}")


def without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that say nothing of who calls."""
    return {
        name: value
        for name, value in headers.items()
        if name.lower() not in ("authorization", "token", "cookie")
    }


def basic(text: str) -> str:
    """`user:password` as HTTP Basic shows it."""
    return f"Basic {base64.b64encode(text.encode()).decode()}"


# --- the vendor


@dataclass(frozen=True, slots=True)
class Conformance:
    """What a vendor's documents promise beyond single answers.

    errors     how it words each kind of error
    taken      what it answers to an order that it takes
    number     path in the answer of a create: what the order is called by
    read_back  the request that shows it: `{{number}}` is its name, `{{order.x}}` a member of the create
    other      a member of the create's body whose value is free, and another value for it
    client     how its clients say who they are
    open       paths that anybody may call
    unique     a member that must differ between two orders; empty = none
    no_put     methods other than the documented ones are refused at every path
    mends      whether what is no Unicode becomes U+FFFD, as in the vendor's decoder, or is refused
    """

    errors: Mapping[Kind, Envelope]
    taken: Envelope
    number: str
    read_back: Request
    other: tuple[str, Any]
    client: Client = field(default_factory=Client)
    open: frozenset[str] = frozenset()
    unique: str = ""
    no_put: bool = True
    mends: bool = False

    def create(self, sample: Request, mark: str) -> Request:
        """The sample of a create as an order that nobody made before."""
        if not self.unique or not isinstance(sample.body, dict):
            return sample
        return replace(sample, body={**sample.body, self.unique: mark})

    def read(self, order: Request) -> Request:
        """What shows an order after it was created."""
        headers = {**order.headers, **self.read_back.headers}
        members = order.body if isinstance(order.body, dict) else {}
        ordered = {f"order.{name}": each for name, each in members.items()}
        body = filled(self.read_back.body, ordered)
        return replace(self.read_back, headers=headers, sign=order.sign, body=body)

    def changed(self, request: Request) -> Request:
        """The same create with other content."""
        name, value = self.other
        return replace(request, body={**request.body, name: value})
