"""people: who may sign in at the desk, their roles, sessions and links."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("uid", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("password", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("totp", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("totp_used", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("language", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("signed_in_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("uid"),
        sa.UniqueConstraint("email"),
    )
    op.create_table(
        "person_link",
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("person", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("person_link", schema=None) as batch_op:
        batch_op.create_index("person_link_of_person", ["person"], unique=False)

    op.create_table(
        "person_role",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "person"),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("person_role", schema=None) as batch_op:
        batch_op.create_index("person_role_of_person", ["person", "tenant_id"], unique=False)

    op.create_table(
        "person_session",
        sa.Column("id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("person", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("looks_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_waiting", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("proven_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("address", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("browser", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("person_session", schema=None) as batch_op:
        batch_op.create_index("person_session_by_use", ["seen_at"], unique=False)
        batch_op.create_index("person_session_of_person", ["person", "seen_at"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
