"""coupons are found by their code in any case: each has it in small letters among its names."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FOUND = sa.text(
    "SELECT tenant_id, id, code, names FROM record WHERE kind = 'coupon' AND code <> ''"
)
_NAMED = sa.text(
    "INSERT INTO record_key (tenant_id, kind, name, value, id) "
    "VALUES (:tenant_id, 'coupon', 'typed', :value, :id) ON CONFLICT DO NOTHING"
)
_TOLD = sa.text(
    "UPDATE record SET names = :names WHERE tenant_id = :tenant_id AND kind = 'coupon' AND id = :id"
)


def upgrade() -> None:
    connection = op.get_bind()
    changed = []
    for row in connection.execute(_FOUND):
        # In here, since a database's own lower() knows other letters than Python's.
        code = row.code.strip().lower()
        if code:
            names = json.loads(row.names) if row.names else []
            if ["typed", code] not in names:
                names.append(["typed", code])
            text = json.dumps(names, ensure_ascii=False, separators=(",", ":"))
            changed.append({"tenant_id": row.tenant_id, "id": row.id, "value": code, "names": text})
    if changed:
        connection.execute(_NAMED, changed)
        connection.execute(_TOLD, changed)


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
