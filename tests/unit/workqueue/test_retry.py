"""Backoff delays and the retry policy."""

import math

from hypothesis import given
from hypothesis import strategies as st

from captiond.backoff import backoff_seconds
from captiond.workqueue.worker.options import RetryPolicy

ENOUGH_DRAWS = 300
attempts = st.integers(min_value=1, max_value=10**9)
seconds = st.floats(min_value=0, max_value=1e6)


@given(attempts, seconds, seconds)
def test_backoff_is_between_zero_and_the_cap(count: int, base_seconds: float, cap_seconds: float) -> None:
    assert 0 <= backoff_seconds(count, base_seconds, cap_seconds) <= cap_seconds


@given(st.integers(min_value=1, max_value=5))
def test_backoff_uses_full_jitter_below_an_exponential_ceiling(count: int) -> None:
    ceiling = 2.0 * 4 ** (count - 1)

    drawn = [backoff_seconds(count, 2.0, math.inf, factor=4) for _ in range(ENOUGH_DRAWS)]

    assert max(drawn) <= ceiling
    assert max(drawn) > ceiling * 0.8
    assert min(drawn) < ceiling * 0.2


def test_retry_delays_are_at_most_1_4_16_64_256_then_300_seconds() -> None:
    policy = RetryPolicy(max_failures=8)

    draws = [policy.delays_seconds() for _ in range(ENOUGH_DRAWS)]
    longest = [max(delays) for delays in zip(*draws, strict=True)]

    for drawn, ceiling in zip(longest, [1, 4, 16, 64, 256, 300, 300], strict=True):
        assert ceiling * 0.8 < drawn <= ceiling


def test_message_is_exhausted_after_max_deliveries() -> None:
    policy = RetryPolicy(max_deliveries=3)

    assert [policy.is_exhausted(deliveries) for deliveries in (1, 3, 4, 100)] == [False, False, True, True]
