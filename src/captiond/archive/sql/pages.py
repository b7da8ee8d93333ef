"""Pages of images, newest first, optionally filtered by damage and by a part of the description in any case.

PostgreSQL (pg_trgm) and SQLite (FTS5) find rare texts by a trigram index, if the migration could create it. It then
finds the same rows as a scan. MariaDB and MySQL scan.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, FromClause, Integer, Select, String, column, func, or_, select, table, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session

from captiond.archive.records import PageQuery, StoredImage, is_storable
from captiond.archive.sql.rows import COLUMNS, DAMAGED_COLUMN, IMAGES, PAGE_INDEX, SEARCH_INDEX, ImageId, fold
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
        return _fetch(session, _newest_first(select(*COLUMNS).where(*_bounds(query)), IMAGES, query.limit))
    if not is_storable(query.text):
        return []
    folded = fold(query.text)
    method = _choose_method(session, query, folded)
    scan_end = session.scalar(_scan_end(query)) if method else None
    if method is None or scan_end is None:
        return _fetch(session, _scan(query, folded))
    images = _fetch(session, _scan_newest(query, folded, scan_end))
    return images if len(images) == query.limit else _fetch(session, _search(method, query, folded))


def _choose_method(session: Session, query: PageQuery, folded: str) -> SearchMethod | None:
    """Return how to find every match of this text faster than in the order of time, if at all."""
    match session.get_bind().dialect.name:
        case "mysql" | "mariadb":
            return "sequential" if query.since is None else None  # else the index for the order finds fewer rows
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
    rows = select(*COLUMNS).where(_contains(IMAGES.c.description_folded, folded), *_bounds(query))
    return _newest_first(rows, IMAGES, query.limit)


def _scan_end(query: PageQuery) -> Select[datetime]:
    """The time of the row at which the scan before an index search ends; no row if there are fewer."""
    times = select(IMAGES.c.received_at).where(*_bounds(query))
    return _newest_first(times, IMAGES, 1).offset(_SCANNED_ROWS * query.limit)


def _scan_newest(query: PageQuery, folded: str, end: datetime) -> Select[Any]:
    """Scan the rows since a time; their matches are the page if they fill it."""
    # With the plain column PostgreSQL would use the index, and read as many entries as the whole table has matches.
    unindexed = IMAGES.c.description_folded.concat("")
    rows = select(*COLUMNS).where(_contains(unindexed, folded), *_bounds(replace(query, since=end)))
    return _newest_first(rows, IMAGES, query.limit)


def _search(method: SearchMethod, query: PageQuery, folded: str) -> Select[Any]:
    """Find every match, then sort."""
    if method == "sequential":
        # The collation is binary, so LOCATE finds what LIKE would, in half the time.
        rows = select(*COLUMNS).where(func.locate(folded, IMAGES.c.description_folded) > 0, *_bounds(query))
        return _newest_first(rows.with_hint(IMAGES, _IN_TABLE_ORDER), IMAGES, query.limit)
    rows = select(*COLUMNS).where(_contains(IMAGES.c.description_folded, folded), *_bounds(query))
    if method == "fts5":
        numbers = select(_SEARCH.c.rowid).where(_SEARCH.c.images_search.op("MATCH")(_to_fts5_query(folded)))
        rows = rows.where(IMAGES.c.id.in_(select(_NUMBERED.c.id).where(_NUMBERED.c.number.in_(numbers))))
    # OFFSET 0 keeps the planner from reading the rows in order, as it would for a text that it estimates as frequent.
    found = rows.offset(0).subquery()
    return _newest_first(select(found), found, query.limit)


def _to_fts5_query(folded: str) -> str:
    """All trigrams. The index stores no positions (detail=none), so it may return rows without the text."""
    starts = range(len(folded) - _TRIGRAM_LENGTH + 1)
    trigrams = dict.fromkeys(folded[start : start + _TRIGRAM_LENGTH] for start in starts)
    return " AND ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in list(trigrams)[:_MAX_TRIGRAMS])


def _contains(description: ColumnElement[str], folded: str) -> ColumnElement[bool]:
    return description.contains(folded, autoescape=True)


def _newest_first(rows: Select[Any], source: FromClause, limit: int) -> Select[Any]:
    return rows.order_by(source.c.received_at.desc(), source.c.id.desc()).limit(limit)


def _bounds(query: PageQuery) -> Iterator[ColumnElement[bool]]:
    """The conditions on time, cursor and damage."""
    times = IMAGES.c.received_at
    if query.before is not None:
        received_at, id_ = query.before
        # No comparison of row values, for which MariaDB would not use the index.
        yield times <= received_at
        yield or_(times < received_at, IMAGES.c.id < id_)
    if query.since is not None:
        yield times >= query.since
    if query.until is not None:
        yield times < query.until
    if query.damaged is not None:
        yield _IsDamaged() if query.damaged else IMAGES.c.damage.is_(None)


def _fetch(session: Session, rows: Select[Any]) -> list[StoredImage]:
    return [StoredImage(**row) for row in session.execute(rows).mappings()]
