"""How a text is found in descriptions: any part of them, in any case, the same on every database.

PostgreSQL has an index of trigrams (pg_trgm) and SQLite has one (FTS5), where their migration
could make it; MariaDB and MySQL read rows. An index finds the same rows, only sooner.
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, FromClause, Integer, Select, String, column, select, table, text
from sqlalchemy.orm import Session

from captiond.archive.records import PageQuery
from captiond.archive.sql.order import newest, within
from captiond.archive.sql.rows import COLUMNS, IMAGES, SEARCH_INDEX, ImageId

Index: TypeAlias = Literal["pg_trgm", "fts5"]

# Looked through before an index is asked, for each image wanted: rows that hold a frequent text are soon met,
# while an index would have to find and sort all of them.
_NEWEST_ROWS = 50
_TRIGRAM = 3
_ENOUGH_TRIGRAMS = 30  # after so many the rows that are left are read, and FTS5 bounds the depth of a question
# pg_trgm takes letters and digits alone, with the gap beside a word for one more of them.
_TRIGRAM_OF_POSTGRESQL = re.compile(r"[^\W_]{3}|[^\W_]{2}[\W_]|[\W_][^\W_]{2}")
_HAS_POSTGRESQL_INDEX = text(f"SELECT to_regclass('{SEARCH_INDEX}') IS NOT NULL")
_HAS_SQLITE_INDEX = text("SELECT count(*) FROM sqlite_master WHERE name = 'images_search'")
_GIN_IS_READ_SO = text("SET LOCAL enable_bitmapscan = off")

# FTS5 knows rows by number alone, and VACUUM may renumber those of `images`; the numbers in here stay.
_NUMBERED = table("images_numbered", column("number", Integer), column("id", ImageId))
_SEARCH = table("images_search", column("rowid", Integer), column("images_search", String))


def choose_index(session: Session, folded: str) -> Index | None:
    """The index that can find this text, if any."""
    match session.get_bind().dialect.name:
        case "postgresql" if _TRIGRAM_OF_POSTGRESQL.search(folded):
            return "pg_trgm" if session.scalar(_HAS_POSTGRESQL_INDEX) else None
        case "postgresql":
            # Without a trigram the index would be read from end to end; the planner takes that for cheap.
            session.execute(_GIN_IS_READ_SO)
        case "sqlite" if len(folded) >= _TRIGRAM:
            return "fts5" if session.scalar(_HAS_SQLITE_INDEX) else None
    return None


def by_reading(query: PageQuery, folded: str) -> Select[Any]:
    """As the database thinks best; without an index it has to look at every row until the page is full."""
    rows = select(*COLUMNS).where(_holds(IMAGES.c.description_folded, folded), *within(query, IMAGES))
    return newest(rows, IMAGES, query.limit)


def end_of_newest(query: PageQuery) -> Select[datetime]:
    """Where the rows end that are worth looking through before an index is asked; none if that is all of them."""
    times = select(IMAGES.c.received_at).where(*within(query, IMAGES))
    return newest(times, IMAGES, 1).offset(_NEWEST_ROWS * query.limit)


def among_newest(query: PageQuery, folded: str, end: datetime) -> Select[Any]:
    """What is found in the rows from there on; it is the page if it fills it."""
    # Of a column as it is PostgreSQL would ask the index after all, for as many rows as the whole table has.
    unindexed = IMAGES.c.description_folded.concat("")
    rows = select(*COLUMNS).where(_holds(unindexed, folded), *within(replace(query, since=end), IMAGES))
    return newest(rows, IMAGES, query.limit)


def by_index(index: Index, query: PageQuery, folded: str) -> Select[Any]:
    """Finds all rows that hold the text, and only then puts them in order."""
    rows = select(*COLUMNS).where(_holds(IMAGES.c.description_folded, folded), *within(query, IMAGES))
    if index == "fts5":
        numbers = select(_SEARCH.c.rowid).where(_SEARCH.c.images_search.op("MATCH")(_trigrams(folded)))
        rows = rows.where(IMAGES.c.id.in_(select(_NUMBERED.c.id).where(_NUMBERED.c.number.in_(numbers))))
    # OFFSET 0 keeps the planner from walking all the rows in order for a text that it takes for frequent.
    found = rows.offset(0).subquery()
    return newest(_select_of(found), found, query.limit)


def _trigrams(folded: str) -> str:
    """What FTS5 is asked for; its table knows where no trigram stands (detail=none), so rows may be too many."""
    trigrams = dict.fromkeys(folded[at : at + _TRIGRAM] for at in range(len(folded) - _TRIGRAM + 1))
    return " AND ".join('"{}"'.format(one.replace('"', '""')) for one in list(trigrams)[:_ENOUGH_TRIGRAMS])


def _holds(description: ColumnElement[str], folded: str) -> ColumnElement[bool]:
    return description.contains(folded, autoescape=True)


def _select_of(rows: FromClause) -> Select[Any]:
    return select(*(rows.c[stored.name] for stored in COLUMNS))
