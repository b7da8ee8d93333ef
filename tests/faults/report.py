"""Formats the results as a Markdown table for the documentation: python -m tests.faults.report RESULTS [FILE].

Runs of a scenario on several servers are one row with the sums of their counts and the longest recovery.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from tests.faults.results import Result, read

COLUMNS = (
    "#",
    "scenario",
    "uploads",
    "faults injected",
    "accepted",
    "refused",
    "dead letters",
    "lost",
    "duplicates",
    "recovery, s",
    "servers",
    "databases",
)


def table(results: Iterable[Result]) -> str:
    """One row per scenario, ordered by number."""
    rows = [row(list(runs)) for _, runs in groupby(sorted(results, key=place), key=place)]
    ruler = ["---", "---", *["---:"] * 8, "---", "---"]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (COLUMNS, ruler, *rows))


def place(result: Result) -> tuple[int, str, str]:
    number = re.match(r"\d+", result.number)
    return (int(number[0]) if number else 0, result.number, name_of(result))


def name_of(result: Result) -> str:
    """The name of the row. Each mutant has its own row."""
    return result.remark if result.scenario == "mutant" else result.scenario


def row(runs: Sequence[Result]) -> list[str]:
    first = runs[0]
    sums = [
        sum(getattr(run, name) for run in runs)
        for name in ("uploads", "faults", "accepted", "refused", "dead", "lost", "twice")
    ]
    seconds = max(run.recovery_seconds for run in runs)
    servers = sorted({run.server for run in runs})
    databases = sorted({run.database for run in runs} - {"none"})
    counts = [f"{value:,}" for value in sums]
    if first.scenario == "mutant":
        counts[2:] = ["-"] * len(counts[2:])  # a mutant loses images on purpose
    return [first.number, name_of(first), *counts, f"{seconds:.1f}", ", ".join(servers), ", ".join(databases) or "-"]


def main() -> None:
    """Write the table to FILE and to stdout."""
    source = Path(sys.argv[1])
    text = table(read(source)) if source.exists() else ""
    sys.stdout.write(f"{text}\n")
    for target in map(Path, sys.argv[2:]):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


if __name__ == "__main__":
    main()
