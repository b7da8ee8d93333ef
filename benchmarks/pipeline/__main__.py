"""The whole pipeline beside its peers and beside the floor: python -m benchmarks.pipeline [--help].

Starts all that it needs in a temporary folder and on 127.0.0.1, and ends it. Prints Markdown.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pipeline.contenders import CONTENDERS, Contender, captiond_of
from benchmarks.pipeline.floor import measure_floor
from benchmarks.pipeline.report import write_report
from benchmarks.pipeline.results import Results
from benchmarks.pipeline.servers import Servers, servers
from benchmarks.pipeline.trial import Files, Steady, try_burst, try_steadily
from benchmarks.pipeline.uploads import Upload, make_uploads, write_bodies
from benchmarks.pipeline.usage import busy_part
from benchmarks.rotation import rotated

STEADY_PER_SECOND = 20
_WARMING = 20  # images


def main() -> None:
    """Measure all in turn, so many rounds; one that loses an image ends it."""
    options = _parse()
    if shutil.which("wrk") is None:
        raise SystemExit("there is no wrk (Debian: wrk)")
    chosen = [contender for contender in CONTENDERS if options.only in {"", contender.slug}]
    chosen += [captiond_of(source) for source in options.beside]
    with tempfile.TemporaryDirectory(prefix="captiond-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        uploads = make_uploads(_WARMING + max(options.images, options.steady))
        write_bodies(uploads[_WARMING:], folder / "bodies")
        files = Files(folder / "bodies", options.images, uploads[:_WARMING])
        with servers(folder, with_redis_of_system=options.redis) as started:
            results = Results(started.versions(), options.images, options.steady, STEADY_PER_SECOND)
            for round_ in range(options.rounds):
                where = folder / str(round_)
                where.mkdir()
                results.loads.append(busy_part())
                results.floors.append(measure_floor(started, where / "floor", files, uploads[_WARMING:][:200]))
                for contender in rotated(chosen, round_):
                    _try(contender, _Round(started, where, files, uploads[_WARMING:][: options.steady]), results)
    write_report(results, uploads[_WARMING:], into=Path("docs") if options.write else None)


@dataclass(frozen=True, slots=True)
class _Round:
    """What all contenders of a round are given."""

    servers: Servers
    where: Path
    files: Files
    steady: Sequence[Upload]


def _try(contender: Contender, given: _Round, results: Results) -> None:
    slug, share = contender.slug, contender.share
    burst = try_burst(contender, given.servers, given.where / f"{slug}-burst", given.files.part(share))
    results.bursts.setdefault(contender.name, []).append(burst)
    few = given.steady[: max(2, round(len(given.steady) * share))]
    load = Steady(few, STEADY_PER_SECOND, given.files.warming)
    waits = try_steadily(contender, given.servers, given.where / f"{slug}-steady", load)
    results.waits.setdefault(contender.name, []).extend(waits)
    print(f"{contender.name}: {burst.per_second:.0f} images/s", file=sys.stderr)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline")
    parser.add_argument("--images", type=int, default=3000, help="of a burst")
    parser.add_argument("--steady", type=int, default=120, help="images of a steady load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help=f"one of {', '.join(one.slug for one in CONTENDERS)}")
    parser.add_argument("--beside", action="append", default=[], type=Path, help="the src of another checkout, too")
    parser.add_argument("--redis", action="store_true", help="the redis-server of this machine, not the Valkey wheel")
    parser.add_argument("--write", action="store_true", help="docs/explanation/performance.md and its picture, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
