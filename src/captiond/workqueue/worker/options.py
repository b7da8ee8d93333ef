"""What may be chosen of a worker."""

import math
import random
from dataclasses import dataclass, field

from captiond.workqueue.worker.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker takes messages and how long it holds on to them.

    Nothing is taken while the next queue holds `high_water` messages; `grace_seconds` bound a stop.
    """

    batch_size: int = 8
    lease_seconds: float = 30.0
    parked_check_seconds: float = 1.0
    settle_grace_seconds: float = 10.0
    handling_limit_seconds: float = math.inf
    grace_seconds: float = 25.0
    high_water: int | None = None
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def sweep_seconds(self) -> float:
        """Between two looks for expired leases; jitter keeps workers from sweeping together."""
        return self.lease_seconds / 4 * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, no secret
