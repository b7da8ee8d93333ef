"""The table of the audit log."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from captiond.archive.sql.rows import MYSQL_OPTIONS, Base, ImageId, UtcDateTime

ACTION_LENGTH, ACTOR_LENGTH, ADDRESS_LENGTH, RESULT_LENGTH, DETAIL_LENGTH = 64, 255, 64, 64, 500
_HAS_IMAGE = text("image_id IS NOT NULL")


class AuditRow(Base):
    """An entry. Its id is a UUIDv7, so that the primary key sorts by time. Triggers refuse changes."""

    __tablename__ = "audit_log"

    id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    action: Mapped[str] = mapped_column(String(ACTION_LENGTH))
    actor: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    key_id: Mapped[UUID | None] = mapped_column(ImageId)
    address: Mapped[str | None] = mapped_column(String(ADDRESS_LENGTH))
    image_id: Mapped[UUID | None] = mapped_column(ImageId)
    result: Mapped[str] = mapped_column(String(RESULT_LENGTH))
    detail: Mapped[str | None] = mapped_column(String(DETAIL_LENGTH))

    __table_args__ = (
        Index("ix_audit_log_action_id", "action", "id"),
        Index("ix_audit_log_image_id_id", "image_id", "id", postgresql_where=_HAS_IMAGE, sqlite_where=_HAS_IMAGE),
        {**MYSQL_OPTIONS, "sqlite_with_rowid": False},
    )


AUDIT_LOG = Base.metadata.tables[AuditRow.__tablename__]
