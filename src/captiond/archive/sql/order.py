"""The order of pages and their bounds, for whatever has `received_at` and `id`."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, or_

from captiond.archive.records import PageQuery


def newest(rows: Select[Any], source: FromClause, limit: int) -> Select[Any]:
    """The newest of these rows first; ties of `received_at` are ordered by id."""
    return rows.order_by(source.c.received_at.desc(), source.c.id.desc()).limit(limit)


def within(query: PageQuery, source: FromClause) -> Iterator[ColumnElement[bool]]:
    """Where the query begins and ends."""
    if query.before is not None:
        received_at, id_ = query.before
        # Not a comparison of row values: MariaDB would not use the index for one.
        yield source.c.received_at <= received_at
        yield or_(source.c.received_at < received_at, source.c.id < id_)
    if query.since is not None:
        yield source.c.received_at >= query.since
    if query.until is not None:
        yield source.c.received_at < query.until
