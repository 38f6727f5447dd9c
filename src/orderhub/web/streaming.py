"""An answer that goes on: its pieces leave as they come, until they end or the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, TypeVar

from orderhub.dialects.contract import Answer

T = TypeVar("T")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Disconnected(Exception):
    """The client left before its request was complete, or before it was answered."""


class Streamed(Answer, frozen=True, kw_only=True):
    """`body` is empty; whoever sends it asks for the pieces."""

    pieces: AsyncGenerator[bytes, None]


async def send_pieces(receive: Receive, send: Send, pieces: AsyncGenerator[bytes, None]) -> None:
    """Behind the head of the answer, to its end. What `pieces` raises is raised, and the answer has no end then."""
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        while True:
            following = asyncio.ensure_future(anext(pieces, None))
            try:
                await asyncio.wait({gone, following}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not following.done():
                    following.cancel()
                    with suppress(asyncio.CancelledError):
                        await following
            if gone.done() or following.cancelled():
                break
            piece = following.result()
            if piece is None:
                break
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    finally:
        gone.cancel()
        await pieces.aclose()
    with suppress(OSError):
        await send({"type": "http.response.body", "body": b""})


async def while_there(receive: Receive, work: Awaitable[T]) -> T:
    """What comes of the work, once the whole request is there. Raises Disconnected when the client leaves first."""
    me, has_left, is_over = asyncio.current_task(), False, False
    assert me is not None

    def call_off(_gone: asyncio.Future[None]) -> None:
        nonlocal has_left
        if is_over:
            return  # it left as the work ended, when this was to be called already
        has_left = True
        me.cancel()

    gone = asyncio.ensure_future(_until_gone(receive))
    gone.add_done_callback(call_off)
    try:
        return await work
    except asyncio.CancelledError:
        # Its own calling off is undone; that of somebody else goes on.
        if has_left and not me.uncancel():
            raise Disconnected from None
        raise
    finally:
        is_over = True
        gone.remove_done_callback(call_off)
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
