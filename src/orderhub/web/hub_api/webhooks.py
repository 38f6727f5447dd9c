"""/hub/v1/webhooks: where a tenant's events are sent, and which of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

import msgspec

from orderhub.core.commands import PutRecords, RecordChange
from orderhub.core.facts import Accepted, Record
from orderhub.core.feed import KINDS
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.webhooks import HUB_FORMAT, RECORD_KIND, Webhook, WebhookSecret
from orderhub.delivery.feed import END, CursorUnknown, page
from orderhub.delivery.signing import new_secret
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    Route,
    WireFault,
    invalid,
)
from orderhub.web.hub_api.access import guarded, origin_in, tenant_id_asked
from orderhub.web.hub_api.bodies import (
    Body,
    Cursor,
    DialectName,
    IfMatch,
    Name,
    Query,
    body_of,
    converted,
    if_match,
    query_of,
    refuse,
    up_to,
)
from orderhub.web.hub_api.events import FeedEvent
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shapes import OrderTold
from orderhub.web.hub_api.shaping import Instant, Page, Shape, exact_instant
from orderhub.web.hub_api.tables import columns_of

SCOPE = "webhooks"
# Each reads the feed by itself; a tenant that wants more of them wants a fan-out behind one.
MOST_WEBHOOKS = 50
MAX_PAGE = 200
OLD_SECRET_US = 86_400 * 1_000_000
# They all sign while they are valid, and a head has its limits.
MOST_SECRETS = 10
_TRIES = 5
# Members of a change that are stored as they come.
_PLAIN = ("url", "title", "kinds", "channels", "options")

Url = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=2_000,
        description="https; other addresses than public ones are the operator's to allow",
        extra_json_schema={"format": "uri"},
    ),
]
Kinds = Annotated[
    tuple[str, ...],
    msgspec.Meta(
        max_length=len(KINDS),
        description="empty = all",
        extra_json_schema={"items": {"type": "string", "enum": [*KINDS]}},
    ),
]
Channels = Annotated[
    tuple[DialectName, ...],
    msgspec.Meta(
        max_length=50,
        description="only events of orders that came by these doors; empty = all, and those of no order",
    ),
]
Options = Annotated[dict[str, str], msgspec.Meta(description="what the format needs to know")]


class OfTenant(Query, frozen=True, kw_only=True):
    tenant: Annotated[str, msgspec.Meta(description="an operator says whose webhook")] = ""


class ListWebhooks(OfTenant, frozen=True, kw_only=True):
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Cursor = ""


class NewWebhook(Body, frozen=True, kw_only=True):
    """Events from now on, unless `after` says behind which cursor of the feed; an empty one is its beginning."""

    url: Url
    title: Name = ""
    kinds: Kinds = ()
    channels: Channels = ()
    format: Name = HUB_FORMAT
    options: Options = msgspec.field(default_factory=dict)
    enabled: bool = True
    after: Annotated[str, msgspec.Meta(max_length=2_000)] = END


class WebhookChange(Body, frozen=True, kw_only=True):
    """The members given replace the stored ones. What was switched off goes on where it was once it is enabled."""

    url: Url | None = None
    title: Name | None = None
    kinds: Kinds | None = None
    channels: Channels | None = None
    options: Options | None = None
    enabled: bool | None = None


class WebhookShown(Shape, frozen=True, kw_only=True):
    """A webhook. What the hub switched off says why, `gone` (a 410) or `failing`, and since when."""

    id: str
    url: str
    title: str | None
    kinds: tuple[str, ...]
    channels: tuple[str, ...]
    format: str
    options: dict[str, str]
    enabled: bool
    disabled_reason: str | None
    disabled_at: Instant | None
    created_at: Instant
    old_secret_until: Annotated[
        Instant | None, msgspec.Meta(description="until when a rotated secret signs too")
    ]


class WebhookStanding(WebhookShown, frozen=True, kw_only=True):
    """A webhook and how far it is.

    behind         events of the feed that it has not been read up to; not all of them need be for it
    waiting        deliveries that failed, or wait behind one that did
    replays        stretches of time that are still being sent again
    failing_since  since when nothing but failures came of it
    """

    cursor: Annotated[
        str,
        msgspec.Meta(description="of the feed: what is before it was sent, or waits in a delivery"),
    ]
    behind: int
    waiting: int
    replays: int
    failing_since: Instant | None


class WebhookShownOnce(WebhookShown, frozen=True, kw_only=True):
    """A webhook with the secret that its messages are signed with."""

    secret: (
        Annotated[str, msgspec.Meta(description="in this answer and in no other")]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class WhatIsTold(Shape, frozen=True, kw_only=True):
    """The event, and its order as it stood when the message was made; null = it is of none."""

    event: FeedEvent
    order: OrderTold | None


class WebhookMessage(Shape, frozen=True, kw_only=True):
    """What is posted. `type` is the event's kind, `timestamp` when the event was recorded."""

    type: str
    timestamp: Instant
    data: WhatIsTold


@guarded(SCOPE)
async def list_webhooks(call: Call, who: Caller) -> Answer:
    """In the order in which they were made, each with how far it is."""
    given = query_of(call, ListWebhooks)
    tenant_id = await tenant_id_asked(call, who, given.tenant, "webhooks")

    async def ask(cursor: str, limit: int) -> Page[WebhookStanding]:
        sought = RecordQuery(
            tenant_id=tenant_id, kind=RECORD_KIND, after_id=int(cursor or 0), limit=limit + 1
        )

        def look(reads: Reads) -> tuple[tuple[WebhookStanding, ...], str | None]:
            found = reads.records(sought)
            more = str(found[limit - 1].id) if len(found) > limit else None
            return tuple(_standing(call, reads, each) for each in found[:limit]), more

        items, more = await call.hub.read(look)
        return Page(items=items, next_cursor=more)

    columns = columns_of(WebhookStanding)
    return await listed(call, "webhooks", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded(SCOPE)
async def get_webhook(call: Call, who: Caller) -> Answer:
    """One webhook, never with its secret."""
    tenant_id = await tenant_id_of(call, who)

    def look(reads: Reads) -> tuple[WebhookStanding, int]:
        found = webhook_named(reads, tenant_id, call.params["id"])
        return _standing(call, reads, found), found.version

    shown, version = await call.hub.read(look)
    return Answer(200, encode(shown), (_etag(version),))


@guarded(SCOPE)
async def create_webhook(call: Call, who: Caller) -> Answer:
    """A new webhook. The secret that its messages are signed with is in this answer and in no other."""
    tenant_id = await tenant_id_of(call, who)
    given = body_of(call, NewWebhook)
    formats = port(call).formats
    if given.format not in formats:
        raise refuse("format", f"format is one of {', '.join(formats)}")
    wanted = Webhook(
        url=given.url,
        title=given.title,
        kinds=given.kinds,
        channels=given.channels,
        format=given.format,
        options=given.options,
        is_enabled=given.enabled,
        created_at=call.received_at,
    )
    await _refuse_misfit(call, tenant_id, wanted)
    wanted = msgspec.structs.replace(wanted, begins=await _begins(call, tenant_id, given.after))
    secret = new_secret() if formats[given.format].terms.is_signed else ""
    if secret:
        kept = WebhookSecret(text=_encrypted(call, secret))
        wanted = msgspec.structs.replace(wanted, secrets=(kept,))
    command = PutRecords(
        origin=origin_in(call, who, tenant_id),
        changes=(RecordChange(kind=RECORD_KIND, doc=wanted),),
    )

    def answer(accepted: Accepted) -> Answer:
        (made,) = accepted.result
        location = ("Location", f"{_ALL}/{made.uid}")
        return _shown(call, made, 201, secret, location)

    return await call.respond(command, answer, secret_answer=True)


@guarded(SCOPE)
async def change_webhook(call: Call, who: Caller) -> Answer:
    """Another address, other events, on or off. `If-Match` with its version guards against a lost update (412)."""
    tenant_id = await tenant_id_of(call, who)
    found = await _found(call, tenant_id)
    given = body_of(call, WebhookChange)
    said = {name: getattr(given, name) for name in _PLAIN}
    members: dict[str, Any] = {name: each for name, each in said.items() if each is not None}
    if found is not None:
        wanted = msgspec.structs.replace(found.doc, **members)
        await _refuse_misfit(call, tenant_id, wanted, {*members})
    if given.enabled is not None:
        members["is_enabled"] = given.enabled
    if given.enabled:
        members |= {"off_why": "", "off_at": 0}

    def answer(accepted: Accepted) -> Answer:
        (after,) = accepted.result
        return _shown(call, after, 200)

    return await call.respond(_command(call, who, tenant_id, found, members), answer)


@guarded(SCOPE)
async def delete_webhook(call: Call, who: Caller) -> Answer:
    """Nothing more is sent, and what was is no longer listed."""
    tenant_id = await tenant_id_of(call, who)
    found = await _found(call, tenant_id)
    command = _command(call, who, tenant_id, found, None)
    return await call.respond(command, lambda _accepted: Answer(204, b""))


@guarded(SCOPE)
async def rotate_secret(call: Call, who: Caller) -> Answer:
    """A new secret. For 24 hours messages bear a signature of the old one too, so that no receiver misses any."""
    tenant_id, name = await tenant_id_of(call, who), call.params["id"]
    secret = new_secret()
    kept = WebhookSecret(text=_encrypted(call, secret))

    def answer(accepted: Accepted) -> Answer:
        (after,) = accepted.result
        return _shown(call, after, 200, secret)

    tries = _TRIES
    while True:
        found = await call.hub.read(lambda reads: webhook_named(reads, tenant_id, name))
        members = {"secrets": (kept, *_still_signing(found.doc, call.received_at))}
        command = _command(call, who, tenant_id, found, members, found.version)
        outcome = await call.submit(command, answer, secret_answer=True)
        tries -= 1
        # Two that rotate at once make two secrets, one after the other.
        is_stale = outcome.rejected and outcome.rejected.reason is Reason.VERSION_CONFLICT
        if not is_stale or not tries:
            return outcome.answer


def _still_signing(webhook: Webhook, now_us: int) -> tuple[WebhookSecret, ...]:
    """Its secrets that a new one joins, each with its end. Raises HTTPFault or CommandRejected where none may."""
    if not webhook.secrets:
        raise refuse("format", f"messages in the form of {webhook.format} bear no signature")
    ends = now_us + OLD_SECRET_US
    old = tuple(
        msgspec.structs.replace(each, until_us=each.until_us or ends)
        for each in webhook.secrets
        if not each.until_us or each.until_us > now_us
    )
    if len(old) >= MOST_SECRETS:
        why = f"{MOST_SECRETS} secrets are valid by now: the oldest ends 24 hours after it was rotated"
        raise CommandRejected(Rejected(Reason.TRANSITION_NOT_ALLOWED, "secret", why))
    return old


async def tenant_id_of(call: Call, who: Caller) -> int:
    """The tenant whose webhook is meant."""
    return await tenant_id_asked(call, who, query_of(call, OfTenant).tenant, "webhook")


async def _found(call: Call, tenant_id: int) -> Record | None:
    """The webhook of the path. None is for the command to refuse: a repeat of one that was done is no refusal."""
    name = call.params["id"].lower()
    return await call.hub.read(lambda reads: reads.record(tenant_id, RECORD_KIND, "uid", name))


def _command(
    call: Call,
    who: Caller,
    tenant_id: int,
    found: Record | None,
    members: dict[str, Any] | None,
    if_version: int | None = None,
) -> PutRecords:
    """These members in the place of the stored ones and no other touched; None = it is deleted."""
    changes: tuple[RecordChange, ...] = ()
    if found is not None:
        change = RecordChange(
            kind=RECORD_KIND,
            id=found.id,
            if_version=if_match(call) if if_version is None else if_version,
            members=None if members is None else msgspec.to_builtins(members),
        )
        changes = (change,)
    return PutRecords(
        origin=origin_in(call, who, tenant_id),
        changes=changes,
        exists=((RECORD_KIND, "uid", call.params["id"].lower()),),
        once=True,
    )


# --- checks


def webhook_named(reads: Reads, tenant_id: int, name: str) -> Record:
    """The tenant's webhook of that id. Raises CommandRejected; another tenant's is as unknown as any."""
    found = reads.record(tenant_id, RECORD_KIND, "uid", name.lower())
    if found is None:
        raise CommandRejected(Rejected(Reason.RECORD_UNKNOWN, "id", f"no webhook {name[:40]}"))
    return found


async def _refuse_misfit(
    call: Call, tenant_id: int, wanted: Webhook, said: Collection[str] = _PLAIN
) -> None:
    """Raises HTTPFault(INVALID) with everything that is wrong with what is said of a webhook."""
    faults = [
        WireFault(
            f"kinds[{index}]", "value", f"kinds[{index}]: {kind} is none of {', '.join(KINDS)}"
        )
        for index, kind in enumerate(wanted.kinds)
        if kind not in KINDS
    ]
    doors = [each.name for each in port(call).dialects]
    faults += [
        WireFault(
            f"channels[{index}]",
            "value",
            f"channels[{index}]: {door} is none of {', '.join(doors)}",
        )
        for index, door in enumerate(wanted.channels)
        if door not in doors
    ]
    if "url" in said and (refused := await port(call).refusal_of_target(tenant_id, wanted.url)):
        faults.append(WireFault("url", "value", f"url {refused}"))
    if faults:
        raise invalid(*faults)
    if "options" in said:
        _refuse_options(call, wanted)


def _refuse_options(call: Call, wanted: Webhook) -> None:
    """Raises HTTPFault(INVALID) for what the format cannot read."""
    models = {each.name: each.webhook_options for each in port(call).dialects}
    model = models.get(wanted.format)
    if model is not None:
        converted(wanted.options, model, "options")
    elif wanted.options:
        name = next(iter(wanted.options))
        raise refuse(f"options.{name}", f"options.{name}: the format {wanted.format} reads none")


async def _begins(call: Call, tenant_id: int, after: str) -> str:
    """The cursor behind which it begins, once for all."""

    def look(reads: Reads) -> tuple[str, int]:
        cursor = after if after != END else page(reads, tenant_id, END, 1).next_cursor
        page(reads, tenant_id, cursor, 1)  # raises for what is none
        have = reads.count_records(RecordQuery(tenant_id=tenant_id, kind=RECORD_KIND))
        return cursor, have

    try:
        cursor, have = await call.hub.read(look)
    except CursorUnknown as unknown:
        raise refuse("after", f"after {unknown}") from None
    if have >= MOST_WEBHOOKS:
        why = f"a tenant has at most {MOST_WEBHOOKS} webhooks"
        raise CommandRejected(Rejected(Reason.TRANSITION_NOT_ALLOWED, "", why))
    return cursor


def _encrypted(call: Call, secret: str) -> str:
    try:
        return call.hub.cipher.encrypt(secret)
    except ValueError as error:
        raise refuse("secret", str(error)) from None


# --- shapes


def _members(call: Call, record: Record) -> dict[str, Any]:
    webhook: Webhook = record.doc
    until = max((each.until_us for each in webhook.secrets), default=0)
    return {
        "id": record.uid,
        "enabled": webhook.is_enabled,
        "disabled_reason": webhook.off_why or None,
        "disabled_at": exact_instant(webhook.off_at) if webhook.off_at else None,
        "old_secret_until": exact_instant(until) if until > call.received_at else None,
    }


def _shown(
    call: Call, record: Record, status: int, secret: str = "", *headers: tuple[str, str]
) -> Answer:
    """A dry run makes no secret that would sign anything, and shows none."""
    once = {"secret": secret} if secret and not call.is_dry_run else {}
    body = WebhookShownOnce.of(record.doc, **_members(call, record), **once)
    return Answer(status, encode(body), (_etag(record.version), *headers))


def _standing(call: Call, reads: Reads, record: Record) -> WebhookStanding:
    found = reads.webhook_standing(record.tenant_id, record.id)
    since = found.state.failing_since
    return WebhookStanding.of(
        record.doc,
        **_members(call, record),
        cursor=found.state.cursor or record.doc.begins,
        behind=found.behind,
        waiting=found.waiting,
        replays=found.replays,
        failing_since=exact_instant(since) if since else None,
    )


def _etag(version: int) -> tuple[str, str]:
    return ("ETag", f'"{version}"')


_ALL = "/hub/v1/webhooks"
ONE = f"{_ALL}/{{id}}"

ROUTES = (
    Route(
        "GET",
        _ALL,
        list_webhooks,
        "Webhooks, and how far each is",
        query=ListWebhooks,
        answers={200: (Page[WebhookStanding], *exports(WebhookStanding))},
    ),
    Route(
        "POST",
        _ALL,
        create_webhook,
        "A new webhook",
        query=OfTenant,
        request=NewWebhook,
        answers={201: WebhookShownOnce},
        mutates=True,
        idempotency_key=False,
    ),
    Route("GET", ONE, get_webhook, "One webhook", query=OfTenant, answers={200: WebhookStanding}),
    Route(
        "PATCH",
        ONE,
        change_webhook,
        "Change a webhook, switch it off or on",
        query=OfTenant,
        headers=IfMatch,
        request=WebhookChange,
        optional_body=True,
        answers={200: WebhookShown},
        mutates=True,
    ),
    Route(
        "DELETE",
        ONE,
        delete_webhook,
        "Delete a webhook",
        query=OfTenant,
        headers=IfMatch,
        answers={204: None},
        mutates=True,
    ),
    Route(
        "POST",
        f"{ONE}/rotate",
        rotate_secret,
        "A new secret, beside the old one for a day",
        query=OfTenant,
        answers={200: WebhookShownOnce},
        mutates=True,
        idempotency_key=False,
    ),
)
