"""coupons are found by their code in any case: each has it in small letters among its names."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    found = connection.execute(
        sa.text("SELECT tenant_id, id, code FROM record WHERE kind = 'coupon' AND code <> ''")
    )
    # In here, since a database's own lower() knows other letters than Python's.
    names = [
        {"tenant_id": row.tenant_id, "id": row.id, "value": row.code.strip().lower()}
        for row in found
    ]
    named = [each for each in names if each["value"]]
    if named:
        connection.execute(
            sa.text(
                "INSERT INTO record_key (tenant_id, kind, name, value, id) "
                "VALUES (:tenant_id, 'coupon', 'typed', :value, :id)"
            ),
            named,
        )


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
