"""What was measured of each photo, and the file that preserves it when a run is interrupted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.photos.kinds import Label
from pydantic import TypeAdapter

_NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class Outcome:
    """What captiond did with a photo."""

    method: str
    """lossless, re-encoded or failed."""
    reason: str = ""
    """Why it is not lossless."""

    @property
    def is_lossless(self) -> bool:
        """Whether the photo's coefficients are those of the upload."""
        return self.method == "lossless"

    @property
    def is_captioned(self) -> bool:
        """Whether there is a captioned file at all."""
        return self.method != "failed"


@dataclass(frozen=True, slots=True)
class Times:
    """CPU nanoseconds of all threads, one figure per round; empty where a contender failed."""

    cold_ns: tuple[int, ...] = ()
    warm_ns: tuple[int, ...] = ()
    pillow_ns: tuple[int, ...] = ()

    @property
    def cold_ms(self) -> float:
        """captiond, with caches that contain neither the photo's header nor its tables."""
        return _median_ms(self.cold_ns)

    @property
    def warm_ms(self) -> float:
        """captiond, the same photo a second time."""
        return _median_ms(self.warm_ns)

    @property
    def pillow_ms(self) -> float:
        """Plain Pillow."""
        return _median_ms(self.pillow_ns)


@dataclass(frozen=True, slots=True)
class Result:
    """A photo, its kind, and what became of it."""

    name: str
    source: str
    labels: tuple[Label, ...]
    is_upright_baseline: bool
    outcome: Outcome
    pillow_error: str
    """Why Pillow could not caption the photo; empty where it could. Such a photo counts as valid."""
    times: Times

    @property
    def is_valid(self) -> bool:
        """Whether Pillow decodes the whole photo."""
        return not self.pillow_error

    @property
    def is_timed(self) -> bool:
        """Whether both contenders captioned the photo."""
        return self.is_valid and self.outcome.is_captioned

    @property
    def ratio(self) -> float:
        """Cold CPU time of captiond as a multiple of Pillow's; only where both captioned the photo."""
        return self.times.cold_ms / self.times.pillow_ms


_RESULT = TypeAdapter(Result)


def append_result(file: Path, result: Result) -> None:
    """Add a line of JSON."""
    with file.open("ab") as lines:
        lines.write(_RESULT.dump_json(result) + b"\n")


def write_results(file: Path, results: Sequence[Result]) -> None:
    """Replace the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"".join(_RESULT.dump_json(result) + b"\n" for result in results))


def read_results(file: Path) -> list[Result]:
    """The results of a run, without the last one if its line is incomplete. No file: no results."""
    lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
    return [_RESULT.validate_json(line) for line in lines]


def _median_ms(nanoseconds: Sequence[int]) -> float:
    return median(nanoseconds) / _NS_PER_MS if nanoseconds else 0.0
