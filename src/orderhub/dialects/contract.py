"""What a dialect is: routes, words for all that can go wrong, and its one small port to the hub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec

from orderhub.core.access import Credential
from orderhub.core.answer import Answer as Answer  # noqa: PLC0414 - a dialect has it from here
from orderhub.core.answer import Outcome as Outcome  # noqa: PLC0414
from orderhub.core.commands import Command, Origin
from orderhub.core.facts import Accepted, Record
from orderhub.core.queries import Reads
from orderhub.core.refusals import Rejected
from orderhub.core.values import Order, Settings
from orderhub.core.webhook_formats import Format
from orderhub.dialects.client import Client
from orderhub.dialects.spelling import spelled

T = TypeVar("T")


class FaultKind(StrEnum):
    """What can be wrong with a call before any decision is made. Every dialect words every one."""

    MALFORMED = "malformed"  # not JSON, absurdly deep, U+0000
    INVALID = "invalid"  # JSON of the wrong shape: see `faults`
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"  # unknown path
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA = "unsupported_media"
    RATE_LIMITED = "rate_limited"
    KEY_INVALID = "key_invalid"  # the Idempotency-Key header itself is unusable
    BUSY = "busy"  # the queue is full, or the tenant crowds; always with Retry-After
    UNAVAILABLE = "unavailable"  # the ledger cannot be written (disk full, database gone)
    BROKEN = "broken"  # a bug of the hub


class WireFault(msgspec.Struct, frozen=True):
    """One fault in the shape of a request. `path` is in the vendor's spelling, such as `rooms[0].adult`."""

    path: str
    problem: str  # `missing`, `type`, `value`, `length`, `unknown`
    message: str = ""

    @property
    def told(self) -> str:
        """Where and what, in one sentence. Many a message begins with the place itself."""
        told = self.message or self.problem
        return told if told.startswith(self.path) else f"{self.path}: {told}"


class Fault(msgspec.Struct, frozen=True):
    kind: FaultKind
    message: str = ""
    faults: tuple[WireFault, ...] = ()
    retry_after_s: int = 0


class Why(msgspec.Struct, frozen=True):
    """Why a call was refused, for whoever builds against the API; the vendor's body says it in the vendor's way.

    reason  a value of FaultKind or of core's Reason
    field   what it concerns, in the vendor's spelling; empty = the call as a whole
    detail  what is wrong with it, in one sentence
    """

    reason: str
    field: str = ""
    detail: str = ""


class HTTPFault(Exception):
    """Raised by a handler to end the call with this fault, worded by its dialect."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


class CommandRejected(Exception):
    """Raised by a handler to end the call with a refusal found outside a decision (a read of an unknown order)."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(rejected.reason)
        self.rejected = rejected


def malformed(message: str = "") -> HTTPFault:
    return HTTPFault(Fault(FaultKind.MALFORMED, message))


def invalid(*faults: WireFault) -> HTTPFault:
    return HTTPFault(Fault(FaultKind.INVALID, faults[0].message if faults else "", faults))


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling, once the credential was checked.

    `owner` is set when the caller may see and touch only what is theirs (an AnQiCMS user).
    `acts_as` is the vendor's identity that new orders belong to, also for tenant-wide callers.
    """

    credential: Credential
    tenant_id: int
    owner: str = ""
    acts_as: str = ""
    data: dict[str, Any] = {}

    @property
    def claim_scope(self) -> str:
        """Idempotency keys are this caller's own: the credential, and the user where one credential has many."""
        return f"{self.credential.id}:{self.owner}" if self.owner else self.credential.id


class Cipher(Protocol):
    """What is kept encrypted."""

    def decrypt(self, secret: str) -> str:
        """What `encrypt` made. Raises ValueError for anything else."""

    def encrypt(self, secret: str) -> str:
        """Raises ValueError when the hub has no key."""


class Windows(Protocol):
    """Hits by name: vendors' rate limits, in this process."""

    def allow(self, name: str, limit: int, window_s: float) -> float:
        """Count a hit in a sliding window: 0.0 when allowed, else seconds to wait. `limit` 0 = no limit."""

    def pour(self, name: str, bucket: int, leak_per_s: float) -> float:
        """Pour a hit into a leaky bucket: 0.0 when it fits, else seconds until it will."""


class Hub(Protocol):
    """The port. Everything a dialect may do to the world."""

    public_url: str  # base URL without a trailing slash
    rate_limits: bool  # whether the vendors' rate limits apply

    @property
    def cipher(self) -> Cipher: ...

    @property
    def windows(self) -> Windows: ...

    @property
    def is_crowded(self) -> bool:
        """Whether some tenant's calls are being told busy: then see who calls before a body is decoded."""

    def let_in(self, call: Call, caller: Caller) -> None:
        """Count the call as one of its tenant's in hand until it ends. Raises HTTPFault(BUSY) for too many."""

    def now_us(self) -> int:
        """Wall time that never goes back, microseconds since 1970 UTC: for what expires and what is measured.

        What time it is for the business, `Call.received_at` says.
        """

    async def credential(self, kind: str, name: str, *more_kinds: str) -> Credential | None:
        """A usable credential of this kind, else of the first of the others that has one, or None.

        As of at most a second ago.
        """

    async def settings(self, tenant_id: int) -> Settings:
        """The tenant's settings, as of at most a moment ago; decisions load their own."""

    async def recent(self, tenant_id: int, kind: str, record_id: int) -> Record | None:
        """A record by its id, as of at most a second ago; what this process wrote is seen at once."""

    async def read(self, ask: Callable[[Reads], T]) -> T:
        """Run a question on a reading connection, off the event loop."""

    async def submit(
        self,
        call: Call,
        command: Command,
        render: Callable[[Accepted], Answer],
        render_refusal: Callable[[Rejected], Answer],
        claim_scope: str,
        secret_answer: bool,
        bulk: bool = False,
    ) -> Outcome:
        """Queue the command and await the commit. Both renderings must be pure.

        Returns what was decided and the answer that says so. Raises HTTPFault when nothing could be decided.
        """

    async def blocking(self, work: Callable[..., T], *args: Any) -> T:
        """Run slow work (password hashing) off the event loop."""

    async def guess(self, limits: Mapping[str, int], window_s: int) -> float:
        """Count a guess under each name before it is looked at: 0.0 = it may be, else seconds to wait."""

    async def forgive(self, names: Collection[str]) -> None:
        """Take a guess of each name back: it was right."""


@dataclass(frozen=True, slots=True)
class Called:
    """What the client called, as far as a trusted proxy says it.

    scheme    `http` or `https`, or empty
    host      a name or an address, with a port where the client gave one, or empty
    """

    scheme: str = ""
    host: str = ""

    @property
    def base_url(self) -> str:
        """What links begin with, or empty. A proxy that names a host alone serves https."""
        return f"{self.scheme or 'https'}://{self.host}" if self.host else ""


UNTOLD = Called()


class Call:
    """One request, as the web layer hands it to a handler."""

    __slots__ = (
        "_caller",
        "_query",
        "_stream",
        "body",
        "bound_commands",
        "called",
        "cause",
        "client",
        "dialect",
        "headers",
        "hub",
        "language",
        "method",
        "notes",
        "params",
        "path",
        "planned",
        "query_string",
        "received_at",
        "request_id",
        "spelling",
        "tenant_id",
    )

    def __init__(
        self,
        *,
        hub: Hub,
        dialect: Dialect,
        method: str,
        path: str,
        query_string: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        params: Mapping[str, str] | None = None,
        client: str = "",
        request_id: str = "",
        received_at: int = 0,
        stream: AsyncIterator[bytes] | None = None,
        called: Called = UNTOLD,
    ) -> None:
        self.called = called
        self._stream = stream
        self.hub = hub
        self.dialect = dialect
        self.method = method
        self.path = path
        self.query_string = query_string
        self.headers = headers or {}  # by lower-case name
        self._query: dict[str, str] | None = None
        self.body = body
        self.params = params or {}
        self.client = client
        self.request_id = request_id
        self.received_at = received_at  # wall microseconds
        self._caller: Caller | None = None
        self.language = ""  # the reader's, once it is known who reads; empty = as the call asks for
        self.notes: dict[str, Any] = {}  # what the log line should carry besides
        self.planned: list[Outcome] | None = None  # filled by a dry run, for who asks for its plan
        # How this call spells a canonical field, where its dialect's one table does not say.
        self.spelling: Callable[[str], str] = partial(spelled, dialect.fields)
        self.cause: Rejected | Fault | None = None  # of the refusal that is to be answered
        self.bound_commands = 0  # how many were bound under its Idempotency-Key so far
        self.tenant_id = 0  # whom the caller named, before it is known whether it is theirs

    @property
    def caller(self) -> Caller | None:
        """Who calls, once that is known. Setting it lets the call in: HTTPFault(BUSY) when its tenant crowds."""
        return self._caller

    @caller.setter
    def caller(self, caller: Caller | None) -> None:
        self._caller = caller
        if caller is not None:
            self.hub.let_in(self, caller)

    def header(self, name: str, default: str = "") -> str:
        """A header by its lower-case name."""
        return self.headers.get(name, default)

    def explain(self, cause: Rejected | Fault) -> None:
        """Note why the call is refused. Whoever words a refusal by hand calls this beside it."""
        self.cause = cause

    @property
    def why(self) -> Why | None:
        """Why the call is refused, in the vendor's spelling; None while it is not."""
        cause = self.cause
        if cause is None:
            return None
        if isinstance(cause, Rejected):
            field = self.spelling(cause.field) if cause.field else ""
            return Why(cause.reason.value, field, cause.detail)
        if cause.faults:
            return Why(cause.kind.value, "", "; ".join(each.told for each in cause.faults))
        return Why(cause.kind.value, "", cause.message)

    @property
    def is_dry_run(self) -> bool:
        """Whether the call must be answered as ever and leave nothing behind; commands see to it by themselves."""
        return self.headers.get("hub-dry-run", "").lower() == "true"

    @property
    def base_url(self) -> str:
        """The base of links in answers: the hub's public URL, or what a trusted proxy says it was called by."""
        return self.called.base_url or self.hub.public_url

    @property
    def host(self) -> str:
        """What the client called, perhaps with a port: what a trusted proxy says, else the Host header."""
        return self.called.host or self.header("host")

    @property
    def is_secure(self) -> bool:
        """Whether the client came by https: what a trusted proxy says, else what the hub's public URL does."""
        scheme = self.called.scheme or self.base_url.partition(":")[0]
        return scheme.lower() == "https"

    @property
    def query(self) -> dict[str, str]:
        """The query parameters; of a repeated one the last."""
        if self._query is None:
            self._query = dict(parse_qsl(self.query_string, keep_blank_values=True))
        return self._query

    @property
    def cookies(self) -> dict[str, str]:
        pairs = (each.strip().partition("=") for each in self.header("cookie").split(";"))
        return {name: value for name, equals, value in pairs if equals}

    def origin(self, caller: Caller, request: str | bytes, *, channel: str = "") -> Origin:
        """The origin of a command. `request` is the raw body with its secrets cut out."""
        text = request if isinstance(request, str) else request.decode("utf-8", "replace")
        return Origin(
            tenant_id=caller.tenant_id,
            channel=channel or self.dialect.name,
            actor=caller.credential.id,
            recorded_at=self.received_at,
            owner=caller.owner or caller.acts_as,
            request_id=self.request_id,
            request=text,
        )

    def submit(
        self,
        command: Command,
        render: Callable[[Accepted], Answer],
        render_refusal: Callable[[Rejected], Answer] | None = None,
        *,
        secret_answer: bool = False,
        bulk: bool = False,
    ) -> Coroutine[Any, Any, Outcome]:
        """Have the command decided and committed.

        The answer is rendered before the commit and leaves after it; a refusal is rendered by the dialect
        unless `render_refusal` is given. `Idempotency-Key` is honoured here.
        `secret_answer`: the answer must not be kept (a fresh token).
        `bulk`: part of a load that enters in small chunks behind the creates that wait.

        Returns what was decided and the answer that says so. Raises HTTPFault when nothing could be decided.
        """
        refusal = render_refusal or (lambda rejected: self.dialect.refusal(self, rejected))
        scope = "" if self.caller is None else self.caller.claim_scope
        return self.hub.submit(self, command, render, refusal, scope, secret_answer, bulk)

    async def respond(
        self,
        command: Command,
        render: Callable[[Accepted], Answer],
        render_refusal: Callable[[Rejected], Answer] | None = None,
        *,
        secret_answer: bool = False,
    ) -> Answer:
        """Submit the command. Returns its answer, for who need not know what was decided."""
        outcome = await self.submit(command, render, render_refusal, secret_answer=secret_answer)
        return outcome.answer

    def copy(self, **members: Any) -> Call:
        """The same call with these members changed. Every other one is carried, and shared where it is mutable."""
        copy = object.__new__(Call)
        for name in Call.__slots__:
            setattr(copy, name, getattr(self, name))
        copy._query = None
        for name, value in members.items():
            setattr(copy, {"caller": "_caller"}.get(name, name), value)
        return copy

    def as_dry_run(self) -> Call:
        """The same call, of whose command nothing is kept: for operations that only preview."""
        headers = {name: each for name, each in self.headers.items() if name != "idempotency-key"}
        return self.copy(headers={**headers, "hub-dry-run": "true"})

    def set_stream(self, pieces: AsyncIterator[bytes]) -> None:
        """For the web layer: where a streamed body comes from."""
        self._stream = pieces

    def stream(self) -> AsyncIterator[bytes]:
        """The body piece by piece, for routes declared with `stream=True`; it can be read once.

        Raises HTTPFault(TOO_LARGE) when it grows past the route's `max_body`.
        """
        assert self._stream is not None, "only routes with stream=True can stream"
        return self._stream


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Media:
    """A body that is no JSON document, for OpenAPI: its media type, and the model of it (NDJSON: of a line)."""

    type: str
    model: Any = bytes


@dataclass(frozen=True, slots=True)
class Route:
    """One operation at the vendor's own path. `{name}` parts become `call.params`.

    A wire model is a msgspec Struct, or a JSON Schema (a dict) where no Struct says what is true; a tuple
    of them is any one of these.

    request   wire model of the body, for OpenAPI
    examples  name -> OpenAPI example of the body, beside those of the golden pairs
    answers   HTTP status -> wire model, for OpenAPI; None: no body, ...: as the golden pairs show; Media: as asked for
    mutates   whether the call changes anything: idempotency keys and dry runs apply
    params    wire model of the path parameters, where they are not just any text, for OpenAPI
    query     wire model of the query parameters, for OpenAPI
    headers   wire model of the request headers of its own, for OpenAPI
    idempotency_key  whether a mutating call keeps its answer for its `Idempotency-Key`: not where that holds a secret
    optional_body   whether no body at all is an empty object, for OpenAPI
    public    whether nobody has to say who they are: the call is open, or its address is the credential
    tag       the group of operations it belongs to, for OpenAPI
    probe     whether it is asked every few seconds by machines: its answer times are not measured while all is well
    waits     whether it may wait for long: it is over once the client has left
    private   whether it is about one person: the request log keeps neither what was sent nor what was answered
    """

    method: str
    path: str
    handler: Handler
    summary: str = ""
    request: Any = None
    answers: Mapping[int, Any] = field(default_factory=dict)
    mutates: bool = False
    max_body: int = 0  # bytes; 0 = the hub's limit
    stream: bool = False  # the body is not gathered: the handler reads `call.stream()`
    params: Any = None
    query: Any = None
    headers: Any = None
    idempotency_key: bool = True
    optional_body: bool = False
    public: bool = False
    probe: bool = False
    waits: bool = False
    private: bool = False
    tag: str = ""
    examples: Mapping[str, Any] = field(default_factory=dict)


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor's client shows, in plain: chosen, or drawn by the hub. Empty = not said.

    name     what it is looked up by as it is (an app key, a site)
    token    what it is looked up by as a digest
    secret   what its signatures are checked with
    digests  texts that are compared by digest (a client token beside an access token)
    data     the credential's own data, without those digests
    """

    name: str = ""
    token: str = ""
    secret: str = ""
    digests: Mapping[str, str] = {}
    data: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class CredentialKind:
    """A kind of credential that a dialect's callers show: what it needs, what the hub draws, how it is used.

    name          the dialect's name, with a suffix where it has several kinds
    needs         what must be said, and what may be, in a line for people
    drawn         what the hub makes up where it is not said, for people
    example       the smallest body that makes one, as the guide has it
    complete      the same with all that was missing; raises HTTPFault(INVALID) for what could open nothing.
                  Also asked for a rotation, with the data that is there
    command       a shell command that uses it at a base URL and leaves nothing behind; empty when what
                  is shown does not suffice for one
    is_named      looked up by its name, with a secret; else by the digest of its token
    digests       the digests that it reads
    bound         members of its data that are parts of the token, and change with it alone
    is_portfolio  whether one may reach several tenants
    """

    name: str
    needs: str
    drawn: str
    example: Mapping[str, Any]
    complete: Callable[[Shown], Shown]
    command: Callable[[Shown, str], str]
    is_named: bool = False
    digests: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    is_portfolio: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """One vendor's API.

    name       the folder's name
    title      the API's, for people; `brand` the vendor's alone
    prefixes   paths it words unknown paths under, longest match wins
    fault      words for what goes wrong before a decision: total over FaultKind
    refusal    words for a refusal: total over Reason
    fields     canonical field -> the vendor's spelling
    render     an order of any door as this vendor's own read call shows it (plain JSON values), links with the base URL
    secrets    body members never kept in the raw request
    caller     finds out who calls, by what a call shows outside its body, and notes it on the call (`caller`, or of
               who is only named `tenant_id`); raises HTTPFault for nobody it knows. For calls refused early
    login_kind the record kind of its users' passwords, `{"hash": argon2id}` under the user's uid; empty = none
    success    the `code` of an answer that tells of success, where HTTP says 200 whatever happened; None = HTTP tells
    is_paid    whether its orders are paid as such, so that unpaid ones may be closed by themselves
    data       what it reads of free `data`, by kind, and of a tenant's under `settings`: what does not fit is refused
    kinds      the kinds of credential that its callers show; without one they show a token of the hub's
    security   the vendor's own ways to show a credential: OpenAPI security schemes that go together, or empty
    shapes     JSON Schemas by name that its wire models refer to, for OpenAPI
    webhooks   its own form of messages about events; None = the vendor documents none
    webhook_options  what that form reads of a webhook's `options`, a Struct; they are checked when they are written
    sends      what is posted to webhooks, by the kind of event: its wire model, for OpenAPI
    client     how the hub speaks to the vendor as its client (`client.py`); None = orders are not handed on to it
    asks_body  whether callers may say who they are in the body: two calls with one head may be two callers'
    takes_slash  whether one slash behind a path makes no difference
    about      what it is, for people: the docstring of its folder
    is_api     whether programs call it: their calls are logged, and refusals say why in headers
    """

    name: str
    title: str
    prefixes: tuple[str, ...]
    routes: tuple[Route, ...]
    fault: Callable[[Call, Fault], Answer]
    refusal: Callable[[Call, Rejected], Answer]
    fields: Mapping[str, str] = field(default_factory=dict)
    render: Callable[[Reads, Order, str], Any] | None = None
    secrets: tuple[str, ...] = ()
    caller: Callable[[Call], Awaitable[Any]] | None = None
    login_kind: str = ""
    success: int | None = None
    is_paid: bool = True
    data: Mapping[str, type[msgspec.Struct]] = field(default_factory=dict)
    kinds: tuple[CredentialKind, ...] = ()
    security: tuple[Mapping[str, Mapping[str, Any]], ...] = ()
    shapes: Mapping[str, Any] = field(default_factory=dict)
    webhooks: Format | None = None
    webhook_options: type[msgspec.Struct] | None = None
    sends: Mapping[str, Any] = field(default_factory=dict)
    client: Client | None = None
    asks_body: bool = False
    takes_slash: bool = False
    about: str = ""
    is_api: bool = True
    brand: str = ""
