"""hand-overs: what was sent, and what of it is known to be off there.

What was sent before says nothing of it, and is taken for what was ordered.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "hand_over", sa.Column("there", sa.Text(), server_default=sa.text("''"), nullable=False)
    )


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
