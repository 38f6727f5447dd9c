"""What a hub and its delivery process say to each other over a socket: each message with its length before it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

import msgspec

from orderhub.core.deliveries import WebhookState
from orderhub.delivery.means import Off
from orderhub.ledger.deliveries import Settling

_LENGTH_BYTES = 4
# A round's results are some hundred rows of 2 KiB answers at most; a stream of bytes that is none ends here.
_MOST_BYTES = 64 << 20


# --- what the hub says


class Begin(msgspec.Struct, tag=True):
    """The first message. `owner`: of leases; `given`: what the process is to be made from."""

    owner: str
    given: dict[str, Any]


class Wake(msgspec.Struct, tag=True):
    """Something was committed for these tenants; `is_changed`: a webhook was.

    is_busy  orders come thick and fast, and messages are to give way
    """

    tenant_ids: list[int]
    is_changed: bool = False
    is_busy: bool = False


class Leave(msgspec.Struct, tag=True):
    """Nothing more is sent; what is on its way may end, for so long."""

    within_s: float


class Done(msgspec.Struct, tag=True, omit_defaults=True):
    """What came of the call of that number.

    is_lost   there is no lease
    trouble   why nothing came of it; empty = something did
    is_outage  whether the trouble is the database's
    """

    number: int
    ids: list[int] = []
    state: WebhookState | None = None
    is_lost: bool = False
    trouble: str = ""
    is_outage: bool = False


# --- what the process says


class Lease(msgspec.Struct, tag=True):
    number: int
    state: WebhookState
    now_us: int
    longest_us: int
    version: int


class Settle(msgspec.Struct, tag=True):
    number: int
    settling: Settling
    now_us: int


class Release(msgspec.Struct, tag=True):
    number: int
    state: WebhookState


class ForgetLeases(msgspec.Struct, tag=True):
    number: int


class SwitchOff(msgspec.Struct, tag=True):
    number: int
    off: Off


class Told(msgspec.Struct, tag=True):
    """For the metrics, since the last of these: attempts by outcome, lags; and how things stand.

    tenants  whose commits are to wake the process
    """

    outcomes: dict[str, int]
    lags_s: list[float]
    lag_s: float
    failing: int
    tenants: list[int]


FromHub = Begin | Wake | Leave | Done
Call = Lease | Settle | Release | ForgetLeases | SwitchOff
FromProcess = Call | Told


class Line:
    """One end. What is said leaves in its order; whoever hears gets what the other end said, in its order."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hears: Any
    ) -> None:
        self._reader, self._writer = reader, writer
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(hears)

    @classmethod
    async def over(cls, end: socket.socket, hears: Any) -> Line:
        return cls(*await asyncio.open_connection(sock=end), hears)

    def say(self, message: FromHub | FromProcess) -> None:
        if self._writer.is_closing():
            return  # nobody is there to hear it, and whoever hears on this end is told so
        text = self._encoder.encode(message)
        self._writer.write(len(text).to_bytes(_LENGTH_BYTES, "big") + text)

    async def hear(self) -> Any:
        """The next message; None: the other end is gone."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "big")
            if length > _MOST_BYTES:
                return None
            return self._decoder.decode(await self._reader.readexactly(length))
        except (EOFError, OSError):
            return None

    async def close(self) -> None:
        """What was said has left by then, if anybody is there to hear it."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()
