"""Spreads refusals over time, so that a flood of requests without a valid key leaves time for the others."""

MAX_DELAY_SECONDS = 10.0


class Pace:
    """Allows a number of events per second, after a burst. Later ones wait, by at most MAX_DELAY_SECONDS.

    For one event loop. The waiting events are at most those of MAX_DELAY_SECONDS.
    """

    def __init__(self, per_second: float, burst: int) -> None:
        self._interval = 1 / per_second
        self._burst_seconds = burst / per_second
        self._next = 0.0

    def delay(self, now: float) -> float:
        """Count an event at a time in seconds. Return how long it has to wait; 0 if too many are waiting."""
        due = max(self._next, now - self._burst_seconds)
        if due - now > MAX_DELAY_SECONDS:
            return 0.0
        self._next = due + self._interval
        return max(due - now, 0.0)
