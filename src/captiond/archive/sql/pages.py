"""Reads pages of images, newest first, filtered by fields and by a case-insensitive substring of the description.

A search first reads the newest matches of the other filters. A frequent text fills the page from these. PostgreSQL
(pg_trgm) and SQLite (FTS5) find rare texts by a trigram index, if the migration could create it. The index finds the
same rows as a scan. MariaDB and MySQL scan.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, TypeAlias, cast

from sqlalchemy import ColumnElement, FromClause, Integer, Select, String, column, func, select, table, text
from sqlalchemy.orm import Session

from captiond.archive.records import Neighbours, PageQuery, StoredImage, fold
from captiond.archive.sql.index_scans import (
    IndexScan,
    choose_scan,
    filter_conditions,
    find_scans,
    select_matches,
    select_next,
    select_page,
)
from captiond.archive.sql.rows import COLUMNS, IMAGES, PAGE_INDEX, SEARCH_INDEX, ImageId

SearchMethod: TypeAlias = Literal["pg_trgm", "fts5", "sequential"]

_USUAL_LIMIT = 100  # images of a page
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


def find_page(session: Session, query: PageQuery) -> list[StoredImage]:
    """Return images newest first, by time of capture if the query limits it; equal times are ordered by id."""
    if not query.can_match:
        return []
    if query.ids:
        return _fetch(session, _find_chosen(query))
    scans = find_scans(query)
    if query.text:
        return _search(session, query, scans)
    scan = scans[0] if len(scans) == 1 else choose_scan(session, query, scans).scan
    return _fetch(session, select_page(query, scan))


def find_neighbours(session: Session, image: StoredImage, query: PageQuery) -> Neighbours:
    """Return the ids next to an image in the list of a query, whose `limit` and `before` do not matter."""
    cursor = query.cursor_after(image)
    # Without a time of capture, it is in no list by that time.
    if cast("datetime | None", cursor[0]) is None or not query.can_match:
        return Neighbours(None, None)
    query = replace(query, limit=1, before=None)
    older = find_page(session, replace(query, before=cursor))
    newer = session.scalars(select_next(query, cursor, *_text_conditions(query))).first()
    return Neighbours(newer, older[0].id if older else None)


def count_matches(session: Session, query: PageQuery, limit: int) -> int:
    """Count the images of a list from its start; `limit` + 1 stands for more than `limit`."""
    if not query.can_match:
        return 0
    query = replace(query, limit=limit + 1, before=None)
    if query.text:
        folded = fold(query.text)
        if method := _choose_method(session, query, folded):
            return _count(session, _find_all(method, query, folded))
    scans = find_scans(query)
    # For a page of the usual size, so that the choice takes no longer than that of a page.
    choice = scans[0] if len(scans) == 1 else choose_scan(session, replace(query, limit=_USUAL_LIMIT), scans).scan
    return _count(session, select_matches(query, choice, *_text_conditions(query)).limit(query.limit))


def _count(session: Session, rows: Select[Any]) -> int:
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def _text_conditions(query: PageQuery) -> list[ColumnElement[bool]]:
    return [_contains(IMAGES.c.description_folded, fold(query.text))] if query.text else []


def _find_chosen(query: PageQuery) -> Select[Any]:
    """Find images by their ids, then sort."""
    rows = select(*COLUMNS).where(IMAGES.c.id.in_(query.ids), *filter_conditions(query), *_text_conditions(query))
    found = rows.offset(0).subquery()  # as in `_find_all`
    return _newest_first(select(found), query, found)


def _search(session: Session, query: PageQuery, scans: Sequence[IndexScan]) -> list[StoredImage]:
    folded = fold(query.text or "")
    matching = _contains(IMAGES.c.description_folded, folded)
    method = _choose_method(session, query, folded)
    scan, few_end = choose_scan(session, query, scans)
    if method is None or few_end is None:
        return _fetch(session, select_page(query, scan, matching))
    images = _fetch(session, select_page(query, scan, matching, since=few_end))
    return images if len(images) == query.limit else _fetch(session, _find_all(method, query, folded))


def _choose_method(session: Session, query: PageQuery, folded: str) -> SearchMethod | None:
    """Return how to find every match of this text faster than in the order of time, if at all."""
    match session.get_bind().dialect.name:
        case "mysql" | "mariadb":
            # Else the index for the order finds fewer rows.
            return "sequential" if query.since is None and query.captured_since is None else None
        case "postgresql" if _POSTGRESQL_TRIGRAM.search(folded):
            return "pg_trgm" if session.scalar(_HAS_POSTGRESQL_INDEX) else None
        case "postgresql":
            # Without a trigram the planner would read the whole index, which it wrongly estimates as cheap.
            session.execute(_DISABLE_GIN_SCAN)
        case "sqlite" if len(folded) >= _TRIGRAM_LENGTH:
            return "fts5" if session.scalar(_HAS_SQLITE_INDEX) else None
    return None


def _find_all(method: SearchMethod, query: PageQuery, folded: str) -> Select[Any]:
    """Find every match, then sort."""
    if method == "sequential":
        # The collation is binary, so LOCATE finds what LIKE would, in half the time.
        rows = select(*COLUMNS).where(func.locate(folded, IMAGES.c.description_folded) > 0, *filter_conditions(query))
        return _newest_first(rows.with_hint(IMAGES, _IN_TABLE_ORDER), query, IMAGES)
    rows = select(*COLUMNS).where(_contains(IMAGES.c.description_folded, folded), *filter_conditions(query))
    if method == "fts5":
        numbers = select(_SEARCH.c.rowid).where(_SEARCH.c.images_search.op("MATCH")(_to_fts5_query(folded)))
        rows = rows.where(IMAGES.c.id.in_(select(_NUMBERED.c.id).where(_NUMBERED.c.number.in_(numbers))))
    # OFFSET 0 keeps the planner from reading the rows in order, as it would for a text that it estimates as frequent.
    found = rows.offset(0).subquery()
    return _newest_first(select(found), query, found)


def _to_fts5_query(folded: str) -> str:
    """All trigrams. The index stores no positions (detail=none), so it may return rows without the text."""
    starts = range(len(folded) - _TRIGRAM_LENGTH + 1)
    trigrams = dict.fromkeys(folded[start : start + _TRIGRAM_LENGTH] for start in starts)
    return " AND ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in list(trigrams)[:_MAX_TRIGRAMS])


def _contains(description: ColumnElement[str], folded: str) -> ColumnElement[bool]:
    return description.contains(folded, autoescape=True)


def _newest_first(rows: Select[Any], query: PageQuery, source: FromClause) -> Select[Any]:
    time = source.c.captured_at if query.by_capture else source.c.received_at
    return rows.order_by(time.desc(), source.c.id.desc()).limit(query.limit)


def _fetch(session: Session, rows: Select[Any]) -> list[StoredImage]:
    return [StoredImage(**row) for row in session.execute(rows).mappings()]
