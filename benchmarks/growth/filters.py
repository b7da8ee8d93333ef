"""Measures filters of the list by the number of rows: python -m benchmarks.growth.filters [--help].

Fills databases with rows without files. Starts PostgreSQL in a temporary folder. Prints Markdown.
"""

import argparse
import random
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.growth.databases import add_arguments, each_kind
from benchmarks.growth.field_rows import EVERY, NO_ROW, RARE_CAMERA, RARE_LABEL, camera_name, insert_rows_with_fields
from benchmarks.growth.sample_rows import FREQUENT, RARE, SOME, Place
from benchmarks.growth.timing import Query, format_median, measure
from benchmarks.rounds import report_progress

from captiond.archive import Archive, PageQuery, migrate
from captiond.archive.sql.engine import open_engine
from captiond.archive.sql.limits import MIGRATION_LIMITS

_LIMIT = 100
_HOUR = timedelta(hours=1)
_SECONDS = timedelta(seconds=10)
_ALL_TIME = timedelta(days=400)
_SPEED = ("speed", "83")
_CAMERA = camera_name(7)
# A filter by name. `span` is the length of the range of capture times, which is in the middle of the rows.
_FILTERS: dict[str, tuple[dict[str, object], timedelta | None]] = {
    "camera, 1 in 50": ({"camera": _CAMERA}, None),
    "camera, 100 rows": ({"camera": RARE_CAMERA}, None),
    "label, all rows": ({"labels": (EVERY,)}, None),
    "label, 1 in 120": ({"labels": (_SPEED,)}, None),
    "label, no row": ({"labels": (NO_ROW,)}, None),
    "labels, all and 1 in 120": ({"labels": (EVERY, _SPEED)}, None),
    "labels, all and 20 rows": ({"labels": (EVERY, RARE_LABEL)}, None),
    "labels, 1 in 120 and no row": ({"labels": (_SPEED, NO_ROW)}, None),
    "camera 1 in 50, label all": ({"camera": _CAMERA, "labels": (EVERY,)}, None),
    "camera 1 in 50, label 1 in 120": ({"camera": _CAMERA, "labels": (_SPEED,)}, None),
    "camera 100 rows, label all": ({"camera": RARE_CAMERA, "labels": (EVERY,)}, None),
    "camera 1 in 50, label no row": ({"camera": _CAMERA, "labels": (NO_ROW,)}, None),
    "captured, all time": ({}, _ALL_TIME),
    "captured, 1 hour": ({}, _HOUR),
    "captured, 10 s": ({}, _SECONDS),
    "captured all time, camera 1 in 50": ({"camera": _CAMERA}, _ALL_TIME),
    "captured 1 hour, camera 1 in 50": ({"camera": _CAMERA}, _HOUR),
    "captured all time, camera 100 rows": ({"camera": RARE_CAMERA}, _ALL_TIME),
    "captured all time, label all": ({"labels": (EVERY,)}, _ALL_TIME),
    "captured all time, label 1 in 120": ({"labels": (_SPEED,)}, _ALL_TIME),
    "captured 1 hour, label 1 in 120": ({"labels": (_SPEED,)}, _HOUR),
    "captured 10 s, label all": ({"labels": (EVERY,)}, _SECONDS),
    "captured 1 hour, camera, label 1 in 120": ({"camera": _CAMERA, "labels": (_SPEED,)}, _HOUR),
    "q 1 in 20, camera 1 in 50": ({"text": FREQUENT, "camera": _CAMERA}, None),
    "q 1 in 20, camera 100 rows": ({"text": FREQUENT, "camera": RARE_CAMERA}, None),
    "q 1 in 1000, camera 1 in 50": ({"text": SOME, "camera": _CAMERA}, None),
    "q 10 rows, camera 1 in 50": ({"text": RARE, "camera": _CAMERA}, None),
    "q 1 in 20, label all": ({"text": FREQUENT, "labels": (EVERY,)}, None),
    "q 1 in 20, label 1 in 120": ({"text": FREQUENT, "labels": (_SPEED,)}, None),
    "q 10 rows, label all": ({"text": RARE, "labels": (EVERY,)}, None),
    "q 1 in 20, captured 1 hour": ({"text": FREQUENT}, _HOUR),
    "q 10 rows, captured all time": ({"text": RARE}, _ALL_TIME),
}


@dataclass(slots=True)
class Database:
    """A database with rows, and the seconds of each run by query."""

    rows: int
    archive: Archive
    taken: dict[str, list[float]] = field(default_factory=dict)


def make_queries() -> dict[str, Query]:
    """Return each query as its first page, and as a page from the middle of the rows."""
    queries: dict[str, Query] = {}
    for name in _FILTERS:
        for deep in (False, True):
            queries[f"{name}|{'deep' if deep else 'first'}"] = partial(_read_page, name=name, deep=deep)
    return queries


def _read_page(archive: Archive, rows: int, random_: random.Random, *, name: str, deep: bool) -> object:
    values, span = _FILTERS[name]
    middle = Place(random_.randrange(2 * rows // 5, 3 * rows // 5))
    query = replace(PageQuery(_LIMIT), **values)  # type: ignore[arg-type] # names of fields
    if span is not None:
        since = middle.received_at - span / 2
        query = replace(query, captured_since=since, captured_until=since + span)
    return archive.page(replace(query, before=middle.cursor) if deep else query)


def main() -> None:
    """Measure one kind of database after the other."""
    options = _parse()
    print(f"`{' '.join(('python -m benchmarks.growth.filters', *sys.argv[1:]))}`; medians (fastest tenth), ms.\n")
    for kind, folder, new_url in each_kind(options):
        databases = [create(new_url(), rows, folder) for rows in options.rows]
        measure(databases, make_queries(), options.runs, lambda one: one.taken)
        report(kind, databases)


def create(url: str, rows: int, folder: Path) -> Database:
    """Fill an empty database."""
    migrate(url)
    engine = open_engine(url, limits=MIGRATION_LIMITS)
    insert_rows_with_fields(engine, rows)
    report_progress(f"{engine.dialect.name}: inserted {rows:,} rows")
    return Database(rows, Archive(engine, folder))


def report(kind: str, databases: list[Database]) -> None:
    """Print a table with a row per filter."""
    titles = [f"{one.rows:,} rows, {page}" for one in databases for page in ("first page", "deep page")]
    print(f"| {kind} | {' | '.join(titles)} |")
    print("| --- |" + " ---: |" * len(titles))
    for name in _FILTERS:
        cells = [format_median(one.taken[f"{name}|{page}"]) for one in databases for page in ("first", "deep")]
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth.filters")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=20)
    add_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
