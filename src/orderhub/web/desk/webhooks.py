"""Where events are sent: made, changed, tried out, sent again, and what became of each. The rules are the API's."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec

from orderhub.core.deliveries import STATES
from orderhub.core.feed import KINDS
from orderhub.core.zones import zone_of
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.forms import Form, FormRefused
from orderhub.web.desk.inner import ask, file, tell, wanted
from orderhub.web.desk.language import N_
from orderhub.web.desk.orders import Pages, titles_of
from orderhub.web.desk.page import Visitor, form, go, page, show
from orderhub.web.desk.refusals import unanswered
from orderhub.web.hub_api import webhook_deliveries, webhooks
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.shaping import Page
from orderhub.web.hub_api.webhook_deliveries import Attempt, DeliveryShown, ReplayBegun
from orderhub.web.hub_api.webhooks import SCOPE, WebhookShownOnce, WebhookStanding, webhook_named

PATH = "/desk/webhooks"
_PAGE = "50"
_CURSOR = re.compile("[0-9]{1,18}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?")
_STATES: tuple[tuple[str, str], ...] = (
    ("", N_("Every delivery")),
    ("waiting", N_("waiting")),
    ("sent", N_("sent")),
    ("dropped", N_("given up")),
)
STATE_TITLES = dict(_STATES)

Text = Annotated[str, msgspec.Meta(max_length=2_000)]


class _New(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of kinds or channels = all of them; `options` a line `name=value` each."""

    url: Text
    title: Text = ""
    format: Text = "hub"
    kinds: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    options: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    url: Text
    title: Text = ""
    kinds: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    options: Annotated[str, msgspec.Meta(max_length=10_000)] = ""
    enabled: bool = False


class _Version(msgspec.Struct, frozen=True):
    version: int


class _Replay(msgspec.Struct, frozen=True, kw_only=True):
    """One event by its name, or those of a stretch: times of the tenant's zone."""

    event: Text = ""
    since: Text = ""
    until: Text = ""


class Webhooks(msgspec.Struct, frozen=True, kw_only=True):
    """`channels` as (name, title)."""

    rows: tuple[WebhookStanding, ...]
    kinds: tuple[str, ...]
    channels: tuple[tuple[str, str], ...]
    formats: tuple[tuple[str, str], ...]


class OneWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """`options` a line `name=value` each."""

    webhook: WebhookStanding
    version: int
    path: str
    deliveries: tuple[DeliveryShown, ...]
    pages: Pages
    state: str
    states: tuple[tuple[str, str], ...]
    state_titles: dict[str, str]
    kinds: tuple[str, ...]
    channels: tuple[tuple[str, str], ...]
    options: str


class Secret(msgspec.Struct, frozen=True):
    """What is shown once."""

    path: str
    name: str
    secret: str


async def every(call: Call, visitor: Visitor, sent: Form) -> Answer:
    if media := wanted(call):
        return await file(call, visitor, webhooks.list_webhooks, media)
    most = {"limit": str(webhooks.MAX_PAGE)}
    found = await ask(call, visitor, webhooks.list_webhooks, Page[WebhookStanding], query=most)
    titles = titles_of(call)
    context = Webhooks(
        rows=found.items,
        kinds=KINDS,
        channels=tuple(titles.items()),
        formats=tuple((name, titles.get(name, "OrderHub")) for name in port(call).formats),
    )
    return show(call, visitor, "webhooks.html", context, sent)


async def make(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given = sent.read(_New)
    body = {
        "url": given.url,
        "title": given.title,
        "format": given.format,
        "kinds": given.kinds,
        "channels": given.channels,
        "options": _options(given.options),
    }
    made = await ask(call, visitor, webhooks.create_webhook, WebhookShownOnce, body=body)
    return _secret(call, visitor, made)


async def one(call: Call, visitor: Visitor, sent: Form) -> Answer:
    name, tenant_id = {"id": call.params["uid"]}, visitor.at.id
    webhook = await ask(call, visitor, webhooks.get_webhook, WebhookStanding, path=name)
    stored = await call.hub.read(lambda reads: webhook_named(reads, tenant_id, webhook.id))
    state, cursor = call.query.get("state", ""), call.query.get("after", "")
    state = state if state in STATES else ""
    cursor = cursor if _CURSOR.fullmatch(cursor) else ""
    if media := wanted(call):
        operation, filters = webhook_deliveries.list_deliveries, {"state": state}
        return await file(call, visitor, operation, media, path=name, query=filters)
    query = {"state": state, "cursor": cursor, "limit": _PAGE}
    found = await ask(
        call,
        visitor,
        webhook_deliveries.list_deliveries,
        Page[DeliveryShown],
        path=name,
        query=query,
    )
    path = f"{PATH}/{webhook.id}"
    more = urlencode({"state": state, "after": found.next_cursor or ""})
    context = OneWebhook(
        webhook=webhook,
        version=stored.version,
        path=path,
        deliveries=found.items,
        pages=Pages(
            newest=f"{path}?{urlencode({'state': state})}" if cursor else "",
            older=f"{path}?{more}" if found.next_cursor else "",
        ),
        state=state,
        states=_STATES,
        state_titles=STATE_TITLES,
        kinds=KINDS,
        channels=tuple(titles_of(call).items()),
        options="\n".join(f"{key}={value}" for key, value in webhook.options.items()),
    )
    return show(call, visitor, "webhook.html", context, sent)


async def change(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given = sent.read(_Change)
    members: dict[str, Any] = {
        "url": given.url,
        "title": given.title,
        "kinds": given.kinds,
        "channels": given.channels,
        "options": _options(given.options),
        "enabled": given.enabled,
    }
    name = {"id": call.params["uid"]}
    await tell(
        call, visitor, webhooks.change_webhook, path=name, body=members, version=given.version
    )
    return _back(call, visitor, N_("Saved."))


async def remove(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given, name = sent.read(_Version), {"id": call.params["uid"]}
    await tell(call, visitor, webhooks.delete_webhook, path=name, version=given.version)
    return go(call, PATH, done=visitor.say(N_("The webhook is deleted.")))


async def rotate(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    name = {"id": call.params["uid"]}
    turned = await ask(call, visitor, webhooks.rotate_secret, WebhookShownOnce, path=name)
    return _secret(call, visitor, turned)


async def test(call: Call, visitor: Visitor, _sent: Form) -> Answer:
    """A message of its own kind, now and once."""
    name = {"id": call.params["uid"]}
    tried = await ask(call, visitor, webhook_deliveries.send_test, Attempt, path=name)
    if tried.status is None:
        why = unanswered(visitor.language, tried.error or "")
        return _back(call, visitor, N_("Nobody answered: %(error)s"), error=why)
    return _back(call, visitor, N_("The receiver answered %(status)s."), status=tried.status)


async def replay(call: Call, visitor: Visitor, sent: Form) -> Answer:
    given, name = sent.read(_Replay), {"id": call.params["uid"]}
    body: dict[str, Any] = {"events": [given.event]} if given.event else {}
    if given.since:
        body["from"] = _moment(visitor, "since", given.since)
    if given.until:
        body["to"] = _moment(visitor, "until", given.until)
    if not body:
        raise FormRefused({"since": N_("This is needed.")})
    await ask(call, visitor, webhook_deliveries.replay, ReplayBegun, path=name, body=body)
    return _back(call, visitor, N_("It is sent again."))


def _moment(visitor: Visitor, member: str, text: str) -> str:
    """As a browser sends a time of the tenant's zone."""
    assert visitor.settings is not None
    try:
        at = datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "")
    except ValueError:
        raise FormRefused({member: N_("This cannot be taken.")}) from None
    return at.replace(tzinfo=zone_of(visitor.settings.time_zone)).isoformat()


def _options(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line.strip())
    found = {name.strip(): value.strip() for name, equals, value in pairs if equals}
    if len(found) != sum(1 for line in text.splitlines() if line.strip()):
        raise FormRefused({"options": N_("Write a line name=value for each.")})
    return found


def _secret(call: Call, visitor: Visitor, made: WebhookShownOnce) -> Answer:
    path, name = f"{PATH}/{made.id}", made.title or made.url
    if isinstance(made.secret, msgspec.UnsetType):
        return go(call, path, done=visitor.say(N_("Saved.")))
    return show(call, visitor, "webhook_secret.html", Secret(path, name, made.secret))


def _back(call: Call, visitor: Visitor, text: str, **values: Any) -> Answer:
    return go(call, f"{PATH}/{call.params['uid']}", done=visitor.say(text, **values))


ROUTES = (
    page(PATH, SCOPE, every),
    form(PATH, SCOPE, make, every),
    page(f"{PATH}/{{uid}}", SCOPE, one),
    form(f"{PATH}/{{uid}}", SCOPE, change, one),
    form(f"{PATH}/{{uid}}/delete", SCOPE, remove, one),
    form(f"{PATH}/{{uid}}/rotate", SCOPE, rotate, one),
    form(f"{PATH}/{{uid}}/test", SCOPE, test, one),
    form(f"{PATH}/{{uid}}/replay", SCOPE, replay, one),
)
