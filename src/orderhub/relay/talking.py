"""Talks with a vendor: a client's pure steps, carried out over the one socket place, within the vendor's limits."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from orderhub.core.connections import Connection
from orderhub.core.handing import HandOver
from orderhub.dialects.client import (
    Answer,
    Answers,
    Ask,
    Blocked,
    Client,
    Job,
    Limit,
    Link,
    LoggedIn,
    Request,
    Send,
    body_of,
)
from orderhub.relay.limits import Limits
from orderhub.relay.means import Decrypt, Make

End = TypeVar("End")

# Where orders go, and with whose account as far as that is named: in the `refs` of a hand-over.
AT = "at"
# The same with the token, where nothing else says whose account it is.
_OF = "of"
ELSEWHERE = "it was placed at another address than the connection has now, or with another account"
_TOO_MANY, _BROKEN = 429, 500
_MOST_CALLS = 1_000  # of one talk: a list without an end
_HALF = 0.5


class Silence(msgspec.Struct, frozen=True):
    """There was no answer that tells anything.

    was_sent       whether what was asked may have been done
    is_down        whether nobody was there at all, so that others need not try
    retry_after_s  how long the vendor wants to be left alone; 0 = it does not say
    """

    reason: str
    was_sent: bool
    is_down: bool = False
    retry_after_s: float = 0.0


class NotSent(msgspec.Struct, frozen=True):
    """It was held back at the last moment: nothing left."""


class Line:
    """The way to one vendor under one login. It is signed by `wall_us`: a vendor refuses what is of the future."""

    def __init__(
        self,
        tenant_id: int,
        connection: Connection,
        client: Client,
        *,
        make: Make,
        decrypt: Decrypt,
        now_us: Callable[[], int],
        wall_us: Callable[[], int],
    ) -> None:
        self.tenant_id = tenant_id
        self.connection = connection
        self.client = client
        self._make = make
        self._now_us = now_us
        self._wall_us = wall_us
        own = (Limit(connection.most_calls, connection.window_s),)
        self._limits = Limits((*client.limits, *own))
        credentials = {name: decrypt(text) for name, text in connection.credentials.items()}
        self._link = Link(credentials=credentials, options=connection.options)
        self._good_until_us = 0  # of the session
        self._login = asyncio.Lock()

    @property
    def timeout_s(self) -> float:
        """Within which a call is over, whatever came of it."""
        return self.connection.timeout_s or self.client.timeout_s

    @property
    def link(self) -> Link:
        return self._link

    @property
    def known_by(self) -> dict[str, str]:
        """What tells its account from others; two digests, since one holds the token. See `Connection.same_as`."""
        url, account = self.connection.base_url, self.client.account_of(self._link)
        login = account or repr(sorted(self._link.credentials.items()))
        return self.connection.same_as or {AT: digest(url, account), _OF: digest(url, login)}

    @property
    def there(self) -> dict[str, str]:
        """Noted with what is placed by this line: the address and the account, as far as it is named."""
        return {AT: self.known_by[AT]}

    def leads_to(self, hand_over: HandOver) -> bool:
        """Whether it is where it was placed: at another address, or with another account, its number is another's."""
        there = self.there
        return hand_over.refs.get(AT, there[AT]) == there[AT]

    def sought(self, job: Job) -> str:
        """What an order is known again by besides its marker: whose account, and what its client says.

        As a digest: it may be who travels.
        """
        return digest(self.known_by[_OF], self.client.sought(self._link, job))

    def forget_session(self) -> None:
        self._good_until_us = 0

    async def talk(
        self,
        step_of: Callable[[Link, Answers], Ask | Send | End],
        *,
        key: str = "",
        before_send: Callable[[], Awaitable[bool]] | None = None,
    ) -> End | Silence | NotSent | Blocked:
        """To its end. `before_send` is asked right before each `Send`, and may hold it back.

        key  of the thing that is sent: with the same content always the same `Idempotency-Key` goes along
        """
        found = await self._logged_in()
        if found is not None:
            return found
        end = await self._talked(step_of, key, before_send)
        if isinstance(end, Blocked) and end.is_login:
            self.forget_session()
        return end

    async def _logged_in(self) -> Silence | Blocked | None:
        """None once there is a session that is good."""
        async with self._login:
            if self._good_until_us > self._now_us():
                return None
            bare = msgspec.structs.replace(self._link, session="")
            self._link = bare
            end = await self._talked(self.client.login, "", None)
            if isinstance(end, LoggedIn):
                self._link = msgspec.structs.replace(bare, session=end.session)
                good_us = round(end.for_s * _HALF * 1e6) if end.for_s else 2**61
                self._good_until_us = self._now_us() + good_us
                return None
            if isinstance(end, Silence | Blocked):
                return end
            return Silence(getattr(end, "reason", "the login cannot be read"), was_sent=False)

    async def _talked(
        self,
        step_of: Callable[[Link, Answers], Ask | Send | End],
        key: str,
        before_send: Callable[[], Awaitable[bool]] | None,
    ) -> End | Silence | NotSent | Blocked:
        answers: Answers = ()
        was_sent = False
        while len(answers) < _MOST_CALLS:
            step = step_of(self._link, answers)
            if not isinstance(step, Ask | Send):
                return step
            await self._turn()
            if isinstance(step, Send):
                if before_send is not None and not await before_send():
                    return NotSent()
                was_sent = True
            reply = await self._called(step.request, key if isinstance(step, Send) else "")
            if isinstance(reply, Silence):
                return msgspec.structs.replace(reply, was_sent=was_sent)
            answers = (*answers, reply)
        return Silence(f"its list has no end: {_MOST_CALLS} pages", was_sent=was_sent)

    async def _turn(self) -> None:
        while (wait_s := self._limits.wait_s(time.monotonic())) > 0:  # noqa: ASYNC110 - a time, no event
            await asyncio.sleep(wait_s)

    async def _called(self, request: Request, key: str) -> Answer | Silence:
        signed = self.client.signed(self._link, request, self._wall_us())
        if key and self.connection.sends_key:
            header = ("Idempotency-Key", f"{key}-{_print(request)}")
            signed = msgspec.structs.replace(signed, headers=(*signed.headers, header))
        reply = await self._make(self.tenant_id, self.connection, signed, self.timeout_s)
        if not reply.status:
            return Silence(reply.error or "no answer", was_sent=False, is_down=True)
        if reply.status >= _BROKEN or reply.status == _TOO_MANY or reply.is_cut:
            said = "its answer is too long" if reply.is_cut else f"it answered {reply.status}"
            is_down = reply.status in (_TOO_MANY, 502, 503, 504)
            return Silence(said, False, is_down, reply.retry_after_s)
        return Answer(status=reply.status, body=reply.body, headers=reply.headers)


def digest(*texts: str) -> str:
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:32]


def _print(request: Request) -> str:
    """Another content is another key: the vendor would refuse it under the first one."""
    return hashlib.sha256(request.path.encode() + body_of(request)).hexdigest()[:16]
