# ruff: noqa: INP001 - Alembic loads this file by its path
"""Add holds, and the tables of deleted images."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
_ID = _ID.with_variant(mysql.BINARY(16), "mysql", "mariadb")
_TIME = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_SHA256 = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("images", sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "holds",
        sa.Column("image_id", _ID, nullable=False),
        sa.Column("held_at", _TIME, nullable=False),
        sa.Column("held_by", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.PrimaryKeyConstraint("image_id", name="pk_holds"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )
    op.create_table(
        "tombstones",
        sa.Column("id", _ID, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("stored_at", _TIME, nullable=False),
        sa.Column("captured_at", _TIME),
        sa.Column("sha256", _SHA256, nullable=False),
        sa.Column("upload_sha256", _SHA256, nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("deleted_at", _TIME, nullable=False),
        sa.Column("deleted_by", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_tombstones"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )
    op.create_index("ix_tombstones_deleted_at_id", "tombstones", ["deleted_at", "id"])
    op.create_table(
        "pending_deletions",
        sa.Column("image_id", _ID, nullable=False),
        sa.Column("path", sa.String(255), nullable=False),
        sa.Column("sha256", _SHA256, nullable=False),
        sa.PrimaryKeyConstraint("image_id", name="pk_pending_deletions"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )


def downgrade() -> None:
    """Drop holds and tombstones. Not in batch mode, which copies the table on SQLite and loses its triggers."""
    for table in ("pending_deletions", "tombstones", "holds"):
        op.drop_table(table)
    op.drop_column("images", "held")
