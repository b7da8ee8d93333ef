"""The table of images, and rows by id. Other packages get `StoredImage`, never rows."""

import json
from collections.abc import Collection, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Dialect,
    Index,
    Insert,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    bindparam,
    false,
    func,
    insert,
    select,
    text,
)
from sqlalchemy import column as sql_column
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeEngine

from captiond.archive.records import (
    CAMERA_LENGTH,
    DAMAGE_LENGTH,
    DESCRIPTION_LENGTH,
    LABEL_NAME_LENGTH,
    LABEL_VALUE_LENGTH,
    REENCODE_REASON_LENGTH,
    Record,
    StoredImage,
    fold,
)
from captiond.image import NO_LABELS, UNCHECKED, Labels

PAGE_INDEX = "ix_images_received_at_id"
SEARCH_INDEX = "ix_images_description_folded"  # on PostgreSQL, if pg_trgm is available
DAMAGED_INDEX, DAMAGED_COLUMN = "ix_images_damaged", "is_damaged"
"""The index has the damaged rows. MariaDB and MySQL, without partial indexes, have all rows in it, by this column."""
MYSQL_OPTIONS = {
    f"{name}_{key}": value
    for name in ("mysql", "mariadb")
    for key, value in {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}.items()
}
_IDS_PER_STATEMENT = 500  # databases limit the parameters of a statement
_FOLDING_GROWTH = 3  # full case folding maps a code point to at most three (Unicode 3.13)


class UtcDateTime(TypeDecorator[datetime]):
    """A time in UTC with microseconds, on every database. Aware in Python."""

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
            raise ValueError(f"{value} has no time zone; pass an aware time")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class ImageId(TypeDecorator[UUID]):
    """A UUID: native on PostgreSQL, 16 bytes elsewhere. UUIDv7 sort by time."""

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


class LabelsAsJson(TypeDecorator[Labels]):
    """Labels as a JSON object in text; null for none."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Labels | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - the signature is SQLAlchemy's
        return json.dumps(value, ensure_ascii=False) if value else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> Labels:  # noqa: ARG002 - the signature is SQLAlchemy's
        return Labels(json.loads(value)) if value else NO_LABELS


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can refer to it on any database."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


def sha256_column() -> LargeBinary:
    return LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


def _partial_index(*columns: str) -> Index:
    """An index of the rows with a first column, where the database has partial indexes; elsewhere, of all rows."""
    condition = text(f"{columns[0]} IS NOT NULL")
    return Index(None, *columns, postgresql_where=condition, sqlite_where=condition)


class ImageRow(Base):
    """The columns: the fields of `StoredImage` by name, and the search text."""

    __tablename__ = "images"

    id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stored_at: Mapped[datetime] = mapped_column(UtcDateTime)
    description: Mapped[str] = mapped_column(String(DESCRIPTION_LENGTH))
    # Case-folded in Python: databases fold by different rules, some only ASCII.
    description_folded: Mapped[str] = mapped_column(String(DESCRIPTION_LENGTH * _FOLDING_GROWTH))
    path: Mapped[str] = mapped_column(String(255))
    width: Mapped[int]
    height: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(sha256_column())
    upload_sha256: Mapped[bytes] = mapped_column(sha256_column())
    # Columns `bytes` and `redraw_reason` have the names of earlier releases, which databases and clients hold.
    size_bytes: Mapped[int] = mapped_column("bytes", key="size_bytes")
    reencode_reason: Mapped[str | None] = mapped_column(
        "redraw_reason", String(REENCODE_REASON_LENGTH), key="reencode_reason"
    )
    has_original: Mapped[bool] = mapped_column(server_default=false())
    # The default is for archivers of earlier versions, which omit the column.
    damage: Mapped[str | None] = mapped_column(String(DAMAGE_LENGTH), server_default=UNCHECKED)
    caption: Mapped[str | None] = mapped_column(Text)
    captured_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    camera: Mapped[str | None] = mapped_column(String(CAMERA_LENGTH))
    labels: Mapped[Labels | None] = mapped_column(LabelsAsJson)
    held: Mapped[bool] = mapped_column(server_default=false())

    __table_args__ = (
        Index(PAGE_INDEX, "received_at", "id"),
        _partial_index("camera", "received_at", "id"),
        _partial_index("camera", "captured_at", "id"),
        _partial_index("captured_at", "id"),
        Index(
            SEARCH_INDEX,
            "description_folded",
            postgresql_using="gin",
            postgresql_ops={"description_folded": "gin_trgm_ops"},
        ),
        MYSQL_OPTIONS,
    )


class LabelRow(Base):
    """The labels of all images, for filters. The column `labels` of an image has them too, for reading."""

    __tablename__ = "image_labels"

    image_id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    name: Mapped[str] = mapped_column(String(LABEL_NAME_LENGTH), primary_key=True)
    value: Mapped[str] = mapped_column(String(LABEL_VALUE_LENGTH))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)  # of the image, so that the index has the list's order

    __table_args__ = (Index(None, "name", "value", "received_at", "image_id"), MYSQL_OPTIONS)


LABELS = Base.metadata.tables[LabelRow.__tablename__]


class DeploymentRow(Base):
    """The deployment id, in a single row."""

    __tablename__ = "deployment"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(ImageId)

    __table_args__ = ({"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB"},)


IMAGES = Base.metadata.tables[ImageRow.__tablename__]
DEPLOYMENT = Base.metadata.tables[DeploymentRow.__tablename__]
# Core rows instead of mapped objects, which cost several times as much and would never be changed.
COLUMNS = tuple(IMAGES.c[field.name].label(field.name) for field in fields(StoredImage))


def insert_new(session: Session, records: Collection[Record]) -> dict[UUID, StoredImage]:
    """Insert rows for the ids that have none. Returns the rows of all the ids; existing rows stay as they are.

    No other transaction can delete them until this one ends. An id whose row was deleted meanwhile is missing.
    """
    now, dialect = datetime.now(UTC), session.get_bind().dialect.name
    # Archivers that lock the same rows in the same order cannot deadlock.
    images = [record.to_stored(now) for record in sorted(records, key=lambda record: record.image.id)]
    values = [{**vars(image), "description_folded": fold(image.description)} for image in images]
    arrays = {column.key: [row[column.key] for row in values] for column in IMAGES.c}
    result = session.connection().execute(_insert(dialect), arrays if dialect == "postgresql" else values)
    inserted_ids = set(result.scalars()) if result.returns_rows else set()
    inserted = {image.id: image for image in images if image.id in inserted_ids}
    rows = inserted | find_many(session, {image.id for image in images} - inserted.keys(), lock=True)
    _insert_labels(session, [image for image in images if image.labels and rows.get(image.id) == image])
    return rows


def count_rows(session: Session) -> int:
    """Count the rows."""
    return session.execute(select(func.count()).select_from(IMAGES)).scalar_one()


def find_many(session: Session, ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, StoredImage]:
    """Return the archived images by id. Any number of ids is accepted. `lock` keeps their rows until the commit."""
    found = {}
    for chunk in _chunks(ids):
        query = select(*COLUMNS).where(IMAGES.c.id.in_(chunk)).order_by(IMAGES.c.id)
        rows = session.connection().execute(query.with_for_update() if lock else query)
        found.update({image.id: image for image in (StoredImage(**row) for row in rows.mappings())})
    return found


def find_ids(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Return those ids, of any number, that have a row."""
    found = set[UUID]()
    for chunk in _chunks(ids):
        found.update(session.scalars(select(IMAGES.c.id).where(IMAGES.c.id.in_(chunk))))
    return found


def _chunks(ids: Collection[UUID]) -> Iterator[list[UUID]]:
    asked = list(ids)
    return (asked[start : start + _IDS_PER_STATEMENT] for start in range(0, len(asked), _IDS_PER_STATEMENT))


def _insert_labels(session: Session, images: Collection[StoredImage]) -> None:
    """Insert the labels of images whose rows are new."""
    values = [
        {"image_id": image.id, "name": name, "value": value, "received_at": image.received_at}
        for image in images
        for name, value in image.labels.items()
    ]
    if values:
        session.connection().execute(insert(LABELS), values)


def _insert(dialect: str) -> Insert:
    """Insert the rows whose id is new. Returns their ids, except on MySQL, which cannot."""
    match dialect:
        case "postgresql":
            return _INSERT_ARRAYS
        case "sqlite":
            return sqlite.insert(IMAGES).on_conflict_do_nothing(index_elements=[IMAGES.c.id]).returning(IMAGES.c.id)
        case _:
            # INSERT IGNORE would also turn a truncated description or a missing value into a warning.
            return mysql.insert(IMAGES).on_duplicate_key_update(id=IMAGES.c.id)


def _insert_arrays() -> Insert:
    """An array per column makes one statement of any number of rows, for psycopg sends one per row otherwise."""
    arrays = [bindparam(column.key, type_=postgresql.ARRAY(column.type)) for column in IMAGES.c]
    columns = (sql_column(column.name, column.type) for column in IMAGES.c)
    rows = func.unnest(*arrays).table_valued(*columns, name="new").render_derived()
    new_rows = postgresql.insert(IMAGES).from_select(list(IMAGES.c), select(*rows.c), include_defaults=False)
    return new_rows.on_conflict_do_nothing(index_elements=[IMAGES.c.id]).returning(IMAGES.c.id)


_INSERT_ARRAYS = _insert_arrays()
