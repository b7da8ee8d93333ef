"""The errors that a command prints as one line. Imported when a command fails."""

from captiond.archive import ArchiveUnavailable, UnusableDatabase
from captiond.cli.errors import ERROR_STATUS, FAILED_STATUS, UsageError
from captiond.operations.export.remote import ApiUnavailable
from captiond.services.up import ConfigurationRejected, DataDirectoryInUse, ServerNotResponding
from captiond.settings import ConfigurationError
from captiond.workqueue.errors import QueueTimeout, QueueUnavailable

_REPORTED = (
    ApiUnavailable,
    ArchiveUnavailable,
    ConfigurationError,
    ConfigurationRejected,
    DataDirectoryInUse,
    QueueUnavailable,
    ServerNotResponding,
    UnusableDatabase,
    UsageError,
)


def exit_status_for(error: Exception) -> int | None:
    """Return the exit status after an error, or None if the error is a fault of the program."""
    if isinstance(error, QueueTimeout):
        return FAILED_STATUS
    return ERROR_STATUS if isinstance(error, _REPORTED) else None
