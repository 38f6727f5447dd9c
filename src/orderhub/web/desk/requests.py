"""The request log for who builds against the hub: followed, filtered, one call in full, as curl, again as a dry run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import msgspec

from orderhub.core.values import MICROSECONDS
from orderhub.dialects.auth import curl
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk import again
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.inner import ask, file, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages, titles_of
from orderhub.web.desk.page import Visitor, form, page, show
from orderhub.web.hub_api import requests
from orderhub.web.hub_api.requests import RequestInFull, RequestSummary
from orderhub.web.hub_api.shaping import Page, exact_instant

PATH, SCOPE = "/desk/requests", "requests"
_PAGE = "50"
_LONGEST = 500
_ID = re.compile("[0-9a-f]{32}")
_STATUS = re.compile("[1-5][0-9]{2}|0")
_CURSOR = re.compile(r"[0-9]{1,18}\.[0-9a-f]{32}")
_EVERY_S = 5  # how often a log that is followed is shown anew
# Hours back.
_TIMES: Mapping[str, tuple[int, str]] = {
    "": (0, N_("Any time")),
    "1": (1, N_("Last hour")),
    "24": (24, N_("Last 24 hours")),
}
# What a client adds by itself, or what is another's to say.
_NOT_SENT = frozenset(
    ["host", "content-length", "connection", "accept-encoding", "transfer-encoding", "user-agent"]
)


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is a path, a reason or a request id; `follows`: the page is shown anew every few seconds."""

    rows: tuple[RequestSummary, ...]
    titles: Mapping[str, str]
    pages: Pages
    text: str
    channel: str
    status: str
    time: str
    credential: str
    follows: bool
    follow_path: str
    file_path: str
    channels: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, str], ...]


class OneCall(msgspec.Struct, frozen=True, kw_only=True):
    """`why_not` as `N_` marks it: why it cannot be made again; `tried`: what came of it as a dry run."""

    logged: RequestInFull
    title: str
    path: str
    command: str
    why_not: str = ""
    tried: again.Tried | None = None


class _Again(msgspec.Struct, frozen=True):
    acts_as: str = ""


async def log(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """What cannot be meant by a filter filters nothing."""
    titles = {**titles_of(call), "hub": "OrderHub"}
    names = ("q", "channel", "status", "time", "credential")
    asked = {name: call.query.get(name, "").strip()[:_LONGEST] for name in names}
    asked["channel"] = asked["channel"] if asked["channel"] in titles else ""
    asked["status"] = asked["status"] if _STATUS.fullmatch(asked["status"]) else ""
    asked["time"] = asked["time"] if asked["time"] in _TIMES else ""
    cursor = call.query.get("after", "")
    cursor = cursor if _CURSOR.fullmatch(cursor) else ""
    follows = call.query.get("follow") == "1" and not cursor
    query = {name: asked[name] for name in ("channel", "status", "credential")}
    query |= _named(asked["q"])
    if hours := _TIMES[asked["time"]][0]:
        since = datetime.fromtimestamp(call.received_at / MICROSECONDS, UTC) - timedelta(
            hours=hours
        )
        query["from"] = exact_instant(round(since.timestamp() * MICROSECONDS))
    if media := wanted(call):
        return await file(call, visitor, requests.list_requests, media, query=query)
    query |= {"limit": _PAGE, "cursor": cursor}
    found = await ask(call, visitor, requests.list_requests, Page[RequestSummary], query=query)
    context = Log(
        rows=found.items,
        titles=titles,
        pages=Pages(
            newest=_path(asked) if cursor else "",
            older=_path(asked, after=found.next_cursor) if found.next_cursor else "",
        ),
        text=asked["q"],
        channel=asked["channel"],
        status=asked["status"],
        time=asked["time"],
        credential=asked["credential"],
        follows=follows,
        file_path=_path(asked),
        follow_path=_path(asked) if follows else _path(asked, follow="1"),
        channels=(("", N_("Every channel")), *titles.items()),
        times=tuple((name, title) for name, (_, title) in _TIMES.items()),
    )
    answer = show(call, visitor, "requests.html", context)
    if not follows:
        return answer
    fresh = ("Refresh", str(_EVERY_S))
    return msgspec.structs.replace(answer, headers=(*answer.headers, fresh))


async def one(call: Call, visitor: Visitor, sent: Form) -> Answer:
    logged = await _logged(call, visitor)
    return show(call, visitor, "request.html", _one(call, logged), sent)


async def try_again(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """What the same call would be answered now, by the person, with nothing left behind."""
    given = sent.read(_Again)
    logged = await _logged(call, visitor)
    shown = _one(call, logged)
    if shown.why_not:
        raise FormRefused({"": shown.why_not})
    tried = await again.tried(call, visitor, logged, given.acts_as)
    return show(call, visitor, "request.html", msgspec.structs.replace(shown, tried=tried), sent)


async def _logged(call: Call, visitor: Visitor) -> RequestInFull:
    name = {"id": call.params["uid"]}
    return await ask(call, visitor, requests.one_request, RequestInFull, path=name)


def _one(call: Call, logged: RequestInFull) -> OneCall:
    titles = {**titles_of(call), "hub": "OrderHub"}
    return OneCall(
        logged=logged,
        title=titles.get(logged.channel, logged.channel),
        path=f"{PATH}/{logged.id}",
        command=_command(call, logged),
        why_not=again.why_not(call, logged),
    )


def _named(text: str) -> dict[str, str]:
    """The filter that a text is meant as."""
    if _ID.fullmatch(text.lower()):
        return {"request_id": text.lower()}
    return {"path" if text.startswith("/") else "reason": text}


def _path(asked: Mapping[str, str], **more: str) -> str:
    given = {name: text for name, text in {**asked, **more}.items() if text}
    return f"{PATH}?{urlencode(given)}" if given else PATH


def _command(call: Call, logged: RequestInFull) -> str:
    """The same call for a shell. What is secret was not kept, and is to be put in."""
    query = f"?{logged.query}" if logged.query else ""
    words = ["-X", logged.method]
    for name, text in logged.request.headers.items():
        if name.lower() not in _NOT_SENT:
            words += ["-H", f"{name}: {text}"]
    if logged.request.body:
        words += ["--data-binary", logged.request.body]
    return curl(f"{call.base_url}{logged.path}{query}", *words)


ROUTES = (
    page(PATH, SCOPE, log),
    page(f"{PATH}/{{uid}}", SCOPE, one),
    form(f"{PATH}/{{uid}}/again", SCOPE, try_again, one),
)
