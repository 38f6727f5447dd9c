"""Core values to rows and back. Nothing else knows both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from orderhub.core.access import Credential
from orderhub.core.answer import Answer, KeptAnswer
from orderhub.core.facts import Record
from orderhub.core.money import from_micros, to_micros
from orderhub.core.values import (
    Event,
    Line,
    LineKind,
    Move,
    Notice,
    Order,
    OrderDoc,
    Pool,
    PoolKey,
    Status,
    TaxPart,
)
from orderhub.ledger import tables

# Decimals are written as numbers and read back exactly, also inside untyped members.
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_DOC = msgspec.json.Decoder(OrderDoc, float_hook=Decimal).decode
_TAXES = msgspec.json.Decoder(tuple[TaxPart, ...]).decode
_EVENT = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_TIMERS = msgspec.json.Decoder(dict[str, int]).decode
_ANY = msgspec.json.Decoder(float_hook=Decimal).decode
_PAIRS = msgspec.json.Decoder(tuple[tuple[str, str], ...]).decode
# In some ledgers a number stands for a name, as a caller of earlier versions sent it; its key is the text of it.
_NUMBERED = msgspec.json.Decoder(tuple[tuple[str, str | int | float], ...]).decode
# So many decoded records are kept, each from a text of at most so many characters.
_RECORDS_KEPT, _MOST_KEPT = 2_048, 8_192
_DOC_AT = [column.name for column in tables.record.columns].index("doc")
_CREDENTIAL = msgspec.json.Decoder(Credential, float_hook=Decimal).decode

# How an event stands to the feed; 0 = it was written before there was one, and is read from the events themselves.
FED, PAST = 1, 2

_CONTENT_TYPE, _JSON = "Content-Type", "application/json"


def json_text(value: Any) -> str:
    return _ENCODE(value).decode()


def order_row(order: Order) -> tuple[Any, ...]:
    """Its columns in the order of the table, as those of every row that is a tuple."""
    return (
        order.tenant_id,
        order.id,
        order.uid,
        order.channel,
        order.number,
        order.group_number,
        order.owner,
        order.account,
        order.service,
        order.bill,
        order.placed_by,
        order.reference,
        order.natural_key,
        order.status.value,
        order.vendor_status,
        order.version,
        order.currency,
        to_micros(order.net),
        to_micros(order.tax),
        to_micros(order.total),
        to_micros(order.paid),
        to_micros(order.refunded),
        int(order.recorded),
        order.occurred_at,
        order.updated_at,
        order.recorded_at,
        order.service_at,
        json_text(order.timers) if order.timers else "",
        json_text(order.doc),
    )


def changed_order_row(order: Order) -> dict[str, Any]:
    """The members of an order that may change, with its key."""
    return {
        "tenant_id": order.tenant_id,
        "id": order.id,
        "status": order.status.value,
        "vendor_status": order.vendor_status,
        "version": order.version,
        "currency": order.currency,
        "account": order.account,
        "net": to_micros(order.net),
        "tax": to_micros(order.tax),
        "total": to_micros(order.total),
        "paid": to_micros(order.paid),
        "refunded": to_micros(order.refunded),
        "updated_at": order.updated_at,
        "service_at": order.service_at,
        "timers": json_text(order.timers) if order.timers else "",
        "doc": json_text(order.doc),
    }


def line_row(order: Order, line: Line) -> tuple[Any, ...]:
    # Untaxed lines share their amounts: each is converted once.
    unit_net, net = to_micros(line.unit_net), to_micros(line.net)
    is_unit_shared, is_shared = line.unit_gross is line.unit_net, line.gross is line.net
    return (
        order.tenant_id,
        order.id,
        line.line_no,
        line.kind.value,
        line.title,
        line.product_id,
        line.variant_id,
        line.sku,
        line.quantity,
        unit_net,
        unit_net if is_unit_shared else to_micros(line.unit_gross),
        net,
        0 if is_shared else to_micros(line.tax),
        net if is_shared else to_micros(line.gross),
        int(line.cancelled),
        line.shipped,
        line.refunded,
        line.counted,
        json_text(line.taxes) if line.taxes else "",
        json_text(line.data) if line.data else "",
    )


def event_row(event: Event) -> tuple[Any, ...]:
    return (
        event.tenant_id,
        event.order_id,
        event.version,
        event.kind,
        event.occurred_at,
        event.recorded_at,
        event.actor,
        json_text(event.data),
        event.request_id,
        event.request,
        PAST if event.is_past else FED,
        event.day,
    )


def notice_row(notice: Notice, uid: str) -> dict[str, Any]:
    """All but its place in the feed."""
    return {
        "tenant_id": notice.tenant_id,
        "uid": uid,
        "kind": notice.kind,
        "occurred_at": notice.occurred_at,
        "recorded_at": notice.recorded_at,
        "actor": notice.actor,
        "data": json_text(notice.data),
        "request_id": notice.request_id,
    }


def record_row(record: Record) -> dict[str, Any]:
    return {
        "tenant_id": record.tenant_id,
        "kind": record.kind,
        "id": record.id,
        "uid": record.uid,
        "code": record.code,
        "version": record.version,
        "doc": json_text(record.doc),
        "names": json_text(record.keys) if record.keys else "",
    }


def record_names(text: str) -> tuple[tuple[str, str], ...]:
    """The searchable names that a record's row says it has."""
    if not text:
        return ()
    try:
        return _PAIRS(text)
    except msgspec.ValidationError:
        return tuple((by, str(name)) for by, name in _NUMBERED(text))


def pool_row(pool: Pool) -> dict[str, Any]:
    return {
        "tenant_id": pool.key.tenant_id,
        "kind": pool.key.kind,
        "subject": pool.key.subject,
        "place": pool.key.place,
        "opening": pool.opening,
        "adjusted": pool.adjusted,
        "drawn": pool.drawn,
        "returned": pool.returned,
        "available": pool.available,
        "low_at": pool.low_at,
    }


def move_row(move: Move, move_id: int, actor: str, recorded_at: int) -> tuple[Any, ...]:
    return (
        move.key.tenant_id,
        move.order_id,
        move_id,
        move.kind,
        move.key.kind,
        move.key.subject,
        move.key.place,
        move.units,
        move.line_no,
        move.reason,
        actor,
        recorded_at,
    )


def to_order(row: Any, lines: Iterable[Line]) -> Order:
    return Order(
        tenant_id=row.tenant_id,
        id=row.id,
        uid=row.uid,
        channel=row.door,
        number=row.number,
        group_number=row.group_number,
        owner=row.owner,
        account=row.account,
        service=row.service,
        bill=row.bill,
        placed_by=row.placed_by,
        reference=row.reference,
        natural_key=row.natural_key,
        status=Status(row.status),
        vendor_status=row.vendor_status,
        version=row.version,
        currency=row.currency,
        net=from_micros(row.net),
        tax=from_micros(row.tax),
        total=from_micros(row.total),
        paid=from_micros(row.paid),
        refunded=from_micros(row.refunded),
        recorded=bool(row.recorded),
        occurred_at=row.occurred_at,
        updated_at=row.updated_at,
        recorded_at=row.recorded_at,
        service_at=row.service_at,
        timers=order_timers(row.timers),
        doc=_DOC(row.doc),
        lines=tuple(lines),
    )


def to_line(row: Any) -> Line:
    return Line(
        line_no=row.line_no,
        kind=LineKind(row.kind),
        title=row.title,
        product_id=row.product_id,
        variant_id=row.variant_id,
        sku=row.sku,
        quantity=row.quantity,
        unit_net=from_micros(row.unit_net),
        unit_gross=from_micros(row.unit_gross),
        net=from_micros(row.net),
        tax=from_micros(row.tax),
        gross=from_micros(row.gross),
        cancelled=bool(row.cancelled),
        shipped=row.shipped,
        refunded=row.refunded,
        counted=row.counted,
        taxes=_TAXES(row.taxes) if row.taxes else (),
        data=line_data(row.data),
    )


def line_data(text: str) -> Any:
    """What a line carries beside its columns."""
    return _ANY(text) if text else {}


def to_event(row: Any) -> Event:
    return Event(
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        version=row.version,
        kind=row.kind,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        actor=row.actor,
        data=_ANY(row.data),
        day=row.day,
        request_id=row.request_id,
        request=row.request,
    )


def event_data(text: str) -> dict[str, Any]:
    """What one event changed."""
    return _EVENT(text)


def order_doc(text: str) -> OrderDoc:
    """What an order carries beside its columns."""
    return _DOC(text)


def order_timers(text: str) -> dict[str, int]:
    """What an order waits for: kind of timer -> when it is due."""
    return _TIMERS(text) if text else {}


def tax_parts(text: str) -> tuple[TaxPart, ...]:
    """The taxes on one line."""
    return _TAXES(text) if text else ()


def to_pool(row: Any) -> Pool:
    return Pool(
        key=PoolKey(row.tenant_id, row.kind, row.subject, row.place),
        opening=row.opening,
        adjusted=row.adjusted,
        drawn=row.drawn,
        returned=row.returned,
        low_at=row.low_at,
    )


def to_move(row: Any) -> Move:
    return Move(
        key=PoolKey(row.tenant_id, row.pool_kind, row.subject, row.place),
        kind=row.kind,
        units=row.units,
        order_id=row.order_id,
        line_no=row.line_no,
        reason=row.reason,
    )


def held(moves: Iterable[Move]) -> tuple[Move, ...]:
    """What is still drawn: draws less returns, per pool and line."""
    units: dict[tuple[PoolKey, int], Move] = {}
    for move in moves:
        name = (move.key, move.line_no)
        sign = {"draw": 1, "return": -1}.get(move.kind, 0)
        before = units[name].units if name in units else 0
        units[name] = Move(
            move.key, "draw", before + sign * move.units, move.order_id, move.line_no
        )
    return tuple(move for move in units.values() if move.units > 0)


class RecordCodec:
    """Decodes a record's document to the Struct of its kind; other kinds stay plain JSON values."""

    def __init__(self, types: Mapping[str, type]) -> None:
        self._decoders: dict[str, Callable[[str], Any]] = {
            kind: msgspec.json.Decoder(struct, float_hook=Decimal).decode
            for kind, struct in types.items()
        }
        self._kept = lru_cache(_RECORDS_KEPT)(self._decoded)

    def to_record(self, row: tuple[Any, ...]) -> Record:
        """A record from all columns of its row, in their order."""
        return self._decoded(*row)

    def kept_record(self, row: tuple[Any, ...]) -> Record:
        """The same, decoded once for all who meet the very same row: one that anybody changed is another row.

        What it holds is shared: nobody changes it.
        """
        if len(row[_DOC_AT]) > _MOST_KEPT:
            return self._decoded(*row)
        return self._kept(*row)

    @staticmethod
    def weight(row: Sequence[Any]) -> int:
        """About what a record takes to keep, in characters."""
        return len(row[_DOC_AT])

    def _decoded(
        self,
        tenant_id: int,
        kind: str,
        record_id: int,
        uid: str,
        code: str,
        version: int,
        doc: str,
        names: str,
    ) -> Record:
        return Record(
            tenant_id=tenant_id,
            kind=kind,
            id=record_id,
            uid=uid,
            code=code,
            version=version,
            doc=self._decoders.get(kind, _ANY)(doc),
            keys=record_names(names),
        )


# The status of an answer that is gone: no answer that is kept ever had it.
REDACTED_STATUS = 410


def kept_answer_row(kept: KeptAnswer) -> dict[str, Any]:
    answer = kept.answer
    return {
        "fingerprint": kept.fingerprint,
        "status": answer.status,
        "headers": json_text((*answer.headers, (_CONTENT_TYPE, answer.media_type))),
        "body": answer.body.decode(),
        "created_at": kept.created_at,
        "order_uid": kept.order_uid,
    }


def answer_headers(text: str) -> tuple[tuple[str, str], ...]:
    """Of an answer that is kept."""
    return _PAIRS(text)


def to_kept_answer(row: Any) -> KeptAnswer:
    headers = answer_headers(row.headers) if row.headers else ()
    media_type = next((value for name, value in headers if name == _CONTENT_TYPE), _JSON)
    own = tuple(pair for pair in headers if pair[0] != _CONTENT_TYPE)
    answer = Answer(row.status, row.body.encode(), own, media_type)
    is_redacted = row.status == REDACTED_STATUS and not row.body
    return KeptAnswer(row.fingerprint, answer, row.created_at, row.order_uid, is_redacted)


def credential_row(credential: Credential) -> dict[str, Any]:
    return {
        "kind": credential.kind,
        "name": credential.name,
        "id": credential.id,
        "tenant_id": credential.tenant_id,
        "last_used_at": credential.last_used_at,
        "body": json_text(credential),
    }


def to_credential(row: Any) -> Credential:
    found = _CREDENTIAL(row.body)
    return msgspec.structs.replace(found, last_used_at=row.last_used_at)
