"""Measurements of all rounds, and the figures derived from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from benchmarks.pipeline.floor.measure import Floor
from benchmarks.pipeline.trial import Burst


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, lowest and highest value."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))

    def text(self, scale: float = 1.0, digits: int = 0) -> str:
        middle, low, high = (f"{scale * value:,.{digits}f}" for value in (self.middle, self.low, self.high))
        return f"{middle} ({low}–{high})"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a contender has no figures for a round, and none for the rounds after it."""

    round: int
    reason: str


@dataclass(slots=True)
class Results:
    """Measurements by contender, added round by round."""

    versions: str
    images: int
    steady: int
    steady_per_second: int
    loads: list[float] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)
    bursts: dict[str, dict[int, Burst]] = field(default_factory=dict)
    latencies: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)

    def add_burst(self, name: str, round_: int, burst: Burst) -> None:
        self.bursts.setdefault(name, {})[round_] = burst

    def spread(self, name: str, value: Callable[[Burst], float]) -> Spread:
        """A figure over all bursts of a contender."""
        return Spread.of([value(burst) for burst in self.bursts[name].values()])

    def ratio(self, name: str, other: str, value: Callable[[Burst], float]) -> Spread | None:
        """The ratio of two contenders within each round. None if they share no round."""
        ours, theirs = self.bursts[name], self.bursts.get(other, {})
        ratios = [value(ours[round_]) / value(theirs[round_]) for round_ in ours if round_ in theirs]
        return Spread.of(ratios) if ratios else None

    def cpu_of(self, name: str, role: str) -> Spread:
        """CPU seconds per image of the processes of a role."""
        return self.spread(name, lambda burst: burst.services[role].cpu_seconds / burst.images)

    def floor(self, leg: str, work: str | None = None) -> float:
        """The median CPU seconds per image of one work, or of all works of a leg."""
        return median(floor[leg][work] if work else sum(floor[leg].values()) for floor in self.floors)


def images_per_second(burst: Burst) -> float:
    return burst.per_second


def cpu_per_image(burst: Burst) -> float:
    return burst.cpu_seconds / burst.images


def percentiles(latencies: Sequence[float]) -> tuple[float, float, float]:
    """p50, p95 and p99 of at least two values."""
    cuts = quantiles(latencies, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]
