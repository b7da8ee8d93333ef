# ruff: noqa: INP001 - Alembic loads this file by its path
"""Add the drawn text, the time of capture, the camera and the labels."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.LargeBinary(16).with_variant(sa.Uuid(), "postgresql")
_ID = _ID.with_variant(mysql.BINARY(16), "mysql", "mariadb")
_TIME = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add the columns, the table of labels, and the indexes of the filters."""
    op.add_column("images", sa.Column("caption", sa.Text()))
    op.add_column("images", sa.Column("captured_at", _TIME))
    op.add_column("images", sa.Column("camera", sa.String(64)))
    op.add_column("images", sa.Column("labels", sa.Text()))
    for name, columns in (
        ("ix_images_camera_received_at_id", ["camera", "received_at", "id"]),
        ("ix_images_captured_at_received_at_id", ["captured_at", "received_at", "id"]),
    ):
        # Images without the field cost nothing where the database has partial indexes.
        has_field = sa.text(f"{columns[0]} IS NOT NULL")
        op.create_index(name, "images", columns, postgresql_where=has_field, sqlite_where=has_field)
    op.create_table(
        "image_labels",
        sa.Column("image_id", _ID, nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("value", sa.String(200), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("image_id", "name", name="pk_image_labels"),
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )
    op.create_index(
        "ix_image_labels_name_value_received_at_image_id", "image_labels", ["name", "value", "received_at", "image_id"]
    )


def downgrade() -> None:
    """Drop the columns and the labels. Not in batch mode, which copies the table on SQLite and loses its triggers."""
    op.drop_table("image_labels")
    op.drop_index("ix_images_captured_at_received_at_id", "images")
    op.drop_index("ix_images_camera_received_at_id", "images")
    for column in ("labels", "camera", "captured_at", "caption"):
        op.drop_column("images", column)
