"""Reads every row, also those that an ordinary query cannot read. For verification."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Engine, Select, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from captiond.archive.records import StoredImage
from captiond.archive.sql.rows import COLUMNS, IMAGES

UUID_BYTES, DIGEST_BYTES = 16, sha256().digest_size
_PAGE_ROWS = 500
_POSITIVE = frozenset({"width", "height", "size_bytes"})
_KINDS: dict[str, type] = {
    "id": UUID,
    **dict.fromkeys(("received_at", "stored_at"), datetime),
    **dict.fromkeys(("description", "path"), str),
    **dict.fromkeys(_POSITIVE, int),
    **dict.fromkeys(("sha256", "upload_sha256"), bytes),
}
# As the driver returns it: the value of a damaged row may not be a UUID.
_RAW_ID = type_coerce(IMAGES.c.id, NullType())


class UnreadableRow(NamedTuple):
    """A row that has no valid value in some column. `id` is None if that is the column, and `key` its value then."""

    id: UUID | None
    key: str
    reason: str


def read_all_rows(engine: Engine) -> Iterator[StoredImage | UnreadableRow]:
    """Yield every row, ordered by id."""
    after: list[Any] = []
    while keys := _page_of_keys(engine, after):
        yield from _read_rows(engine, keys)
        after = keys[-1:]


def read_rows(engine: Engine, ids: Collection[UUID]) -> dict[UUID, StoredImage | UnreadableRow]:
    """Return the rows of those of the ids that have one."""
    query = select(_RAW_ID).where(IMAGES.c.id.in_(ids))
    with engine.connect() as connection:
        keys = list(connection.scalars(query))
    return {row.id: row for row in _read_rows(engine, keys) if row.id}


def _page_of_keys(engine: Engine, after: Sequence[Any]) -> list[Any]:
    query = select(_RAW_ID).order_by(IMAGES.c.id).limit(_PAGE_ROWS)
    with engine.connect() as connection:
        return list(connection.scalars(query.where(_RAW_ID.op(">")(after[0])) if after else query))


def _read_rows(engine: Engine, keys: Sequence[Any]) -> Iterator[StoredImage | UnreadableRow]:
    """Read the rows together, or one by one if that fails."""
    if not keys:
        return
    try:
        rows = _fetch(engine, select(*COLUMNS).where(_RAW_ID.in_(keys)).order_by(IMAGES.c.id))
    except (DBAPIError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        if len(keys) == 1:
            yield _unreadable(keys[0], str(getattr(error, "orig", None) or error))
            return
        for key in keys:
            yield from _read_rows(engine, [key])
        return
    for image in rows:
        problem = _find_problem(image)
        yield _unreadable(image.id, problem) if problem else image


def _fetch(engine: Engine, query: Select[Any]) -> list[StoredImage]:
    with engine.connect() as connection:
        return [StoredImage(**row) for row in connection.execute(query).mappings()]


def _unreadable(key: object, reason: str) -> UnreadableRow:
    id_ = key if isinstance(key, UUID) else None
    if isinstance(key, bytes) and len(key) == UUID_BYTES:
        id_ = UUID(bytes=key)
    shown = key.hex() if isinstance(key, bytes) else str(key)
    return UnreadableRow(id_, str(id_ or shown), " ".join(reason.split()))


def _find_problem(image: StoredImage) -> str | None:
    """Describe the first value that has no meaning. SQLite stores values of any type in any column."""
    for column in COLUMNS:
        value: object = getattr(image, column.name)
        if not _is_valid(column.name, value):
            return f"{IMAGES.c[column.name].name} is {value!r}"
    return None


def _is_valid(name: str, value: object) -> bool:
    kind = _KINDS.get(name, object)
    return isinstance(value, kind) and not (
        (name == "path" and not _is_inside(str(value)))
        or (isinstance(value, int) and name in _POSITIVE and value <= 0)
        or (isinstance(value, bytes) and len(value) != DIGEST_BYTES)
    )


def _is_inside(path: str) -> bool:
    return bool(path) and not path.startswith("/") and ".." not in path.split("/") and "\0" not in path
