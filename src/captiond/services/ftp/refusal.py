"""Refused uploads: the reply to the client, and a log of bounded volume."""

import logging
import time
from collections import Counter

INTERVAL_SECONDS = 10.0

logger = logging.getLogger(__name__)


class Refused(Exception):
    """An upload that is not queued. `code` is that of the reply, RFC 959 section 4.2.

    A code of 4xx asks the client to send the file again, one of 5xx does not.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code


class RefusalLog:
    """Logs one warning per code and 10 s. It counts the others."""

    def __init__(self) -> None:
        self._next: dict[int, float] = {}
        self._omitted: Counter[int] = Counter()

    def warn(self, refused: Refused, client: str, user: str, path: str) -> None:
        """Log a refusal with its source, or count it."""
        now = time.monotonic()
        if now < self._next.get(refused.code, 0):
            self._omitted[refused.code] += 1
            return
        omitted = self._omitted.pop(refused.code, 0)
        logger.warning(
            "refused client=%s user=%r path=%r omitted=%d reply=%r", client, user, path, omitted, str(refused)
        )
        self._next[refused.code] = now + INTERVAL_SECONDS
