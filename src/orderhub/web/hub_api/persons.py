"""/hub/v1/tenants/{tenant}/persons/…: all that is kept of somebody who bought, told or taken out.

Who they are is said in the body, since addresses of calls end up in logs; the request log keeps neither the body nor
the answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Any

import msgspec

from orderhub.core.access import Tenant
from orderhub.core.commands import ForgetPerson, Origin, PutRecords, RecordChange
from orderhub.core.facts import Accepted, Record
from orderhub.core.forgetting import EVENT as FORGOTTEN
from orderhub.core.memberships import User
from orderhub.core.people import PEOPLE
from orderhub.core.queries import Reads, RecordQuery, Traces
from orderhub.core.redaction import Words, as_type, redacted, redacted_order, redacted_record
from orderhub.core.refusals import Reason, Rejected
from orderhub.dialects.codec import encode
from orderhub.dialects.contract import Answer, Call, Caller, CommandRejected, Route
from orderhub.web.hub_api.access import guarded, origin_in, tenant_in_path
from orderhub.web.hub_api.bodies import Body, body_of
from orderhub.web.hub_api.inner import port
from orderhub.web.hub_api.order_records import PastOrder, past_order
from orderhub.web.hub_api.requests import RequestInFull, in_full, write_down
from orderhub.web.hub_api.shaping import Data, Instant, Shape, exact_instant, plain_values
from orderhub.web.people import LONGEST_EMAIL

_CHUNK = 20  # orders a command: each has events, terms and lines of its own
_TRACES = 500
_ROUNDS = 5  # whoever buys meanwhile is found by the next look
# Of the merchant, not of who buys there.
_NOBODYS = ("settings", "webhook")
_ADDRESS = "address"
# Names that records of a person are found by and that tell nothing of them.
_KEPT_KEYS = ("kind", "user", "state", "account", "batch", "failed", "holder", "row")
_TOLD_BY = ("first_name", "last_name", "user_name", "phone", "firstName", "lastName")


_FEW = msgspec.Meta(max_length=500)


class OnePerson(Body, frozen=True, kw_only=True):
    """Whoever has this e-mail, in any case.

    orders  uids of further orders that are theirs, where the vendor's orders say no e-mail
    """

    email: Annotated[
        str,
        msgspec.Meta(
            min_length=3,
            max_length=LONGEST_EMAIL,
            pattern=r"^[^@\s]+@[^@\s]+$",
            examples=["ann@example.com"],
        ),
    ]
    orders: Annotated[tuple[Annotated[str, msgspec.Meta(max_length=36)], ...], _FEW] = ()


class RecordNamed(Shape, frozen=True, kw_only=True):
    kind: str
    id: int


class Forgotten(Shape, frozen=True, kw_only=True):
    """What was redacted; of a dry run what would be.

    orders      uids; each has an event `redacted` from now on
    records     users, guests, accounts, addresses and what else held the e-mail
    claims      answers kept for repeats; whoever repeats one of these calls is refused
    requests    calls in the request log
    deliveries  of webhooks, whose receivers' answers were kept
    """

    orders: tuple[str, ...]
    records: tuple[RecordNamed, ...]
    claims: int
    requests: int
    deliveries: int


class KeptRecord(RecordNamed, frozen=True, kw_only=True):
    uid: str
    data: Data


class KeptReply(Shape, frozen=True, kw_only=True):
    """The answer that a repeat of a call would get."""

    key: str
    status: int
    body: str
    at: Instant


class Delivered(Shape, frozen=True, kw_only=True):
    """What a webhook's receiver answered, newest attempt last."""

    webhook: int
    id: int
    event: str
    answers: tuple[str, ...]


class PersonFile(Shape, frozen=True, kw_only=True):
    """All that is kept of a person; `orders` as `/hub/v1/orders:export` tells them, with their raw requests."""

    email: str
    tenant: str
    exported_at: Instant
    orders: tuple[PastOrder, ...]
    records: tuple[KeptRecord, ...]
    requests: tuple[RequestInFull, ...]
    answers: tuple[KeptReply, ...]
    deliveries: tuple[Delivered, ...]


class _Found(msgspec.Struct, frozen=True, kw_only=True):
    """`own` records are the person's; `others` only mention them; `logins` are what they log in with."""

    own: tuple[Record, ...]
    others: tuple[Record, ...]
    logins: tuple[Record, ...]
    orders: tuple[str, ...]
    traces: Traces
    words: tuple[str, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        return (*self.own, *self.others, *self.logins)


@guarded(PEOPLE)
async def forget(call: Call, who: Caller) -> Answer:
    """Take a person out: names, addresses, e-mails, phones, notes and raw requests, wherever they are kept.

    Orders stay with their numbers, amounts, steps and dates, so the books add up as before. It cannot be undone;
    `Hub-Dry-Run: true` says what would be redacted. Once more changes nothing.
    """
    tenant = await tenant_in_path(call, who)
    given = _given(call)
    email = given.email
    origin = msgspec.structs.replace(origin_in(call, who, tenant.id), request="")
    done: list[_Found] = []
    for _ in range(_ROUNDS):
        found = await _look(call, tenant, given)
        if not (found.orders or found.records or any(_counted(found))):
            break
        done.append(found)
        await _take_out(call, tenant, origin, email, found)
        if call.is_dry_run:
            break
    return Answer(200, encode(_told(done)))


async def _take_out(call: Call, tenant: Tenant, origin: Origin, email: str, found: _Found) -> None:
    words = (email, *found.words)
    for some in _parts(found.orders, _CHUNK):
        await _submit(call, ForgetPerson(origin=origin, orders=tuple(some), words=words))
    # By now nobody else finds the orders by the person; answers that were given meanwhile are found here.
    traces = await call.hub.read(lambda reads: reads.persons.traces(tenant.id, email, found.orders))
    for claims in _parts(traces.claims, _TRACES):
        await _submit(call, ForgetPerson(origin=origin, claims=tuple(claims)))
    for requests in _parts(traces.requests, _TRACES):
        await _submit(call, ForgetPerson(origin=origin, requests=tuple(requests)))
    for deliveries in _parts(traces.deliveries, _TRACES):
        await _submit(call, ForgetPerson(origin=origin, deliveries=tuple(deliveries)))
    # Last: it is by them that a repeat finds what is left when this is cut short.
    cut = Words(words)
    for record in found.records:
        await _submit(call, PutRecords(origin=origin, changes=(_change(record, found, cut),)))


async def _submit(call: Call, command: ForgetPerson | PutRecords) -> None:
    def done(_accepted: Accepted) -> Answer:
        return Answer(204, b"")

    outcome = await call.submit(command, done, secret_answer=True, bulk=True)
    rejected = outcome.rejected
    # Who changed meanwhile is found again, as they are now.
    if rejected is not None and rejected.reason is not Reason.VERSION_CONFLICT:
        raise CommandRejected(rejected)


def _change(record: Record, found: _Found, words: Words) -> RecordChange:
    if record in found.logins:
        return RecordChange(
            kind=record.kind, id=record.id, if_version=record.version, uid=record.uid
        )
    is_own = record in found.own

    def cut(value: Any) -> Any:
        return redacted_record(value) if is_own else redacted(value, words)

    doc = record.doc
    doc = as_type(type(doc), doc, cut) if isinstance(doc, msgspec.Struct) else cut(doc)
    if isinstance(doc, User):
        doc = msgspec.structs.replace(doc, sessions=doc.sessions + 1)
    return RecordChange(
        kind=record.kind,
        id=record.id,
        if_version=record.version,
        uid=record.uid,
        code=record.code,
        doc=doc,
        keys=tuple(
            (name, value)
            for name, value in record.keys
            if (name in _KEPT_KEYS if is_own else not words.are_in(value))
        ),
    )


@guarded(PEOPLE)
async def export(call: Call, who: Caller) -> Answer:
    """All that is kept of a person, as one document: for whoever asks what the merchant knows of them."""
    tenant = await tenant_in_path(call, who)
    given = _given(call)
    found = await _look(call, tenant, given)
    orders: list[PastOrder] = []
    for some in _parts(found.orders, _TRACES):
        orders += await call.hub.read(partial(_orders, tenant=tenant, uids=some))
    requests, answers, deliveries = await call.hub.read(
        lambda reads: (
            _requests(reads, tenant, found.traces),
            _answers(reads, tenant, found.traces),
            _deliveries(reads, tenant, found.traces),
        )
    )
    whole = PersonFile(
        email=given.email,
        tenant=tenant.name,
        exported_at=exact_instant(call.received_at),
        orders=tuple(orders),
        records=tuple(
            KeptRecord(kind=each.kind, id=each.id, uid=each.uid, data=_plain(each.doc))
            for each in (*found.own, *found.others)
        ),
        requests=requests,
        answers=answers,
        deliveries=deliveries,
    )
    return Answer(200, encode(whole))


# --- looked for


async def _look(call: Call, tenant: Tenant, given: OnePerson) -> _Found:
    doors = [each for each in port(call).dialects if each.login_kind]
    logins = {each.name: each.login_kind for each in doors}
    await write_down(call)
    return await call.hub.read(lambda reads: _found(reads, tenant.id, given, logins))


def _found(reads: Reads, tenant_id: int, given: OnePerson, logins: dict[str, str]) -> _Found:
    email = given.email
    holding = [
        each
        for each in reads.persons.records(tenant_id, email)
        if each.kind not in _NOBODYS and each.kind not in logins.values()
    ]
    own = [each for each in holding if _is_own(each, email)]
    users = [each for each in own if isinstance(each.doc, User)]
    own += _addresses(reads, tenant_id, users, {each.id for each in own if each.kind == _ADDRESS})
    mine = {(each.kind, each.id) for each in own}
    owners = [(channel, str(user.id)) for channel in logins for user in users]
    accounts = [each.uid for each in own if each.kind not in ("user", _ADDRESS)]
    by_person = reads.persons.order_uids(tenant_id, email, owners, accounts)
    uids = tuple(sorted({*by_person, *_named(reads, tenant_id, given.orders)}))
    return _Found(
        own=tuple(own),
        others=tuple(each for each in holding if (each.kind, each.id) not in mine),
        logins=tuple(
            login
            for kind in logins.values()
            for user in users
            if (login := reads.record(tenant_id, kind, "uid", user.uid)) is not None
        ),
        orders=uids,
        traces=reads.persons.traces(tenant_id, email, uids),
        words=tuple(word for each in own for word in _words(each)),
    )


def _named(reads: Reads, tenant_id: int, uids: Sequence[str]) -> Iterator[str]:
    """Those of the orders that still say something of anybody. Raises CommandRejected for one that is not there."""
    orders = reads.orders_of_uids(tenant_id, uids) if uids else ()
    missing = set(uids) - {each.uid for each in orders}
    if missing:
        raise CommandRejected(Rejected(Reason.ORDER_UNKNOWN, "orders", f"no order {min(missing)}"))
    histories = reads.histories(orders)
    for each in orders:
        is_told = any(event.kind == FORGOTTEN for event in histories[each.uid])
        if not is_told or redacted_order(each, Words(())) != each:
            yield each.uid


def _is_own(record: Record, email: str) -> bool:
    if record.kind == _ADDRESS:
        return bool(record.doc.address.email.casefold() == email.casefold())
    return any(
        name == "email" and value.casefold() == email.casefold() for name, value in record.keys
    )


def _addresses(
    reads: Reads, tenant_id: int, users: Sequence[Record], known: set[int]
) -> Iterator[Record]:
    """The address books of users, which need not say an e-mail; without those that are blank already."""
    if not users:
        return
    sought = RecordQuery(
        tenant_id=tenant_id, kind=_ADDRESS, by="user", values=tuple(str(u.id) for u in users)
    )
    for each in reads.records(sought):
        if each.id not in known and redacted_record(_plain(each.doc)) != _plain(each.doc):
            yield each


def _words(record: Record) -> Iterator[str]:
    plain = _plain(record.doc)
    for members in (plain, plain.get("members"), plain.get("address")):
        if isinstance(members, dict):
            yield from (str(members[name]) for name in _TOLD_BY if members.get(name))


def _plain(doc: Any) -> dict[str, Any]:
    plain: dict[str, Any] = plain_values(doc)
    return plain


def _given(call: Call) -> OnePerson:
    given = body_of(call, OnePerson)
    return msgspec.structs.replace(given, email=given.email.strip().lower())


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


# --- told


def _counted(found: _Found) -> tuple[int, int, int]:
    traces = found.traces
    return len(traces.claims), len(traces.requests), len(traces.deliveries)


def _told(done: Sequence[_Found]) -> Forgotten:
    """Of all looks together: what is found again, since it was changed meanwhile, is one thing."""
    records = {(each.kind, each.id) for found in done for each in found.records}
    claims = {each for found in done for each in found.traces.claims}
    requests = {each for found in done for each in found.traces.requests}
    deliveries = {each for found in done for each in found.traces.deliveries}
    return Forgotten(
        orders=tuple(sorted({uid for found in done for uid in found.orders})),
        records=tuple(RecordNamed(kind=kind, id=number) for kind, number in sorted(records)),
        claims=len(claims),
        requests=len(requests),
        deliveries=len(deliveries),
    )


def _orders(reads: Reads, tenant: Tenant, uids: Sequence[str]) -> list[PastOrder]:
    orders = reads.orders_of_uids(tenant.id, uids)
    histories = reads.histories(orders)
    return [past_order(each, tenant.name, histories[each.uid]) for each in orders]


def _requests(reads: Reads, tenant: Tenant, traces: Traces) -> tuple[RequestInFull, ...]:
    names = {tenant.id: tenant.name}
    found = (reads.request(tenant.id, each) for each in traces.requests)
    return tuple(in_full(*each, names) for each in found if each is not None)


def _answers(reads: Reads, tenant: Tenant, traces: Traces) -> tuple[KeptReply, ...]:
    return tuple(
        KeptReply(
            key=key,
            status=kept.answer.status,
            body=kept.answer.body.decode(),
            at=exact_instant(kept.created_at),
        )
        for key, kept in reads.persons.answers(tenant.id, traces.claims)
    )


def _deliveries(reads: Reads, tenant: Tenant, traces: Traces) -> tuple[Delivered, ...]:
    found = (reads.delivery(tenant.id, *each) for each in traces.deliveries)
    return tuple(
        Delivered(
            webhook=each.webhook_id,
            id=each.id,
            event=each.event_id,
            answers=tuple(one.answer for one in each.log if one.answer),
        )
        for each in found
        if each is not None
    )


_PERSONS = "/hub/v1/tenants/{tenant}/persons"

ROUTES = (
    Route(
        "POST",
        f"{_PERSONS}/forget",
        forget,
        "Redact all that is kept of a person",
        request=OnePerson,
        answers={200: Forgotten},
        mutates=True,
        idempotency_key=False,  # it is done in steps, and once more changes nothing
        private=True,
    ),
    Route(
        "POST",
        f"{_PERSONS}/export",
        export,
        "All that is kept of a person",
        request=OnePerson,
        answers={200: PersonFile},
        private=True,
    ),
)
