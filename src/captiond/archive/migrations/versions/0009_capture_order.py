# ruff: noqa: INP001 - Alembic loads this file by its path
"""Add the indexes of lists ordered by time of capture: of all images and per camera."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_BY_CAPTURE = "ix_images_captured_at_id"
_BY_CAMERA = "ix_images_camera_captured_at_id"
_BEFORE = "ix_images_captured_at_received_at_id"


def upgrade() -> None:
    """Replace the index on the time of capture, and add an index on camera and time of capture."""
    op.drop_index(_BEFORE, "images")
    _create(_BY_CAPTURE, ["captured_at", "id"])
    _create(_BY_CAMERA, ["camera", "captured_at", "id"])


def downgrade() -> None:
    """Restore the index of revision 0008."""
    op.drop_index(_BY_CAMERA, "images")
    op.drop_index(_BY_CAPTURE, "images")
    _create(_BEFORE, ["captured_at", "received_at", "id"])


def _create(name: str, columns: list[str]) -> None:
    has_field = sa.text(f"{columns[0]} IS NOT NULL")
    op.create_index(name, "images", columns, postgresql_where=has_field, sqlite_where=has_field)
