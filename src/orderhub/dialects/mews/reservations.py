"""Reservations: stays that were made elsewhere, so that a point of sale finds whom it charges."""

from __future__ import annotations

from typing import Any

from orderhub.core.accounts import Enterprise, Reservation, ReservationState
from orderhub.core.facts import Record
from orderhub.core.queries import Reads
from orderhub.dialects.contract import Answer
from orderhub.dialects.mews.access import Properties, Session
from orderhub.dialects.mews.configuration import listed_page, times_of
from orderhub.dialects.mews.paging import RecordList, Window, choices, is_within, lowered, window
from orderhub.dialects.mews.show import NO_CHECK_IN, profile
from orderhub.dialects.mews.times import utc
from orderhub.dialects.mews.wire import GetReservations

STATES = {state.value.capitalize(): state for state in ReservationState}
# Those that the vendor has besides, of which there are none here.
_OTHER_STATES = ("Inquired", "Enquired", "Requested", "Optional")
# What nobody says of a stay that was made elsewhere.
_UNSAID = (
    "CommanderOrigin",
    "OriginDetails",
    "VoucherId",
    "BusinessSegmentId",
    "CreditCardId",
    "AssignedResourceId",
    "AvailabilityBlockId",
    "PartnerCompanyId",
    "TravelAgencyId",
    "ChannelNumber",
    "ChannelManagerNumber",
    "ChannelManagerGroupNumber",
    "ChannelManager",
    "CancellationReason",
    "CancelledUtc",
    "ReleasedUtc",
    "Purpose",
    "QrCodeData",
)


async def get_reservations(session: Session, body: GetReservations) -> Answer:
    services = frozenset(lowered(body.ServiceIds))
    accounts = frozenset(lowered(body.AccountIds))
    numbers = frozenset(body.Numbers or ())
    chosen = choices(body.States, "States", (*STATES, *_OTHER_STATES))
    states = {STATES[name] for name in chosen if name in STATES}
    starts = window(body.ScheduledStartUtc, "ScheduledStartUtc")
    ends = window(body.ScheduledEndUtc, "ScheduledEndUtc")
    colliding = window(body.CollidingUtc, "CollidingUtc")
    actual_starts = window(body.ActualStartUtc, "ActualStartUtc")
    actual_ends = window(body.ActualEndUtc, "ActualEndUtc")
    said = {
        name: frozenset(map(str.lower, asked))
        for name, asked in (
            ("GroupId", body.ReservationGroupIds),
            ("AssignedResourceId", body.AssignedResourceIds),
            ("ChannelNumber", body.ChannelNumbers),
            ("PartnerCompanyId", body.PartnerCompanyIds),
            ("TravelAgencyId", body.TravelAgencyIds),
            ("AvailabilityBlockId", body.AvailabilityBlockIds),
        )
        if asked
    }
    created = window(body.CreatedUtc, "CreatedUtc")
    updated = window(body.UpdatedUtc, "UpdatedUtc")

    def keep(stay: Reservation) -> bool:
        return (
            (not services or stay.service in services)
            and (not accounts or stay.account in accounts)
            and (not numbers or stay.number in numbers)
            and (not chosen or stay.state in states)
            and is_within(stay.starts_at, starts)
            and is_within(stay.ends_at, ends)
            and is_within(_began(stay), actual_starts)
            and is_within(_ended(stay), actual_ends)
            and _collides(stay, colliding)
            and all(_said(stay, name) in asked for name, asked in said.items())
        )

    def sift(reads: Reads, records: Any) -> list[Record]:
        properties = Properties(reads)
        found = []
        for record in records:
            times = times_of(record.doc.data, properties.of(record.tenant_id))
            if is_within(times[0], created) and is_within(times[1], updated):
                found.append(record)
        return found

    def show(_reads: Reads, properties: Properties, record: Record) -> dict[str, Any]:
        return shown_reservation(record.doc, properties.of(record.tenant_id))

    listed = RecordList.named("reservation", lowered(body.ReservationIds), keep=keep, sift=sift)
    return await listed_page(session, listed, body.Limitation, "Reservations", show)


def _collides(stay: Reservation, within: Window | None) -> bool:
    return within is None or (stay.starts_at < within[1] and stay.ends_at > within[0])


def _began(stay: Reservation) -> int | None:
    """When the guest came; None: not yet."""
    has_begun = stay.state in (ReservationState.STARTED, ReservationState.PROCESSED)
    return stay.starts_at if has_begun else None


def _ended(stay: Reservation) -> int | None:
    """When the guest left; None: not yet."""
    return stay.ends_at if stay.state is ReservationState.PROCESSED else None


def _said(stay: Reservation, name: str) -> str:
    """What a member of the shown reservation is, in lower case, where somebody said it; a group is its own stay."""
    value = stay.data.get(name, stay.uid if name == "GroupId" else None)
    return str(value).lower() if value is not None else ""


def shown_reservation(stay: Reservation, enterprise: Enterprise) -> dict[str, Any]:
    """A stay as the vendor has it. `data` says what else is known: `RateId`, `AssignedResourceId` ..."""
    created, updated = times_of(stay.data, enterprise)
    start, end = utc(stay.starts_at), utc(stay.ends_at)
    began, ended = _began(stay), _ended(stay)
    return {
        "Id": stay.uid,
        # The vendor's clients break without these: what nobody said has an id that no other list has.
        "ServiceId": stay.service or profile("reservation service"),
        "AccountId": stay.account or profile("reservation account"),
        "CreatorProfileId": profile("operator"),
        "UpdaterProfileId": profile("operator"),
        "AccountType": "Customer",
        **dict.fromkeys(_UNSAID),
        "BookerId": stay.account or None,
        "Number": stay.number or str(stay.id),
        "State": stay.state.value.capitalize(),
        "Origin": "Connector",
        "CreatedUtc": utc(created),
        "UpdatedUtc": utc(updated),
        "Options": NO_CHECK_IN,
        "RateId": profile("reservation rate"),
        "GroupId": stay.uid,
        "RequestedResourceCategoryId": profile("reservation category"),
        "AssignedResourceLocked": False,
        "StartUtc": start,
        "EndUtc": end,
        "ScheduledStartUtc": start,
        "ScheduledEndUtc": end,
        "ActualStartUtc": None if began is None else utc(began),
        "ActualEndUtc": None if ended is None else utc(ended),
        "PersonCounts": [],
        **{name: value for name, value in stay.data.items() if name in _SAID},
    }


_SAID = frozenset((*_UNSAID, "RateId", "GroupId", "RequestedResourceCategoryId", "PersonCounts"))
