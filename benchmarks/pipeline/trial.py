"""One trial of one contender: a burst until its last row, or a steady load and the latency of each image."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from benchmarks.pipeline.contenders import Contender, Place
from benchmarks.pipeline.load.send import Sent, send_burst, send_steadily
from benchmarks.pipeline.load.uploads import Upload
from benchmarks.pipeline.servers import Servers
from benchmarks.pipeline.stack import Running, running
from benchmarks.pipeline.usage import Usage, usage
from PIL import Image

_COUNT_INTERVAL_SECONDS = 0.02
_WATCH_INTERVAL_SECONDS = 0.004


class TrialFailed(Exception):
    """A contender did not accept or store all images."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Times and usage from the first POST to the last row."""

    images: int
    seconds: float
    accepting_seconds: float
    services: dict[str, Usage]
    redis_cpu_seconds: float
    sql_cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.images / self.seconds

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the contender's own processes, without the servers."""
        return sum(used.cpu_seconds for used in self.services.values())


class Meter:
    """Measures the usage of services and servers since its creation."""

    def __init__(self, stack: Running, servers: Servers) -> None:
        self._stack = stack
        self._servers = servers
        self._before = self._used()

    def read(self, sent: Sent, seconds: float) -> Burst:
        used = {name: _since(self._before[name], now) for name, now in self._used().items()}
        return Burst(
            images=sent.accepted,
            seconds=seconds,
            accepting_seconds=sent.answered - sent.started,
            redis_cpu_seconds=used.pop("Redis").cpu_seconds,
            sql_cpu_seconds=used.pop("PostgreSQL").cpu_seconds,
            services=used,
        )

    def _used(self) -> dict[str, Usage]:
        servers = {"Redis": usage(self._servers.redis_pid), "PostgreSQL": usage(self._servers.postgresql_pid)}
        return {**self._stack.usage(), **servers}


@dataclass(frozen=True, slots=True)
class Files:
    """The request bodies of a burst as files for wrk, and the uploads of the warm-up."""

    bodies: Path
    count: int
    warm_up: Sequence[Upload]

    def part(self, share: float) -> "Files":
        return Files(self.bodies, max(1, round(self.count * share)), self.warm_up)


@dataclass(frozen=True, slots=True)
class Steady:
    """A steady load, and the uploads of the warm-up."""

    uploads: Sequence[Upload]
    per_second: float
    warm_up: Sequence[Upload]


def run_burst(contender: Contender, servers: Servers, folder: Path, files: Files) -> Burst:
    """Send all images at once and wait for the last row, then check rows and files. Raises TrialFailed."""
    with started(contender, servers, folder) as (place, stack, database):
        warm_up(stack, database, files.warm_up, contender.stall_seconds)
        meter = Meter(stack, servers)
        sent = send_burst(stack.url, files.bodies, files.count)
        expected = sent.accepted + len(files.warm_up)
        result = meter.read(sent, await_rows(database, expected, contender.stall_seconds) - sent.started)
        verify_archive(database, place, expected)
        return result


def run_steady_load(contender: Contender, servers: Servers, folder: Path, load: Steady) -> list[float]:
    """Return the seconds from each POST until its row is visible, 4 ms too long at most. Raises TrialFailed."""
    with started(contender, servers, folder) as (place, stack, database):
        warm_up(stack, database, load.warm_up, contender.stall_seconds)
        watch = _RowWatch(database)
        with watch:
            sent = asyncio.run(send_steadily(stack.url, load.uploads, load.per_second))
            watch.await_rows(set(sent), contender.stall_seconds)
        verify_archive(database, place, len(sent) + len(load.warm_up))
        return [watch.seen[image_id] - moment for image_id, moment in sent.items()]


@contextmanager
def started(
    contender: Contender, servers: Servers, folder: Path
) -> Iterator[tuple[Place, Running, psycopg.Connection]]:
    """Run a contender. Files and rows stay: ext4 is slow at creating files just after it deleted thousands."""
    database = f"{folder.parent.name}-{folder.name}"
    servers.reset(database, appendfsync=contender.appendfsync)
    place = Place(servers, database, folder)
    with running(contender, place) as stack, psycopg.connect(servers.dsn(database), autocommit=True) as connection:
        yield place, stack, connection


def warm_up(stack: Running, database: psycopg.Connection, uploads: Sequence[Upload], stall_seconds: float) -> None:
    """Process some images before the measurement, which excludes the cost of the first image. Raises TrialFailed."""
    sent = asyncio.run(send_steadily(stack.url, uploads, per_second=20))
    if len(sent) < len(uploads):
        raise TrialFailed(f"{stack.url} accepted {len(sent)} of {len(uploads)} images of the warm-up")
    await_rows(database, len(sent), stall_seconds)


def await_rows(database: psycopg.Connection, count: int, stall_seconds: float) -> float:
    """Return when the row count was reached, as time.monotonic(). Raises TrialFailed."""
    deadline = time.monotonic() + stall_seconds
    while True:
        [(rows,)] = database.execute("SELECT count(*) FROM images").fetchall()
        if rows >= count:
            return time.monotonic()
        if time.monotonic() > deadline:
            raise TrialFailed(f"stalled: {rows} of {count} rows after {stall_seconds:.0f} s")
        time.sleep(_COUNT_INTERVAL_SECONDS)


class _RowWatch:
    """Records in a thread when each row becomes visible."""

    def __init__(self, database: psycopg.Connection) -> None:
        self.seen: dict[str, float] = {}
        self._database = database
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def await_rows(self, ids: set[str], stall_seconds: float) -> None:
        deadline = time.monotonic() + stall_seconds
        while missing := ids - self.seen.keys():
            if time.monotonic() > deadline:
                raise TrialFailed(f"stalled: {len(missing)} of {len(ids)} rows missing after {stall_seconds:.0f} s")
            time.sleep(_COUNT_INTERVAL_SECONDS)

    def _run(self) -> None:
        while not self._stop.wait(_WATCH_INTERVAL_SECONDS):
            rows = self._database.execute("SELECT id::text FROM images ORDER BY stored_at DESC LIMIT 50").fetchall()
            now = time.monotonic()
            for (image_id,) in rows:
                self.seen.setdefault(image_id, now)


def verify_archive(database: psycopg.Connection, place: Place, accepted: int) -> None:
    """Check that each accepted image has one row and one file, and that each file decodes. Raises TrialFailed."""
    paths = [path for (path,) in database.execute("SELECT path FROM images").fetchall()]
    if len(paths) != accepted or len(set(paths)) != accepted:
        raise TrialFailed(f"accepted {accepted} images, stored {len(paths)} rows and {len(set(paths))} files")
    for path in paths:
        with Image.open(place.images / path) as picture:
            picture.load()


def _since(before: Usage, after: Usage) -> Usage:
    return Usage(after.cpu_seconds - before.cpu_seconds, after.peak_bytes, after.highest_peak_bytes)
