"""Guards the hot paths: python -m benchmarks.guard [--record | --only PATH ...].

Counts instructions, not time: a busy machine changes nothing. Fails where a path takes more of them than recorded.
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
    """Count, and compare or record."""
    arguments = _parse_arguments()
    if hindrance := _find_hindrance():
        print(f"HOT PATHS NOT GUARDED: {hindrance}")
        # In CI valgrind is a matter of installing it; another processor is not.
        raise SystemExit("CI" in os.environ and platform.machine() == MACHINE)
    counted: dict[str, int] = {}
    for path in HOT_PATHS:
        if not arguments.only or path.name in arguments.only:
            counted[path.name] = measure(path)
            print(f"{path.name}: {counted[path.name]:,} instructions an image; {path.what}", flush=True)
    if arguments.record:
        write_record(Record(find_conditions(), counted))
    elif any(finding.verdict.fails for finding in _compare(read_record(), counted)):
        raise SystemExit("a hot path got slower, or has no record")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description="Guards the hot paths by counts.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--record", action="store_true", help="write the counts of all paths down, compare nothing")
    what.add_argument("--only", action="append", choices=[path.name for path in HOT_PATHS], help="compare this path")
    return parser.parse_args()


def _find_hindrance() -> str | None:
    if platform.machine() != MACHINE:
        return f"they are recorded on {MACHINE}, this is {platform.machine()}"
    if shutil.which("valgrind") is None:
        return "there is no valgrind (Debian: valgrind)"
    return None


def _compare(record: Record, counted: Mapping[str, int]) -> list[Finding]:
    """Print what is found; under other conditions than the record's, say so and allow for more."""
    found = find_conditions()
    for other in differences(record.conditions, found):
        print(f"NOT AS RECORDED: {other}")
    margin = choose_margin(record.conditions, found)
    print(f"A path fails above {1 + margin.slower:.0%} of its record.")
    findings = compare(record.instructions, counted, margin)
    for finding in findings:
        print(f"{finding.name}: {finding.change:+.1%}, {finding.verdict.value}")
    return findings


if __name__ == "__main__":
    main()
