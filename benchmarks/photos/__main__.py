"""captiond and plain Pillow on real photographs: python -m benchmarks.photos FOLDER [--help].

Prints Markdown. The photos are only read.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.photos.check import check_photos
from benchmarks.photos.collection import Photo, choose_photos, find_photos
from benchmarks.photos.measure import PhotoTimer, measure_in_fresh_processes
from benchmarks.photos.report import report_lines
from benchmarks.photos.results import Result, append_result, read_results, write_results
from benchmarks.pipeline.usage import busy_part
from benchmarks.reporting import PERFORMANCE_PAGE, fill

MARK = "photos"
"""The comments around the tables in the page have this name."""
_OUTPUT = Path("var/photos")
_RESULTS = _OUTPUT / "results.jsonl"
_NS_PER_MS = 1e6
_INTERRUPTED = 130  # the exit status of a program that SIGINT ends


def main() -> None:
    """Check the photos, or measure them and print the tables."""
    options = _parse()
    photos: list[Photo] = options.photos
    _OUTPUT.mkdir(parents=True, exist_ok=True)
    if options.check:
        raise SystemExit(0 if check_photos(photos, _OUTPUT) else 1)
    about = _describe_run(options)
    results = read_results(_RESULTS) if options.resume else []
    write_results(_RESULTS, results)
    try:
        _measure(photos, options.rounds, results)
    except KeyboardInterrupt:
        print(*report_lines(results, about), sep="\n")
        print(f"\nInterrupted after {len(results)} of {len(photos)} photos; `--resume` continues.", file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None
    lines = list(report_lines(results, about))
    if options.fresh:
        lines += ["", _compare_with_fresh_processes(photos, results)]
    print("\n".join(lines))
    if options.write:
        fill(PERFORMANCE_PAGE, MARK, "\n".join(lines))


def _describe_run(options: argparse.Namespace) -> str:
    """The command without the folder's path, which means nothing elsewhere."""
    arguments = ("DIR" if argument == str(options.folder) else argument for argument in sys.argv[1:])
    return (
        f"`{' '.join(('python -m benchmarks.photos', *arguments))}`; medians of {options.rounds} rounds per photo, "
        f"summed. Before the run others used {100 * busy_part():.0f} % of the processors."
    )


def _measure(photos: Sequence[Photo], rounds: int, results: list[Result]) -> None:
    """Add a result per photo that has none yet, to the list and to the file."""
    timer = PhotoTimer(rounds)
    measured = {result.name for result in results}
    for number, photo in enumerate(photos, start=1):
        if photo.name in measured:
            continue
        result = timer.measure(photo)
        append_result(_RESULTS, result)
        results.append(result)
        print(f"[{number}/{len(photos)}] {_progress(result)}", file=sys.stderr)


def _progress(result: Result) -> str:
    times = result.times
    ratio = f"{result.ratio:.2f}x" if result.is_timed else "not compared"
    return (
        f"{result.name} {result.outcome.method}: cold {times.cold_ms:.1f} ms, warm {times.warm_ms:.1f} ms, "
        f"Pillow {times.pillow_ms:.1f} ms, {ratio}"
    )


def _compare_with_fresh_processes(photos: Sequence[Photo], results: Sequence[Result]) -> str:
    by_name = {result.name: result for result in results if result.is_timed}
    chosen = [photo for photo in photos if photo.name in by_name]
    reset_ms = sum(by_name[photo.name].times.cold_ms for photo in chosen)
    fresh_ms = sum(measure_in_fresh_processes(photo.path for photo in chosen)) / _NS_PER_MS
    return (
        f"Cold, one process per photo: {fresh_ms:,.0f} ms for {len(chosen)} photos; with caches reset: "
        f"{reset_ms:,.0f} ms; the first is {fresh_ms / reset_ms:.2f} times the second."
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.photos")
    parser.add_argument("folder", type=Path, help="JPEG files, in subfolders as well; MANIFEST.tsv names their origin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these photos, not all")
    parser.add_argument("--check", action="store_true", help=f"check instead of measure; contact sheet in {_OUTPUT}")
    parser.add_argument("--fresh", action="store_true", help="also measure cold with one process per photo")
    parser.add_argument("--resume", action="store_true", help=f"continue the run of {_RESULTS}")
    parser.add_argument("--write", action="store_true", help=f"also replace the tables of {PERFORMANCE_PAGE}")
    options = parser.parse_args()
    if not options.folder.is_dir():
        parser.error(
            f"{options.folder}: no such folder; pass one with JPEG files: make bench-photos DIR=path/to/photos"
        )
    try:
        options.photos = choose_photos(find_photos(options.folder), options.only)
    except ValueError as unknown:
        parser.error(str(unknown))
    if options.write and options.only:
        parser.error("--write takes all photos")
    if not options.photos:
        parser.error(f"{options.folder}: no JPEG files in this folder")
    return options


if __name__ == "__main__":
    main()
