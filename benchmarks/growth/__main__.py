"""Measures lists, lookups and searches by the number of rows: python -m benchmarks.growth [--help].

Fills databases with rows without files. Starts PostgreSQL in a temporary folder. Prints Markdown.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.growth.databases import add_arguments, each_kind
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
from captiond.archive.sql.engine import open_engine
from captiond.archive.sql.limits import MIGRATION_LIMITS

_LIMIT = 100


def _find_neighbours(archive: Archive, rows: int, random_: random.Random) -> object:
    image = archive.find(Place(random_.randrange(rows)).id)
    return image and archive.neighbours(image, PageQuery(_LIMIT))


_READS: dict[str, Query] = {
    "first page": lambda archive, _rows, _random: archive.page(PageQuery(_LIMIT)),
    "deep page": lambda archive, rows, random_: archive.page(
        PageQuery(_LIMIT, before=Place(random_.randrange(_LIMIT, rows // 2)).cursor)
    ),
    f"{DAMAGED_ROWS} damaged": lambda archive, _rows, _random: archive.page(PageQuery(_LIMIT, damaged=True)),
    "re-encoded, no row": lambda archive, _rows, _random: archive.page(PageQuery(_LIMIT, reencoded=True)),
    "count to 10,000": lambda archive, _rows, _random: archive.count_matching(PageQuery(_LIMIT), 10_000),
    "neighbours": _find_neighbours,
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
    """A filled database, and the seconds of each run by query."""

    rows: int
    archive: Archive
    taken: dict[str, list[float]] = field(default_factory=dict)


def main() -> None:
    """Measure one kind of database after the other."""
    options = _parse()
    print(f"`{' '.join(('python -m benchmarks.growth', *sys.argv[1:]))}`; medians (fastest tenth), ms.\n")
    for kind, folder, new_url in each_kind(options):
        databases = [_create(new_url(), rows, folder) for rows in options.rows]
        measure(databases, {**_READS, **_SEARCHES}, options.runs, lambda one: one.taken)
        _report(kind, databases)


def _create(url: str, rows: int, folder: Path) -> _Database:
    migrate(url)
    engine = open_engine(url, limits=MIGRATION_LIMITS)
    insert_rows(engine, rows)
    mark_damaged(engine, rows)
    report_progress(f"{engine.dialect.name}: inserted {rows:,} rows")
    return _Database(rows, Archive(engine, folder))


def _report(kind: str, databases: Sequence[_Database]) -> None:
    titles = [*_READS, *_SEARCHES]
    print(f"| {kind}, rows | {' | '.join(titles)} |")
    print("| --- |" + " ---: |" * len(titles))
    for one in databases:
        cells = [format_median(one.taken[title]) for title in titles]
        print(f"| {one.rows:,} | {' | '.join(cells)} |")
    print()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=100)
    add_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
