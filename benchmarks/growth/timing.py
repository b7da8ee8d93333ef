"""Times queries on databases of several sizes."""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from benchmarks.rounds import rotate

from captiond.archive import Archive

_MIN_RUNS = 10
_SECONDS_PER_QUERY = 12.0  # slow queries get fewer runs


Query = Callable[[Archive, int, random.Random], object]


class Database(Protocol):
    """A filled database."""

    @property
    def rows(self) -> int:
        """How many images it has."""

    @property
    def archive(self) -> Archive:
        """The archive on it."""


AnyDatabase = TypeVar("AnyDatabase", bound=Database)


def measure(
    databases: Sequence[AnyDatabase],
    queries: Mapping[str, Query],
    runs: int,
    where: Callable[[AnyDatabase], dict[str, list[float]]],
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


def format_median(seconds: Sequence[float] | None) -> str:
    """Format the median and the fastest tenth in ms."""
    if seconds is None:
        return ""
    fast = sorted(seconds)[len(seconds) // 10]  # the fastest tenth is less affected by load than the median
    return f"{_milliseconds(statistics.median(seconds))} ({_milliseconds(fast)})"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f}" if seconds >= 0.1 else f"{seconds * 1000:.2g}"  # noqa: PLR2004 - three digits do
