"""How much of large bodies is in memory at once. Nobody has to say who they are to send one, and many at a time are
more memory than a machine has.

Small bodies, as nearly all orders are, always pass: as many as there may be connections are a bounded amount.
"""

from __future__ import annotations

from orderhub.dialects.contract import Fault, FaultKind, HTTPFault

SMALL = 64 * 1024  # the server itself reads so much of a body before anybody asks for it
_RETRY_AFTER_S = 2


class Bodies:
    """The large bodies in hand, by request id. Only the event loop's thread uses it.

    most   bytes of all of them together; one that is larger still passes while it is the only one
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, int] = {}
        self._bytes = 0

    def grown(self, request_id: str, size: int, declared: int = 0) -> None:
        """So much of a body has come, of so much that was declared, where that is known.

        Raises HTTPFault(BUSY) where there is no room for it beside the others: with its length declared that is
        found out once, so that no body is given up halfway.
        """
        if size <= SMALL:
            return
        size = max(size, declared)
        before = self._held.get(request_id, 0)
        if size > before:
            others = self._bytes - before
            if others and others + size > self._most:
                why = "too many large bodies are in hand"
                raise HTTPFault(Fault(FaultKind.BUSY, why, retry_after_s=_RETRY_AFTER_S))
            self._held[request_id] = size
            self._bytes = others + size

    def let_go(self, request_id: str) -> None:
        """The call is over, however it ended; one without a large body is fine."""
        self._bytes -= self._held.pop(request_id, 0)
