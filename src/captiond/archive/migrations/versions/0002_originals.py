# ruff: noqa: INP001 - Alembic loads this file by its path
"""Add the reason of a re-encoding, and whether the upload is stored."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Earlier versions re-encoded every image and stored no uploads."""
    op.add_column("images", sa.Column("redraw_reason", sa.String(200)))
    op.add_column("images", sa.Column("has_original", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE images SET redraw_reason = 'archived before photos were left as they are'")


def downgrade() -> None:
    """Drop the columns. The files of the uploads stay."""
    with op.batch_alter_table("images") as images:
        images.drop_column("has_original")
        images.drop_column("redraw_reason")
