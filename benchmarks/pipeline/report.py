"""The tables, in Markdown, and where they are kept."""

import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.pipeline.chart import draw_chart
from benchmarks.pipeline.contenders import CAPTIOND
from benchmarks.pipeline.results import Results, Spread, cpu_an_image, images_per_second, percentiles
from benchmarks.pipeline.trial import Burst
from benchmarks.pipeline.uploads import Upload
from benchmarks.reporting import describe_machine, fill

_YARDSTICK = "Celery"
_PACKAGES = ("fastapi", "uvicorn", "pillow", "celery", "taskiq-redis", "dramatiq", "rq")
_MS, _US, _MIB = 1e3, 1e6, 2**-20


def write_report(results: Results, uploads: Sequence[Upload], into: Path | None) -> None:
    """Print the report. With `into`, also write it into explanation/performance.md and the chart into images/ there."""
    text = "\n".join(_lines(results, uploads))
    print(text)
    if into is not None:
        (into / "images" / "pipeline.svg").write_text(draw_chart(results), encoding="utf-8")
        fill(into / "explanation" / "performance.md", "measured", text)


def _lines(results: Results, uploads: Sequence[Upload]) -> Iterator[str]:
    yield from _about(results, uploads)
    yield from _burst_table(results)
    yield from _role_table(results)
    yield from _wait_table(results)
    if CAPTIOND.name in results.bursts:
        yield from _floor_table(results)


def _about(results: Results, uploads: Sequence[Upload]) -> Iterator[str]:
    sizes = sorted(len(upload.jpeg) // 1000 for upload in uploads)
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    busy = ", ".join(f"{100 * load:.0f} %" for load in results.loads)
    rounds = len(results.loads)
    yield f"`{' '.join(('python -m benchmarks.pipeline', *sys.argv[1:]))}`, {rounds} rounds; medians (lowest–highest)."
    yield f"{describe_machine()};"
    yield f"Python {platform.python_version()}, {results.versions}, {packages}."
    yield f"Frames of 640x480, {sizes[0]} to {sizes[-1]} KB. Before each round others used {busy} of the processors."
    yield ""


def _burst_table(results: Results) -> Iterator[str]:
    """Rates and costs, and what they are of Celery's where it was measured."""
    yield (
        "| pipeline | images | images/s, first POST to last row | of Celery's | CPU ms an image | of Celery's "
        "| Redis, CPU ms | PostgreSQL, CPU ms | accepted/s |"
    )
    yield "| --- |" + " ---: |" * 8
    for name, bursts in results.bursts.items():
        rate, cpu = results.spread(name, images_per_second), results.spread(name, cpu_an_image)
        cells = [
            str(bursts[0].images),
            rate.text(digits=0 if rate.middle > 10 else 1),  # noqa: PLR2004 - where a digit more says something
            _times(name, results, images_per_second, 2),
            cpu.text(_MS, 2),
            _times(name, results, cpu_an_image, 2),
            results.spread(name, lambda burst: burst.redis_cpu_seconds / burst.images).text(_MS, 2),
            results.spread(name, lambda burst: burst.sql_cpu_seconds / burst.images).text(_MS, 2),
            f"{results.spread(name, lambda burst: burst.images / burst.accepting_seconds).middle:.0f}",
        ]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _times(name: str, results: Results, value: Callable[[Burst], float], digits: int) -> str:
    """Round by round as many times the yardstick's."""
    return results.ratio(name, _YARDSTICK, value).text(digits=digits) if _YARDSTICK in results.bursts else ""


def _role_table(results: Results) -> Iterator[str]:
    yield "| pipeline | process | CPU ms an image | peak memory MiB, all of them | of the largest |"
    yield "| --- | --- | ---: | ---: | ---: |"
    for name, bursts in results.bursts.items():
        for role in bursts[0].services:
            whole = max(burst.services[role].peak_bytes for burst in bursts) * _MIB
            largest = max(burst.services[role].highest_peak_bytes for burst in bursts) * _MIB
            yield f"| {name} | {role} | {results.cpu_of(name, role).text(_MS, 2)} | {whole:.0f} | {largest:.0f} |"
    yield ""


def _wait_table(results: Results) -> Iterator[str]:
    """Medians of rounds would hide the one wait that p99 is about, so all rounds' images are taken together."""
    yield f"| pipeline, {results.steady_per_second} images/s | images | p50, ms | p95, ms | p99, ms | longest, ms |"
    yield "| --- |" + " ---: |" * 5
    for name, waits in results.waits.items():
        cells = (f"{_MS * wait:,.0f}" for wait in (*percentiles(waits), max(waits)))
        yield f"| {name} | {len(waits)} | {' | '.join(cells)} |"
    yield ""


def _floor_table(results: Results) -> Iterator[str]:
    yield "| leg | floor, CPU µs an image | captiond, CPU µs an image | multiple |"
    yield "| --- | --- | ---: | ---: |"
    ours = _legs_of_captiond(results)
    for leg, used in ours.items():
        least = results.floor(leg)
        works = ", ".join(f"{work} {_US * results.floor(leg, work):,.0f}" for work in results.floors[0][leg])
        yield f"| {leg} | {_US * least:,.0f}: {works} | {used.text(_US)} | {used.middle / least:.1f}x |"
    for title, legs in (("Python alone", ("api", "captioner", "archiver")), ("all", tuple(ours))):
        least, used_in_all = sum(map(results.floor, legs)), sum(ours[leg].middle for leg in legs)
        yield f"| {title} | {_US * least:,.0f} | {_US * used_in_all:,.0f} | {used_in_all / least:.1f}x |"


def _legs_of_captiond(results: Results) -> dict[str, Spread]:
    name = CAPTIOND.name
    return {
        **{leg: results.cpu_of(name, leg) for leg in ("api", "captioner", "archiver")},
        "Redis": results.spread(name, lambda burst: burst.redis_cpu_seconds / burst.images),
        "PostgreSQL": results.spread(name, lambda burst: burst.sql_cpu_seconds / burst.images),
    }
