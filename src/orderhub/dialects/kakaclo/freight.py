"""What sending would cost: three calls of three ages over one table of rates."""

from __future__ import annotations

from functools import partial
from typing import Any

from orderhub.core import parcels
from orderhub.core.commands import PlaceOrder
from orderhub.core.facts import Facts, PoolLoad, Record, RecordKey
from orderhub.core.freight_quotes import Quote, as_split, from_warehouse
from orderhub.core.money import plain
from orderhub.core.parcels import Dropship, Item
from orderhub.core.queries import Reads, RecordQuery
from orderhub.core.refusals import Rejected
from orderhub.core.values import Address, Settings
from orderhub.dialects.codec import decode_object
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected
from orderhub.dialects.kakaclo.access import caller_of, success
from orderhub.dialects.kakaclo.wire import BODY, DraftFreightQuestion, FreightQuestion
from orderhub.dialects.kakaclo.words import QUOTE_FIELDS, V1_QUOTE_FIELDS
from orderhub.dialects.spelling import spelled

_MAX_RECORDS = 10_000


def _facts(reads: Reads, settings: Settings, command: PlaceOrder) -> Facts:
    """What the order would be decided upon, as of now and without locks."""
    tenant_id = command.origin.tenant_id
    facts = Facts()
    key = RecordKey(tenant_id, "settings", "id", "0")
    facts.learn_records(
        key, [Record(tenant_id=tenant_id, kind="settings", id=0, uid="", code="", doc=settings)]
    )
    while True:
        missing = [
            need
            for need in dict.fromkeys(parcels.loads(command, facts))
            if isinstance(need, RecordKey) and not facts.knows(need)
        ]
        if not missing:
            break
        for need in missing:
            values = () if need.by == "all" else (need.value,)
            query = RecordQuery(
                tenant_id=tenant_id, kind=need.kind, by=need.by, values=values, limit=_MAX_RECORDS
            )
            facts.learn_records(need, reads.records(query))
    subjects = {need.subject for need in parcels.pools(command, facts) if need.kind == "stock"}
    found = reads.pools(tenant_id, "stock", tuple(sorted(subjects))) if subjects else ()
    for subject in subjects:
        held = [pool for pool in found if pool.key.subject == subject]
        facts.learn_pools(PoolLoad(tenant_id, "stock", subject), held)
    return facts


def _command(call: Call, caller: Caller, question: FreightQuestion) -> PlaceOrder:
    return PlaceOrder(
        origin=call.origin(caller, ""),
        terms=Dropship(items=tuple(Item(each.sku, each.quantity) for each in question.products)),
        ship_to=Address(country=question.shipToCountry),
    )


async def _quotes(
    call: Call, caller: Caller, settings: Settings, question: FreightQuestion, warehouse: str | None
) -> tuple[Quote, ...]:
    """From one warehouse (`None`: as the order would be split). Raises CommandRejected."""
    command = _command(call, caller, question)
    terms = command.terms
    assert isinstance(terms, Dropship)
    facts = await call.hub.read(lambda reads: _facts(reads, settings, command))
    country = question.shipToCountry
    if warehouse is None:
        quotes = as_split(facts, caller.tenant_id, terms.items, country)
    else:
        quotes = from_warehouse(facts, caller.tenant_id, terms.items, country, warehouse)
    if isinstance(quotes, Rejected):
        raise CommandRejected(quotes)
    return quotes


async def logistics_channel(call: Call) -> Answer:
    """The seed's call: one named warehouse, `termini` is the destination."""
    caller, settings = await caller_of(call)
    question = BODY.read(DraftFreightQuestion, decode_object(call.body))
    call.spelling = partial(spelled, V1_QUOTE_FIELDS)
    warehouse = await call.hub.read(
        lambda reads: parcels.known_as(question.warehouseCode, _codes(reads, caller.tenant_id))
    )
    quotes = await _quotes(call, caller, settings, question, warehouse or question.warehouseCode)
    listing = [
        {
            "deliveryTime": each.rate.delivery,
            "estimatedFreight": plain(each.amount),
            "companyName": each.rate.company or each.rate.title or each.rate.channel,
        }
        for each in quotes
    ]
    return success({"list": listing})


async def channel(call: Call) -> Answer:
    """One warehouse, the default one if none is named or it is not known. Fastest channel first."""
    caller, settings = await caller_of(call)
    question = BODY.read(FreightQuestion, decode_object(call.body))
    warehouse = await call.hub.read(
        lambda reads: _warehouse(reads, caller.tenant_id, settings, question.warehouseCode)
    )
    call.spelling = partial(spelled, QUOTE_FIELDS)
    quotes = await _quotes(call, caller, settings, question, warehouse)
    return success(
        [
            {
                "channelCode": each.rate.code or each.rate.channel,
                "channelNameEn": each.rate.title or each.rate.channel,
                "estimatedFreight": plain(each.amount),
                "estimatedFreightCurrency": each.rate.currency or settings.currency,
                "deliveryTime": each.rate.delivery,
                "channelType": each.rate.channel,
            }
            for each in quotes
        ]
    )


def _codes(reads: Reads, tenant_id: int) -> list[str]:
    query = RecordQuery(tenant_id=tenant_id, kind="warehouse", limit=_MAX_RECORDS)
    return sorted(record.doc.code for record in reads.records(query) if record.doc.active)


def _warehouse(reads: Reads, tenant_id: int, settings: Settings, asked: str) -> str:
    """The open warehouse that is asked for, else the default one, else the first: an order goes from those, too."""
    codes = _codes(reads, tenant_id)
    known = (parcels.known_as(each, codes) for each in (asked, settings.default_warehouse))
    return next(filter(None, known), "") or next(iter(codes), "")


async def automation_split(call: Call) -> Answer:
    """The freight of the order as it would be split now: the sum over its parcels, by channel."""
    caller, settings = await caller_of(call)
    question = BODY.read(FreightQuestion, decode_object(call.body))
    call.spelling = partial(spelled, QUOTE_FIELDS)
    quotes = await _quotes(call, caller, settings, question, None)
    listing: list[dict[str, Any]] = [
        {
            "deliveryTime": each.rate.delivery,
            "estimatedFreight": plain(each.amount),
            "estimatedFreightCurrency": each.rate.currency or settings.currency,
            "channelType": each.rate.channel,
        }
        for each in quotes
    ]
    return success(listing)
