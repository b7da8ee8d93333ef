"""Throughput by the number of captioners, which start on a full queue."""

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
from benchmarks.pipeline.results import Results, Spread, cpu_per_image, images_per_second
from benchmarks.pipeline.servers import Servers
from benchmarks.pipeline.servers import servers as started_servers
from benchmarks.pipeline.stack import Running
from benchmarks.pipeline.trial import (
    Burst,
    Files,
    Meter,
    TrialFailed,
    await_rows,
    started,
    verify_archive,
    warm_up,
)
from benchmarks.rounds import report_progress, rotate

from captiond.pipeline import UPLOADS
from captiond.workqueue.streams.keys import Keys

_CAPTIONER = "captioner"
_WARM_UP_IMAGES = 20  # per captioner
_POLL_INTERVAL_SECONDS = 0.01
_MS = 1e3


def measure_captioners(counts: Sequence[int], images: int, rounds: int, folder: Path) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian: wrk)")
    most = max(counts) * _WARM_UP_IMAGES
    uploads = make_uploads(most + images)
    write_bodies(uploads[most:], folder / "bodies")
    captioned_per_second: dict[str, list[float]] = {}
    with started_servers(folder, with_redis_of_system=False) as running:
        results = Results(running.versions(), images, 0, 0)
        for round_ in range(rounds):
            where = folder / f"{round_}"
            where.mkdir()
            for count in rotate(counts, round_):
                files = Files(folder / "bodies", images, uploads[: count * _WARM_UP_IMAGES])
                drained, captioned_seconds = _drain(_with_captioners(count), running, where / f"{count}", files)
                results.add_burst(f"{count}", round_, drained)
                report_progress(
                    f"round {round_ + 1} of {rounds}: {count} captioners, {drained.per_second:.0f} images/s"
                )
                captioned_per_second.setdefault(f"{count}", []).append(drained.images / captioned_seconds)
    yield from _table(results, {f"{count}": Spread.of(captioned_per_second[f"{count}"]) for count in counts})


def _with_captioners(count: int) -> Contender:
    services = (replace(one, count=count) if one.role == _CAPTIONER else one for one in CAPTIOND.services)
    return replace(CAPTIOND, services=tuple(services))


def _drain(contender: Contender, servers: Servers, folder: Path, files: Files) -> tuple[Burst, float]:
    """Fill the queue, then process it. Return usage until the last row, and seconds until the last caption."""
    with started(contender, servers, folder) as (place, stack, database):
        warm_up(stack, database, files.warm_up, contender.stall_seconds)
        with _suspended_captioners(stack):
            sent = send_burst(stack.url, files.bodies, files.count)
            meter = Meter(stack, servers)
        start = time.monotonic()
        expected = sent.accepted + len(files.warm_up)
        captioned = _await_captioned(servers, contender.stall_seconds)
        drained = meter.read(sent, await_rows(database, expected, contender.stall_seconds) - start)
        verify_archive(database, place, expected)
        return drained, captioned - start


@contextmanager
def _suspended_captioners(stack: Running) -> Iterator[None]:
    """Suspend the captioners, so that their start is not part of the measurement."""
    captioners = [pid for role, pid in stack.processes if role == _CAPTIONER]
    for pid in captioners:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in captioners:
            os.kill(pid, signal.SIGCONT)


def _await_captioned(servers: Servers, stall_seconds: float) -> float:
    """Return when queue `uploads` was empty, in-flight messages included, as time.monotonic(). Raises TrialFailed."""
    stream, deadline = Keys().stream(UPLOADS), time.monotonic() + stall_seconds
    with servers.redis() as client:
        while left := client.xlen(stream):
            if time.monotonic() > deadline:
                raise TrialFailed(f"stalled: {left} images not captioned after {stall_seconds:.0f} s")
            time.sleep(_POLL_INTERVAL_SECONDS)
    return time.monotonic()


def _table(results: Results, captioned_per_second: Mapping[str, Spread]) -> Iterator[str]:
    first = next(iter(captioned_per_second))
    yield (
        f"| captioners, {CORES} cores | captioned/s | archived/s | relative to {first} | services, CPU ms per image "
        "| captioners | archiver | Redis | cores busy |"
    )
    yield "| ---: |" + " ---: |" * 8
    for count, captioned in captioned_per_second.items():
        cells = (
            captioned.text(),
            results.spread(count, images_per_second).text(),
            _ratio_text(results, count, first),
            results.spread(count, cpu_per_image).text(_MS, 2),
            results.cpu_of(count, _CAPTIONER).text(_MS, 2),
            results.cpu_of(count, "archiver").text(_MS, 2),
            results.spread(count, lambda burst: burst.redis_cpu_seconds / burst.images).text(_MS, 2),
            results.spread(count, _cores_busy).text(digits=2),
        )
        yield f"| {count} | {' | '.join(cells)} |"


def _ratio_text(results: Results, count: str, first: str) -> str:
    ratio = results.ratio(count, first, images_per_second)
    return ratio.text(digits=2) if ratio else ""


def _cores_busy(drained: Burst) -> float:
    """CPU cores used by services and servers."""
    return (drained.cpu_seconds + drained.redis_cpu_seconds + drained.sql_cpu_seconds) / drained.seconds
