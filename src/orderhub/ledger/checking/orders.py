"""The laws of single orders, each looked at with everything that is its own."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from orderhub.core.search_terms import terms_in
from orderhub.core.timers import TIMER_KINDS
from orderhub.ledger.checking import feed, history, holdings, lines
from orderhub.ledger.checking.days import DaysChecked, breaches
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.report import Breach, Report
from orderhub.ledger.checking.standing import Standing, walk, words
from orderhub.ledger.daily import UNREADABLE

Found = Iterator[tuple[Law, str]]


def check(connection: Connection, report: Report) -> None:
    days = DaysChecked(connection)
    for standing in walk(connection, report):
        for breach in breaches(days.wrong_before(standing)):
            report.add(breach)
        try:
            for law, detail in _broken(standing):
                report.add(_breach(standing, law, detail))
        except UNREADABLE as error:
            report.add(_breach(standing, Law.READABLE, words(error)))
    for breach in breaches(days.wrong_at_last()):
        report.add(breach)


def _breach(standing: Standing, law: Law, detail: str) -> Breach:
    order = standing.order
    return Breach(law, order.tenant_id, f"order {order.uid}", detail)


def _broken(standing: Standing) -> Found:
    yield from history.breaches(standing)
    yield from lines.breaches(standing)
    yield from holdings.breaches(standing)
    yield from _finding(standing)
    yield from feed.breaches_of(standing)
    order = standing.order
    if order.natural_key and order.key_holder != order.uid:
        yield Law.ORDER_HAS_KEY, f"key {order.natural_key} names {order.key_holder or 'nobody'}"
    if order.waits_for:
        yield from _waiting(standing)


def _waiting(standing: Standing) -> Found:
    status, timers = standing.order.status, standing.timers
    for kind, due_at in standing.waits_for.items():
        if kind not in TIMER_KINDS or status != TIMER_KINDS[kind].waits_in:
            yield Law.WAITS_IN_VAIN, f"{kind} of an order that is {status}"
        if timers.get(kind) != due_at:
            yield Law.ORDER_HAS_TIMER, f"no {kind} at {due_at}"


def _finding(standing: Standing) -> Found:
    wanted, stands = terms(standing), standing.terms
    if wanted != stands:
        for term in sorted(wanted - stands):
            yield Law.FOUND_BY_TERMS, f"not by {term}"
        if not was_amended(standing):
            for term in sorted(stands - wanted):
                yield Law.TERM_IS_RIGHT, f"not {term}"


def terms(standing: Standing) -> frozenset[str]:
    """What the order must be found by, as its stored terms are read."""
    at = standing.order.recorded_at
    found = terms_in(standing.doc, (line.sku for line in standing.lines))
    return frozenset(f"{at} {kind} {term}" for kind, term in found)


def was_amended(standing: Standing) -> bool:
    """What an order was found by before it was amended, it goes on to be found by."""
    return any(event.kind == "amended" for event, _ in standing.events)
