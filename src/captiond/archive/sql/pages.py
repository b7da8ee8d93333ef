"""Pages of the archive, newest first, whatever they are asked for."""

from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from captiond.archive.records import PageQuery, StoredImage, is_storable
from captiond.archive.sql.order import newest, within
from captiond.archive.sql.rows import COLUMNS, IMAGES, as_stored, fold
from captiond.archive.sql.search import among_newest, by_index, by_reading, choose_index, end_of_newest


def find_page(session: Session, query: PageQuery) -> list[StoredImage]:
    """Newest first; ties of `received_at` are ordered by id."""
    if not query.text:
        return _read(session, newest(select(*COLUMNS).where(*within(query, IMAGES)), IMAGES, query.limit))
    if not is_storable(query.text):
        return []  # no description can hold it
    text = fold(query.text)
    index = choose_index(session, text)
    end = session.scalar(end_of_newest(query)) if index else None
    if index is None or end is None:
        return _read(session, by_reading(query, text))
    images = _read(session, among_newest(query, text, end))
    return images if len(images) == query.limit else _read(session, by_index(index, query, text))


def _read(session: Session, rows: Select[Any]) -> list[StoredImage]:
    return [as_stored(row) for row in session.execute(rows)]
