# ruff: noqa: INP001 - Alembic loads this file by its path
"""Create the tables of seals and of sealed records."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
_ID = _ID.with_variant(mysql.BINARY(16), "mysql", "mariadb")
_SHA256 = sa.LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "seals",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text()),
        sa.Column("time_stamp", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("number", name="pk_seals"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )
    op.create_table(
        "sealed_records",
        sa.Column("image_id", _ID, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("seal_number", sa.Integer(), nullable=False),
        sa.Column("leaf_index", sa.Integer(), nullable=False),
        sa.Column("leaf_hash", _SHA256, nullable=False),
        sa.PrimaryKeyConstraint("image_id", "kind", name="pk_sealed_records"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )
    op.create_index(
        "ix_sealed_records_seal_number_leaf_index", "sealed_records", ["seal_number", "leaf_index"], unique=True
    )


def downgrade() -> None:
    """Drop all seals."""
    op.drop_table("sealed_records")
    op.drop_table("seals")
