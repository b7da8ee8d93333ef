# ruff: noqa: INP001 - Alembic loads this file by its path
"""Create an index for lists of damaged photos."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_DAMAGED = sa.text("damage <> 'unchecked'")
_INDEX = "ix_images_damaged"
_WITHOUT_PARTIAL_INDEXES = ("mysql", "mariadb")


def upgrade() -> None:
    """Index the damaged rows, or all rows by a generated column where the database has no partial indexes."""
    if op.get_bind().dialect.name in _WITHOUT_PARTIAL_INDEXES:
        op.execute("ALTER TABLE images ADD COLUMN is_damaged BOOLEAN AS (damage <> 'unchecked') VIRTUAL")
        op.create_index(_INDEX, "images", ["is_damaged", "received_at", "id"])
    else:
        op.create_index(_INDEX, "images", ["received_at", "id"], sqlite_where=_DAMAGED, postgresql_where=_DAMAGED)


def downgrade() -> None:
    """Drop the index."""
    op.drop_index(_INDEX, "images")
    if op.get_bind().dialect.name in _WITHOUT_PARTIAL_INDEXES:
        op.drop_column("images", "is_damaged")
