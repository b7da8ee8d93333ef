"""Startup checks of a service that accepts images: the settings of Redis, the encoding of the database."""

from captiond.archive import Archive, ArchiveUnavailable
from captiond.settings import ConfigurationError
from captiond.workqueue import Broker
from captiond.workqueue.admin import ServerRequirements, require_safe_server
from captiond.workqueue.errors import QueueUnavailable, UnsafeServer


def reject_unsafe_server(broker: Broker, requirements: ServerRequirements) -> None:
    """Raise ConfigurationError for a server whose settings could lose accepted images.

    The producer repeats the check, so an unavailable server is accepted here.
    """
    try:
        require_safe_server(broker.monitor, requirements)
    except UnsafeServer as error:
        raise ConfigurationError(f"CAPTIOND_REDIS_URL: {error.reason}") from error
    except QueueUnavailable:
        return


def reject_unusable_database(archive: Archive) -> None:
    """Raise UnusableDatabase for an encoding that cannot store every description.

    An outdated schema is accepted, because the archiver upgrades it. So is a newer one, because during an upgrade the
    API is the last service to be replaced, and it may restart meanwhile.
    """
    try:
        archive.check_encoding()
    except ArchiveUnavailable:
        return
