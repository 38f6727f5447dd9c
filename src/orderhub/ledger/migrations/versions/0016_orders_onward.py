"""orders onward: hand-overs, and who sees to each connection."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    op.create_table(
        "hand_over",
        _key("tenant_id"),
        _key("order_id"),
        _key("connection_id"),
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
        sa.PrimaryKeyConstraint("tenant_id", "order_id", "connection_id"),
        sqlite_with_rowid=False,
    )
    name = ["order_id", "connection_id"]
    op.create_index("hand_over_by_uid", "hand_over", ["tenant_id", "uid"], unique=True)
    op.create_index("hand_over_by_arrival", "hand_over", ["tenant_id", "created_at", *name])
    op.create_index("hand_over_by_state", "hand_over", ["tenant_id", "state", "created_at", *name])
    op.create_index("hand_over_by_number", "hand_over", ["tenant_id", "connection_id", "number"])
    due = ["tenant_id", "connection_id", "due_at"]
    _index("hand_over_due", "hand_over", due, "due_at < 4611686018427387904")
    _index("hand_over_unsure", "hand_over", ["state"], "state = 'unsure'")
    op.create_table(
        "relay_state",
        _key("tenant_id"),
        _key("connection_id"),
        _text("owner"),
        _number("leased_until"),
        _number("version"),
        _number("misses"),
        _number("resume_at"),
        _text("reason"),
        _number("news_until"),
        _number("news_due_at"),
        sa.PrimaryKeyConstraint("tenant_id", "connection_id"),
        sqlite_with_rowid=False,
    )
    _index("record_of_connections", "record", ["tenant_id", "id"], "kind = 'connection'")


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
