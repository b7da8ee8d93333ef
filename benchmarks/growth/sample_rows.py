"""Sample rows of an archive, without files, in large numbers."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeAlias
from uuid import UUID

from benchmarks.inputs.texts import ENGLISH, RUSSIAN
from sqlalchemy import Engine, bindparam, update

from captiond.archive.records import Cursor
from captiond.archive.sql.rows import IMAGES

FREQUENT, FREQUENT_PART = "ежечасно", 20
SOME, SOME_PART = "изредка", 1000
RARE, RARE_ROWS = "раритет", 10
DAMAGED_ROWS = 1000

_START = datetime(2026, 1, 1, tzinfo=UTC)
_APART = timedelta(milliseconds=100)
_WORDS_PER_ROW = 6
_ROWS_PER_STATEMENT = 2000
COLUMNS = (
    "id, received_at, stored_at, description, description_folded, path, width, height, sha256, upload_sha256, "
    "bytes, has_original"
)
Row: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a row, counted from the oldest."""

    number: int

    @property
    def received_at(self) -> datetime:
        """Ten images per second."""
        return _START + self.number * _APART

    @property
    def id(self) -> UUID:
        """A UUIDv7, as the API creates it."""
        milliseconds = int(self.received_at.timestamp() * 1000)
        tail = int.from_bytes(hashlib.sha256(self.number.to_bytes(8, "big")).digest()[:10], "big")
        return UUID(int=milliseconds << 80 | 7 << 76 | (tail >> 62 & 0xFFF) << 64 | 2 << 62 | tail & (1 << 62) - 1)

    @property
    def cursor(self) -> Cursor:
        """The cursor of the page that follows this row."""
        return (self.received_at, self.id)


def insert_rows(engine: Engine, count: int) -> None:
    """Insert `count` rows into the empty table of images, then update the statistics of the query planner."""
    bulk_insert(engine, "images", COLUMNS, sample_rows(count))


def bulk_insert(engine: Engine, table: str, columns: str, rows: Iterator[Row]) -> None:
    """Insert rows in the fastest way of the database, then update the statistics of its query planner."""
    connection = engine.raw_connection()
    cursor = connection.cursor()
    width = len(columns.split(","))
    match engine.dialect.name:
        case "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            connection.commit()
            connection.driver_connection.autocommit = True  # type: ignore[union-attr]  # a psycopg connection
            cursor.execute(f"VACUUM ANALYZE {table}")
            connection.driver_connection.autocommit = False  # type: ignore[union-attr]  # the same
        case "sqlite":
            cursor.execute("PRAGMA synchronous = OFF")
            insert = f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * width)})"  # noqa: S608 - constant names
            encoded = map(_for_sqlite, rows)
            while batch := list(islice(encoded, _ROWS_PER_STATEMENT)):
                cursor.executemany(insert, batch)
            connection.commit()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        case _:
            insert = f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * width)})"  # noqa: S608 - the same
            encoded = map(_for_mariadb, rows)
            while batch := list(islice(encoded, _ROWS_PER_STATEMENT)):
                cursor.executemany(insert, batch)
            connection.commit()
            cursor.execute(f"ANALYZE TABLE {table}")
    connection.close()
    engine.dispose()


def mark_damaged(engine: Engine, count: int) -> None:
    """Mark some of `count` rows as damaged photos. The others are unchecked."""
    damage = update(IMAGES).where(IMAGES.c.id == bindparam("place")).values(damage="the scan ends early (MCU 41 of 80)")
    damaged = {round((part + 0.5) * count / DAMAGED_ROWS) for part in range(DAMAGED_ROWS)}
    with engine.begin() as connection:
        connection.execute(damage, [{"place": Place(number).id} for number in damaged])
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE images")
    engine.dispose()


def sample_rows(count: int) -> Iterator[Row]:
    """Rows of the table of images in the order of COLUMNS, oldest first."""
    random_ = random.Random(1)
    vocabulary = f"{RUSSIAN} {ENGLISH}".split()
    rare = {round((part + 0.5) * count / RARE_ROWS) for part in range(RARE_ROWS)}
    for number in range(count):
        words = random_.choices(vocabulary, k=_WORDS_PER_ROW)
        if number in rare:
            words[-1] = RARE
        elif number % SOME_PART == SOME_PART // 2:
            words[-1] = SOME
        if number % FREQUENT_PART == 0:
            words[0] = FREQUENT
        place, text = Place(number), " ".join(words)
        at, id_, digest = place.received_at, place.id, random_.randbytes(32)
        about = (text.capitalize(), text.casefold(), f"{at:%Y/%m/%d/%H%M}/{id_}.jpg", 640, 512)
        yield (id_, at, at, *about, digest, digest, 60_000, False)


def _for_sqlite(row: Row) -> Row:
    return tuple(
        value.bytes
        if isinstance(value, UUID)
        else f"{value:%Y-%m-%d %H:%M:%S.%f}"
        if isinstance(value, datetime)
        else value
        for value in row
    )


def _for_mariadb(row: Row) -> Row:
    return tuple(
        value.bytes if isinstance(value, UUID) else value.replace(tzinfo=None) if isinstance(value, datetime) else value
        for value in row
    )
