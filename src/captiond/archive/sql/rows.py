"""The table of images, and rows by their ids. Nothing mapped leaves this package."""

import unicodedata
from collections.abc import Collection
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Dialect,
    Index,
    Insert,
    LargeBinary,
    MetaData,
    Row,
    String,
    TypeDecorator,
    bindparam,
    false,
    func,
    select,
)
from sqlalchemy import column as sql_column
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeEngine

from captiond.archive.records import (
    DESCRIPTION_LENGTH,
    REENCODE_REASON_LENGTH,
    Record,
    StoredImage,
)

SEARCH_INDEX = "ix_images_description_folded"  # of PostgreSQL, if it has pg_trgm
_TABLE_OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}
_IDS_A_STATEMENT = 500  # databases bound the parameters of a statement
_FOLDING_GROWTH = 3  # full case folding makes at most three code points of one (Unicode, 3.13)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant with microseconds: aware and UTC in Python, UTC in every database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime]:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; give an aware time")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class ImageId(TypeDecorator[UUID]):
    """A UUID: native on PostgreSQL, elsewhere its 16 bytes; in the order of time where version 7."""

    impl = LargeBinary(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[UUID] | TypeEngine[bytes]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.UUID(as_uuid=True))
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.BINARY(16))
        return dialect.type_descriptor(LargeBinary(16))

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> UUID | bytes | None:
        return value if value is None or dialect.name == "postgresql" else value.bytes

    def process_result_value(self, value: UUID | bytes | None, dialect: Dialect) -> UUID | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return UUID(bytes=value) if isinstance(value, bytes) else value


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can speak of it on any database."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


def _checksum() -> LargeBinary:
    return LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


class ImageRow(Base):
    """One archived image."""

    __tablename__ = "images"

    id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime)
    description: Mapped[str] = mapped_column(String(DESCRIPTION_LENGTH))
    # Each database folds letters by its own rules, if beyond ASCII at all; so Python does it.
    description_folded: Mapped[str] = mapped_column(String(DESCRIPTION_LENGTH * _FOLDING_GROWTH))
    path: Mapped[str] = mapped_column(String(255))
    width: Mapped[int]
    height: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(_checksum())
    upload_sha256: Mapped[bytes] = mapped_column(_checksum())
    size_bytes: Mapped[int] = mapped_column("bytes")
    reencode_reason: Mapped[str | None] = mapped_column("redraw_reason", String(REENCODE_REASON_LENGTH))
    has_original: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (
        Index(None, "received_at", "id"),
        Index(
            SEARCH_INDEX,
            "description_folded",
            postgresql_using="gin",
            postgresql_ops={"description_folded": "gin_trgm_ops"},
        ),
        {f"{name}_{key}": value for name in ("mysql", "mariadb") for key, value in _TABLE_OPTIONS.items()},
    )


IMAGES = Base.metadata.tables[ImageRow.__tablename__]
# Plain rows: mapped objects would cost several times as much, and are never changed.
COLUMNS = tuple(column for column in IMAGES.c if column.key != "description_folded")


def insert_new(session: Session, records: Collection[Record]) -> dict[UUID, StoredImage]:
    """Inserts rows for the ids that have none; an id that has one keeps it untouched. The rows of all of them."""
    now, dialect = datetime.now(UTC), session.get_bind().dialect.name
    # Archivers that lock the same rows in the same order cannot deadlock.
    values = [_values(record, now) for record in sorted(records, key=lambda record: record.id)]
    connection, insert = session.connection(), _insert(dialect)
    inserted: dict[Any, StoredImage] = {}
    if dialect == "postgresql":
        new = set(
            connection.scalars(insert, {column.name: [row[column.name] for row in values] for column in IMAGES.c})
        )
        inserted = {row["id"]: as_stored(SimpleNamespace(**row)) for row in values if row["id"] in new}
    else:
        connection.execute(insert, values)
    return inserted | find_many(session, {record.id for record in records} - inserted.keys())


def find_many(session: Session, ids: Collection[UUID]) -> dict[UUID, StoredImage]:
    """The images of those ids that are archived."""
    if not ids:
        return {}
    rows = session.connection().execute(select(*COLUMNS).where(IMAGES.c.id.in_(ids)))
    return {row.id: as_stored(row) for row in rows}


def find_known(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Those of any number of ids that have a row."""
    asked, known = list(ids), set[UUID]()
    for start in range(0, len(asked), _IDS_A_STATEMENT):
        chunk = asked[start : start + _IDS_A_STATEMENT]
        known.update(session.scalars(select(ImageRow.id).where(ImageRow.id.in_(chunk))))
    return known


def _insert_columns() -> Insert:
    """PostgreSQL's: an array a column makes one statement of any number of rows. It returns the new ids."""
    arrays = [bindparam(column.name, type_=postgresql.ARRAY(column.type)) for column in IMAGES.c]
    columns = (sql_column(column.name, column.type) for column in IMAGES.c)
    rows = func.unnest(*arrays).table_valued(*columns, name="new").render_derived()
    insert = postgresql.insert(IMAGES).from_select(list(IMAGES.c), select(*rows.c), include_defaults=False)
    return insert.on_conflict_do_nothing(index_elements=[IMAGES.c.id]).returning(IMAGES.c.id)


_INSERT_COLUMNS = _insert_columns()


def _insert(dialect: str) -> Insert:
    if dialect == "postgresql":
        return _INSERT_COLUMNS
    if dialect == "sqlite":
        return sqlite.insert(IMAGES).on_conflict_do_nothing(index_elements=[IMAGES.c.id])
    # INSERT IGNORE would also turn a cut description or a missing value into a warning.
    return mysql.insert(IMAGES).on_duplicate_key_update(id=IMAGES.c.id)


def _values(record: Record, stored_at: datetime) -> dict[str, UUID | datetime | str | int | bytes | None]:
    return {
        "id": record.id,
        "received_at": record.received_at.astimezone(UTC),
        "stored_at": stored_at,
        "description": record.description,
        "description_folded": fold(record.description),
        "path": record.path,
        "width": record.width,
        "height": record.height,
        "bytes": len(record.jpeg),
        "sha256": record.sha256,
        "upload_sha256": record.upload_sha256,
        "redraw_reason": record.reencode_reason and record.reencode_reason[:REENCODE_REASON_LENGTH],
        "has_original": record.original is not None,
    }


def as_stored(row: Row[Any] | SimpleNamespace) -> StoredImage:
    """What a row of `COLUMNS` says, or the values that made it."""
    return StoredImage(
        id=row.id,
        received_at=row.received_at,
        stored_at=row.stored_at,
        description=row.description,
        path=row.path,
        width=row.width,
        height=row.height,
        bytes=row.bytes,
        sha256=row.sha256.hex(),
        upload_sha256=row.upload_sha256.hex(),
        reencode_reason=row.redraw_reason,
        has_original=row.has_original,
    )


def fold(text: str) -> str:
    """Text without case, composed; what differs in case alone folds to the same."""
    return unicodedata.normalize("NFC", text.casefold())
