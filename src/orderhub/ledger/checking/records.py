"""Records against the keys that they are looked up by."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection

from orderhub.ledger import rows
from orderhub.ledger.checking.laws import Law
from orderhub.ledger.checking.report import Breach
from orderhub.ledger.checking.standing import words
from orderhub.ledger.checking.streams import rows_of
from orderhub.ledger.daily import UNREADABLE

_NAMED = """
    SELECT r.tenant_id, r.kind, r.id, r.names, k.name, k.value
    FROM record r LEFT JOIN record_key k ON k.tenant_id = r.tenant_id AND k.kind = r.kind
         AND k.id = r.id
    WHERE r.names <> '' OR k.name IS NOT NULL
    ORDER BY r.tenant_id, r.kind, r.id"""
Names = set[tuple[str, str]]


def misnamed(
    connection: Connection,
) -> Iterator[tuple[tuple[int, str, int], Names, Names] | Breach]:
    """Records (tenant, kind, id) with the names they lack as keys, and the keys that are no name of theirs."""
    for record, found in groupby(rows_of(connection, _NAMED), key=itemgetter(0, 1, 2)):
        each = list(found)
        keys = {(row.name, row.value) for row in each if row.name is not None}
        try:
            names = set(rows.record_names(each[0].names))
        except UNREADABLE as error:
            yield Breach(Law.READABLE, record[0], f"{record[1]} {record[2]}", words(error))
            continue
        if names != keys:
            yield record, names - keys, keys - names


def breaches(connection: Connection) -> Iterator[Breach]:
    for found in misnamed(connection):
        if isinstance(found, Breach):
            yield found
            continue
        (tenant_id, kind, record_id), lacks, strange = found
        said = [f"not by {name} {value}" for name, value in sorted(lacks)]
        said += [f"by {name} {value}" for name, value in sorted(strange)]
        yield Breach(Law.RECORD_NAMES, tenant_id, f"{kind} {record_id}", ", ".join(said))
