"""The options of a worker, with working defaults."""

import math
import random
from dataclasses import dataclass, field

from captiond.backoff import backoff_seconds


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits of retries. A handler that raises causes a failure; a worker that crashes causes only a delivery."""

    max_failures: int = 5
    max_deliveries: int = 10
    suspect_deliveries: int = 3
    base_seconds: float = 1.0
    cap_seconds: float = 300.0

    def is_exhausted(self, deliveries: int) -> bool:
        """Tell whether a message was delivered more often than allowed."""
        return deliveries > self.max_deliveries

    def is_suspect(self, deliveries: int) -> bool:
        """Tell whether a message may have crashed the workers that received it before."""
        return deliveries >= self.suspect_deliveries

    def delays_seconds(self) -> list[float]:
        """Return the delay after each failure but the last: full jitter up to 1, 4, 16, 64 s."""
        failures = range(1, self.max_failures)
        return [backoff_seconds(count, self.base_seconds, self.cap_seconds, factor=4) for count in failures]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker receives and how long it waits.

    It receives nothing while the next queue holds `high_water_mark` messages. It looks for due retries every
    `delayed_check_seconds`. During a handler call it repeats its health report every `health_interval_seconds`; after
    `slow_handler_seconds` the call is a problem, and after `handler_timeout_seconds` the process ends. So does a
    shutdown that takes longer than `grace_seconds`; meanwhile a command is retried for `shutdown_retry_seconds`.
    """

    batch_size: int = 8
    lease_seconds: float = 30.0
    delayed_check_seconds: float = 1.0
    health_interval_seconds: float = 5.0
    slow_handler_seconds: float = 180.0
    handler_timeout_seconds: float = math.inf
    grace_seconds: float = 25.0
    shutdown_retry_seconds: float = 10.0
    high_water_mark: int | None = None
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def sweep_seconds(self) -> float:
        """Return the time until the next search for expired leases; jitter spreads the workers."""
        return self.lease_seconds / 4 * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, no secret
