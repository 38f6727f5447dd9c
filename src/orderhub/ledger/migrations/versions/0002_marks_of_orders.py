"""what an order tells of itself, so that the ledger can be checked without the catalogue."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What old rows would have been marked with: by their draws, their key and the timer that stands.
_MARKS = (
    """
    UPDATE order_line SET counted = drawn.units
    FROM (SELECT tenant_id, order_id, line_no, sum(units) AS units FROM pool_move
          WHERE kind = 'draw' AND line_no <> 0 GROUP BY tenant_id, order_id, line_no) AS drawn
    WHERE order_line.tenant_id = drawn.tenant_id AND order_line.order_id = drawn.order_id
      AND order_line.line_no = drawn.line_no
    """,
    """
    UPDATE order_line SET counted = drawn.units
    FROM (SELECT tenant_id, order_id, sum(units) AS units FROM pool_move
          WHERE kind = 'draw' AND line_no = 0 AND pool_kind = 'coupon'
          GROUP BY tenant_id, order_id) AS drawn
    WHERE order_line.tenant_id = drawn.tenant_id AND order_line.order_id = drawn.order_id
      AND order_line.kind = 'discount'
    """,
    """
    UPDATE orders SET natural_key = taken.key FROM natural_key AS taken
    WHERE orders.tenant_id = taken.tenant_id AND orders.uid = taken.order_uid
    """,
    """
    UPDATE orders SET due_at = timer.due_at FROM timer
    WHERE orders.tenant_id = timer.tenant_id AND orders.id = timer.order_id
    """,
)


def upgrade() -> None:
    op.add_column(
        "order_line",
        sa.Column("counted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "orders",
        sa.Column("natural_key", sa.Text(), server_default=sa.text("''"), nullable=False),
    )
    op.add_column(
        "orders",
        sa.Column("due_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "claim",
        sa.Column("order_uid", sa.Text(), server_default=sa.text("''"), nullable=False),
    )
    for statement in _MARKS:
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
