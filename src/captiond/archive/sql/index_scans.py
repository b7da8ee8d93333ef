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
class IndexScan:
    """How to read an index: rows, the time and id that order them, and the condition whose matches are adjacent.

    `is_captured`: the time is the time of capture. `is_ordered`: the list is ordered by this time.
    """

    name: str | Label | None
    rows: FromClause
    time: ColumnElement[datetime]
    id: ColumnElement[UUID]
    found: ColumnElement[bool] | None
    is_captured: bool = False
    is_ordered: bool = True


_BY_RECEIPT = IndexScan(None, IMAGES, IMAGES.c.received_at, IMAGES.c.id, None)
_BY_CAPTURE = IndexScan(None, IMAGES, IMAGES.c.captured_at, IMAGES.c.id, None, is_captured=True)


def find_scans(query: PageQuery) -> list[IndexScan]:
    """Return the indexes from which a page can be read. At least one has the order of the list."""
    is_ordered = not query.by_capture
    scans = [_find_label(label, is_ordered=is_ordered) for label in dict.fromkeys(query.labels)]
    if query.damaged:
        scans.append(replace(_BY_RECEIPT, name=_DAMAGED, found=_IsDamaged(), is_ordered=is_ordered))
    if query.camera is not None:
        scans.append(replace(_in_order(query), name=_CAMERA, found=IMAGES.c.camera == query.camera))
    elif query.by_capture or not scans:
        scans.append(_in_order(query))
    if query.by_capture and (query.since is not None or query.until is not None):
        scans.append(replace(_BY_RECEIPT, is_ordered=False))
    return scans


def _in_order(query: PageQuery) -> IndexScan:
    """Return the index of all images in the order of the list."""
    return _BY_CAPTURE if query.by_capture else _BY_RECEIPT


class Choice(NamedTuple):
    """The index to read. `few_end` is the time of the row after the first few; None if there are only few."""

    scan: IndexScan
    few_end: datetime | None


def choose_scan(session: Session, query: PageQuery, scans: Sequence[IndexScan]) -> Choice:
    """Choose the index with the fewest matches if any has few, else the ordered index with the rarest matches."""
    few, ends = [], []
    for scan in scans:
        end = session.scalar(_newest(query, scan, scan.time).limit(1).offset(FEW_ROWS * query.limit))
        if end is None:
            few.append(scan)
        elif scan.is_ordered:
            ends.append(Choice(scan, end))
    if few:
        fewest = few[0] if len(few) == 1 else min(few, key=lambda scan: _count(session, query, scan))
        return Choice(fewest, None)
    # The rarer the matches, the further back in time the same number of them reaches.
    return min(ends, key=lambda choice: cast("datetime", choice.few_end))


def select_page(
    query: PageQuery, scan: IndexScan, *conditions: ColumnElement[bool], since: datetime | None = None
) -> Select[Any]:
    """Select from an ordered index until the page is full. Sort all matches of any other index."""
    if not scan.is_ordered:
        return _sort(query, scan, *conditions)
    joined = scan.rows if scan.rows is IMAGES else scan.rows.join(IMAGES, IMAGES.c.id == scan.id)
    rows = (
        select(*COLUMNS)
        .select_from(joined)
        .where(*_scan_conditions(query, scan, since), *_other_conditions(query, scan))
    )
    return rows.where(*map(hide_from_planner, conditions)).order_by(scan.time.desc(), scan.id.desc()).limit(query.limit)


def select_next(query: PageQuery, cursor: Cursor, *conditions: ColumnElement[bool]) -> Select[UUID]:
    """Select the id of the oldest match after a place, from the first index that has the order of the list.

    Without `before`.
    """
    scan = next(scan for scan in find_scans(query) if scan.is_ordered)
    bound, _ = _captured(query) if scan.is_captured else _received(query)
    since = cursor[0] if bound is None else max(cursor[0], bound)
    rows = select_matches(query, scan, *conditions, since=since)
    rows = rows.where(or_(scan.time > cursor[0], scan.id > cursor[1]))
    return rows.order_by(scan.time, scan.id).limit(1)


def select_matches(
    query: PageQuery, scan: IndexScan, *conditions: ColumnElement[bool], since: datetime | None = None
) -> Select[UUID]:
    """Select the ids of the matches that an index has, in any order. `since` is within the bounds of the query."""
    joined = scan.rows if scan.rows is IMAGES else scan.rows.join(IMAGES, IMAGES.c.id == scan.id)
    rows = (
        select(IMAGES.c.id)
        .select_from(joined)
        .where(*_scan_conditions(query, scan, since), *_other_conditions(query, scan))
    )
    return rows.where(*map(hide_from_planner, conditions))


def hide_from_planner(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Hide a condition from the query planner: no index applies, and many rows seem to match.

    Planners otherwise use the index of a frequent value, or sort instead of reading in order until the page is full.
    """
    return case((condition, true()), else_=false())


def filter_conditions(query: PageQuery) -> Iterator[ColumnElement[bool]]:
    """Return every condition except the text, for rows found by the text index."""
    time = IMAGES.c.captured_at if query.by_capture else IMAGES.c.received_at
    conditions = [condition for _, condition in _filters(query)]
    conditions += _within(IMAGES.c.received_at, *_received(query))
    conditions += _within(IMAGES.c.captured_at, *_captured(query))
    conditions += _before(time, IMAGES.c.id, query.before)
    return map(hide_from_planner, conditions)


def _sort(query: PageQuery, scan: IndexScan, *conditions: ColumnElement[bool]) -> Select[Any]:
    # The limit prevents planners from merging the subquery. Twice the counted rows: others may be inserted meanwhile.
    found = _newest(query, scan, scan.id.label("id")).limit(2 * FEW_ROWS * query.limit).subquery()
    rows = select(*COLUMNS).select_from(found.join(IMAGES, IMAGES.c.id == found.c.id))
    matches = rows.where(*_other_conditions(query, scan), *map(hide_from_planner, conditions))
    return matches.order_by(IMAGES.c.captured_at.desc(), IMAGES.c.id.desc()).limit(query.limit)


def _count(session: Session, query: PageQuery, scan: IndexScan) -> int:
    found = select(scan.id).select_from(scan.rows).where(*_scan_conditions(query, scan)).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def _newest(query: PageQuery, scan: IndexScan, column: ColumnElement[Any]) -> Select[Any]:
    rows = select(column).select_from(scan.rows).where(*_scan_conditions(query, scan))
    return rows.order_by(scan.time.desc(), scan.id.desc())


def _scan_conditions(query: PageQuery, scan: IndexScan, newer: datetime | None = None) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on the index. At most one bound per side, because SQLite uses only the first of several.

    `newer` is within the bounds of the query.
    """
    if scan.found is not None:
        yield scan.found
    since, until = _captured(query) if scan.is_captured else _received(query)
    before = query.before if scan.is_ordered else None
    if before is not None and until is not None and before[0] < until:
        until = None
    yield from _within(scan.time, newer or since, until)
    yield from _before(scan.time, scan.id, before)


def _other_conditions(query: PageQuery, scan: IndexScan) -> Iterator[ColumnElement[bool]]:
    """Return the other conditions, for rows found by the index."""
    conditions = [condition for name, condition in _filters(query) if name != scan.name]
    if scan.is_captured:
        conditions += _within(IMAGES.c.received_at, *_received(query))
    elif query.by_capture:
        conditions += _within(IMAGES.c.captured_at, *_captured(query))
        conditions += _before(IMAGES.c.captured_at, IMAGES.c.id, query.before)
    return map(hide_from_planner, conditions)


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


def _find_label(label: Label, *, is_ordered: bool) -> IndexScan:
    labels = LABELS.alias("found_labels")
    found = and_(labels.c.name == label[0], labels.c.value == label[1])
    return IndexScan(label, labels, labels.c.received_at, labels.c.image_id, found, is_ordered=is_ordered)


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
