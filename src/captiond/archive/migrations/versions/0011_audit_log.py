# ruff: noqa: INP001 - Alembic loads this file by its path
"""Create the audit log, whose rows cannot be changed, and not be deleted on their first day."""

import logging

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
_ID = _ID.with_variant(mysql.BINARY(16), "mysql", "mariadb")
_TIME = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_REASON = "audit_log: rows cannot be changed, or deleted on their first day"
_TRIGGERS = {
    "sqlite": f"""
CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, '{_REASON}'); END
--
CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log WHEN OLD.recorded_at > datetime('now', '-1 day')
BEGIN SELECT RAISE(ABORT, '{_REASON}'); END
""",
    "postgresql": f"""
CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{_REASON}' USING ERRCODE = 'insufficient_privilege'; END $$
--
CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_refuse()
--
CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log FOR EACH ROW
WHEN (OLD.recorded_at > now() - interval '1 day') EXECUTE FUNCTION audit_log_refuse()
--
CREATE TRIGGER audit_log_truncate BEFORE TRUNCATE ON audit_log EXECUTE FUNCTION audit_log_refuse()
""",
    "mariadb": f"""
CREATE TRIGGER audit_log_update BEFORE UPDATE ON audit_log FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_REASON}'
--
CREATE TRIGGER audit_log_delete BEFORE DELETE ON audit_log FOR EACH ROW
IF OLD.recorded_at > UTC_TIMESTAMP() - INTERVAL 1 DAY THEN
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_REASON}'; END IF
""",  # noqa: S608 - no input
}

logger = logging.getLogger(__name__)


def upgrade() -> None:
    """Create the table, its indexes and its triggers."""
    op.create_table(
        "audit_log",
        sa.Column("id", _ID, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(255)),
        sa.Column("key_id", _ID),
        sa.Column("address", sa.String(64)),
        sa.Column("image_id", _ID),
        sa.Column("result", sa.String(64), nullable=False),
        sa.Column("detail", sa.String(500)),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_audit_log_action_id", "audit_log", ["action", "id"])
    has_image = sa.text("image_id IS NOT NULL")
    op.create_index(
        "ix_audit_log_image_id_id",
        "audit_log",
        ["image_id", "id"],
        postgresql_where=has_image,
        sqlite_where=has_image,
    )
    _create_triggers(op.get_bind())


def _create_triggers(connection: sa.Connection) -> None:
    dialect = connection.dialect.name
    for statement in _TRIGGERS.get(dialect, _TRIGGERS["mariadb"]).split("--\n"):
        try:
            connection.exec_driver_sql(statement)
        except DBAPIError as error:
            # With a binary log, MySQL and MariaDB allow triggers to privileged users only (error 1419).
            if dialect in {"sqlite", "postgresql"}:
                raise
            logger.warning("the database does not protect the audit log: %s", error.orig)
            return


def downgrade() -> None:
    """Drop the audit log with its triggers."""
    op.drop_table("audit_log")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_refuse()")
