"""Checks that queues, database and images directory belong to one deployment.

The id of the deployment is created by `migrate` in the database. The archiver, and `captiond migrate --adopt`, copy it
to Redis and to the images directory. An installation of an earlier version has no ids: it gets them at the first start.
In Redis the id is `Keys.deployment`. FLUSHALL deletes it, and the next start of the archiver stores it again.
"""

from captiond.archive import Archive
from captiond.workqueue.admin import Monitor
from captiond.workqueue.errors import OtherDeployment


def claim_deployment(monitor: Monitor, archive: Archive, *, adopt: bool = False) -> None:
    """Mark the images directory and Redis with the id of the database, and check their marks.

    `adopt` replaces the marks of another deployment. Raises OtherDeployment, QueueUnavailable, WrongImagesDirectory,
    ArchiveUnavailable.
    """
    archive.prepare(adopt=adopt)
    expected = str(archive.deployment_id())
    if adopt:
        monitor.set_deployment_id(expected)
    else:
        _compare(monitor.claim_deployment_id(expected), expected)


def require_one_deployment(monitor: Monitor, archive: Archive) -> None:
    """Check Redis against the database. Redis without an id passes: the archiver will mark it.

    Raises OtherDeployment, QueueUnavailable, ArchiveUnavailable.
    """
    expected = str(archive.deployment_id())
    _compare(monitor.deployment_id() or expected, expected)


def _compare(found: str, expected: str) -> None:
    if found != expected:
        raise OtherDeployment(
            f"its queues are those of deployment {found}, but the database is that of {expected}; set "
            "CAPTIOND_REDIS_URL or CAPTIOND_DATABASE_URL. If they belong together, run `captiond migrate --adopt` or "
            "`captiond up --adopt`"
        )
