"""what the desk reads: an order's deliveries, pools by what is left; and the guesses at its passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("delivery_of_order", "delivery", ["tenant_id", "about", "webhook_id", "id"])
    op.create_index("pool_by_left", "pool", ["tenant_id", "kind", "available", "subject", "place"])
    op.create_table(
        "guess",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("n", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("guess_by_age", "guess", ["since"])


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
