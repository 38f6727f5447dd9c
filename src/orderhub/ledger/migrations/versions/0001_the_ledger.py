"""The ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "claim",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scope", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("batch", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("status", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("headers", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("body", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "scope", "key"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("claim", schema=None) as batch_op:
        batch_op.create_index("claim_by_age", ["created_at"], unique=False)

    op.create_table(
        "counter",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("next", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "credential",
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("body", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name"),
        sa.UniqueConstraint("id"),
    )
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.create_index("credential_of_tenant", ["tenant_id", "id"], unique=False)

    op.create_table(
        "natural_key",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("batch", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("order_uid", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "order_event",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("actor", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("data", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("request_id", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("request", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "version"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "order_group",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("head_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("door", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("statuses", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "number"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("order_group", schema=None) as batch_op:
        batch_op.create_index(
            "order_group_by_arrival", ["tenant_id", "recorded_at", "head_id"], unique=False
        )
        batch_op.create_index(
            "order_group_by_occurrence",
            ["tenant_id", "occurred_at", "head_id", "statuses"],
            unique=False,
        )
        batch_op.create_index(
            "order_group_by_statuses",
            ["tenant_id", "statuses", "recorded_at", "head_id"],
            unique=False,
        )
        batch_op.create_index(
            "order_group_by_update",
            ["tenant_id", "updated_at", "head_id", "statuses"],
            unique=False,
        )

    op.create_table(
        "order_line",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("line_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("title", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("product_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("variant_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sku", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("quantity", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("unit_net", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("unit_gross", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("net", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tax", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("gross", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("shipped", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("taxes", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("data", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "line_no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "order_term",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column(
            "term", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False
        ),
        sa.Column("recorded_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "term", "recorded_at", "order_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "orders",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("door", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("number", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("group_number", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("owner", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("account", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("service", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("bill", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("placed_by", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("reference", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("vendor_status", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("currency", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("net", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tax", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("paid", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("refunded", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("recorded", sa.Boolean(), nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("service_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("doc", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "orders_by_account",
            ["tenant_id", "account", "recorded_at", "id"],
            unique=False,
            sqlite_where=sa.text("account != ''"),
            postgresql_where=sa.text("account != ''"),
        )
        batch_op.create_index(
            "orders_by_account_and_occurrence",
            ["tenant_id", "account", "occurred_at", "id"],
            unique=False,
            sqlite_where=sa.text("account != ''"),
            postgresql_where=sa.text("account != ''"),
        )
        batch_op.create_index(
            "orders_by_arrival", ["tenant_id", "recorded_at", "id", "group_number"], unique=False
        )
        batch_op.create_index(
            "orders_by_bill",
            ["tenant_id", "bill", "occurred_at", "id"],
            unique=False,
            sqlite_where=sa.text("bill != ''"),
            postgresql_where=sa.text("bill != ''"),
        )
        batch_op.create_index(
            "orders_by_consumption",
            ["tenant_id", "service_at", "id"],
            unique=False,
            sqlite_where=sa.text("service_at != 0"),
            postgresql_where=sa.text("service_at != 0"),
        )
        batch_op.create_index(
            "orders_by_door", ["tenant_id", "door", "recorded_at", "id"], unique=False
        )
        batch_op.create_index(
            "orders_by_door_and_status",
            ["tenant_id", "door", "status", "recorded_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "orders_by_group_number",
            ["tenant_id", "group_number"],
            unique=False,
            sqlite_where=sa.text("group_number != ''"),
            postgresql_where=sa.text("group_number != ''"),
        )
        batch_op.create_index(
            "orders_by_immediate_consumption",
            ["tenant_id", "occurred_at", "id"],
            unique=False,
            sqlite_where=sa.text("service_at = 0"),
            postgresql_where=sa.text("service_at = 0"),
        )
        batch_op.create_index(
            "orders_by_number",
            ["tenant_id", "number"],
            unique=True,
            sqlite_where=sa.text("number != uid"),
            postgresql_where=sa.text("number != uid"),
        )
        batch_op.create_index(
            "orders_by_occurrence",
            ["tenant_id", "occurred_at", "id", "group_number", "status"],
            unique=False,
        )
        batch_op.create_index(
            "orders_by_owner",
            ["tenant_id", "owner", "recorded_at", "id"],
            unique=False,
            sqlite_where=sa.text("owner != ''"),
            postgresql_where=sa.text("owner != ''"),
        )
        batch_op.create_index(
            "orders_by_reference",
            ["tenant_id", "reference", "recorded_at", "id"],
            unique=False,
            sqlite_where=sa.text("reference != ''"),
            postgresql_where=sa.text("reference != ''"),
        )
        batch_op.create_index(
            "orders_by_service",
            ["tenant_id", "service", "occurred_at", "id"],
            unique=False,
            sqlite_where=sa.text("service != ''"),
            postgresql_where=sa.text("service != ''"),
        )
        batch_op.create_index(
            "orders_by_status",
            ["tenant_id", "status", "recorded_at", "id", "group_number"],
            unique=False,
        )
        batch_op.create_index("orders_by_uid", ["tenant_id", "uid"], unique=True)
        batch_op.create_index(
            "orders_by_update",
            ["tenant_id", "updated_at", "id", "group_number", "status"],
            unique=False,
        )
        batch_op.create_index(
            "orders_of_all_tenants", ["recorded_at", "tenant_id", "id"], unique=False
        )

    op.create_table(
        "pool",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("opening", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("adjusted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("drawn", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("returned", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("available", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "subject", "place"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pool_move",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("pool_kind", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("subject", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("place", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("units", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("line_no", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("actor", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("pool_move", schema=None) as batch_op:
        batch_op.create_index(
            "pool_move_of_pool",
            ["tenant_id", "pool_kind", "subject", "place", "recorded_at", "id"],
            unique=False,
        )

    op.create_table(
        "record",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("code", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("doc", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("names", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "id"),
    )
    with op.batch_alter_table("record", schema=None) as batch_op:
        batch_op.create_index("record_by_code", ["tenant_id", "kind", "code"], unique=False)
        batch_op.create_index("record_by_uid", ["tenant_id", "kind", "uid"], unique=False)

    op.create_table(
        "record_key",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "name", "value", "id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("record_key", schema=None) as batch_op:
        batch_op.create_index("record_key_of_record", ["tenant_id", "kind", "id"], unique=False)

    op.create_table(
        "tally",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("door", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "owner", "door", "status", "slot"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tenant",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "timer",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("claimed_until", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "order_id"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("timer", schema=None) as batch_op:
        batch_op.create_index("timer_by_due", ["tenant_id", "due_at"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
