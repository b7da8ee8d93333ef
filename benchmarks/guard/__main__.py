"""Guards the hot paths against slowdowns: python -m benchmarks.guard [--record | --only PATH ...].

Counts instructions, which do not depend on the load of the machine. Fails if a path executes more than recorded.
"""

import argparse
import os
import platform
import shutil
from collections.abc import Mapping

from benchmarks.guard.callgrind import MACHINE
from benchmarks.guard.compare import Finding, choose_margin, compare, differences
from benchmarks.guard.conditions import find_conditions
from benchmarks.guard.hot_paths import HOT_PATHS
from benchmarks.guard.measure import measure
from benchmarks.guard.record import Record, read_record, write_record


def main() -> None:
    """Count, then compare or record."""
    arguments = _parse_arguments()
    if obstacle := _find_obstacle():
        print(f"hot paths not checked: {obstacle}")
        # CI must install valgrind, but cannot choose its processor.
        raise SystemExit("CI" in os.environ and platform.machine() == MACHINE)
    counted: dict[str, int] = {}
    for path in HOT_PATHS:
        if not arguments.only or path.name in arguments.only:
            counted[path.name] = measure(path)
            print(f"{path.name}: {counted[path.name]:,} instructions per image; {path.what}", flush=True)
    if arguments.record:
        write_record(Record(find_conditions(), counted))
    elif any(finding.verdict.fails for finding in _compare(read_record(), counted)):
        raise SystemExit("a hot path is slower than recorded, or has no record")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.guard",
        description="Guards the hot paths.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--record", action="store_true", help="record the counts of all paths")
    what.add_argument("--only", action="append", choices=[path.name for path in HOT_PATHS], help="compare this path")
    return parser.parse_args()


def _find_obstacle() -> str | None:
    if platform.machine() != MACHINE:
        return f"recorded on {MACHINE}, this machine is {platform.machine()}"
    if shutil.which("valgrind") is None:
        return "valgrind is not installed (Debian: valgrind)"
    return None


def _compare(record: Record, counted: Mapping[str, int]) -> list[Finding]:
    """Print the comparison. Under conditions that differ from the record, the margin is wider."""
    found = find_conditions()
    for other in differences(record.conditions, found):
        print(f"differs from the record: {other}")
    margin = choose_margin(record.conditions, found)
    print(f"limit: {1 + margin.slower:.0%} of the record")
    findings = compare(record.instructions, counted, margin)
    for finding in findings:
        print(f"{finding.name}: {finding.change:+.1%}, {finding.verdict.value}")
    return findings


if __name__ == "__main__":
    main()
