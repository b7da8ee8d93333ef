"""Deletes rows and leaves tombstones, in one transaction that checks the holds."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, false, insert, literal, select, update
from sqlalchemy.orm import Session

from captiond.archive.records import Actor, Hold, PendingDeletion, Tombstone
from captiond.archive.sql.lifecycle_tables import HOLDS, PENDING_DELETIONS, TOMBSTONES
from captiond.archive.sql.rows import IMAGES, LABELS, UtcDateTime

# The columns of an image that its tombstone has.
_REMAINING = ("id", "received_at", "stored_at", "captured_at", "sha256", "upload_sha256", "size_bytes")


class DeletedRows(NamedTuple):
    """The sizes of the deleted images in bytes, by id, and the ids of those that are held."""

    sizes: dict[UUID, int]
    held: frozenset[UUID]


def delete_rows(connection: Connection, ids: Collection[UUID], actor: Actor, now: datetime) -> DeletedRows:
    """Delete the rows that have no hold, and add their tombstones. Unknown ids are ignored. The caller commits."""
    rows = _lock(connection, ids)
    held = frozenset(id_ for id_, _, is_held in rows if is_held)
    sizes = {id_: size_bytes for id_, size_bytes, is_held in rows if not is_held}
    if sizes:
        remaining = [IMAGES.c[name] for name in _REMAINING]
        deletion = (literal(now, UtcDateTime), literal(actor.name), literal(actor.reason, TOMBSTONES.c.reason.type))
        names = [*_REMAINING, "deleted_at", "deleted_by", "reason"]
        _copy(connection, TOMBSTONES, names, [*remaining, *deletion], sizes)
        columns = [IMAGES.c.id, IMAGES.c.path, IMAGES.c.sha256]
        _copy(connection, PENDING_DELETIONS, ["image_id", "path", "sha256"], columns, sizes)
        connection.execute(delete(LABELS).where(LABELS.c.image_id.in_(sizes)))
        connection.execute(delete(IMAGES).where(IMAGES.c.id.in_(sizes)))
    return DeletedRows(sizes, held)


def delete_inserted(session: Session, ids: Collection[UUID]) -> None:
    """Delete rows that this transaction has inserted, with their labels, because their ids are those of tombstones."""
    if ids:
        session.execute(delete(LABELS).where(LABELS.c.image_id.in_(ids)))
        session.execute(delete(IMAGES).where(IMAGES.c.id.in_(ids), IMAGES.c.held == false()))


def add_hold(connection: Connection, image_id: UUID, actor: Actor, now: datetime) -> bool:
    """Hold an image; an existing hold stays as it is. Returns False for an unknown id. The caller commits."""
    for _, _, is_held in _lock(connection, [image_id]):
        if not is_held:
            connection.execute(update(IMAGES).where(IMAGES.c.id == image_id).values(held=True))
            hold = {"image_id": image_id, "held_at": now, "held_by": actor.name, "reason": actor.reason}
            connection.execute(insert(HOLDS).values(**hold))
        return True
    return False


def remove_hold(connection: Connection, image_id: UUID) -> bool:
    """Release an image. Returns False for an unknown id. The caller commits."""
    if not _lock(connection, [image_id]):
        return False
    connection.execute(update(IMAGES).where(IMAGES.c.id == image_id).values(held=False))
    connection.execute(delete(HOLDS).where(HOLDS.c.image_id == image_id))
    return True


def find_holds(session: Session) -> list[Hold]:
    """Return all holds, the oldest first."""
    rows = session.execute(select(HOLDS).order_by(HOLDS.c.held_at, HOLDS.c.image_id))
    return [Hold(**row) for row in rows.mappings()]


def find_hold(session: Session, image_id: UUID) -> Hold | None:
    """Return the hold of an image."""
    row = session.execute(select(HOLDS).where(HOLDS.c.image_id == image_id)).mappings().first()
    return Hold(**row) if row else None


def find_tombstones(session: Session, ids: Collection[UUID]) -> dict[UUID, Tombstone]:
    """Return the tombstones of those of at most 500 ids that were deleted."""
    rows = session.execute(select(TOMBSTONES).where(TOMBSTONES.c.id.in_(ids))).mappings()
    return {tombstone.id: tombstone for tombstone in (Tombstone(**row) for row in rows)}


def find_pending(session: Session, limit: int, after: UUID | None) -> list[PendingDeletion]:
    """Return deleted images whose files may exist, by id, after an id."""
    rows = select(PENDING_DELETIONS).order_by(PENDING_DELETIONS.c.image_id).limit(limit)
    if after:
        rows = rows.where(PENDING_DELETIONS.c.image_id > after)
    return [PendingDeletion(**row) for row in session.execute(rows).mappings()]


def find_pending_of(session: Session, ids: Collection[UUID]) -> list[PendingDeletion]:
    """Return those of at most 500 images that were deleted, and whose files may exist."""
    rows = session.execute(select(PENDING_DELETIONS).where(PENDING_DELETIONS.c.image_id.in_(ids)))
    return [PendingDeletion(**row) for row in rows.mappings()]


def clear_pending(connection: Connection, ids: Collection[UUID]) -> None:
    """Record that the files of these images were deleted."""
    connection.execute(delete(PENDING_DELETIONS).where(PENDING_DELETIONS.c.image_id.in_(ids)))


def _lock(connection: Connection, ids: Collection[UUID]) -> list[tuple[UUID, int, bool]]:
    """Return id, size and hold of the rows, which no other transaction can change until this one ends."""
    if connection.dialect.name == "sqlite":  # has no row locks, and its driver begins a transaction at the first write
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    rows = select(IMAGES.c.id, IMAGES.c.size_bytes, IMAGES.c.held).where(IMAGES.c.id.in_(ids))
    # In this order, so that two transactions cannot deadlock.
    found = connection.execute(rows.order_by(IMAGES.c.id).with_for_update())
    return [(id_, size_bytes, held) for id_, size_bytes, held in found]


def _copy(
    connection: Connection,
    target: Table,
    names: Sequence[str],
    columns: Sequence[ColumnElement[Any]],
    ids: Collection[UUID],
) -> None:
    """Insert rows for images, unless the target has them: an older archiver may have stored a deleted image again."""
    key = target.primary_key.columns[0]
    rows = select(*columns).where(IMAGES.c.id.in_(ids), ~exists(select(key).where(key == IMAGES.c.id)))
    connection.execute(insert(target).from_select(list(names), rows))
