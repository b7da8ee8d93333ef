# ruff: noqa: INP001 - Alembic loads this file by its path
"""Why a photo was encoded anew, and whether its upload is kept beside it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Images of before were all encoded anew, without a word and without their uploads."""
    op.add_column("images", sa.Column("redraw_reason", sa.String(200)))
    op.add_column("images", sa.Column("has_original", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE images SET redraw_reason = 'archived before photos were left as they are'")


def downgrade() -> None:
    """Forget both; the files of originals stay."""
    with op.batch_alter_table("images") as images:
        images.drop_column("has_original")
        images.drop_column("redraw_reason")
