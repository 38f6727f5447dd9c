"""records that others write are counted for them: an older program in a rolling upgrade, or somebody by hand.

This program counts itself (kept_records.py) and says so in its session. A SQLite file has one process.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_COUNTED = """
CREATE FUNCTION record_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO record_version (tenant_id, kind, slot, version)
    SELECT tenant_id, kind, -1, 1 FROM written
    UNION SELECT 0, 'any settings', -1, 1 FROM written WHERE kind = 'settings'
    ORDER BY 1, 2
    ON CONFLICT (tenant_id, kind, slot) DO UPDATE SET version = record_version.version + 1;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER record_{name} AFTER {event} ON record REFERENCING {rows} TABLE AS written
FOR EACH STATEMENT WHEN (coalesce(current_setting('orderhub.counts', true), '') <> 'on')
EXECUTE FUNCTION record_written()
"""


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql(_COUNTED)
    for name, event, rows in (
        ("inserted", "INSERT", "NEW"),
        ("updated", "UPDATE", "NEW"),
        ("deleted", "DELETE", "OLD"),
    ):
        connection.exec_driver_sql(_TRIGGER.format(name=name, event=event, rows=rows))


def downgrade() -> None:
    raise NotImplementedError("ledgers are not taken back: restore a backup")
