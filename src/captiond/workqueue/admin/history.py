"""Rates of the last hour and day, computed from samples of the lifetime counters.

Any number of processes call `sample` every few seconds, and a script stores the counters once per interval. Uploads and
deliveries cost no further commands. The time is that of the server, because the clocks of the processes may differ.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeAlias, cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import COUNTED, Keys
from captiond.workqueue.streams.scripts import SAMPLE, run_one

# Sampling this often, every minute has a sample within its first 20 s.
SAMPLE_SECONDS = 20.0
_CREATED = "created"


@dataclass(frozen=True, slots=True)
class Resolution:
    """A number of intervals of equal length."""

    name: str
    step_seconds: int
    steps: int


HOUR = Resolution("hour", 60, 60)
DAY = Resolution("day", 600, 144)
RESOLUTIONS = (HOUR, DAY)


@dataclass(frozen=True, slots=True)
class Point:
    """One interval. `changes` is the increase of each counter, None for a gap.

    `seconds` is the measured time between both samples, which differs from the length of the interval by up to 20 s.
    """

    at: datetime
    seconds: float
    changes: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class Period:
    """Consecutive intervals, the oldest first; the last is the current one and still incomplete.

    `changes` and `seconds` cover the whole period, with the gaps between two samples. Both are 0 without samples.
    """

    step_seconds: int
    points: tuple[Point, ...]
    seconds: float
    changes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """The counters at a time, in seconds since the epoch."""

    at: float
    counters: Mapping[str, int]


_Change: TypeAlias = tuple[float, Mapping[str, int]]


class History:
    """Stores and reads the samples. Every method raises QueueUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def sample(self) -> None:
        """Store the counters unless the current interval has a sample. Safe to call from several processes."""
        keys = [self._keys.samples(resolution.name) for resolution in RESOLUTIONS]
        # One more than the intervals of a period: the first interval starts with the sample before it.
        limits = [number for each in RESOLUTIONS for number in (each.step_seconds, each.steps + 1)]
        with translate_redis_errors():
            run_one(self._client, SAMPLE.call([self._keys.totals, *keys], *limits))

    def read(self, resolution: Resolution) -> Period:
        """Read the last hour or day up to now."""
        with translate_redis_errors(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.hgetall(self._keys.samples(resolution.name))
            pipeline.hgetall(self._keys.totals)
            pipeline.time()
            stored, totals, (seconds, microseconds) = cast(
                "tuple[Mapping[bytes, bytes], Mapping[bytes, bytes], tuple[int, int]]", pipeline.execute()
            )
        now = Sample(seconds + microseconds / 1e6, {name.decode(): int(count) for name, count in totals.items()})
        return measure({int(interval): _parse(text) for interval, text in stored.items()}, now, resolution)


def counted(name: str) -> str:
    """Return the name in `changes` of a counter of `Forward` and `Monitor.count`."""
    return COUNTED + name


def measure(samples: Mapping[int, Sample], now: Sample, resolution: Resolution) -> Period:
    """Compute the period that ends now from the samples by interval."""
    current = int(now.at // resolution.step_seconds)
    first = current - resolution.steps + 1
    sampled = {number: sample for number, sample in samples.items() if first <= number <= current}
    ends = {**{number - 1: sample for number, sample in sampled.items()}, current: now}
    changes = {number: _compare(sampled.get(number), ends.get(number)) for number in range(first, current + 1)}
    total_seconds, total = _add_up([*(sampled[number] for number in sorted(sampled)), now])
    return Period(
        step_seconds=resolution.step_seconds,
        points=tuple(_to_point(number * resolution.step_seconds, change) for number, change in changes.items()),
        seconds=total_seconds,
        changes=total,
    )


def _to_point(start_seconds: int, change: _Change | None) -> Point:
    seconds, changes = change or (0.0, None)
    return Point(datetime.fromtimestamp(start_seconds, UTC), seconds, changes)


def _compare(start: Sample | None, end: Sample | None) -> _Change | None:
    """Return the difference, None without one: a missing sample, deleted data, or a clock that was set back."""
    if start is None or end is None or end.at <= start.at:
        return None
    if start.counters.get(_CREATED, 0) not in {0, end.counters.get(_CREATED, 0)}:
        return None
    changes = {name: end.counters.get(name, 0) - start.counters.get(name, 0) for name in _names(start, end)}
    return None if min(changes.values(), default=0) < 0 else (end.at - start.at, changes)


def _names(*samples: Sample) -> Iterator[str]:
    return (name for name in sorted({name for sample in samples for name in sample.counters}) if name != _CREATED)


def _add_up(samples: list[Sample]) -> _Change:
    total_seconds, total = 0.0, dict[str, int]()
    for start, end in pairwise(samples):
        if change := _compare(start, end):
            total_seconds += change[0]
            total = {name: total.get(name, 0) + change[1].get(name, 0) for name in {**total, **change[1]}}
    return total_seconds, total


def _parse(text: bytes) -> Sample:
    milliseconds, *flat = cast("list[str | int]", json.loads(text))
    return Sample(
        int(milliseconds) / 1000,
        {str(name): int(count) for name, count in zip(flat[::2], flat[1::2], strict=True)},
    )
