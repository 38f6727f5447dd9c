"""how often the records of each kind were written, so that what a process keeps of them is known to stand."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "record_version",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "slot"),
        sqlite_with_rowid=False,
    )
    # A tenant that has none of its own was removed.
    op.execute(
        "INSERT INTO record_version (tenant_id, kind, slot, version) "
        "SELECT id, 'settings', 0, 1 FROM tenant"
    )


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
