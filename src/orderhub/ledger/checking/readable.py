"""What no other law reads: each document of a record, and the headers of each answer that is kept."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from orderhub.core.decide import RECORD_TYPES
from orderhub.ledger import rows
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.report import Breach
from orderhub.ledger.checking.standing import words
from orderhub.ledger.checking.streams import rows_of
from orderhub.ledger.daily import UNREADABLE

# Without their names, which are read against their keys: see records.py.
_RECORDS = """
    SELECT tenant_id, kind, id, uid, code, version, doc, '' AS names
    FROM record ORDER BY tenant_id, kind, id"""
_ANSWERS = """
    SELECT tenant_id, scope, key, headers FROM claim WHERE headers <> ''
    ORDER BY tenant_id, scope, key"""


def breaches(connection: Connection) -> Iterator[Breach]:
    codec = rows.RecordCodec(RECORD_TYPES)
    for row in rows_of(connection, _RECORDS):
        try:
            codec.to_record(tuple(row))
        except UNREADABLE as error:
            yield Breach(Law.READABLE, row.tenant_id, f"{row.kind} {row.id}", words(error))
    for row in rows_of(connection, _ANSWERS):
        try:
            rows.answer_headers(row.headers)
        except UNREADABLE as error:
            named = f"answer kept under {row.scope} {row.key}"
            yield Breach(Law.READABLE, row.tenant_id, named, words(error))
