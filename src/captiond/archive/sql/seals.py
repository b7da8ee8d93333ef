"""The tables of seals and of the records that each contains."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Index, LargeBinary, String, Text, exists, func, insert, select, update
from sqlalchemy import type_coerce as coerce
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import NullType

from captiond.archive.seals import Leaf, RecordKind, StoredSeal
from captiond.archive.sql.all_rows import UUID_BYTES
from captiond.archive.sql.lifecycle_tables import TOMBSTONES
from captiond.archive.sql.rows import IMAGES, MYSQL_OPTIONS, Base, ImageId, sha256_column


class SealRow(Base):
    """A seal. Number 1 is the first."""

    __tablename__ = "seals"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    statement: Mapped[str] = mapped_column(Text)
    signature: Mapped[str | None] = mapped_column(Text)
    time_stamp: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (MYSQL_OPTIONS,)


class SealedRecordRow(Base):
    """A leaf of the tree of a seal. An image without a row of the kind `image` is not sealed yet."""

    __tablename__ = "sealed_records"

    image_id: Mapped[UUID] = mapped_column(ImageId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    seal_number: Mapped[int]
    leaf_index: Mapped[int]
    leaf_hash: Mapped[bytes] = mapped_column(sha256_column())

    __table_args__ = (
        Index(None, "seal_number", "leaf_index", unique=True),
        MYSQL_OPTIONS,
    )


SEALS = Base.metadata.tables[SealRow.__tablename__]
RECORDS = Base.metadata.tables[SealedRecordRow.__tablename__]
_RAW_ID: ColumnElement[Any] = coerce(IMAGES.c.id, NullType())


def read_last_seal(connection: Connection) -> StoredSeal | None:
    """Return the newest seal."""
    row = connection.execute(select(SEALS).order_by(SEALS.c.number.desc()).limit(1)).mappings().first()
    return StoredSeal(**row) if row else None


def read_seal(connection: Connection, number: int) -> StoredSeal | None:
    """Return the seal with this number."""
    row = connection.execute(select(SEALS).where(SEALS.c.number == number)).mappings().first()
    return StoredSeal(**row) if row else None


def read_seals(connection: Connection, after: int, limit: int) -> list[StoredSeal]:
    """Return seals with greater numbers, in their order."""
    query = select(SEALS).where(SEALS.c.number > after).order_by(SEALS.c.number).limit(limit)
    return [StoredSeal(**row) for row in connection.execute(query).mappings()]


def find_unsealed_images(
    connection: Connection, after: UUID | None, limit: int, stored_before: datetime | None = None
) -> list[UUID]:
    """Return ids of images that no seal contains, in their order. Ids that are no UUIDs are left out."""
    is_sealed = exists().where(RECORDS.c.image_id == IMAGES.c.id, RECORDS.c.kind == RecordKind.IMAGE)
    query = select(_RAW_ID).where(~is_sealed).order_by(IMAGES.c.id).limit(limit)
    if after is not None:
        query = query.where(IMAGES.c.id > after)
    if stored_before is not None:
        query = query.where(IMAGES.c.stored_at < stored_before)
    return [id_ for id_ in map(_parse_id, connection.scalars(query)) if id_]


def find_unsealed_deletions(connection: Connection, after: UUID | None, limit: int) -> list[UUID]:
    """Return ids of deleted images whose deletion no seal contains, in their order."""
    is_sealed = exists().where(RECORDS.c.image_id == TOMBSTONES.c.id, RECORDS.c.kind == RecordKind.DELETION)
    query = select(TOMBSTONES.c.id).where(~is_sealed).order_by(TOMBSTONES.c.id).limit(limit)
    if after is not None:
        query = query.where(TOMBSTONES.c.id > after)
    return list(connection.scalars(query))


def insert_seal(connection: Connection, seal: StoredSeal, leaves: Sequence[Leaf]) -> None:
    """Insert a seal with its records. Raises IntegrityError if its number is taken or a record is sealed."""
    connection.execute(insert(SEALS).values(number=seal.number, statement=seal.statement, signature=seal.signature))
    rows = [
        {
            "image_id": leaf.image_id,
            "kind": leaf.kind.value,
            "seal_number": seal.number,
            "leaf_index": index,
            "leaf_hash": leaf.hash,
        }
        for index, leaf in enumerate(leaves)
    ]
    if rows:
        connection.execute(insert(RECORDS), rows)


def store_time_stamp(connection: Connection, number: int, time_stamp: bytes) -> None:
    """Store the time stamp of a seal that has none."""
    statement = update(SEALS).where(SEALS.c.number == number, SEALS.c.time_stamp.is_(None))
    connection.execute(statement.values(time_stamp=time_stamp))


def read_leaves(connection: Connection, number: int) -> list[tuple[int, Leaf]]:
    """Return the records of a seal with their indexes, in their order. Raises ValueError for an unreadable one."""
    columns = (RECORDS.c.leaf_index, RECORDS.c.kind, RECORDS.c.image_id, RECORDS.c.leaf_hash)
    query = select(*columns).where(RECORDS.c.seal_number == number).order_by(RECORDS.c.leaf_index, RECORDS.c.kind)
    return [
        (index, Leaf(RecordKind(kind), id_, _check_hash(hash_)))
        for index, kind, id_, hash_ in connection.execute(query)
    ]


def read_leaf_hashes(connection: Connection, number: int) -> list[bytes]:
    """Return the hashes of the records of a seal, in their order. Raises ValueError for an unreadable one."""
    query = select(RECORDS.c.leaf_hash).where(RECORDS.c.seal_number == number)
    return list(map(_check_hash, connection.scalars(query.order_by(RECORDS.c.leaf_index, RECORDS.c.kind))))


def find_place(connection: Connection, kind: RecordKind, image_id: UUID) -> tuple[int, int] | None:
    """Return the number of the seal that contains a record, and its index there."""
    query = select(RECORDS.c.seal_number, RECORDS.c.leaf_index).where(
        RECORDS.c.image_id == image_id, RECORDS.c.kind == kind
    )
    row = connection.execute(query).first()
    return (row[0], row[1]) if row else None


def find_last_sealed_number(connection: Connection) -> int:
    """Return the greatest number of a seal to which a record refers, 0 if there are no records."""
    return connection.scalar(select(func.max(RECORDS.c.seal_number))) or 0


def _check_hash(raw: object) -> bytes:
    """Return a hash as the driver returned it. Raises ValueError for a value of another type."""
    if not isinstance(raw, bytes):
        raise ValueError(f"{raw!r} is not a hash")  # noqa: TRY004 - unreadable, like other wrong values
    return raw


def _parse_id(raw: object) -> UUID | None:
    """Return an id as the driver returned it. SQLite stores values of any type in any column."""
    if isinstance(raw, UUID):
        return raw
    return UUID(bytes=raw) if isinstance(raw, bytes) and len(raw) == UUID_BYTES else None
