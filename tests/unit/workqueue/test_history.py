"""Rates from samples: gaps, deleted data and clocks that jump."""

from collections.abc import Mapping
from datetime import UTC, datetime

from captiond.workqueue.admin import HOUR, Period
from captiond.workqueue.admin.history import Sample, measure

NOW = 1_795_746_000  # the start of a minute
MINUTE = NOW // 60


def sample(minutes: float, **counters: int) -> Sample:
    """Return counters `minutes` before or after NOW."""
    return Sample(NOW + minutes * 60, {"created": 1, **counters})


def measure_hour(now: Sample, *samples: Sample) -> Period:
    return measure({int(each.at // 60): each for each in samples}, now, HOUR)


def changes(period: Period) -> Mapping[int, int]:
    """Return the accepted messages by minute before NOW, without gaps."""
    return {
        int((point.at - datetime.fromtimestamp(NOW, UTC)).total_seconds()) // 60: point.changes["accepted"]
        for point in period.points
        if point.changes is not None
    }


def test_each_minute_has_the_increase_since_its_sample() -> None:
    period = measure_hour(
        sample(0.5, accepted=17), sample(-2, accepted=5), sample(-1, accepted=5), sample(0, accepted=15)
    )

    assert changes(period) == {-2: 0, -1: 10, 0: 2}
    assert [point.seconds for point in period.points[-3:]] == [60, 60, 30]
    assert (len(period.points), period.seconds, period.changes["accepted"]) == (60, 150, 12)


def test_first_minute_of_the_hour_is_the_59th_before_the_current_one() -> None:
    period = measure_hour(sample(0.5), sample(-61), sample(-60), sample(-59))

    assert period.points[0].at == datetime.fromtimestamp(NOW - 59 * 60, UTC)
    assert period.points[-1].at == datetime.fromtimestamp(NOW, UTC)


def test_minute_without_a_sample_is_a_gap_whose_increase_counts_in_the_sum() -> None:
    period = measure_hour(
        sample(0.5, accepted=9), sample(-3, accepted=1), sample(-1, accepted=5), sample(0, accepted=8)
    )

    assert changes(period) == {-1: 3, 0: 1}
    assert (period.changes["accepted"], period.seconds) == (8, 210)


def test_deleted_data_are_a_gap_and_their_counters_are_not_subtracted() -> None:
    period = measure_hour(
        Sample(NOW + 30, {"created": 2, "accepted": 4}),
        sample(-2, accepted=1000),
        sample(-1, accepted=1003),
        Sample(NOW, {"created": 2, "accepted": 3}),
    )

    assert changes(period) == {-2: 3, 0: 1}
    assert period.changes["accepted"] == 4


def test_counter_that_is_lower_than_before_is_a_gap() -> None:
    period = measure_hour(sample(0.5, accepted=10), sample(-1, accepted=12), sample(0, accepted=9))

    assert changes(period) == {0: 1}


def test_counter_that_appears_increases_from_0() -> None:
    period = measure_hour(Sample(NOW + 30, {"created": 1, "accepted": 4}), Sample(NOW, {}))

    assert changes(period) == {0: 4}


def test_samples_of_the_future_are_ignored() -> None:
    period = measure_hour(
        sample(0.5, accepted=7), sample(0, accepted=5), sample(1, accepted=99), sample(600, accepted=99)
    )

    assert changes(period) == {0: 2}
    assert period.changes["accepted"] == 2


def test_clock_that_was_set_back_within_a_minute_is_a_gap() -> None:
    period = measure_hour(sample(0.25, accepted=7), sample(0.5, accepted=5))

    assert changes(period) == {}
    assert (period.changes, period.seconds) == ({}, 0)


def test_without_samples_every_minute_is_a_gap() -> None:
    period = measure_hour(sample(0.5, accepted=7))

    assert len(period.points) == 60
    assert changes(period) == {}
    assert (period.changes, period.seconds) == ({}, 0)
