"""The tables of what leaves: events to webhooks, and orders onward to other vendors."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, Table, literal_column, text

from orderhub.core.handing import NEVER
from orderhub.ledger.columns import key as _key
from orderhub.ledger.columns import metadata
from orderhub.ledger.columns import number as _number
from orderhub.ledger.columns import words as _text

# How far each webhook is, and who serves it: see docs/decisions/0023.
webhook_state = Table(
    "webhook_state",
    metadata,
    _key("tenant_id", BigInteger),
    _key("webhook_id", BigInteger),
    _text("cursor"),
    _number("passed"),
    _number("failing_since"),
    _number("misses"),
    _number("resume_at"),
    _number("due_at"),
    _number("version"),
    _text("owner"),
    _number("leased_until"),
    _number("next_delivery"),  # the id that no delivery has yet
    sqlite_with_rowid=False,
)

# One event for one webhook: written once it was tried, or behind one of the same order that waits.
delivery = Table(
    "delivery",
    metadata,
    _key("tenant_id", BigInteger),
    _key("webhook_id", BigInteger),
    _key("id", BigInteger),
    _text("event_id"),
    _text("kind"),
    _text("about"),
    _text("cause"),
    _text("state"),
    _number("attempts"),
    _number("next_at"),
    _number("first_at"),
    _number("last_at"),
    _text("log"),
    Index("delivery_by_age", "last_at"),
    Index("delivery_of_order", "tenant_id", "about", "webhook_id", "id"),
    sqlite_with_rowid=False,
)
_waits = delivery.c.state == literal_column("'waiting'")
_is_unsent = delivery.c.state != literal_column("'sent'")
for _name, _columns, _where in (
    ("delivery_due", ("next_at",), _waits),
    ("delivery_behind", ("about", "id"), _waits),
    ("delivery_unsent", ("state", "id"), _is_unsent),
):
    _of = (delivery.c[each] for each in ("tenant_id", "webhook_id", *_columns))
    Index(_name, *_of, sqlite_where=_where, postgresql_where=_where)

# Stretches of time that a webhook is sent again; gone once they are.
webhook_replay = Table(
    "webhook_replay",
    metadata,
    _key("tenant_id", BigInteger),
    _key("webhook_id", BigInteger),
    _key("id", BigInteger),
    _number("from_at"),
    _number("to_at"),
    _text("cursor"),
    _text("until"),
    sqlite_with_rowid=False,
)

# One order at one connection: see core/handing.py.
hand_over = Table(
    "hand_over",
    metadata,
    _key("tenant_id", BigInteger),
    _key("order_id", BigInteger),
    _key("connection_id", BigInteger),
    _text("uid"),
    _text("order_uid"),
    _text("connection_uid"),
    _text("state"),
    _number("version"),
    _text("number"),
    _text("reason"),
    _number("attempts"),
    _number("asked"),
    _number("created_at"),
    _number("updated_at"),
    _number("started_at"),
    _number("sure_at"),
    _number("due_at"),
    _text("lines"),
    _text("refs"),
    _text("candidates"),
    _text("told"),
    _text("there"),
    Index("hand_over_by_uid", "tenant_id", "uid", unique=True),
    Index("hand_over_by_state", "tenant_id", "state", "created_at"),
)
# What is due apart from what only waits for news, so that neither is searched for the other; what nobody knows yet;
# and what has a number. Whoever wants to find by them says these very words.
IS_OPEN, HAS_NEWS, IS_DOUBTED, HAS_NUMBER = (
    f"due_at < {NEVER} AND state <> 'placed'",
    f"due_at < {NEVER} AND state = 'placed'",
    "state IN ('sending', 'unsure')",
    "number <> ''",
)
for _part, _last, _words in (
    ("due", "due_at", IS_OPEN),
    ("news", "due_at", HAS_NEWS),
    ("doubted", "state", IS_DOUBTED),
    ("by_number", "number", HAS_NUMBER),
):
    Index(
        f"hand_over_{_part}",
        hand_over.c.tenant_id,
        hand_over.c.connection_id,
        hand_over.c[_last],
        sqlite_where=text(_words),
        postgresql_where=text(_words),
    )

# Who sees to a connection, and since when the vendor wants to be left alone: see relay/.
relay_state = Table(
    "relay_state",
    metadata,
    _key("tenant_id", BigInteger),
    _key("connection_id", BigInteger),
    _text("owner"),
    _number("leased_until"),
    _number("version"),
    _number("misses"),
    _number("resume_at"),
    _text("reason"),
    _number("news_until"),
    _number("news_due_at"),
    sqlite_with_rowid=False,
)
