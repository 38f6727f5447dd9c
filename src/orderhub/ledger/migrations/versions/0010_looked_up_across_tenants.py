"""timers are found by their time and orders by their uid, whosever they are: one look, not one for each tenant."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("timer_of_all_tenants", "timer", ["due_at"])
    op.drop_index("orders_by_uid", table_name="orders")
    op.create_index("orders_by_uid", "orders", ["uid", "tenant_id"], unique=True)


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
