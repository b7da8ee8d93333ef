"""The rounds of the comparison. A contender that fails or stalls gets no more rounds; the others continue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from benchmarks.pipeline.contenders import Contender
from benchmarks.pipeline.floor.measure import measure_floor
from benchmarks.pipeline.load.uploads import Upload
from benchmarks.pipeline.results import Failure, Results, percentiles
from benchmarks.pipeline.servers import Servers
from benchmarks.pipeline.trial import Files, Steady, TrialFailed, run_burst, run_steady_load
from benchmarks.pipeline.usage import busy_part
from benchmarks.rounds import report_progress, rotate

_FAILURES = (TrialFailed, OSError, httpx.HTTPError, psycopg.Error)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The images of a burst, of a steady load and of the floor."""

    files: Files
    steady: Sequence[Upload]
    floor: Sequence[Upload]
    steady_per_second: int


def run_rounds(
    contenders: Sequence[Contender], servers: Servers, inputs: Inputs, results: Results, rounds: range
) -> Iterator[int]:
    """Add each round to the results, then yield its number."""
    for round_ in rounds:
        folder = servers.folder / f"round-{round_}"
        folder.mkdir()
        results.loads.append(busy_part())
        results.floors.append(measure_floor(servers, folder / "floor", inputs.files, inputs.floor))
        report_progress(f"round {round_ + 1} of {len(rounds)}: floor measured")
        for contender in rotate(contenders, round_):
            if contender.name not in results.failures:
                outcome = _run_trials(contender, servers, folder, inputs, results)
                report_progress(f"round {round_ + 1} of {len(rounds)}: {contender.name}: {outcome}")
        yield round_


def _run_trials(contender: Contender, servers: Servers, folder: Path, inputs: Inputs, results: Results) -> str:
    """Measure a burst and a steady load. Return the outcome in one line."""
    name, slug, round_ = contender.name, contender.slug, len(results.loads)
    steady = inputs.steady[: max(2, round(len(inputs.steady) * contender.share))]
    load = Steady(steady, inputs.steady_per_second, inputs.files.warm_up)
    try:
        burst = run_burst(contender, servers, folder / f"{slug}-burst", inputs.files.part(contender.share))
        results.add_burst(name, round_, burst)
        latencies = run_steady_load(contender, servers, folder / f"{slug}-steady", load)
    except _FAILURES as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        results.failures[name] = Failure(round_, reason)
        return f"failed: {reason}"
    results.latencies.setdefault(name, []).extend(latencies)
    p50, _, p99 = percentiles(latencies)
    return f"{burst.per_second:.0f} images/s, latency p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms"
