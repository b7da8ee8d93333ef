"""The tables of held and deleted images."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from captiond.archive.records import ACTOR_LENGTH, REASON_LENGTH
from captiond.archive.sql.rows import MYSQL_OPTIONS, Base, ImageId, UtcDateTime, sha256_column


class HoldRow(Base):
    """A legal hold of an image, whose column `held` is true."""

    __tablename__ = "holds"

    image_id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    held_at: Mapped[datetime] = mapped_column(UtcDateTime)
    held_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))

    __table_args__ = (MYSQL_OPTIONS,)


class TombstoneRow(Base):
    """The columns: the fields of `Tombstone` by name. Rows are never deleted."""

    __tablename__ = "tombstones"

    id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime)
    captured_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sha256: Mapped[bytes] = mapped_column(sha256_column())
    upload_sha256: Mapped[bytes] = mapped_column(sha256_column())
    size_bytes: Mapped[int]
    deleted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    deleted_by: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))

    __table_args__ = (Index(None, "deleted_at", "id"), MYSQL_OPTIONS)


class PendingDeletionRow(Base):
    """A deleted image whose files may still exist."""

    __tablename__ = "pending_deletions"

    image_id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    path: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[bytes] = mapped_column(sha256_column())

    __table_args__ = (MYSQL_OPTIONS,)


HOLDS = Base.metadata.tables[HoldRow.__tablename__]
TOMBSTONES = Base.metadata.tables[TombstoneRow.__tablename__]
PENDING_DELETIONS = Base.metadata.tables[PendingDeletionRow.__tablename__]
