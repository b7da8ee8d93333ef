"""What all rounds have measured, and the figures made of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

from benchmarks.pipeline.floor.measure import Floor
from benchmarks.pipeline.trial import Burst


@dataclass(frozen=True, slots=True)
class Spread:
    """The median, the lowest and the highest."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(median(values), min(values), max(values))

    def text(self, scale: float = 1.0, digits: int = 0) -> str:
        middle, low, high = (f"{scale * value:,.{digits}f}" for value in (self.middle, self.low, self.high))
        return f"{middle} ({low}–{high})"


@dataclass(slots=True)
class Results:
    """Filled round by round."""

    versions: str
    images: int
    steady: int
    steady_per_second: int
    loads: list[float] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)
    bursts: dict[str, list[Burst]] = field(default_factory=dict)
    waits: dict[str, list[float]] = field(default_factory=dict)

    def spread(self, name: str, value: Callable[[Burst], float]) -> Spread:
        """Of a contender's bursts."""
        return Spread.of([value(burst) for burst in self.bursts[name]])

    def ratio(self, name: str, other: str, value: Callable[[Burst], float]) -> Spread:
        """Round by round: the minutes of a round are alike for both, those of two rounds are not."""
        pairs = zip(self.bursts[name], self.bursts[other], strict=True)
        return Spread.of([value(one) / value(its) for one, its in pairs])

    def cpu_of(self, name: str, role: str) -> Spread:
        """Seconds of the processor an image that the processes of a role take."""
        return self.spread(name, lambda burst: burst.services[role].cpu_seconds / burst.images)

    def floor(self, leg: str, work: str | None = None) -> float:
        """The median of one work, or of all works of a leg."""
        return median(floor[leg][work] if work else sum(floor[leg].values()) for floor in self.floors)


def images_per_second(burst: Burst) -> float:
    return burst.per_second


def cpu_an_image(burst: Burst) -> float:
    return burst.cpu_seconds / burst.images


def percentiles(waits: Sequence[float]) -> tuple[float, float, float]:
    """p50, p95 and p99."""
    cuts = quantiles(waits, n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]
