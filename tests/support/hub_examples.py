"""The examples of the hub's own API: one story on a fresh demo, told file by file in their order.

Each file is a golden pair, `golden/NN-name.json` in the hub API's folder. What the hub makes up (uids,
wall times, tokens) differs from run to run and is masked when answers are compared. When an answer
changed on purpose, `python -m tests.support.hub_examples` tells the story anew and writes it down.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orderhub.web.hub_api
from orderhub.conform.cases import request_of
from tests.support.calls import Caller, calling
from tests.support.golden import by, sent
from tests.support.hub import seed_demo

FOLDER = Path(orderhub.web.hub_api.__file__).parent / "golden"
NOON = "2024-01-02T12:00:00Z"
_MADE_UP = re.compile(
    r"whsec_[A-Za-z0-9+/=]+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # a uid
    r"|20(?:2[5-9]|[3-9][0-9])-[0-9T:.-]+Z"  # a wall time: the story plays in 2024
    r"|[0-9]{16}\.[0-9]+"  # the same in a cursor
    r"|hub_[A-Za-z0-9_-]{20,}|(?<=\"secret\":\")[A-Za-z0-9_-]{20,}"  # what is shown once
    r"|(?:hub|anqicms\.site|sandbox|site:|plan)-?[0-9a-f]{12,}"  # a drawn name
    r"|(?<=\"duration_ms\":)[0-9.]+|(?<=\"behind\":)[0-9]+|(?<=\"cursor\":\")[^\"]+"
    r"|snap_[0-9a-f]{16}|oh-[a-z2-7]{26}"
    r"|evt_[0-9a-f]{32}(?:_[0-9]+)?"
    r"|(?<=\"error\":\")[^\"]+|(?<=\"about\":\")[^\"]+"  # what a resolver says
    r"|(?<=welcome\?link=)[A-Za-z0-9_-]{43}|(?<=\"uid\":\")[0-9a-f]{16}(?=\")"
    r"|\"request_id\":\"[0-9a-f]{32}\"|(?<=\"id\":\")[A-Za-z0-9_-]{16,}(?=\")"
)


def told(hub: Caller) -> Iterator[tuple[Path, dict[str, Any], int, Any]]:
    """(file, its pair, the status and the body that the hub answers now), in the order of the story."""
    hub.freeze("shop", NOON)
    saved: dict[str, Any] = {}
    for path in sorted(FOLDER.glob("*.json")):
        pair = json.loads(path.read_text())
        for each in (*pair.get("before", ()), pair["request"]):
            request = by(request_of(each, None), pair.get("token", "hub-demo-operator"))
            reply = sent(request, hub.send, saved)
            assert reply.status < 400, f"{path.name}: {reply.body!r}"
        body = None
        if reply.body:
            is_json = reply.headers["content-type"].startswith("application/json")
            body = reply.json() if is_json else reply.body.decode()
        yield path, pair, reply.status, body


def masked(value: Any) -> str:
    return _MADE_UP.sub("made-up", json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def write_anew() -> None:
    with tempfile.TemporaryDirectory() as where:
        url = f"sqlite:///{where}/hub.sqlite"
        seed_demo(url)
        with calling(url) as hub:
            for path, pair, status, body in told(hub):
                answer = {"status": status} if body is None else {"status": status, "body": body}
                if masked(pair.get("response")) != masked(answer):
                    pair["response"] = answer
                    path.write_text(json.dumps(pair, ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    write_anew()
