"""How the tenant does business: what an owner may change in a form. Whatever else there is, the API changes."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from orderhub.core.commands import ChangeSettings
from orderhub.core.values import Settings
from orderhub.core.zones import UnknownZone, zone_of
from orderhub.dialects.contract import Answer, Call
from orderhub.web.desk.forms import Form, FormRefused, stamp
from orderhub.web.desk.language import N_
from orderhub.web.desk.page import Visitor, do, form, go, origin, page, show
from orderhub.web.hub_api.tenants import refuse_closing

_PATH = "/desk/settings"
_CENTURY_H = 876_000
_HOUR_S = 3_600

Hours = Annotated[int, msgspec.Meta(ge=0, le=_CENTURY_H)]


class _Change(msgspec.Struct, frozen=True):
    """Nothing said of a time = never."""

    time_zone: str
    split_strategy: str = "fewest-parcels"
    auto_close_h: Hours = 0
    auto_finish_h: Hours = 0


class Business(msgspec.Struct, frozen=True, kw_only=True):
    """`split_strategies` as (name, title); `version` of what the form shows."""

    settings: Settings
    version: str
    split_strategies: tuple[tuple[str, str], ...]
    auto_close_h: int
    auto_finish_h: int


_SPLITS = (
    ("fewest-parcels", N_("As few parcels as can be")),
    ("nearest-first", N_("The nearest warehouse first")),
)


async def settings(call: Call, visitor: Visitor, sent: Form) -> Answer:
    known = visitor.settings
    assert known is not None
    shown = Business(
        settings=known,
        version=_version(known),
        split_strategies=_SPLITS,
        auto_close_h=known.auto_close_s // _HOUR_S,
        auto_finish_h=known.auto_finish_s // _HOUR_S,
    )
    return show(call, visitor, "settings.html", shown, sent)


async def change(call: Call, visitor: Visitor, sent: Form) -> Answer:
    """A command like any other: it is in the books who did it."""
    given, known = sent.read(_Change), visitor.settings
    assert known is not None
    sent.refuse_unless_of(_version(known))
    try:
        zone_of(given.time_zone)
    except UnknownZone:
        raise FormRefused({"time_zone": N_("There is no such time zone.")}) from None
    if given.split_strategy not in dict(_SPLITS):
        raise FormRefused({"split_strategy": N_("This cannot be taken.")})
    # What was not touched is not written: somebody else may be at it.
    members: dict[str, Any] = {
        **_unless("time_zone", known.time_zone, given.time_zone),
        **_unless("split_strategy", known.split_strategy, given.split_strategy),
        # A time that is no whole hour stays what it is unless another is said.
        **_seconds("auto_close_s", known.auto_close_s, given.auto_close_h),
        **_seconds("auto_finish_s", known.auto_finish_s, given.auto_finish_h),
    }
    if members.get("auto_close_s"):
        await refuse_closing(call, visitor.at.id)
    saved = go(call, _PATH, done=visitor.say(N_("Saved.")))
    if not members:
        return saved
    command = ChangeSettings(origin=origin(call, visitor), members=members)
    return await do(call, command, lambda _: saved)


def _version(known: Settings) -> str:
    return stamp(known.time_zone, known.split_strategy, known.auto_close_s, known.auto_finish_s)


def _unless(name: str, known: str, given: str) -> dict[str, str]:
    return {} if given == known else {name: given}


def _seconds(name: str, known_s: int, hours: int) -> dict[str, int]:
    return {} if hours == known_s // _HOUR_S else {name: hours * _HOUR_S}


ROUTES = (
    page(_PATH, "settings", settings),
    form(_PATH, "settings", change, settings),
)
