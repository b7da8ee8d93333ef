"""One trial of one contender: a burst and its end, or a light steady load and how long each image takes."""

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

PATIENCE_SECONDS = 180
_COUNT_EVERY_SECONDS = 0.02
_LOOK_EVERY_SECONDS = 0.004


@dataclass(frozen=True, slots=True)
class Burst:
    """Images a second from the first POST to the last row; processor time an image; memory."""

    images: int
    seconds: float
    accepting_seconds: float
    services: dict[str, Usage]
    redis_cpu_seconds: float
    sql_cpu_seconds: float
    load_cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.images / self.seconds

    @property
    def cpu_seconds(self) -> float:
        """Of the contender's own processes: servers and load generator apart."""
        return sum(used.cpu_seconds for used in self.services.values())


class Meter:
    """Tells what services and servers have used since it was made."""

    def __init__(self, stack: Running, servers: Servers) -> None:
        self._stack = stack
        self._servers = servers
        self._before = self._used()

    def read(self, sent: Sent, seconds: float) -> Burst:
        """The images that were sent took so many seconds, and what was used until now."""
        used = {name: _since(self._before[name], now) for name, now in self._used().items()}
        return Burst(
            images=sent.accepted,
            seconds=seconds,
            accepting_seconds=sent.answered - sent.started,
            redis_cpu_seconds=used.pop("Redis").cpu_seconds,
            sql_cpu_seconds=used.pop("PostgreSQL").cpu_seconds,
            services=used,
            load_cpu_seconds=sent.cpu_seconds,
        )

    def _used(self) -> dict[str, Usage]:
        servers = {"Redis": usage(self._servers.redis_pid), "PostgreSQL": usage(self._servers.postgresql_pid)}
        return {**self._stack.usage(), **servers}


@dataclass(frozen=True, slots=True)
class Files:
    """The bodies that wrk sends, and as many others to warm up with."""

    bodies: Path
    count: int
    warming: Sequence[Upload]

    def part(self, share: float) -> "Files":
        return Files(self.bodies, max(1, round(self.count * share)), self.warming)


@dataclass(frozen=True, slots=True)
class Steady:
    """A light load, and what to warm up with."""

    uploads: Sequence[Upload]
    per_second: float
    warming: Sequence[Upload]


def try_burst(contender: Contender, servers: Servers, folder: Path, files: Files) -> Burst:
    """Start, warm up, send all at once, wait for the last row; then hold rows and files against what was accepted."""
    with started(contender, servers, folder) as (place, stack, database):
        warm_up(stack, database, files.warming)
        meter = Meter(stack, servers)
        sent = send_burst(stack.url, files.bodies, files.count)
        expected = sent.accepted + len(files.warming)
        result = meter.read(sent, await_rows(database, expected) - sent.started)
        verify_checksum(database, place, expected)
        return result


def try_steadily(contender: Contender, servers: Servers, folder: Path, load: Steady) -> list[float]:
    """Seconds from each POST to the first look, every 4 ms, that finds its row committed."""
    with started(contender, servers, folder) as (place, stack, database):
        warm_up(stack, database, load.warming)
        watch = _Watch(database)
        with watch:
            sent = asyncio.run(send_steadily(stack.url, load.uploads, load.per_second))
            _await_rows_of(watch, set(sent))
        verify_checksum(database, place, len(sent) + len(load.warming))
        return [watch.seen[image_id] - moment for image_id, moment in sent.items()]


@contextmanager
def started(
    contender: Contender, servers: Servers, folder: Path
) -> Iterator[tuple[Place, Running, psycopg.Connection]]:
    """Its files and rows stay until the end: a disk that deletes thousands of files is slow to make new ones."""
    database = f"{folder.parent.name}-{folder.name}"
    servers.reset(database, appendfsync=contender.appendfsync)
    place = Place(servers, database, folder)
    with running(contender, place) as stack, psycopg.connect(servers.dsn(database), autocommit=True) as connection:
        yield place, stack, connection


def warm_up(stack: Running, database: psycopg.Connection, uploads: Sequence[Upload]) -> None:
    """What is done once, at the first image, is no one's cost an image."""
    sent = asyncio.run(send_steadily(stack.url, uploads, per_second=20))
    if len(sent) < len(uploads):
        raise RuntimeError(f"{stack.url} took {len(sent)} of {len(uploads)} images to warm up with")
    await_rows(database, len(sent))


def await_rows(database: psycopg.Connection, count: int) -> float:
    """When so many rows were there, of time.monotonic()."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        [(rows,)] = database.execute("SELECT count(*) FROM images").fetchall()
        if rows >= count:
            return time.monotonic()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{rows} rows of {count} after {PATIENCE_SECONDS} s")
        time.sleep(_COUNT_EVERY_SECONDS)


class _Watch:
    """Sees rows appear, from a thread of its own."""

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

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_SECONDS):
            rows = self._database.execute("SELECT id::text FROM images ORDER BY stored_at DESC LIMIT 50").fetchall()
            now = time.monotonic()
            for (image_id,) in rows:
                self.seen.setdefault(image_id, now)


def _await_rows_of(watch: _Watch, ids: set[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not ids <= watch.seen.keys():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(ids - watch.seen.keys())} rows are missing after {PATIENCE_SECONDS} s")
        time.sleep(_COUNT_EVERY_SECONDS)


def verify_checksum(database: psycopg.Connection, place: Place, accepted: int) -> None:
    """Nothing is lost, nothing is there twice, every file is a picture."""
    paths = [path for (path,) in database.execute("SELECT path FROM images").fetchall()]
    if len(paths) != accepted or len(set(paths)) != accepted:
        raise RuntimeError(f"{accepted} images were accepted, {len(paths)} rows name {len(set(paths))} files")
    for path in paths:
        with Image.open(place.images / path) as picture:
            picture.load()


def _since(before: Usage, after: Usage) -> Usage:
    return Usage(after.cpu_seconds - before.cpu_seconds, after.peak_bytes, after.highest_peak_bytes)
