"""Geometry of the charts of rates."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from captiond.services.api.bodies.operations import Changes, PeriodReport, PointReport
from captiond.services.api.web.charts import Chart, Gap, draw, round_up

START = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)


def chart(archived: Sequence[int | None], *, seconds: float = 60, failed: int = 0, zone: str = "UTC") -> Chart:
    """Draw intervals of one minute. None is a gap."""
    points = []
    for index, count in enumerate(archived):
        changes = None if count is None else Changes(accepted=count, archived=count, failed=failed, damaged=0)
        points.append(PointReport(at=START + timedelta(minutes=index), seconds=seconds, changes=changes))
    known = [count for count in archived if count is not None]
    period = PeriodReport(
        step_seconds=60,
        seconds=seconds * len(known),
        changes=Changes(accepted=sum(known), archived=sum(known), failed=failed * len(known), damaged=0),
        points=points,
    )
    return draw(period, ZoneInfo(zone), tick_seconds=600, row_seconds=300)


def test_bars_and_line_are_scaled_to_the_top_of_the_axis() -> None:
    drawn = chart([0, 5, 10, 10])

    assert (drawn.top, drawn.average, drawn.peak) == (10, 6.25, 10)
    assert drawn.peak_at == START + timedelta(minutes=2)
    assert drawn.archived == "M1.1 100V50h0.8V100zM2.1 100V0h0.8V100zM3.1 100V0h0.8V100z"
    assert drawn.accepted == "M0 100H1V50H2V0H3V0H4"
    assert drawn.failed == ""


def test_gaps_interrupt_the_line_and_are_marked() -> None:
    drawn = chart([5, None, None, 5, 5])

    assert drawn.gaps == (Gap(20, 40),)
    assert drawn.accepted == "M0 0H1M3 0H4V0H5"
    assert drawn.has_values


@pytest.mark.parametrize(("archived", "gaps"), [([1, 1, None, None], 0), ([1, None, None, None], 1), ([None, 1], 1)])
def test_last_two_intervals_wait_for_their_first_sample(archived: list[int | None], gaps: int) -> None:
    assert len(chart(archived).gaps) == gaps


def test_single_failure_is_visible_beside_many() -> None:
    drawn = chart([1000, 1], failed=1)

    assert drawn.failed_top == 1
    assert drawn.archived.startswith("M0.1 100V0h")
    assert "M1.1 100V96h" in drawn.archived


def test_short_interval_does_not_become_a_high_rate() -> None:
    assert chart([1], seconds=0.5).peak == 2
    assert chart([1], seconds=60).peak == 1


def test_ticks_are_at_whole_hours_and_minutes_of_local_time() -> None:
    assert [tick.at.minute for tick in chart([1] * 30, zone="UTC").ticks] == [40, 50]
    assert [tick.at.minute for tick in chart([1] * 30, zone="Asia/Kathmandu").ticks] == [35, 45, 55]


def test_table_has_the_sums_of_several_intervals() -> None:
    first, second, last = chart([1, 2, None, 3, 4, None, None, None, None, None, 7]).rows

    assert (first.start, first.changes.archived, first.intervals, first.missing) == (START, 10, 5, 1)
    assert (second.changes.archived, second.missing) == (0, 5)
    assert (last.changes.archived, last.intervals) == (7, 1)


def test_period_without_values_has_an_empty_chart() -> None:
    drawn = chart([None, None, None])

    assert not drawn.has_values
    assert (drawn.archived, drawn.accepted, drawn.average, drawn.top) == ("", "", 0, 1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 1), (0.03, 0.03), (0.031, 0.04), (1, 1), (1.1, 1.2), (7, 8), (9.5, 10), (100, 100), (101, 120), (5301, 6000)],
)
def test_axis_ends_at_a_round_number(value: float, expected: float) -> None:
    assert round_up(value) == expected
