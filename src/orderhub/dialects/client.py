"""How a vendor's folder speaks as that vendor's client: each dialect's `client.py` has its `CLIENT`.

All of it is pure: no socket, no clock, no chance. Whatever needs more than one call is a *talk*: a function from the
answers so far (oldest first, none at the beginning) to the next step: a request, or the end. So the relay is the
only place with a socket, whatever it does can be simulated, and a talk that broke off is simply begun again.

    talk(…, ())       -> Ask(request)         a call that changes nothing; may be made again at any time
    talk(…, (a,))     -> Send(request)        a call that may change something; the intent is committed before it
    talk(…, (a, b))   -> Placed(number="17")  the end

The one rule for `Send`: a talk is never asked about an answer that is none (timeout, drop, any 5xx): then it asks
with `find` before anything is sent again. A talk says `Doubt` where the vendor words such a failure as a plain answer.

Requests hold no credentials: `signed` puts them in at the last moment. So a request can be shown, logged and kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from orderhub.core.listings import Listing
from orderhub.core.values import Line, Order

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")

# --- what goes over the wire


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A call, before its credentials are put in.

    path   from the connection's base URL on, such as `/v2/order/create`
    query  its parameters, in order
    body   as JSON values; a Decimal becomes a JSON number. None = no body
    """

    method: str = "POST"
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """The very call, with credentials. Never logged, shown or kept. `target` is the path with its query."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __repr__(self) -> str:
        """Where it goes, and nothing of who sends it: in a trace or a log it must not tell."""
        return f"Signed({self.method} {self.target.partition('?')[0]})"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back, whole. Names of headers are in lower case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


# --- whom a client speaks to, and what about


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A connection, as its client sees it.

    credentials  by the names of `Client.credentials`, in plain
    options      by the names of `Client.options`; what was not given is missing
    session      what `login` came to; empty = there is none
    """

    credentials: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    session: str = ""

    def __repr__(self) -> str:
        """Which credentials there are, and none of them."""
        return f"Link({', '.join(sorted(self.credentials))}; {dict(self.options)!r})"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be placed: one order, or the lines of it that a route takes.

    order     as it stands here
    lines     those that are handed over; lines of discount and freight only go with a whole order
    is_whole  whether these are all lines of the order
    listings  of each line, by its number. Where `Client.needs_listings`, each line but discount and freight has one
    marker    29 letters, digits and dashes under which it can be found again: the same whenever it is sent again
    """

    order: Order
    lines: tuple[Line, ...]
    is_whole: bool = True
    listings: Mapping[int, Listing] = {}
    marker: str


# --- the steps of a talk


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Make this call; it changes nothing there."""

    request: Request


class Send(msgspec.Struct, frozen=True, tag=True):
    """Make this call; it may change something there."""

    request: Request


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The vendor clearly refused this order, and nothing of it is there. `reason` in its own words, with its code."""

    reason: str


class Blocked(msgspec.Struct, frozen=True, tag=True):
    """Nothing was taken, and it is not this order's fault: credentials, a right, a limit. The whole connection waits.

    is_login       the session or the credentials: log in again, once
    retry_after_s  how long the vendor wants to be left alone; 0 = it does not say
    """

    reason: str
    is_login: bool = False
    retry_after_s: float = 0.0


class Doubt(msgspec.Struct, frozen=True, tag=True):
    """The answer does not tell whether anything was done, or cannot be read: it is asked before more is sent.

    is_long  the list has more in it than is read at once: a shorter window has less
    """

    reason: str
    is_long: bool = False


class Placed(msgspec.Struct, frozen=True, tag=True):
    """It is there.

    number  what the vendor calls it: what people say to each other, and what `news`, `cancel` and `refund` are given
    refs    what else this client wants to be told of it later, such as ids of its parts
    reason  what of it the vendor did not take, in its words: the order stands, and people are told
    """

    number: str
    refs: Mapping[str, str] = {}
    reason: str = ""


class Found(msgspec.Struct, frozen=True, tag=True):
    """All that is there which may be this order: those that bear its marker, or without one those that look the same.

    An empty one means that nothing was there when the list was made; what that proves, `Client.find_delay_s` says.
    """

    candidates: tuple[Placed, ...] = ()


class Learnt(msgspec.Struct, frozen=True, tag=True):
    """What a probe learnt, in a sentence for people, and by name."""

    about: str
    facts: Mapping[str, str] = {}


class LoggedIn(msgspec.Struct, frozen=True, tag=True):
    """`session` goes into `Link.session`; `for_s` is how long it is good; 0 = until it is refused."""

    session: str
    for_s: float = 0.0

    def __repr__(self) -> str:
        return f"LoggedIn(for_s={self.for_s})"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of the vendor's list, as a listing names it."""

    id: str
    sku: str = ""
    title: str = ""
    data: Mapping[str, Any] = {}


class Listed(msgspec.Struct, frozen=True, tag=True):
    items: tuple[Item, ...]


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an order at the vendor's. It may be told again at any time: applied twice it is the same.

    number    as `Placed.number`
    kind      `shipped`, `cancelled` or `refunded`; `completed` where the vendor says so
    id        the same whenever the same thing is told again, and no other's of this order
    units     by the vendor's id of the thing (`Listing.id`), or its name where nothing lists it; empty = the whole
              order. `shipped`: those in this parcel. `cancelled` and `refunded`: all of them so far, not those since
    amount    refunded: money, in the order's currency; None = not said
    at_us     when, microseconds since 1970 UTC; 0 = not said
    """

    number: str
    kind: str
    id: str
    units: Mapping[str, int] = {}
    carrier: str = ""
    tracking: str = ""
    amount: Decimal | None = None
    reason: str = ""
    at_us: int = 0


class Told(msgspec.Struct, frozen=True, tag=True):
    """All news of a window, or of the orders that were asked for."""

    news: tuple[News, ...] = ()


class Done(msgspec.Struct, frozen=True, tag=True):
    """The vendor did what it was asked: it is cancelled, or refunded, there. `about` for people."""

    about: str = ""


class Pending(msgspec.Struct, frozen=True, tag=True):
    """The vendor took the wish and decides later: news says how. `about` for people."""

    about: str = ""


class Window(msgspec.Struct, frozen=True):
    """A stretch of time, microseconds since 1970 UTC; a client widens it by what the vendor's clock may be off."""

    since_us: int
    until_us: int


Answers = tuple[Answer, ...]
Placing = Ask | Send | Placed | Refused | Blocked | Doubt
Finishing = Ask | Send | Placed | Blocked | Doubt
Finding = Ask | Found | Blocked | Doubt
LoggingIn = Ask | LoggedIn | Blocked | Doubt
Probing = Ask | Learnt | Blocked | Doubt
Itemizing = Ask | Listed | Blocked | Doubt
Telling = Ask | Told | Blocked | Doubt
Undoing = Ask | Send | Done | Pending | Refused | Blocked | Doubt


# --- the vendor


@dataclass(frozen=True, slots=True)
class Member:
    """One credential, or one option, of a connection.

    about       what it is, for people
    is_needed   whether no connection is without it
    pattern     what it must look like; empty = any text
    is_account  whether it names whose account it is: with another one, orders are another's. A token does not
    """

    name: str
    about: str
    is_needed: bool = True
    pattern: str = ""
    is_account: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many calls within so many seconds, as the vendor documents it."""

    calls: int
    window_s: float


class Client:
    """A vendor, seen from its client. A folder overrides what the vendor has; what it leaves alone, the vendor has not.

    credentials     what a connection needs; all are secrets
    options         what else a connection may say
    limits          the vendor's documented ones; a connection may have stricter ones
    marker          where `Job.marker` stands in the vendor's order, for people; empty = nowhere: `find` compares
    find_delay_s    how late the vendor's list may be: only after so long its silence proves that nothing is there.
                    None = it never proves that, and a person decides
    needs_listings  whether each line must be known by the vendor's id
    timeout_s       for one call
    tells_windows   whether its list tells what changed within a window; if not, each order is asked for by its number
    records_only    whether the vendor only keeps what was sold, so that nothing is asked there before it is final here
    """

    credentials: tuple[Member, ...] = ()
    options: tuple[Member, ...] = ()
    limits: tuple[Limit, ...] = ()
    marker: str = ""
    find_delay_s: float | None = 0.0
    needs_listings: bool = True
    timeout_s: float = 30.0
    tells_windows: bool = False
    records_only: bool = False

    # --- who calls

    def login(self, link: Link, answers: Answers) -> LoggingIn:  # noqa: ARG002
        """For vendors with sessions. Raises nothing; a session of "" needs no login."""
        return LoggedIn("")

    def signed(self, link: Link, request: Request, at_us: int) -> Signed:
        """The call with the credentials (or the session) in it, as of this instant.

        Says `Content-Type` where there is a body.
        """
        raise NotImplementedError

    def account_of(self, link: Link) -> str:
        """Whose account it is, as far as the connection says so by name; empty = it does not."""
        named = {each.name for each in (*self.credentials, *self.options) if each.is_account}
        said = {**link.options, **link.credentials}
        found = {name: each for name, each in said.items() if name in named and each}
        return repr(sorted(found.items())) if found else ""

    # --- an order

    def unfit(self, job: Job, link: Link) -> str:  # noqa: ARG002
        """Why this order cannot be said in the vendor's words, in a sentence; empty = it can.

        Told before anything is sent, so that the hand-over waits with this reason.
        """
        return ""

    def place(self, link: Link, job: Job, answers: Answers) -> Placing:
        """Place it, with one `Send` at most. Only called for what `unfit` lets pass.

        Behind the `Send` it may only ask: some vendors word every failure alike, and what is there tells them apart.
        """
        raise NotImplementedError

    def sought(self, link: Link, job: Job) -> str:  # noqa: ARG002
        """What `find` goes by besides account and marker; empty = nothing. Of any job, one without listings as well.

        It is noted, as a digest, when it is sent: once it is another, that nothing is found proves nothing.
        """
        return ""

    def number_of(self, typed: str) -> str:
        """What somebody typed or copied, as `Placed.number` has it: without blanks and what cannot be seen."""
        return "".join(each for each in typed if each.isprintable() and not each.isspace())

    def find(self, link: Link, job: Job, window: Window, answers: Answers) -> Finding:
        """Look for it among what was made in the window, which begins when it was first sent. All pages."""
        raise NotImplementedError

    def probe(self, link: Link, answers: Answers) -> Probing:
        """One harmless call, and what it taught: whose account it is, in which currency, whether it is a sandbox."""
        raise NotImplementedError

    # --- what a vendor may have

    def has(self, talk: str) -> bool:
        """Whether the vendor has this talk: `finish`, `items`, `news`, `heard`, `cancel`, `refund`."""
        return getattr(type(self), talk) is not getattr(Client, talk)

    def finish(self, link: Link, job: Job, placed: Placed, answers: Answers) -> Finishing:
        """What is still to be done once the order is there, such as its items, for vendors that take them one by one.

        Begun again after any doubt: it asks what is there first, and sends only what is missing.
        """
        raise NotImplementedError

    def items(self, link: Link, answers: Answers) -> Itemizing:
        """The vendor's list of things that can be ordered, all pages."""
        raise NotImplementedError

    def news(
        self, link: Link, window: Window, placed: tuple[Placed, ...], answers: Answers
    ) -> Telling:
        """What happened: of these orders, whenever it was; of none named, whatever the vendor tells of the window.

        Without a number only where `tells_windows`; other accounts' orders may be among those.
        """
        raise NotImplementedError

    def heard(self, body: bytes) -> tuple[str, ...] | None:  # noqa: ARG002
        """The numbers that a message of the vendor's webhooks names, whose news is asked at once.

        None = no such message.
        """
        return None

    def cancel(
        self, link: Link, job: Job, placed: Placed, units: Mapping[int, int], answers: Answers
    ) -> Undoing:
        """Call it off there. `units` by line number: all that shall be off then, of what was sent (`job.lines`).

        Empty = all of it. What the vendor's own record shows to be off is asked for no more.
        """
        raise NotImplementedError

    def refund(
        self,
        link: Link,
        job: Job,
        placed: Placed,
        units: Mapping[int, int],
        amount: Decimal | None,
        answers: Answers,
    ) -> Undoing:
        """Ask for money back there; `units` as of `cancel`. `amount` in the order's currency; None = their worth."""
        raise NotImplementedError


# --- for those who write clients


def json_of(answer: Answer) -> Any:
    """The body as JSON values with exact numbers; None for what is none."""
    try:
        return _DECODER.decode(answer.body)
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
        return None


def target_of(request: Request, *more: tuple[str, str]) -> str:
    """The path with its query, and with more parameters behind it."""
    query = urlencode((*request.query, *more))
    return f"{request.path}?{query}" if query else request.path


def body_of(request: Request) -> bytes:
    """The body as the bytes that are sent; Decimals become exact numbers."""
    return b"" if request.body is None else _ENCODER.encode(request.body)
