"""/hub/v1/tenants: who the hub serves, how each does business, and its test clock."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from sqlalchemy.exc import IntegrityError

from orderhub.core.commands import ChangeSettings, SetClock
from orderhub.core.currencies import is_currency
from orderhub.core.facts import Accepted
from orderhub.core.refusals import Reason, Rejected
from orderhub.core.units import CENTURY_S
from orderhub.core.values import Settings
from orderhub.core.zones import UnknownZone, zone_of
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import (
    Answer,
    Call,
    Caller,
    CommandRejected,
    Dialect,
    Route,
    WireFault,
    invalid,
)
from orderhub.ledger.directory import Directory
from orderhub.web.docs.schemas import REF
from orderhub.web.hub_api.access import (
    OPERATOR,
    guarded,
    is_operator,
    lacking,
    origin_in,
    tenant_in_path,
)
from orderhub.web.hub_api.bodies import (
    Body,
    Cursor,
    Moment,
    Name,
    NoSwitches,
    Query,
    body_of,
    converted,
    form,
    instant,
    members_of,
    query_of,
    refuse,
    up_to,
)
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.lists import exports, listed
from orderhub.web.hub_api.shapes import (
    TenantClock,
    TenantSettings,
    clock_shape,
    settings_shape,
)
from orderhub.web.hub_api.shaping import Page, Shape, in_part
from orderhub.web.hub_api.tables import columns_of

MAX_PAGE = 200
TENANT_NAME = "1 to 63 of a-z, 0-9, - and _, begins with a letter or digit, and is not operator"
_NAME = f"(?!{OPERATOR}$)[a-z0-9][a-z0-9_-]{{0,62}}"
# What can be set, when a tenant is made and after.
_SETTINGS = {
    name: kind
    for name, kind in get_type_hints(Settings, include_extras=True).items()
    if name not in ("name", "clock")
}
_CHANGED = {name: kind for name, kind in _SETTINGS.items() if name != "first_order_id"}

Seconds = Annotated[int, msgspec.Meta(ge=-CENTURY_S, le=CENTURY_S)]
# Typed by `settings_models`, since which switches there are the dialects say.
NewSettings = Annotated[
    dict[str, Any], msgspec.Meta(extra_json_schema={"$ref": f"{REF}NewSettings"})
]
ChangedSettings = Annotated[
    dict[str, Any], msgspec.Meta(extra_json_schema={"$ref": f"{REF}ChangedSettings"})
]


def settings_models(dialects: Iterable[Dialect]) -> tuple[type[msgspec.Struct], ...]:
    """`NewSettings` and `ChangedSettings`, with the switches of these dialects."""
    return _settings_models(tuple((d.name, d.data.get("settings", NoSwitches)) for d in dialects))


@cache
def _settings_models(of_dialects: tuple[tuple[str, Any], ...]) -> tuple[type[msgspec.Struct], ...]:
    switches = in_part("DialectSettings", dict(of_dialects), strict=True)
    return tuple(
        in_part(name, {**types, "dialects": switches}, strict=True)
        for name, types in (("NewSettings", _SETTINGS), ("ChangedSettings", _CHANGED))
    )


class ListTenants(Query, frozen=True, kw_only=True):
    limit: Annotated[int, up_to(MAX_PAGE)] = 50
    cursor: Cursor = ""


class TenantInList(Shape, frozen=True, kw_only=True):
    name: str
    title: str | None


class TenantMade(TenantInList, frozen=True, kw_only=True):
    settings: TenantSettings  # type: ignore[valid-type]


class NewTenant(Body, frozen=True, kw_only=True):
    """`settings` as in PATCH …/settings, and `first_order_id`."""

    name: Annotated[Name, form(_NAME, f"is {TENANT_NAME}")]
    title: Name = ""
    settings: NewSettings = msgspec.field(default_factory=dict)


class ClockMove(Body, frozen=True, kw_only=True):
    """freeze and run take `at`; advance takes `by_s` seconds; real gives the test clock up."""

    action: Literal["freeze", "run", "advance", "real"]
    at: Moment | None = None
    by_s: Seconds | None = None


def is_tenant_name(name: str) -> bool:
    """Whether a tenant may be called so: see TENANT_NAME."""
    return re.fullmatch(_NAME, name) is not None


@guarded("settings")
async def list_tenants(call: Call, who: Caller) -> Answer:
    """The tenants that the token reaches, oldest first."""
    given, own = query_of(call, ListTenants), who.tenant_id

    async def ask(cursor: str, limit: int) -> Page[TenantInList]:
        # A tenant's own token reaches that one alone.
        after = max(int(cursor or 0), own - 1)
        found = await call.hub.read(lambda reads: reads.tenants(after, limit + 1))
        reached = [tenant for tenant in found if own in (0, tenant.id)]
        more = str(reached[limit - 1].id) if len(reached) > limit else None
        return Page(items=tuple(map(TenantInList.of, reached[:limit])), next_cursor=more)

    columns = columns_of(TenantInList)
    return await listed(call, "tenants", ask, columns, cursor=given.cursor, limit=given.limit)


@guarded(OPERATOR)
async def create_tenant(call: Call, who: Caller) -> Answer:
    """A new tenant with its settings; its name is part of paths and cannot be changed."""
    assert is_operator(who.credential)
    given = body_of(call, NewTenant)
    settings = _checked(call, given.settings, given.name, _SETTINGS, "settings")

    def add(directory: Directory) -> Answer:
        if directory.tenant_named(given.name) is not None:
            raise _exists(given.name)
        try:
            tenant = directory.new_tenant(given.name, given.title, settings)
        except IntegrityError:
            raise _exists(given.name) from None
        body = TenantMade.of(tenant, settings=settings_shape(settings))
        location = ("Location", f"/hub/v1/tenants/{tenant.name}/settings")
        return Answer(201, encode(body), (location,))

    return await port(call).write_directory(call, who.tenant_id, add)


def _exists(name: str) -> CommandRejected:
    return CommandRejected(Rejected(Reason.ALREADY_EXISTS, "name", f"the tenant {name} exists"))


@guarded("settings")
async def get_settings(call: Call, who: Caller) -> Answer:
    tenant = await tenant_in_path(call, who)
    settings = await call.hub.read(lambda reads: reads.settings(tenant.id))
    return Answer(200, encode(settings_shape(settings)))


@guarded("settings")
async def patch_settings(call: Call, who: Caller) -> Answer:
    """The members given replace the stored ones; `dialects` is merged one level deep.

    Only operators make a sandbox of a tenant, or end one: it has no rate limit, and a time of its own.
    """
    tenant = await tenant_in_path(call, who)
    members = members_of(call)
    changed = _checked(call, members, tenant.name, _CHANGED)
    if members.get("auto_close_s"):
        await refuse_closing(call, tenant.id)
    if "sandbox" in members and not is_operator(who.credential):
        stored = await call.hub.read(lambda reads: reads.settings(tenant.id))
        if changed.sandbox != stored.sandbox:
            raise lacking(OPERATOR)

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode(settings_shape(accepted.result)))

    return await call.respond(
        ChangeSettings(origin=origin_in(call, who, tenant.id), members=members), answer
    )


async def refuse_closing(call: Call, tenant_id: int) -> None:
    """Orders that are only recorded or put on a bill are never paid as such: nothing would ever be closed."""
    found = await call.hub.read(lambda reads: reads.credentials(tenant_id))
    kinds = {each.kind.partition(".")[0] for each in found if each.is_usable(call.received_at)}
    channels = [dialect for dialect in port(call).dialects if dialect.name in kinds]
    if channels and not any(dialect.is_paid for dialect in channels):
        names = " and ".join(dialect.name for dialect in channels)
        raise refuse(
            "auto_close_s", f"orders of {names} are not paid as such: none would be closed"
        )


def _checked(
    call: Call, members: dict[str, Any], name: str, allowed: Iterable[str], prefix: str = ""
) -> Settings:
    unknown = sorted(set(members) - set(allowed))
    if unknown:
        raise invalid(
            *(
                WireFault(
                    f"{prefix}.{each}" if prefix else each,
                    "value",
                    f"{each} is not a setting that can be changed",
                )
                for each in unknown
            )
        )
    _refuse_zone(members, prefix)
    settings = converted({"name": name, **members}, Settings, prefix)
    _refuse_unknown_currencies(settings, prefix)
    channels = {dialect.name: dialect for dialect in port(call).dialects}
    for channel, switches in settings.dialects.items():
        path = ".".join(part for part in (prefix, "dialects", channel) if part)
        if channel not in channels:
            raise refuse(path, f"{path}: the doors are {', '.join(channels)}")
        converted(switches, channels[channel].data.get("settings", NoSwitches), path)
    return settings


def _refuse_zone(members: dict[str, Any], prefix: str) -> None:
    """Raises HTTPFault(INVALID) for a time zone that does not exist, or that is said in two ways."""
    zone, offset = (
        ".".join(part for part in (prefix, name) if part)
        for name in ("time_zone", "utc_offset_minutes")
    )
    if "time_zone" in members and "utc_offset_minutes" in members:
        raise refuse(offset, f"{offset} is the older way to say {zone}: give one of them")
    if isinstance(members.get("time_zone"), str):
        try:
            zone_of(members["time_zone"])
        except UnknownZone as unknown:
            raise refuse(zone, f"{zone}: {unknown}") from None


def _refuse_unknown_currencies(settings: Settings, prefix: str) -> None:
    """Asked where they are written: what an older hub let in must go on being read."""
    said = {"currency": settings.currency}
    said |= {f"currencies[{index}]": each for index, each in enumerate(settings.currencies)}
    for member, code in said.items():
        if not is_currency(code):
            path = f"{prefix}.{member}" if prefix else member
            raise refuse(path, f"{path}: {code} is no currency of ISO 4217 that is in use")


@guarded("clock")
async def get_clock(call: Call, who: Caller) -> Answer:
    tenant = await tenant_in_path(call, who)
    settings = await call.hub.read(lambda reads: reads.settings(tenant.id))
    return Answer(200, encode(clock_shape(settings, call.received_at)))


@guarded("clock")
async def set_clock(call: Call, who: Caller) -> Answer:
    """Freeze, run from an instant, advance, or give up a sandbox's test clock."""
    tenant = await tenant_in_path(call, who)
    given = converted(members_of(call), ClockMove)
    _refuse_unfit(given)
    command = SetClock(
        origin=origin_in(call, who, tenant.id),
        action=given.action,
        at_us=None if given.at is None else instant(given.at, "at"),
        by_us=(given.by_s or 0) * 1_000_000,
    )
    wall = call.received_at

    def answer(accepted: Accepted) -> Answer:
        return Answer(200, encode(clock_shape(accepted.result, wall)))

    return await call.respond(command, answer)


def _refuse_unfit(given: ClockMove) -> None:
    """What does not go with the action may be what was meant, and the action a slip."""
    is_advance = given.action == "advance"
    if is_advance and given.by_s is None:
        raise refuse("by_s", "by_s is required to advance", "missing")
    if given.by_s is not None and not is_advance:
        raise refuse("by_s", f"by_s does not go with {given.action}")
    if given.at is not None and given.action not in ("freeze", "run"):
        raise refuse("at", f"at does not go with {given.action}")


_TENANT = "/hub/v1/tenants/{tenant}"

ROUTES = (
    Route(
        "GET",
        "/hub/v1/tenants",
        list_tenants,
        "Tenants within reach",
        query=ListTenants,
        answers={200: (Page[TenantInList], *exports(TenantInList))},
    ),
    Route(
        "POST",
        "/hub/v1/tenants",
        create_tenant,
        "A new tenant (operators)",
        request=NewTenant,
        answers={201: TenantMade},
        mutates=True,
    ),
    Route(
        "GET",
        f"{_TENANT}/settings",
        get_settings,
        "A tenant's settings",
        answers={200: TenantSettings},
    ),
    Route(
        "PATCH",
        f"{_TENANT}/settings",
        patch_settings,
        "Change settings",
        request=ChangedSettings,
        optional_body=True,
        answers={200: TenantSettings},
        mutates=True,
    ),
    Route("GET", f"{_TENANT}/clock", get_clock, "The tenant's time", answers={200: TenantClock}),
    Route(
        "POST",
        f"{_TENANT}/clock",
        set_clock,
        "Move a test clock",
        request=ClockMove,
        answers={200: TenantClock},
        mutates=True,
    ),
)
