"""Deletes expired images, and what remains of deleted ones, at regular intervals."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from captiond.archive import Actor, Archive, ArchiveUnavailable
from captiond.backoff import Outage
from captiond.operations.deletion import BATCH_IMAGES, ImageDeletion, Pruned
from captiond.operations.retention import RetentionPolicy
from captiond.operations.retention_report import RetentionReport
from captiond.periodic import PeriodicThread
from captiond.workqueue.errors import QueueUnavailable

# The API deletes rows only. Their files follow within this time.
INTERVAL_SECONDS = 2.0
# Also the time until files that cannot be deleted are tried again.
RETENTION_SECONDS = 600.0
# A batch takes less. After that, another process finishes it.
_JOIN_SECONDS = 10.0
ACTOR = Actor("retention")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retention:
    """What the archiver deletes, and at most how many images per second."""

    archive: Archive
    deletion: ImageDeletion
    policy: RetentionPolicy
    images_per_second: int


class RetentionRun:
    """One round after the other, each of which never raises. For one thread."""

    def __init__(
        self,
        retention: Retention,
        store_report: Callable[[RetentionReport], None],
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._retention = retention
        self._store_report = store_report
        self._stop = stop
        self._clock = clock
        self._undeleted: dict[UUID, str] = {}
        self._outage = Outage(logger)
        self._undeletable = Outage(logger)
        self._applied_at = float("-inf")

    def run(self) -> None:
        """Finish deletions, and apply the retention if its interval has passed."""
        try:
            is_due = self._clock() - self._applied_at >= RETENTION_SECONDS
            self._finish_deletions(retry=is_due)
            if is_due:
                self._apply()
                self._applied_at = self._clock()
            self._outage.record_success()
        except (ArchiveUnavailable, QueueUnavailable) as error:
            self._outage.record_failure(str(error))

    def _finish_deletions(self, *, retry: bool) -> None:
        """Finish all deletions but those whose files cannot be deleted, which are tried again with `retry`."""
        self._undeleted = self._retention.deletion.finish(self._stop.is_set, self._undeleted, retry=retry)
        if self._undeleted:
            count, reason = len(self._undeleted), next(iter(self._undeleted.values()))
            self._undeletable.record_failure(f"cannot delete the files of deleted images count={count}: {reason}")
        else:
            self._undeletable.record_success()

    def _apply(self) -> None:
        archive, policy = self._retention.archive, self._retention.policy
        if not policy.is_unlimited():
            batch = min(BATCH_IMAGES, self._retention.images_per_second)
            selections = policy.select(archive, datetime.now(UTC))
            pruned = Pruned()
            try:
                self._retention.deletion.prune(selections, ACTOR, pruned, self._pause, batch)
            finally:
                if pruned.images:
                    logger.info("deleted expired images count=%d bytes=%d", pruned.images, pruned.size_bytes)
        if not self._stop.is_set():
            self._store_report(RetentionReport(time.time(), archive.lifecycle.count_held(), len(self._undeleted)))

    def _pause(self, images: int) -> bool:
        return self._stop.wait(images / self._retention.images_per_second)


def run_retention(
    retention: Retention,
    store_report: Callable[[RetentionReport], None],
    stop: threading.Event,
    interval_seconds: float = INTERVAL_SECONDS,
) -> PeriodicThread:
    """Apply the retention, in a thread that ends with the context or when `stop` is set."""
    run = RetentionRun(retention, store_report, stop).run
    return PeriodicThread("retention", run, interval_seconds, at_once=True, join_seconds=_JOIN_SECONDS)
