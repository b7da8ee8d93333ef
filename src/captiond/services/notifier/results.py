"""Collects the results of attempts, which a thread stores every two seconds."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from captiond.archive import ArchiveUnavailable
from captiond.archive.webhooks import Attempts
from captiond.periodic import PeriodicThread
from captiond.workqueue.errors import QueueUnavailable

INTERVAL_SECONDS = 2.0

logger = logging.getLogger(__name__)


class Results:
    """Results per webhook, and numbers per kind of result. Thread-safe. A crash loses those of the last two seconds."""

    def __init__(self, store: Callable[[Sequence[Attempts]], None], count: Callable[[Mapping[str, int]], None]) -> None:
        self._store = store
        self._count = count
        self._lock = threading.Lock()
        self._attempts: dict[UUID, Attempts] = {}
        self._kinds: Counter[str] = Counter()

    def record(self, webhook_id: UUID, kind: str, result: str) -> None:
        """Record an attempt. Its kind `delivered` is a success."""
        now = datetime.now(UTC)
        with self._lock:
            self._kinds[kind] += 1
            last = self._attempts.get(webhook_id)
            if kind == "delivered":
                self._attempts[webhook_id] = Attempts(webhook_id, now, result, now, 0)
            else:
                succeeded_at, failures = (last.succeeded_at, last.failures) if last else (None, 0)
                self._attempts[webhook_id] = Attempts(webhook_id, now, result, succeeded_at, failures + 1)

    def write(self) -> None:
        """Store what was recorded. While database or Redis are unavailable, keep it."""
        with self._lock:
            attempts, self._attempts = self._attempts, {}
            kinds, self._kinds = self._kinds, Counter()
        try:
            if attempts:
                self._store(list(attempts.values()))
            attempts = {}
            if kinds:
                self._count(kinds)
            kinds = Counter()
        except (ArchiveUnavailable, QueueUnavailable) as error:
            logger.debug("cannot store results of webhooks: %s", error)
            with self._lock:
                for webhook_id, older in attempts.items():
                    newer = self._attempts.get(webhook_id)
                    self._attempts[webhook_id] = _join(older, newer) if newer else older
                self._kinds.update(kinds)
        except Exception:
            # Kept, these results could prevent that others are stored.
            logger.exception("dropped results of webhooks that cannot be stored")


def _join(older: Attempts, newer: Attempts) -> Attempts:
    """Return both reports as one."""
    if newer.succeeded_at:
        return newer
    return replace(newer, succeeded_at=older.succeeded_at, failures=older.failures + newer.failures)


def run_results(results: Results, interval_seconds: float = INTERVAL_SECONDS) -> PeriodicThread:
    """Store the results regularly, in a thread that ends with the context."""
    return PeriodicThread("webhook results", results.write, interval_seconds, join_seconds=5.0)
