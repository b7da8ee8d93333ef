"""Counters of rejections in Redis. The API returns them as a metric, because this service has no port for HTTP."""

import logging
from collections.abc import Callable, Mapping

from captiond.operations.rejection_log import RejectionLog
from captiond.pipeline import FTP_REJECTED
from captiond.workqueue.errors import QueueUnavailable

logger = logging.getLogger(__name__)


class RejectionCounters:
    """Adds the rejections of this process to the counters of all FTP services."""

    def __init__(self, rejections: RejectionLog, count: Callable[[Mapping[str, int]], None]) -> None:
        self._rejections = rejections
        self._count = count
        self._counted: dict[str, int] = {}

    def update(self) -> None:
        """Add the rejections since the last call. After an error of Redis, the next call adds them.

        The first call adds 0 too: Prometheus sees the first rejection only if its series exists before.
        """
        totals = self._rejections.totals
        new = {
            FTP_REJECTED + reason: total - self._counted.get(reason, 0)
            for reason, total in totals.items()
            if total != self._counted.get(reason)
        }
        if not new:
            return
        try:
            self._count(new)
        except QueueUnavailable as error:
            logger.debug("rejections are not counted yet: %s", error)
        else:
            self._counted = totals
