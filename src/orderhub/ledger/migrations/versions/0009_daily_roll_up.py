"""the daily roll-up, among the tallies, and the day on which each event counts in it.

Events that stand tell no day yet: `orderhub serve` counts them in small steps beside its work (ledger/daily.py), and
they can be found by a partial index. Whatever a program of before still writes waits there as well.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_SUMS = (
    *("units", "revenue", "revenue_millionths", "refunds", "refunded", "refunded_millionths"),
    *("cancellations", "cancelled", "cancelled_millionths"),
)


def upgrade() -> None:
    for name in _SUMS:
        column = sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
        op.add_column("tally", column)
    op.add_column(
        "order_event", sa.Column("day", sa.Text(), server_default=sa.text("''"), nullable=False)
    )
    op.create_index(
        "order_event_uncounted",
        "order_event",
        ["tenant_id", "order_id"],
        sqlite_where=sa.text("day = ''"),
        postgresql_where=sa.text("day = ''"),
    )


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
