"""Chooses the index from which a page is read.

A filter by one field reads the index of that field, which has the order of the list. With several filters, the index of
a rare value returns few rows. The index of a frequent value has matches throughout, so its newest rows fill a page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias, cast
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, false, func, or_, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session

from captiond.archive.records import Cursor, PageQuery
from captiond.archive.sql.rows import COLUMNS, DAMAGED_COLUMN, IMAGES, LABELS
from captiond.image import UNCHECKED

# An index with at most this many matching entries per image of the page is read completely.
FEW_ROWS = 50


class _IsDamaged(ColumnElement[bool]):
    """The condition of the index of damaged rows. NULL stands for an intact photo and never matches `<>`."""

    inherit_cache = True


@compiles(_IsDamaged)
def _compile_with_partial_index(*_: object, **__: object) -> str:
    return f"images.damage <> '{UNCHECKED}'"


@compiles(_IsDamaged, "mysql", "mariadb")
def _compile_with_generated_column(*_: object, **__: object) -> str:
    return f"images.{DAMAGED_COLUMN} = 1"


Label: TypeAlias = tuple[str, str]
# The filters with an index, and those without one: for intact photos, and for the way of captioning.
_CAMERA, _DAMAGED, _INTACT, _REENCODED, _IDS = "camera", "damaged", "intact", "reencoded", "ids"


@dataclass(frozen=True, slots=True)
class Source:
    """An index: its rows, the time and the id that order it, and the condition whose matches are adjacent in it.

    `is_captured`: the time is the time of capture. `is_ordered`: the list is ordered by this time.
    """

    name: str | Label | None
    rows: FromClause
    time: ColumnElement[datetime]
    id: ColumnElement[UUID]
    found: ColumnElement[bool] | None
    is_captured: bool = False
    is_ordered: bool = True


_BY_RECEIPT = Source(None, IMAGES, IMAGES.c.received_at, IMAGES.c.id, None)
_BY_CAPTURE = Source(None, IMAGES, IMAGES.c.captured_at, IMAGES.c.id, None, is_captured=True)


def find_sources(query: PageQuery) -> list[Source]:
    """Return the indexes from which a page can be read. At least one has the order of the list."""
    is_ordered = not query.by_capture
    sources = [_find_label(label, is_ordered=is_ordered) for label in dict.fromkeys(query.labels)]
    if query.damaged:
        sources.append(replace(_BY_RECEIPT, name=_DAMAGED, found=_IsDamaged(), is_ordered=is_ordered))
    if query.camera is not None:
        sources.append(replace(_in_order(query), name=_CAMERA, found=IMAGES.c.camera == query.camera))
    elif query.by_capture or not sources:
        sources.append(_in_order(query))
    if query.by_capture and (query.since is not None or query.until is not None):
        sources.append(replace(_BY_RECEIPT, is_ordered=False))
    return sources


def _in_order(query: PageQuery) -> Source:
    """Return the index of all images in the order of the list."""
    return _BY_CAPTURE if query.by_capture else _BY_RECEIPT


class Choice(NamedTuple):
    """The index to read. `few_end` is the time of the row after the first few; None if there are only few."""

    source: Source
    few_end: datetime | None


def choose(session: Session, query: PageQuery, sources: Sequence[Source]) -> Choice:
    """Choose the index with the fewest matches if any has few, else the ordered index with the rarest matches."""
    few, ends = [], []
    for source in sources:
        end = session.scalar(_newest(query, source, source.time).limit(1).offset(FEW_ROWS * query.limit))
        if end is None:
            few.append(source)
        elif source.is_ordered:
            ends.append(Choice(source, end))
    if few:
        fewest = few[0] if len(few) == 1 else min(few, key=lambda source: _count(session, query, source))
        return Choice(fewest, None)
    # The rarer the matches, the further back in time the same number of them reaches.
    return min(ends, key=lambda choice: cast("datetime", choice.few_end))


def read(
    query: PageQuery, source: Source, *conditions: ColumnElement[bool], since: datetime | None = None
) -> Select[Any]:
    """Read an ordered index until the page is full. Read and sort all matches of any other index."""
    if not source.is_ordered:
        return _sort(query, source, *conditions)
    joined = source.rows if source.rows is IMAGES else source.rows.join(IMAGES, IMAGES.c.id == source.id)
    rows = select(*COLUMNS).select_from(joined).where(*_found(query, source, since), *_checked(query, source))
    return rows.where(*map(check, conditions)).order_by(source.time.desc(), source.id.desc()).limit(query.limit)


def read_newer(query: PageQuery, cursor: Cursor, *conditions: ColumnElement[bool]) -> Select[UUID]:
    """Read the id of the oldest match after a place, from the first index that has the order of the list.

    Without `before`.
    """
    source = next(source for source in find_sources(query) if source.is_ordered)
    bound, _ = _captured(query) if source.is_captured else _received(query)
    since = cursor[0] if bound is None else max(cursor[0], bound)
    rows = select_matches(query, source, *conditions, since=since)
    rows = rows.where(or_(source.time > cursor[0], source.id > cursor[1]))
    return rows.order_by(source.time, source.id).limit(1)


def select_matches(
    query: PageQuery, source: Source, *conditions: ColumnElement[bool], since: datetime | None = None
) -> Select[UUID]:
    """Select the ids of the matches that an index has, in any order. `since` is within the bounds of the query."""
    joined = source.rows if source.rows is IMAGES else source.rows.join(IMAGES, IMAGES.c.id == source.id)
    rows = select(IMAGES.c.id).select_from(joined).where(*_found(query, source, since), *_checked(query, source))
    return rows.where(*map(check, conditions))


def check(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Hide a condition from the query planner: no index applies, and many rows seem to match.

    Planners otherwise use the index of a frequent value, or sort instead of reading in order until the page is full.
    """
    return case((condition, true()), else_=false())


def checks(query: PageQuery) -> Iterator[ColumnElement[bool]]:
    """Return every condition except the text, for rows found by the text index."""
    time = IMAGES.c.captured_at if query.by_capture else IMAGES.c.received_at
    conditions = [condition for _, condition in _filters(query)]
    conditions += _within(IMAGES.c.received_at, *_received(query))
    conditions += _within(IMAGES.c.captured_at, *_captured(query))
    conditions += _before(time, IMAGES.c.id, query.before)
    return map(check, conditions)


def _sort(query: PageQuery, source: Source, *conditions: ColumnElement[bool]) -> Select[Any]:
    # The limit prevents planners from merging the subquery. Twice the counted rows: others may be inserted meanwhile.
    found = _newest(query, source, source.id.label("id")).limit(2 * FEW_ROWS * query.limit).subquery()
    rows = select(*COLUMNS).select_from(found.join(IMAGES, IMAGES.c.id == found.c.id))
    matches = rows.where(*_checked(query, source), *map(check, conditions))
    return matches.order_by(IMAGES.c.captured_at.desc(), IMAGES.c.id.desc()).limit(query.limit)


def _count(session: Session, query: PageQuery, source: Source) -> int:
    found = select(source.id).select_from(source.rows).where(*_found(query, source)).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def _newest(query: PageQuery, source: Source, column: ColumnElement[Any]) -> Select[Any]:
    rows = select(column).select_from(source.rows).where(*_found(query, source))
    return rows.order_by(source.time.desc(), source.id.desc())


def _found(query: PageQuery, source: Source, newer: datetime | None = None) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on the index. At most one bound per side, because SQLite uses only the first of several.

    `newer` is within the bounds of the query.
    """
    if source.found is not None:
        yield source.found
    since, until = _captured(query) if source.is_captured else _received(query)
    before = query.before if source.is_ordered else None
    if before is not None and until is not None and before[0] < until:
        until = None
    yield from _within(source.time, newer or since, until)
    yield from _before(source.time, source.id, before)


def _checked(query: PageQuery, source: Source) -> Iterator[ColumnElement[bool]]:
    """Return the other conditions, for rows found by the index."""
    conditions = [condition for name, condition in _filters(query) if name != source.name]
    if source.is_captured:
        conditions += _within(IMAGES.c.received_at, *_received(query))
    elif query.by_capture:
        conditions += _within(IMAGES.c.captured_at, *_captured(query))
        conditions += _before(IMAGES.c.captured_at, IMAGES.c.id, query.before)
    return map(check, conditions)


def _filters(query: PageQuery) -> Iterator[tuple[str | Label, ColumnElement[bool]]]:
    """Yield the name of each filter and its condition on a row of images."""
    if query.ids:
        yield _IDS, IMAGES.c.id.in_(query.ids)
    if query.camera is not None:
        yield _CAMERA, IMAGES.c.camera == query.camera
    if query.damaged is not None:
        damage = IMAGES.c.damage
        yield (_DAMAGED, damage != UNCHECKED) if query.damaged else (_INTACT, damage.is_(None))
    if query.reencoded is not None:
        reason = IMAGES.c.reencode_reason
        yield _REENCODED, reason.is_not(None) if query.reencoded else reason.is_(None)
    for name, value in dict.fromkeys(query.labels):
        labels = LABELS.alias()
        # Planners do not turn a scalar subquery into a join; it is read by primary key.
        stored = select(labels.c.value).where(labels.c.image_id == IMAGES.c.id, labels.c.name == name)
        yield (name, value), stored.scalar_subquery() == value


def _find_label(label: Label, *, is_ordered: bool) -> Source:
    labels = LABELS.alias("found_labels")
    found = and_(labels.c.name == label[0], labels.c.value == label[1])
    return Source(label, labels, labels.c.received_at, labels.c.image_id, found, is_ordered=is_ordered)


def _received(query: PageQuery) -> tuple[datetime | None, datetime | None]:
    return query.since, query.until


def _captured(query: PageQuery) -> tuple[datetime | None, datetime | None]:
    return query.captured_since, query.captured_until


def _within(
    time: ColumnElement[datetime], since: datetime | None, until: datetime | None
) -> Iterator[ColumnElement[bool]]:
    if since is not None:
        yield time >= since
    if until is not None:
        yield time < until


def _before(
    time: ColumnElement[datetime], id_: ColumnElement[UUID], before: Cursor | None
) -> Iterator[ColumnElement[bool]]:
    if before is not None:
        # MariaDB does not use the index to compare row values.
        yield time <= before[0]
        yield or_(time < before[0], id_ < before[1])
