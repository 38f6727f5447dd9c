"""the feed: every event has a place in a lane. Events that stand are a lane of their own, read where they are."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _key(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=sa.text("''"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "feed_lane",
        _key("tenant_id"),
        _key("lane"),
        _number("next"),
        _number("stamp"),
        sa.PrimaryKeyConstraint("tenant_id", "lane"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feed",
        _key("tenant_id"),
        _key("lane"),
        _key("position"),
        _number("stamp"),
        _number("order_id"),
        _number("version"),
        sa.PrimaryKeyConstraint("tenant_id", "lane", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notice",
        _key("tenant_id"),
        _key("lane"),
        _key("position"),
        _text("uid"),
        _text("kind"),
        _number("occurred_at"),
        _number("recorded_at"),
        _text("actor"),
        _text("data"),
        _text("request_id"),
        sa.PrimaryKeyConstraint("tenant_id", "lane", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("notice_by_uid", "notice", ["tenant_id", "uid"])
    op.add_column("pool", _number("low_at"))
    # No event is touched: whatever stands, and whatever a program of before still writes, is told by the default.
    op.add_column("order_event", _number("fed"))
    op.create_index(
        "order_event_of_old",
        "order_event",
        ["tenant_id", "recorded_at", "order_id", "version"],
        sqlite_where=sa.text("fed = 0"),
        postgresql_where=sa.text("fed = 0"),
    )


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
