"""Stores one file and one row per image with SQLAlchemy's ORM, one session and one commit each."""

from datetime import UTC, datetime

from benchmarks.pipeline.peers.settings import DATABASE_URL, IMAGES_DIR
from sqlalchemy import DateTime, String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """The tables."""


class ImageRow(Base):
    """One captioned image."""

    __tablename__ = "images"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    description: Mapped[str] = mapped_column(String(200))
    path: Mapped[str] = mapped_column(String(255))
    stored_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


engine = create_engine(DATABASE_URL)


def create_tables() -> None:
    Base.metadata.create_all(engine)


def store(image_id: str, description: str, captioned: bytes) -> None:
    """Write the file, then the row. The primary key rejects a second delivery."""
    path = f"{image_id}.jpg"
    (IMAGES_DIR / path).write_bytes(captioned)
    with Session(engine) as session:
        session.add(ImageRow(id=image_id, description=description, path=path, stored_at=datetime.now(UTC)))
        session.commit()
