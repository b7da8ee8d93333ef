"""Charts of rates: the geometry, which the template `operations/chart.html` draws as SVG.

The plot is stretched to the width of the page, so its coordinates are intervals by per cent, and its texts are outside.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby

from captiond.services.api.bodies.operations import Changes, PeriodReport, PointReport

HEIGHT = 100
# The height of a bar for a very small rate: a single failed image must be visible.
LEAST_HEIGHT = 4
BAR_WIDTH = 0.8
# Until the server takes the first sample of an interval, the last two intervals have no values.
PENDING = 2
MINUTE = 60
# Numbers that are easy to halve, because the grid has a line at one half.
STEPS = (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10)
# Labels closer to an edge would be cut off.
EDGE_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Tick:
    """A label of the time axis, at a position in per cent of the width."""

    percent: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of the time without values, in per cent of the width."""

    percent: float
    width_percent: float


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: what several intervals counted. `missing` is the number of intervals without values."""

    start: datetime
    changes: Changes
    intervals: int
    missing: int


@dataclass(frozen=True, slots=True)
class Chart:
    """Paths for SVG in a box of `intervals` by `HEIGHT`, with `top` and `failed_top` as the rates at its top.

    Rates are images per minute. `average` and `peak` are those of archived images.
    """

    intervals: int
    top: float
    failed_top: float
    archived: str
    accepted: str
    failed: str
    gaps: tuple[Gap, ...]
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]
    average: float
    peak: float
    peak_at: datetime

    @property
    def has_values(self) -> bool:
        return any(row.missing < row.intervals for row in self.rows)

    @property
    def missing(self) -> int:
        """The number of intervals without values."""
        return sum(row.missing for row in self.rows)


def draw(period: PeriodReport, zone: tzinfo, *, tick_seconds: int, row_seconds: int) -> Chart:
    """Compute a chart with a label every `tick_seconds` of local time, and a table with a row per `row_seconds`."""
    points = period.points
    number = len(points)
    archived = [_rate(point, period.step_seconds, _get_archived) for point in points]
    accepted = [_rate(point, period.step_seconds, _get_accepted) for point in points]
    failed = [_rate(point, period.step_seconds, _get_failed) for point in points]
    top = round_up(max(_known([*archived, *accepted]), default=0))
    failed_top = round_up(max(_known(failed), default=0))
    peak = max(range(number), key=lambda index: archived[index] or 0)
    return Chart(
        intervals=number,
        top=top,
        failed_top=failed_top,
        archived=_draw_bars(archived, top),
        accepted=_draw_line(accepted, top),
        failed=_draw_bars(failed, failed_top),
        gaps=tuple(_find_gaps(points)),
        ticks=tuple(_find_ticks(points, period.step_seconds, tick_seconds, zone)),
        rows=tuple(_add_up(points, row_seconds // period.step_seconds)),
        average=period.changes.archived * MINUTE / period.seconds if period.seconds else 0,
        peak=archived[peak] or 0,
        peak_at=points[peak].at,
    )


def round_up(value: float) -> float:
    """Return the next larger number of one or two digits with zeros, to label an axis; 1 for 0."""
    if value <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(value))
    return next(float(f"{step * power:.6g}") for step in STEPS if step * power >= value * 0.999999)


def _get_archived(changes: Changes) -> int:
    return changes.archived


def _get_accepted(changes: Changes) -> int:
    return changes.accepted


def _get_failed(changes: Changes) -> int:
    return changes.failed


def _rate(point: PointReport, step_seconds: int, get: Callable[[Changes], int]) -> float | None:
    """Return images per minute, None for a gap. A short time would turn one image into a high rate."""
    if point.changes is None:
        return None
    return get(point.changes) * MINUTE / max(point.seconds, step_seconds / 2)


def _known(rates: Sequence[float | None]) -> Iterator[float]:
    return (rate for rate in rates if rate is not None)


def _draw_bars(rates: Sequence[float | None], top: float) -> str:
    left = (1 - BAR_WIDTH) / 2
    return "".join(
        f"M{index + left:g} {HEIGHT}V{_y(rate, top):g}h{BAR_WIDTH:g}V{HEIGHT}z"
        for index, rate in enumerate(rates)
        if rate
    )


def _draw_line(rates: Sequence[float | None], top: float) -> str:
    """Draw steps, interrupted by gaps."""
    parts = []
    for index, rate in enumerate(rates):
        if rate is not None:
            is_continued = index > 0 and rates[index - 1] is not None
            y = HEIGHT if rate == 0 else _y(rate, top)
            parts.append(f"{'V' if is_continued else f'M{index} '}{y:g}H{index + 1}")
    return "".join(parts)


def _y(rate: float, top: float) -> float:
    return round(HEIGHT - max(rate / top * HEIGHT, LEAST_HEIGHT), 1)


def _find_gaps(points: Sequence[PointReport]) -> Iterator[Gap]:
    percent = 100 / len(points)
    for is_gap, run in groupby(range(len(points)), lambda index: points[index].changes is None):
        indexes = list(run)
        if is_gap and not _is_pending(indexes, points):
            yield Gap(round(indexes[0] * percent, 2), round(len(indexes) * percent, 2))


def _is_pending(indexes: Sequence[int], points: Sequence[PointReport]) -> bool:
    return indexes[-1] == len(points) - 1 and len(indexes) <= PENDING


def _find_ticks(points: Sequence[PointReport], step_seconds: int, tick_seconds: int, zone: tzinfo) -> Iterator[Tick]:
    for index, point in enumerate(points):
        local = point.at.astimezone(zone)
        percent = round(index * 100 / len(points), 2)
        is_whole = (local.hour * 3600 + local.minute * MINUTE) % tick_seconds < step_seconds
        if is_whole and EDGE_PERCENT <= percent <= 100 - EDGE_PERCENT:
            yield Tick(percent, point.at)


def _add_up(points: Sequence[PointReport], size: int) -> Iterator[Row]:
    for start in range(0, len(points), size):
        part = points[start : start + size]
        known = [point.changes for point in part if point.changes is not None]
        yield Row(
            start=part[0].at,
            changes=Changes(
                accepted=sum(changes.accepted for changes in known),
                archived=sum(changes.archived for changes in known),
                failed=sum(changes.failed for changes in known),
                damaged=sum(changes.damaged for changes in known),
            ),
            intervals=len(part),
            missing=len(part) - len(known),
        )
