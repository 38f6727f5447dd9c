"""hand-overs: an index fewer, and two smaller ones."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("hand_over_by_arrival", "hand_over")
    op.drop_index("hand_over_by_state", "hand_over")
    op.create_index("hand_over_by_state", "hand_over", ["tenant_id", "state", "created_at"])
    op.drop_index("hand_over_by_number", "hand_over")
    has_number = sa.text("number <> ''")
    op.create_index(
        "hand_over_by_number",
        "hand_over",
        ["tenant_id", "connection_id", "number"],
        sqlite_where=has_number,
        postgresql_where=has_number,
    )


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
