"""Waits an outage out: says once that something is away and once that it is back."""

import logging
import random
import time

BASE_SECONDS = 0.05
CAP_SECONDS = 5.0


class Outage:
    """The state of one dependency as one loop sees it."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._tries = 0
        self._since = 0.0

    def record_failure(self, reason: str) -> float:
        """Note one more failure; return the seconds to wait before the next try."""
        if not self._tries:
            self._since = time.monotonic()
            self._logger.error("%s; waiting until it is back", reason)
        self._tries += 1
        return backoff_seconds(self._tries, BASE_SECONDS, CAP_SECONDS)

    def record_success(self) -> None:
        """Note that it works."""
        if self._tries:
            self._logger.info("back after %.1f s", time.monotonic() - self._since)
        self._tries = 0


def backoff_seconds(tries: int, base_seconds: float, cap_seconds: float, factor: int = 2) -> float:
    """Draw from full jitter: anything up to base x factor^(tries - 1), never above the cap."""
    # 2**30 steps are beyond every cap; the bound keeps a week of tries from overflowing a float.
    ceiling = min(cap_seconds, base_seconds * factor ** min(tries - 1, 30))
    return random.uniform(0, ceiling)  # noqa: S311 - jitter, no secret
