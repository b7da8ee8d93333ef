"""Pages of images, newest first, optionally filtered by their fields and by a part of the description in any case.

PostgreSQL (pg_trgm) and SQLite (FTS5) find rare texts by a trigram index, if the migration could create it. It then
finds the same rows as a scan. MariaDB and MySQL scan.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    and_,
    column,
    exists,
    func,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session

from captiond.archive.records import PageQuery, StoredImage, is_storable
from captiond.archive.sql.rows import COLUMNS, DAMAGED_COLUMN, IMAGES, LABELS, PAGE_INDEX, SEARCH_INDEX, ImageId, fold
from captiond.image import UNCHECKED

SearchMethod: TypeAlias = Literal["pg_trgm", "fts5", "sequential"]

# Rows per image of the page that are scanned, newest first, before a search finds every match and sorts them.
# Frequent texts fill the page from these.
_SCANNED_ROWS = 50
_TRIGRAM_LENGTH = 3
_MAX_TRIGRAMS = 30  # more do not narrow the result, and FTS5 limits the depth of an expression
# pg_trgm indexes letters and digits only, and pads each word with spaces.
_POSTGRESQL_TRIGRAM = re.compile(r"[^\W_]{3}|[^\W_]{2}[\W_]|[\W_][^\W_]{2}")
_HAS_POSTGRESQL_INDEX = text(f"SELECT to_regclass('{SEARCH_INDEX}') IS NOT NULL")
_HAS_SQLITE_INDEX = text("SELECT count(*) FROM sqlite_master WHERE name = 'images_search'")
_DISABLE_GIN_SCAN = text("SET LOCAL enable_bitmapscan = off")
# MariaDB would read the rows by the index for the order, which takes three times as long as reading the table.
_IN_TABLE_ORDER = f"IGNORE INDEX ({PAGE_INDEX})"

# FTS5 identifies rows by number. VACUUM may renumber `images`, so a table of its own holds the numbers.
_NUMBERED = table("images_numbered", column("number", Integer), column("id", ImageId))
_FIRST_LABEL = LABELS.alias("first_label")
_SEARCH = table("images_search", column("rowid", Integer), column("images_search", String))


class _IsDamaged(ColumnElement[bool]):
    """The condition of the index of damaged rows. Null, which stands for an intact photo, differs from no text."""

    inherit_cache = True


@compiles(_IsDamaged)
def _compile_with_partial_index(*_: object, **__: object) -> str:
    return f"images.damage <> '{UNCHECKED}'"


@compiles(_IsDamaged, "mysql", "mariadb")
def _compile_with_generated_column(*_: object, **__: object) -> str:
    return f"images.{DAMAGED_COLUMN} = 1"


def find_page(session: Session, query: PageQuery) -> list[StoredImage]:
    """Return images newest first; equal times are ordered by id."""
    if not query.text:
        return _fetch(session, _by_capture(query) if query.captured_since or query.captured_until else _list(query))
    if not is_storable(query.text):
        return []
    folded = fold(query.text)
    method = _choose_method(session, query, folded)
    scan_end = session.scalar(_scan_end(query)) if method else None
    if method is None or scan_end is None:
        return _fetch(session, _scan(query, folded))
    images = _fetch(session, _scan_newest(query, folded, scan_end))
    return images if len(images) == query.limit else _fetch(session, _search(method, query, folded))


def _list(query: PageQuery) -> Select[Any]:
    source = _source(query)
    return _newest_first(select(*COLUMNS).select_from(source.rows).where(*_bounds(query, source)), source, query.limit)


def _by_capture(query: PageQuery) -> Select[Any]:
    """Find every match by the index of capture times, which holds what orders them, then read the rows of the page."""
    source = _source(query)
    matches = select(source.received_at.label("received_at"), source.id.label("id")).select_from(source.rows)
    # OFFSET 0 keeps the planner from reading the rows in order until the page is full, maybe through the whole table.
    found = matches.where(*_bounds(query, source)).offset(0).subquery()
    page = _newest_first(select(found), _Source(found, found.c.received_at, found.c.id), query.limit).subquery()
    rows = select(*COLUMNS).join(page, page.c.id == IMAGES.c.id)
    return rows.order_by(page.c.received_at.desc(), page.c.id.desc())


def _choose_method(session: Session, query: PageQuery, folded: str) -> SearchMethod | None:
    """Return how to find every match of this text faster than in the order of time, if at all."""
    match session.get_bind().dialect.name:
        case "mysql" | "mariadb":
            # Else the index for the order finds fewer rows.
            return "sequential" if query.since is None and not query.labels else None
        case "postgresql" if _POSTGRESQL_TRIGRAM.search(folded):
            return "pg_trgm" if session.scalar(_HAS_POSTGRESQL_INDEX) else None
        case "postgresql":
            # Without a trigram the planner would read the whole index, which it wrongly estimates as cheap.
            session.execute(_DISABLE_GIN_SCAN)
        case "sqlite" if len(folded) >= _TRIGRAM_LENGTH:
            return "fts5" if session.scalar(_HAS_SQLITE_INDEX) else None
    return None


def _scan(query: PageQuery, folded: str) -> Select[Any]:
    """Let the database plan; without an index it reads rows until the page is full."""
    source = _source(query)
    matching = _contains(IMAGES.c.description_folded, folded)
    rows = select(*COLUMNS).select_from(source.rows).where(matching, *_bounds(query, source))
    return _newest_first(rows, source, query.limit)


def _scan_end(query: PageQuery) -> Select[datetime]:
    """The time of the row at which the scan before an index search ends; no row if there are fewer."""
    source = _source(query)
    times = select(source.received_at).select_from(source.rows).where(*_bounds(query, source))
    return _newest_first(times, source, 1).offset(_SCANNED_ROWS * query.limit)


def _scan_newest(query: PageQuery, folded: str, end: datetime) -> Select[Any]:
    """Scan the rows since a time; their matches are the page if they fill it."""
    # With the plain column PostgreSQL would use the index, and read as many entries as the whole table has matches.
    unindexed = IMAGES.c.description_folded.concat("")
    source = _source(query)
    conditions = _contains(unindexed, folded), *_bounds(replace(query, since=end), source)
    return _newest_first(select(*COLUMNS).select_from(source.rows).where(*conditions), source, query.limit)


def _search(method: SearchMethod, query: PageQuery, folded: str) -> Select[Any]:
    """Find every match, then sort."""
    source = _source(query)
    rows = select(*COLUMNS).select_from(source.rows)
    if method == "sequential":
        # The collation is binary, so LOCATE finds what LIKE would, in half the time.
        rows = rows.where(func.locate(folded, IMAGES.c.description_folded) > 0, *_bounds(query, source))
        return _newest_first(rows.with_hint(IMAGES, _IN_TABLE_ORDER), source, query.limit)
    rows = rows.where(_contains(IMAGES.c.description_folded, folded), *_bounds(query, source))
    if method == "fts5":
        numbers = select(_SEARCH.c.rowid).where(_SEARCH.c.images_search.op("MATCH")(_to_fts5_query(folded)))
        rows = rows.where(IMAGES.c.id.in_(select(_NUMBERED.c.id).where(_NUMBERED.c.number.in_(numbers))))
    # OFFSET 0 keeps the planner from reading the rows in order, as it would for a text that it estimates as frequent.
    found = rows.offset(0).subquery()
    return _newest_first(select(found), _Source(found, found.c.received_at, found.c.id), query.limit)


def _to_fts5_query(folded: str) -> str:
    """All trigrams. The index stores no positions (detail=none), so it may return rows without the text."""
    starts = range(len(folded) - _TRIGRAM_LENGTH + 1)
    trigrams = dict.fromkeys(folded[start : start + _TRIGRAM_LENGTH] for start in starts)
    return " AND ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in list(trigrams)[:_MAX_TRIGRAMS])


def _contains(description: ColumnElement[str], folded: str) -> ColumnElement[bool]:
    return description.contains(folded, autoescape=True)


class _Source(NamedTuple):
    """Rows to select from, and the columns that order them."""

    rows: FromClause
    received_at: ColumnElement[datetime]
    id: ColumnElement[UUID]


def _source(query: PageQuery) -> _Source:
    """The images. With labels, the images of the first label, in the order of its index."""
    if not query.labels:
        return _Source(IMAGES, IMAGES.c.received_at, IMAGES.c.id)
    joined = _FIRST_LABEL.join(IMAGES, IMAGES.c.id == _FIRST_LABEL.c.image_id)
    return _Source(joined, _FIRST_LABEL.c.received_at, _FIRST_LABEL.c.image_id)


def _newest_first(rows: Select[Any], source: _Source, limit: int) -> Select[Any]:
    return rows.order_by(source.received_at.desc(), source.id.desc()).limit(limit)


def _bounds(query: PageQuery, source: _Source) -> Iterator[ColumnElement[bool]]:
    """The conditions on all but the description."""
    times = source.received_at
    if query.before is not None:
        received_at, id_ = query.before
        # No comparison of row values, for which MariaDB would not use the index.
        yield times <= received_at
        yield or_(times < received_at, source.id < id_)
    if query.since is not None:
        yield times >= query.since
    if query.until is not None:
        yield times < query.until
    if query.damaged is not None:
        yield _IsDamaged() if query.damaged else IMAGES.c.damage.is_(None)
    yield from _field_bounds(query, source)


def _field_bounds(query: PageQuery, source: _Source) -> Iterator[ColumnElement[bool]]:
    """The conditions on the fields that the client stated."""
    if query.camera is not None:
        yield IMAGES.c.camera == query.camera
    if query.captured_since is not None:
        yield IMAGES.c.captured_at >= query.captured_since
    if query.captured_until is not None:
        yield IMAGES.c.captured_at < query.captured_until
    for at, (name, value) in enumerate(query.labels):
        labels = LABELS.alias() if at else _FIRST_LABEL
        is_equal = and_(labels.c.name == name, labels.c.value == value)
        yield exists().where(labels.c.image_id == source.id, is_equal) if at else is_equal


def _fetch(session: Session, rows: Select[Any]) -> list[StoredImage]:
    return [StoredImage(**row) for row in session.execute(rows).mappings()]
