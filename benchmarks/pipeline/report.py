"""The results as Markdown tables."""

import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.pipeline.chart import draw_chart
from benchmarks.pipeline.contenders import CAPTIOND
from benchmarks.pipeline.load.uploads import Upload
from benchmarks.pipeline.results import Results, Spread, cpu_per_image, images_per_second, percentiles
from benchmarks.pipeline.trial import Burst
from benchmarks.reporting import describe_machine

_BASELINE = "Celery"
_PACKAGES = ("fastapi", "uvicorn", "pillow", "celery", "taskiq-redis", "dramatiq", "rq")
_MS, _US, _MIB = 1e3, 1e6, 2**-20
_ONE_DIGIT_BELOW = 10


def format_report(results: Results, uploads: Sequence[Upload]) -> str:
    return "\n".join(_lines(results, uploads))


def write_chart(results: Results, file: Path) -> None:
    file.write_text(draw_chart(results), encoding="utf-8")


def _lines(results: Results, uploads: Sequence[Upload]) -> Iterator[str]:
    yield from _conditions(results, uploads)
    yield from _burst_table(results)
    yield from _failures(results)
    yield from _role_table(results)
    yield from _latency_table(results)
    if CAPTIOND.name in results.bursts:
        yield from _floor_table(results)


def _conditions(results: Results, uploads: Sequence[Upload]) -> Iterator[str]:
    sizes = sorted(len(upload.jpeg) // 1000 for upload in uploads)
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    busy = ", ".join(f"{100 * load:.0f} %" for load in results.loads)
    rounds = len(results.loads)
    yield f"`{' '.join(('python -m benchmarks.pipeline', *sys.argv[1:]))}`, {rounds} rounds; medians (lowest–highest)."
    yield f"{describe_machine()};"
    yield f"Python {platform.python_version()}, {results.versions}, {packages}."
    yield f"Frames of 640x480, {sizes[0]} to {sizes[-1]} KB. CPU load by other processes before each round: {busy}."
    yield ""


def _burst_table(results: Results) -> Iterator[str]:
    """Throughput and CPU time, also relative to the baseline. A contender without figures gets the row `failed`."""
    titles = (
        "pipeline",
        "images",
        "images/s, first POST to last row",
        f"relative to {_BASELINE}",
        "CPU ms per image",
        f"relative to {_BASELINE}",
        "Redis, CPU ms",
        "PostgreSQL, CPU ms",
        "accepted/s",
    )
    yield f"| {' | '.join(titles)} |"
    yield "| --- |" + " ---: |" * (len(titles) - 1)
    for name in results.bursts:
        yield f"| {name} | {' | '.join(_burst_cells(name, results))} |"
    for name in results.failures:
        if name not in results.bursts:
            yield f"| {name} | failed |{' |' * (len(titles) - 2)}"
    yield ""


def _burst_cells(name: str, results: Results) -> Iterator[str]:
    rate = results.spread(name, images_per_second)
    yield str(next(iter(results.bursts[name].values())).images)
    yield rate.text(digits=0 if rate.middle > _ONE_DIGIT_BELOW else 1)
    yield _relative(name, results, images_per_second)
    yield results.spread(name, cpu_per_image).text(_MS, 2)
    yield _relative(name, results, cpu_per_image)
    yield results.spread(name, lambda burst: burst.redis_cpu_seconds / burst.images).text(_MS, 2)
    yield results.spread(name, lambda burst: burst.sql_cpu_seconds / burst.images).text(_MS, 2)
    yield f"{results.spread(name, lambda burst: burst.images / burst.accepting_seconds).middle:.0f}"


def _relative(name: str, results: Results, value: Callable[[Burst], float]) -> str:
    ratio = results.ratio(name, _BASELINE, value)
    return ratio.text(digits=2) if ratio else ""


def _failures(results: Results) -> Iterator[str]:
    for name, failure in results.failures.items():
        yield f"- {name} failed in round {failure.round} and got no further rounds: {failure.reason}"
    if results.failures:
        yield ""


def _role_table(results: Results) -> Iterator[str]:
    yield "| pipeline | process | CPU ms per image | peak memory MiB, all processes | of the largest |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for name, bursts in results.bursts.items():
        for role in next(iter(bursts.values())).services:
            used = [burst.services[role] for burst in bursts.values()]
            whole = max(one.peak_bytes for one in used) * _MIB
            largest = max(one.highest_peak_bytes for one in used) * _MIB
            yield f"| {name} | {role} | {results.cpu_of(name, role).text(_MS, 2)} | {whole:.0f} | {largest:.0f} |"
    yield ""


def _latency_table(results: Results) -> Iterator[str]:
    """Percentiles over the images of all rounds: medians of rounds would hide the images that define p99."""
    yield f"| pipeline, {results.steady_per_second} images/s | images | p50, ms | p95, ms | p99, ms | longest, ms |"
    yield "| --- |" + " ---: |" * 5
    for name, latencies in results.latencies.items():
        cells = (f"{_MS * latency:,.0f}" for latency in (*percentiles(latencies), max(latencies)))
        yield f"| {name} | {len(latencies)} | {' | '.join(cells)} |"
    yield ""


def _floor_table(results: Results) -> Iterator[str]:
    yield "| leg | floor, CPU µs per image | captiond, CPU µs per image | multiple |"
    yield "| --- | --- | ---: | ---: |"
    ours = _legs_of_captiond(results)
    for leg, used in ours.items():
        least = results.floor(leg)
        works = ", ".join(f"{work} {_US * results.floor(leg, work):,.0f}" for work in results.floors[0][leg])
        yield f"| {leg} | {_US * least:,.0f}: {works} | {used.text(_US)} | {used.middle / least:.1f}x |"
    for title, legs in (("Python only", ("api", "captioner", "archiver")), ("all", tuple(ours))):
        least, used_in_all = sum(map(results.floor, legs)), sum(ours[leg].middle for leg in legs)
        yield f"| {title} | {_US * least:,.0f} | {_US * used_in_all:,.0f} | {used_in_all / least:.1f}x |"


def _legs_of_captiond(results: Results) -> dict[str, Spread]:
    name = CAPTIOND.name
    return {
        **{leg: results.cpu_of(name, leg) for leg in ("api", "captioner", "archiver")},
        "Redis": results.spread(name, lambda burst: burst.redis_cpu_seconds / burst.images),
        "PostgreSQL": results.spread(name, lambda burst: burst.sql_cpu_seconds / burst.images),
    }
