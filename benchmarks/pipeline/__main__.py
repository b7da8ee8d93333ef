"""Compares the pipeline with its peers and with the floor: python -m benchmarks.pipeline [--help].

Starts its servers in a temporary folder and on 127.0.0.1, and stops them at the end. Prints Markdown.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

from benchmarks.pipeline.compare import Inputs, run_rounds
from benchmarks.pipeline.contenders import CONTENDERS, captiond_at
from benchmarks.pipeline.load.uploads import make_uploads, write_bodies
from benchmarks.pipeline.report import format_report, write_chart
from benchmarks.pipeline.results import Results
from benchmarks.pipeline.servers import servers
from benchmarks.pipeline.trial import Files
from benchmarks.reporting import CHART, PERFORMANCE_PAGE, fill
from benchmarks.rounds import report_progress

STEADY_PER_SECOND = 20
PARTIAL_RESULTS = Path("var/bench/pipeline.md")
_WARM_UP_IMAGES = 20
_FLOOR_IMAGES = 200


def main() -> None:
    """Measure all contenders in rounds. The exit status is 1 if one of them failed."""
    options = _parse()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed (Debian: wrk)")
    contenders = [contender for contender in CONTENDERS if options.only in {"", contender.slug}]
    contenders += [captiond_at(source) for source in options.beside]
    with tempfile.TemporaryDirectory(prefix="captiond-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may run as another user
        uploads = make_uploads(_WARM_UP_IMAGES + max(options.images, options.steady))
        warm_up, uploads = uploads[:_WARM_UP_IMAGES], uploads[_WARM_UP_IMAGES:]
        write_bodies(uploads, folder / "bodies")
        files = Files(folder / "bodies", options.images, warm_up)
        inputs = Inputs(files, uploads[: options.steady], uploads[:_FLOOR_IMAGES], STEADY_PER_SECOND)
        with servers(folder, with_redis_of_system=options.redis) as started:
            results = Results(started.versions(), options.images, options.steady, STEADY_PER_SECOND)
            for _ in run_rounds(contenders, started, inputs, results, range(options.rounds)):
                PARTIAL_RESULTS.parent.mkdir(parents=True, exist_ok=True)
                PARTIAL_RESULTS.write_text(format_report(results, uploads), encoding="utf-8")
                report_progress(f"results so far: {PARTIAL_RESULTS}")
    text = format_report(results, uploads)
    print(text)
    if options.write:
        write_chart(results, CHART)
        fill(PERFORMANCE_PAGE, "measured", text)
    if results.failures:
        raise SystemExit(f"failed: {'; '.join(results.failures)}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipeline")
    parser.add_argument("--images", type=int, default=3000, help="images per burst")
    parser.add_argument("--steady", type=int, default=120, help="images per steady load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help=f"measure only {', '.join(one.slug for one in CONTENDERS)}")
    parser.add_argument("--beside", action="append", default=[], type=Path, help="also measure this checkout's src")
    parser.add_argument("--redis", action="store_true", help="use the installed redis-server instead of Valkey")
    parser.add_argument("--write", action="store_true", help=f"also write {PERFORMANCE_PAGE} and {CHART}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
