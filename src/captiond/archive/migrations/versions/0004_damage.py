# ruff: noqa: INP001 - Alembic loads this file by its path
"""Add the damage of the photo."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Earlier versions checked no photo, so the default holds for their rows."""
    op.add_column("images", sa.Column("damage", sa.String(200), server_default="unchecked"))


def downgrade() -> None:
    """Drop the column. Not in batch mode, which copies the table on SQLite and loses its triggers."""
    op.drop_column("images", "damage")
