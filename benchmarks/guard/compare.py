"""Compares instruction counts with their record."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Margin:
    """Allowed deviation from the record. Above `slower` the guard fails, below `faster` it asks for a new record."""

    slower: float
    faster: float


# Unchanged code varies by 0.25 % (benchmarks/README.md).
AS_RECORDED = Margin(slower=0.10, faster=0.05)
# Other patch releases: Python 3.11.2 and 3.11.7 differ by 6 %.
NEARBY = Margin(slower=0.25, faster=0.25)
# Another minor version of Python or another processor: not measured, so only a factor of two counts.
ELSEWHERE = Margin(slower=1.0, faster=1.0)


class Verdict(Enum):
    """The result of a comparison."""

    AS_RECORDED = "as recorded"
    SLOWER = "SLOWER"
    FASTER = "faster: run `make guard-record`"
    NOT_RECORDED = "NOT RECORDED: run `make guard-record`"

    @property
    def fails(self) -> bool:
        return self in {Verdict.SLOWER, Verdict.NOT_RECORDED}


@dataclass(frozen=True, slots=True)
class Finding:
    """One compared path. `recorded` is None without a record."""

    name: str
    recorded: int | None
    counted: int
    verdict: Verdict

    @property
    def change(self) -> float:
        """Relative change: 0.1 is 10 % more than recorded."""
        return self.counted / self.recorded - 1 if self.recorded else 0.0


def compare(recorded: Mapping[str, int], counted: Mapping[str, int], margin: Margin) -> list[Finding]:
    """Compare each count with its record."""
    return [_compare_one(name, recorded.get(name), count, margin) for name, count in counted.items()]


def differences(recorded: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Describe the conditions that differ from the record."""
    return [
        f"{name} is {found.get(name, 'unknown')}, recorded with {recorded.get(name, 'unknown')}"
        for name in {**recorded, **found}
        if recorded.get(name) != found.get(name)
    ]


def choose_margin(recorded: Mapping[str, str], found: Mapping[str, str]) -> Margin:
    """Return a wider margin the more the conditions differ from the record."""
    if not differences(recorded, found):
        return AS_RECORDED
    return NEARBY if _kind(recorded) == _kind(found) else ELSEWHERE


def _kind(conditions: Mapping[str, str]) -> tuple[str, list[str]]:
    """The machine and the minor version of Python."""
    return conditions.get("machine", ""), conditions.get("python", "").split(".")[:2]


def _compare_one(name: str, recorded: int | None, counted: int, margin: Margin) -> Finding:
    if recorded is None:
        verdict = Verdict.NOT_RECORDED
    elif counted > recorded * (1 + margin.slower):
        verdict = Verdict.SLOWER
    elif counted < recorded * (1 - margin.faster):
        verdict = Verdict.FASTER
    else:
        verdict = Verdict.AS_RECORDED
    return Finding(name, recorded, counted, verdict)
