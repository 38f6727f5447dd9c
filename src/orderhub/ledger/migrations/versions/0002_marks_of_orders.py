"""What an order tells of itself, so that the ledger can be checked without the catalogue."""

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
)
_TIMERS = """
    UPDATE orders SET timers = '{{' || waits.timers || '}}'
    FROM (SELECT tenant_id, order_id, {joined}('"' || kind || '":' || due_at, ',') AS timers
          FROM (SELECT * FROM timer ORDER BY tenant_id, order_id, kind) AS sorted
          GROUP BY tenant_id, order_id) AS waits
    WHERE orders.tenant_id = waits.tenant_id AND orders.id = waits.order_id
    """


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
        sa.Column("timers", sa.Text(), server_default=sa.text("''"), nullable=False),
    )
    op.add_column(
        "claim",
        sa.Column("order_uid", sa.Text(), server_default=sa.text("''"), nullable=False),
    )
    is_postgres = op.get_bind().dialect.name == "postgresql"
    joined = "string_agg" if is_postgres else "group_concat"
    for statement in (*_MARKS, _TIMERS.format(joined=joined)):
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
