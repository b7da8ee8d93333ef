"""The options of a worker, with working defaults."""

import math
import random
from dataclasses import dataclass, field

from captiond.backoff import backoff_seconds


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits of retries.

    A failure is a handler call that raised an error. A delivery whose worker crashed is not counted as a failure.
    """

    # A message is rejected after this many failures.
    max_failures: int = 5
    # A message is rejected at its next delivery after this many.
    max_deliveries: int = 10
    # From this delivery on, a message may have crashed its earlier workers.
    suspect_deliveries: int = 3
    # The delay after the first failure is at most this long.
    base_seconds: float = 1.0
    # No delay is longer.
    cap_seconds: float = 300.0

    def is_exhausted(self, deliveries: int) -> bool:
        return deliveries > self.max_deliveries

    def is_suspect(self, deliveries: int) -> bool:
        return deliveries >= self.suspect_deliveries

    def delays_seconds(self) -> list[float]:
        """Return the delay after each failure but the last, with full jitter.

        The longest delay is `base_seconds` after the first failure, and four times the previous one after each
        further failure, at most `cap_seconds`: by default 1, 4, 16 and 64 s.
        """
        failures = range(1, self.max_failures)
        return [backoff_seconds(count, self.base_seconds, self.cap_seconds, factor=4) for count in failures]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker receives messages, and its time limits."""

    batch_size: int = 8
    # Another worker gets a message whose lease was not renewed for this long.
    lease_seconds: float = 30.0
    # Time between two searches for due retries.
    delayed_check_seconds: float = 1.0
    # Time between two heartbeats during a handler call.
    heartbeat_seconds: float = 5.0
    # The heartbeat reports a longer handler call as a problem.
    slow_handler_seconds: float = 180.0
    # A longer handler call ends the process.
    handler_timeout_seconds: float = math.inf
    # A longer shutdown ends the process.
    grace_seconds: float = 25.0
    # During shutdown, a Redis command is retried for this long.
    shutdown_retry_seconds: float = 10.0
    # While the next queue holds this many messages, the worker receives none.
    high_water_mark: int | None = None
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def sweep_seconds(self) -> float:
        """Return the time until the next search for expired leases; jitter spreads the workers."""
        return self.lease_seconds / 4 * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, no secret
