"""What is kept of a call, so that whoever made it can see why it was answered as it was. It is no part of the books."""

from __future__ import annotations

import msgspec


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request or an answer without its secrets. `is_cut`: there was more of it than is kept."""

    headers: dict[str, str] = {}
    body: str = ""
    is_cut: bool = False


class Exchange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was sent, and what came back."""

    query: str = ""
    request: Message = Message()
    answer: Message = Message()


class LoggedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    id           the `Request-Id` of its answer
    recorded_at  when it was answered, wall microseconds
    channel      the dialect that it spoke, or `hub`
    status       of the answer; 0 = the connection was closed without one
    reason       why it was refused, with the field and the detail; empty = it was not
    credential   its id; empty = nobody who is known
    orders       uids of those that it placed or changed
    """

    tenant_id: int
    id: str
    recorded_at: int
    channel: str
    method: str
    path: str
    status: int
    reason: str = ""
    field: str = ""
    detail: str = ""
    credential: str = ""
    label: str = ""
    orders: tuple[str, ...] = ()
    duration_us: int = 0


class Refusals(msgspec.Struct, frozen=True):
    """How many calls of a channel were refused for a reason, and when the last one was."""

    channel: str
    reason: str
    count: int
    last_at: int


class RequestSearch(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the log, newest first.

    tenant_id  None: every tenant (operators only), by time alone
    equal      (column, value) pairs, all of which must hold
    since      inclusive, `until` exclusive: microseconds
    after      what this page follows: (recorded_at, id), with the tenant's id between for every tenant
    """

    tenant_id: int | None = None
    equal: tuple[tuple[str, str | int], ...] = ()
    since: int | None = None
    until: int | None = None
    after: tuple[int | str, ...] = ()
    limit: int = 50

    def suits(self, found: LoggedRequest) -> bool:
        """Whether a call that was found otherwise is one that is searched for, on whichever page."""
        return (
            all(getattr(found, name) == value for name, value in self.equal)
            and (self.since is None or found.recorded_at >= self.since)
            and (self.until is None or found.recorded_at < self.until)
        )
