"""Measures lists, lookups and searches by the number of rows: python -m benchmarks.growth [--help].

Fills databases with rows without files. Starts PostgreSQL in a temporary folder. Prints Markdown.
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from alembic import command
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
from benchmarks.pipeline.servers import postgresql
from benchmarks.rounds import report_progress, rotate
from sqlalchemy import Engine, create_engine, make_url

from captiond.archive import Archive, PageQuery, migrate
from captiond.archive.schema import alembic_config
from captiond.archive.sql.engine import open_engine
from captiond.archive.sql.limits import MIGRATION_LIMITS

_LIMIT = 100
_MIN_RUNS = 10
_SECONDS_PER_QUERY = 12.0  # slow queries get fewer runs
_ROWS_BEFORE_INSERTS = 100_000
_WITHOUT_INDEX = "0002"

Query = Callable[[Archive, int, random.Random], object]
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
    with tempfile.TemporaryDirectory(prefix="captiond-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        for kind in options.on:
            with _databases(kind, folder, options.mariadb) as new_url:
                databases = [_create(new_url(), rows, folder) for rows in options.rows]
                _measure(databases, _SEARCHES, options.runs, lambda one: one.before)
                for one in databases:
                    _migrate(one)
                _measure(databases, {**_READS, **_SEARCHES}, options.runs, lambda one: one.after)
                _report(kind, databases)
                if options.inserts:
                    without, indexed = (_filled(new_url(), _ROWS_BEFORE_INSERTS) for _ in range(2))
                    migrate(indexed)
                    print(compare_inserts(kind, without, indexed, folder / f"{kind}-images"))


def _create(url: str, rows: int, folder: Path) -> _Database:
    return _Database(rows, _filled(url, rows), Archive(open_engine(url, limits=MIGRATION_LIMITS), folder))


def _filled(url: str, rows: int) -> str:
    engine = open_engine(url, limits=MIGRATION_LIMITS)
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


def _measure(
    databases: Sequence[_Database],
    queries: dict[str, Query],
    runs: int,
    where: Callable[[_Database], dict[str, list[float]]],
) -> None:
    """Alternate between queries and sizes, so that load by other processes affects all of them."""
    random_ = random.Random(2)
    for run in range(runs):
        for name, query in queries.items():
            # The first size after another query finds colder caches, so the order rotates.
            for one in rotate(databases, run):
                taken = where(one).setdefault(name, [])
                if len(taken) >= _MIN_RUNS and sum(taken) > _SECONDS_PER_QUERY:
                    continue
                start = time.perf_counter()
                query(one.archive, one.rows, random_)
                taken.append(time.perf_counter() - start)


def _report(kind: str, databases: Sequence[_Database]) -> None:
    titles = [*_READS, *_SEARCHES]
    print(f"| {kind}, rows | {' | '.join(titles)} | migration, s |")
    print("| --- |" + " ---: |" * (len(titles) + 1))
    for one in databases:
        before = [_median(one.before.get(title)) for title in titles]
        print(f"| {one.rows:,}, no index | {' | '.join(before)} | |")
    for one in databases:
        after = [_median(one.after[title]) for title in titles]
        print(f"| {one.rows:,} | {' | '.join(after)} | {one.migration_seconds:.1f} |")
    print()


def _median(seconds: Sequence[float] | None) -> str:
    if seconds is None:
        return ""
    fast = sorted(seconds)[len(seconds) // 10]  # the fastest tenth is less affected by load than the median
    return f"{_milliseconds(statistics.median(seconds))} ({_milliseconds(fast)})"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}" if seconds >= 0.1 else f"{seconds * 1000:.2g}"  # noqa: PLR2004 - three digits do


@contextmanager
def _databases(kind: str, folder: Path, mariadb: str) -> Iterator[Callable[[], str]]:
    """Yield a function that returns the URL of a new, empty database."""
    if kind == "sqlite":
        yield lambda: f"sqlite:///{folder}/{uuid4().hex}.db"
    elif kind == "postgresql":
        with postgresql(folder / "sql") as (port, _):
            url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
            with _made_on(create_engine(url, isolation_level="AUTOCOMMIT"), "DROP DATABASE {} WITH (FORCE)") as made:
                yield made
    else:
        with _made_on(create_engine(make_url(mariadb)), "DROP DATABASE {}") as made:
            yield made


@contextmanager
def _made_on(server: Engine, drop: str) -> Iterator[Callable[[], str]]:
    names: list[str] = []

    def make() -> str:
        names.append(f"captiond_bench_{uuid4().hex}")
        with server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {names[-1]}")
        return server.url.set(database=names[-1]).render_as_string(hide_password=False)

    try:
        yield make
    finally:
        with server.connect() as connection:
            for name in names:
                connection.exec_driver_sql(drop.format(name))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument(
        "--on", nargs="+", choices=("sqlite", "postgresql", "mariadb"), default=["sqlite", "postgresql"]
    )
    parser.add_argument(
        "--mariadb",
        default="mariadb+pymysql://root@127.0.0.1:3306/mysql",
        help="URL of a user who may create databases",
    )
    parser.add_argument("--inserts", action="store_true", help="also measure what the search index adds to inserts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
