"""Exponential backoff with full jitter, and a log that records an outage once at its start and once at its end."""

import logging
import random
import time

BASE_SECONDS = 0.05
CAP_SECONDS = 5.0


class Outage:
    """The availability of one dependency, as seen by one loop."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._attempts = 0
        self._since = 0.0
        self._reason = ""

    def record_failure(self, reason: str) -> float:
        """Count a failed attempt and log the first; return the seconds to wait before the next."""
        if not self._attempts:
            self._since, self._reason = time.monotonic(), reason
            self._logger.error("%s; retrying with backoff", reason)
        self._attempts += 1
        return backoff_seconds(self._attempts, BASE_SECONDS, CAP_SECONDS)

    def record_success(self) -> None:
        """End the outage, if there is one, and log its duration."""
        if self._attempts:
            seconds = time.monotonic() - self._since
            self._logger.info("recovered outage_seconds=%.1f: %s", seconds, self._reason)
        self._attempts = 0


def backoff_seconds(attempts: int, base_seconds: float, cap_seconds: float, factor: int = 2) -> float:
    """Return a delay with full jitter: uniform from 0 to base * factor^(attempts - 1), at most the cap."""
    # factor^30 exceeds any cap; the bound prevents float overflow after a week of attempts.
    ceiling = min(cap_seconds, base_seconds * factor ** min(attempts - 1, 30))
    return random.uniform(0, ceiling)  # noqa: S311 - jitter, no secret
