# ruff: noqa: INP001 - Alembic loads this file by its path
"""Create the table of the deployment id. `migrate` inserts its only row."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
_ID = _ID.with_variant(mysql.BINARY(16), "mysql", "mariadb")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "deployment",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_deployment"),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )


def downgrade() -> None:
    """Drop the table. The next upgrade creates another id."""
    op.drop_table("deployment")
