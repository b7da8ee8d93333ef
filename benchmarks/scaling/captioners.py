"""What more captioners do for a queue that is full when they begin."""

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.pipeline.contenders import CAPTIOND, CORES, Contender
from benchmarks.pipeline.load.send import send_burst
from benchmarks.pipeline.load.uploads import make_uploads, write_bodies
from benchmarks.pipeline.results import Results, Spread, cpu_an_image, images_per_second
from benchmarks.pipeline.servers import Servers
from benchmarks.pipeline.servers import servers as started_servers
from benchmarks.pipeline.stack import Running
from benchmarks.pipeline.trial import (
    PATIENCE_SECONDS,
    Burst,
    Files,
    Meter,
    await_rows,
    started,
    verify_checksum,
    warm_up,
)
from benchmarks.rounds import rotate

from captiond.pipeline import UPLOADS
from captiond.workqueue.streams.keys import Keys

_CAPTIONER = "captioner"
_WARMING = 20  # images a captioner
_LOOK_EVERY_SECONDS = 0.01
_MS = 1e3


def measure_captioners(counts: Sequence[int], images: int, rounds: int, folder: Path) -> Iterator[str]:
    """A Markdown table; all in turn."""
    if shutil.which("wrk") is None:
        raise SystemExit("there is no wrk (Debian: wrk)")
    most = max(counts) * _WARMING
    uploads = make_uploads(most + images)
    write_bodies(uploads[most:], folder / "bodies")
    captioned_per_second: dict[str, list[float]] = {}
    with started_servers(folder, with_redis_of_system=False) as running:
        results = Results(running.versions(), images, 0, 0)
        for round_ in range(rounds):
            where = folder / f"{round_}"
            where.mkdir()
            for count in rotate(counts, round_):
                files = Files(folder / "bodies", images, uploads[: count * _WARMING])
                drained, captioned_seconds = _drain(_with_captioners(count), running, where / f"{count}", files)
                results.bursts.setdefault(f"{count}", []).append(drained)
                captioned_per_second.setdefault(f"{count}", []).append(drained.images / captioned_seconds)
    yield from _table(results, {f"{count}": Spread.of(captioned_per_second[f"{count}"]) for count in counts})


def _with_captioners(count: int) -> Contender:
    services = (replace(one, count=count) if one.role == _CAPTIONER else one for one in CAPTIOND.services)
    return replace(CAPTIOND, services=tuple(services))


def _drain(contender: Contender, servers: Servers, folder: Path, files: Files) -> tuple[Burst, float]:
    """Accept all, then caption and archive; the seconds until the last image was captioned, and all until its row."""
    with started(contender, servers, folder) as (place, stack, database):
        warm_up(stack, database, files.warming)
        with _held_back(stack):
            sent = send_burst(stack.url, files.bodies, files.count)
            meter = Meter(stack, servers)
        start = time.monotonic()
        expected = sent.accepted + len(files.warming)
        captioned = _await_captioned(servers)
        drained = meter.read(sent, await_rows(database, expected) - start)
        verify_checksum(database, place, expected)
        return drained, captioned - start


@contextmanager
def _held_back(stack: Running) -> Iterator[None]:
    """Stops the captioners, rather than starting them later: what a start costs is no part of it."""
    captioners = [pid for role, pid in stack.processes if role == _CAPTIONER]
    for pid in captioners:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in captioners:
            os.kill(pid, signal.SIGCONT)


def _await_captioned(servers: Servers) -> float:
    """When nothing was left in queue `uploads`, in hand or not, of time.monotonic()."""
    stream, deadline = Keys().stream(UPLOADS), time.monotonic() + PATIENCE_SECONDS
    with servers.redis() as client:
        while left := client.xlen(stream):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{left} images are not captioned after {PATIENCE_SECONDS} s")
            time.sleep(_LOOK_EVERY_SECONDS)
    return time.monotonic()


def _table(results: Results, captioned_per_second: Mapping[str, Spread]) -> Iterator[str]:
    first = next(iter(captioned_per_second))
    yield (
        f"| captioners, {CORES} cores | captioned/s | archived/s | of that with {first} | services, CPU ms an image "
        "| captioners | archiver | Redis | cores busy |"
    )
    yield "| ---: |" + " ---: |" * 8
    for count, captioned in captioned_per_second.items():
        cells = (
            captioned.text(),
            results.spread(count, images_per_second).text(),
            results.ratio(count, first, images_per_second).text(digits=2),
            results.spread(count, cpu_an_image).text(_MS, 2),
            results.cpu_of(count, _CAPTIONER).text(_MS, 2),
            results.cpu_of(count, "archiver").text(_MS, 2),
            results.spread(count, lambda burst: burst.redis_cpu_seconds / burst.images).text(_MS, 2),
            results.spread(count, _cores_busy).text(digits=2),
        )
        yield f"| {count} | {' | '.join(cells)} |"


def _cores_busy(drained: Burst) -> float:
    """With ours alone: services and servers."""
    return (drained.cpu_seconds + drained.redis_cpu_seconds + drained.sql_cpu_seconds) / drained.seconds
