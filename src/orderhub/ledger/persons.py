"""People who bought: where they are found, and how they are taken out.

Finding passes over whole tables of one tenant, on a connection that reads; taking out is told exactly what to change,
since the writer is waited for by everybody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

import msgspec
from sqlalchemy import ColumnElement, Connection, case, func, literal, or_, select, tuple_

from orderhub.core.answer import KeptAnswer
from orderhub.core.deliveries import Attempt
from orderhub.core.facts import Record, Redaction
from orderhub.core.queries import Traces
from orderhub.core.redaction import Words, redacted_event
from orderhub.core.request_log import Exchange, Message
from orderhub.core.search_terms import ACCOUNT, EMAIL, SKU, email_term, terms_of
from orderhub.ledger import bulk, rows
from orderhub.ledger.driver import Driver
from orderhub.ledger.tables import (
    claim,
    delivery,
    order_event,
    order_term,
    orders,
    record,
    request_log,
)

GONE = "[redacted]"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_ASKED = 500  # names in one question
_ATTEMPTS = msgspec.json.Decoder(tuple[Attempt, ...]).decode
_ENCODE = msgspec.json.Encoder().encode
_SUMMARY = msgspec.json.Decoder(dict[str, Any]).decode
# What a row of the request log says once nobody is to be told from it.
_EXCHANGE = _ENCODE(Exchange(request=Message(body=GONE), answer=Message(body=GONE))).decode()
# Terms that say what was bought, and by which account; all others are words of people.
_HARMLESS = (SKU, ACCOUNT)


class PersonReads:
    """Implements core.queries.PersonReads on one connection."""

    def __init__(self, connection: Connection, codec: rows.RecordCodec) -> None:
        self._connection = connection
        self._codec = codec

    def records(self, tenant_id: int, email: str) -> tuple[Record, ...]:
        """Typed documents that hold the e-mail in any case, wherever in them."""
        said = Words((email,))
        found = select(record).where(
            record.c.tenant_id == tenant_id,
            or_(_holds(record.c.doc, email), _holds(record.c.names, email)),
        )
        ordered = found.order_by(record.c.kind, record.c.id)
        return tuple(
            self._codec.to_record(tuple(row))
            for row in self._connection.execute(ordered)
            if said.are_in(row.doc) or said.are_in(row.names)
        )

    def order_uids(
        self,
        tenant_id: int,
        email: str,
        owners: Collection[tuple[str, str]],
        accounts: Collection[str],
    ) -> tuple[str, ...]:
        """Orders with the e-mail as a contact's or where they ship, of (channel, owner), or charged to an account."""
        terms = [(EMAIL, email_term(email)), *((ACCOUNT, each) for each in accounts)]
        at = order_term.c
        by_term = select(at.order_id).where(
            at.tenant_id == tenant_id, tuple_(at.kind, at.term).in_(terms)
        )
        any_of: list[ColumnElement[bool]] = [orders.c.id.in_(by_term)]
        # Partial indexes are used only under their own condition.
        if owners:
            own = tuple_(orders.c.door, orders.c.owner).in_(sorted(owners))
            names = sorted({owner for _, owner in owners})
            any_of.append((orders.c.owner != "") & orders.c.owner.in_(names) & own)
        if accounts:
            any_of.append((orders.c.account != "") & orders.c.account.in_(sorted(accounts)))
        uids: set[str] = set()
        for each in any_of:
            found = select(orders.c.uid).where(orders.c.tenant_id == tenant_id, each)
            uids.update(self._connection.execute(found).scalars())
        return tuple(sorted(uids))

    def traces(self, tenant_id: int, email: str, uids: Collection[str]) -> Traces:
        """Kept answers, logged calls and deliveries about these orders, or that hold the e-mail."""
        return Traces(
            claims=tuple(sorted(set(self._claims(tenant_id, email, set(uids))))),
            requests=tuple(self._requests(tenant_id, email, set(uids))),
            deliveries=tuple(self._deliveries(tenant_id, uids)),
        )

    def answers(
        self, tenant_id: int, claims: Collection[tuple[str, str]]
    ) -> tuple[tuple[str, KeptAnswer], ...]:
        """The answers that are kept under these keys, each with its key."""
        found: list[tuple[str, KeptAnswer]] = []
        for some in _parts(sorted(claims)):
            query = select(claim).where(
                claim.c.tenant_id == tenant_id, tuple_(claim.c.scope, claim.c.key).in_(some)
            )
            found += [
                (row.key, rows.to_kept_answer(row)) for row in self._connection.execute(query)
            ]
        return tuple(found)

    def _claims(self, tenant_id: int, email: str, uids: set[str]) -> Iterator[tuple[str, str]]:
        at, said = claim.c, _said(email)
        wanted = [_holds(at.body, *said.all)]
        wanted += [at.order_uid.in_(some) for some in _parts(sorted(uids))]
        # Mostly one pass: there may be a million of them, and no index finds what an answer says.
        for any_of in ([or_(*wanted[:2])], *([each] for each in wanted[2:])):
            query = select(at.scope, at.key, at.order_uid, at.body).where(
                at.tenant_id == tenant_id, at.body != "", *any_of
            )
            for row in self._connection.execute(query):
                if row.order_uid in uids or said.are_in(row.body):
                    yield row.scope, row.key

    def _requests(self, tenant_id: int, email: str, uids: set[str]) -> Iterator[str]:
        at, said = request_log.c, _said(email)
        whole = at.path + literal(" ") + at.summary + literal(" ") + at.exchange
        text = case((_holds(whole, *said.all), whole), else_="").label("text")
        query = select(at.id, at.summary, text).where(
            at.tenant_id == tenant_id, at.exchange != _EXCHANGE
        )
        for row in self._connection.execute(query):
            orders = _SUMMARY(row.summary).get("orders", ())
            if not uids.isdisjoint(orders) or said.are_in(row.text):
                yield row.id

    def _deliveries(self, tenant_id: int, uids: Collection[str]) -> Iterator[tuple[int, int]]:
        for some in _parts(sorted(uids)):
            query = select(delivery.c.webhook_id, delivery.c.id, delivery.c.log).where(
                delivery.c.tenant_id == tenant_id, delivery.c.about.in_(some)
            )
            for row in self._connection.execute(query):
                if any(each.answer for each in (_ATTEMPTS(row.log) if row.log else ())):
                    yield row.webhook_id, row.id


def _said(email: str) -> Words:
    """The e-mail as texts have it, and as paths, forms and escaped JSON do, whose codes tell the case of a letter."""
    cases = (email, email.lower(), email.upper())
    escaped = (json.dumps(each)[1:-1] for each in cases)
    twice = [each.replace("\\", "\\\\") for each in escaped]  # a body within a document
    quoted = [spelled for each in cases for spelled in (quote(each), quote(each, safe="+"))]
    return Words((*cases, *quoted, *twice))


def _holds(column: Any, *words: str) -> ColumnElement[bool]:
    """Whether a text may hold one of the words, in any case: what holds it as a part of a longer one, does too.

    A database may know the case of ASCII alone: the longest such part of a word is looked for, and `Words` decides.
    """
    text = func.lower(column)
    parts = {max(_NOT_ASCII.split(each), key=len).lower() for each in words}
    return or_(*(text.contains(each, autoescape=True) for each in sorted(parts)))


def _parts(names: Sequence[Any]) -> Iterator[list[Any]]:
    rest = iter(names)
    while some := list(islice(rest, _ASKED)):
        yield some


# --- taken out, within the writer's transaction


def redact(driver: Driver, redaction: Redaction) -> None:
    """What a redaction changes besides the rows of its orders and their lines."""
    tenant_id = redaction.tenant_id
    if redaction.orders:
        _redact_events(driver, redaction)
        _redact_terms(driver, redaction)
    _update(
        driver,
        claim,
        (
            {
                "tenant_id": tenant_id,
                "scope": scope,
                "key": key,
                "status": rows.REDACTED_STATUS,
                "headers": "",
                "body": "",
            }
            for scope, key in redaction.claims
        ),
    )
    if redaction.requests:
        _redact_requests(driver, tenant_id, redaction.requests)
    if redaction.deliveries:
        _redact_deliveries(driver, tenant_id, redaction.deliveries)


def _redact_events(driver: Driver, redaction: Redaction) -> None:
    words = {after.id: Words(told) for _, after, told in redaction.orders}
    given = [
        {"tenant_id": redaction.tenant_id, "order_id": after.id} for _, after, _ in redaction.orders
    ]
    changed = []
    for row in bulk.select(driver, order_event, given):
        before = rows.to_event(row)
        after = redacted_event(before, words[row.order_id])
        if after != before:
            changed.append(
                {
                    "tenant_id": row.tenant_id,
                    "order_id": row.order_id,
                    "version": row.version,
                    "data": rows.json_text(after.data),
                    "request": after.request,
                }
            )
    _update(driver, order_event, changed)


def _redact_terms(driver: Driver, redaction: Redaction) -> None:
    """An order goes on to be found by what was bought, and by no word of anybody's."""
    gone, found = [], []
    for before, after, _ in redaction.orders:
        wanted = terms_of(after)
        of = {"tenant_id": redaction.tenant_id}
        when = {"recorded_at": before.recorded_at, "order_id": before.id}
        gone += [
            {**of, "kind": kind, "term": term, **when}
            for kind, term in terms_of(before)
            if kind not in _HARMLESS and (kind, term) not in wanted
        ]
        found += [{**of, "kind": kind, "term": term, **when} for kind, term in wanted]
    if gone:
        bulk.delete(driver, order_term, gone)
    if found:
        bulk.insert(driver, order_term, found, "DO NOTHING")


def _redact_requests(driver: Driver, tenant_id: int, ids: Sequence[str]) -> None:
    given = [{"tenant_id": tenant_id, "id": each} for each in ids]
    changed = []
    for row in bulk.select(driver, request_log, given):
        summary = {name: each for name, each in _SUMMARY(row.summary).items() if name != "detail"}
        changed.append(
            {
                "tenant_id": tenant_id,
                "id": row.id,
                "path": GONE if "@" in row.path or "%40" in row.path else row.path,
                "summary": _ENCODE(summary).decode(),
                "exchange": _EXCHANGE,
            }
        )
    _update(driver, request_log, changed)


def _redact_deliveries(driver: Driver, tenant_id: int, ids: Sequence[tuple[int, int]]) -> None:
    given = [{"tenant_id": tenant_id, "webhook_id": of, "id": each} for of, each in ids]
    changed = []
    for row in bulk.select(driver, delivery, given):
        log = [
            msgspec.structs.replace(each, answer="")
            for each in (_ATTEMPTS(row.log) if row.log else ())
        ]
        changed.append(
            {
                "tenant_id": tenant_id,
                "webhook_id": row.webhook_id,
                "id": row.id,
                "log": _ENCODE(log).decode(),
            }
        )
    _update(driver, delivery, changed)


def _update(driver: Driver, table: Any, given: Iterable[dict[str, Any]]) -> None:
    changed = list(given)
    if changed:
        bulk.update(driver, table, changed)
