"""Measures lists, lookups and searches by the number of rows: python -m benchmarks.growth [--help].

Fills databases with rows without files. Starts PostgreSQL in a temporary folder. Prints Markdown.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alembic import command
from benchmarks.growth.databases import add_arguments, each_kind
from benchmarks.growth.inserts import compare_inserts
from benchmarks.growth.sample_rows import (
    DAMAGED_ROWS,
    FREQUENT,
    FREQUENT_PART,
    RARE,
    RARE_ROWS,
    SOME,
    SOME_PART,
    Place,
    insert_rows,
    mark_damaged,
)
from benchmarks.growth.timing import Query, format_median, measure
from benchmarks.rounds import report_progress

from captiond.archive import Archive, PageQuery, migrate
from captiond.archive.schema import alembic_config
from captiond.archive.sql.engine import open_engine
from captiond.archive.sql.limits import MIGRATION_LIMITS
from captiond.archive.sql.sqlite_file import create_database_file

_LIMIT = 100
_ROWS_BEFORE_INSERTS = 100_000
_WITHOUT_INDEX = "0002"

_READS: dict[str, Query] = {
    "first page": lambda archive, _rows, _random: archive.page(PageQuery(_LIMIT)),
    "deep page": lambda archive, rows, random_: archive.page(
        PageQuery(_LIMIT, before=Place(random_.randrange(_LIMIT, rows // 2)).cursor)
    ),
    f"{DAMAGED_ROWS} damaged": lambda archive, _rows, _random: archive.page(PageQuery(_LIMIT, damaged=True)),
    "image by id": lambda archive, rows, random_: archive.find(Place(random_.randrange(rows)).id),
}
_SEARCHES: dict[str, Query] = {
    f"one row in {FREQUENT_PART}": lambda archive, _rows, _random: archive.page(PageQuery(_LIMIT, text=FREQUENT)),
    f"one row in {SOME_PART}": lambda archive, _rows, _random: archive.page(PageQuery(_LIMIT, text=SOME)),
    f"{RARE_ROWS} rows": lambda archive, _rows, _random: archive.page(PageQuery(_LIMIT, text=RARE)),
    "two letters, no row": lambda archive, _rows, _random: archive.page(PageQuery(_LIMIT, text="ъь")),
}


@dataclass(slots=True)
class _Database:
    """A database, and the seconds of each run by query, before and after the migration that adds the search index."""

    rows: int
    url: str
    archive: Archive
    before: dict[str, list[float]] = field(default_factory=dict)
    after: dict[str, list[float]] = field(default_factory=dict)
    migration_seconds: float = 0.0


def main() -> None:
    """Measure one kind of database after the other."""
    options = _parse()
    print(f"`{' '.join(('python -m benchmarks.growth', *sys.argv[1:]))}`; medians (fastest tenth), ms.\n")
    for kind, folder, new_url in each_kind(options):
        databases = [_create(new_url(), rows, folder) for rows in options.rows]
        measure(databases, _SEARCHES, options.runs, lambda one: one.before)
        for one in databases:
            _migrate(one)
        measure(databases, {**_READS, **_SEARCHES}, options.runs, lambda one: one.after)
        _report(kind, databases)
        if options.inserts:
            without, indexed = (_filled(new_url(), _ROWS_BEFORE_INSERTS) for _ in range(2))
            migrate(indexed)
            print(compare_inserts(kind, without, indexed, folder / f"{kind}-images"))


def _create(url: str, rows: int, folder: Path) -> _Database:
    return _Database(rows, _filled(url, rows), Archive(open_engine(url, limits=MIGRATION_LIMITS), folder))


def _filled(url: str, rows: int) -> str:
    engine = open_engine(url, limits=MIGRATION_LIMITS)
    create_database_file(engine.url)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), _WITHOUT_INDEX)
    insert_rows(engine, rows)
    report_progress(f"{engine.dialect.name}: inserted {rows:,} rows")
    return url


def _migrate(one: _Database) -> None:
    start = time.perf_counter()
    migrate(one.url)
    one.migration_seconds = time.perf_counter() - start
    mark_damaged(open_engine(one.url), one.rows)


def _report(kind: str, databases: Sequence[_Database]) -> None:
    titles = [*_READS, *_SEARCHES]
    print(f"| {kind}, rows | {' | '.join(titles)} | migration, s |")
    print("| --- |" + " ---: |" * (len(titles) + 1))
    for one in databases:
        before = [format_median(one.before.get(title)) for title in titles]
        print(f"| {one.rows:,}, no index | {' | '.join(before)} | |")
    for one in databases:
        after = [format_median(one.after[title]) for title in titles]
        print(f"| {one.rows:,} | {' | '.join(after)} | {one.migration_seconds:.1f} |")
    print()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=100)
    add_arguments(parser)
    parser.add_argument("--inserts", action="store_true", help="also measure what the search index adds to inserts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
