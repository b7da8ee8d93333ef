"""The errors that a command prints as one line. Imported when a command fails."""

from captiond.archive import ArchiveUnavailable, UnusableDatabase
from captiond.cli.errors import ERROR_STATUS, FAILED_STATUS, UsageError
from captiond.client import CaptiondError, InvalidValue, ProblemError, Unreachable, WaitTimeout
from captiond.services.up import ConfigurationRejected, DataDirectoryInUse, ServerNotResponding
from captiond.settings import ConfigurationError
from captiond.workqueue.errors import QueueTimeout, QueueUnavailable

_REPORTED = (
    ArchiveUnavailable,
    CaptiondError,
    ConfigurationError,
    ConfigurationRejected,
    DataDirectoryInUse,
    InvalidValue,
    QueueUnavailable,
    ServerNotResponding,
    UnusableDatabase,
    UsageError,
)
# Statuses of problems with options, the API key or the host, in contrast to those of an image.
_CONFIGURATION = frozenset({400, 401, 403, 421, 422})


def exit_status_for(error: Exception) -> int | None:
    """Return the exit status after an error, or None if the error is a fault of the program."""
    if isinstance(error, QueueTimeout | WaitTimeout):
        return FAILED_STATUS
    if isinstance(error, ProblemError):
        return ERROR_STATUS if error.status in _CONFIGURATION else FAILED_STATUS
    return ERROR_STATUS if isinstance(error, _REPORTED) else None


def describe(error: Exception) -> str:
    """Return the message of an error, and for an unreachable API what to do."""
    if isinstance(error, Unreachable):
        return f"{error}; start captiond there, or set --url or CAPTIOND_API_URL"
    return str(error)
