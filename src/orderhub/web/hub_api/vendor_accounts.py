"""Whose account with a vendor a connection leads to, and what follows once it is another."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from orderhub.core.connections import Connection
from orderhub.core.facts import Record
from orderhub.dialects.contract import Call
from orderhub.relay.news import LONGEST_US
from orderhub.relay.talking import AT
from orderhub.web.hub_api.inner import port


def known_by(call: Call, connection: Record, doc: Connection) -> dict[str, str]:
    """What tells the account of a connection like this from others; empty where its credentials cannot be read."""
    like = replace(connection, doc=doc)
    try:
        known: dict[str, str] = port(call).relayer.line(like).known_by
    except (ValueError, KeyError):
        return {}
    return known


def same_as(
    call: Call, found: Record, members: dict[str, Any], *, is_same: bool
) -> dict[str, dict[str, str]]:
    """The member that keeps what it was known by, or lets go of it; none where it is known by the same as before."""
    doc: Connection = found.doc
    bare = replace(doc, same_as={})
    after = replace(bare, **members)
    if known_by(call, found, bare) == known_by(call, found, after):
        return {}
    return {"same_as": known_by(call, found, doc) if is_same else {}}


async def asked_anew(call: Call, found: Record | None, after: Record) -> None:
    """Where it leads elsewhere, or back again, what was placed is asked about, or says why nobody is."""
    if found is None:
        return
    was, now = known_by(call, found, found.doc), known_by(call, after, after.doc)
    if was.get(AT) != now.get(AT):
        hub, ask_anew = port(call), port(call).ledger.relay.ask_anew
        since_us = hub.now_us() - LONGEST_US
        await hub.write(ask_anew, after.tenant_id, after.id, since_us, hub.now_us())
