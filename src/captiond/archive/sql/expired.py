"""Finds the images that retention deletes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, case, false, func, or_, select
from sqlalchemy.orm import Session

from captiond.archive.records import Cursor, Expired, ExpiredImage
from captiond.archive.sql.rows import IMAGES

# Images whose sizes are added up in one statement, far within its time limit.
CHUNK_IMAGES = 20_000
# The size of a stored upload is not recorded. It is about that of the captioned image.
_SIZE = IMAGES.c.size_bytes * case((IMAGES.c.has_original, 2), else_=1)


def find_expired(session: Session, expired: Expired, after: Cursor | None, limit: int) -> list[ExpiredImage]:
    """Return selected images after a cursor, the oldest first."""
    conditions = [_is_before(expired.before), IMAGES.c.held == false(), *_of_camera(expired.camera)]
    if after:
        received_at, id_ = after
        conditions += [
            IMAGES.c.received_at >= received_at,
            or_(IMAGES.c.received_at > received_at, IMAGES.c.id > id_),
        ]
    if expired.except_cameras:
        conditions.append(or_(IMAGES.c.camera.is_(None), IMAGES.c.camera.not_in(expired.except_cameras)))
    rows = select(IMAGES.c.received_at, IMAGES.c.id, IMAGES.c.camera, _SIZE).where(*conditions)
    found = session.execute(rows.order_by(IMAGES.c.received_at, IMAGES.c.id).limit(limit))
    return [ExpiredImage(*row) for row in found]


def find_size_cursor(
    session: Session,
    max_bytes: int,
    camera: str | None,
    without: Sequence[Expired] = (),
    chunk_images: int = CHUNK_IMAGES,
) -> Cursor | None:
    """Return a cursor: the images before it do not fit into a size together with the newer ones. None if all fit.

    Images with a hold do not count, nor do those that `without` selects. Deleting images before the cursor does not
    change it, so that several processes may delete at the same time.
    """
    scope = [IMAGES.c.held == false(), *_of_camera(camera), *map(_is_left_by, without)]
    until: datetime | None = None
    while True:
        chunk = [*scope, IMAGES.c.received_at < until] if until else scope
        newest_first = select(IMAGES.c.received_at).where(*chunk).order_by(IMAGES.c.received_at.desc())
        since = session.scalar(newest_first.offset(chunk_images).limit(1))
        if since:
            chunk = [*chunk, IMAGES.c.received_at >= since]
        size_bytes = int(session.scalar(select(func.coalesce(func.sum(_SIZE), 0)).where(*chunk)) or 0)
        if size_bytes > max_bytes:
            return _find_in_chunk(session, max_bytes, chunk)
        if since is None:
            return None
        max_bytes -= size_bytes
        until = since


def _find_in_chunk(session: Session, max_bytes: int, chunk: list[ColumnElement[bool]]) -> Cursor | None:
    rows = select(IMAGES.c.received_at, IMAGES.c.id, _SIZE).where(*chunk)
    for received_at, id_, size_bytes in session.execute(rows.order_by(IMAGES.c.received_at.desc(), IMAGES.c.id.desc())):
        max_bytes -= size_bytes
        if max_bytes < 0:
            return received_at, UUID(int=id_.int + 1)
    return None  # another process has deleted some meanwhile


def _is_before(cursor: Cursor) -> ColumnElement[bool]:
    received_at, id_ = cursor
    # The first condition alone lets MariaDB use the index.
    return (IMAGES.c.received_at <= received_at) & or_(IMAGES.c.received_at < received_at, IMAGES.c.id < id_)


def _is_left_by(expired: Expired) -> ColumnElement[bool]:
    """Whether an image without a hold is not selected. Images without a camera have NULL there."""
    others = [] if expired.camera is None else [IMAGES.c.camera.is_distinct_from(expired.camera)]
    return or_(~_is_before(expired.before), IMAGES.c.camera.in_(expired.except_cameras), *others)


def _of_camera(camera: str | None) -> list[ColumnElement[bool]]:
    return [] if camera is None else [IMAGES.c.camera == camera]
