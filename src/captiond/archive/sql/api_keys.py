"""The table of API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from captiond.archive.sql.rows import MYSQL_OPTIONS, Base, ImageId, UtcDateTime, sha256_column


class ApiKeyRow(Base):
    """A key. `scopes` and `networks` are separated by spaces."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    digest: Mapped[bytes] = mapped_column(sha256_column(), unique=True)
    scopes: Mapped[str] = mapped_column(String(100))
    camera: Mapped[str | None] = mapped_column(String(64))
    networks: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (MYSQL_OPTIONS,)


API_KEYS = Base.metadata.tables[ApiKeyRow.__tablename__]
