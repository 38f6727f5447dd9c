"""How a connection stands, and what can be asked of hand-overs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

import msgspec

from orderhub.core.handing import HandOver


class RelayState(msgspec.Struct, frozen=True, kw_only=True):
    """Who sees to a connection, and how it goes. Instants are microseconds since 1970 UTC, of the wall.

    version    of the connection's record that it was seen to by last
    misses     how often in a row it could not be used
    resume_at  not called before this
    reason     why it is left alone; without `misses`, why there is no news; empty = it works
    news_until, news_due_at  how far what happened there is known, and when it is asked next
    """

    tenant_id: int
    connection_id: int
    owner: str = ""
    leased_until: int = 0
    version: int = 0
    misses: int = 0
    resume_at: int = 0
    reason: str = ""
    news_until: int = 0
    news_due_at: int = 0


class RelayLook(msgspec.Struct, frozen=True):
    """A connection as one small look for all of them sees it; `state` None: it was never seen to.

    version   of its record
    is_due    whether some hand-over of it is
    """

    tenant_id: int
    connection_id: int
    version: int
    is_due: bool
    state: RelayState | None


class HandOverQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Hand-overs of a tenant, those of the newest orders first; of one state those that were planned last.

    states      of these; () = of all
    connection  id; 0 = any
    order_uid   empty = any
    after       (created_at, order id, connection id) of the last one seen; () = from the start
    """

    tenant_id: int
    states: tuple[str, ...] = ()
    connection: int = 0
    order_uid: str = ""
    after: tuple[int, ...] = ()
    limit: int = 50


class RelayReads(Protocol):
    def look(self, now_us: int) -> list[RelayLook]:
        """Every connection of every tenant, switched on or not."""

    def state(self, tenant_id: int, connection_id: int) -> RelayState | None: ...

    def due(
        self,
        tenant_id: int,
        connection_id: int,
        now_us: int,
        limit: int,
        in_hand: Collection[int] = (),
        *,
        only_sending: bool = False,
        news: bool = False,
    ) -> tuple[HandOver, ...]:
        """What somebody should see to by now, the longest due first; none of the orders `in_hand`.

        `news`: what is there, and asked about what became of it. All else otherwise.
        """

    def page(self, query: HandOverQuery) -> tuple[HandOver, ...]: ...

    def named(self, tenant_id: int, uid: str) -> HandOver | None: ...

    def of_order(self, tenant_id: int, order_id: int) -> tuple[HandOver, ...]: ...

    def held(self, tenant_id: int, connection_id: int, numbers: Collection[str]) -> dict[str, int]:
        """Which of the vendor's numbers some hand-over has: number -> id of its order."""

    def counts(self, tenant_id: int, connection_id: int = 0) -> dict[str, int]:
        """How many there are of each state; of what was placed or refused none are counted."""

    def counted(self, tenant_id: int, state: str, at_most: int) -> int:
        """How many are of a state, `at_most` of them looked at."""

    def first_placed(self, tenant_id: int, connection_id: int, since_us: int) -> int:
        """When the first was planned, since then, of those that are placed; 0 = there is none."""

    def is_in_doubt(self, tenant_id: int, connection_id: int, besides: int) -> bool:
        """Whether it is not known of another order than `besides` whether it is there."""

    def is_sending(self, tenant_id: int, connection_id: int) -> bool:
        """Whether something is under way at a connection, or was when it broke off."""

    def unsure(self) -> int:
        """How many a person must decide about, of all tenants."""
