"""What counts say beside their record. Pure: no measuring, no files."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Margin:
    """How far a count may be from its record, as parts of it: above it fails, below it asks for a new record."""

    slower: float
    faster: float


# Counts move by two thousandths by themselves (benchmarks/README.md); a change that costs a tenth is to be looked at.
AS_RECORDED = Margin(slower=0.10, faster=0.05)
# Other patch releases: between Python 3.11.2 and 3.11.7 it was 6 %.
NEARBY = Margin(slower=0.25, faster=0.25)
# Another Python or another processor: only what is about twice as much is surely ours.
ELSEWHERE = Margin(slower=1.0, faster=1.0)


class Verdict(Enum):
    """What is to be done about a count."""

    AS_RECORDED = "as recorded"
    SLOWER = "SLOWER"
    FASTER = "faster: `make guard-record` keeps the gain"
    NOT_RECORDED = "NOT RECORDED: `make guard-record`"

    @property
    def fails(self) -> bool:
        return self in {Verdict.SLOWER, Verdict.NOT_RECORDED}


@dataclass(frozen=True, slots=True)
class Finding:
    """One path; `recorded` is None where the record lacks it."""

    name: str
    recorded: int | None
    counted: int
    verdict: Verdict

    @property
    def change(self) -> float:
        """Of the record: 0.1 is a tenth more."""
        return self.counted / self.recorded - 1 if self.recorded else 0.0


def compare(recorded: Mapping[str, int], counted: Mapping[str, int], margin: Margin) -> list[Finding]:
    """Judge each count, in the order they were made."""
    return [_judge(name, recorded.get(name), count, margin) for name, count in counted.items()]


def differences(recorded: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Which conditions are others than the record's, in words."""
    return [
        f"{name} is {found.get(name, 'unknown')}, recorded with {recorded.get(name, 'unknown')}"
        for name in {**recorded, **found}
        if recorded.get(name) != found.get(name)
    ]


def choose_margin(recorded: Mapping[str, str], found: Mapping[str, str]) -> Margin:
    """The more the conditions differ from the record's, the wider."""
    if not differences(recorded, found):
        return AS_RECORDED
    return NEARBY if _kind(recorded) == _kind(found) else ELSEWHERE


def _kind(conditions: Mapping[str, str]) -> tuple[str, list[str]]:
    """The machine, and Python's version without its patch."""
    return conditions.get("machine", ""), conditions.get("python", "").split(".")[:2]


def _judge(name: str, recorded: int | None, counted: int, margin: Margin) -> Finding:
    if recorded is None:
        verdict = Verdict.NOT_RECORDED
    elif counted > recorded * (1 + margin.slower):
        verdict = Verdict.SLOWER
    elif counted < recorded * (1 - margin.faster):
        verdict = Verdict.FASTER
    else:
        verdict = Verdict.AS_RECORDED
    return Finding(name, recorded, counted, verdict)
