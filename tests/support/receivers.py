"""A receiver of webhooks: a real HTTP server in a thread, which answers as a test says and remembers what came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

PATIENCE_S = 120.0  # however slow the machine


@dataclass
class Came:
    """One call. `at` is on the steady clock."""

    path: str
    headers: dict[str, str]
    body: bytes
    answered: int = 0
    at: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        return self.headers.get("webhook-id", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """The message, checked by the library that receivers use. Raises WebhookVerificationError."""
        return Webhook(secret).verify(self.body, self.headers)

    @property
    def about(self) -> tuple[str, int]:
        """The order's uid and version."""
        event = self.json["data"]["event"]
        return event["order_uid"], event["version"]


Answered = int | tuple[int, dict[str, str], bytes]


class Receiver:
    """`answer` says what each call is answered; it may take its time, and runs in a thread of the call's own."""

    def __init__(self) -> None:
        self.calls: list[Came] = []
        self.answer: Callable[[Came], Answered] = lambda _: 204
        self.most_at_once = 0
        self.most_of_an_order = 0
        self._now: dict[str, int] = {}
        self._gate = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.take(self)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                pass  # who called went away

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )
        self._thread.start()

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        came = Came(handler.path, headers, body)
        order = came.id.rpartition("_")[0]
        with self._gate:
            self.calls.append(came)
            self._now[order] = self._now.get(order, 0) + 1
            self.most_at_once = max(self.most_at_once, sum(self._now.values()))
            self.most_of_an_order = max(self.most_of_an_order, self._now[order])
        try:
            answered = self.answer(came)
        finally:
            with self._gate:
                self._now[order] -= 1
        status, more, text = answered if isinstance(answered, tuple) else (answered, {}, b"")
        came.answered = status
        handler.send_response(status)
        for name, value in more.items():
            handler.send_header(name, value)
        if status != 204:
            handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def wait_for(self, count: int) -> list[Came]:
        """The first so many calls, once they came. Fails when they do not."""
        until = time.monotonic() + PATIENCE_S
        while len(self.calls) < count:
            assert time.monotonic() < until, f"{len(self.calls)} of {count} came"
            time.sleep(0.01)
        return self.calls[:count]

    @property
    def taken(self) -> list[Came]:
        """The calls that were answered with success, in the order in which they came."""
        return [each for each in self.calls if 200 <= each.answered < 300]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    try:
        yield opened
    finally:
        opened.close()
