"""An answer that goes on: its pieces leave as they come, until they end or the client leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from orderhub.dialects.contract import Answer

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


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


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
