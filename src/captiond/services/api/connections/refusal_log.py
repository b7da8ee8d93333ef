"""Logs refused requests and ended connections in bounded volume."""

import logging
from collections import Counter

INTERVAL_SECONDS = 10

logger = logging.getLogger(__name__)


class RefusalLog:
    """Counts refusals by reason, and logs a line per reason at most every 10 s."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._last_clients: dict[str, str] = {}
        self._next = 0.0

    def count(self, reason: str, client: tuple[str, int] | None) -> None:
        self._counts[reason] += 1
        self._last_clients[reason] = client[0] if client else "unknown"

    def write(self, now: float) -> None:
        """Log the counts since the last lines."""
        if not self._counts or now < self._next:
            return
        for reason, count in self._counts.items():
            last_client = self._last_clients[reason]
            logger.warning("refused clients reason=%s count=%d last_client=%s", reason, count, last_client)
        self._counts.clear()
        self._last_clients.clear()
        self._next = now + INTERVAL_SECONDS
