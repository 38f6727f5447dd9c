"""calls are kept for a while, with their answers: the request log."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "request_log",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("channel", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("method", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("path", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("status", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("credential", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("summary", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.Column("exchange", sa.Text(), server_default=sa.text("('')"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    with op.batch_alter_table("request_log", schema=None) as batch_op:
        batch_op.create_index(
            "request_log_by_arrival", ["tenant_id", "recorded_at", "id"], unique=False
        )
        batch_op.create_index(
            "request_log_by_channel", ["tenant_id", "channel", "recorded_at", "id"], unique=False
        )
        batch_op.create_index(
            "request_log_by_credential",
            ["tenant_id", "credential", "recorded_at", "id"],
            unique=False,
        )
        batch_op.create_index(
            "request_log_by_path", ["tenant_id", "path", "recorded_at", "id"], unique=False
        )
        batch_op.create_index(
            "request_log_by_reason", ["tenant_id", "reason", "recorded_at", "id"], unique=False
        )
        batch_op.create_index(
            "request_log_by_status", ["tenant_id", "status", "recorded_at", "id"], unique=False
        )
        batch_op.create_index(
            "request_log_of_all_tenants", ["recorded_at", "tenant_id", "id"], unique=False
        )


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
