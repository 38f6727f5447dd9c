"""webhooks: how far each is, what became of its events, and stretches that are sent again."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
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
        "webhook_state",
        _key("tenant_id"),
        _key("webhook_id"),
        _text("cursor"),
        _number("passed"),
        _number("failing_since"),
        _number("misses"),
        _number("resume_at"),
        _number("due_at"),
        _number("version"),
        _text("owner"),
        _number("leased_until"),
        _number("next_delivery"),
        sa.PrimaryKeyConstraint("tenant_id", "webhook_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "delivery",
        _key("tenant_id"),
        _key("webhook_id"),
        _key("id"),
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
        sa.PrimaryKeyConstraint("tenant_id", "webhook_id", "id"),
        sqlite_with_rowid=False,
    )
    op.create_index("delivery_by_age", "delivery", ["last_at"])
    webhook = ["tenant_id", "webhook_id"]
    _index("delivery_due", "delivery", [*webhook, "next_at"], "state = 'waiting'")
    _index("delivery_behind", "delivery", [*webhook, "about", "id"], "state = 'waiting'")
    _index("delivery_unsent", "delivery", [*webhook, "state", "id"], "state != 'sent'")
    op.create_table(
        "webhook_replay",
        _key("tenant_id"),
        _key("webhook_id"),
        _key("id"),
        _number("from_at"),
        _number("to_at"),
        _text("cursor"),
        _text("until"),
        sa.PrimaryKeyConstraint("tenant_id", "webhook_id", "id"),
        sqlite_with_rowid=False,
    )
    _index("record_of_webhooks", "record", ["tenant_id", "id"], "kind = 'webhook'")


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
