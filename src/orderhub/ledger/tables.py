"""The tables. Every key begins with `tenant_id`, but for the small directory that finds the tenant.

Instants are BIGINT microseconds since 1970 UTC, amounts BIGINT millionths, documents JSON text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    Text,
    literal_column,
    text,
)

from orderhub.ledger.columns import key as _key
from orderhub.ledger.columns import metadata as metadata  # noqa: PLC0414 - of all tables
from orderhub.ledger.columns import number as _number
from orderhub.ledger.columns import words as _text
from orderhub.ledger.leaving import delivery as delivery  # noqa: PLC0414
from orderhub.ledger.leaving import hand_over as hand_over  # noqa: PLC0414
from orderhub.ledger.leaving import relay_state as relay_state  # noqa: PLC0414
from orderhub.ledger.leaving import webhook_replay as webhook_replay  # noqa: PLC0414
from orderhub.ledger.leaving import webhook_state as webhook_state  # noqa: PLC0414

# --- the directory: finds the tenant, so it has no tenant in its keys

tenant = Table(
    "tenant",
    metadata,
    _key("id", BigInteger),
    Column("name", Text, nullable=False, unique=True),
    _text("title"),
)

credential = Table(
    "credential",
    metadata,
    _key("kind", Text),
    _key("name", Text),
    Column("id", Text, nullable=False, unique=True),
    _number("tenant_id"),
    _number("last_used_at"),
    _text("body"),
    Index("credential_of_tenant", "tenant_id", "id"),
)

# Who works at the desk: see core/people.py.
person = Table(
    "person",
    metadata,
    _key("uid", Text),
    Column("email", Text, nullable=False, unique=True),
    _text("name"),
    _text("password"),
    _text("totp"),
    _number("totp_used"),
    _text("language"),
    Column("enabled", Boolean, nullable=False),
    _number("created_at"),
    _number("signed_in_at"),
)

person_role = Table(
    "person_role",
    metadata,
    _key("tenant_id", BigInteger),  # 0 = of the hub itself
    _key("person", Text),
    _text("role"),
    Index("person_role_of_person", "person", "tenant_id"),
    sqlite_with_rowid=False,
)

person_session = Table(
    "person_session",
    metadata,
    _key("id", Text),
    _text("person"),
    _number("looks_at"),  # the tenant that was chosen; 0 = none yet
    Column("is_waiting", Boolean, nullable=False),
    _number("created_at"),
    _number("seen_at"),
    _number("proven_at"),
    _text("address"),
    _text("browser"),
    Index("person_session_of_person", "person", "seen_at"),
    Index("person_session_by_use", "seen_at"),
)

# Each opens once: an invitation, or a way back in.
person_link = Table(
    "person_link",
    metadata,
    _key("id", Text),
    _text("person"),
    _number("ends_at"),
    Index("person_link_of_person", "person"),
)

# How often somebody tried to sign in of late, by account and by address.
guess = Table(
    "guess",
    metadata,
    _key("name", Text),
    _number("since"),
    _number("n"),
    Index("guess_by_age", "since"),
)

# --- what belongs to a tenant

counter = Table(
    "counter",
    metadata,
    _key("tenant_id", BigInteger),
    _key("name", Text),
    _number("next"),
    sqlite_with_rowid=False,
)

record = Table(
    "record",
    metadata,
    _key("tenant_id", BigInteger),
    _key("kind", Text),
    _key("id", BigInteger),
    _text("uid"),
    _text("code"),
    _number("version"),
    _text("doc"),
    _text("names"),
    Index("record_by_uid", "tenant_id", "kind", "uid"),
    Index("record_by_code", "tenant_id", "kind", "code"),
)
# Webhooks of all tenants are looked for now and then: nobody else asks across them.
Index(
    "record_of_webhooks",
    record.c.tenant_id,
    record.c.id,
    sqlite_where=record.c.kind == literal_column("'webhook'"),
    postgresql_where=record.c.kind == literal_column("'webhook'"),
)
# And so are connections.
Index(
    "record_of_connections",
    record.c.tenant_id,
    record.c.id,
    sqlite_where=record.c.kind == literal_column("'connection'"),
    postgresql_where=record.c.kind == literal_column("'connection'"),
)

record_key = Table(
    "record_key",
    metadata,
    _key("tenant_id", BigInteger),
    _key("kind", Text),
    _key("name", Text),
    _key("value", Text),
    _key("id", BigInteger),
    Index("record_key_of_record", "tenant_id", "kind", "id"),
    sqlite_with_rowid=False,
)

# How often records of a kind were written: see kept_records.py. `slot` keeps the writers of several processes apart.
record_version = Table(
    "record_version",
    metadata,
    _key("tenant_id", BigInteger),
    _key("kind", Text),
    _key("slot", BigInteger),
    _number("version"),
    sqlite_with_rowid=False,
)

pool = Table(
    "pool",
    metadata,
    _key("tenant_id", BigInteger),
    _key("kind", Text),
    _key("subject", Text),
    _key("place", Text),
    _number("opening"),
    _number("adjusted"),
    _number("drawn"),
    _number("returned"),
    _number("available"),
    _number("low_at"),
    Index("pool_by_left", "tenant_id", "kind", "available", "subject", "place"),
    sqlite_with_rowid=False,
)

pool_move = Table(
    "pool_move",
    metadata,
    _key("tenant_id", BigInteger),
    _key("order_id", BigInteger),  # 0 = no order: an adjustment
    _key("id", BigInteger),
    _text("kind"),
    _text("pool_kind"),
    _text("subject"),
    _text("place"),
    _number("units"),
    _number("line_no"),
    _text("reason"),
    _text("actor"),
    _number("recorded_at"),
    Index("pool_move_of_pool", "tenant_id", "pool_kind", "subject", "place", "recorded_at", "id"),
    sqlite_with_rowid=False,
)

orders = Table(
    "orders",
    metadata,
    _key("tenant_id", BigInteger),
    _key("id", BigInteger),
    _text("uid"),
    _text("door"),
    _text("number"),
    _text("group_number"),
    _text("owner"),
    _text("account"),
    _text("service"),
    _text("bill"),
    _text("placed_by"),
    _text("reference"),
    _text("natural_key"),
    _text("status"),
    _text("vendor_status"),
    _number("version"),
    _text("currency"),
    _number("net"),
    _number("tax"),
    _number("total"),
    _number("paid"),
    _number("refunded"),
    Column("recorded", Boolean, nullable=False),
    _number("occurred_at"),
    _number("updated_at"),
    _number("recorded_at"),
    _number("service_at"),
    _text("timers"),
    _text("doc"),
    # An operator looks an order up by its uid alone.
    Index("orders_by_uid", "uid", "tenant_id", unique=True),
    # Lists in which a group counts as one pass its members over: seen in the index, not in the row.
    Index("orders_by_arrival", "tenant_id", "recorded_at", "id", "group_number"),
    Index("orders_by_door", "tenant_id", "door", "recorded_at", "id"),
    Index("orders_by_status", "tenant_id", "status", "recorded_at", "id", "group_number"),
    Index("orders_by_door_and_status", "tenant_id", "door", "status", "recorded_at", "id"),
    Index("orders_of_all_tenants", "recorded_at", "tenant_id", "id"),
    Index("orders_by_occurrence", "tenant_id", "occurred_at", "id", "group_number", "status"),
    Index("orders_by_update", "tenant_id", "updated_at", "id", "group_number", "status"),
)
Index(
    "orders_by_number",
    orders.c.tenant_id,
    orders.c.number,
    unique=True,
    sqlite_where=orders.c.number != orders.c.uid,
    postgresql_where=orders.c.number != orders.c.uid,
)
for _name, _columns in {
    "group_number": ("group_number",),
    "owner": ("owner", "recorded_at", "id"),
    "account": ("account", "recorded_at", "id"),
    "account_and_occurrence": ("account", "occurred_at", "id"),
    "service": ("service", "occurred_at", "id"),
    "bill": ("bill", "occurred_at", "id"),
    "reference": ("reference", "recorded_at", "id"),
}.items():
    Index(
        f"orders_by_{_name}",
        orders.c.tenant_id,
        *(orders.c[column] for column in _columns),
        sqlite_where=orders.c[_columns[0]] != "",
        postgresql_where=orders.c[_columns[0]] != "",
    )
Index(
    "orders_by_consumption",
    orders.c.tenant_id,
    orders.c.service_at,
    orders.c.id,
    sqlite_where=orders.c.service_at != 0,
    postgresql_where=orders.c.service_at != 0,
)
# What says no time of consumption is consumed when it occurs.
Index(
    "orders_by_immediate_consumption",
    orders.c.tenant_id,
    orders.c.occurred_at,
    orders.c.id,
    sqlite_where=orders.c.service_at == 0,
    postgresql_where=orders.c.service_at == 0,
)

# Orders of one request as one entry of a list: what its orders add up to, kept with every batch.
order_group = Table(
    "order_group",
    metadata,
    _key("tenant_id", BigInteger),
    _key("number", Text),
    _number("head_id"),  # its first order
    _text("door"),
    _text("statuses"),  # of its orders, each once, in order, with blanks between
    _number("occurred_at"),
    _number("updated_at"),  # when the last of its orders was
    _number("recorded_at"),
    Index("order_group_by_arrival", "tenant_id", "recorded_at", "head_id"),
    Index("order_group_by_statuses", "tenant_id", "statuses", "recorded_at", "head_id"),
    Index("order_group_by_occurrence", "tenant_id", "occurred_at", "head_id", "statuses"),
    Index("order_group_by_update", "tenant_id", "updated_at", "head_id", "statuses"),
    sqlite_with_rowid=False,
)

order_line = Table(
    "order_line",
    metadata,
    _key("tenant_id", BigInteger),
    _key("order_id", BigInteger),
    _key("line_no", BigInteger),
    _text("kind"),
    _text("title"),
    _number("product_id"),
    _number("variant_id"),
    _text("sku"),
    _number("quantity"),
    _number("unit_net"),
    _number("unit_gross"),
    _number("net"),
    _number("tax"),
    _number("gross"),
    Column("cancelled", Boolean, nullable=False),
    _number("shipped"),
    _number("refunded"),
    _number("counted"),
    _text("taxes"),
    _text("data"),
    sqlite_with_rowid=False,
)

# What an order can be found by besides its columns: see core/search_terms.py.
order_term = Table(
    "order_term",
    metadata,
    _key("tenant_id", BigInteger),
    _key("kind", Text),
    # Beginnings are looked up as a stretch of the index, which must be in the order of code points.
    Column(
        "term",
        Text().with_variant(Text(collation="C"), "postgresql"),
        primary_key=True,
        nullable=False,
    ),
    _key("recorded_at", BigInteger),
    _key("order_id", BigInteger),
    sqlite_with_rowid=False,
)

order_event = Table(
    "order_event",
    metadata,
    _key("tenant_id", BigInteger),
    _key("order_id", BigInteger),
    _key("version", BigInteger),
    _text("kind"),
    _number("occurred_at"),
    _number("recorded_at"),
    _text("actor"),
    _text("data"),
    _text("request_id"),
    _text("request"),
    _number("fed"),  # 1 = in the feed; 0 = older than the feed; 2 = taken over: not in it
    _text("day"),  # the tenant's, on which the roll-up counts it; empty = it does not yet
    sqlite_with_rowid=False,
)
# Events from before the feed are read by this; new ones are not in it.
Index(
    "order_event_of_old",
    order_event.c.tenant_id,
    order_event.c.recorded_at,
    order_event.c.order_id,
    order_event.c.version,
    sqlite_where=order_event.c.fed == 0,
    postgresql_where=order_event.c.fed == 0,
)
# Events that no day counts yet are found by this: those from before there was a roll-up.
Index(
    "order_event_uncounted",
    order_event.c.tenant_id,
    order_event.c.order_id,
    sqlite_where=order_event.c.day == "",
    postgresql_where=order_event.c.day == "",
)

# How far the lanes of a tenant's feed are: see docs/decisions/0020.
feed_lane = Table(
    "feed_lane",
    metadata,
    _key("tenant_id", BigInteger),
    _key("lane", BigInteger),
    _number("next"),  # the position that nobody has yet
    _number("stamp"),  # of the newest batch in it
    sqlite_with_rowid=False,
)

# Every event in its place. Positions of a lane have no gap and are seen in their order.
feed = Table(
    "feed",
    metadata,
    _key("tenant_id", BigInteger),
    _key("lane", BigInteger),
    _key("position", BigInteger),
    _number("stamp"),  # greater than that of everything its batch could see: lanes are merged by it
    _number("order_id"),  # 0 = of no order: it is a notice
    _number("version"),
    sqlite_with_rowid=False,
)

# Events of no order, by their place in the feed.
notice = Table(
    "notice",
    metadata,
    _key("tenant_id", BigInteger),
    _key("lane", BigInteger),
    _key("position", BigInteger),
    _text("uid"),
    _text("kind"),
    _number("occurred_at"),
    _number("recorded_at"),
    _text("actor"),
    _text("data"),
    _text("request_id"),
    Index("notice_by_uid", "tenant_id", "uid"),
    sqlite_with_rowid=False,
)

claim = Table(
    "claim",
    metadata,
    _key("tenant_id", BigInteger),
    _key("scope", Text),
    _key("key", Text),
    _text("fingerprint"),
    _text("batch"),
    Column("status", Integer, nullable=False, server_default=text("0")),
    _text("headers"),
    _text("body"),
    _text("order_uid"),  # the first order that the call placed or changed, empty = none
    _number("created_at"),
    Index("claim_by_age", "created_at"),
    sqlite_with_rowid=False,
)

natural_key = Table(
    "natural_key",
    metadata,
    _key("tenant_id", BigInteger),
    _key("key", Text),
    _text("batch"),
    _text("order_uid"),
    sqlite_with_rowid=False,
)

timer = Table(
    "timer",
    metadata,
    _key("tenant_id", BigInteger),
    _key("kind", Text),
    _key("order_id", BigInteger),
    _number("due_at"),
    _number("claimed_until"),
    Index("timer_by_due", "tenant_id", "due_at"),
    Index("timer_of_all_tenants", "due_at"),
    sqlite_with_rowid=False,
)

# How many orders there are, kept with every batch, so that no list ever counts them. `slot` spreads
# the writers of several processes over rows of their own; a count is the sum over slots.
# The daily roll-up is rows of it as well, written by the same statement: see ledger/daily.py. Its amounts are whole
# units and millionths, since ten of the greatest in one number would be too much for BIGINT.
tally = Table(
    "tally",
    metadata,
    _key("tenant_id", BigInteger),
    _key("owner", Text),  # '*' = all together; '(day) 2026-11-28' = what was recorded that day
    _key("door", Text),
    _key("status", Text),  # of a day, the currency
    _key("slot", BigInteger),
    _number("n"),
    _number("units"),
    _number("revenue"),
    _number("revenue_millionths"),
    _number("refunds"),
    _number("refunded"),
    _number("refunded_millionths"),
    _number("cancellations"),
    _number("cancelled"),
    _number("cancelled_millionths"),
    sqlite_with_rowid=False,
)

# Calls as they came and were answered, for a while: see core/request_log.py.
request_log = Table(
    "request_log",
    metadata,
    _key("tenant_id", BigInteger),  # 0 = the operators' own
    _key("id", Text),
    _number("recorded_at"),
    _text("channel"),
    _text("method"),
    _text("path"),
    Column("status", Integer, nullable=False, server_default=text("0")),
    _text("reason"),
    _text("credential"),
    _text("summary"),  # the rest of what a list shows
    _text("exchange"),
    Index("request_log_by_arrival", "tenant_id", "recorded_at", "id"),
    Index("request_log_by_channel", "tenant_id", "channel", "recorded_at", "id"),
    Index("request_log_by_path", "tenant_id", "path", "recorded_at", "id"),
    Index("request_log_by_status", "tenant_id", "status", "recorded_at", "id"),
    Index("request_log_by_reason", "tenant_id", "reason", "recorded_at", "id"),
    Index("request_log_by_credential", "tenant_id", "credential", "recorded_at", "id"),
    Index("request_log_of_all_tenants", "recorded_at", "tenant_id", "id"),
)

# A sandbox as it was, to be put back: see snapshots.py.
sandbox_snapshot = Table(
    "sandbox_snapshot",
    metadata,
    _key("tenant_id", BigInteger),
    _key("id", Text),
    _number("taken_at"),
    _number("rows"),
    _text("schema"),  # of the ledger then
    _text("content"),
)

# Which process has which number, and until when by the database's clock: see slots.py.
slot = Table("slot", metadata, _key("number", BigInteger), _text("holder"), _number("held_until"))

DIRECTORY = (tenant, credential, person, person_session, person_link, guess)
# What may be lost or cut short without anything being wrong: nobody checks it, and no answer depends on it.
BESIDE_THE_BOOKS = (request_log, slot, sandbox_snapshot)
