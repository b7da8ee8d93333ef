"""Prepares the archive and the queues before the archiver starts."""

import logging
import threading
from collections.abc import Callable

from captiond.archive import ArchiveUnavailable, WrongImagesDirectory
from captiond.backoff import Outage
from captiond.services.archiver.storage_check import NO_DATABASE
from captiond.workqueue.errors import OtherDeployment, QueueUnavailable

logger = logging.getLogger(__name__)


def wait_until_prepared(
    prepare: Callable[[], None],
    report_heartbeat: Callable[[str | None], None],
    report_problem: Callable[[str | None], None],
    stop: threading.Event,
) -> None:
    """Prepare; while database, images directory or Redis are unavailable, retry with backoff until `stop` is set.

    Raises WrongImagesDirectory and OtherDeployment, which a retry does not solve.
    """
    outage = Outage(logger)
    while not stop.is_set():
        try:
            prepare()
        except (WrongImagesDirectory, OtherDeployment):
            raise
        except (ArchiveUnavailable, QueueUnavailable) as error:
            report_heartbeat(str(error))
            if isinstance(error, ArchiveUnavailable):
                report_problem(error.problem or NO_DATABASE)
            stop.wait(outage.record_failure(str(error)))
        else:
            report_problem(None)
            outage.record_success()
            return
