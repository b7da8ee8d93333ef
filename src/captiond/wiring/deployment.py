"""Checks that Redis, database and images directory belong to one deployment."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from captiond.archive import API_LIMITS, Archive, ArchiveUnavailable, WrongImagesDirectory
from captiond.operations.deployment import claim_deployment, require_one_deployment
from captiond.settings import Settings
from captiond.wiring.archives import open_archive
from captiond.wiring.queues import open_broker
from captiond.workqueue import Broker
from captiond.workqueue.errors import OtherDeployment, QueueUnavailable

# The time that a start or a command waits for the comparison of Redis, database and images directory.
DEPLOYMENT_CHECK_SECONDS = 3.0


@contextmanager
def open_queues(settings: Settings) -> Iterator[Broker]:
    """Open the broker for a command, after a check that the queues are those of the archive.

    Raises OtherDeployment, WrongImagesDirectory, ConfigurationError.
    """
    with open_broker(settings) as broker, open_archive(settings) as archive:
        reject_other_deployment(broker, archive)
        yield broker


def adopt_deployment(settings: Settings) -> None:
    """Bind queues and images directory to the database. Raises ArchiveUnavailable, QueueUnavailable."""
    with open_archive(settings) as archive, open_broker(settings) as broker:
        claim_deployment(broker.monitor, archive, adopt=True)


def reject_other_deployment(broker: Broker, archive: Archive, *, create_directory: bool = False) -> None:
    """Raise OtherDeployment or WrongImagesDirectory. Ignores unavailable servers; readiness reports them.

    `create_directory` creates the images directory of a new archive, so that readiness does not wait for the archiver.
    """

    def check() -> None:
        archive.check_deployment(create=create_directory)
        require_one_deployment(broker.monitor, archive)

    _check_in_time(check)


def reject_other_queues(broker: Broker, settings: Settings) -> None:
    """Raise OtherDeployment if the queues are not those of the database. For a service that needs no archive.

    Ignores servers that do not answer in time, such as the default database where none is installed.
    """
    with open_archive(settings, API_LIMITS) as archive:
        _check_in_time(lambda: require_one_deployment(broker.monitor, archive))


def _check_in_time(check: Callable[[], None]) -> None:
    found: list[OtherDeployment | WrongImagesDirectory] = []

    def run() -> None:
        try:
            check()
        except (OtherDeployment, WrongImagesDirectory) as error:
            found.append(error)
        except (QueueUnavailable, ArchiveUnavailable):
            return

    thread = threading.Thread(target=run, name="deployment", daemon=True)
    thread.start()
    thread.join(DEPLOYMENT_CHECK_SECONDS)
    if found:
        raise found[0]
