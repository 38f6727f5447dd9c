"""Recorded requests of clients that nobody here wrote, and the members that they read from the answers."""

import gzip
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from orderhub.dialects.finding import find_dialects
from orderhub.dialects.json_paths import PathMissing, at, filled
from orderhub.dialects.tours4fun.conform import CONFORMANCE
from tests.support.calls import Caller, Reply

RECORDED = {path.stem: path for path in sorted((Path(__file__).parent / "recorded").glob("*.json"))}
DIALECTS = {dialect.name for dialect in find_dialects()}
TYPES: dict[str, Any] = {
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
    "url": lambda value: isinstance(value, str) and value.startswith(("http://", "https://")),
}


def fits(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and wanted.startswith("<") and wanted.endswith(">"):
        return any(TYPES[name](found) for name in wanted[1:-1].split("|"))
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def body_of(call: dict[str, Any], saved: dict[str, Any]) -> bytes:
    if "body" in call:
        body = json.dumps(filled(call["body"], saved), ensure_ascii=False).encode()
    elif "body_base64" in call:
        body = b64decode(call["body_base64"])
    else:
        body = filled(call.get("body_text", ""), saved).encode()
    return gzip.compress(body) if call.get("gzip") else body


def played(hub: Caller, call: dict[str, Any], saved: dict[str, Any]) -> Reply:
    body = body_of(call, saved)
    query = dict(filled(call.get("query") or {}, saved))
    if "sign" in call:
        query |= CONFORMANCE.client.signature(call["sign"], body)
    headers = filled(call.get("headers") or {}, saved)
    path = filled(call["path"], saved).removeprefix(
        "http://hub.test"
    )  # a link of an answer is whole
    return hub.send(call["method"], path, query, headers, body)


def read(call: dict[str, Any], reply: Reply) -> Any:
    kind = call.get("answer", "json")
    if kind == "gzip-lines":
        return [json.loads(line) for line in gzip.decompress(reply.body).splitlines()]
    return reply.json() if kind == "json" else None


def wrong(call: dict[str, Any], reply: Reply, saved: dict[str, Any]) -> list[str]:
    """What the client would stumble over."""
    told = []
    if reply.status != call.get("status", 200):
        return [f"status {reply.status}: {reply.body[:300]!r}"]
    answer = read(call, reply)
    for path, wanted in filled(call.get("reads", {}), saved).items():
        try:
            found = at(answer, path)
        except PathMissing:
            if wanted != "<absent>":
                told.append(f"{path} is missing")
            continue
        if wanted == "<absent>" or not fits(found, wanted):
            told.append(f"{path}: {wanted!r} is read, {found!r} is there")
    for name, wanted in call.get("reads_headers", {}).items():
        found = reply.headers.get(name.lower(), "")
        words = [word.strip().lower() for word in found.split(",")]
        missing = [word for word in wanted if word.lower() not in words]
        if (found != wanted) if isinstance(wanted, str) else missing:
            told.append(f"{name}: {wanted!r} is read, {found!r} is there")
    if not told and call.get("save"):
        saved |= {name: at(answer, path) for name, path in call["save"].items()}
    return told


@pytest.mark.parametrize("name", RECORDED)
def test_a_client_finds_what_it_reads(hub: Caller, name: str) -> None:
    recorded = json.loads(RECORDED[name].read_text("utf-8"))
    assert recorded["dialect"] in DIALECTS
    assert recorded["client"]
    assert recorded["source"]
    if "clock" in recorded:
        hub.freeze(recorded["clock"]["tenant"], recorded["clock"]["at"])
    saved: dict[str, Any] = {}
    for number, call in enumerate(recorded["calls"]):
        reply = played(hub, call, saved)
        assert wrong(call, reply, saved) == [], (number, call.get("title", call["path"]))
    assert hub.broken() == {}


def test_the_comparison_sees_what_it_should() -> None:
    reply = Reply(
        200, {"allow": "GET, Token"}, b'{"a": 1, "b": [{"c": "x"}], "d": null, "e": true}'
    )
    good = {
        "reads": {
            "$.a": "<integer>",
            "$.b[0].c": "{{c}}",
            "$.d": "<null|object>",
            "$.f": "<absent>",
            "$.e": True,
        },
        "reads_headers": {"Allow": ["token"]},
    }
    assert wrong(good, reply, {"c": "x"}) == []
    bad = {
        "reads": {"$.a": "<string>", "$.b[1]": "<object>", "$.d": "<absent>", "$.e": 1},
        "reads_headers": {"Allow": ["version"]},
    }
    assert len(wrong(bad, reply, {})) == 5
    assert wrong({"status": 201}, reply, {})[0].startswith("status 200")
