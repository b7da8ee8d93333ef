"""The table of webhooks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from captiond.archive.sql.rows import MYSQL_OPTIONS, Base, ImageId, UtcDateTime

RESULT_LENGTH = 500


class WebhookRow(Base):
    """A webhook. `secrets` and `events` are separated by spaces, the newest secret first."""

    __tablename__ = "webhooks"

    id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    url: Mapped[str] = mapped_column(String(2000))
    secrets: Mapped[str] = mapped_column(String(500))
    events: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_reason: Mapped[str | None] = mapped_column(String(RESULT_LENGTH))
    attempted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    succeeded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[str | None] = mapped_column(String(RESULT_LENGTH))
    failures: Mapped[int] = mapped_column(Integer, server_default="0")

    __table_args__ = (MYSQL_OPTIONS,)


WEBHOOKS = Base.metadata.tables[WebhookRow.__tablename__]
